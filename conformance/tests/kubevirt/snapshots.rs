//! Snapshots on a cluster: what suites of all backends do not see.

use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{ListParams, PostParams},
    client::Body,
};
use poem::http::{Request, Response, StatusCode};
use serde_json::json;
use ssvirt_backends::kubevirt::{
    KubeVirt, labels,
    place::PlaceOptions,
    resources::{DataVolume, VirtualMachineRestore, VirtualMachineSnapshot},
};
use ssvirt_core::{
    Error, ErrorKind, Id, VmBackend as _,
    backend::{PowerAction, Revert, SnapshotPlan},
    env::{IdSource as _, RandomIds, new_id},
    model::{GuestCustomization, PowerState, Snapshot, VmSpec},
};
use ssvirt_kube_bed::{
    node::{Fault, Rule, Step},
    shared,
};
use tower::{BoxError, service_fn};

use super::{manifests, scene::until, troubles::Scene, vms};

const SOON: Duration = Duration::from_secs(60);

fn new() -> SnapshotPlan {
    SnapshotPlan { id: new_id(&RandomIds), memory: false }
}

fn revert_to(snapshot: Id<Snapshot>) -> Revert {
    Revert { id: RandomIds.uuid(), snapshot }
}

fn api<K>(scene: &Scene) -> Api<K>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    Api::namespaced(scene.client.clone(), &scene.namespace)
}

/// The names and ids of all objects of a kind in the place.
async fn all<K>(scene: &Scene) -> Vec<(String, String)>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
    K::DynamicType: Default,
{
    let listed = api::<K>(scene).list(&ListParams::default()).await.unwrap();
    listed.items.iter().map(|found| (found.name_any(), found.uid().unwrap())).collect()
}

fn rule(scene: &Scene, step: Step, fault: Fault) -> Rule {
    Rule { namespace: Some(scene.namespace.clone()), machine: None, step, fault }
}

/// Of what there was then nothing is missing, and of what came later nothing is left; what came back can be taken
/// away again.
#[tokio::test(flavor = "multi_thread")]
async fn what_there_was_is_there_and_nothing_else() {
    let Some(scene) = Scene::new("back", |_| {}).await else { return };
    let guest = GuestCustomization { enabled: true, ..GuestCustomization::default() };
    let spec = VmSpec { guest, disks: vec![vms::disk(0), vms::disk(1)], ..VmSpec::default() };
    let before = scene.plan("web", spec);
    scene.backend.create_vm(&before).await.unwrap();
    let plan = new();
    let state = scene.backend.take_snapshot(before.target, &plan).await.unwrap();
    assert_eq!(state.snapshot.unwrap().size_mib, Some(2_048));
    let disks = all::<PersistentVolumeClaim>(&scene).await;

    let mut after = before.clone();
    after.spec.disks = vec![vms::disk(0), vms::disk(2)];
    after.spec.guest = GuestCustomization::default();
    scene.backend.change_vm(&after).await.unwrap();
    assert!(all::<Secret>(&scene).await.is_empty());
    until("the new disk", SOON, async || all::<PersistentVolumeClaim>(&scene).await.len() == 2)
        .await;

    let revert = revert_to(plan.id);
    scene.backend.revert_snapshot(before.target, &revert).await.unwrap();
    assert!(all::<VirtualMachineRestore>(&scene).await.is_empty());
    let names =
        |all: &[(String, String)]| all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    until("the end of the new disk", SOON, async || {
        names(&all::<PersistentVolumeClaim>(&scene).await) == names(&disks)
    })
    .await;
    // The same by name, and of other content.
    let restored = all::<PersistentVolumeClaim>(&scene).await;
    assert!(restored.iter().all(|disk| !disks.contains(disk)), "{restored:?}");
    assert_eq!(names(&all::<DataVolume>(&scene).await), names(&disks));

    // What is no part of a VM's spec comes of its plan.
    scene.backend.change_vm(&before).await.unwrap();
    assert_eq!(all::<Secret>(&scene).await.len(), 1);
    assert_eq!(all::<PersistentVolumeClaim>(&scene).await, restored);
    let state = scene.backend.power_vm(before.target, PowerAction::On).await.unwrap();
    assert_eq!(state.power, PowerState::On);
    scene.backend.power_vm(before.target, PowerAction::Off).await.unwrap();

    let mut bare = before.clone();
    bare.spec = VmSpec::default();
    scene.backend.change_vm(&bare).await.unwrap();
    let spec = scene.machine(&bare).await.spec;
    assert!(spec.template.spec.volumes.is_empty(), "{:?}", spec.template.spec.volumes);
    assert!(spec.data_volume_templates.is_empty(), "{:?}", spec.data_volume_templates);
    assert!(all::<DataVolume>(&scene).await.is_empty());
    scene.backend.delete_vm(before.target).await.unwrap();
    until("the end of all", SOON, async || {
        all::<VirtualMachineSnapshot>(&scene).await.is_empty()
            && all::<PersistentVolumeClaim>(&scene).await.is_empty()
            && all::<Secret>(&scene).await.is_empty()
    })
    .await;
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
}

/// What fails says so without the cluster's names, leaves nothing, and what there was stands.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_leaves_what_there_was() {
    let Some(scene) = Scene::new("failing", |_| {}).await else { return };
    let node = shared::node().await.unwrap();
    let plan = scene.plan("web", VmSpec { disks: vec![vms::disk(0)], ..VmSpec::default() });
    scene.backend.create_vm(&plan).await.unwrap();
    let older = new();
    scene.backend.take_snapshot(plan.target, &older).await.unwrap();
    let said = "VolumeSnapshot vmsnapshot-1 error: rpc error of bed-node at 10.0.0.7";
    let hidden =
        |error: &Error| !["bed-node", "10.0.0.7"].iter().any(|w| error.message().contains(w));

    let failing = node.inject(rule(&scene, Step::Snapshot, Fault::FailWith(said.to_owned())));
    let refused = scene.backend.take_snapshot(plan.target, &new()).await.unwrap_err();
    node.heal(failing);
    assert_eq!(refused.kind(), ErrorKind::InvalidState, "{refused}");
    assert!(
        refused.message().contains("its storage did not do it") && hidden(&refused),
        "{refused}"
    );
    until("the end of what failed", SOON, async || {
        all::<VirtualMachineSnapshot>(&scene).await.len() == 1
    })
    .await;
    let seen = scene.backend.vm(plan.target).await.unwrap().unwrap().snapshot;
    assert_eq!(seen.unwrap().id, older.id);

    let failing = node.inject(rule(&scene, Step::Restore, Fault::FailWith(said.to_owned())));
    let revert = revert_to(older.id);
    let refused = scene.backend.revert_snapshot(plan.target, &revert).await.unwrap_err();
    node.heal(failing);
    assert_eq!(refused.kind(), ErrorKind::InvalidState, "{refused}");
    assert!(hidden(&refused), "{refused}");
    until("the end of what failed", SOON, async || {
        all::<VirtualMachineRestore>(&scene).await.is_empty()
    })
    .await;
    // Nothing keeps it from being started, or from going back another time.
    let state = scene.backend.power_vm(plan.target, PowerAction::On).await.unwrap();
    assert_eq!(state.power, PowerState::On);
    let state = scene.backend.revert_snapshot(plan.target, &revert_to(older.id)).await.unwrap();
    assert_eq!(state.power, PowerState::Off);
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
}

/// Who goes on where another was left behind does not wait for that one, which nobody will ever end; and what cannot be
/// gone back to disturbs none.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_left_behind_is_not_in_the_way() {
    let Some(scene) = Scene::new("behind", |_| {}).await else { return };
    let node = shared::node().await.unwrap();
    let plan = scene.plan("web", VmSpec { disks: vec![vms::disk(0)], ..VmSpec::default() });
    scene.backend.create_vm(&plan).await.unwrap();
    let taken = new();
    scene.backend.take_snapshot(plan.target, &taken).await.unwrap();
    let stuck = node.inject(rule(&scene, Step::Restore, Fault::Never));
    let first = revert_to(taken.id);
    // Its process dies.
    let dies = tokio::time::timeout(
        Duration::from_secs(3),
        scene.backend.revert_snapshot(plan.target, &first),
    );
    assert!(dies.await.is_err());
    let left = all::<VirtualMachineRestore>(&scene).await;
    assert_eq!(left.len(), 1);
    let refused = scene.backend.revert_snapshot(plan.target, &revert_to(new().id)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidState);
    assert_eq!(all::<VirtualMachineRestore>(&scene).await, left);
    node.heal(stuck);
    scene.backend.revert_snapshot(plan.target, &revert_to(taken.id)).await.unwrap();
    assert!(all::<VirtualMachineRestore>(&scene).await.is_empty());
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
}

/// What others take of a VM is theirs, unless they say that it is the VM's; then it is seen, and goes with the next.
#[tokio::test(flavor = "multi_thread")]
async fn others_snapshots_are_theirs() {
    let Some(scene) = Scene::new("theirs", |_| {}).await else { return };
    let plan = scene.plan("web", VmSpec::default());
    scene.backend.create_vm(&plan).await.unwrap();
    let machine = scene.machine(&plan).await;
    let take = async |name: &str, labels: serde_json::Value| {
        let source = json!({
            "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": machine.name_any(),
        });
        let object = json!({
            "apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": "VirtualMachineSnapshot",
            "metadata": { "name": name, "labels": labels }, "spec": { "source": source },
        });
        let object: VirtualMachineSnapshot = serde_json::from_value(object).unwrap();
        let made = api(&scene).create(&PostParams::default(), &object).await.unwrap();
        until("it can be used", SOON, async || {
            let found: VirtualMachineSnapshot = api(&scene).get(name).await.unwrap();
            found.status.is_some_and(|status| status.ready_to_use == Some(true))
        })
        .await;
        made.uid().unwrap()
    };
    let seen = async || scene.backend.vm(plan.target).await.unwrap().unwrap().snapshot;
    take("backup", json!({})).await;
    assert_eq!(seen().await, None);
    let uid = take("ours", json!({ labels::VM_ID: plan.target.vm.uuid().to_string() })).await;
    assert_eq!(seen().await.unwrap().id.uuid().to_string(), uid);
    let taken = new();
    scene.backend.take_snapshot(plan.target, &taken).await.unwrap();
    assert_eq!(seen().await.unwrap().id, taken.id);
    scene.backend.remove_snapshots(plan.target, None).await.unwrap();
    let left = all::<VirtualMachineSnapshot>(&scene).await;
    assert_eq!(left.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["backup"]);
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
}

/// A cluster whose KubeVirt has no snapshots runs VMs, and says what it has not.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_api_there_are_none() {
    let Some(scene) = Scene::new("none", |_| {}).await else { return };
    let inner = manifests::server().await.unwrap();
    let namespace = inner.default_namespace().to_owned();
    let without = service_fn(move |request: Request<Body>| {
        let inner = inner.clone();
        async move {
            if request.uri().path().starts_with("/apis/snapshot.kubevirt.io") {
                let mut answer = Response::new(Body::from(b"404 page not found\n".to_vec()));
                *answer.status_mut() = StatusCode::NOT_FOUND;
                return Ok::<_, BoxError>(answer);
            }
            Ok(inner.send(request).await?)
        }
    });
    let backend = KubeVirt::new(Client::new(without, namespace), PlaceOptions::default());
    backend.start(Vec::new()).await.unwrap();
    assert!(!backend.capabilities().snapshots);
    let plan = scene.plan("web", VmSpec::default());
    backend.create_vm(&plan).await.unwrap();
    let refused = [
        backend.take_snapshot(plan.target, &new()).await.map(drop),
        backend.revert_snapshot(plan.target, &revert_to(new().id)).await.map(drop),
        backend.remove_snapshots(plan.target, None).await.map(drop),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotSupported);
    }
    assert_eq!(backend.vms(scene.place.vdc).await.unwrap().len(), 1);
    until("the watch holds", SOON, async || backend.status().watch.is_some_and(|w| w.fresh)).await;
    backend.delete_vm(plan.target).await.unwrap();
    backend.stop().await;
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
}
