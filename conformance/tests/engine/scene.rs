//! A cloud to do things to.

use std::{future::Future, sync::Arc, time::Duration};

use ssvirt_backends::{
    decorate::{Decorated, Recording},
    memory::Simulator,
    mock::MockStore,
    sql::SqlStore,
};
use ssvirt_core::{
    Cloud, Error, Id, Result, TenancyStore, VmBackend,
    env::{Clock, ManualClock, SystemClock},
    id::Entity,
    model::{Event, Org, Outcome, PowerState, ProviderVdc, Task, Template, VApp, Vdc, Vm},
    service::{Caller, Deletion, NewTemplate, NewVApp},
    store::{Table, UnitOfWork},
    task::EngineConfig,
};
use ssvirt_fixtures::{Model, specs};

/// What every test starts from: an organization with a VDC and the template `two-tier` (`db`, `web`).
pub struct Scene {
    pub cloud: Cloud,
    pub simulator: Simulator,
    pub store: Arc<MockStore>,
    pub recording: Arc<Recording>,
    pub clock: Arc<ManualClock>,
    pub config: EngineConfig,
    /// The organization's administrator.
    pub me: Caller,
    pub org: Id<Org>,
    pub vdc: Id<Vdc>,
    pub template: Id<Template>,
}

/// Gives up after a few tries, and goes by a clock that only the test moves: no lease runs out by itself.
pub fn config() -> EngineConfig {
    EngineConfig {
        poll: Duration::from_millis(10),
        attempts: 3,
        backoff: Duration::from_millis(1),
        ..EngineConfig::default()
    }
}

pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(SystemClock.now()))
}

/// Waits until something holds.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..2000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

impl Scene {
    pub async fn new() -> Self {
        let clock = clock();
        Self::on(Simulator::builder(clock.clone()).build(), clock, config()).await
    }

    pub async fn on(simulator: Simulator, clock: Arc<ManualClock>, config: EngineConfig) -> Self {
        let store = Arc::new(MockStore::over(Arc::new(SqlStore::memory().await.unwrap())));
        let recording = Arc::new(Recording::new());
        let backend = Decorated::backend(Arc::new(simulator.clone()), recording.clone());
        // Answers come at once, so that a test can do something meanwhile.
        let cloud = build(store.clone(), backend, clock.clone(), config.clone());
        cloud.start().await.unwrap();
        let model = Model { orgs: 1, vdcs: 1, catalogs: 1, ..Model::default() };
        let mut made = model.build(&cloud).await.unwrap().orgs.remove(0);
        let template = NewTemplate {
            name: "two-tier".to_owned(),
            vms: ["db", "web"]
                .map(|name| (name.to_owned(), specs::vm("otherGuest64", 1, 1024, 2048)))
                .to_vec(),
            ..NewTemplate::default()
        };
        let template =
            cloud.create_template(&made.caller, made.catalogs[0].id, template).await.unwrap();
        recording.take();
        Self {
            cloud,
            simulator,
            store,
            recording,
            clock,
            config,
            me: made.caller,
            org: made.org.id,
            vdc: made.vdcs.remove(0).id,
            template: template.id,
        }
    }

    /// Another process on the same store, with this backend.
    pub fn second(&self, backend: Arc<dyn VmBackend>, config: EngineConfig) -> Cloud {
        build(self.store.clone(), backend, self.clock.clone(), config)
    }

    pub fn new_shop(&self, name: &str, power_on: bool) -> NewVApp {
        NewVApp {
            name: name.to_owned(),
            template: Some(self.template),
            deploy: power_on,
            power_on,
            ..NewVApp::default()
        }
    }

    /// Makes a vApp of the template and waits for the end of it.
    pub async fn shop(&self, name: &str, power_on: bool) -> Result<(VApp, Task)> {
        let new = self.new_shop(name, power_on);
        let (vapp, task) = self.cloud.create_vapp(&self.me, self.vdc, new).await?;
        let task = self.ended(&task).await;
        Ok((vapp, task))
    }

    /// The task when it is over.
    pub async fn ended(&self, task: &Task) -> Task {
        until("the task ends", || async { self.row(task.id).await.unwrap().status.is_final() })
            .await;
        self.row(task.id).await.unwrap()
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

    pub async fn vm(&self, name: &str) -> Vm {
        self.all::<Vm>().await.into_iter().find(|vm| vm.name == name).unwrap()
    }

    pub async fn until_power(&self, vm: &Vm, power: PowerState) {
        until(&format!("{} is {power:?}", vm.name), || async {
            self.row(vm.id).await.unwrap().state.power == power
        })
        .await;
    }

    /// How often the backend was called so, by any of the clouds that go through the recording.
    pub fn calls(&self, op: &str) -> usize {
        self.recording.calls().iter().filter(|recorded| recorded.call.op == op).count()
    }

    /// Calls that change something.
    pub fn changes(&self) -> usize {
        self.recording.calls().iter().filter(|recorded| recorded.call.changes()).count()
    }

    /// Every row has its VM and every VM its row.
    pub async fn assert_agreement(&self) {
        let mut rows: Vec<Id<Vm>> = self.all::<Vm>().await.iter().map(|vm| vm.id).collect();
        rows.sort();
        assert_eq!(rows, self.simulator.vm_ids());
    }

    /// Nothing of a vApp is left anywhere, and its name is free.
    pub async fn assert_nothing_left(&self, name: &str) {
        assert!(self.all::<VApp>().await.is_empty());
        assert!(self.all::<Vm>().await.is_empty());
        assert!(self.simulator.is_empty());
        let new = NewVApp { name: name.to_owned(), ..NewVApp::default() };
        let (vapp, task) = self.cloud.create_vapp(&self.me, self.vdc, new).await.unwrap();
        self.ended(&task).await;
        self.delete(&vapp, false).await.unwrap();
    }

    pub async fn delete(&self, vapp: &VApp, force: bool) -> Result<()> {
        let deletion = if force { Deletion::Forced } else { Deletion::Undeployed };
        let task = self.cloud.delete_vapp(&self.me, vapp.id, deletion).await?;
        let task = self.ended(&task).await;
        match task.failure {
            None => Ok(()),
            Some(failure) => Err(Error::invalid_state(failure.message)),
        }
    }

    /// How often the audit log says that the task ended.
    pub async fn ends(&self, task: &Task) -> usize {
        let events = self.all::<Event>().await;
        let of_task = events.iter().filter(|event| {
            event.entity == task.owner
                && event.operation == task.operation_name
                && event.outcome != Outcome::Accepted
        });
        of_task.count()
    }
}

fn build(
    store: Arc<MockStore>,
    backend: Arc<dyn VmBackend>,
    clock: Arc<ManualClock>,
    config: EngineConfig,
) -> Cloud {
    Cloud::builder(store)
        .backend(ProviderVdc::DEFAULT, backend)
        .clock(clock)
        .engine(config)
        .grace(Duration::ZERO)
        .build()
}
