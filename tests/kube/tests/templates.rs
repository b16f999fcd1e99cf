//! Whether the node simulator makes and unmakes the objects of templates as OpenShift's controller does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, PostParams},
};
use serde_json::{Value, json};
use ssvirt_kube_bed::shared;
use tokio::time::sleep;

/// A namespace where the shared node is.
struct World {
    client: Client,
    space: &'static str,
}

impl World {
    async fn new(space: &'static str) -> Option<Self> {
        shared::node().await?;
        let world = Self { client: shared::client().await?, space };
        let namespace = json!({ "metadata": { "name": space } });
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Namespace"));
        let namespaces: Api<DynamicObject> = Api::all_with(world.client.clone(), &resource);
        let namespace = world.object("v1", "Namespace", namespace);
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        Some(world)
    }

    fn object(&self, version: &str, kind: &str, mut object: Value) -> DynamicObject {
        object["apiVersion"] = version.into();
        object["kind"] = kind.into();
        serde_json::from_value(object).unwrap()
    }

    fn api(&self, version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), self.space, &resource)
    }

    fn instances(&self) -> Api<DynamicObject> {
        self.api("template.openshift.io/v1", "TemplateInstance")
    }

    fn maps(&self) -> Api<DynamicObject> {
        self.api("v1", "ConfigMap")
    }

    async fn secret(&self, name: &str, data: Value) {
        let secret = json!({ "metadata": { "name": name }, "stringData": data });
        let secret = self.object("v1", "Secret", secret);
        self.api("v1", "Secret").create(&PostParams::default(), &secret).await.unwrap();
    }

    /// Makes an instance of config maps, and waits for its end. Its status.
    async fn instantiate(&self, name: &str, maps: &[&str], parameters: Value) -> Value {
        let map = |name: &&str| {
            json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": { "name": name, "namespace": "elsewhere" },
                "data": { "size": "${SIZE}", "made": "${MADE}" },
            })
        };
        let template = json!({
            "apiVersion": "template.openshift.io/v1", "kind": "Template",
            "metadata": { "name": "maps" }, "parameters": parameters, "labels": { "of": "${SIZE}" },
            "objects": maps.iter().map(map).collect::<Vec<_>>(),
        });
        let spec = json!({ "template": template, "secret": { "name": format!("{name}-params") } });
        let instance = json!({ "metadata": { "name": name }, "spec": spec });
        let instance = self.object("template.openshift.io/v1", "TemplateInstance", instance);
        self.instances().create(&PostParams::default(), &instance).await.unwrap();
        for _ in 0..300 {
            let status = self.instances().get(name).await.unwrap().data["status"].clone();
            if status["conditions"].is_array() {
                return status;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("{name} has no end");
    }

    async fn delete(&self, name: &str) {
        self.instances().delete(name, &DeleteParams::default()).await.unwrap();
        for _ in 0..300 {
            if self.instances().get_opt(name).await.unwrap().is_none() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("{name} is not gone");
    }
}

fn parameters() -> Value {
    json!([
        { "name": "SIZE", "required": true },
        { "name": "MADE", "generate": "expression", "from": "[a-f]{6}" },
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_made_recorded_and_removed_with_their_instance() {
    let Some(world) = World::new("maps-made").await else { return };
    world.secret("app-params", json!({ "SIZE": "big", "OTHER": "x" })).await;
    let status = world.instantiate("app", &["one", "two"], parameters()).await;
    let instance = world.instances().get("app").await.unwrap();
    assert_eq!(instance.finalizers(), ["template.openshift.io/finalizer"]);
    let ready = &status["conditions"][0];
    assert_eq!(
        (&ready["type"], &ready["status"], &ready["reason"]),
        (&"Ready".into(), &"True".into(), &"Created".into())
    );
    let one = world.maps().get("one").await.unwrap();
    assert_eq!(status["objects"][0]["ref"]["uid"], one.uid().unwrap());
    assert_eq!(status["objects"].as_array().unwrap().len(), 2);
    let owner = &one.labels()["template.openshift.io/template-instance-owner"];
    assert_eq!(*owner, instance.uid().unwrap());
    assert_eq!((one.labels()["of"].as_str(), &one.data["data"]["size"]), ("big", &"big".into()));
    assert_eq!(one.data["data"]["made"].as_str().unwrap().len(), 6);
    // By the finalizer, not as what it owns.
    assert!(one.owner_references().is_empty());
    world.delete("app").await;
    assert!(world.maps().get_opt("one").await.unwrap().is_none());
    assert!(world.maps().get_opt("two").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_and_what_was_made_stays_until_the_instance_goes() {
    let Some(world) = World::new("maps-fail").await else { return };
    let wrong = async |name: &str, maps: &[&str]| {
        let status = world.instantiate(name, maps, parameters()).await;
        assert_eq!(status["conditions"][0]["type"], "InstantiateFailure");
        (status["conditions"][0]["message"].as_str().unwrap().to_owned(), status["objects"].clone())
    };
    let (message, made) = wrong("secretless", &["one"]).await;
    assert!(message.starts_with("unable to retrieve TemplateInstance Secret"), "{message}");
    assert_eq!(made, json!([]));
    world.secret("silent-params", json!({})).await;
    let (message, _) = wrong("silent", &["one"]).await;
    assert!(message.contains("parameter SIZE is required and must be specified"), "{message}");

    let theirs = world.object("v1", "ConfigMap", json!({ "metadata": { "name": "taken" } }));
    world.maps().create(&PostParams::default(), &theirs).await.unwrap();
    world.secret("half-params", json!({ "SIZE": "big" })).await;
    let (message, made) = wrong("half", &["taken", "free"]).await;
    assert!(message.contains("\"taken\" already exists"), "{message}");
    assert_eq!(made.as_array().unwrap().len(), 1);
    assert!(world.maps().get_opt("free").await.unwrap().is_some());
    world.delete("half").await;
    assert!(world.maps().get_opt("free").await.unwrap().is_none());
    assert!(world.maps().get_opt("taken").await.unwrap().is_some());
}
