//! Whether the node simulator restores machines as KubeVirt does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use kube::{
    Api, Client, Error, ResourceExt as _,
    api::{
        ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams,
    },
};
use serde_json::{Value, json};
use ssvirt_kube_bed::{
    node::{Fault, Rule, Step},
    shared,
};
use tokio::time::sleep;

const KUBEVIRT: &str = "kubevirt.io/v1";
const CDI: &str = "cdi.kubevirt.io/v1beta1";
const SNAPSHOT: &str = "snapshot.kubevirt.io/v1beta1";

/// A namespace where the shared node is, with a machine that is off.
struct World {
    client: Client,
    space: &'static str,
}

impl World {
    async fn new(space: &'static str) -> Option<Self> {
        shared::node().await?;
        let world = Self { client: shared::client().await?, space };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Namespace"));
        let namespaces: Api<DynamicObject> = Api::all_with(world.client.clone(), &resource);
        let namespace = object("v1", "Namespace", json!({ "metadata": { "name": space } }));
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        let volume = json!({ "name": "disk-0", "dataVolume": { "name": "web-disk-0" } });
        let machine = json!({
            "metadata": { "name": "web" },
            "spec": {
                "runStrategy": "Halted",
                "dataVolumeTemplates": [template("web-disk-0")],
                "template": { "spec": {
                    "domain": {
                        "memory": { "guest": "1Gi" },
                        "devices": { "disks": [{ "name": "disk-0", "disk": {} }] },
                    },
                    "volumes": [volume],
                } },
            },
        });
        world.create(KUBEVIRT, "VirtualMachine", machine).await.unwrap();
        Some(world)
    }

    fn api(&self, version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), self.space, &resource)
    }

    async fn create(&self, version: &str, kind: &str, value: Value) -> kube::Result<DynamicObject> {
        let made = object(version, kind, value);
        self.api(version, kind).create(&PostParams::default(), &made).await
    }

    async fn get(&self, version: &str, kind: &str, name: &str) -> Option<DynamicObject> {
        self.api(version, kind).get_opt(name).await.unwrap()
    }

    async fn machine(&self) -> DynamicObject {
        self.get(KUBEVIRT, "VirtualMachine", "web").await.unwrap()
    }

    async fn change(&self, spec: Value) {
        let patch = Patch::Merge(json!({ "spec": spec }));
        let machines = self.api(KUBEVIRT, "VirtualMachine");
        machines.patch("web", &PatchParams::default(), &patch).await.unwrap();
    }

    async fn snapshot(&self, name: &str) {
        let snapshot = json!({ "metadata": { "name": name }, "spec": { "source": web() } });
        self.create(SNAPSHOT, "VirtualMachineSnapshot", snapshot).await.unwrap();
        until("the snapshot", async || {
            let taken = self.get(SNAPSHOT, "VirtualMachineSnapshot", name).await.unwrap();
            taken.data["status"]["readyToUse"] == true
        })
        .await;
    }

    async fn begin(&self, name: &str, policy: &str) -> kube::Result<DynamicObject> {
        let spec = json!({
            "target": web(), "virtualMachineSnapshotName": "s1", "volumeRestorePolicy": policy,
        });
        let restore = json!({ "metadata": { "name": name }, "spec": spec });
        self.create(SNAPSHOT, "VirtualMachineRestore", restore).await
    }

    async fn restore(&self, name: &str, policy: &str) -> DynamicObject {
        self.begin(name, policy).await.unwrap();
        let get = async || self.get(SNAPSHOT, "VirtualMachineRestore", name).await.unwrap();
        until("the restore", async || get().await.data["status"]["complete"] == true).await;
        get().await
    }

    /// Once the machine's disk is filled.
    async fn disk(&self, name: &str) -> DynamicObject {
        until("the disk", async || {
            let volume = self.get(CDI, "DataVolume", name).await;
            volume.is_some_and(|volume| volume.data["status"]["phase"] == "Succeeded")
        })
        .await;
        self.get("v1", "PersistentVolumeClaim", name).await.unwrap()
    }
}

fn object(version: &str, kind: &str, mut value: Value) -> DynamicObject {
    value["apiVersion"] = version.into();
    value["kind"] = kind.into();
    serde_json::from_value(value).unwrap()
}

fn web() -> Value {
    json!({ "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "web" })
}

fn template(name: &str) -> Value {
    let storage = json!({ "resources": { "requests": { "storage": "1Gi" } } });
    let spec = json!({ "source": { "blank": {} }, "storage": storage });
    json!({ "metadata": { "name": name }, "spec": spec })
}

async fn until(what: &str, is_true: impl AsyncFn() -> bool) {
    for _ in 0..3_000 {
        if is_true().await {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} does not come");
}

fn owner(object: &DynamicObject) -> &str {
    &object.owner_references()[0].kind
}

#[tokio::test(flavor = "multi_thread")]
async fn in_place_volumes_keep_their_names() {
    let Some(world) = World::new("restores-in-place").await else { return };
    let before = world.disk("web-disk-0").await;
    world.snapshot("s1").await;
    let volumes = ["disk-0", "disk-1"]
        .map(|name| json!({ "name": name, "dataVolume": { "name": format!("web-{name}") } }));
    let disks = ["disk-0", "disk-1"].map(|name| json!({ "name": name, "disk": {} }));
    world
        .change(json!({
            "dataVolumeTemplates": [template("web-disk-0"), template("web-disk-1")],
            "template": { "spec": {
                "domain": { "memory": { "guest": "2Gi" }, "devices": { "disks": disks } },
                "volumes": volumes,
            } },
        }))
        .await;
    world.disk("web-disk-1").await;

    let restore = world.restore("r1", "InPlace").await;
    assert_eq!(owner(&restore), "VirtualMachine");
    assert_eq!(restore.data["status"]["deletedDataVolumes"], json!(["web-disk-1"]));
    assert_eq!(restore.data["status"]["restores"][0]["dataVolumeName"], "web-disk-0");
    let machine = world.machine().await;
    let spec = &machine.data["spec"];
    assert_eq!(spec["template"]["spec"]["domain"]["memory"]["guest"], "1Gi");
    assert_eq!(spec["dataVolumeTemplates"].as_array().unwrap().len(), 1);
    assert_eq!(spec["runStrategy"], "Halted");
    assert_eq!(machine.data["status"]["restoreInProgress"], Value::Null);
    let mark = format!("r1-{}", restore.uid().unwrap());
    assert_eq!(machine.annotations()["restore.kubevirt.io/lastRestoreUID"], mark);
    let after = world.disk("web-disk-0").await;
    assert_ne!(after.uid(), before.uid());
    assert_eq!((owner(&before), owner(&after)), ("DataVolume", "DataVolume"));
    until("the end of the disk that there was not", async || {
        world.get("v1", "PersistentVolumeClaim", "web-disk-1").await.is_none()
    })
    .await;
    // It is as good as before.
    world.change(json!({ "runStrategy": "Always" })).await;
    until("the machine", async || world.machine().await.data["status"]["ready"] == true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn otherwise_volumes_get_new_names() {
    let Some(world) = World::new("restores-anew").await else { return };
    world.disk("web-disk-0").await;
    world.snapshot("s1").await;
    let restore = world.restore("r1", "RandomizeNames").await;
    let name = format!("restore-{}-disk-0", restore.uid().unwrap());
    let spec = world.machine().await.data["spec"].clone();
    assert_eq!(spec["template"]["spec"]["volumes"][0]["dataVolume"]["name"], name);
    assert_eq!(spec["dataVolumeTemplates"][0]["metadata"]["name"], name);
    assert_eq!(owner(&world.disk(&name).await), "DataVolume");
    until("the end of the old disk", async || {
        world.get("v1", "PersistentVolumeClaim", "web-disk-0").await.is_none()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_goes_on_at_a_time() {
    let Some(world) = World::new("restores-alone").await else { return };
    world.disk("web-disk-0").await;
    world.snapshot("s1").await;
    let refused = |made: kube::Result<DynamicObject>| match made {
        Err(Error::Api(status)) if status.code == 422 => status.message.clone(),
        other => panic!("{other:?}"),
    };
    let node = shared::node().await.unwrap();
    let rule = node.inject(Rule {
        namespace: Some(world.space.to_owned()),
        machine: None,
        step: Step::Restore,
        fault: Fault::Never,
    });
    world.begin("r1", "InPlace").await.unwrap();
    until("the mark", async || world.machine().await.data["status"]["restoreInProgress"] == "r1")
        .await;
    let said = refused(world.begin("r2", "InPlace").await);
    assert!(said.contains("VirtualMachineRestore \"r1\" in progress"), "{said}");
    let restores = world.api(SNAPSHOT, "VirtualMachineRestore");
    restores.delete("r1", &DeleteParams::default()).await.unwrap();
    until("the end of it", async || restores.get_opt("r1").await.unwrap().is_none()).await;
    assert_eq!(world.machine().await.data["status"]["restoreInProgress"], Value::Null);
    node.heal(rule);
    world.restore("r2", "InPlace").await;

    let other = json!({ "spec": { "virtualMachineSnapshotName": "s2" } });
    let changed = restores.patch("r2", &PatchParams::default(), &Patch::Merge(other)).await;
    assert!(refused(changed).contains("immutable"));
    let nameless = json!({ "kind": "VirtualMachine", "name": "web" });
    let nameless = json!({ "metadata": { "name": "s2" }, "spec": { "source": nameless } });
    let made = world.create(SNAPSHOT, "VirtualMachineSnapshot", nameless).await;
    assert!(refused(made).contains("missing apiGroup"));
}
