use ssvirt_core::model::{IpRange, Network};

use super::identity;
use crate::sql::{driver::Val, record::Record};

impl Record for Network {
    const TABLE: &'static str = "networks";
    const COLUMNS: &'static [&'static str] = &[
        "org_id",
        "vdc_id",
        "name",
        "link_type",
        "gateway",
        "netmask",
        "prefix",
        "dns1",
        "dns2",
        "dns_suffix",
        "inherited",
        "shared",
        "total_ips",
    ];

    identity!(named);

    fn project(&self) -> Vec<Val> {
        vec![
            Val::text(self.org),
            Val::text(self.vdc),
            Val::text(&self.name),
            Val::Int(self.fence_mode.link_type()),
            Val::text(self.scope.gateway),
            Val::text(self.scope.netmask()),
            Val::Int(self.scope.prefix.into()),
            Val::opt(self.scope.dns1.as_ref()),
            Val::opt(self.scope.dns2.as_ref()),
            Val::opt(self.scope.dns_suffix.as_ref()),
            Val::Bool(self.scope.inherited),
            Val::Bool(self.shared),
            Val::Int(self.scope.ranges.iter().map(size).sum()),
        ]
    }
}

/// How many addresses a range has; counted, not listed.
fn size(range: &IpRange) -> i64 {
    (i64::from(u32::from(range.end)) - i64::from(u32::from(range.start)) + 1).max(0)
}
