//! Changes in the cluster, whoever made them.
//!
//! ```text
//!   VMs, instances, snapshots (watched, trimmed) -> all (what is true of a VM) -> changes (to those who listen)
//!   namespaces (as well) -> places (whose is not what it was)
//! ```

mod all;
mod changes;
mod places;
mod snapshots;

use std::{
    collections::HashSet,
    fmt::Debug,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::{Namespace, ObjectReference};
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use ssvirt_core::{
    Id,
    backend::WatchStatus,
    model::{Vdc, Vm},
};
use tokio::{
    sync::{broadcast, mpsc},
    task::JoinSet,
    time::Instant,
};

pub use self::changes::Changes;
use self::{
    all::{All, Known, trim_instance, trim_vm},
    places::{Places, trim_namespace},
    snapshots::trim_snapshot,
};
use super::{
    labels,
    resources::{VirtualMachine, VirtualMachineInstance, VirtualMachineSnapshot},
    snapshots::{AGAIN as NO_SNAPSHOTS, SnapshotApi},
};

/// How long the API server lets a watch go on, in seconds, and so how long it takes to notice that nobody is there
/// any more. The next one goes on where it ended.
const WATCH: u32 = 60;
/// Events that wait to be taken in.
const WAITING: usize = 1024;
/// The waits before a watch that was cut begins anew. Short: an open breaker costs nothing to ask.
const AGAIN: Duration = Duration::from_millis(100);
const AGAIN_AT_MOST: Duration = Duration::from_secs(2);

/// A watch on all VMs of ours. It goes on until it is dropped.
pub struct Watch {
    all: Arc<Mutex<All>>,
    health: Arc<Mutex<Health>>,
    _tasks: JoinSet<()>,
}

/// Since when what is watched has not been seen whole; none where it has.
struct Health {
    vms: Option<Instant>,
    instances: Option<Instant>,
    /// None also where the cluster has none.
    snapshots: Option<Instant>,
    namespaces: Option<Instant>,
}

impl Watch {
    /// Begins one, and tells of what it sees. A watch that is cut, or that the API server has forgotten, begins
    /// anew with what is there: what was deleted in between is told of then.
    pub fn start(
        client: &Client,
        snapshots: &SnapshotApi,
        changes: Arc<Changes>,
        places: broadcast::Sender<Id<Vdc>>,
    ) -> Self {
        let now = Some(Instant::now());
        let health = Health { vms: now, instances: now, snapshots: now, namespaces: now };
        let health = Arc::new(Mutex::new(health));
        let all = Arc::new(Mutex::new(All::default()));
        let (sender, events) = mpsc::channel(WAITING);
        let mut tasks = JoinSet::new();
        let (vms, to) = (Api::<VirtualMachine>::all(client.clone()), sender.clone());
        tasks.spawn(follow(vms, labels::VM_ID, trim_vm, move |event| {
            let to = to.clone();
            async move { to.send(Seen::Vm(event)).await.is_ok() }
        }));
        let (instances, to) = (Api::<VirtualMachineInstance>::all(client.clone()), sender.clone());
        tasks.spawn(follow(instances, labels::VM_ID, trim_instance, move |event| {
            let to = to.clone();
            async move { to.send(Seen::Instance(event)).await.is_ok() }
        }));
        let (namespaces, to) = (Api::<Namespace>::all(client.clone()), sender.clone());
        tasks.spawn(follow(namespaces, labels::VDC_ID, trim_namespace, move |event| {
            let to = to.clone();
            async move { to.send(Seen::Namespace(event)).await.is_ok() }
        }));
        let all_snapshots = Api::<VirtualMachineSnapshot>::all(client.clone());
        let (api, stale) = (snapshots.clone(), health.clone());
        tasks.spawn(async move {
            wait_for(&api, &stale).await;
            let tell = move |event| {
                let to = sender.clone();
                async move { to.send(Seen::Snapshot(event)).await.is_ok() }
            };
            follow(all_snapshots, labels::VM_ID, trim_snapshot, tell).await;
        });
        tasks.spawn(take_in(events, all.clone(), changes, places, health.clone()));
        Self { all, health, _tasks: tasks }
    }

    /// The object that a VM is, as far as it was seen.
    pub fn find(&self, vm: Id<Vm>) -> Option<ObjectReference> {
        locked(&self.all).find(vm)
    }

    /// Whether what was told is what is true.
    pub fn status(&self) -> WatchStatus {
        let health = locked(&self.health);
        let all = [health.vms, health.instances, health.snapshots, health.namespaces];
        let since = all.into_iter().flatten().min();
        let stale_for = since.map(|since| since.elapsed()).unwrap_or_default();
        WatchStatus { fresh: since.is_none(), stale_for }
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a watch tells; none where it was cut.
type Told<K> = Option<Event<K>>;

/// Watches objects of ours, which have this label, for ever.
async fn follow<K, F>(
    api: Api<K>,
    label: &'static str,
    trim: fn(&mut K),
    tell: impl Fn(Told<K>) -> F,
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    F: Future<Output = bool>,
{
    // Whether all that is there was seen, since it was last cut.
    let (mut streams_lists, mut is_whole) = (true, false);
    let waits = ExponentialBuilder::new()
        .with_jitter()
        .with_min_delay(AGAIN)
        .with_max_delay(AGAIN_AT_MOST)
        .without_max_times();
    let mut wait = waits.build();
    loop {
        let ours = watcher::Config::default().labels(label).timeout(WATCH);
        let ours = if streams_lists { ours.streaming_lists() } else { ours };
        let mut events = pin!(watcher(api.clone(), ours).modify(trim));
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    if matches!(event, Event::InitDone) {
                        wait = waits.build();
                        is_whole = true;
                    }
                    if !tell(Some(event)).await {
                        return;
                    }
                }
                Err(error) => {
                    if streams_lists && is_refused(&error) {
                        tracing::info!("the API server does not stream lists: they are asked for");
                        streams_lists = false;
                    } else if std::mem::take(&mut is_whole) {
                        tracing::warn!(error = &error as &dyn std::error::Error, "a watch was cut");
                    } else {
                        tracing::debug!(
                            error = &error as &dyn std::error::Error,
                            "a watch does not begin yet"
                        );
                    }
                    break;
                }
            }
        }
        if !tell(None).await {
            return;
        }
        tokio::time::sleep(wait.next().unwrap_or(AGAIN_AT_MOST)).await;
    }
}

/// What API servers say that cannot begin a watch with a list.
fn is_refused(error: &watcher::Error) -> bool {
    matches!(
        error,
        watcher::Error::WatchStartFailed(kube::Error::Api(status)) if matches!(status.code, 400 | 422)
    )
}

/// Whose it is.
enum Seen {
    Vm(Told<VirtualMachine>),
    Instance(Told<VirtualMachineInstance>),
    Snapshot(Told<VirtualMachineSnapshot>),
    Namespace(Told<Namespace>),
}

/// Waits until the cluster has snapshots. While it has none, nothing of them is missed.
async fn wait_for(api: &SnapshotApi, health: &Mutex<Health>) {
    loop {
        let wait = match api.is_there().await {
            Ok(true) => return,
            Ok(false) => {
                locked(health).snapshots = None;
                NO_SNAPSHOTS
            }
            Err(_) => AGAIN_AT_MOST,
        };
        tokio::time::sleep(wait).await;
    }
}

async fn take_in(
    mut events: mpsc::Receiver<Seen>,
    all: Arc<Mutex<All>>,
    changes: Arc<Changes>,
    changed_places: broadcast::Sender<Id<Vdc>>,
    health: Arc<Mutex<Health>>,
) {
    let mut places = Places::default();
    let (mut vms_listed, mut instances_listed) = (HashSet::new(), HashSet::new());
    while let Some(told) = events.recv().await {
        let news = match told {
            Seen::Vm(told) => {
                note(&mut locked(&health).vms, &told);
                told.map(|event| {
                    locked(&all).take(event, &mut vms_listed, |known: &mut Known| &mut known.vm)
                })
            }
            Seen::Instance(told) => {
                note(&mut locked(&health).instances, &told);
                told.map(|event| {
                    locked(&all)
                        .take(event, &mut instances_listed, |known: &mut Known| &mut known.instance)
                })
            }
            Seen::Snapshot(told) => {
                note(&mut locked(&health).snapshots, &told);
                told.map(|event| locked(&all).take_snapshot(event))
            }
            Seen::Namespace(told) => {
                note(&mut locked(&health).namespaces, &told);
                for vdc in told.into_iter().flat_map(|event| places.take(event)) {
                    // Nobody need listen.
                    let _ = changed_places.send(vdc);
                }
                None
            }
        };
        for event in news.into_iter().flatten() {
            changes.tell(&event);
        }
    }
}

fn note<K>(stale: &mut Option<Instant>, told: &Told<K>) {
    match told {
        Some(Event::InitDone) => *stale = None,
        Some(Event::Apply(_) | Event::Delete(_) | Event::InitApply(_)) => {}
        Some(Event::Init) | None => {
            stale.get_or_insert_with(Instant::now);
        }
    }
}
