//! What a VM that runs takes at once, what waits for its restart, and what is refused.

use std::time::Duration;

use ssvirt_backends::kubevirt::resources::{VirtualMachine, vm::RunStrategy};
use ssvirt_core::{
    ErrorKind, VmBackend as _,
    backend::{PowerAction, VmPlan},
    model::{Firmware, PowerState, VmSpec},
};
use ssvirt_fixtures::specs;

use super::{scene::until, troubles::Scene, vms::disk};

const SOON: Duration = Duration::from_secs(60);

/// With one more NIC, on a network.
fn with_nic(spec: VmSpec, mac: &str) -> VmSpec {
    let mut spec = specs::with_nic(spec, mac);
    for nic in &mut spec.nics {
        (nic.network, nic.connected) = (Some("net".to_owned()), true);
    }
    spec
}

async fn running(scene: &Scene, cpus: i32, memory_mib: i64) -> VmPlan {
    let spec =
        VmSpec { cpus, memory_mib, cpu_hot_add: true, memory_hot_add: true, ..VmSpec::default() };
    let plan = scene.plan("web", with_nic(spec, "00:50:56:00:00:01"));
    scene.backend.create_vm(&plan).await.unwrap();
    let state = scene.backend.power_vm(plan.target, PowerAction::On).await.unwrap();
    assert!(!state.restart_required);
    plan
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nic_comes_at_once_and_a_disk_with_the_next_start() {
    let Some(scene) = Scene::new("hot", |_| {}).await else { return };
    let mut plan = running(&scene, 1, 512).await;
    plan.spec = with_nic(plan.spec, "00:50:56:00:00:02");
    scene.backend.change_vm(&plan).await.unwrap();
    let seen = async || scene.backend.vm(plan.target).await.unwrap().unwrap();
    until("the new NIC", SOON, async || seen().await.nics.iter().any(|nic| nic.index == 1)).await;
    assert!(!seen().await.restart_required);

    let mut with_disk = plan.clone();
    with_disk.spec.disks.push(disk(0));
    scene.backend.change_vm(&with_disk).await.unwrap();
    until("the need of a restart", SOON, async || seen().await.restart_required).await;
    assert_eq!(seen().await.power, PowerState::On);
    let mut larger = with_disk.clone();
    larger.spec.cpus = 2;
    let error = scene.backend.change_vm(&larger).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState, "{}", error.message());
    scene.backend.power_vm(plan.target, PowerAction::Off).await.unwrap();
    let state = scene.backend.power_vm(plan.target, PowerAction::On).await.unwrap();
    assert!(!state.restart_required);
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
}

/// Also of what it was created with, nothing stays that its plan does not have any more.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_turned_off_is_off() {
    let Some(scene) = Scene::new("off", |_| {}).await else { return };
    let mut spec = VmSpec { firmware: Firmware::Efi, ..VmSpec::default() };
    spec.boot.efi_secure_boot = true;
    let mut plan = scene.plan("web", spec);
    scene.backend.create_vm(&plan).await.unwrap();
    let before = scene.machine(&plan).await;
    let domain = |vm: &VirtualMachine| vm.spec.template.spec.domain.clone();
    assert!(domain(&before).features.unwrap().smm.is_some());
    plan.spec.boot.efi_secure_boot = false;
    plan.spec.cpu_hot_add = true;
    // Whether it runs is nothing that is changed with it.
    for _ in 0..2 {
        scene.backend.change_vm(&plan).await.unwrap();
        let after = scene.machine(&plan).await;
        assert_eq!(domain(&after).features.unwrap().smm, None);
        assert_eq!(domain(&after).cpu.unwrap().max_sockets, None);
        assert_eq!(domain(&after).machine, domain(&before).machine);
        assert_eq!(after.spec.run_strategy, Some(RunStrategy::Halted));
    }
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_that_does_not_fit_changes_nothing() {
    let Some(scene) = Scene::new("fits", |place| {
        (place.cpu_limit_mhz, place.memory_limit_mib) = (8_000, 8_192);
    })
    .await
    else {
        return;
    };
    let plan = running(&scene, 8, 8_192).await;
    let before = scene.machine(&plan).await.metadata.generation;
    for (cpus, memory_mib, kind) in [
        // More than it was started with places for.
        (33, 8_192, ErrorKind::InvalidState),
        (8, 8_193, ErrorKind::InvalidState),
        // More than the quota has room for, with the guest there twice while it moves.
        (16, 8_192, ErrorKind::LimitExceeded),
        (8, 16_384, ErrorKind::LimitExceeded),
    ] {
        let mut larger = plan.clone();
        (larger.spec.cpus, larger.spec.memory_mib) = (cpus, memory_mib);
        let error = scene.backend.change_vm(&larger).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{cpus} {memory_mib}: {}", error.message());
    }
    assert_eq!(scene.machine(&plan).await.metadata.generation, before);
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
}
