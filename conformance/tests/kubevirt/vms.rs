//! VMs and what is made for them.

use std::time::Duration;

use kube::{Api, ResourceExt as _, api::ListParams};
use ssvirt_backends::kubevirt::{
    KubeVirt, labels,
    place::{PlaceOptions, Places},
    resources::DataVolume,
};
use ssvirt_core::{
    Id, VmBackend as _,
    backend::{PowerAction, VmPlan, VmRef},
    env::{IdSource as _, RandomIds},
    model::{DiskAdapter, DiskSpec, Firmware, IpMode, PowerState, VmSpec},
};
use ssvirt_fixtures::specs::with_nic;
use ssvirt_kube_bed::shared;

pub fn disk(unit: i32) -> DiskSpec {
    let adapter = DiskAdapter::Paravirtual;
    let id = DiskSpec::device_key(adapter, 0, unit);
    DiskSpec { id, size_mib: 1024, adapter, bus: 0, unit, storage_profile: None }
}

/// A disk that is added while a VM is off has its volume when it starts; no volume outlives its VM.
#[tokio::test(flavor = "multi_thread")]
async fn disks_come_and_go_with_their_vm() {
    if shared::node().await.is_none() {
        return;
    }
    let client = shared::client().await.unwrap();
    let backend = KubeVirt::new(client.clone(), PlaceOptions::default());
    let place = super::places::place("disks", "vdc");
    backend.ensure_place(&place).await.unwrap();
    let found = Places::new(client.clone(), PlaceOptions::default()).find(place.vdc).await.unwrap();
    let volumes: Api<DataVolume> = Api::namespaced(client, &found.unwrap());
    let names = async || {
        let listed = volumes.list(&ListParams::default().labels(labels::VM_ID)).await.unwrap();
        listed.items.iter().map(|volume| volume.name_any()).collect::<Vec<_>>()
    };

    let target = VmRef { vm: Id::new(RandomIds.uuid()), vdc: place.vdc };
    let mut plan = VmPlan {
        target,
        vapp: Id::new(RandomIds.uuid()),
        name: "web".to_owned(),
        spec: VmSpec { disks: vec![disk(0)], ..VmSpec::default() },
        products: Vec::new(),
    };
    backend.create_vm(&plan).await.unwrap();
    plan.spec.disks.push(disk(1));
    let state = backend.change_vm(&plan).await.unwrap();
    assert_eq!(state.power, PowerState::Off);
    let state = backend.power_vm(target, PowerAction::On).await.unwrap();
    assert_eq!(state.power, PowerState::On);
    let part = &target.vm.uuid().simple().to_string()[..8];
    let expected = ["2000", "2001"].map(|id| format!("web-{part}-disk-{id}"));
    assert_eq!(names().await, expected);

    backend.delete_vm(target).await.unwrap();
    for _ in 0..300 {
        if names().await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(names().await.is_empty());
    backend.remove_place(place.vdc).await.unwrap();
}

/// What a VM was made with, and has no more, is gone: also the last disk and NIC, and the other firmware.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_vm_has_no_more_is_gone() {
    let Some(scene) = super::troubles::Scene::new("less", |_| {}).await else { return };
    let spec = VmSpec { disks: vec![disk(0)], ..VmSpec::default() };
    let mut spec = with_nic(spec, "02:00:00:00:00:01");
    (spec.nics[0].network, spec.nics[0].mode) = (Some("net".to_owned()), IpMode::Dhcp);
    let mut plan = scene.plan("web", spec);
    scene.backend.create_vm(&plan).await.unwrap();
    plan.spec = VmSpec { firmware: Firmware::Efi, cpu_hot_add: true, ..VmSpec::default() };
    scene.backend.change_vm(&plan).await.unwrap();
    let spec = scene.machine(&plan).await.spec;
    assert!(spec.data_volume_templates.is_empty(), "{:?}", spec.data_volume_templates);
    let spec = spec.template.spec;
    assert!(spec.volumes.is_empty() && spec.networks.is_empty(), "{spec:?}");
    let devices = &spec.domain.devices;
    assert!(devices.disks.is_empty() && devices.interfaces.is_empty(), "{devices:?}");
    let bootloader = spec.domain.firmware.and_then(|firmware| firmware.bootloader).unwrap();
    assert!(bootloader.bios.is_none() && bootloader.efi.is_some(), "{bootloader:?}");
    assert_eq!(spec.domain.cpu.unwrap().max_sockets, None);
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
}
