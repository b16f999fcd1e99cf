//! What is done, on what.

use std::{path::Path, sync::Arc, time::Duration};

use kube::Client;
use ssvirt_backends::{
    kubevirt::{KubeVirt, place::PlaceOptions},
    sql::{self, SqlOptions, SqlStore},
};
use ssvirt_core::{
    Cloud, Id, TenancyStore as _,
    backend::PowerAction,
    env::{Clock, IdSource as _, ManualClock, RandomIds, SystemClock},
    id::Entity,
    model::{GuestCustomization, Org, ProviderVdc, Task, Template, VApp, Vdc, Vm, VmSpec},
    service::{
        Caller, Deletion, HardwareChange, NewCatalog, NewOrg, NewStorageProfile, NewTemplate,
        NewVApp, NewVdc, NewVm, Recompose, Removal, VdcChange, VmChange, VmSource,
    },
    store::{Table, UnitOfWork},
    task::EngineConfig,
};
use ssvirt_fixtures::{finished, specs};
use ssvirt_kube_bed::shared;

use super::hook::Hook;
use crate::manifests;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    CreateVdc,
    ChangeVdc,
    DeleteVdc,
    Instantiate,
    AddVm,
    ChangeVm,
    PowerOff,
    DeleteVApp,
    TakeSnapshot,
    RevertSnapshot,
    RemoveSnapshots,
}

impl Scenario {
    const ALL: [Self; 11] = [
        Self::CreateVdc,
        Self::ChangeVdc,
        Self::DeleteVdc,
        Self::Instantiate,
        Self::AddVm,
        Self::ChangeVm,
        Self::PowerOff,
        Self::DeleteVApp,
        Self::TakeSnapshot,
        Self::RevertSnapshot,
        Self::RemoveSnapshots,
    ];

    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|scenario| format!("{scenario:?}") == name).unwrap()
    }

    /// Whether it is done by calling the backend: there is no task for it.
    pub fn is_of_snapshots(self) -> bool {
        matches!(self, Self::TakeSnapshot | Self::RevertSnapshot | Self::RemoveSnapshots)
    }
}

/// A cloud on a file and the shared control plane.
pub struct Stage {
    pub cloud: Cloud,
    pub store: SqlStore,
    pub backend: Arc<KubeVirt>,
    /// An administrator, who sees all that there is.
    pub admin: Client,
}

const ME: fn() -> Caller = Caller::system;

impl Stage {
    /// With a hook it is the process that something happens to; without, the one that comes after it, when no lease
    /// of the first is valid any more.
    pub async fn open(folder: &Path, hook: Option<Arc<Hook>>) -> Self {
        let ahead = Duration::from_secs(3600);
        let clock: Arc<dyn Clock> = match &hook {
            Some(_) => Arc::new(SystemClock),
            None => Arc::new(ManualClock::new(SystemClock.now() + ahead)),
        };
        let url = format!("sqlite://{}", folder.join("store.db").display());
        let options = SqlOptions { survive_power_loss: false, ..SqlOptions::default() };
        let store = sql::connect(&url, options).await.unwrap();
        store.migrate().await.unwrap();
        let client = match hook {
            // Its parent has made the account; whose rights are tested elsewhere.
            Some(hook) => hook.around(shared::client().await.unwrap()),
            None => manifests::server().await.unwrap(),
        };
        let backend = Arc::new(KubeVirt::new(client, PlaceOptions::default()));
        let config = EngineConfig {
            poll: Duration::from_millis(50),
            attempts: 200,
            backoff_max: Duration::from_millis(200),
            ..EngineConfig::default()
        };
        let cloud = Cloud::builder(Arc::new(store.clone()))
            .backend(ProviderVdc::DEFAULT, backend.clone())
            .clock(clock)
            .engine(config)
            .build();
        cloud.start().await.unwrap();
        Self { cloud, store, backend, admin: shared::client().await.unwrap() }
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

    async fn done(&self, task: Task) {
        finished(&self.cloud, &ME(), task).await.unwrap();
    }

    /// What the scenario begins with.
    pub async fn prepare(&self, scenario: Scenario) {
        let org = NewOrg {
            name: format!("c-{}", &RandomIds.uuid().simple().to_string()[..12]),
            ..NewOrg::default()
        };
        let org = self.cloud.create_org(&ME(), org).await.unwrap();
        if scenario == Scenario::CreateVdc {
            return;
        }
        let (vdc, task) = self.cloud.create_vdc(&ME(), org.id, new_vdc()).await.unwrap();
        self.done(task).await;
        if matches!(scenario, Scenario::ChangeVdc | Scenario::DeleteVdc) {
            return;
        }
        let catalog = NewCatalog { name: "catalog".to_owned(), ..NewCatalog::default() };
        let catalog = self.cloud.create_catalog(&ME(), org.id, catalog).await.unwrap();
        let template = NewTemplate {
            name: "web".to_owned(),
            vms: vec![("web".to_owned(), spec())],
            ..NewTemplate::default()
        };
        self.cloud.create_template(&ME(), catalog.id, template).await.unwrap();
        if scenario == Scenario::Instantiate {
            return;
        }
        let on = matches!(
            scenario,
            Scenario::PowerOff | Scenario::DeleteVApp | Scenario::RevertSnapshot
        );
        let task = self.instantiate(vdc.id, on).await;
        self.done(task).await;
        if scenario.is_of_snapshots() || scenario == Scenario::DeleteVApp {
            self.take_first().await;
        }
    }

    async fn instantiate(&self, vdc: Id<Vdc>, on: bool) -> Task {
        let new = NewVApp {
            name: "shop".to_owned(),
            template: Some(self.all::<Template>().await[0].id),
            deploy: on,
            power_on: on,
            ..NewVApp::default()
        };
        self.cloud.create_vapp(&ME(), vdc, new).await.unwrap().1
    }

    /// Does it, and waits until it is over, well or not.
    pub async fn perform(&self, scenario: Scenario) {
        let cloud = &self.cloud;
        let vdc = self.all::<Vdc>().await.first().map(|vdc| vdc.id);
        let vm = self.all::<Vm>().await.first().map(|vm| vm.id);
        let vapp = self.all::<VApp>().await.first().map(|vapp| vapp.id);
        let task = match scenario {
            Scenario::CreateVdc => {
                let org = self.all::<Org>().await;
                let org = org.iter().find(|org| org.id != Org::SYSTEM).unwrap();
                cloud.create_vdc(&ME(), org.id, new_vdc()).await.unwrap().1
            }
            Scenario::ChangeVdc => {
                let change = VdcChange { memory_limit_mib: Some(8_192), ..VdcChange::default() };
                cloud.change_vdc(&ME(), vdc.unwrap(), change).await.unwrap().1
            }
            Scenario::DeleteVdc => {
                let force = Removal { force: true, ..Removal::default() };
                cloud.delete_vdc(&ME(), vdc.unwrap(), force).await.unwrap()
            }
            Scenario::Instantiate => self.instantiate(vdc.unwrap(), true).await,
            Scenario::AddVm => {
                let new = NewVm {
                    name: Some("more".to_owned()),
                    description: None,
                    source: VmSource::Empty(Box::new(spec())),
                    change: VmChange::default(),
                };
                let change = Recompose { add: vec![new], power_on: true, ..Recompose::default() };
                cloud.recompose_vapp(&ME(), vapp.unwrap(), change).await.unwrap()
            }
            Scenario::ChangeVm => {
                let hardware =
                    HardwareChange { memory_mib: Some(2_048), ..HardwareChange::default() };
                let change = VmChange { hardware, ..VmChange::default() };
                cloud.change_vm(&ME(), vm.unwrap(), "vappUpdateVm", change).await.unwrap()
            }
            Scenario::PowerOff => {
                cloud.power_vm(&ME(), vm.unwrap(), PowerAction::Off).await.unwrap()
            }
            Scenario::DeleteVApp => {
                cloud.delete_vapp(&ME(), vapp.unwrap(), Deletion::Forced).await.unwrap()
            }
            Scenario::TakeSnapshot | Scenario::RevertSnapshot | Scenario::RemoveSnapshots => {
                // How it ends is looked at by whoever comes after, here as well.
                let _ = self.snapshot(scenario).await;
                return;
            }
        };
        // How it ends is looked at by whoever comes after.
        let _ = finished(cloud, &ME(), task).await;
    }
}

fn new_vdc() -> NewVdc {
    NewVdc {
        name: "vdc".to_owned(),
        cpu_limit_mhz: 8_000,
        memory_limit_mib: 4_096,
        storage_profiles: vec![NewStorageProfile { name: "standard".to_owned(), limit_mib: 0 }],
        ..NewVdc::default()
    }
}

/// Small, and its guest is set up: there is a Secret.
fn spec() -> VmSpec {
    let guest = GuestCustomization { enabled: true, ..GuestCustomization::default() };
    VmSpec { guest, ..specs::vm("debian12_64Guest", 1, 512, 1_024) }
}
