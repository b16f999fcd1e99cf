//! What guests are set up with.

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt as _, api::ListParams};
use ssvirt_backends::kubevirt::labels;
use ssvirt_core::{
    VmBackend as _,
    backend::PowerAction,
    model::{GuestCustomization, PowerState, Product, Property, VmSpec},
};

use super::{troubles::Scene, vms};

/// The Secret is there before the VM starts, changes with it, goes where there is nothing in it, and with its VM.
#[tokio::test(flavor = "multi_thread")]
async fn a_guests_secret_lives_with_its_vm() {
    let Some(scene) = Scene::new("guests", |_| {}).await else { return };
    let secrets: Api<Secret> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let ours = ListParams::default().labels(labels::VM_ID);
    let all = async || secrets.list(&ours).await.unwrap().items;
    let data = |secret: &Secret| {
        let data = secret.data.as_ref().unwrap()["userdata"].0.clone();
        String::from_utf8(data).unwrap()
    };

    let guest = GuestCustomization {
        enabled: true,
        computer_name: Some("box".to_owned()),
        ..GuestCustomization::default()
    };
    let spec = VmSpec { guest, disks: vec![vms::disk(0)], ..VmSpec::default() };
    let mut plan = scene.plan("web", spec);
    scene.backend.create_vm(&plan).await.unwrap();
    // Once more, as after a crash between the VM and its Secret.
    secrets.delete(&all().await[0].name_any(), &Default::default()).await.unwrap();
    scene.backend.create_vm(&plan).await.unwrap();
    let made = all().await;
    assert_eq!(made.len(), 1);
    assert!(data(&made[0]).contains("\"hostname\": \"box\""));
    assert_eq!(made[0].owner_references()[0].kind, "VirtualMachine");
    let state = scene.backend.power_vm(plan.target, PowerAction::On).await.unwrap();
    assert_eq!(state.power, PowerState::On);
    scene.backend.power_vm(plan.target, PowerAction::Off).await.unwrap();

    let keys = async || all().await[0].data.as_ref().unwrap().keys().cloned().collect::<Vec<_>>();
    plan.spec.guest.computer_name = Some("other".to_owned());
    let network = Property {
        key: "network-config".to_owned(),
        value: Some("version: 2".to_owned()),
        ..Property::default()
    };
    plan.products = vec![Product { properties: vec![network], ..Product::default() }];
    scene.backend.change_vm(&plan).await.unwrap();
    assert!(data(&all().await[0]).contains("\"hostname\": \"other\""));
    assert_eq!(keys().await, ["networkdata", "userdata"]);
    // What is not given any more is not kept.
    plan.products.clear();
    scene.backend.change_vm(&plan).await.unwrap();
    assert_eq!(keys().await, ["userdata"]);
    plan.spec.guest.enabled = false;
    scene.backend.change_vm(&plan).await.unwrap();
    assert!(all().await.is_empty());
    assert_eq!(scene.machine(&plan).await.spec.template.spec.volumes.len(), 1);
    plan.spec.guest.enabled = true;
    scene.backend.change_vm(&plan).await.unwrap();
    assert_eq!(all().await.len(), 1);

    scene.backend.delete_vm(plan.target).await.unwrap();
    for _ in 0..100 {
        if all().await.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert!(all().await.is_empty());
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
}
