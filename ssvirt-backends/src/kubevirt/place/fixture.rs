//! A place and options for tests.

use ssvirt_core::{
    Id,
    backend::Place,
    model::{Org, Vdc},
};
use uuid::Uuid;

use super::PlaceOptions;

/// With these limits.
pub fn place(cpu_limit_mhz: i64, vcpu_mhz: i64, memory_limit_mib: i64) -> Place {
    Place {
        vdc: Id::<Vdc>::new(Uuid::from_u128(1)),
        vdc_name: "acme-vdc".to_owned(),
        org: Id::<Org>::new(Uuid::from_u128(2)),
        org_name: "acme".to_owned(),
        org_full_name: "ACME Inc.".to_owned(),
        org_description: String::new(),
        vdc_description: String::new(),
        cpu_limit_mhz,
        vcpu_mhz,
        memory_limit_mib,
        vm_quota: 0,
        storage: Vec::new(),
    }
}

/// Without anything for what runs beside VMs.
pub fn bare() -> PlaceOptions {
    PlaceOptions { pod_cpu_millis: 0, pod_memory_mib: 0, ..PlaceOptions::default() }
}
