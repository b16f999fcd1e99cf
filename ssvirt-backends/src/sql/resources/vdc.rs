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
        "allocation_model",
        "cpu_allocated_mhz",
        "memory_allocated_mib",
        "nic_quota",
        "network_quota",
        "vm_quota",
        "thin_provision",
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
            Val::text(self.allocation_model.name()),
            Val::Int(self.cpu_allocated()),
            Val::Int(self.memory_allocated()),
            Val::Int(self.nic_quota.into()),
            Val::Int(self.network_quota.into()),
            Val::Int(self.vm_quota.into()),
            Val::Bool(self.thin_provision),
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
