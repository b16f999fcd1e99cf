//! VDCs and organizations that change and go, and their places in the backend.

use ssvirt_backends::memory::Fault;
use ssvirt_core::{
    ErrorKind,
    model::{Catalog, Org, StorageProfile, TaskStatus, Template, User, VApp, Vdc, Vm},
    service::{Caller, NewOrg, Removal, StorageProfileChange, VdcChange},
};

use super::scene::Scene;

/// A change of everything that has a way back.
fn change() -> VdcChange {
    VdcChange {
        name: Some("renamed".to_owned()),
        cpu_limit_mhz: Some(4000),
        storage_profiles: vec![StorageProfileChange {
            name: "added".to_owned(),
            default: true,
            ..StorageProfileChange::default()
        }],
        ..VdcChange::default()
    }
}

#[tokio::test]
async fn a_changed_vdc_reaches_its_place() {
    let scene = Scene::new().await;
    let (vdc, task) = scene.cloud.change_vdc(&Caller::system(), scene.vdc, change()).await.unwrap();
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
    assert_eq!((vdc.name.as_str(), vdc.cpu_limit_mhz), ("renamed", 4000));
    assert_eq!(scene.calls("ensure_place"), 1);
    let profiles = scene.all::<StorageProfile>().await;
    let defaults: Vec<_> = profiles.iter().filter(|profile| profile.default).collect();
    assert_eq!(defaults.len(), 1, "{profiles:?}");
    assert_eq!(defaults[0].name, "added");
    // What the place does not know of does not bother it.
    let quota = VdcChange { nic_quota: Some(7), ..VdcChange::default() };
    let (_, task) = scene.cloud.change_vdc(&Caller::system(), scene.vdc, quota).await.unwrap();
    assert_eq!(task.status, TaskStatus::Success);
    assert_eq!(scene.calls("ensure_place"), 1);
}

#[tokio::test]
async fn a_vdc_whose_place_cannot_follow_is_as_before() {
    let scene = Scene::new().await;
    let (vdc, profiles) =
        (scene.row(scene.vdc).await.unwrap(), scene.all::<StorageProfile>().await);
    let fault = Fault::on("ensure_place").error(ErrorKind::LimitExceeded, "There is no room.");
    scene.simulator.faults().add(fault.times(1));
    let (_, task) = scene.cloud.change_vdc(&Caller::system(), scene.vdc, change()).await.unwrap();
    let task = scene.ended(&task).await;
    assert_eq!(task.status, TaskStatus::Error, "{task:?}");
    assert_eq!(task.failure.unwrap().message, "There is no room.");
    let now: Vdc = scene.row(scene.vdc).await.unwrap();
    assert_eq!(Vdc { version: 0, ..now }, Vdc { version: 0, ..vdc });
    let plain = |all: Vec<StorageProfile>| -> Vec<StorageProfile> {
        all.into_iter().map(|profile| StorageProfile { version: 0, ..profile }).collect()
    };
    assert_eq!(plain(scene.all().await), plain(profiles));
    // The place got its old limits again.
    assert_eq!(scene.calls("ensure_place"), 2);
}

#[tokio::test]
async fn an_organization_that_cannot_go_whole_is_still_there() {
    let scene = Scene::new().await;
    let (_, task) = scene.shop("shop", true).await.unwrap();
    scene.ended(&task).await;
    let system = Caller::system();
    let forced = Removal { force: true, ..Removal::default() };
    let fault = Fault::on("delete_vm").about("web").error(ErrorKind::InvalidState, "It is stuck.");
    scene.simulator.faults().add(fault.times(1));
    let task = scene.cloud.delete_org(&system, scene.org, forced).await.unwrap();
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Error);
    let org: Org = scene.row(scene.org).await.unwrap();
    assert!(!org.enabled, "nobody adds to it");
    assert_eq!(scene.all::<Vm>().await.len(), scene.simulator.vm_ids().len());
    let task = scene.cloud.delete_org(&system, scene.org, forced).await.unwrap();
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
    assert!(scene.simulator.is_empty());
    let left = (
        scene.all::<VApp>().await.len(),
        scene.all::<Vdc>().await.len(),
        scene.all::<Catalog>().await.len(),
        scene.all::<Template>().await.len(),
        scene.all::<User>().await.len(),
    );
    assert_eq!(left, (0, 0, 0, 0, 0));
    let again = NewOrg { name: org.name, ..NewOrg::default() };
    scene.cloud.create_org(&system, again).await.unwrap();
}
