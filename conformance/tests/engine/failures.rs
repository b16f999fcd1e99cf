//! Steps that fail, are undone, are cancelled.

use std::time::Duration;

use ssvirt_backends::memory::{Fault, Simulator};
use ssvirt_core::{
    ErrorKind,
    backend::VmPlan,
    model::{Phase, PowerState, TaskStatus, VApp, Vm},
    service::{Deletion, HardwareChange, NewVm, Recompose, VmChange, VmSource},
    status::Status,
};

use super::scene::{Scene, clock, config, until};

#[tokio::test]
async fn what_fails_for_a_while_is_repeated() {
    let scene = Scene::new().await;
    scene.simulator.faults().add(Fault::on("create_vm").about("db").times(2));
    scene.simulator.faults().add(Fault::on("power_vm").each_once().lost_answer());
    let (_, task) = scene.shop("shop", true).await.unwrap();
    assert_eq!(task.status, TaskStatus::Success, "{task:?}");
    assert_eq!((scene.calls("create_vm"), scene.calls("power_vm")), (4, 4));
    for vm in scene.all::<Vm>().await {
        assert_eq!((vm.state.power, vm.deployed, vm.phase), (PowerState::On, true, Phase::Ready));
    }
    scene.assert_agreement().await;
}

#[tokio::test]
async fn a_permanent_failure_at_any_step_is_undone() {
    for (op, vm) in
        [("create_vm", "db"), ("create_vm", "web"), ("power_vm", "db"), ("power_vm", "web")]
    {
        let scene = Scene::new().await;
        let fault = Fault::on(op).about(vm).error(ErrorKind::InvalidState, "It is broken.");
        scene.simulator.faults().add(fault);
        let (vapp, task) = scene.shop("shop", true).await.unwrap();
        assert_eq!(task.status, TaskStatus::Error, "{op} {vm}");
        let failure = task.failure.clone().unwrap();
        assert_eq!(
            (failure.minor.as_str(), failure.message.as_str()),
            ("INVALID_STATE", "It is broken.")
        );
        assert_eq!(scene.ends(&task).await, 1);
        assert!(scene.cloud.vapp(&scene.me, vapp.id).await.is_err());
        scene.assert_nothing_left("shop").await;
    }
}

#[tokio::test]
async fn what_never_answers_is_given_up_and_undone() {
    let scene = Scene::new().await;
    scene.simulator.faults().add(Fault::on("power_vm").about("web"));
    let (_, task) = scene.shop("shop", true).await.unwrap();
    assert_eq!(task.status, TaskStatus::Error);
    assert_eq!(task.failure.unwrap().minor, "SERVICE_UNAVAILABLE");
    scene.assert_nothing_left("shop").await;
}

#[tokio::test]
async fn what_cannot_be_undone_stays_to_be_deleted() {
    for (power_on, failing) in [(true, "power_vm"), (false, "create_vm")] {
        let scene = Scene::new().await;
        scene.simulator.faults().add(Fault::on(failing).about("web").permanent());
        scene.simulator.faults().add(Fault::on("delete_vm").about("db").permanent());
        let (vapp, task) = scene.shop("shop", power_on).await.unwrap();
        assert_eq!(task.status, TaskStatus::Error);
        let row: VApp = scene.row(vapp.id).await.unwrap();
        assert_eq!(row.phase, Phase::Failed);
        for vm in scene.all::<Vm>().await {
            assert_eq!(vm.status(), Status::FailedCreation, "{}", vm.name);
        }
        assert_eq!(scene.simulator.vm_ids(), [scene.vm("db").await.id]);
        let taken = scene.shop("shop", false).await.unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::DuplicateName);
        assert!(scene.delete(&vapp, true).await.is_err(), "it still fails");
        scene.simulator.faults().clear();
        // What does not run needs no force.
        scene.delete(&vapp, power_on).await.unwrap();
        scene.assert_nothing_left("shop").await;
    }
}

#[tokio::test]
async fn a_change_that_fails_is_taken_back() {
    let scene = Scene::new().await;
    scene.shop("shop", false).await.unwrap();
    let before = scene.vm("web").await;
    scene.simulator.faults().add(Fault::on("change_vm").nth(1).permanent());
    let hardware = HardwareChange { memory_mib: Some(2048), ..HardwareChange::default() };
    let change = VmChange { hardware, name: Some("front".to_owned()), ..VmChange::default() };
    let task = scene.cloud.change_vm(&scene.me, before.id, "vappUpdateVm", change).await.unwrap();
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Error);
    let after = scene.row(before.id).await.unwrap();
    assert_eq!((&after.name, &after.spec), (&before.name, &before.spec));
    assert_eq!(scene.simulator.plan(before.id), Some(VmPlan::of(&after)));
}

/// A scene where this operation takes so long that there is time to do something.
async fn slow(op: &'static str) -> Scene {
    let clock = clock();
    let simulator =
        Simulator::builder(clock.clone()).delay_of(op, Duration::from_millis(150)).build();
    Scene::on(simulator, clock, config()).await
}

#[tokio::test]
async fn a_name_that_was_taken_meanwhile_is_not_given_back() {
    let scene = slow("change_vm").await;
    let (vapp, _) = scene.shop("shop", false).await.unwrap();
    let web = scene.vm("web").await;
    scene.simulator.faults().add(Fault::on("change_vm").nth(1).permanent().lost_answer());
    let change = VmChange { name: Some("front".to_owned()), ..VmChange::default() };
    let task = scene.cloud.change_vm(&scene.me, web.id, "vappUpdateVm", change).await.unwrap();
    let new = NewVm {
        name: Some("web".to_owned()),
        description: None,
        source: VmSource::Copy(scene.vm("db").await.id),
        change: VmChange::default(),
    };
    let add = Recompose { add: vec![new], ..Recompose::default() };
    let added = scene.cloud.recompose_vapp(&scene.me, vapp.id, add).await.unwrap();
    assert_eq!(scene.ended(&added).await.status, TaskStatus::Success);
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Error);
    assert_eq!(scene.row(web.id).await.unwrap().name, "front");
    scene.assert_agreement().await;
}

#[tokio::test]
async fn a_cancelled_task_is_undone() {
    let scene = slow("create_vm").await;
    let new = scene.new_shop("shop", true);
    let (_, task) = scene.cloud.create_vapp(&scene.me, scene.vdc, new).await.unwrap();
    until("one VM is made", || async { scene.calls("create_vm") == 1 }).await;
    scene.cloud.cancel_task(&scene.me, task.id).await.unwrap();
    let task = scene.ended(&task).await;
    assert_eq!((task.status, task.failure), (TaskStatus::Canceled, None));
    assert_eq!(scene.calls("power_vm"), 0);
    scene.assert_nothing_left("shop").await;
    let over = scene.cloud.cancel_task(&scene.me, task.id).await.unwrap_err();
    assert_eq!(over.kind(), ErrorKind::InvalidState);
}

#[tokio::test]
async fn a_cancelled_deletion_leaves_whole_vms() {
    let scene = slow("delete_vm").await;
    let (vapp, _) = scene.shop("shop", true).await.unwrap();
    let task = scene.cloud.delete_vapp(&scene.me, vapp.id, Deletion::Forced).await.unwrap();
    // Asked for while the first VM is being deleted: its row goes with it, the second VM stays.
    until("the task runs", || async {
        scene.row(task.id).await.unwrap().status == TaskStatus::Running
    })
    .await;
    scene.cloud.cancel_task(&scene.me, task.id).await.unwrap();
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Canceled);
    assert_eq!(scene.all::<Vm>().await.len(), 1);
    scene.assert_agreement().await;
    scene.delete(&vapp, true).await.unwrap();
    scene.assert_nothing_left("shop").await;
}
