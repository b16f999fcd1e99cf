//! A backend that is known to be away: tasks wait for it, however long that takes.

use std::{sync::Arc, time::Duration};

use ssvirt_backends::memory::{Fault, Simulator};
use ssvirt_core::{
    ErrorKind, Id,
    backend::{PowerAction, Reach},
    model::{PowerState, Task, TaskStatus, VApp, Vdc},
    service::{Caller, Deletion, NewStorageProfile, NewVApp, NewVdc, Removal, VmChange},
    task::EngineConfig,
};

use super::scene::{Scene, clock, config, until};

async fn queued(scene: &Scene, task: &Task) {
    until("it waits", || async { scene.row(task.id).await.unwrap().status == TaskStatus::Queued })
        .await;
}

async fn new_vdc(scene: &Scene, name: &str) -> (Vdc, Task) {
    let new = NewVdc {
        name: name.to_owned(),
        storage_profiles: vec![NewStorageProfile { name: "fast".to_owned(), limit_mib: 0 }],
        ..NewVdc::default()
    };
    scene.cloud.create_vdc(&Caller::system(), scene.org, new).await.unwrap()
}

/// A task that waits, as the backend is away.
async fn waiting(scene: &Scene, vapp: &str) -> Task {
    let new = scene.new_shop(vapp, true);
    let (_, task) = scene.cloud.create_vapp(&scene.me, scene.vdc, new).await.unwrap();
    queued(scene, &task).await;
    task
}

#[tokio::test]
async fn tasks_wait_for_a_backend_that_was_lost() {
    let clock = clock();
    let simulator = Simulator::builder(clock.clone()).build();
    // Fewer places than there are tasks.
    let scene = Scene::on(simulator, clock, EngineConfig { parallel: 2, ..config() }).await;
    let (before, _) = scene.shop("before", true).await.unwrap();
    scene.simulator.set_reach(Reach::Lost);
    let mut tasks = Vec::new();
    for n in 0..6 {
        let new = scene.new_shop(&format!("shop-{n}"), true);
        tasks.push(scene.cloud.create_vapp(&scene.me, scene.vdc, new).await.unwrap().1);
    }
    tasks.push(scene.cloud.delete_vapp(&scene.me, before.id, Deletion::Forced).await.unwrap());
    // Longer than calls are repeated.
    tokio::time::sleep(Duration::from_millis(200)).await;
    for task in &tasks {
        queued(&scene, task).await;
    }
    // They are in nobody's way, and what is known can be read.
    let new = NewVApp { name: "empty".to_owned(), ..NewVApp::default() };
    let (_, task) = scene.cloud.create_vapp(&scene.me, scene.vdc, new).await.unwrap();
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
    assert_eq!(scene.cloud.vapp(&scene.me, before.id).await.unwrap().vms.len(), 2);

    scene.simulator.set_reach(Reach::Here);
    for task in &tasks {
        let task = scene.ended(task).await;
        assert_eq!(task.status, TaskStatus::Success, "{task:?}");
        assert_eq!(scene.ends(&task).await, 1);
    }
    scene.assert_agreement().await;
}

#[tokio::test]
async fn a_task_goes_on_where_its_backend_was_lost() {
    let clock = clock();
    let simulator =
        Simulator::builder(clock.clone()).delay_of("create_vm", Duration::from_millis(100)).build();
    let scene = Scene::on(simulator, clock, config()).await;
    let new = scene.new_shop("shop", true);
    let (_, task) = scene.cloud.create_vapp(&scene.me, scene.vdc, new).await.unwrap();
    until("it runs", || async { scene.row(task.id).await.unwrap().status == TaskStatus::Running })
        .await;
    // The first VM is being made, and will be.
    tokio::time::sleep(Duration::from_millis(40)).await;
    scene.simulator.set_reach(Reach::Lost);
    queued(&scene, &task).await;
    assert_eq!(scene.simulator.vm_ids().len(), 1);
    let made = scene.calls("create_vm");
    scene.simulator.set_reach(Reach::Here);
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
    assert_eq!(scene.calls("create_vm"), made + 1, "the first is made once");
    scene.assert_agreement().await;
}

#[tokio::test]
async fn what_is_being_undone_waits_too() {
    let clock = clock();
    let simulator =
        Simulator::builder(clock.clone()).delay_of("power_vm", Duration::from_millis(150)).build();
    let scene = Scene::on(simulator, clock, config()).await;
    let fault = Fault::on("power_vm").about("db").permanent().lost_answer();
    scene.simulator.faults().add(fault);
    let new = scene.new_shop("shop", true);
    let (_, task) = scene.cloud.create_vapp(&scene.me, scene.vdc, new).await.unwrap();
    until("both are made", || async { scene.simulator.vm_ids().len() == 2 }).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    scene.simulator.set_reach(Reach::Lost);
    until("it waits", || async {
        let task: Task = scene.row(task.id).await.unwrap();
        task.undoing && task.status == TaskStatus::Queued
    })
    .await;
    assert_eq!(scene.simulator.vm_ids().len(), 2);
    scene.simulator.set_reach(Reach::Here);
    let task = scene.ended(&task).await;
    assert_eq!(task.status, TaskStatus::Error);
    assert_eq!(task.failure.unwrap().minor, "INTERNAL_SERVER_ERROR");
    scene.assert_nothing_left("shop").await;
}

#[tokio::test]
async fn a_task_that_waits_can_be_cancelled() {
    let scene = Scene::new().await;
    scene.simulator.set_reach(Reach::Lost);
    let task = waiting(&scene, "shop").await;
    scene.cloud.cancel_task(&scene.me, task.id).await.unwrap();
    scene.simulator.set_reach(Reach::Here);
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Canceled);
    scene.assert_nothing_left("shop").await;
}

#[tokio::test]
async fn a_backend_that_was_never_there_is_as_none_until_it_comes() {
    let scene = Scene::new().await;
    let (vapp, _) = scene.shop("shop", false).await.unwrap();
    let web = scene.vm("web").await;
    scene.simulator.set_reach(Reach::NotYet);
    // What needs it is refused.
    let (me, cloud, system) = (&scene.me, &scene.cloud, Caller::system());
    let change = VmChange { name: Some("front".to_owned()), ..VmChange::default() };
    for refused in [
        cloud.create_vapp(me, scene.vdc, scene.new_shop("more", true)).await.map(drop),
        cloud.power_vm(me, web.id, PowerAction::On).await.map(drop),
        cloud.change_vm(me, web.id, "vappUpdateVm", change).await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
        assert!(refused.message().contains("has not been reached yet"), "{refused}");
    }
    // Nothing of it is left, what is known can be read, and what can be done can be seen.
    assert_eq!(scene.all::<VApp>().await.len(), 1);
    let details = cloud.vapp(me, vapp.id).await.unwrap();
    let vdc: Vdc = scene.row(scene.vdc).await.unwrap();
    assert!(details.vms.len() == 2 && cloud.capabilities(&vdc).suspend);
    // VDCs come, change and go, and what is deleted goes: later.
    let (made, making) = new_vdc(&scene, "made").await;
    let (gone, _) = new_vdc(&scene, "gone").await;
    let deleting = cloud.delete_vapp(me, vapp.id, Deletion::Forced).await.unwrap();
    queued(&scene, &making).await;
    queued(&scene, &deleting).await;
    let removal = Removal { force: true, ..Removal::default() };
    let busy = cloud.delete_vdc(&system, gone.id, removal);
    assert_eq!(busy.await.unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(scene.simulator.place_ids(), [scene.vdc]);

    scene.simulator.set_reach(Reach::Here);
    for task in [&making, &deleting] {
        assert_eq!(scene.ended(task).await.status, TaskStatus::Success);
    }
    assert!(scene.simulator.place_ids().contains(&made.id));
    assert!(scene.simulator.is_empty() && scene.all::<VApp>().await.is_empty());
    scene.shop("shop", true).await.unwrap();
}

/// Another process, whose backend comes later; `meanwhile` is done with the VDC before.
async fn restarted(scene: &Scene, meanwhile: Option<Id<Vdc>>) -> Simulator {
    scene.cloud.stop().await;
    let simulator = Simulator::builder(scene.clock.clone()).build();
    simulator.set_reach(Reach::NotYet);
    let cloud = scene.second(Arc::new(simulator.clone()), config());
    cloud.start().await.unwrap();
    if let Some(vdc) = meanwhile {
        let removal = Removal { force: true, ..Removal::default() };
        let task = cloud.delete_vdc(&Caller::system(), vdc, removal).await.unwrap();
        queued(scene, &task).await;
    }
    assert!(simulator.place_ids().is_empty());
    simulator.set_reach(Reach::Here);
    until("the tasks are over", || async {
        scene.all::<Task>().await.iter().all(|task| task.status.is_final())
    })
    .await;
    until("there are as many places", || async {
        simulator.place_ids().len() == scene.all::<Vdc>().await.len()
    })
    .await;
    // Long enough for one that is made again wrongly.
    tokio::time::sleep(Duration::from_millis(600)).await;
    cloud.stop().await;
    simulator
}

#[tokio::test]
async fn vdcs_get_their_places_when_the_backend_comes() {
    let scene = Scene::new().await;
    let (second, task) = new_vdc(&scene, "second").await;
    scene.ended(&task).await;
    let mut all = vec![scene.vdc, second.id];
    all.sort();
    assert_eq!(restarted(&scene, None).await.place_ids(), all);
    assert_eq!(restarted(&scene, Some(second.id)).await.place_ids(), [scene.vdc]);
}

#[tokio::test]
async fn whoever_starts_next_takes_up_what_waited() {
    let scene = Scene::new().await;
    scene.simulator.set_reach(Reach::Lost);
    let task = waiting(&scene, "shop").await;
    scene.cloud.stop().await;
    scene.simulator.set_reach(Reach::Here);
    let next = scene.second(Arc::new(scene.simulator.clone()), config());
    next.start().await.unwrap();
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
    next.stop().await;
    scene.assert_agreement().await;
}

#[tokio::test]
async fn who_waits_too_long_looks_again() {
    let scene = Scene::new().await;
    scene.simulator.set_reach(Reach::Lost);
    let task = waiting(&scene, "shop").await;
    // Another process, that has never seen the backend away.
    scene.cloud.stop().await;
    scene.simulator.set_reach(Reach::Here);
    let next = scene.second(Arc::new(scene.simulator.clone()), config());
    assert_eq!(next.engine().run_pending().await.unwrap(), 1, "it asks once, at first");
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);

    scene.simulator.set_reach(Reach::Lost);
    let task = waiting(&scene, "late").await;
    scene.simulator.set_reach(Reach::Here);
    assert_eq!(next.engine().run_pending().await.unwrap(), 0);
    scene.clock.advance(scene.config.wait + Duration::from_secs(1));
    assert_eq!(next.engine().run_pending().await.unwrap(), 1);
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
    let vms = scene.all::<ssvirt_core::model::Vm>().await;
    assert!(vms.iter().all(|vm| vm.state.power == PowerState::On));
}
