//! [`VmBackend`] on KubeVirt.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream, stream::BoxStream};
use kube::Client;
use ssvirt_core::{
    Id, Result, VmBackend,
    backend::{
        BackendStatus, Capabilities, ConsoleKind, ConsoleStream, KnownVm, Place, PowerAction,
        Revert, SnapshotPlan, VmEvent, VmNote, VmPlan, VmRef,
    },
    model::{Snapshot, Vdc, Vm, VmState},
};
use tokio::{
    sync::{broadcast, broadcast::error::RecvError},
    time::timeout,
};

use super::{
    call::call,
    cluster::{Cluster, ClusterOptions},
    console::Sessions,
    notes::Notes,
    place::{PlaceOptions, Places},
    snapshots::SnapshotApi,
    vms::Vms,
    watch::{Changes, Watch},
};

/// Places of which it is not told yet that they were changed.
const CHANGED_PLACES: usize = 1024;
/// How long a start waits for a cluster that may be away.
const START: Duration = Duration::from_secs(5);

/// A cluster with KubeVirt.
pub struct KubeVirt {
    cluster: Cluster,
    vms: Vms,
    changes: Arc<Changes>,
    changed_places: broadcast::Sender<Id<Vdc>>,
    watching: Mutex<Option<Watching>>,
}

/// What goes on between start and stop.
struct Watching {
    watch: Arc<Watch>,
    notes: Notes,
}

impl KubeVirt {
    /// The cluster that `client` reaches, as whom it is, with what is usual between it and us.
    #[must_use]
    pub fn new(client: Client, places: PlaceOptions) -> Self {
        Self::on(Cluster::new(client, ClusterOptions::default()), places)
    }

    /// On a cluster.
    #[must_use]
    pub fn on(cluster: Cluster, places: PlaceOptions) -> Self {
        let client = cluster.client();
        let places = Places::new(client.clone(), places);
        Self {
            cluster,
            vms: Vms {
                snapshot_api: SnapshotApi::new(client.clone()),
                sessions: Sessions::default(),
                client,
                places,
            },
            changes: Arc::default(),
            changed_places: broadcast::Sender::new(CHANGED_PLACES),
            watching: Mutex::default(),
        }
    }

    fn watching(&self) -> std::sync::MutexGuard<'_, Option<Watching>> {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl VmBackend for KubeVirt {
    fn name(&self) -> &'static str {
        "kubevirt"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            suspend: true,
            reset: true,
            guest_power: true,
            hot_change: true,
            // On the pods' network the cluster chooses.
            addresses: false,
            // Until the cluster says that it has none.
            snapshots: self.vms.snapshot_api.may_be_there(),
            snapshot_memory: false,
            console: true,
        }
    }

    /// The cluster knows its VMs by itself. One that is away is known to be so from the start.
    async fn start(&self, _known: Vec<KnownVm>) -> Result<()> {
        if self.cluster.find(START).await {
            // Asked again when it matters, where there is no answer.
            let _ = timeout(START, self.vms.snapshot_api.is_there()).await;
        }
        let client = self.cluster.client();
        let watch = Arc::new(Watch::start(
            &client,
            &self.vms.snapshot_api,
            Arc::clone(&self.changes),
            self.changed_places.clone(),
        ));
        let notes = Notes::start(client, Arc::clone(&watch));
        drop(self.watching().replace(Watching { watch, notes }));
        Ok(())
    }

    async fn stop(&self) {
        drop(self.watching().take());
    }

    async fn health(&self) -> Result<()> {
        call("The cluster", self.vms.client.apiserver_version()).await.map(drop)
    }

    fn status(&self) -> BackendStatus {
        BackendStatus {
            reach: self.cluster.reach(),
            breaker: Some(self.cluster.breaker().state().name()),
            watch: self.watching().as_ref().map(|watching| watching.watch.status()),
        }
    }

    async fn ensure_place(&self, place: &Place) -> Result<()> {
        self.vms.places.ensure(place).await.map(drop)
    }

    async fn remove_place(&self, vdc: Id<Vdc>) -> Result<()> {
        self.vms.places.remove(vdc).await
    }

    async fn create_vm(&self, plan: &VmPlan) -> Result<VmState> {
        self.vms.create(plan).await
    }

    async fn change_vm(&self, plan: &VmPlan) -> Result<VmState> {
        self.vms.change(plan).await
    }

    async fn delete_vm(&self, vm: VmRef) -> Result<()> {
        self.vms.delete(vm).await
    }

    async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState> {
        self.vms.power(vm, action).await
    }

    async fn take_snapshot(&self, vm: VmRef, plan: &SnapshotPlan) -> Result<VmState> {
        self.vms.take_snapshot(vm, plan).await
    }

    async fn revert_snapshot(&self, vm: VmRef, revert: &Revert) -> Result<VmState> {
        self.vms.revert_snapshot(vm, revert).await
    }

    async fn remove_snapshots(
        &self,
        vm: VmRef,
        which: Option<Id<Snapshot>>,
    ) -> Result<Option<VmState>> {
        self.vms.remove_snapshots(vm, which).await
    }

    async fn console(&self, vm: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
        self.vms.console(vm, kind).await
    }

    fn note(&self, vm: VmRef, note: VmNote) {
        if let Some(watching) = self.watching().as_ref() {
            watching.notes.add(vm, note);
        }
    }

    async fn vm(&self, vm: VmRef) -> Result<Option<VmState>> {
        Ok(self.vms.find(vm).await?.map(|found| found.state()))
    }

    async fn vms(&self, vdc: Id<Vdc>) -> Result<Vec<(Id<Vm>, VmState)>> {
        self.vms.list(vdc).await
    }

    fn watch(&self) -> BoxStream<'static, VmEvent> {
        self.changes.listen()
    }

    fn watch_places(&self) -> BoxStream<'static, Id<Vdc>> {
        stream::unfold(self.changed_places.subscribe(), |mut changed| async move {
            loop {
                match changed.recv().await {
                    Ok(vdc) => return Some((vdc, changed)),
                    // All places are looked at now and then.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }
}
