//! A cloud on a cluster, to do things to.

use std::{future::Future, sync::Arc, time::Duration};

use kube::{Api, Client, ResourceExt as _, api::ListParams};
use ssvirt_backends::{
    kubevirt::{
        Cluster, KubeVirt, labels,
        place::{PlaceOptions, Places},
        resources::VirtualMachine,
    },
    sql::SqlStore,
};
use ssvirt_core::{
    Cloud, Id, Result, TenancyStore,
    env::{Clock, SystemClock},
    id::Entity,
    model::{PowerState, ProviderVdc, Task, VApp, Vdc, Vm},
    service::{Caller, Deletion, NewVApp},
    store::{Table, UnitOfWork},
    task::EngineConfig,
};
use ssvirt_fixtures::Model;
use tokio::time::Instant;

/// An organization with VDCs and a template, on SQLite.
pub struct Scene {
    pub cloud: Cloud,
    pub store: Arc<SqlStore>,
    pub backend: Arc<KubeVirt>,
    pub me: Caller,
    pub vdcs: Vec<Id<Vdc>>,
    pub template: Id<ssvirt_core::model::Template>,
}

/// A cloud on a store and a cluster.
pub fn cloud(store: &Arc<SqlStore>, cluster: Cluster) -> (Cloud, Arc<KubeVirt>) {
    cloud_by(Arc::new(SystemClock), store, cluster)
}

/// One that goes by this clock.
pub fn cloud_by(
    clock: Arc<dyn Clock>,
    store: &Arc<SqlStore>,
    cluster: Cluster,
) -> (Cloud, Arc<KubeVirt>) {
    let backend = Arc::new(KubeVirt::on(cluster, PlaceOptions::default()));
    let engine = EngineConfig { poll: Duration::from_millis(200), ..EngineConfig::default() };
    let cloud = Cloud::builder(store.clone())
        .backend(ProviderVdc::DEFAULT, backend.clone())
        .engine(engine)
        .clock(clock)
        .build();
    (cloud, backend)
}

/// Waits until something holds; how long that took.
pub async fn until<F: Future<Output = bool>>(
    what: &str,
    limit: Duration,
    mut holds: impl FnMut() -> F,
) -> Duration {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    start.elapsed()
}

impl Scene {
    pub async fn new(cluster: Cluster, vdcs: usize) -> Self {
        Self::by(Arc::new(SystemClock), cluster, vdcs).await
    }

    /// By this clock.
    pub async fn by(clock: Arc<dyn Clock>, cluster: Cluster, vdcs: usize) -> Self {
        let store = Arc::new(SqlStore::memory().await.unwrap());
        let (cloud, backend) = cloud_by(clock, &store, cluster);
        cloud.start().await.unwrap();
        let model = Model { orgs: 1, vdcs, catalogs: 1, templates: 1, ..Model::default() };
        let made = model.build(&cloud).await.unwrap().orgs.remove(0);
        Self {
            cloud,
            store,
            backend,
            me: made.caller,
            vdcs: made.vdcs.iter().map(|vdc| vdc.id).collect(),
            template: made.templates[0].id,
        }
    }

    /// Begins to make a vApp with one VM.
    pub async fn begin(&self, vdc: Id<Vdc>, name: &str, power_on: bool) -> Result<(VApp, Task)> {
        let new = NewVApp {
            name: name.to_owned(),
            template: Some(self.template),
            deploy: power_on,
            power_on,
            ..NewVApp::default()
        };
        self.cloud.create_vapp(&self.me, vdc, new).await
    }

    /// Makes a vApp with one VM.
    pub async fn vm(&self, name: &str, power_on: bool) -> Vm {
        let (vapp, task) = self.begin(self.vdcs[0], name, power_on).await.unwrap();
        ssvirt_fixtures::finished(&self.cloud, &self.me, task).await.unwrap();
        let details = self.cloud.vapp(&self.me, vapp.id).await.unwrap();
        details.vms.into_iter().next().unwrap().vm
    }

    pub async fn row<T: Entity + Send + Sync + 'static>(&self, id: Id<T>) -> Option<T>
    where
        dyn UnitOfWork: Table<T>,
    {
        self.store.read().await.unwrap().get(id).await.unwrap()
    }

    pub async fn all<T: Entity + Send + Sync + 'static>(&self) -> Vec<T>
    where
        dyn UnitOfWork: Table<T>,
    {
        self.store.read().await.unwrap().select(&[]).await.unwrap()
    }

    /// The task when it is over.
    pub async fn ended(&self, task: &Task, limit: Duration) -> Task {
        until(&format!("{} ends", task.operation), limit, || async {
            self.row(task.id).await.unwrap().status.is_final()
        })
        .await;
        self.row(task.id).await.unwrap()
    }

    /// How long it takes until this is shown of a VM.
    pub async fn until_power(&self, vm: &Vm, power: PowerState, limit: Duration) -> Duration {
        until(&format!("{} is {power:?}", vm.name), limit, || async {
            self.row(vm.id).await.unwrap().state.power == power
        })
        .await
    }

    /// The VMs of a VDC in the cluster, by namespace and name.
    pub async fn machines(&self, client: &Client, vdc: Id<Vdc>) -> Vec<(Id<Vm>, String, String)> {
        let places = Places::new(client.clone(), PlaceOptions::default());
        let Some(space) = places.find(vdc).await.unwrap() else { return Vec::new() };
        let machines: Api<VirtualMachine> = Api::namespaced(client.clone(), &space);
        let ours = ListParams::default().labels(labels::VM_ID);
        let listed = machines.list(&ours).await.unwrap().items;
        let named = listed.iter().map(|machine| {
            let id = machine.labels()[labels::VM_ID].parse().unwrap();
            (Id::new(id), space.clone(), machine.name_any())
        });
        named.collect()
    }

    /// Removes all VMs and places, and stops.
    pub async fn end(self) {
        for vapp in self.all::<VApp>().await {
            let task = self.cloud.delete_vapp(&self.me, vapp.id, Deletion::Forced).await.unwrap();
            ssvirt_fixtures::finished(&self.cloud, &self.me, task).await.unwrap();
        }
        let system = Caller::system();
        let removal = ssvirt_core::service::Removal {
            force: true,
            ..ssvirt_core::service::Removal::default()
        };
        for vdc in &self.vdcs {
            self.cloud.delete_vdc(&system, *vdc, removal).await.unwrap();
        }
        until("all places go", Duration::from_secs(60), || async {
            self.all::<Vdc>().await.is_empty()
        })
        .await;
        self.cloud.stop().await;
    }
}
