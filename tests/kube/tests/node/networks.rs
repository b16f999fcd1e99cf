//! Networks of namespaces' own.

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, PostParams},
};
use serde_json::{Value, json};
use ssvirt_kube_bed::shared;

use super::world::{Outcome, World, conditions, diskless, until};

const OVN: &str = "k8s.ovn.org/v1";
const NETWORK: &str = "UserDefinedNetwork";

fn network(name: &str, role: &str) -> Value {
    json!({
        "apiVersion": OVN, "kind": NETWORK, "metadata": { "name": name },
        "spec": {
            "topology": "Layer2",
            "layer2": { "role": role, "subnets": ["10.9.8.0/24"], "ipam": { "lifecycle": "Persistent" } },
        },
    })
}

fn definitions(world: &World) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("k8s.cni.cncf.io", "v1", "NetworkAttachmentDefinition");
    let kind = ApiResource::from_gvk_with_plural(&kind, "network-attachment-definitions");
    Api::namespaced_with(world.client.clone(), world.space, &kind)
}

/// What is said of whether a network was created, and why.
async fn created(world: &World, name: &str) -> (String, String) {
    let said = async || {
        let found = world.get(OVN, NETWORK, name).await.unwrap();
        let (status, _, message) = *conditions(&found).get("NetworkCreated")?;
        Some((status.to_owned(), message.to_owned()))
    };
    until("the network is looked at", async || said().await.is_some()).await;
    said().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_network_is_what_guests_are_on() -> Outcome {
    let Some(client) = shared::client().await else { return Ok(()) };
    shared::node().await.ok_or("there is no node")?;
    let labels = json!({ "k8s.ovn.org/primary-user-defined-network": "" });
    let space = json!({ "metadata": { "name": "networks", "labels": labels } });
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.create(&PostParams::default(), &serde_json::from_value(space)?).await?;
    let world = World { client, space: "networks" };

    let mut machine = diskless("web-1", "Always");
    let guest = &mut machine["spec"]["template"]["spec"];
    guest["networks"] = json!([{ "name": "a", "pod": {} }]);
    guest["domain"]["devices"]["interfaces"] =
        json!([{ "name": "a", "binding": { "name": "l2bridge" } }]);
    world.create(&machine).await?;
    world.create(&network("own", "Primary")).await?;
    assert_eq!(created(&world, "own").await.0, "True");
    let definitions = definitions(&world);
    let definition = definitions.get("own").await?.data;
    let config: Value = serde_json::from_str(definition["spec"]["config"].as_str().unwrap())?;
    assert_eq!((&config["role"], &config["topology"]), (&json!("primary"), &json!("layer2")));
    world.until("web-1", "Running").await;
    let status = world.vmi("web-1").await.unwrap()["status"].clone();
    let address = status["interfaces"][0]["ipAddress"].as_str().unwrap();
    assert!(address.starts_with("10.9.8."), "{address}");
    assert_eq!(conditions(&json!({ "status": status }))["LiveMigratable"].0, "True");

    // What is used stays until it is not.
    world.api(OVN, NETWORK).delete("own", &DeleteParams::default()).await?;
    assert!(world.get(OVN, NETWORK, "own").await.is_some());
    world.machines().delete("web-1", &DeleteParams::default()).await?;
    until("the network is gone", async || world.get(OVN, NETWORK, "own").await.is_none()).await;
    assert!(definitions.get_opt("own").await?.is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_is_made_for_a_primary_network() -> Outcome {
    let Some((world, _)) = World::shared("no-networks").await else { return Ok(()) };
    world.create(&network("own", "Primary")).await?;
    let (status, message) = created(&world, "own").await;
    assert_eq!(status, "False");
    assert!(message.contains("primary-user-defined-network"), "{message}");
    world.create(&network("other", "Secondary")).await?;
    assert_eq!(created(&world, "other").await.0, "True");
    Ok(())
}
