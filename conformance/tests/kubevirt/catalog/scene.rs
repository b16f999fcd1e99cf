//! Boot images and templates in namespaces of a test's own.

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams},
};
use serde_json::{Value, json};
use ssvirt_backends::kubevirt::catalog::{CatalogOptions, KubeVirtCatalog};
use ssvirt_core::{CatalogSource as _, catalog::SourceItem};
use ssvirt_kube_bed::{node::Node, shared};

pub const TEMPLATES: &str = "template.openshift.io/v1";
pub const KUBEVIRT: &str = "kubevirt.io/v1";
pub const CDI: &str = "cdi.kubevirt.io/v1beta1";
const INSTANCETYPE: &str = "instancetype.kubevirt.io/v1beta1";

/// A cluster with a namespace of boot images and one of templates.
pub struct Scene {
    pub client: Client,
    pub node: &'static Node,
    pub images: String,
    pub templates: String,
}

pub fn api(client: &Client, space: Option<&str>, version: &str, kind: &str) -> Api<DynamicObject> {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    match space {
        Some(space) => Api::namespaced_with(client.clone(), space, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// How many objects of a kind there are in a namespace.
pub async fn count(client: &Client, space: &str, version: &str, kind: &str) -> usize {
    let listed = api(client, Some(space), version, kind).list(&ListParams::default()).await;
    listed.unwrap().items.len()
}

impl Scene {
    /// None where there is no Kubernetes.
    pub async fn new(name: &str) -> Option<Self> {
        let node = shared::node().await?;
        let client = shared::client().await?;
        let (images, templates) = (format!("{name}-images"), format!("{name}-templates"));
        for space in [&images, &templates] {
            let wanted = json!({ "metadata": { "name": space } });
            let namespaces: Api<Namespace> = Api::all(client.clone());
            let wanted = serde_json::from_value(wanted).unwrap();
            namespaces.create(&PostParams::default(), &wanted).await.unwrap();
        }
        Some(Self { client, node, images, templates })
    }

    pub fn options(&self) -> CatalogOptions {
        CatalogOptions {
            template_namespace: self.templates.clone(),
            boot_image_namespaces: [self.images.clone()].into(),
            ..CatalogOptions::default()
        }
    }

    pub fn catalog(&self) -> KubeVirtCatalog {
        KubeVirtCatalog::new(self.client.clone(), self.options())
    }

    /// The item of that name.
    pub async fn item(&self, name: &str) -> SourceItem {
        let items = self.catalog().items().await.unwrap();
        items.into_iter().find(|item| item.name == name).unwrap()
    }

    pub async fn make(&self, space: Option<&str>, version: &str, kind: &str, mut object: Value) {
        object["apiVersion"] = version.into();
        object["kind"] = kind.into();
        let object = serde_json::from_value(object).unwrap();
        let api = api(&self.client, space, version, kind);
        api.create(&PostParams::default(), &object).await.unwrap();
    }

    pub async fn instancetype(&self, name: &str, cpus: u32, memory: &str) {
        let spec = json!({ "cpu": { "guest": cpus }, "memory": { "guest": memory } });
        let object = json!({ "metadata": { "name": name }, "spec": spec });
        self.make(None, INSTANCETYPE, "VirtualMachineClusterInstancetype", object).await;
    }

    pub async fn preference(&self, name: &str, spec: Value) {
        let about = json!({ "openshift.io/display-name": format!("{name} for people"), "iconClass": "icon-x" });
        let object = json!({ "metadata": { "name": name, "annotations": about }, "spec": spec });
        self.make(None, INSTANCETYPE, "VirtualMachineClusterPreference", object).await;
    }

    /// A boot image of 10 GiB, imported or not.
    pub async fn image(&self, name: &str, labels: Value, ready: bool) {
        let space = Some(self.images.as_str());
        let claim = json!({
            "metadata": { "name": name },
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": "10Gi" } },
            },
        });
        self.make(space, "v1", "PersistentVolumeClaim", claim).await;
        let source = json!({ "pvc": { "namespace": self.images, "name": name } });
        let status = if ready { "True" } else { "False" };
        let object = json!({
            "metadata": { "name": name, "labels": labels },
            "spec": { "source": source },
            "status": { "source": source, "conditions": [{ "type": "Ready", "status": status }] },
        });
        self.make(space, CDI, "DataSource", object).await;
    }

    /// A template whose VM starts from the image `root`, with these parameters beside `NAME`.
    pub async fn template(&self, name: &str, parameters: Value, more: Vec<Value>) {
        let mut all = vec![
            json!({ "name": "NAME", "generate": "expression", "from": "x-[a-z0-9]{8}" }),
            json!({ "name": "MEMORY", "value": "2Gi" }),
            json!({ "name": "IMAGE", "value": "root", "required": true }),
        ];
        all.extend(parameters.as_array().unwrap().iter().cloned());
        let mut objects = vec![self.vm()];
        objects.extend(more);
        let about = json!({
            "openshift.io/display-name": format!("{name} VM"), "description": "made of a template",
            "iconClass": "icon-fedora", "tags": "linux,virtualmachine",
        });
        let labels = json!({ "os.template.kubevirt.io/fedora40": "true", "flavor": name });
        let object = json!({
            "metadata": { "name": name, "annotations": about, "labels": labels },
            "objects": objects, "parameters": all, "labels": { "app": "${NAME}" },
        });
        self.make(Some(&self.templates), TEMPLATES, "Template", object).await;
    }

    fn vm(&self) -> Value {
        json!({
            "apiVersion": KUBEVIRT, "kind": "VirtualMachine",
            "metadata": { "name": "${NAME}", "annotations": { "said": "${SAID}", "made-up": "${MADE_UP}" } },
            "spec": {
                "running": true,
                "dataVolumeTemplates": [{
                    "metadata": { "name": "${NAME}" },
                    "spec": {
                        "sourceRef": { "kind": "DataSource", "name": "${IMAGE}", "namespace": self.images },
                        "storage": { "resources": { "requests": { "storage": "30Gi" } } },
                    },
                }],
                "template": {
                    "metadata": { "annotations": { "vm.kubevirt.io/os": "fedora" } },
                    "spec": {
                        "domain": {
                            "cpu": { "cores": 2, "sockets": 1, "threads": 1 },
                            "memory": { "guest": "${MEMORY}" },
                            "devices": {
                                "disks": [{ "name": "root", "disk": { "bus": "virtio" } }],
                                "interfaces": [{ "name": "default", "masquerade": {} }],
                            },
                        },
                        "networks": [{ "name": "default", "pod": {} }],
                        "volumes": [
                            { "name": "root", "dataVolume": { "name": "${NAME}" } },
                            { "name": "init", "cloudInitNoCloud": { "userData": "#cloud-config" } },
                        ],
                    },
                },
            },
        })
    }
}
