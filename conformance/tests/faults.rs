//! What is left when the backend fails: each of its calls once, each for good.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::{env, net::Ipv4Addr, path::PathBuf, sync::Arc};

use ssvirt_backends::{
    decorate::{Decorated, Fault, Faulty},
    memory::Simulator,
    sql::{self, SqlOptions, SqlStore},
};
use ssvirt_conformance::{
    postgres,
    replay::{self, Flow, Options, Stage, case::Exchange, stage::PASSWORD},
};
use ssvirt_core::{
    Cloud, Id, Result, TenancyStore,
    env::SystemClock,
    model::{IpMode, Network, PowerState, Task, TaskStatus, Template, VApp, Vdc, Vm},
    page::PageRequest,
    query::{Query, RecordType},
    service::{
        Caller, Deletion, NewVApp, NewVm, NicRequest, Recompose, VAppNetworkRequest, VmChange,
        VmSource,
    },
};
use ssvirt_fixtures::{demo, finished, specs};

/// More calls than any of the flows makes; a test that comes so far goes round in circles.
const MANY: u64 = 100;

/// The demo on a simulator whose calls fail by rules, and the demo's administrator.
struct Scene {
    stage: Stage,
    simulator: Simulator,
    faulty: Arc<Faulty>,
    admin: Caller,
    vdc: Id<Vdc>,
    network: Id<Network>,
    two_tier: Id<Template>,
}

impl Scene {
    async fn new(store: Arc<dyn TenancyStore>) -> Self {
        let simulator = Simulator::builder(Arc::new(SystemClock)).build();
        let faulty = Arc::new(Faulty::default());
        let backend = Decorated::backend(Arc::new(simulator.clone()), faulty.clone());
        let stage = Stage::new(store, backend).await.unwrap();
        let cloud = stage.cloud();
        let admin = cloud.login(demo::ORG, "admin", PASSWORD).await.unwrap().caller;
        let vdc = cloud.vdcs(&admin, admin.org).await.unwrap().remove(0).id;
        let network = cloud.networks(&admin, admin.org).await.unwrap().remove(0).id;
        let catalog = cloud.catalogs(&admin, admin.org).await.unwrap().remove(0).id;
        let items = cloud.catalog(&admin, catalog).await.unwrap().items;
        let two_tier = items.iter().find(|item| item.name == "two-tier").unwrap().template;
        Self { stage, simulator, faulty, admin, vdc, network, two_tier }
    }

    fn cloud(&self) -> &Cloud {
        self.stage.cloud()
    }

    /// From now on only this fails.
    fn fail(&self, fault: Fault) -> u64 {
        self.faulty.faults().clear();
        self.faulty.faults().add(fault);
        self.faulty.faults().struck()
    }

    fn heal(&self) {
        self.faulty.faults().clear();
    }

    /// Waits for a task; how it ended.
    async fn ended(&self, started: Result<Task>) -> TaskStatus {
        // A request is not refused because the backend fails: its task does.
        let task = started.unwrap();
        match finished(self.cloud(), &self.admin, task.clone()).await {
            Ok(task) => task.status,
            Err(_) => {
                let task = self.cloud().task(&self.admin, task.id).await.unwrap();
                assert!(task.failure.is_some(), "a task that failed says why");
                task.status
            }
        }
    }

    async fn total(&self, record: &str) -> u64 {
        let record = RecordType::from_name(record).unwrap();
        let page = PageRequest::new(1, PageRequest::MAX_SIZE).unwrap();
        let query = Query { page, ..Query::new(record) };
        let rows = self.cloud().query(&self.admin, query).await;
        rows.unwrap().total
    }

    /// vApps and VMs, those of templates too.
    async fn totals(&self) -> (u64, u64) {
        (self.total("vApp").await, self.total("vm").await)
    }

    /// Two VMs on the network, running.
    async fn instantiate(&self) -> (Id<VApp>, TaskStatus) {
        let new = NewVApp {
            name: "tiers".to_owned(),
            template: Some(self.two_tier),
            networks: vec![VAppNetworkRequest {
                name: demo::NETWORK.to_owned(),
                parent: Some(self.network),
                ..VAppNetworkRequest::default()
            }],
            deploy: true,
            power_on: true,
            ..NewVApp::default()
        };
        let (vapp, task) = self.cloud().create_vapp(&self.admin, self.vdc, new).await.unwrap();
        (vapp.id, self.ended(Ok(task)).await)
    }

    /// One more VM, with an address of the network, running.
    async fn add(&self, vapp: Id<VApp>) -> TaskStatus {
        let nic = NicRequest {
            index: 0,
            network: Some(demo::NETWORK.to_owned()),
            connected: true,
            mode: IpMode::Pool,
            ip: None,
            mac: None,
            adapter: None,
        };
        let vm = NewVm {
            name: Some("more".to_owned()),
            description: None,
            source: VmSource::Empty(Box::new(specs::vm("otherGuest64", 1, 512, 1024))),
            change: VmChange { nics: Some((0, vec![nic])), ..VmChange::default() },
        };
        let change =
            Recompose { add: vec![vm], deploy: true, power_on: true, ..Recompose::default() };
        self.ended(self.cloud().recompose_vapp(&self.admin, vapp, change).await).await
    }

    async fn delete(&self, vapp: Id<VApp>) -> TaskStatus {
        self.ended(self.cloud().delete_vapp(&self.admin, vapp, Deletion::Forced).await).await
    }

    async fn vms(&self, vapp: Id<VApp>) -> Vec<Vm> {
        let details = self.cloud().vapp(&self.admin, vapp).await.unwrap();
        details.vms.into_iter().map(|vm| vm.vm).collect()
    }

    /// The rows of the vApp's VMs and the VMs of the simulator are the same.
    async fn both_sides_agree(&self, vapp: Id<VApp>) {
        let mut ids: Vec<Id<Vm>> = self.vms(vapp).await.iter().map(|vm| vm.id).collect();
        ids.sort();
        assert_eq!(ids, self.simulator.vm_ids());
    }

    async fn addresses(&self, vapp: Id<VApp>) -> Vec<Ipv4Addr> {
        let vms = self.vms(vapp).await;
        let mut all: Vec<_> =
            vms.iter().flat_map(|vm| &vm.spec.nics).filter_map(|nic| nic.ip).collect();
        all.sort_unstable();
        all
    }
}

/// Runs a test on SQLite, and on PostgreSQL where there is one.
async fn on_each_store<F: Future<Output = ()>>(test: impl Fn(Arc<dyn TenancyStore>) -> F) {
    test(Arc::new(SqlStore::memory().await.unwrap())).await;
    if let Some(url) = postgres::fresh().await {
        let options = SqlOptions { max_connections: Some(6), ..SqlOptions::default() };
        let store = sql::connect(&url, options).await.unwrap();
        store.migrate().await.unwrap();
        test(Arc::new(store)).await;
    }
}

/// The `n`-th call of the backend fails, and no repetition mends it. Calls that only look are not counted:
/// they are made in the background too.
fn nth(n: u64) -> Fault {
    Fault::on("*_*").nth(n).permanent()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_instantiation_that_fails_nothing_is_left() {
    on_each_store(|store| async {
        let scene = Scene::new(store).await;
        let before = scene.totals().await;
        let mut failed = 0;
        for n in 1..=MANY {
            assert!(n < MANY);
            let struck = scene.fail(nth(n));
            let (vapp, status) = scene.instantiate().await;
            let struck = scene.faulty.faults().struck() - struck;
            scene.heal();
            if struck == 0 {
                assert_eq!(status, TaskStatus::Success);
                break;
            }
            failed += 1;
            assert_eq!(status, TaskStatus::Error, "call {n}");
            assert_eq!(scene.totals().await, before, "call {n}");
            assert!(scene.simulator.is_empty(), "call {n}");
            assert!(scene.cloud().vapp(&scene.admin, vapp).await.is_err(), "call {n}");
        }
        println!("instantiate: {failed} calls, each failed for good");
        assert!(failed >= 4, "two VMs are created and switched on");
        // The last round worked: the names were free, and so were the addresses.
        let vapps = scene.totals().await;
        assert_eq!(vapps, (before.0 + 1, before.1 + 2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_always_fails_leaves_nothing_either() {
    on_each_store(|store| async {
        let scene = Scene::new(store).await;
        let before = scene.totals().await;
        for op in ["create_vm", "power_vm"] {
            scene.fail(Fault::on(op).permanent());
            assert_eq!(scene.instantiate().await.1, TaskStatus::Error, "{op}");
            assert_eq!(scene.totals().await, before, "{op}");
            assert!(scene.simulator.is_empty(), "{op}");
            // Only the answer is lost: the VM is there, and must go.
            scene.fail(Fault::on(op).permanent().lost_answer());
            assert_eq!(scene.instantiate().await.1, TaskStatus::Error, "{op}");
            assert_eq!(scene.totals().await, before, "{op}");
            assert!(scene.simulator.is_empty(), "{op}");
        }
        scene.heal();
        let (vapp, status) = scene.instantiate().await;
        assert_eq!(status, TaskStatus::Success);
        let vms = scene.vms(vapp).await;
        assert!(vms.iter().all(|vm| vm.state.power == PowerState::On));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_vm_that_cannot_be_added_nothing_is_left() {
    on_each_store(|store| async {
        let scene = Scene::new(store).await;
        let (vapp, status) = scene.instantiate().await;
        assert_eq!(status, TaskStatus::Success);
        let (before, addresses) = (scene.totals().await, scene.addresses(vapp).await);
        let mut failed = 0;
        for n in 1..=MANY {
            assert!(n < MANY);
            let struck = scene.fail(nth(n));
            let status = scene.add(vapp).await;
            let struck = scene.faulty.faults().struck() - struck;
            scene.heal();
            if struck == 0 {
                assert_eq!(status, TaskStatus::Success);
                break;
            }
            failed += 1;
            assert_eq!(status, TaskStatus::Error, "call {n}");
            assert_eq!(scene.totals().await, before, "call {n}");
            assert_eq!(scene.addresses(vapp).await, addresses, "call {n}");
            scene.both_sides_agree(vapp).await;
        }
        println!("add: {failed} calls, each failed for good");
        assert!(failed >= 2, "a VM is created and switched on");
        assert_eq!(scene.totals().await, (before.0, before.1 + 1));
        let now = scene.addresses(vapp).await;
        let first_free = (10..=200)
            .map(|n| Ipv4Addr::new(192, 168, 100, n))
            .find(|ip| !addresses.contains(ip))
            .unwrap();
        assert!(now.contains(&first_free), "{first_free} was free again: {now:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_fails_is_repeated() {
    on_each_store(|store| async {
        let scene = Scene::new(store).await;
        let before = scene.totals().await;
        let mut failed = 0;
        for n in 1..=MANY {
            assert!(n < MANY);
            let (vapp, status) = scene.instantiate().await;
            assert_eq!(status, TaskStatus::Success, "the name was free");
            let struck = scene.fail(nth(n));
            let status = scene.delete(vapp).await;
            let struck = scene.faulty.faults().struck() - struck;
            scene.heal();
            if struck > 0 {
                failed += 1;
                assert_eq!(status, TaskStatus::Error, "call {n}");
                scene.both_sides_agree(vapp).await;
                assert_eq!(scene.delete(vapp).await, TaskStatus::Success, "call {n}");
            }
            assert_eq!(scene.totals().await, before, "call {n}");
            assert!(scene.simulator.is_empty(), "call {n}");
            if struck == 0 {
                break;
            }
        }
        println!("delete: {failed} calls, each failed for good");
        assert!(failed >= 2, "two VMs are deleted");
    })
    .await;
}

/// What a client sees: the vApp is accepted, and its task ends with an error.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_told_that_its_task_failed() {
    let (_, path) =
        replay::cases().unwrap().into_iter().find(|(name, _)| name == "vcd-cli-vapp-life").unwrap();
    let mut flow = Flow::read(&path).unwrap();
    let is_instantiation =
        |exchange: &Exchange| exchange.path.ends_with("/action/instantiateVAppTemplate");
    let at = flow.exchanges.iter().position(is_instantiation).unwrap();
    // Until the client asks for the task.
    flow.exchanges.truncate(at + 2);
    for op in ["create_vm", "power_vm"] {
        let scene = Scene::new(Arc::new(SqlStore::memory().await.unwrap())).await;
        let before = scene.totals().await;
        scene.fail(Fault::on(op).permanent());
        let answers = env::var_os("SSVIRT_CONFORMANCE_ANSWERS").filter(|folder| !folder.is_empty());
        let answers = answers.map(|folder| PathBuf::from(folder).join(format!("fault-{op}.jsonl")));
        if let Some(path) = &answers {
            std::fs::remove_file(path).ok();
        }
        let options = Options { answers, ..Options::default() };
        let seen = replay::record(&flow, &scene.stage.transport(), &options).await.unwrap();
        let (accepted, task) = (&seen.exchanges[at].expect, &seen.exchanges[at + 1].expect);
        assert_eq!((accepted.status, task.status), (201, 200));
        assert!(task.body[0].starts_with("Task ") && task.body[0].contains(" status='error'"));
        let error = task.body.iter().find(|line| line.starts_with(" Error "));
        let error = error.unwrap_or_else(|| panic!("no Error in {:#?}", task.body));
        println!("{op}:{error}");
        assert!(error.contains("majorErrorCode='500'") && error.contains("minorErrorCode='"));
        assert_eq!(scene.totals().await, before, "{op}");
        assert!(scene.simulator.is_empty(), "{op}");
    }
}

/// The answers are compared by the replay of the same flows; here it is counted that calls did fail.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_fail_once_change_nothing() {
    let once = || Fault::on("*_*").each_once();
    // The second too fails of calls that are made again and again; its repetition is the third, and passes.
    for fault in [once(), once().lost_answer(), Fault::on("*_*").every(2)] {
        for (name, path) in replay::cases().unwrap() {
            if !name.starts_with("terraform-") && name != "vcd-cli-vapp-life" {
                continue;
            }
            let scene = Scene::new(Arc::new(SqlStore::memory().await.unwrap())).await;
            let before = scene.totals().await;
            scene.fail(fault.clone());
            let flow = Flow::read(&path).unwrap();
            let report = replay::replay(&flow, &scene.stage.transport(), &Options::default()).await;
            report.named(&name).assert_passed();
            let struck = scene.faulty.faults().struck();
            println!("{name}: {struck} calls failed once");
            assert!(struck >= 4, "{name}: only {struck} calls failed");
            assert_eq!(scene.totals().await, before, "{name}");
            assert!(scene.simulator.is_empty(), "{name}");
        }
    }
}
