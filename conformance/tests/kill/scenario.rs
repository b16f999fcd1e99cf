//! What is done while the process is killed, and what it is done to.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use ssvirt_backends::{
    decorate::{Decorated, Fault, Hook},
    memory::Simulator,
    sql::{self, SqlOptions, SqlStore},
};
use ssvirt_core::{
    Cloud, Id, TenancyStore, VmBackend,
    backend::PowerAction,
    env::{Clock, ManualClock, SystemClock},
    id::Entity,
    model::{ProviderVdc, Task, Template, VApp, Vdc, Vm},
    service::{
        Caller, Deletion, HardwareChange, NewTemplate, NewVApp, NewVm, Recompose, Removal,
        VmChange, VmSource,
    },
    store::{By, Table, UnitOfWork},
    task::EngineConfig,
};
use ssvirt_fixtures::{Model, finished, specs};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// A vApp of two VMs that are switched on; the answer comes when all is done.
    Instantiate,
    /// The same; the answer comes at once.
    Acknowledged,
    /// The same; the second VM cannot be switched on, so all is undone.
    Failing,
    /// The same; the simulator's world is in the process, as in `serve --demo`.
    Forgetful,
    /// A task that was begun by a process that was killed.
    Resume,
    /// The forced deletion of a vApp that runs.
    Delete,
    /// A VM is added and switched on, another is deleted.
    Recompose,
    /// A VM gets more memory.
    Change,
    /// A vApp is switched on.
    PowerOn,
    /// The forced deletion of an organization with a vApp that runs.
    RemoveOrg,
}

impl Scenario {
    const ALL: [Self; 10] = [
        Self::Instantiate,
        Self::Acknowledged,
        Self::Failing,
        Self::Forgetful,
        Self::Resume,
        Self::Delete,
        Self::Recompose,
        Self::Change,
        Self::PowerOn,
        Self::RemoveOrg,
    ];

    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|scenario| format!("{scenario:?}") == name).unwrap()
    }

    /// VCD's name of the operation whose task is killed.
    pub fn operation(self) -> &'static str {
        match self {
            Self::Delete => "vdcDeleteVapp",
            Self::Recompose => "vdcRecomposeVapp",
            Self::Change => "vappUpdateVm",
            Self::PowerOn => "vappPowerOn",
            Self::RemoveOrg => "orgDelete",
            _ => "vdcInstantiateVapp",
        }
    }

    pub fn is_variation(self) -> bool {
        matches!(
            self,
            Self::Acknowledged | Self::Forgetful | Self::Resume | Self::Recompose | Self::RemoveOrg
        )
    }

    fn begins_with_a_vapp(self) -> bool {
        self.begins_with_it_on() || matches!(self, Self::Recompose | Self::Change | Self::PowerOn)
    }

    /// Whether all of it runs at the beginning, and is to be gone in the end.
    pub fn begins_with_it_on(self) -> bool {
        matches!(self, Self::Delete | Self::RemoveOrg)
    }
}

/// A clock that is ahead by so much that no lease of an earlier process is valid.
fn later(hours: i64) -> Arc<dyn Clock> {
    let now: Timestamp = SystemClock.now();
    Arc::new(ManualClock::new(now + Duration::from_secs(hours.unsigned_abs() * 3600)))
}

/// A cloud on the files of a folder.
pub struct Place {
    pub cloud: Cloud,
    pub store: SqlStore,
    pub simulator: Simulator,
    scenario: Scenario,
}

impl Place {
    /// The cloud of the process that is killed, with a hook round both store and backend; none for the
    /// one that comes after it. Nothing works in the background of the first, so that its calls are always
    /// the same.
    pub async fn open(folder: &Path, scenario: Scenario, hook: Option<Arc<dyn Hook>>) -> Self {
        let clock = match (&hook, scenario) {
            (Some(_), Scenario::Resume) => later(1),
            (Some(_), _) => Arc::new(SystemClock) as Arc<dyn Clock>,
            (None, _) => later(2),
        };
        let url = format!("sqlite://{}", folder.join("store.db").display());
        let options = SqlOptions {
            max_connections: Some(2),
            survive_power_loss: false,
            ..SqlOptions::default()
        };
        let store = sql::connect(&url, options).await.unwrap();
        let mut simulator = Simulator::builder(Arc::clone(&clock));
        if scenario != Scenario::Forgetful {
            simulator = simulator.world_file(folder.join("world.json"));
        }
        if scenario == Scenario::Failing {
            simulator = simulator.fault(Fault::on("power_vm").about("web").permanent());
        }
        let simulator = simulator.build();
        let mut shown: (Arc<dyn TenancyStore>, Arc<dyn VmBackend>) =
            (Arc::new(store.clone()), Arc::new(simulator.clone()));
        let killed = hook.is_some();
        if let Some(hook) = hook {
            shown.0 = Decorated::store(shown.0, hook.clone());
            shown.1 = Decorated::backend(shown.1, hook);
        }
        let config = EngineConfig {
            poll: Duration::from_millis(5),
            attempts: 5,
            backoff: Duration::from_millis(1),
            ..EngineConfig::default()
        };
        let grace = match scenario {
            Scenario::Acknowledged if killed => Duration::ZERO,
            _ => Duration::from_secs(60),
        };
        let cloud = Cloud::builder(shown.0)
            .backend(ProviderVdc::DEFAULT, shown.1)
            .clock(clock)
            .engine(config)
            .grace(grace)
            .build();
        if killed && scenario == Scenario::Forgetful {
            // Makes the places; nothing that it starts in the background gets to run.
            let plain = Cloud::builder(Arc::new(store.clone()))
                .backend(ProviderVdc::DEFAULT, Arc::new(simulator.clone()))
                .build();
            plain.start().await.unwrap();
            plain.stop().await;
        } else if killed {
            simulator.start(Vec::new()).await.unwrap();
        } else {
            store.migrate().await.unwrap();
            cloud.start().await.unwrap();
        }
        Self { cloud, store, simulator, scenario }
    }

    pub async fn close(self) {
        self.cloud.stop().await;
        self.store.close().await;
    }

    /// All rows of a type.
    pub async fn all<T: Entity + Send + Sync + 'static>(&self) -> Vec<T>
    where
        dyn UnitOfWork: Table<T>,
    {
        self.store.read().await.unwrap().select(&[]).await.unwrap()
    }

    async fn vm(&self, name: &str) -> Id<Vm> {
        let mut tx = self.store.read().await.unwrap();
        tx.find::<Vm>(&[By::Name(name.to_owned())]).await.unwrap().unwrap().id
    }

    async fn vapp(&self) -> Id<VApp> {
        self.all::<VApp>().await[0].id
    }

    /// The request for the vApp that all scenarios are about.
    async fn shop(&self, power_on: bool) -> (Id<Vdc>, NewVApp) {
        let template = self.all::<Template>().await[0].id;
        let new = NewVApp {
            name: "shop".to_owned(),
            template: Some(template),
            deploy: power_on,
            power_on,
            ..NewVApp::default()
        };
        (self.all::<Vdc>().await[0].id, new)
    }

    /// Does it, and leaves a note when the call has returned.
    pub async fn perform(&self, folder: &Path) {
        let (cloud, me) = (&self.cloud, &Caller::system());
        let task = match self.scenario {
            Scenario::Resume => {
                assert_eq!(cloud.engine().run_pending().await.unwrap(), 1);
                return;
            }
            Scenario::RemoveOrg => {
                let org = self.all::<Vdc>().await[0].org;
                let force = Removal { force: true, ..Removal::default() };
                cloud.delete_org(me, org, force).await
            }
            Scenario::Delete => cloud.delete_vapp(me, self.vapp().await, Deletion::Forced).await,
            Scenario::PowerOn => cloud.power_vapp(me, self.vapp().await, PowerAction::On).await,
            Scenario::Change => {
                let hardware =
                    HardwareChange { memory_mib: Some(2048), ..HardwareChange::default() };
                let change = VmChange { hardware, ..VmChange::default() };
                cloud.change_vm(me, self.vm("web").await, "vappUpdateVm", change).await
            }
            Scenario::Recompose => {
                let new = NewVm {
                    name: Some("cache".to_owned()),
                    description: None,
                    source: VmSource::Copy(self.vm("web").await),
                    change: VmChange::default(),
                };
                let change = Recompose {
                    add: vec![new],
                    delete: vec![self.vm("db").await],
                    power_on: true,
                    ..Recompose::default()
                };
                cloud.recompose_vapp(me, self.vapp().await, change).await
            }
            _ => {
                let (vdc, new) = self.shop(true).await;
                cloud.create_vapp(me, vdc, new).await.map(|(_, task)| task)
            }
        };
        let task = task.unwrap();
        std::fs::write(folder.join("acknowledged"), task.id.to_string()).unwrap();
        // Looked at past the hook, so that looking does not count.
        while !self.task(task.id).await.status.is_final() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn task(&self, id: Id<Task>) -> Task {
        self.store.read().await.unwrap().require(id).await.unwrap()
    }
}

/// Makes the files that the scenario begins with.
pub async fn prepare(scenario: Scenario, folder: &Path) {
    let place = Place::open(folder, Scenario::Instantiate, None).await;
    let inventory = Model { orgs: 1, vdcs: 1, catalogs: 1, ..Model::default() };
    let made = inventory.build(&place.cloud).await.unwrap().orgs.remove(0);
    let template = NewTemplate {
        name: "two-tier".to_owned(),
        vms: ["db", "web"]
            .map(|name| (name.to_owned(), specs::vm("otherGuest64", 1, 1024, 2048)))
            .to_vec(),
        ..NewTemplate::default()
    };
    place.cloud.create_template(&made.caller, made.catalogs[0].id, template).await.unwrap();
    if scenario.begins_with_a_vapp() {
        let (vdc, new) = place.shop(scenario.begins_with_it_on()).await;
        let me = Caller::system();
        let (_, task) = place.cloud.create_vapp(&me, vdc, new).await.unwrap();
        finished(&place.cloud, &me, task).await.unwrap();
    }
    place.close().await;
}
