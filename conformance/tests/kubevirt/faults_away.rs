//! A cluster that is away, at the start and later; etcd that hangs.

use std::{sync::Arc, time::Duration};

use ssvirt_backends::kubevirt::place::{PlaceOptions, Places};
use ssvirt_core::{
    ErrorKind, Id, VmBackend as _,
    backend::Reach,
    model::{Org, PowerState, Task, TaskStatus, Vdc},
    service::{Caller, NewStorageProfile, NewVdc, Removal},
};
use tokio::time::{Instant, sleep};

use super::{
    faults::Bed,
    scene::{Scene, cloud, until},
};

const PATIENCE: Duration = Duration::from_secs(120);

async fn new_vdc(scene: &Scene, name: &str) -> (Vdc, Task) {
    let new = NewVdc {
        name: name.to_owned(),
        storage_profiles: vec![NewStorageProfile { name: "standard".to_owned(), limit_mib: 0 }],
        ..NewVdc::default()
    };
    let org: Id<Org> = scene.me.org;
    scene.cloud.create_vdc(&Caller::system(), org, new).await.unwrap()
}

async fn is_queued(scene: &Scene, task: &Task) -> bool {
    scene.row(task.id).await.unwrap().status == TaskStatus::Queued
}

async fn is_here(scene: &Scene) -> bool {
    scene.backend.status().reach == Reach::Here
}

/// Lost while there is work: it waits, and goes on by itself.
async fn lost(bed: &mut Bed, scene: &Scene) {
    let before = scene.vm("before", true).await;
    bed.plane.api_server().signal("KILL").unwrap();
    let (_, task) = scene.begin(scene.vdcs[0], "waits", true).await.unwrap();
    let opened = until("the breaker opens", Duration::from_secs(20), || async {
        scene.backend.status().breaker == Some("open")
    })
    .await;
    until("the task waits", Duration::from_secs(20), || is_queued(scene, &task)).await;
    // Reads go on, and what is asked for now waits as well.
    let details = scene.cloud.vapp(&scene.me, before.vapp).await.unwrap();
    assert_eq!(details.vms[0].vm.state.power, PowerState::On);
    let asked = Instant::now();
    let (_, later) = scene.begin(scene.vdcs[0], "later", true).await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    until("it waits", Duration::from_secs(5), || is_queued(scene, &later)).await;
    sleep(Duration::from_secs(12)).await;
    assert!(is_queued(scene, &task).await && is_queued(scene, &later).await);
    assert!(scene.backend.health().await.is_err());

    bed.bring_back().await;
    let start = Instant::now();
    let closed = until("the breaker closes", PATIENCE, || is_here(scene)).await;
    let fresh = until("the watch sees all", PATIENCE, || async {
        scene.backend.status().watch.is_some_and(|watch| watch.fresh)
    })
    .await;
    for task in [&task, &later] {
        let task = scene.ended(task, PATIENCE).await;
        assert_eq!(task.status, TaskStatus::Success, "{task:?}");
    }
    println!(
        "lost: open after {opened:?}; after the API server is ready: closed after {closed:?}, watch fresh {fresh:?} \
         later, tasks done after {:?}",
        start.elapsed()
    );
    // What others do is seen by the watch that began anew.
    let (_, space, name) = scene
        .machines(&bed.client, scene.vdcs[0])
        .await
        .into_iter()
        .find(|(id, ..)| *id == before.id)
        .unwrap();
    super::observed::tell(&bed.client, &space, &name, "stop", r#"{"gracePeriod":0}"#).await;
    scene.until_power(&before, PowerState::Off, Duration::from_secs(2)).await;
}

/// etcd hangs for some seconds, and nobody is any the worse for it.
async fn hangs(bed: &mut Bed, scene: &Scene) {
    bed.plane.etcd().signal("STOP").unwrap();
    let mut tasks = Vec::new();
    for n in 0..6 {
        tasks.push(scene.begin(scene.vdcs[n % 2], &format!("slow-{n}"), true).await.unwrap().1);
    }
    sleep(Duration::from_secs(8)).await;
    bed.plane.etcd().signal("CONT").unwrap();
    let start = Instant::now();
    for task in &tasks {
        let task = scene.ended(task, PATIENCE).await;
        assert_eq!(task.status, TaskStatus::Success, "{task:?}");
    }
    println!("etcd hung for 8 s: all tasks done {:?} later", start.elapsed());
}

/// Another server, whose cluster is away when it starts.
async fn away_at_start(bed: &mut Bed, scene: Scene) -> Scene {
    scene.cloud.stop().await;
    bed.plane.api_server().signal("KILL").unwrap();
    let start = Instant::now();
    let (cloud, backend) = cloud(&scene.store, bed.cluster().await);
    cloud.start().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let scene = Scene { cloud, backend, ..scene };
    assert_eq!(scene.backend.status().reach, Reach::NotYet);
    let refused = scene.begin(scene.vdcs[0], "refused", true).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
    assert!(refused.message().contains("has not been reached yet"), "{refused}");
    // VDCs come and go, and their places follow.
    let (made, making) = new_vdc(&scene, "made-while-away").await;
    let gone = scene.vdcs[1];
    let removal = Removal { force: true, ..Removal::default() };
    let system = Caller::system();
    let deleting = scene.cloud.delete_vdc(&system, gone, removal).await.unwrap();
    sleep(Duration::from_secs(2)).await;
    assert!(is_queued(&scene, &making).await && is_queued(&scene, &deleting).await);

    bed.bring_back().await;
    let closed = until("it is there", PATIENCE, || is_here(&scene)).await;
    for task in [&making, &deleting] {
        let task = scene.ended(task, PATIENCE).await;
        assert_eq!(task.status, TaskStatus::Success, "{task:?}");
    }
    println!("away at start: there {closed:?} after the API server is ready");
    let places = Places::new(bed.client.clone(), PlaceOptions::default());
    assert!(places.find(made.id).await.unwrap().is_some());
    assert!(places.find(gone).await.unwrap().is_none());
    scene.vm("after", true).await;
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_away_is_waited_for() {
    let Some(mut bed) = Bed::start().await else { return };
    let scene = Scene::new(bed.cluster().await, 2).await;
    lost(&mut bed, &scene).await;
    hangs(&mut bed, &scene).await;
    let scene = away_at_start(&mut bed, scene).await;
    let store: Arc<_> = scene.store.clone();
    scene.cloud.stop().await;
    drop((store, bed.node));
}
