//! Places: namespaces with what holds tenants within them.

use k8s_openapi::api::{
    core::v1::{LimitRange, Namespace, ResourceQuota, Secret},
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use ssvirt_backends::kubevirt::{
    labels,
    place::{PlaceOptions, Places, QUOTA},
    resources::{NetworkAttachmentDefinition, UserDefinedNetwork},
};
use ssvirt_core::{
    Id,
    backend::Place,
    env::{IdSource as _, RandomIds},
};
use ssvirt_kube_bed::shared;

/// A new VDC of an organization whose name no other test has.
pub fn place(org: &str, vdc: &str) -> Place {
    Place {
        vdc: Id::new(RandomIds.uuid()),
        vdc_name: vdc.to_owned(),
        org: Id::new(RandomIds.uuid()),
        org_name: org.to_owned(),
        org_full_name: format!("{org}, Incorporated"),
        org_description: "makes everything".to_owned(),
        vdc_description: "its first one".to_owned(),
        cpu_limit_mhz: 10_000,
        vcpu_mhz: 2_000,
        memory_limit_mib: 4_096,
        vm_quota: 0,
        storage: Vec::new(),
    }
}

fn options() -> PlaceOptions {
    PlaceOptions {
        pod_cpu_millis: 0,
        pod_memory_mib: 0,
        user_defined_networks: false,
        ..PlaceOptions::default()
    }
}

/// One that is there already, with this label.
async fn foreign(client: &Client, name: &str) -> Namespace {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let wanted = json!({ "metadata": { "name": name, "labels": { "owner": "somebody" } } });
    namespaces
        .create(&PostParams::default(), &serde_json::from_value(wanted).unwrap())
        .await
        .unwrap()
}

async fn namespace(client: &Client, name: &str) -> Namespace {
    Api::<Namespace>::all(client.clone()).get(name).await.unwrap()
}

async fn hard(client: &Client, name: &str, key: &str) -> String {
    let quota = Api::<ResourceQuota>::namespaced(client.clone(), name).get(QUOTA).await.unwrap();
    quota.spec.unwrap().hard.unwrap()[key].0.clone()
}

#[tokio::test]
async fn a_place_is_a_namespace_with_its_limits() {
    let Some(client) = shared::client().await else { return };
    let places = Places::new(client.clone(), options());
    let place = place("Limits Inc.", "Größe 1");
    let name = places.ensure(&place).await.unwrap();
    assert_eq!(name, "vdc-limits-inc-gr-e-1");
    assert_eq!(places.find(place.vdc).await.unwrap(), Some(name.clone()));

    let made = namespace(&client, &name).await.metadata;
    let (tags, notes) = (made.labels.unwrap(), made.annotations.unwrap());
    assert_eq!(tags[labels::ORGANIZATION], "Limits-Inc");
    assert_eq!(tags[labels::VDC_ID], place.vdc.uuid().to_string());
    assert_eq!(tags[labels::MANAGED_BY], "ssvirt");
    assert_eq!(notes[labels::VDC_URN], place.vdc.urn());
    assert_eq!(notes[labels::ORGANIZATION_DISPLAY_NAME], "Limits Inc., Incorporated");

    // 10 GHz by cores of 2 GHz.
    assert_eq!(hard(&client, &name, "limits.cpu").await, "5");
    assert_eq!(hard(&client, &name, "requests.memory").await, "4Gi");
    assert_eq!(hard(&client, &name, "pods").await, "50");
    let policies: Api<NetworkPolicy> = Api::namespaced(client.clone(), &name);
    assert_eq!(policies.list(&Default::default()).await.unwrap().items.len(), 2);
    let limits: Api<LimitRange> = Api::namespaced(client.clone(), &name);
    assert_eq!(limits.list(&Default::default()).await.unwrap().items.len(), 1);
    let networks: Api<NetworkAttachmentDefinition> = Api::namespaced(client.clone(), &name);
    let config = networks.get("vdc-network").await.unwrap().spec.spec.unwrap().config.unwrap();
    assert!(config.contains(r#""type":"bridge""#), "{config}");
    let own: Api<UserDefinedNetwork> = Api::namespaced(client, &name);
    assert!(own.list(&Default::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn ensuring_twice_changes_nothing_and_other_limits_change_the_quota() {
    let Some(client) = shared::client().await else { return };
    let places = Places::new(client.clone(), options());
    let mut place = place("twice", "vdc");
    let name = places.ensure(&place).await.unwrap();
    let quotas: Api<ResourceQuota> = Api::namespaced(client.clone(), &name);
    let version = async || {
        let namespace = namespace(&client, &name).await.metadata;
        (namespace.resource_version, quotas.get(QUOTA).await.unwrap().metadata.generation)
    };
    let before = version().await;
    assert_eq!(places.ensure(&place).await.unwrap(), name);
    assert_eq!(version().await, before);

    // What somebody else has put there is none of ours.
    let theirs = json!({ "metadata": { "labels": { "theirs": "stays" } } });
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.patch(&name, &PatchParams::default(), &Patch::Merge(theirs)).await.unwrap();
    place.memory_limit_mib = 0;
    place.cpu_limit_mhz = 3_000;
    // Renamed: the namespace stays where it is.
    place.vdc_name = "renamed".to_owned();
    assert_eq!(places.ensure(&place).await.unwrap(), name);
    assert_eq!(hard(&client, &name, "requests.cpu").await, "1500m");
    let quota = quotas.get(QUOTA).await.unwrap().spec.unwrap().hard.unwrap();
    assert!(!quota.contains_key("requests.memory"), "{quota:?}");
    let tags = namespace(&client, &name).await.metadata.labels.unwrap();
    assert_eq!((tags["theirs"].as_str(), tags[labels::VDC].as_str()), ("stays", "renamed"));
}

#[tokio::test]
async fn names_that_are_taken_are_left_to_whoever_has_them() {
    let Some(client) = shared::client().await else { return };
    let places = Places::new(client.clone(), options());
    let before = foreign(&client, "vdc-taken-vdc").await;
    let (first, second) = (place("taken", "vdc"), place("taken", "VDC!"));
    let names = [places.ensure(&first).await.unwrap(), places.ensure(&second).await.unwrap()];
    for (place, name) in [(&first, &names[0]), (&second, &names[1])] {
        let part = &place.vdc.uuid().simple().to_string()[..8];
        assert_eq!(*name, format!("vdc-taken-vdc-{part}"));
    }
    let after = namespace(&client, "vdc-taken-vdc").await;
    assert_eq!(after.metadata.resource_version, before.metadata.resource_version);

    for place in [&first, &second] {
        places.remove(place.vdc).await.unwrap();
    }
    let after = namespace(&client, "vdc-taken-vdc").await.metadata;
    assert!(after.deletion_timestamp.is_none());
}

#[tokio::test]
async fn a_place_that_ends_is_waited_for() {
    let Some(client) = shared::client().await else { return };
    let places = Places::new(client.clone(), options());
    let (old, new) = (place("waits", "vdc"), place("waits", "vdc"));
    let name = places.ensure(&old).await.unwrap();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.delete(&name, &DeleteParams::default()).await.unwrap();
    assert_eq!(places.find(old.vdc).await.unwrap(), None);
    assert_eq!(places.ensure(&new).await.unwrap(), name);
    let tags = namespace(&client, &name).await.metadata.labels.unwrap();
    assert_eq!(tags[labels::VDC_ID], new.vdc.uuid().to_string());
}

#[tokio::test]
async fn a_place_goes_with_what_is_in_it_and_alone() {
    let Some(client) = shared::client().await else { return };
    let places = Places::new(client.clone(), options());
    let (gone, kept) = (place("goes", "gone"), place("goes", "kept"));
    let name = places.ensure(&gone).await.unwrap();
    let other = places.ensure(&kept).await.unwrap();
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &name);
    let secret = json!({ "metadata": { "name": "s" } });
    secrets.create(&PostParams::default(), &serde_json::from_value(secret).unwrap()).await.unwrap();
    places.remove(gone.vdc).await.unwrap();
    let namespaces: Api<Namespace> = Api::all(client);
    assert!(namespaces.get_opt(&name).await.unwrap().is_none());
    assert!(namespaces.get_opt(&other).await.unwrap().is_some());
    // Again, and what never was.
    places.remove(gone.vdc).await.unwrap();
    places.remove(place("goes", "never").vdc).await.unwrap();
}

#[tokio::test]
async fn replicas_that_ensure_a_place_at_once_make_one() {
    let Some(client) = shared::client().await else { return };
    let places = Places::new(client.clone(), options());
    let place = place("at-once", "vdc");
    let made = futures_util::future::join_all((0..4).map(|_| places.ensure(&place))).await;
    for name in made {
        assert_eq!(name.unwrap(), "vdc-at-once-vdc");
    }
}
