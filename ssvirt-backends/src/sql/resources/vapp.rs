use jiff::Timestamp;
use ssvirt_core::model::{VApp, VAppNetwork};

use super::identity;
use crate::sql::{
    driver::Val,
    record::{Children, Record},
};

impl Record for VApp {
    const TABLE: &'static str = "vapps";
    const COLUMNS: &'static [&'static str] =
        &["org_id", "vdc_id", "owner_id", "name", "description", "phase", "created", "modified"];
    const CHILDREN: &'static [Children] = &[Children {
        table: "vapp_networks",
        parent: "vapp_id",
        columns: &[
            "id",
            "name",
            "parent_id",
            "link_type",
            "gateway",
            "netmask",
            "prefix",
            "dns1",
            "dns2",
            "dns_suffix",
            "inherited",
        ],
    }];

    identity!(named);

    fn project(&self) -> Vec<Val> {
        vec![
            Val::text(self.org),
            Val::text(self.vdc),
            Val::text(self.owner),
            Val::text(&self.name),
            Val::text(&self.description),
            Val::text(self.phase.name()),
            Val::Int(self.created.as_millisecond()),
            Val::Int(self.modified.unwrap_or(self.created).as_millisecond()),
        ]
    }

    fn touch(&mut self, now: Timestamp) {
        self.modified = Some(now);
    }

    fn children(&self) -> Vec<Vec<Vec<Val>>> {
        vec![self.networks.iter().map(network).collect()]
    }
}

fn network(network: &VAppNetwork) -> Vec<Val> {
    // Records show one address space; so far no network has more.
    let scope = network.scopes.first();
    vec![
        Val::text(network.id),
        Val::text(&network.name),
        Val::opt(network.parent),
        Val::Int(network.fence_mode.link_type()),
        Val::opt(scope.map(|scope| scope.gateway)),
        Val::opt(scope.map(|scope| scope.netmask())),
        Val::OptInt(scope.map(|scope| scope.prefix.into())),
        Val::opt(scope.and_then(|scope| scope.dns1.as_ref())),
        Val::opt(scope.and_then(|scope| scope.dns2.as_ref())),
        Val::opt(scope.and_then(|scope| scope.dns_suffix.as_ref())),
        Val::Bool(scope.is_some_and(|scope| scope.inherited)),
    ]
}
