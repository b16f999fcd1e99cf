//! Metadata, and the sums that limits are checked against.

use std::net::Ipv4Addr;

use ssvirt_core::{
    TenancyStore,
    model::{
        MetadataDomain, MetadataEntry, MetadataType, MetadataValue, PowerState, VApp, Visibility,
        Vm,
    },
    store::VdcUsage,
};

use super::scene::{self, begin, id, read};

pub(super) fn entry(
    domain: MetadataDomain,
    key: &str,
    kind: MetadataType,
    text: &str,
) -> MetadataEntry {
    MetadataEntry {
        domain,
        key: key.to_owned(),
        value: MetadataValue { kind, text: text.to_owned() },
        visibility: Visibility::ReadWrite,
    }
}

/// Entries are kept by object, domain and key, replaced and removed.
pub async fn metadata_is_kept_by_domain_and_key(store: &dyn TenancyStore) {
    use MetadataDomain::{General, System};
    let (vm, vapp) = (id::<Vm>().any(), id::<VApp>().any());
    let entries = [
        entry(General, "a", MetadataType::String, "x"),
        entry(General, "b", MetadataType::Number, "-1.5"),
        entry(General, "c", MetadataType::Boolean, "true"),
        entry(General, "d", MetadataType::DateTime, "2026-01-02T03:04:05Z"),
        MetadataEntry {
            visibility: Visibility::Private,
            ..entry(System, "a", MetadataType::String, "")
        },
    ];
    let mut tx = begin(store).await;
    for entry in entries.iter().rev() {
        tx.put_metadata(vm, entry).await.unwrap();
    }
    tx.put_metadata(vapp, &entries[0]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(read(store).await.metadata(vm).await.unwrap(), entries);

    let mut tx = begin(store).await;
    let replaced = entry(General, "b", MetadataType::String, "y");
    tx.put_metadata(vm, &replaced).await.unwrap();
    assert!(tx.delete_metadata(vm, General, "a").await.unwrap());
    assert!(!tx.delete_metadata(vm, General, "a").await.unwrap());
    let left = tx.metadata(vm).await.unwrap();
    assert_eq!(left.len(), 4);
    assert_eq!(left[0], replaced);
    tx.clear_metadata(vm).await.unwrap();
    assert_eq!(tx.metadata(vm).await.unwrap(), []);
    assert_eq!(tx.metadata(vapp).await.unwrap().len(), 1, "another object's");
}

/// What is in use of a VDC: CPU and memory of deployed VMs, disks of all.
pub async fn vdc_usage_counts(store: &dyn TenancyStore) {
    let mut w = scene::World::new(store).await;
    let mut tx = begin(store).await;
    assert_eq!(tx.vdc_usage(id()).await.unwrap(), VdcUsage::default());
    let expected = VdcUsage {
        vapps: 2,
        vms: 2,
        running_vms: 1,
        cpus: 4,
        memory_mib: 4096,
        storage_mib: 10_240 + 1024 + 2048,
        nics: 2,
    };
    assert_eq!(tx.vdc_usage(w.vdc.id).await.unwrap(), expected);
    // Off, but deployed: it still holds its CPU and memory.
    w.web1.state.power = PowerState::Off;
    tx.update(&mut w.web1).await.unwrap();
    assert_eq!(tx.vdc_usage(w.vdc.id).await.unwrap(), VdcUsage { running_vms: 0, ..expected });
    w.web1.deployed = false;
    tx.update(&mut w.web1).await.unwrap();
    let stopped = VdcUsage { running_vms: 0, cpus: 0, memory_mib: 0, ..expected };
    assert_eq!(tx.vdc_usage(w.vdc.id).await.unwrap(), stopped);
}

/// Disks count to their storage profile, or else to their VM's.
pub async fn storage_usage_by_profile(store: &dyn TenancyStore) {
    let w = scene::World::new(store).await;
    let fast = scene::profile(&w.vdc, "fast");
    let mut tx = begin(store).await;
    tx.insert(&fast).await.unwrap();
    assert_eq!(tx.storage_usage(w.standard.id).await.unwrap(), 10_240 + 1024);
    assert_eq!(tx.storage_usage(fast.id).await.unwrap(), 0);
    let mut vm = w.web1.clone();
    vm.spec.disks[1].storage_profile = Some(fast.id);
    tx.update(&mut vm).await.unwrap();
    assert_eq!(tx.storage_usage(w.standard.id).await.unwrap(), 10_240);
    assert_eq!(tx.storage_usage(fast.id).await.unwrap(), 1024);
}

/// The addresses of a network that NICs hold, of whatever VM.
pub async fn addresses_in_use(store: &dyn TenancyStore) {
    let w = scene::World::new(store).await;
    let mut tx = begin(store).await;
    let mut vm = w.foreign_vm.clone();
    let other = Ipv4Addr::new(192, 168, 100, 9);
    vm.spec.nics = vec![
        scene::nic(0, "x", Some(w.network.id), Some(other)),
        scene::nic(1, "x", Some(w.network.id), None),
        scene::nic(2, "x", Some(w.network.id), Some(other)),
    ];
    tx.update(&mut vm).await.unwrap();
    let mut used = tx.used_addresses(w.network.id).await.unwrap();
    used.sort_unstable();
    assert_eq!(used, [other, other, Ipv4Addr::new(192, 168, 100, 10)], "one for each NIC");
    assert_eq!(tx.used_addresses(id()).await.unwrap(), [Ipv4Addr::LOCALHOST; 0]);
}
