//! A namespace with KubeVirt, and machines to put in it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Error,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams},
    core::Status,
};
use serde_json::{Value, json};
use ssvirt_kube_bed::{ControlPlane, crds, node::Node, shared};

pub type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

pub const KUBEVIRT: &str = "kubevirt.io/v1";
pub const CDI: &str = "cdi.kubevirt.io/v1beta1";
pub const SNAPSHOT: &str = "snapshot.kubevirt.io/v1beta1";
pub const INSTANCETYPE: &str = "instancetype.kubevirt.io/v1beta1";

/// A namespace of a control plane with KubeVirt's resources.
pub struct World {
    pub client: Client,
    pub space: &'static str,
}

/// A control plane with KubeVirt's resources. None where there is none, or there are no definitions of theirs.
pub async fn control_plane() -> Option<ControlPlane> {
    // What it refuses and fills in is held against what the vendors' definitions say.
    if crds::folder().is_none() {
        assert!(!shared::is_ci(), "KubeVirt's custom resources are missing");
        shared::say_left_out(&format!("{} names no folder", crds::FOLDER_VARIABLE));
        return None;
    }
    let control_plane = shared::own().await?;
    crds::install(&control_plane.client().await.unwrap()).await.unwrap();
    Some(control_plane)
}

impl World {
    pub async fn new(client: Client, space: &'static str) -> Self {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let namespace = serde_json::from_value(json!({ "metadata": { "name": space } })).unwrap();
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        Self { client, space }
    }

    /// A namespace where the shared node is.
    pub async fn shared(space: &'static str) -> Option<(Self, &'static Node)> {
        let node = shared::node().await?;
        Some((Self::new(shared::client().await?, space).await, node))
    }

    pub fn api(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), self.space, &resource)
    }

    pub fn machines(&self) -> Api<DynamicObject> {
        self.api(KUBEVIRT, "VirtualMachine")
    }

    pub async fn create(&self, value: &Value) -> kube::Result<Value> {
        let api_version = value["apiVersion"].as_str().unwrap();
        let kind = value["kind"].as_str().unwrap();
        let object: DynamicObject = serde_json::from_value(value.clone()).unwrap();
        let created = self.api(api_version, kind).create(&PostParams::default(), &object).await?;
        Ok(serde_json::to_value(created).unwrap())
    }

    pub async fn get(&self, api_version: &str, kind: &str, name: &str) -> Option<Value> {
        let found = self.api(api_version, kind).get_opt(name).await.unwrap()?;
        Some(serde_json::to_value(found).unwrap())
    }

    pub async fn vm(&self, name: &str) -> Value {
        self.get(KUBEVIRT, "VirtualMachine", name).await.unwrap()
    }

    pub async fn vmi(&self, name: &str) -> Option<Value> {
        self.get(KUBEVIRT, "VirtualMachineInstance", name).await
    }

    /// Calls a subresource: the body, or why it was refused.
    pub async fn call(&self, method: &str, path: &str, body: &str) -> Result<String, Box<Status>> {
        let uri = format!("/apis/subresources.kubevirt.io/v1/namespaces/{}/{path}", self.space);
        let request = http::Request::builder()
            .method(method)
            .uri(uri)
            .header("content-type", "application/json")
            .body(body.as_bytes().to_vec())
            .unwrap();
        match self.client.request_text(request).await {
            Ok(text) => Ok(text),
            Err(Error::Api(status)) => Err(status),
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn put(&self, path: &str) {
        self.call("PUT", path, "{}").await.unwrap();
    }

    pub async fn refused(&self, path: &str) -> (u16, String) {
        let status = self.call("PUT", path, "").await.unwrap_err();
        (status.code, status.message.clone())
    }

    /// Waits until a machine's status is called so.
    pub async fn until(&self, name: &str, printable: &str) -> Value {
        let mut seen = Vec::new();
        let start = Instant::now();
        loop {
            let vm = self.vm(name).await;
            let now = vm["status"]["printableStatus"].as_str().unwrap_or_default().to_owned();
            if now == printable {
                return vm;
            }
            if seen.last() != Some(&now) {
                seen.push(now);
            }
            assert!(start.elapsed() < PATIENCE, "{name} is not {printable}: {seen:?} {vm:#}");
            tokio::time::sleep(POLL).await;
        }
    }
}

pub const PATIENCE: Duration = Duration::from_secs(40);
pub const POLL: Duration = Duration::from_millis(20);

pub async fn until(what: &str, is_true: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !is_true().await {
        assert!(start.elapsed() < PATIENCE, "{what} does not come");
        tokio::time::sleep(POLL).await;
    }
}

/// A machine like the recorded one.
pub fn machine(name: &str, strategy: &str) -> Value {
    let disk = format!("{name}-disk-0");
    json!({
        "apiVersion": KUBEVIRT, "kind": "VirtualMachine",
        "metadata": { "name": name, "labels": { "app.kubernetes.io/managed-by": "ssvirt" } },
        "spec": {
            "runStrategy": strategy,
            "dataVolumeTemplates": [{
                "metadata": { "name": disk },
                "spec": {
                    "source": { "http": { "url": "http://images.example/ubuntu-24.04.img" } },
                    "storage": {
                        "resources": { "requests": { "storage": "20Gi" } },
                        "storageClassName": "bed-rwx",
                    },
                },
            }],
            "template": {
                "metadata": { "labels": { "vm.kubevirt.io/name": name } },
                "spec": {
                    "domain": {
                        "cpu": { "cores": 1, "sockets": 2, "threads": 1 },
                        "memory": { "guest": "2Gi" },
                        "devices": {
                            "disks": [
                                { "name": "disk-0", "disk": { "bus": "virtio" } },
                                { "name": "cloudinit", "disk": { "bus": "virtio" } },
                            ],
                            "interfaces": [{ "name": "default", "masquerade": {} }],
                        },
                    },
                    "networks": [{ "name": "default", "pod": {} }],
                    "volumes": [
                        { "name": "disk-0", "dataVolume": { "name": disk } },
                        { "name": "cloudinit", "cloudInitNoCloud": {
                            "secretRef": { "name": format!("{name}-cloudinit") },
                        } },
                    ],
                },
            },
        },
    })
}

/// One without disks that take time.
pub fn diskless(name: &str, strategy: &str) -> Value {
    let mut vm = machine(name, strategy);
    vm["spec"].as_object_mut().unwrap().remove("dataVolumeTemplates");
    vm["spec"]["template"]["spec"]["volumes"][0] = json!({ "name": "disk-0", "containerDisk": { "image": "quay.io/containerdisks/ubuntu:24.04" } });
    vm
}

/// What conditions say, by type.
pub fn conditions(object: &Value) -> BTreeMap<&str, (&str, &str, &str)> {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let text = |condition: &Value, key: &str| -> &'static str {
        condition[key].as_str().unwrap_or_default().to_owned().leak()
    };
    conditions
        .map(|c| (text(c, "type"), (text(c, "status"), text(c, "reason"), text(c, "message"))))
        .collect()
}

/// What there is in the namespace, and what is bound to it.
pub async fn left(world: &World) -> Vec<String> {
    let mut left = Vec::new();
    for (api_version, kind) in [
        (KUBEVIRT, "VirtualMachine"),
        (KUBEVIRT, "VirtualMachineInstance"),
        (CDI, "DataVolume"),
        ("v1", "PersistentVolumeClaim"),
        ("v1", "Pod"),
        ("apps/v1", "ControllerRevision"),
    ] {
        let all = world.api(api_version, kind).list(&ListParams::default()).await.unwrap();
        left.extend(all.items.into_iter().map(|o| format!("{kind} {}", o.metadata.name.unwrap())));
    }
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "PersistentVolume"));
    let volumes: Api<DynamicObject> = Api::all_with(world.client.clone(), &resource);
    let volumes = volumes.list(&ListParams::default()).await.unwrap().items.into_iter();
    let ours = volumes.filter(|v| v.data["spec"]["claimRef"]["namespace"] == world.space);
    left.extend(ours.map(|volume| format!("volume {}", volume.metadata.name.unwrap())));
    left
}
