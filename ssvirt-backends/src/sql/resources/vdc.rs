use ssvirt_core::model::{ComputePolicy, ProviderVdc, StorageProfile, Vdc};

use super::identity;
use crate::sql::{driver::Val, record::Record};

impl Record for ProviderVdc {
    const TABLE: &'static str = "provider_vdcs";
    const COLUMNS: &'static [&'static str] = &["name"];

    identity!(named);

    fn project(&self) -> Vec<Val> {
        vec![Val::text(&self.name)]
    }
}

impl Record for Vdc {
    const TABLE: &'static str = "vdcs";
    const COLUMNS: &'static [&'static str] = &[
        "org_id",
        "provider_id",
        "name",
        "description",
        "enabled",
        "cpu_limit_mhz",
        "memory_limit_mib",
        "vcpu_mhz",
    ];

    identity!(named);

    fn project(&self) -> Vec<Val> {
        vec![
            Val::text(self.org),
            Val::text(self.provider),
            Val::text(&self.name),
            Val::text(&self.description),
            Val::Bool(self.enabled),
            Val::Int(self.cpu_limit_mhz),
            Val::Int(self.memory_limit_mib),
            Val::Int(self.vcpu_mhz),
        ]
    }
}

impl Record for StorageProfile {
    const TABLE: &'static str = "storage_profiles";
    const COLUMNS: &'static [&'static str] =
        &["vdc_id", "org_id", "name", "is_default", "enabled", "limit_mib"];

    identity!(named);

    fn project(&self) -> Vec<Val> {
        vec![
            Val::text(self.vdc),
            Val::text(self.org),
            Val::text(&self.name),
            Val::Bool(self.default),
            Val::Bool(self.enabled),
            Val::Int(self.limit_mib),
        ]
    }
}

impl Record for ComputePolicy {
    const TABLE: &'static str = "compute_policies";
    const COLUMNS: &'static [&'static str] = &["name"];

    identity!(named);

    fn project(&self) -> Vec<Val> {
        vec![Val::text(&self.name)]
    }
}
