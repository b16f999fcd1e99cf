//! Several workers, silent workers, and a database that goes away.

use std::{sync::Arc, time::Duration};

use ssvirt_backends::{
    decorate::{Decorated, Recording, Slow},
    memory::Simulator,
};
use ssvirt_core::{
    Cloud, ErrorKind, VmBackend,
    backend::PowerAction,
    model::{Task, TaskStatus, Vm},
    service::{Deletion, HardwareChange, VmChange},
    task::EngineConfig,
};

use super::scene::{Scene, clock, config, until};

const AGES: Duration = Duration::from_secs(3600);

/// A cloud on the scene's store whose backend takes `delay` to create a VM, and its calls.
fn slow_cloud(scene: &Scene, delay: Duration, config: EngineConfig) -> (Cloud, Arc<Recording>) {
    let slow = Slow::new(delay).only("create_vm");
    let backend: Arc<dyn VmBackend> = Arc::new(scene.simulator.clone());
    let recording = Arc::new(Recording::new());
    let backend =
        Decorated::backend(Decorated::backend(backend, Arc::new(slow)), recording.clone());
    (scene.second(backend, config), recording)
}

#[tokio::test]
async fn a_silent_worker_is_relieved() {
    let scene = Scene::new().await;
    scene.cloud.stop().await;
    let (dead, _) = slow_cloud(&scene, AGES, config());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (me, vdc, new) = (scene.me.clone(), scene.vdc, scene.new_shop("shop", true));
    let begun = runtime.spawn(async move { dead.create_vapp(&me, vdc, new).await.unwrap().1 });
    let task = begun.await.unwrap();
    until("it runs", || async { scene.row(task.id).await.unwrap().status == TaskStatus::Running })
        .await;
    runtime.shutdown_background();
    assert_eq!(scene.cloud.engine().run_pending().await.unwrap(), 0, "the lease is valid");
    scene.clock.advance(scene.config.lease + Duration::from_secs(1));
    assert_eq!(scene.cloud.engine().run_pending().await.unwrap(), 1);
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
    scene.assert_agreement().await;
}

#[tokio::test]
async fn a_worker_that_wakes_up_too_late_does_nothing_more() {
    let scene = Scene::new().await;
    scene.cloud.stop().await;
    let (late, recording) = slow_cloud(&scene, Duration::from_millis(300), config());
    let new = scene.new_shop("shop", true);
    let (_, task) = late.create_vapp(&scene.me, scene.vdc, new).await.unwrap();
    until("it runs", || async { scene.row(task.id).await.unwrap().status == TaskStatus::Running })
        .await;
    scene.clock.advance(scene.config.lease + Duration::from_secs(1));
    assert_eq!(scene.cloud.engine().run_pending().await.unwrap(), 1);
    let done = scene.ended(&task).await;
    assert_eq!(done.status, TaskStatus::Success);
    until("the late one is back", || async { recording.calls().len() == 1 }).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(recording.lines().len(), 1, "{:?}", recording.lines());
    assert_eq!(scene.row(task.id).await.unwrap(), done);
    assert_eq!(scene.ends(&task).await, 1);
    scene.assert_agreement().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_share_the_work() {
    const VAPPS: usize = 12;
    let scene = Scene::new().await;
    let backend = Decorated::backend(Arc::new(scene.simulator.clone()), scene.recording.clone());
    let second = scene.second(backend, config());
    // Not started: that would make the simulator forget what the first has made meanwhile.
    let worker = second.engine().spawn_worker();
    let mut tasks: Vec<Task> = Vec::new();
    for n in 0..VAPPS {
        let cloud = if n % 2 == 0 { &scene.cloud } else { &second };
        let new = scene.new_shop(&format!("shop-{n}"), true);
        tasks.push(cloud.create_vapp(&scene.me, scene.vdc, new).await.unwrap().1);
    }
    for task in &tasks {
        assert_eq!(scene.ended(task).await.status, TaskStatus::Success);
        assert_eq!(scene.ends(task).await, 1);
    }
    worker.abort();
    assert_eq!((scene.calls("create_vm"), scene.calls("power_vm")), (2 * VAPPS, 2 * VAPPS));
    scene.assert_agreement().await;
}

#[tokio::test]
async fn what_one_has_no_room_for_is_left_to_others() {
    let scene = Scene::new().await;
    scene.cloud.stop().await;
    let (full, _) = slow_cloud(&scene, AGES, EngineConfig { parallel: 1, ..config() });
    let worker = full.engine().spawn_worker();
    let mut tasks = Vec::new();
    for n in 0..3 {
        let new = scene.new_shop(&format!("shop-{n}"), false);
        tasks.push(full.create_vapp(&scene.me, scene.vdc, new).await.unwrap().1);
    }
    let running = || async {
        let all = scene.all::<Task>().await;
        all.iter().filter(|task| task.status == TaskStatus::Running).count()
    };
    until("one runs", || async { running().await == 1 }).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(running().await, 1);
    // Nobody waits for a lease to run out.
    assert_eq!(scene.cloud.engine().run_pending().await.unwrap(), 2);
    worker.abort();
}

#[tokio::test]
async fn what_is_worked_on_is_busy() {
    let clock = clock();
    let simulator =
        Simulator::builder(clock.clone()).delay_of("change_vm", Duration::from_millis(200)).build();
    let scene = Scene::on(simulator, clock, config()).await;
    let (vapp, _) = scene.shop("shop", false).await.unwrap();
    let (me, web) = (&scene.me, scene.vm("web").await.id);
    let more = |memory_mib| VmChange {
        hardware: HardwareChange { memory_mib: Some(memory_mib), ..HardwareChange::default() },
        ..VmChange::default()
    };
    let change = |memory| scene.cloud.change_vm(me, web, "vappUpdateVm", more(memory));
    let task = change(2048).await.unwrap();
    let refusals = [
        change(4096).await.unwrap_err(),
        scene.cloud.power_vm(me, web, PowerAction::On).await.unwrap_err(),
        scene.cloud.delete_vm(me, web, Deletion::Undeployed).await.unwrap_err(),
        scene.cloud.delete_vapp(me, vapp.id, Deletion::Forced).await.unwrap_err(),
    ];
    assert!(refusals.iter().all(|error| error.kind() == ErrorKind::Busy), "{refusals:?}");
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
    let row: Vm = scene.row(web).await.unwrap();
    assert_eq!((row.spec.memory_mib, scene.calls("change_vm")), (2048, 1), "and nothing else");
    scene.ended(&change(4096).await.unwrap()).await;
    assert_eq!(scene.row(web).await.unwrap().spec.memory_mib, 4096);
}

/// Lets the database go away after the first VM is made, and come back.
async fn database_away(attempts: u32) -> (Scene, Task) {
    let clock = clock();
    let simulator =
        Simulator::builder(clock.clone()).delay_of("create_vm", Duration::from_millis(100)).build();
    let config = EngineConfig { attempts, backoff_max: Duration::from_millis(20), ..config() };
    let scene = Scene::on(simulator, clock, config).await;
    let new = scene.new_shop("shop", true);
    let (_, task) = scene.cloud.create_vapp(&scene.me, scene.vdc, new).await.unwrap();
    until("it runs", || async { scene.row(task.id).await.unwrap().status == TaskStatus::Running })
        .await;
    scene.store.go_away();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asked = scene.cloud.task(&scene.me, task.id).await.unwrap_err();
    assert_eq!(asked.kind(), ErrorKind::Unavailable);
    let new = scene.new_shop("other", true);
    let written = scene.cloud.create_vapp(&scene.me, scene.vdc, new).await.unwrap_err();
    assert_eq!(written.kind(), ErrorKind::Unavailable);
    scene.store.come_back();
    (scene, task)
}

#[tokio::test]
async fn a_database_that_returns_soon_is_waited_for() {
    let (scene, task) = database_away(1000).await;
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
    assert_eq!(scene.calls("create_vm"), 2);
    scene.assert_agreement().await;
}

#[tokio::test]
async fn a_task_goes_on_when_the_database_is_back() {
    let (scene, task) = database_away(3).await;
    scene.clock.advance(scene.config.lease + Duration::from_secs(1));
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
    assert_eq!(scene.ends(&task).await, 1);
    scene.assert_agreement().await;
}
