//! The networks of VDCs where OVN-Kubernetes is.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _};
use ssvirt_backends::kubevirt::{
    KubeVirt,
    place::{PlaceOptions, Places},
    resources::{
        NetworkAttachmentDefinition, UserDefinedNetwork, user_defined_network::PRIMARY_NETWORK,
    },
};
use ssvirt_core::{
    VmBackend as _,
    backend::PowerAction,
    model::{IpMode, VmSpec},
};
use ssvirt_fixtures::specs::with_nic;

use super::{manifests, places::place, troubles::Scene};

/// With so many NICs, each on a network.
fn with_nics(count: u8) -> VmSpec {
    let mut spec = VmSpec::default();
    for nic in 0..count {
        spec = with_nic(spec, &format!("02:00:00:00:00:{nic:02x}"));
    }
    for nic in &mut spec.nics {
        (nic.network, nic.mode, nic.connected) = (Some("net".to_owned()), IpMode::Dhcp, true);
    }
    spec
}

/// The VMs of a VDC are on its own network: with its addresses, which other VDCs have too.
#[tokio::test(flavor = "multi_thread")]
async fn a_vdc_has_a_network_of_its_own() {
    let Some(scene) = Scene::new("own-network", |_| {}).await else { return };
    let namespaces: Api<Namespace> = Api::all(scene.client.clone());
    let namespace = namespaces.get(&scene.namespace).await.unwrap();
    assert!(namespace.labels().contains_key(PRIMARY_NETWORK));
    let networks: Api<UserDefinedNetwork> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let made = networks.get("vdc-network").await.unwrap();
    assert_eq!(made.spec.layer2.clone().unwrap().subnets, ["10.100.0.0/16"]);

    let plan = scene.plan("web", with_nics(2));
    scene.backend.create_vm(&plan).await.unwrap();
    scene.backend.power_vm(plan.target, PowerAction::On).await.unwrap();
    let state = scene.backend.vm(plan.target).await.unwrap().unwrap();
    let first = state.nics.iter().find(|nic| nic.index == 0).unwrap().ip.unwrap();
    assert_eq!(first.octets()[..2], [10, 100], "{first}");
    let machine = scene.machine(&plan).await.spec.template.spec;
    let bindings: Vec<_> = machine
        .domain
        .devices
        .interfaces
        .iter()
        .map(|nic| nic.binding.clone().map(|b| b.name))
        .collect();
    assert_eq!(bindings, [Some("l2bridge".to_owned()), None]);
    let second = machine.networks[1].multus.clone().unwrap().network_name;
    assert_eq!(second, format!("{}/vdc-network-2", scene.namespace));
    let definitions: Api<NetworkAttachmentDefinition> =
        Api::namespaced(scene.client.clone(), &scene.namespace);
    assert!(definitions.get_opt("vdc-network-2").await.unwrap().is_some());

    // It cannot be changed: a server that is told of other addresses leaves it, and what it is told of later VDCs.
    let options =
        || PlaceOptions { subnets: vec!["10.7.0.0/16".to_owned()], ..PlaceOptions::default() };
    let other = KubeVirt::new(manifests::server().await.unwrap(), options());
    other.ensure_place(&scene.place).await.unwrap();
    assert_eq!(networks.get("vdc-network").await.unwrap().spec, made.spec);
    // Nor does one that makes none any more take it away.
    let without = PlaceOptions { user_defined_networks: false, ..PlaceOptions::default() };
    let without = KubeVirt::new(manifests::server().await.unwrap(), without);
    without.ensure_place(&scene.place).await.unwrap();
    assert!(networks.get_opt("vdc-network").await.unwrap().is_some());
    let place = place("own-network", "later");
    other.ensure_place(&place).await.unwrap();
    let name = Places::new(scene.client.clone(), options()).find(place.vdc).await.unwrap().unwrap();
    let later: Api<UserDefinedNetwork> = Api::namespaced(scene.client.clone(), &name);
    let later = later.get("vdc-network").await.unwrap().spec.layer2.unwrap();
    assert_eq!(later.subnets, ["10.7.0.0/16"]);
    for vdc in [scene.place.vdc, place.vdc] {
        scene.backend.remove_place(vdc).await.unwrap();
    }
}

/// Where VDCs have none, or are older, their VMs are on the pods' network.
#[tokio::test(flavor = "multi_thread")]
async fn a_vdc_without_one_is_on_the_pods_network() {
    let Some(scene) = Scene::new("pods-network", |_| {}).await else { return };
    let without = PlaceOptions { user_defined_networks: false, ..PlaceOptions::default() };
    let without = KubeVirt::new(manifests::server().await.unwrap(), without);
    let place = place("pods-network", "older");
    without.ensure_place(&place).await.unwrap();
    // Now the server is one that would make them.
    scene.backend.ensure_place(&place).await.unwrap();
    let plan = super::troubles::plan_in(&place, "web", with_nics(2));
    scene.backend.create_vm(&plan).await.unwrap();
    let state = scene.backend.power_vm(plan.target, PowerAction::On).await.unwrap();
    let first = state.nics.iter().find(|nic| nic.index == 0).unwrap().ip.unwrap();
    assert_eq!(first.octets()[..2], [10, 244], "{first}");
    for vdc in [scene.place.vdc, place.vdc] {
        scene.backend.remove_place(vdc).await.unwrap();
    }
}
