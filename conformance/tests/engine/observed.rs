//! What happens to VMs behind our back shows.

use std::{sync::Arc, time::Duration};

use ssvirt_backends::memory::Simulator;
use ssvirt_core::{
    VmBackend,
    backend::{PowerAction, VmRef},
    model::{PowerState, TaskStatus},
    status::Status,
};

use super::scene::{Scene, clock, config};

#[tokio::test]
async fn crashed_and_lost_vms_show() {
    let scene = Scene::new().await;
    scene.shop("shop", true).await.unwrap();
    let (db, web) = (scene.vm("db").await, scene.vm("web").await);
    assert!(scene.simulator.crash_vm(db.id).unwrap());
    assert!(scene.simulator.lose_vm(web.id).unwrap());
    scene.until_power(&db, PowerState::Off).await;
    scene.until_power(&web, PowerState::Lost).await;
    assert_eq!(scene.vm("db").await.status(), Status::PartiallyPoweredOff);
    assert_eq!(scene.vm("web").await.status(), Status::Inconsistent);
    // What is lost can be deleted.
    let vapp = scene.row(db.vapp).await.unwrap();
    scene.delete(&vapp, true).await.unwrap();
    scene.assert_nothing_left("shop").await;
}

#[tokio::test]
async fn a_crash_during_a_task_shows_after_it() {
    let clock = clock();
    let simulator = Simulator::builder(clock.clone()).build();
    let scene = Scene::on(simulator, clock, config()).await;
    scene.shop("shop", true).await.unwrap();
    let web = scene.vm("web").await;
    // The database hangs between the backend's answer and the end of the task.
    scene.store.fault(
        ssvirt_backends::decorate::Fault::on("mark_step")
            .times(2)
            .error(ssvirt_core::ErrorKind::Conflict, "Somebody else was faster."),
    );
    let task = scene.cloud.power_vm(&scene.me, web.id, PowerAction::Reset).await.unwrap();
    assert!(scene.simulator.crash_vm(web.id).unwrap());
    let task = scene.ended(&task).await;
    assert!(matches!(task.status, TaskStatus::Success | TaskStatus::Error), "{task:?}");
    scene.until_power(&web, PowerState::Off).await;
}

#[tokio::test]
async fn an_event_that_cannot_be_written_is_not_forgotten() {
    let scene = Scene::new().await;
    scene.shop("shop", true).await.unwrap();
    let web = scene.vm("web").await;
    scene.store.go_away();
    assert!(scene.simulator.crash_vm(web.id).unwrap());
    tokio::time::sleep(Duration::from_millis(100)).await;
    scene.store.come_back();
    scene.until_power(&web, PowerState::Off).await;
}

#[tokio::test]
async fn what_changed_while_nobody_watched_shows() {
    let clock = clock();
    let file = std::env::temp_dir().join(format!("ssvirt-observed-{}", std::process::id()));
    let simulator = Simulator::builder(clock.clone()).world_file(&file).build();
    let scene = Scene::on(simulator, clock, config()).await;
    scene.shop("shop", true).await.unwrap();
    scene.cloud.stop().await;
    let (db, web) = (scene.vm("db").await, scene.vm("web").await);
    assert!(scene.simulator.crash_vm(db.id).unwrap());
    assert!(scene.simulator.lose_vm(web.id).unwrap());
    let next = scene.second(Arc::new(scene.simulator.clone()), config());
    next.start().await.unwrap();
    std::fs::remove_file(&file).unwrap();
    scene.until_power(&db, PowerState::Off).await;
    scene.until_power(&web, PowerState::Lost).await;
    next.stop().await;
}

#[tokio::test]
async fn a_watcher_that_lags_catches_up() {
    let scene = Scene::new().await;
    scene.shop("shop", true).await.unwrap();
    let web = scene.vm("web").await;
    let target = VmRef { vm: web.id, vdc: web.vdc };
    // Nothing here lets the watcher run, which is on this thread too: it misses most of it.
    for _ in 0..1500 {
        assert!(scene.simulator.crash_vm(web.id).unwrap());
        scene.simulator.power_vm(target, PowerAction::On).await.unwrap();
    }
    assert!(scene.simulator.crash_vm(web.id).unwrap());
    scene.until_power(&web, PowerState::Off).await;
    scene.simulator.power_vm(target, PowerAction::On).await.unwrap();
    scene.until_power(&web, PowerState::On).await;
}
