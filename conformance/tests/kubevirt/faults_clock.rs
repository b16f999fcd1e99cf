//! Clocks that are a minute apart: the cluster's and a server's, and those of two servers on one store.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use ssvirt_backends::kubevirt::{Cluster, ClusterOptions};
use ssvirt_core::{
    Cloud,
    backend::PowerAction,
    env::{Clock, SystemClock},
    model::{PowerState, Task, TaskStatus, VApp, Vm},
    service::Deletion,
};
use ssvirt_kube_bed::shared;

use super::scene::{Scene, cloud_by, until};

const MINUTE: SignedDuration = SignedDuration::from_secs(60);
const SOON: Duration = Duration::from_secs(120);
/// vApps at a time.
const MANY: usize = 6;

/// The machine's clock, so much ahead.
struct Ahead(SignedDuration);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.0
    }
}

async fn cluster() -> Cluster {
    Cluster::new(shared::client().await.unwrap(), ClusterOptions::default())
}

/// Whichever of the two is wrong, what is done is done, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_minute_between_clocks_costs_nothing() {
    if shared::node().await.is_none() {
        return;
    }
    for (ours, theirs) in [(MINUTE, -MINUTE), (SignedDuration::ZERO, MINUTE)] {
        let scene = Scene::by(Arc::new(Ahead(ours)), cluster().await, 1).await;
        // A second server works on the same tasks, and thinks that whoever began them has been silent for long, or that
        // nobody ever is.
        let (second, _) = cloud_by(Arc::new(Ahead(theirs)), &scene.store, cluster().await);
        second.start().await.unwrap();
        both(&scene, &second).await;
        second.stop().await;
        scene.end().await;
    }
}

async fn both(scene: &Scene, second: &Cloud) {
    let mut tasks = Vec::new();
    for at in 0..MANY {
        tasks.push(scene.begin(scene.vdcs[0], &format!("vapp-{at}"), true).await.unwrap().1);
    }
    all_well(scene, &tasks).await;
    let vms: Vec<Vm> = scene.all().await;
    assert_eq!(vms.len(), MANY);
    for vm in &vms {
        scene.until_power(vm, PowerState::On, SOON).await;
    }
    let mut tasks = Vec::new();
    for vm in &vms {
        tasks.push(second.power_vm(&scene.me, vm.id, PowerAction::Off).await.unwrap());
    }
    all_well(scene, &tasks).await;
    let mut tasks = Vec::new();
    for vapp in scene.all::<VApp>().await {
        tasks.push(second.delete_vapp(&scene.me, vapp.id, Deletion::Forced).await.unwrap());
    }
    all_well(scene, &tasks).await;
    let client = shared::client().await.unwrap();
    until("nothing is left", SOON, || async {
        scene.machines(&client, scene.vdcs[0]).await.is_empty()
            && scene.all::<VApp>().await.is_empty()
            && scene.all::<Vm>().await.is_empty()
    })
    .await;
}

async fn all_well(scene: &Scene, tasks: &[Task]) {
    for task in tasks {
        let ended = scene.ended(task, SOON).await;
        assert_eq!(ended.status, TaskStatus::Success, "{:?}", ended.failure);
    }
}
