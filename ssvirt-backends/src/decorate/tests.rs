//! Hooks, and a process that dies in the middle.

use std::{process::Command, sync::Arc, time::Duration};

use ssvirt_core::{
    ErrorKind, Id, VmBackend,
    backend::{Place, PowerAction, VmPlan, VmRef},
    env::SystemClock,
    model::VmSpec,
};
use uuid::Uuid;

use super::{Call, Decorated, Fault, Faulty, KillAt, Recording, Side, Slow, Target};
use crate::memory::{Simulator, tests::Folder};

fn place() -> Place {
    Place {
        vdc: Id::new(Uuid::from_u128(100)),
        vdc_name: "vdc".to_owned(),
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

fn plan() -> VmPlan {
    VmPlan {
        target: VmRef { vm: Id::new(Uuid::from_u128(1)), vdc: place().vdc },
        vapp: Id::new(Uuid::from_u128(2)),
        name: "web".to_owned(),
        spec: VmSpec::default(),
        products: Vec::new(),
    }
}

/// Creates, starts, stops and deletes a VM.
async fn flow(backend: &dyn VmBackend) -> ssvirt_core::Result<()> {
    backend.ensure_place(&place()).await?;
    backend.create_vm(&plan()).await?;
    backend.vm(plan().target).await?;
    backend.power_vm(plan().target, PowerAction::On).await?;
    backend.power_vm(plan().target, PowerAction::Off).await?;
    backend.delete_vm(plan().target).await
}

fn simulator() -> Simulator {
    Simulator::builder(Arc::new(SystemClock)).build()
}

#[tokio::test]
async fn a_record_has_every_call() {
    let recording = Arc::new(Recording::new());
    flow(&*Decorated::backend(Arc::new(simulator()), recording.clone())).await.unwrap();
    let lines = recording.lines();
    assert_eq!(lines.len(), 6);
    let (vm, vdc) = (plan().target.vm, place().vdc);
    assert_eq!(lines[1], format!("backend create_vm(web {vm} in {vdc}) -> ok"));
    assert_eq!(lines[3], format!("backend power_vm(On {vm} in {vdc}) -> ok"));
    let changes = recording.take().iter().filter(|recorded| recorded.call.changes()).count();
    assert_eq!(changes, 5, "vm only looks");
    assert!(recording.calls().is_empty());
}

#[tokio::test]
async fn a_lost_answer_is_only_an_answer() {
    let simulator = simulator();
    let faulty =
        Arc::new(Faulty::new([Fault::on("create_vm").about("web *").times(1).lost_answer()]));
    let backend = Decorated::backend(Arc::new(simulator.clone()), faulty.clone());
    assert!(flow(&*backend).await.unwrap_err().is_retriable());
    assert_eq!(simulator.vm_ids().len(), 1);
    flow(&*backend).await.unwrap();
    assert!(simulator.is_empty());
    assert_eq!(faulty.faults().struck(), 1);
}

#[tokio::test]
async fn every_call_can_fail_once() {
    let backend = Decorated::backend(
        Arc::new(simulator()),
        Arc::new(Faulty::new([Fault::on("*").each_once()])),
    );
    let mut attempts = 1;
    while let Err(error) = flow(&*backend).await {
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        attempts += 1;
    }
    assert_eq!(attempts, 7, "each of the six calls failed once");
}

#[tokio::test]
async fn a_hook_can_mind_one_trait_only() {
    let hook = Arc::new(Faulty::new([Fault::on("*")]).only(Target::Store));
    Decorated::backend(Arc::new(simulator()), hook).health().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn slow_calls_take_their_time() {
    let began = tokio::time::Instant::now();
    let slow = Slow::new(Duration::from_secs(1)).only("power_*");
    flow(&*Decorated::backend(Arc::new(simulator()), Arc::new(slow))).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(2));
}

#[tokio::test]
async fn calls_are_counted_together() {
    let counter = Arc::default();
    let hook =
        |side| Arc::new(KillAt::new(u64::MAX, side).counter(Arc::clone(&counter)).changes_only());
    let (before, after) = (hook(Side::Before), hook(Side::After));
    let inner = Decorated::backend(Arc::new(simulator()), before.clone());
    flow(&*Decorated::backend(inner, after)).await.unwrap();
    assert_eq!(before.count(), 10);
}

#[test]
fn reading_is_no_change() {
    for (op, changes) in [
        ("create_vm", true),
        ("vm", false),
        ("get Vm", false),
        ("update Vm", true),
        ("commit", true),
        ("claim_task", true),
        ("query", false),
        ("delete Vm", true),
        ("select Org", false),
    ] {
        assert_eq!(Call::new(Target::Store, op, "").changes(), changes, "{op}");
    }
}

const CHILD: &str = "SSVIRT_TEST_KILL_AT";

/// Runs the flow in a child process that dies at every call in turn; the world file must then hold what
/// was done until then, and the flow must get through when it is repeated.
#[tokio::test]
async fn killed_at_every_call() {
    if let Ok(at) = std::env::var(CHILD) {
        let (n, file) = at.split_once(' ').unwrap();
        let (side, n) =
            if let Some(n) = n.strip_prefix('-') { (Side::Before, n) } else { (Side::After, n) };
        let simulator = Simulator::builder(Arc::new(SystemClock)).world_file(file).build();
        simulator.start(Vec::new()).await.unwrap();
        let backend = Decorated::backend(
            Arc::new(simulator),
            Arc::new(KillAt::new(n.parse().unwrap(), side)),
        );
        flow(&*backend).await.unwrap();
        return;
    }
    let folder = Folder::new("kill");
    // VMs in the world after each call took effect.
    let vms_after = [0, 0, 1, 1, 1, 1, 0];
    for n in 1..=6_usize {
        for (side, done) in [("-", n - 1), ("", n)] {
            let file = folder.0.join(format!("{side}{n}"));
            let child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "decorate::tests::killed_at_every_call", "--nocapture"])
                .env(CHILD, format!("{side}{n} {}", file.display()))
                .output()
                .unwrap();
            assert!(child.status.code().is_none(), "the child was to be killed: {child:?}");
            let simulator = Simulator::builder(Arc::new(SystemClock)).world_file(&file).build();
            simulator.start(Vec::new()).await.unwrap();
            assert_eq!(simulator.vm_ids().len(), vms_after[done], "killed at {side}{n}");
            flow(&simulator).await.unwrap();
            assert!(simulator.is_empty());
        }
    }
}
