//! A whole cloud in one call.

use std::sync::Arc;

use ssvirt_core::{
    Cloud, Result,
    catalog::{SourceItem, SourceVm},
    env::SystemClock,
    model::{DiskAdapter, DiskSpec, ProviderVdc, VmSpec},
};

use super::{FixedCatalog, Simulator};
use crate::sql::SqlStore;

/// A started cloud with all three traits and no files: SQLite in memory, the simulator, and a catalog
/// source that offers the templates `small` (1 VM) and `two-tier` (2 VMs). For trying things out, and for
/// tests of services that embed a cloud; it is gone with its last clone. Needs the features `memory` and
/// `sqlite`. `examples/embed.rs` drives one.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> ssvirt_core::Result<()> {
/// let cloud = ssvirt_backends::memory::cloud().await?;
/// let orgs = cloud.orgs(&ssvirt_core::service::Caller::system()).await?;
/// assert_eq!(orgs[0].name, "System");
/// # Ok(()) }
/// ```
///
/// # Errors
/// `Unavailable`, in theory.
pub async fn cloud() -> Result<Cloud> {
    let store = SqlStore::memory().await?;
    let simulator = Simulator::builder(Arc::new(SystemClock)).build();
    let templates = FixedCatalog::new([item("small", &["vm"]), item("two-tier", &["web", "db"])]);
    let cloud = Cloud::builder(Arc::new(store))
        .backend(ProviderVdc::DEFAULT, Arc::new(simulator))
        .source(ProviderVdc::DEFAULT, Arc::new(templates))
        .build();
    cloud.start().await?;
    Ok(cloud)
}

fn item(name: &str, vms: &[&str]) -> SourceItem {
    let vm = |name: &&str| SourceVm {
        name: (*name).to_owned(),
        spec: VmSpec {
            os_type: "otherLinux64Guest".to_owned(),
            cpus: 1,
            memory_mib: 512,
            disks: vec![DiskSpec {
                id: DiskSpec::device_key(DiskAdapter::Paravirtual, 0, 0),
                size_mib: 1024,
                adapter: DiskAdapter::Paravirtual,
                bus: 0,
                unit: 0,
                storage_profile: None,
            }],
            ..VmSpec::default()
        },
        ..SourceVm::default()
    };
    SourceItem {
        external_id: name.to_owned(),
        name: name.to_owned(),
        vms: vms.iter().map(vm).collect(),
        ..SourceItem::default()
    }
}
