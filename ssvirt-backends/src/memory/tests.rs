//! What the simulator does beyond `suite::backend`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use ssvirt_core::{
    ErrorKind, Id, VmBackend,
    backend::{KnownVm, Place, PowerAction, VmEvent, VmPlan, VmRef},
    env::ManualClock,
    model::{IpMode, NicSpec, PowerState, Vdc, VmSpec, VmState},
};
use uuid::Uuid;

use super::{Fault, Simulator};

pub(super) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH))
}

pub(super) fn place(n: u128) -> Place {
    Place {
        vdc: Id::new(Uuid::from_u128(n)),
        vdc_name: format!("vdc-{n}"),
        org: Id::new(Uuid::from_u128(1)),
        org_name: "org".to_owned(),
        org_full_name: String::new(),
        org_description: String::new(),
        vdc_description: String::new(),
        cpu_limit_mhz: 0,
        vcpu_mhz: 1000,
        memory_limit_mib: 0,
        vm_quota: 0,
        storage: Vec::new(),
    }
}

fn nic(index: i32, mode: IpMode, connected: bool) -> NicSpec {
    let ip = (mode == IpMode::Pool).then(|| [10, 0, 0, 5].into());
    let (network, mac) = (Some("net".to_owned()), String::new());
    NicSpec {
        index,
        network,
        parent: None,
        connected,
        mode,
        ip,
        mac,
        adapter: "VMXNET3".to_owned(),
    }
}

pub(super) fn plan(vdc: Id<Vdc>, n: u128) -> VmPlan {
    let nics = vec![
        nic(0, IpMode::Pool, true),
        nic(1, IpMode::Dhcp, true),
        nic(2, IpMode::Dhcp, false),
        nic(3, IpMode::None, true),
    ];
    VmPlan {
        target: VmRef { vm: Id::new(Uuid::from_u128(n)), vdc },
        vapp: Id::new(Uuid::from_u128(2)),
        name: format!("web-{n}"),
        spec: VmSpec { os_type: "ubuntu64Guest".to_owned(), nics, ..VmSpec::default() },
        products: Vec::new(),
    }
}

/// A simulator with one place and one VM.
async fn with_vm(simulator: Simulator) -> (Simulator, VmPlan) {
    let place = place(100);
    simulator.start(Vec::new()).await.unwrap();
    simulator.ensure_place(&place).await.unwrap();
    let plan = plan(place.vdc, 1);
    simulator.create_vm(&plan).await.unwrap();
    (simulator, plan)
}

fn addresses(state: &VmState) -> Vec<bool> {
    state.nics.iter().map(|nic| nic.ip.is_some()).collect()
}

/// A folder of its own for a test; it goes with the value.
pub(crate) struct Folder(pub PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ssvirt-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_guest_boots_by_the_clock() {
    let clock = clock();
    let simulator = Simulator::builder(clock.clone()).boot_time(Duration::from_secs(30)).build();
    let (simulator, plan) = with_vm(simulator).await;
    let mut events = simulator.watch();

    let state = simulator.power_vm(plan.target, PowerAction::On).await.unwrap();
    assert_eq!((state.power, addresses(&state)), (PowerState::On, vec![false; 4]));
    assert_eq!((state.guest_os, state.tools_version), (None, None));
    assert!(matches!(events.next().await, Some(VmEvent::Seen(..))));

    clock.advance(Duration::from_secs(29));
    simulator.settle();
    assert!(events.next().now_or_never().is_none(), "it is not up yet");
    clock.advance(Duration::from_secs(1));
    simulator.settle();
    let Some(Some(VmEvent::Seen(_, state))) = events.next().now_or_never() else {
        panic!("no event")
    };
    assert_eq!(addresses(&state), [true, true, false, false]);
    assert_eq!(state.nics[0].ip, Some([10, 0, 0, 5].into()));
    assert!(state.nics[1].ip.unwrap().to_string().starts_with("192.168."));
    assert_eq!(state.guest_os.as_deref(), Some("Ubuntu Linux (64-bit)"));
    assert_eq!(state.tools_version.as_deref(), Some("12389"));
    assert_eq!(simulator.vm(plan.target).await.unwrap(), Some(state));

    let state = simulator.power_vm(plan.target, PowerAction::Reset).await.unwrap();
    assert_eq!(addresses(&state), [false; 4], "a reset boots again");
    let state = simulator.power_vm(plan.target, PowerAction::Off).await.unwrap();
    assert_eq!(addresses(&state), [false; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_comes_before_the_effect() {
    let simulator =
        Simulator::builder(clock()).delay_of("power_vm", Duration::from_secs(5)).build();
    let (simulator, plan) = with_vm(simulator).await;
    let began = tokio::time::Instant::now();
    let power = simulator.power_vm(plan.target, PowerAction::On);
    assert!(tokio::time::timeout(Duration::from_secs(4), power).await.is_err());
    assert_eq!(simulator.vm(plan.target).await.unwrap().unwrap().power, PowerState::Off);
    simulator.power_vm(plan.target, PowerAction::On).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(9));
}

#[tokio::test]
async fn capacity_runs_out_and_comes_back() {
    let simulator = Simulator::builder(clock()).capacity_vcpus(3).capacity_memory_mib(4096).build();
    let (simulator, mut first) = with_vm(simulator).await;
    first.spec.cpus = 2;
    first.spec.cpu_hot_add = true;
    simulator.change_vm(&first).await.unwrap();
    let mut second = plan(first.target.vdc, 2);
    second.spec.cpus = 2;
    simulator.create_vm(&second).await.unwrap();

    simulator.power_vm(first.target, PowerAction::On).await.unwrap();
    simulator.power_vm(first.target, PowerAction::Reset).await.unwrap();
    let error = simulator.power_vm(second.target, PowerAction::On).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.message().contains("2 of 3 are in use"), "{error}");
    first.spec.cpus = 4;
    assert_eq!(simulator.change_vm(&first).await.unwrap_err().kind(), ErrorKind::LimitExceeded);
    simulator.power_vm(first.target, PowerAction::Suspend).await.unwrap();
    simulator.power_vm(second.target, PowerAction::On).await.unwrap();
    let resumed = simulator.power_vm(first.target, PowerAction::On).await;
    assert_eq!(resumed.unwrap_err().kind(), ErrorKind::LimitExceeded);
    simulator.power_vm(second.target, PowerAction::Off).await.unwrap();
    simulator.power_vm(first.target, PowerAction::On).await.unwrap();
}

#[tokio::test]
async fn faults_strike_by_operation_and_name() {
    let (simulator, plan) = with_vm(Simulator::builder(clock()).build()).await;
    simulator.faults().add(Fault::on("power_vm").about("db-*"));
    simulator.power_vm(plan.target, PowerAction::On).await.unwrap();
    simulator.faults().add(Fault::on("power_vm").about("web-*").times(1));
    assert!(simulator.power_vm(plan.target, PowerAction::Off).await.unwrap_err().is_retriable());
    simulator.power_vm(plan.target, PowerAction::Off).await.unwrap();

    simulator.faults().add(Fault::on("delete_vm").permanent().lost_answer());
    assert_eq!(simulator.delete_vm(plan.target).await.unwrap_err().kind(), ErrorKind::Internal);
    assert!(simulator.is_empty(), "only the answer was lost");
    assert_eq!(simulator.faults().struck(), 2);
    simulator.faults().clear();
    simulator.health().await.unwrap();
}

#[tokio::test]
async fn vms_can_be_lost_and_crash() {
    let (simulator, plan) = with_vm(Simulator::builder(clock()).build()).await;
    let mut events = simulator.watch();
    assert!(!simulator.crash_vm(plan.target.vm).unwrap(), "it does not run");
    simulator.power_vm(plan.target, PowerAction::On).await.unwrap();
    assert!(simulator.crash_vm(plan.target.vm).unwrap());
    assert!(simulator.lose_vm(plan.target.vm).unwrap());
    assert!(!simulator.lose_vm(plan.target.vm).unwrap(), "it is lost already");

    simulator.stop().await;
    let seen: Vec<_> = events
        .by_ref()
        .map(|event| match event {
            VmEvent::Seen(_, state) => Some(state.power),
            VmEvent::Gone(_) => None,
        })
        .collect()
        .await;
    assert_eq!(
        seen,
        [Some(PowerState::On), Some(PowerState::Off), None],
        "and the stream ends with stop"
    );

    // What is gone does not run, but cannot be started either.
    let off = simulator.power_vm(plan.target, PowerAction::Off).await.unwrap();
    assert_eq!(off.power, PowerState::Lost);
    let on = simulator.power_vm(plan.target, PowerAction::On).await.unwrap_err();
    assert_eq!(on.kind(), ErrorKind::InvalidState);
}

#[tokio::test]
async fn a_vm_needs_a_place() {
    let simulator = Simulator::builder(clock()).build();
    let plan = plan(place(100).vdc, 1);
    assert_eq!(simulator.create_vm(&plan).await.unwrap_err().kind(), ErrorKind::InvalidState);
    // Known VMs bring their places along.
    let state = VmState { power: PowerState::On, ..VmState::default() };
    simulator.start(vec![KnownVm { plan, state }]).await.unwrap();
    simulator.create_vm(&super::tests::plan(place(100).vdc, 2)).await.unwrap();
    assert_eq!(simulator.vm_ids().len(), 2);
}

#[tokio::test]
async fn lost_vms_stay_lost_and_leases_stay() {
    let (old, vm) = with_vm(Simulator::builder(clock()).build()).await;
    let mut state = old.power_vm(vm.target, PowerAction::On).await.unwrap();
    state.nics[1].ip = Some([192, 168, 200, 201].into());
    let lost = KnownVm {
        plan: plan(vm.target.vdc, 2),
        state: VmState { power: PowerState::Lost, ..VmState::default() },
    };
    let new = Simulator::builder(clock()).boot_time(Duration::from_secs(30)).build();
    new.start(vec![KnownVm { plan: vm.clone(), state: state.clone() }, lost]).await.unwrap();
    assert_eq!(new.vm_ids(), [vm.target.vm]);
    assert_eq!(
        new.vm(vm.target).await.unwrap(),
        Some(state),
        "it was up, so it does not boot again"
    );
}

#[tokio::test]
async fn the_world_file_outlives_the_simulator_and_the_store() {
    let folder = Folder::new("outlives");
    let file = folder.0.join("world");
    let make = || Simulator::builder(clock()).world_file(&file).build();
    let (first, plan) = with_vm(make()).await;
    let state = first.power_vm(plan.target, PowerAction::On).await.unwrap();
    drop(first);

    let second = make();
    second.start(Vec::new()).await.unwrap();
    assert_eq!(second.vm(plan.target).await.unwrap(), Some(state));
    second.lose_vm(plan.target.vm).unwrap();
    let third = make();
    let known = KnownVm { plan, state: VmState::default() };
    third.start(vec![known]).await.unwrap();
    assert!(third.is_empty(), "the file and not the store says what there is");

    std::fs::write(&file, "{").unwrap();
    assert_eq!(make().start(Vec::new()).await.unwrap_err().kind(), ErrorKind::Internal);
}

#[tokio::test]
async fn a_world_file_that_cannot_be_written_is_made_up_for() {
    let folder = Folder::new("made-up-for");
    let (beneath, place) = (folder.0.join("not-yet"), place(100));
    let file = beneath.join("world");
    let simulator = Simulator::builder(clock()).world_file(&file).build();
    assert!(simulator.start(Vec::new()).await.unwrap_err().is_retriable());
    assert!(simulator.ensure_place(&place).await.unwrap_err().is_retriable());
    std::fs::create_dir_all(&beneath).unwrap();
    simulator.ensure_place(&place).await.unwrap();
    let again = Simulator::builder(clock()).world_file(&file).build();
    again.start(Vec::new()).await.unwrap();
    assert_eq!(again.place_ids(), [place.vdc]);
}

#[tokio::test]
async fn a_watcher_that_lags_is_told_all() {
    let (simulator, plan) = with_vm(Simulator::builder(clock()).build()).await;
    let doomed = super::tests::plan(plan.target.vdc, 2);
    simulator.create_vm(&doomed).await.unwrap();
    let mut events = simulator.watch();
    simulator.delete_vm(doomed.target).await.unwrap();
    for _ in 0..super::watch::BACKLOG {
        simulator.power_vm(plan.target, PowerAction::On).await.unwrap();
        simulator.power_vm(plan.target, PowerAction::Off).await.unwrap();
    }
    assert_eq!(events.next().await, Some(VmEvent::Gone(doomed.target)));
    let seen = simulator.vm(plan.target).await.unwrap().unwrap();
    assert_eq!(events.next().await, Some(VmEvent::Seen(plan.target, seen)));
    simulator.delete_vm(plan.target).await.unwrap();
    assert_eq!(events.next().await, Some(VmEvent::Gone(plan.target)));
}
