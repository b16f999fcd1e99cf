//! How the API server learns of our server, and forgets it.

use std::time::{Duration, Instant};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, Error,
    api::{ApiResource, DeleteParams, GroupVersionKind, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{admission, objects};
use crate::Anything;

const NAMESPACE: &str = "kubevirt";
const SERVICE: &str = "virt-api";
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// The names that our server is called by.
pub fn names() -> Vec<String> {
    vec!["localhost".to_owned(), format!("{SERVICE}.{NAMESPACE}.svc")]
}

/// The authority of the API server's own certificate for servers like ours, PEM.
pub async fn front_proxy(client: &Client) -> Anything<String> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-system");
    let map = maps.get("extension-apiserver-authentication").await?;
    let data = map.data.unwrap_or_default();
    let authority = data.get("requestheader-client-ca-file").cloned();
    authority.ok_or_else(|| "the API server has no front proxy".into())
}

fn cluster(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

fn service() -> ApiResource {
    cluster("", "v1", "APIService")
}

/// What is registered, but for the namespace: what it is, where it is, what it is called.
fn registered() -> [(ApiResource, Option<&'static str>, &'static str); 4] {
    let hooks = "admissionregistration.k8s.io";
    [
        // Gone first, as namespaces cannot be deleted while nobody serves it.
        (
            cluster("apiregistration.k8s.io", "v1", "APIService"),
            None,
            "v1.subresources.kubevirt.io",
        ),
        (cluster(hooks, "v1", "ValidatingWebhookConfiguration"), None, "virt-api-validator"),
        (cluster(hooks, "v1", "MutatingWebhookConfiguration"), None, "virt-api-mutator"),
        (
            ApiResource { kind: "Service".into(), plural: "services".into(), ..service() },
            Some(NAMESPACE),
            SERVICE,
        ),
    ]
}

fn api(
    client: &Client,
    resource: &ApiResource,
    space: Option<&str>,
) -> Api<kube::api::DynamicObject> {
    match space {
        Some(space) => objects::within(client, space, resource),
        None => objects::all(client, resource),
    }
}

fn webhook(
    name: &str,
    path: &str,
    (group, version, resources): (&str, &str, &[&str]),
    operations: &[&str],
    port: u16,
    ca: &str,
) -> Value {
    json!({
        "name": name,
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 10,
        "clientConfig": { "url": format!("https://127.0.0.1:{port}{path}"), "caBundle": ca },
        "rules": [{
            "apiGroups": [group], "apiVersions": [version],
            "operations": operations, "resources": resources,
        }],
    })
}

/// Registers our server, and waits until it is asked.
pub async fn register(client: &Client, port: u16, certificate: &str) -> Anything<()> {
    let ca = BASE64_STANDARD.encode(certificate);
    let hook = |name: &str, path: &str, of: (&str, &str, &[&str]), operations: &[&str]| {
        webhook(&format!("{name}.kubevirt.io"), path, of, operations, port, &ca)
    };
    let machines: (&str, &str, &[&str]) = ("kubevirt.io", "v1", &["virtualmachines"]);
    let snapshots: (&str, &str, &[&str]) =
        ("snapshot.kubevirt.io", "v1beta1", &["virtualmachinesnapshots", "virtualmachinerestores"]);
    let changes = ["CREATE", "UPDATE"];
    let bodies = [
        json!({ "spec": {
            "group": "subresources.kubevirt.io", "version": "v1",
            "groupPriorityMinimum": 1000, "versionPriority": 15, "caBundle": ca,
            "service": { "namespace": NAMESPACE, "name": SERVICE, "port": port },
        } }),
        json!({ "webhooks": [
            hook("virtualmachine-validator", admission::VALIDATE_MACHINES, machines, &changes),
            hook("virtualmachinesnapshot-validator.snapshot", admission::VALIDATE_SNAPSHOTS, snapshots, &changes),
        ] }),
        json!({ "webhooks": [
            hook("virtualmachines-mutator", admission::MUTATE_MACHINES, machines, &changes),
            // The mutator of updates changes nothing that is played here.
            hook(
                "virtualmachineinstances-mutator",
                admission::MUTATE_INSTANCES,
                ("kubevirt.io", "v1", &["virtualmachineinstances"]),
                &["CREATE"],
            ),
        ] }),
        // Without nodes there is no way to a service; this leads to loopback.
        json!({ "spec": { "type": "ExternalName", "externalName": "localhost" } }),
    ];
    let space = ApiResource { kind: "Namespace".into(), plural: "namespaces".into(), ..service() };
    let patch = PatchParams::apply("ssvirt-node").force();
    let named =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
    api(client, &space, None).patch(NAMESPACE, &patch, &Patch::Apply(named)).await?;
    for ((resource, space, name), mut body) in registered().into_iter().zip(bodies).rev() {
        body["apiVersion"] = resource.api_version.as_str().into();
        body["kind"] = resource.kind.as_str().into();
        body["metadata"]["name"] = name.into();
        api(client, &resource, space).patch(name, &patch, &Patch::Apply(body)).await?;
    }
    let start = Instant::now();
    while !is_asked(client).await? {
        if start.elapsed() > PATIENCE {
            return Err("the API server does not reach the node simulator".into());
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Whether the API server asks us: before it stores, and for what it does not serve itself.
async fn is_asked(client: &Client) -> Anything<bool> {
    let [(resource, _, name), ..] = registered();
    let served = api(client, &resource, None).get(name).await?;
    if !objects::is_true(&served.data["status"], "Available") {
        return Ok(false);
    }
    // Refused by us alone.
    let wrong = objects::object(json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": { "name": "probe" },
        "spec": { "template": { "spec": { "domain": { "devices": {} } } } },
    }))?;
    let machines = objects::within(client, "default", &objects::machine());
    let params = PostParams { dry_run: true, ..PostParams::default() };
    match machines.create(&params, &wrong).await {
        Ok(_) => Ok(false),
        Err(Error::Api(status)) if status.code == 422 => Ok(true),
        Err(Error::Api(status)) if status.code == 404 => {
            Err("KubeVirt's custom resources are not installed".into())
        }
        // Not yet reached.
        Err(Error::Api(status)) if status.code >= 500 => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Takes everything away that leads to our server.
pub async fn unregister(client: &Client) -> Anything<()> {
    for (resource, space, name) in registered() {
        let deleted = api(client, &resource, space).delete(name, &DeleteParams::default()).await;
        objects::or_missing(deleted)?;
    }
    Ok(())
}
