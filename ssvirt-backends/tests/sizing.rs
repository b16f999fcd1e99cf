//! Sizes that catalog sources offer become sizing policies, and what they fix of VMs is fixed.

#![cfg(all(feature = "memory", feature = "sqlite"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are not seen as tests")]

use std::{sync::Arc, time::Duration};

use ssvirt_backends::{
    memory::{FixedCatalog, Simulator},
    sql::SqlStore,
};
use ssvirt_core::{
    Cloud, ErrorKind, Id,
    catalog::Sizing,
    env::SystemClock,
    model::{ComputePolicy, Org, ProviderVdc, Task, Vdc, Vm, VmSpec},
    service::{
        Caller, HardwareChange, NewStorageProfile, NewVApp, NewVdc, NewVm, VmChange, VmDetails,
        VmSource,
    },
};

fn sizing(name: &str, cpus: i32, memory_mib: i64) -> Sizing {
    Sizing {
        external_id: name.to_owned(),
        name: name.to_owned(),
        description: format!("{name} VMs"),
        cpus,
        memory_mib,
    }
}

struct Scene {
    source: Arc<FixedCatalog>,
    cloud: Cloud,
    caller: Caller,
    vdc: Vdc,
}

impl Scene {
    async fn new() -> Self {
        let source = Arc::new(FixedCatalog::new([]));
        source.offer_sizings([sizing("small", 1, 512), sizing("large", 4, 8_192)]);
        let simulator = Simulator::builder(Arc::new(SystemClock)).build();
        let cloud = Cloud::builder(Arc::new(SqlStore::memory().await.unwrap()))
            .backend(ProviderVdc::DEFAULT, Arc::new(simulator))
            .source(ProviderVdc::DEFAULT, source.clone())
            .build();
        cloud.start().await.unwrap();
        cloud.sync_sources().await.unwrap();
        let caller = Caller::system();
        let storage = NewStorageProfile { name: "standard".to_owned(), limit_mib: 0 };
        let new =
            NewVdc { name: "vdc".to_owned(), storage_profiles: vec![storage], ..NewVdc::default() };
        let (vdc, task) = cloud.create_vdc(&caller, Org::SYSTEM, new).await.unwrap();
        let scene = Self { source, cloud, caller, vdc };
        scene.done(task).await;
        scene
    }

    async fn done(&self, task: Task) {
        for _ in 0..600 {
            let now = self.cloud.task(&self.caller, task.id).await.unwrap();
            if now.status.is_final() {
                assert_eq!(now.failure, None);
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} takes too long", task.operation);
    }

    async fn policies(&self) -> Vec<ComputePolicy> {
        self.cloud.compute_policies(&self.caller, self.vdc.id).await.unwrap()
    }

    async fn policy(&self, name: &str) -> ComputePolicy {
        self.policies().await.into_iter().find(|policy| policy.name == name).unwrap()
    }

    async fn vm(&self, policy: Option<Id<ComputePolicy>>) -> Id<Vm> {
        let spec = VmSpec { cpus: 2, cores_per_socket: 2, memory_mib: 1_024, ..VmSpec::default() };
        let vm = NewVm {
            name: Some("vm".to_owned()),
            description: None,
            source: VmSource::Empty(Box::new(spec)),
            change: VmChange { sizing_policy: policy, ..VmChange::default() },
        };
        let new = NewVApp { name: "vapp".to_owned(), vms: vec![vm], ..NewVApp::default() };
        let (vapp, task) = self.cloud.create_vapp(&self.caller, self.vdc.id, new).await.unwrap();
        self.done(task).await;
        self.cloud.vapp(&self.caller, vapp.id).await.unwrap().vms[0].vm.id
    }

    async fn seen(&self, vm: Id<Vm>) -> VmDetails {
        self.cloud.vm(&self.caller, vm).await.unwrap()
    }

    async fn change(&self, vm: Id<Vm>, change: VmChange) -> Result<(), ErrorKind> {
        let task = self.cloud.change_vm(&self.caller, vm, "vappUpdateVm", change).await;
        self.done(task.map_err(|error| error.kind())?).await;
        Ok(())
    }
}

fn give(policy: Id<ComputePolicy>) -> VmChange {
    VmChange { sizing_policy: Some(policy), ..VmChange::default() }
}

fn cpus(cpus: i32) -> VmChange {
    let hardware = HardwareChange { cpus: Some(cpus), ..HardwareChange::default() };
    VmChange { hardware, ..VmChange::default() }
}

#[tokio::test]
async fn policies_follow_their_source() {
    let scene = Scene::new().await;
    let names = async || {
        let all = scene.policies().await;
        all.into_iter().map(|policy| policy.name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["System Default", "large", "small"]);
    let small = scene.policy("small").await;
    assert_eq!((small.cpus, small.memory_mib), (Some(1), Some(512)));
    scene.cloud.sync_sources().await.unwrap();
    assert_eq!(scene.policy("small").await, small, "a second time changes nothing");

    scene.source.set_down(true);
    scene.cloud.sync_sources().await.unwrap();
    assert_eq!(names().await.len(), 3, "a source that is down leaves them");
    scene.source.set_down(false);
    scene.source.offer_sizings([sizing("small", 1, 768)]);
    scene.cloud.sync_sources().await.unwrap();
    assert_eq!(names().await, ["System Default", "small"]);
    let changed = scene.policy("small").await;
    assert_eq!((changed.id, changed.memory_mib), (small.id, Some(768)));
    scene.source.offer_sizings([sizing("small", 1, 768), sizing("large", 4, 8_192)]);
    scene.cloud.sync_sources().await.unwrap();
    assert_eq!(names().await.len(), 3, "what is offered again is there again");
}

#[tokio::test]
async fn what_a_policy_fixes_is_fixed() {
    let scene = Scene::new().await;
    let (small, large) = (scene.policy("small").await.id, scene.policy("large").await.id);
    let vm = scene.vm(Some(small)).await;
    let size = async || {
        let seen = scene.seen(vm).await;
        let spec = &seen.vm.spec;
        let policy = seen.policy().map(|policy| policy.name.clone()).unwrap_or_default();
        (spec.cpus, spec.cores_per_socket, spec.memory_mib, policy)
    };
    assert_eq!(size().await, (1, 1, 512, "small".to_owned()));
    // What clients repeat changes nothing, and nothing else is taken.
    scene.change(vm, cpus(1)).await.unwrap();
    assert_eq!(scene.change(vm, cpus(2)).await, Err(ErrorKind::BadRequest));
    scene.change(vm, give(large)).await.unwrap();
    assert_eq!(size().await, (4, 1, 8_192, "large".to_owned()));
    // Without one it is free, and stays as it is.
    scene.change(vm, give(ComputePolicy::SYSTEM_DEFAULT)).await.unwrap();
    assert_eq!(size().await, (4, 1, 8_192, String::new()));
    scene.change(vm, cpus(2)).await.unwrap();
    let unknown = scene.change(vm, give(Id::new(uuid::Uuid::from_u128(7)))).await;
    assert_eq!(unknown, Err(ErrorKind::Forbidden));
}

/// A VM keeps a policy that is no more, or is another now; nobody else gets it.
#[tokio::test]
async fn a_policy_that_goes_leaves_its_vms_as_they_are() {
    let scene = Scene::new().await;
    let small = scene.policy("small").await.id;
    let vm = scene.vm(Some(small)).await;
    scene.source.offer_sizings([sizing("small", 2, 512)]);
    scene.cloud.sync_sources().await.unwrap();
    let seen = scene.seen(vm).await;
    assert_eq!((seen.vm.spec.cpus, seen.policy().unwrap().is_met_by(&seen.vm.spec)), (1, false));
    let renamed = VmChange { description: Some("still there".to_owned()), ..VmChange::default() };
    scene.change(vm, renamed).await.unwrap();

    scene.source.offer_sizings([]);
    scene.cloud.sync_sources().await.unwrap();
    assert_eq!(scene.seen(vm).await.policy().unwrap().name, "small");
    // As clients do that send back what they have read.
    scene.change(vm, give(small)).await.unwrap();
    scene.change(vm, give(ComputePolicy::SYSTEM_DEFAULT)).await.unwrap();
    assert_eq!(scene.change(vm, give(small)).await, Err(ErrorKind::Forbidden));
}
