//! What a cluster has no room for, cannot get, or cannot run.

use k8s_openapi::api::{core::v1::Secret, storage::v1::StorageClass};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams},
};
use serde_json::json;
use ssvirt_backends::kubevirt::{
    KubeVirt, labels,
    place::{PlaceOptions, Places},
    resources::{DataVolume, VirtualMachine, vm::RunStrategy},
};
use ssvirt_core::{
    Error, ErrorKind, Id, VmBackend as _,
    backend::{Place, PlaceStorage, PowerAction, VmPlan, VmRef},
    env::{IdSource as _, RandomIds},
    model::{PowerState, VmSpec},
};
use ssvirt_kube_bed::{
    node::{Fault, Rule, Step},
    shared,
};

use super::{manifests, places, vms};

/// A place on the shared cluster, with the backend.
pub struct Scene {
    pub client: Client,
    pub backend: KubeVirt,
    pub place: Place,
    pub namespace: String,
}

/// A new VM of a place.
pub fn plan_in(place: &Place, name: &str, spec: VmSpec) -> VmPlan {
    VmPlan {
        target: VmRef { vm: Id::new(RandomIds.uuid()), vdc: place.vdc },
        vapp: Id::new(RandomIds.uuid()),
        name: name.to_owned(),
        spec,
        products: Vec::new(),
    }
}

impl Scene {
    /// None where there is no cluster.
    pub async fn new(org: &str, change: impl FnOnce(&mut Place)) -> Option<Self> {
        let server = manifests::server().await?;
        let client = shared::client().await.unwrap();
        let backend = KubeVirt::new(server, PlaceOptions::default());
        let mut place = places::place(org, "vdc");
        change(&mut place);
        backend.ensure_place(&place).await.unwrap();
        let places = Places::new(client.clone(), PlaceOptions::default());
        let namespace = places.find(place.vdc).await.unwrap().unwrap();
        Some(Self { client, backend, place, namespace })
    }

    pub fn plan(&self, name: &str, spec: VmSpec) -> VmPlan {
        plan_in(&self.place, name, spec)
    }

    pub async fn machine(&self, plan: &VmPlan) -> VirtualMachine {
        let machines: Api<VirtualMachine> = Api::namespaced(self.client.clone(), &self.namespace);
        let label = format!("{}={}", labels::VM_ID, plan.target.vm.uuid());
        let mut found = machines.list(&ListParams::default().labels(&label)).await.unwrap();
        found.items.remove(0)
    }

    async fn refused(&self, plan: &VmPlan, action: PowerAction) -> Error {
        let error = self.backend.power_vm(plan.target, action).await.unwrap_err();
        for secret in [self.namespace.as_str(), "bed-node", "127.0.0.1", "10.244."] {
            assert!(!error.message().contains(secret), "{}", error.message());
        }
        error
    }

    /// It is off, will not start by itself, and goes without a trace.
    async fn is_off_and_goes(&self, plan: &VmPlan) {
        let strategy = self.machine(plan).await.spec.run_strategy;
        assert_eq!(strategy, Some(RunStrategy::Halted));
        self.backend.delete_vm(plan.target).await.unwrap();
        let volumes: Api<DataVolume> = Api::namespaced(self.client.clone(), &self.namespace);
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let label = format!("{}={}", labels::VM_ID, plan.target.vm.uuid());
        let ours = ListParams::default().labels(&label);
        for _ in 0..150 {
            let left = volumes.list(&ours).await.unwrap().items.len()
                + secrets.list(&ours).await.unwrap().items.len();
            if left == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        panic!("something of the VM is left");
    }
}

fn spec(cpus: i32, memory_mib: i64) -> VmSpec {
    VmSpec { cpus, memory_mib, disks: vec![vms::disk(0)], ..VmSpec::default() }
}

/// With limits on CPU and memory a quota counts what pods ask for and their limits: VMs run within them, and the
/// one that does not fit is refused before it is started.
#[tokio::test(flavor = "multi_thread")]
async fn vms_run_up_to_the_limits_of_their_vdc() {
    // 3 cores and 3 GiB.
    let limited = |place: &mut Place| {
        (place.cpu_limit_mhz, place.vcpu_mhz, place.memory_limit_mib) = (3_000, 1_000, 3_072);
    };
    let Some(scene) = Scene::new("limited", limited).await else { return };
    let plans = [scene.plan("a", spec(1, 1_024)), scene.plan("b", spec(2, 2_048))];
    for plan in &plans {
        scene.backend.create_vm(plan).await.unwrap();
        let state = scene.backend.power_vm(plan.target, PowerAction::On).await.unwrap();
        assert_eq!(state.power, PowerState::On);
    }
    // The store admits no VM beyond the VDC's limits; should one come all the same, there is no more room
    // than for what runs beside VMs.
    let large = scene.plan("c", spec(16, 65_536));
    scene.backend.create_vm(&large).await.unwrap();
    let refused = scene.refused(&large, PowerAction::On).await;
    assert_eq!(refused.kind(), ErrorKind::LimitExceeded);
    assert!(refused.message().contains("limits.cpu used"), "{}", refused.message());
    scene.is_off_and_goes(&large).await;
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_beyond_a_profiles_limit_is_refused_before_anything_is_made() {
    let Some(client) = shared::client().await else { return };
    let part = &RandomIds.uuid().simple().to_string()[..8];
    let name = format!("fast-disks-{part}");
    let profile = PlaceStorage {
        profile: Id::new(RandomIds.uuid()),
        name: format!("Fast Disks {part}"),
        limit_mib: 2_048,
    };
    let id = profile.profile;
    let classes: Api<StorageClass> = Api::all(client);
    let class = json!({ "metadata": { "name": name }, "provisioner": "example.com/none" });
    classes.create(&PostParams::default(), &serde_json::from_value(class).unwrap()).await.unwrap();
    let Some(scene) = Scene::new("storage", |place| place.storage = vec![profile]).await else {
        return;
    };
    let on_profile = |size_mib| {
        let mut spec = spec(1, 512);
        spec.disks[0].size_mib = size_mib;
        spec.storage_profile = Some(id);
        spec
    };
    let fits = scene.plan("fits", on_profile(1_024));
    scene.backend.create_vm(&fits).await.unwrap();
    let template = scene.machine(&fits).await.spec.data_volume_templates.remove(0);
    assert_eq!(template.spec.storage.unwrap().storage_class_name, Some(name.clone()));

    let large = scene.plan("large", on_profile(8_192));
    let refused = scene.backend.create_vm(&large).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LimitExceeded, "{}", refused.message());
    assert!(refused.message().contains("requests.storage"), "{}", refused.message());
    assert_eq!(scene.backend.vm(large.target).await.unwrap(), None);
    scene.is_off_and_goes(&fits).await;
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
    classes.delete(&name, &DeleteParams::default()).await.unwrap();
}

/// An image that is not there, no room on any node, an image that cannot be pulled, a guest that crashes.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_run_says_why_and_is_off() {
    let Some(scene) = Scene::new("troubles", |_| {}).await else { return };
    let node = shared::node().await.unwrap();
    for (step, kind, why) in [
        (Step::Import, ErrorKind::BadRequest, "image of one of its disks is not found"),
        (Step::Schedule, ErrorKind::InvalidState, "no node of the cluster has room"),
        (Step::Pull, ErrorKind::InvalidState, "image cannot be got"),
        (Step::Launch, ErrorKind::InvalidState, "ends as soon as it is started"),
    ] {
        let rule = node.inject(Rule {
            namespace: Some(scene.namespace.clone()),
            machine: None,
            step,
            fault: Fault::Fail,
        });
        let plan = scene.plan("broken", spec(1, 512));
        scene.backend.create_vm(&plan).await.unwrap();
        let refused = scene.refused(&plan, PowerAction::On).await;
        assert_eq!(refused.kind(), kind, "{step:?}: {}", refused.message());
        assert!(refused.message().contains(why), "{step:?}: {}", refused.message());
        node.heal(rule);
        scene.is_off_and_goes(&plan).await;
    }
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
}

/// A name that somebody else's object has already is no trouble: ours have a part of the VM's id.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_taken_in_the_namespace_do_not_matter() {
    let Some(scene) = Scene::new("names", |_| {}).await else { return };
    let machines: Api<VirtualMachine> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let plan = scene.plan("web", spec(1, 512));
    scene.backend.create_vm(&plan).await.unwrap();
    let mut theirs = scene.machine(&plan).await;
    theirs.metadata = ObjectMeta { name: Some("web".to_owned()), ..ObjectMeta::default() };
    theirs.spec.data_volume_templates.clear();
    theirs.spec.template.spec.volumes.clear();
    theirs.spec.template.spec.domain.devices.disks.clear();
    machines.create(&PostParams::default(), &theirs).await.unwrap();
    let other = scene.plan("web", spec(1, 512));
    scene.backend.create_vm(&other).await.unwrap();
    assert_eq!(scene.backend.vms(scene.place.vdc).await.unwrap().len(), 2);
    for plan in [&plan, &other] {
        scene.backend.delete_vm(plan.target).await.unwrap();
    }
    assert!(machines.get_opt("web").await.unwrap().is_some());
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
}
