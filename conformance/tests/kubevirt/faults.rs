//! An API server that is killed again and again while there is work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{Api, Client, Config, api::ListParams, config::KubeConfigOptions, config::Kubeconfig};
use ssvirt_backends::kubevirt::{
    Cluster, ClusterOptions, labels,
    resources::{DataVolume, VirtualMachineInstance},
};
use ssvirt_core::{
    Result, VmBackend as _,
    backend::{PowerAction, VmRef},
    model::{Task, TaskStatus, VApp, Vm},
    service::Deletion,
};
use ssvirt_kube_bed::{ControlPlane, crds, node::Node, node::Options, shared};
use tokio::time::{Instant, sleep};

use super::scene::{Scene, until};

/// How long a task may take with all that goes wrong meanwhile.
const PATIENCE: Duration = Duration::from_secs(180);
/// vApps; each is four operations.
const VAPPS: usize = 52;
/// Those that are worked on at a time.
const AT_A_TIME: usize = 8;

/// A cluster of one's own, with somebody who plays KubeVirt.
pub struct Bed {
    pub plane: ControlPlane,
    pub node: Node,
    /// Beside what is tested.
    pub client: Client,
}

impl Bed {
    /// None where there can be none.
    pub async fn start() -> Option<Self> {
        let plane = shared::own().await?;
        let client = plane.client().await.unwrap();
        crds::install(&client).await.unwrap();
        let node = Node::start(&plane.kubeconfig(), Options::default()).await.unwrap();
        Some(Self { plane, node, client })
    }

    /// Starts the API server again.
    pub async fn bring_back(&mut self) {
        self.plane.restart_api_server().await.unwrap();
        self.plane.restart_manager().unwrap();
    }

    /// As a server would connect.
    pub async fn cluster(&self) -> Cluster {
        let file = Kubeconfig::read_from(self.plane.kubeconfig()).unwrap();
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(file, &options).await.unwrap();
        Cluster::connect(config, ClusterOptions::default()).unwrap()
    }
}

/// Tasks that were asked for, and how they ended.
#[derive(Default)]
struct Count {
    operations: AtomicUsize,
    postponed: AtomicUsize,
}

impl Count {
    /// Does it, and waits until it is done.
    async fn done(&self, scene: &Scene, what: &str, started: Result<Task>) {
        let task = started.unwrap_or_else(|error| panic!("{what} is refused: {error}"));
        self.operations.fetch_add(1, Ordering::Relaxed);
        until(what, PATIENCE, || async {
            let row: Task = scene.row(task.id).await.unwrap();
            row.status.is_final() || {
                sleep(Duration::from_millis(30)).await;
                false
            }
        })
        .await;
        let row: Task = scene.row(task.id).await.unwrap();
        let waited = row.ended.unwrap().duration_since(row.started).as_secs() > 5;
        self.postponed.fetch_add(usize::from(waited), Ordering::Relaxed);
        assert_eq!(row.status, TaskStatus::Success, "{what}: {:?}", row.failure);
    }
}

/// From nothing to nothing, or to a VM that runs.
async fn life(scene: &Scene, n: usize, count: &Count) {
    let vdc = scene.vdcs[n % scene.vdcs.len()];
    let name = format!("life-{n}");
    let (vapp, task) = scene.begin(vdc, &name, true).await.unwrap();
    count.done(scene, &format!("{name}: instantiate"), Ok(task)).await;
    let details = scene.cloud.vapp(&scene.me, vapp.id).await.unwrap();
    let vm = details.vms[0].vm.id;
    for action in [PowerAction::Off, PowerAction::On] {
        let task = scene.cloud.power_vm(&scene.me, vm, action).await;
        count.done(scene, &format!("{name}: {action:?}"), task).await;
    }
    // Every fourth stays as it is.
    if n.is_multiple_of(4) {
        let task = scene.cloud.power_vm(&scene.me, vm, PowerAction::Reset).await;
        count.done(scene, &format!("{name}: reset"), task).await;
    } else {
        let task = scene.cloud.delete_vapp(&scene.me, vapp.id, Deletion::Forced).await;
        count.done(scene, &format!("{name}: delete"), task).await;
    }
}

/// The rows and the objects in the cluster say the same.
async fn agree(scene: &Scene, client: &Client) {
    let vms: Vec<Vm> = scene.all().await;
    for vdc in &scene.vdcs {
        let mut rows: Vec<_> = vms.iter().filter(|vm| vm.vdc == *vdc).map(|vm| vm.id).collect();
        let machines = scene.machines(client, *vdc).await;
        let mut there: Vec<_> = machines.iter().map(|(id, ..)| *id).collect();
        rows.sort();
        there.sort();
        assert_eq!(rows, there, "VMs of {vdc}");
        let Some((_, space, _)) = machines.first() else { continue };
        let ours = ListParams::default().labels(labels::VM_ID);
        let instances: Api<VirtualMachineInstance> = Api::namespaced(client.clone(), space);
        assert_eq!(instances.list(&ours).await.unwrap().items.len(), rows.len());
        let volumes: Api<DataVolume> = Api::namespaced(client.clone(), space);
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), space);
        until("volumes are those of the VMs", Duration::from_secs(60), || async {
            let volumes = volumes.list(&ListParams::default()).await.unwrap().items.len();
            let claims = claims.list(&ListParams::default()).await.unwrap().items.len();
            volumes == rows.len() && claims == rows.len()
        })
        .await;
        for vm in vms.iter().filter(|vm| vm.vdc == *vdc) {
            let seen = scene.backend.vm(VmRef { vm: vm.id, vdc: *vdc }).await.unwrap().unwrap();
            assert_eq!(seen.power, vm.state.power, "{}", vm.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_killed_again_and_again_costs_nothing_but_time() {
    let Some(mut bed) = Bed::start().await else { return };
    let scene = Arc::new(Scene::new(bed.cluster().await, 4).await);
    let client = bed.client.clone();
    let (start, over) = (Instant::now(), AtomicBool::new(false));
    let (next, count) = (Arc::new(AtomicUsize::new(0)), Arc::new(Count::default()));
    let workers: Vec<_> = (0..AT_A_TIME)
        .map(|_| {
            let (scene, next, count) = (scene.clone(), next.clone(), count.clone());
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= VAPPS {
                        return;
                    }
                    life(&scene, n, &count).await;
                }
            })
        })
        .collect();
    let killer = async {
        let mut kills = 0;
        // At times that nothing else goes by; in between there is time to do something.
        for pause in [6_100, 13_700, 9_300, 16_900, 11_500].iter().cycle() {
            let until = Instant::now() + Duration::from_millis(*pause);
            while Instant::now() < until && !over.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(50)).await;
            }
            if over.load(Ordering::Relaxed) {
                break;
            }
            bed.plane.api_server().signal("KILL").unwrap();
            kills += 1;
            sleep(Duration::from_millis(pause / 8)).await;
            bed.bring_back().await;
        }
        kills
    };
    let work = async {
        for worker in workers {
            worker.await.unwrap();
        }
        over.store(true, Ordering::Relaxed);
        start.elapsed()
    };
    let (kills, took) = join(killer, work).await;
    println!(
        "{} operations, {} of them longer than 5 s, through {kills} ends of the API server, in {took:?}",
        count.operations.load(Ordering::Relaxed),
        count.postponed.load(Ordering::Relaxed),
    );
    assert!(kills >= 3, "{kills}");
    agree(&scene, &client).await;
    assert_eq!(scene.all::<VApp>().await.len(), VAPPS / 4);
    assert!(scene.all::<Task>().await.iter().all(|task| task.status == TaskStatus::Success));
    scene.cloud.stop().await;
    drop(bed.node);
}
