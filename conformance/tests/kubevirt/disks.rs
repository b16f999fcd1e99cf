//! Disks of a VM that is there: they grow, and go with what was on them.

use std::time::Duration;

use k8s_openapi::api::{core::v1::PersistentVolumeClaim, storage::v1::StorageClass};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::json;
use ssvirt_backends::kubevirt::resources::DataVolume;
use ssvirt_core::{
    ErrorKind, Id, VmBackend as _,
    backend::{PlaceStorage, PowerAction, VmPlan},
    env::{IdSource as _, RandomIds},
    model::{PowerState, VmSpec},
};
use ssvirt_kube_bed::shared;

use super::{scene::until, troubles::Scene, vms::disk};

const SOON: Duration = Duration::from_secs(60);

/// A cluster's class of storage for one test, and the profile that is on it.
struct Storage {
    classes: Api<StorageClass>,
    class: String,
    profile: PlaceStorage,
}

impl Storage {
    async fn new(can_grow: bool, limit_mib: i64) -> Option<Self> {
        let classes: Api<StorageClass> = Api::all(shared::client().await?);
        let class = format!("disks-{}", &RandomIds.uuid().simple().to_string()[..8]);
        let wanted = json!({
            "metadata": { "name": class },
            "provisioner": "example.com/none", "allowVolumeExpansion": can_grow,
        });
        let wanted = serde_json::from_value(wanted).unwrap();
        classes.create(&PostParams::default(), &wanted).await.unwrap();
        let profile =
            PlaceStorage { profile: Id::new(RandomIds.uuid()), name: class.clone(), limit_mib };
        Some(Self { classes, class, profile })
    }

    fn spec(&self, disks: i32) -> VmSpec {
        let disks = (0..disks).map(disk).collect();
        VmSpec { disks, storage_profile: Some(self.profile.profile), ..VmSpec::default() }
    }

    async fn end(self, scene: &Scene) {
        scene.backend.remove_place(scene.place.vdc).await.unwrap();
        self.classes.delete(&self.class, &DeleteParams::default()).await.unwrap();
    }
}

fn claims(scene: &Scene) -> Api<PersistentVolumeClaim> {
    Api::namespaced(scene.client.clone(), &scene.namespace)
}

/// What the claims of a place ask for, by the disk's id.
async fn sizes(scene: &Scene) -> Vec<(String, String)> {
    let listed = claims(scene).list(&ListParams::default()).await.unwrap();
    let size = |claim: &PersistentVolumeClaim| {
        let resources = claim.spec.as_ref()?.resources.as_ref()?;
        Some(resources.requests.as_ref()?.get("storage")?.0.clone())
    };
    let all = listed.items.iter().map(|claim| {
        let name = claim.name_any();
        (name.rsplit('-').next().unwrap_or_default().to_owned(), size(claim).unwrap_or_default())
    });
    all.collect()
}

fn named(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(id, size)| ((*id).to_owned(), (*size).to_owned())).collect()
}

async fn made(scene: &Scene, storage: &Storage, disks: i32) -> VmPlan {
    let plan = scene.plan("web", storage.spec(disks));
    scene.backend.create_vm(&plan).await.unwrap();
    until("its claims are bound", SOON, async || {
        let listed = claims(scene).list(&ListParams::default()).await.unwrap();
        let is_bound = |claim: &PersistentVolumeClaim| {
            claim.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Bound")
        };
        listed.items.len() == usize::try_from(disks).unwrap() && listed.items.iter().all(is_bound)
    })
    .await;
    plan
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_grows_where_its_storage_can() {
    let Some(storage) = Storage::new(true, 8_192).await else { return };
    let profile = storage.profile.clone();
    let Some(scene) = Scene::new("grows", |place| place.storage = vec![profile]).await else {
        return;
    };
    let mut plan = made(&scene, &storage, 2).await;
    // Running or off.
    scene.backend.power_vm(plan.target, PowerAction::On).await.unwrap();
    plan.spec.disks[1].size_mib = 2_048;
    let state = scene.backend.change_vm(&plan).await.unwrap();
    assert_eq!(state.power, PowerState::On);
    let grown = named(&[("2000", "1Gi"), ("2001", "2Gi")]);
    assert_eq!(sizes(&scene).await, grown);
    scene.backend.change_vm(&plan).await.unwrap();
    assert_eq!(sizes(&scene).await, grown);

    // Of what there is no room for nothing is done.
    let mut large = plan.clone();
    large.spec.disks[0].size_mib = 2_048;
    large.spec.disks[1].size_mib = 65_536;
    let refused = scene.backend.change_vm(&large).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LimitExceeded, "{refused}");
    large.spec.disks[1].size_mib = 2_048;
    large.spec.disks.extend((2..16).map(disk));
    let refused = scene.backend.change_vm(&large).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LimitExceeded, "{refused}");
    assert_eq!(sizes(&scene).await, grown);
    scene.backend.delete_vm(plan.target).await.unwrap();
    storage.end(&scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_cannot_grow_stays_as_it_is() {
    let Some(storage) = Storage::new(false, 0).await else { return };
    let profile = storage.profile.clone();
    let Some(scene) = Scene::new("fixed", |place| place.storage = vec![profile]).await else {
        return;
    };
    let mut plan = made(&scene, &storage, 1).await;
    plan.spec.disks[0].size_mib = 2_048;
    plan.spec.disks.push(disk(1));
    let refused = scene.backend.change_vm(&plan).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::BadRequest, "{refused}");
    assert!(refused.message().contains("must support resize"), "{refused}");
    assert_eq!(sizes(&scene).await, named(&[("2000", "1Gi")]));
    assert_eq!(scene.machine(&plan).await.spec.data_volume_templates.len(), 1);
    scene.backend.delete_vm(plan.target).await.unwrap();
    storage.end(&scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_on_a_disk_goes_with_it() {
    let Some(storage) = Storage::new(true, 0).await else { return };
    let profile = storage.profile.clone();
    let Some(scene) = Scene::new("goes", |place| place.storage = vec![profile]).await else {
        return;
    };
    let mut plan = made(&scene, &storage, 2).await;
    let volumes: Api<DataVolume> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let ids = async || {
        let listed = volumes.list(&ListParams::default()).await.unwrap();
        listed.items.iter().map(|volume| (volume.name_any(), volume.uid())).collect::<Vec<_>>()
    };
    let before = ids().await;
    // Off, it is gone at once, and a new one in its place is another one.
    plan.spec.disks.truncate(1);
    scene.backend.change_vm(&plan).await.unwrap();
    assert_eq!(ids().await, before[..1]);
    plan.spec.disks.push(disk(1));
    scene.backend.change_vm(&plan).await.unwrap();
    until("the new disk is there", SOON, async || ids().await.len() == 2).await;
    let after = ids().await;
    assert_eq!(after[0], before[0]);
    assert_eq!(after[1].0, before[1].0);
    assert_ne!(after[1].1, before[1].1);

    // Running, the guest has it until it stops, and nothing takes its place before.
    scene.backend.power_vm(plan.target, PowerAction::On).await.unwrap();
    plan.spec.disks.truncate(1);
    let state = scene.backend.change_vm(&plan).await.unwrap();
    assert_eq!(state.power, PowerState::On);
    plan.spec.disks.push(disk(1));
    let refused = scene.backend.change_vm(&plan).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidState, "{refused}");
    plan.spec.disks.truncate(1);
    scene.backend.power_vm(plan.target, PowerAction::Off).await.unwrap();
    until("the removed disk is gone", SOON, async || ids().await == before[..1]).await;
    scene.backend.delete_vm(plan.target).await.unwrap();
    storage.end(&scene).await;
}
