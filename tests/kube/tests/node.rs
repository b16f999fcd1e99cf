//! Whether the node simulator plays KubeVirt as KubeVirt was recorded, on a real API server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Error,
    api::{
        ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
        PostParams,
    },
    client::Body,
    core::Status,
};
use serde_json::{Value, json};
use ssvirt_kube_bed::{
    ControlPlane, crds,
    node::{Fault, Node, Options, Rule, Step},
    shared,
};
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

const KUBEVIRT: &str = "kubevirt.io/v1";
const CDI: &str = "cdi.kubevirt.io/v1beta1";
const SNAPSHOT: &str = "snapshot.kubevirt.io/v1beta1";
const INSTANCETYPE: &str = "instancetype.kubevirt.io/v1beta1";

/// A namespace of a control plane with KubeVirt's resources.
struct World {
    client: Client,
    space: &'static str,
}

/// A control plane with KubeVirt's resources. None where there is none, or there are no definitions of theirs.
async fn control_plane() -> Option<ControlPlane> {
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
    async fn new(client: Client, space: &'static str) -> Self {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let namespace = serde_json::from_value(json!({ "metadata": { "name": space } })).unwrap();
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        Self { client, space }
    }

    /// A namespace where the shared node is.
    async fn shared(space: &'static str) -> Option<(Self, &'static Node)> {
        let node = shared::node().await?;
        Some((Self::new(shared::client().await?, space).await, node))
    }

    fn api(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), self.space, &resource)
    }

    fn machines(&self) -> Api<DynamicObject> {
        self.api(KUBEVIRT, "VirtualMachine")
    }

    async fn create(&self, value: &Value) -> kube::Result<Value> {
        let api_version = value["apiVersion"].as_str().unwrap();
        let kind = value["kind"].as_str().unwrap();
        let object: DynamicObject = serde_json::from_value(value.clone()).unwrap();
        let created = self.api(api_version, kind).create(&PostParams::default(), &object).await?;
        Ok(serde_json::to_value(created).unwrap())
    }

    async fn get(&self, api_version: &str, kind: &str, name: &str) -> Option<Value> {
        let found = self.api(api_version, kind).get_opt(name).await.unwrap()?;
        Some(serde_json::to_value(found).unwrap())
    }

    async fn vm(&self, name: &str) -> Value {
        self.get(KUBEVIRT, "VirtualMachine", name).await.unwrap()
    }

    async fn vmi(&self, name: &str) -> Option<Value> {
        self.get(KUBEVIRT, "VirtualMachineInstance", name).await
    }

    /// Calls a subresource: the body, or why it was refused.
    async fn call(&self, method: &str, path: &str, body: &str) -> Result<String, Box<Status>> {
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

    async fn put(&self, path: &str) {
        self.call("PUT", path, "{}").await.unwrap();
    }

    async fn refused(&self, path: &str) -> (u16, String) {
        let status = self.call("PUT", path, "").await.unwrap_err();
        (status.code, status.message.clone())
    }

    /// Waits until a machine's status is called so.
    async fn until(&self, name: &str, printable: &str) -> Value {
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

const PATIENCE: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(20);

async fn until(what: &str, is_true: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !is_true().await {
        assert!(start.elapsed() < PATIENCE, "{what} does not come");
        tokio::time::sleep(POLL).await;
    }
}

/// A machine like the recorded one.
fn machine(name: &str, strategy: &str) -> Value {
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
fn diskless(name: &str, strategy: &str) -> Value {
    let mut vm = machine(name, strategy);
    vm["spec"].as_object_mut().unwrap().remove("dataVolumeTemplates");
    vm["spec"]["template"]["spec"]["volumes"][0] = json!({ "name": "disk-0", "containerDisk": { "image": "quay.io/containerdisks/ubuntu:24.04" } });
    vm
}

/// What conditions say, by type.
fn conditions(object: &Value) -> BTreeMap<&str, (&str, &str, &str)> {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let text = |condition: &Value, key: &str| -> &'static str {
        condition[key].as_str().unwrap_or_default().to_owned().leak()
    };
    conditions
        .map(|c| (text(c, "type"), (text(c, "status"), text(c, "reason"), text(c, "message"))))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_lives_as_it_was_recorded() -> Outcome {
    let Some((world, _)) = World::shared("lives").await else { return Ok(()) };
    world.create(&machine("web-1", "Halted")).await?;
    let provisioning = world.until("web-1", "Provisioning").await;
    assert_eq!(provisioning["status"]["created"], Value::Null);
    let vm = world.until("web-1", "Stopped").await;
    let template = &vm["spec"]["template"];
    assert_eq!(template["metadata"]["annotations"]["kubevirt.io/pci-topology-version"], "v3");
    assert_eq!(template["spec"]["architecture"], "amd64");
    assert_eq!(template["spec"]["domain"]["machine"]["type"], "q35");
    let firmware = template["spec"]["domain"]["firmware"].clone();
    assert_eq!(firmware["uuid"].as_str().map(str::len), Some(36));
    assert_eq!(conditions(&vm)["Ready"], ("False", "VMINotExists", "VMI does not exist"));
    assert_eq!(
        vm["status"]["volumeSnapshotStatuses"],
        json!([
            { "enabled": true, "name": "disk-0" },
            { "enabled": false, "name": "cloudinit",
              "reason": "Snapshot is not supported for this volumeSource type [cloudinit]" },
        ])
    );
    assert_eq!(vm["metadata"]["generation"], 1);
    let volume = world.get(CDI, "DataVolume", "web-1-disk-0").await.unwrap();
    assert_eq!(volume["status"]["phase"], "Succeeded");
    assert_eq!(volume["status"]["progress"], "100.0%");
    assert_eq!(conditions(&volume)["Running"], ("False", "Completed", ""));
    assert_eq!(volume["metadata"]["ownerReferences"][0]["uid"], vm["metadata"]["uid"]);
    let claim = world.get("v1", "PersistentVolumeClaim", "web-1-disk-0").await.unwrap();
    assert_eq!(claim["status"]["phase"], "Bound");
    assert_eq!(claim["spec"]["volumeMode"], "Block");

    world.put("virtualmachines/web-1/start").await;
    world.until("web-1", "Running").await;
    until("the guest agent", async || {
        conditions(&world.vm("web-1").await).contains_key("AgentConnected")
    })
    .await;
    let vm = world.vm("web-1").await;
    assert_eq!(vm["spec"]["runStrategy"], "Always");
    assert_eq!(vm["spec"]["template"]["spec"]["domain"]["firmware"], firmware);
    let status = &vm["status"];
    assert_eq!(status["created"], true);
    assert_eq!(status["ready"], true);
    assert_eq!(status["runStrategy"], "Always");
    assert_eq!(
        (&status["desiredGeneration"], &status["observedGeneration"]),
        (&json!(2), &json!(2))
    );
    let said = conditions(&vm);
    let bound = ("True", "AllDVsReady", "All of the VMI's DVs are bound and ready");
    assert_eq!(said["DataVolumesReady"], bound);
    for name in ["Ready", "LiveMigratable", "StorageLiveMigratable", "AgentConnected"] {
        assert_eq!(said[name], ("True", "", ""), "{name}");
    }
    let vmi = world.vmi("web-1").await.unwrap();
    let phases = vmi["status"]["phaseTransitionTimestamps"].as_array().unwrap();
    let phases: Vec<&str> =
        phases.iter().map(|entered| entered["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["Pending", "Scheduling", "Scheduled", "Running"]);
    let cpu =
        json!({ "cores": 1, "maxSockets": 8, "model": "host-model", "sockets": 2, "threads": 1 });
    assert_eq!(vmi["spec"]["domain"]["cpu"], cpu);
    assert_eq!(vmi["spec"]["domain"]["memory"], json!({ "guest": "2Gi", "maxGuest": "8Gi" }));
    assert_eq!(vmi["spec"]["domain"]["features"]["acpi"]["enabled"], true);
    assert_eq!(vmi["metadata"]["labels"]["vm.kubevirt.io/name"], "web-1");
    assert_eq!(vmi["metadata"]["ownerReferences"][0]["uid"], vm["metadata"]["uid"]);
    let interface = &vmi["status"]["interfaces"][0];
    assert!(interface["mac"].as_str().unwrap().starts_with("02:"), "{interface}");
    assert!(interface["ipAddress"].as_str().unwrap().starts_with("10.244."), "{interface}");
    assert_eq!(interface["infoSource"], "domain, guest-agent");

    let info = world.call("GET", "virtualmachineinstances/web-1/guestosinfo", "").await.unwrap();
    let info: Value = serde_json::from_str(&info)?;
    assert_eq!(info["os"]["id"], "fedora");
    world.put("virtualmachineinstances/web-1/softreboot").await;
    world.put("virtualmachineinstances/web-1/reset").await;

    world.put("virtualmachineinstances/web-1/pause").await;
    let vm = world.until("web-1", "Paused").await;
    assert_eq!(vm["status"]["ready"], Value::Null);
    assert_eq!(conditions(&vm)["Paused"], ("True", "PausedByUser", "VMI was paused by user"));
    assert_eq!(conditions(&vm)["Ready"], ("False", "ReadinessGatesNotReady", ""));
    world.put("virtualmachineinstances/web-1/unpause").await;
    world.until("web-1", "Running").await;

    world.put("virtualmachines/web-1/restart").await;
    let old = vmi["metadata"]["uid"].clone();
    until("another instance", async || {
        let vmi = world.vmi("web-1").await;
        vmi.is_some_and(|v| v["metadata"]["uid"] != old && v["status"]["phase"] == "Running")
    })
    .await;
    until("the end of the requests", async || {
        world.vm("web-1").await["status"]["stateChangeRequests"].is_null()
    })
    .await;

    world.put("virtualmachines/web-1/stop").await;
    world.until("web-1", "Stopped").await;
    // It is said already while the instance that has ended is still there.
    until("the end of the instance", async || {
        world.vm("web-1").await["status"]["created"].is_null()
    })
    .await;
    let vm = world.until("web-1", "Stopped").await;
    assert_eq!(vm["spec"]["runStrategy"], "Halted");
    assert_eq!(conditions(&vm)["Ready"].1, "VMINotExists");
    assert!(world.vmi("web-1").await.is_none());

    world.machines().delete("web-1", &DeleteParams::default()).await?;
    // The garbage collector takes half a minute to learn of kinds that are new.
    let start = Instant::now();
    loop {
        let left = left(&world).await;
        if left.is_empty() {
            break;
        }
        assert!(start.elapsed() < 2 * PATIENCE, "left: {left:?}");
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// What there is in the namespace, and what is bound to it.
async fn left(world: &World) -> Vec<String> {
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

#[tokio::test(flavor = "multi_thread")]
async fn what_kubevirt_refuses_is_refused() -> Outcome {
    let Some((world, node)) = World::shared("refused").await else { return Ok(()) };
    let conflict = |kind: &str, why: &str| {
        (409, format!("Operation cannot be fulfilled on {kind}.kubevirt.io \"web-1\": {why}"))
    };
    let (vm, vmi) = ("virtualmachine", "virtualmachineinstance");
    let missing = world.refused("virtualmachines/web-1/start").await;
    assert_eq!(missing, (404, "virtualmachine.kubevirt.io \"web-1\" not found".to_owned()));

    world.create(&diskless("web-1", "Halted")).await?;
    world.until("web-1", "Stopped").await;
    for (sub, why) in [
        ("stop", "VM is not running"),
        ("restart", "RunStategy Halted does not support manual restart requests"),
    ] {
        let refused = world.refused(&format!("virtualmachines/web-1/{sub}")).await;
        assert_eq!(refused, conflict(vm, why), "{sub}");
    }
    let none = world.refused("virtualmachineinstances/web-1/pause").await;
    assert_eq!(none, (404, "virtualmachineinstance.kubevirt.io \"web-1\" not found".to_owned()));

    let agent = Rule {
        namespace: Some(world.space.to_owned()),
        machine: Some("web-1".to_owned()),
        step: Step::Agent,
        fault: Fault::Never,
    };
    let agent = node.inject(agent);
    world.put("virtualmachines/web-1/start").await;
    world.until("web-1", "Running").await;
    // As recorded.
    let status = world.call("PUT", "virtualmachines/web-1/start", "").await.unwrap_err();
    let (code, message) = conflict(vm, "VM is already running");
    assert_eq!(
        (status.code, &status.message, status.reason.as_str()),
        (code, &message, "Conflict")
    );
    let details = status.details.clone().unwrap();
    assert_eq!((&*details.name, &*details.group, &*details.kind), ("web-1", "kubevirt.io", vm));

    let silent =
        world.call("GET", "virtualmachineinstances/web-1/guestosinfo", "").await.unwrap_err();
    let expected = conflict(vmi, "VMI does not have guest agent connected");
    assert_eq!((silent.code, silent.message.clone()), expected);
    node.heal(agent);
    let unpaused = world.refused("virtualmachineinstances/web-1/unpause").await;
    assert_eq!(unpaused, conflict(vmi, "VMI is not paused"));
    world.put("virtualmachineinstances/web-1/pause").await;
    for (sub, why) in [("pause", "VMI is already paused"), ("softreboot", "VMI is paused")] {
        let refused = world.refused(&format!("virtualmachineinstances/web-1/{sub}")).await;
        assert_eq!(refused, conflict(vmi, why), "{sub}");
    }
    let restart = world.call("PUT", "virtualmachines/web-1/restart", r#"{"gracePeriodSeconds":5}"#);
    assert_eq!(restart.await.unwrap_err().code, 400);
    Ok(())
}

/// The causes of a refusal: messages by field.
fn causes(result: kube::Result<Value>) -> Vec<(String, String)> {
    let Err(Error::Api(status)) = result else { panic!("not refused: {result:?}") };
    assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"), "{status:?}");
    let denied = "admission webhook \"virtualmachine-validator.kubevirt.io\" denied the request: ";
    assert!(status.message.starts_with(denied), "{}", status.message);
    let causes = status.details.clone().unwrap().causes;
    causes.into_iter().map(|cause| (cause.field, cause.message)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_not_stored_and_what_is_unsaid_is_added() -> Outcome {
    let Some((world, _)) = World::shared("stored").await else { return Ok(()) };
    let pair = |field: &str, message: &str| (field.to_owned(), message.to_owned());
    let spec =
        |vm: &mut Value, change: &dyn Fn(&mut Value)| change(&mut vm["spec"]["template"]["spec"]);

    // As recorded, word for word.
    let mut vm = diskless("wrong", "Halted");
    vm["spec"]["running"] = false.into();
    spec(&mut vm, &|spec| {
        spec["domain"]["devices"]["disks"] = json!([{ "name": "x", "disk": {} }]);
        spec["volumes"] = json!([]);
    });
    let exclusive = "Running and RunStrategy are mutually exclusive. Note that Running is deprecated, please \
                     use RunStrategy instead";
    assert_eq!(
        causes(world.create(&vm).await),
        [
            pair(
                "spec.template.spec.domain.devices.disks[0].name",
                "spec.template.spec.domain.devices.disks[0].Name 'x' not found."
            ),
            pair("spec.running", exclusive),
        ]
    );

    let mut vm = diskless("wrong", "Halted");
    spec(&mut vm, &|spec| {
        let disk = spec["domain"]["devices"]["disks"][0].clone();
        spec["domain"]["devices"]["disks"].as_array_mut().unwrap().push(disk);
    });
    let twice = "spec.template.spec.domain.devices.disks[2] and spec.template.spec.domain.devices.disks[0] \
                 must not have the same Name.";
    let field = "spec.template.spec.domain.devices.disks[2].name";
    assert_eq!(causes(world.create(&vm).await), [pair(field, twice)]);

    for (memory, why) in [
        (
            json!({ "guest": "512Mi", "maxGuest": "512Mi" }),
            "Memory hotplug is only available for VMs with at least 1Gi of guest memory",
        ),
        (json!({ "guest": "1025Mi", "maxGuest": "4Gi" }), "Guest memory must be 2Mi aligned"),
        (
            json!({ "guest": "2Gi", "maxGuest": "1Gi" }),
            "Guest memory is greater than the configured maxGuest memory",
        ),
    ] {
        let mut vm = diskless("wrong", "Halted");
        spec(&mut vm, &|spec| spec["domain"]["memory"] = memory.clone());
        let field = "spec.template.spec.domain.memory.guest";
        assert_eq!(causes(world.create(&vm).await), [pair(field, why)]);
    }

    let mut vm = diskless("wrong", "Halted");
    vm["spec"]["instancetype"] = json!({ "name": "none" });
    let unknown = "Failure to find instancetype: \
                   virtualmachineclusterinstancetypes.instancetype.kubevirt.io \"none\" not found";
    assert_eq!(causes(world.create(&vm).await), [pair("spec.instancetype", unknown)]);

    for (kind, name, spec) in [
        (
            "VirtualMachineClusterInstancetype",
            "u1.medium",
            json!({ "cpu": { "guest": 1 }, "memory": { "guest": "4Gi" } }),
        ),
        (
            "VirtualMachineClusterPreference",
            "ubuntu",
            json!({ "devices": {
                "preferredDiskBus": "virtio", "preferredInterfaceModel": "virtio", "preferredRng": {},
            } }),
        ),
    ] {
        let object = json!({
            "apiVersion": INSTANCETYPE, "kind": kind, "metadata": { "name": name }, "spec": spec,
        });
        let resource = GroupVersionKind::gvk("instancetype.kubevirt.io", "v1beta1", kind);
        let api: Api<DynamicObject> =
            Api::all_with(world.client.clone(), &ApiResource::from_gvk(&resource));
        api.create(&PostParams::default(), &serde_json::from_value(object)?).await?;
    }
    vm["spec"]["instancetype"] = json!({ "name": "u1.medium" });
    let fields: Vec<String> = causes(world.create(&vm).await).into_iter().map(|c| c.0).collect();
    let domain = "spec.template.spec.domain";
    let expected = ["cpu.sockets", "cpu.cores", "cpu.threads", "memory"];
    assert_eq!(fields, expected.map(|field| format!("{domain}.{field}")));

    // As the second recorded machine.
    let vm = json!({
        "apiVersion": KUBEVIRT, "kind": "VirtualMachine", "metadata": { "name": "web-2" },
        "spec": {
            "runStrategy": "Always",
            "instancetype": { "name": "u1.medium" },
            "preference": { "name": "ubuntu" },
            "template": { "spec": {
                "domain": { "devices": {} },
                "volumes": [{
                    "name": "disk-0",
                    "containerDisk": { "image": "quay.io/containerdisks/ubuntu:24.04" },
                }],
            } },
        },
    });
    let params = PatchParams::apply("test");
    let apply = async || world.machines().patch("web-2", &params, &Patch::Apply(&vm)).await;
    apply().await?;
    let stored = world.until("web-2", "Running").await;
    // Nothing changes where the same is applied again.
    apply().await?;
    let again = world.vm("web-2").await;
    assert_eq!(again["metadata"]["generation"], 1);
    assert_eq!(again["spec"], stored["spec"]);
    let reference = &stored["status"]["instancetypeRef"];
    assert_eq!(reference["name"], "u1.medium");
    let revision = reference["controllerRevisionRef"]["name"].as_str().unwrap();
    assert!(revision.starts_with("web-2-u1.medium-v1beta1-"), "{revision}");
    assert_eq!(conditions(&stored)["LiveMigratable"].1, "InterfaceNotLiveMigratable");
    let vmi = world.vmi("web-2").await.unwrap();
    let domain = &vmi["spec"]["domain"];
    assert_eq!(domain["memory"], json!({ "guest": "4Gi", "maxGuest": "16Gi" }));
    assert_eq!(
        domain["devices"]["disks"],
        json!([{ "name": "disk-0", "disk": { "bus": "virtio" } }])
    );
    let interfaces = json!([{ "name": "default", "bridge": {}, "model": "virtio" }]);
    assert_eq!(domain["devices"]["interfaces"], interfaces);
    assert_eq!(vmi["spec"]["volumes"][0]["containerDisk"]["imagePullPolicy"], "IfNotPresent");
    assert_eq!(vmi["metadata"]["annotations"]["kubevirt.io/cluster-preference-name"], "ubuntu");

    // What cannot be changed while it runs takes a restart.
    let bigger =
        json!({ "spec": { "template": { "spec": { "terminationGracePeriodSeconds": 7 } } } });
    world.machines().patch("web-2", &PatchParams::default(), &Patch::Merge(bigger)).await?;
    until("the need of a restart", async || {
        conditions(&world.vm("web-2").await).contains_key("RestartRequired")
    })
    .await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_go_wrong_goes_wrong() -> Outcome {
    let Some((world, node)) = World::shared("wrong").await else { return Ok(()) };
    let rule = |machine: &str, step: Step, fault: Fault| {
        let (namespace, machine) = (Some(world.space.to_owned()), Some(machine.to_owned()));
        node.inject(Rule { namespace, machine, step, fault })
    };
    let schedule = rule("full", Step::Schedule, Fault::Fail);
    let pull = rule("pull", Step::Pull, Fault::FailWith("no such image".to_owned()));
    rule("stuck", Step::Launch, Fault::Never);
    let crash = rule("crash", Step::Launch, Fault::Fail);
    let import = rule("import", Step::Import, Fault::Fail);
    for name in ["full", "pull", "stuck", "crash"] {
        let mut vm = diskless(name, "Always");
        vm["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 36_000.into();
        world.create(&vm).await?;
    }
    world.create(&machine("import", "Always")).await?;

    let full = world.until("full", "ErrorUnschedulable").await;
    let (status, reason, message) = conditions(&full)["PodScheduled"];
    assert_eq!((status, reason), ("False", "Unschedulable"));
    assert!(message.starts_with("0/1 nodes are available"), "{message}");
    assert_eq!(full["status"]["created"], true);
    let pulled = world.until("pull", "ImagePullBackOff").await;
    assert_eq!(conditions(&pulled)["Synchronized"], ("False", "ImagePullBackOff", "no such image"));
    world.until("stuck", "Starting").await;
    world.until("crash", "CrashLoopBackOff").await;
    let failed = world.until("import", "DataVolumeError").await;
    assert_eq!(failed["status"]["created"], Value::Null);
    let volume = world.get(CDI, "DataVolume", "import-disk-0").await.unwrap();
    assert_eq!(volume["status"]["phase"], "ImportInProgress");
    assert!(volume["status"]["restartCount"].as_u64() > Some(0), "{volume}");
    assert_eq!(conditions(&volume)["Running"].1, "Error");

    // What heals goes on, and what is stopped meanwhile can be.
    for rule in [schedule, pull, crash, import] {
        node.heal(rule);
    }
    for name in ["full", "pull", "crash", "import"] {
        world.until(name, "Running").await;
    }
    assert_eq!(world.vm("crash").await["status"]["startFailure"], Value::Null);
    world.put("virtualmachines/stuck/stop").await;
    world.until("stuck", "Stopped").await;

    // A guest that does not listen is ended after its grace period, and at once where there is none.
    rule("full", Step::Shutdown, Fault::Never);
    world.put("virtualmachines/full/stop").await;
    world.until("full", "Stopping").await;
    world.call("PUT", "virtualmachines/full/stop", r#"{"gracePeriod":0}"#).await.unwrap();
    world.until("full", "Stopped").await;
    Ok(())
}

/// Sockets, memory and NICs reach a guest that runs; what does not says so, until it is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_machine_is_changed() -> Outcome {
    let Some((world, node)) = World::shared("live").await else { return Ok(()) };
    world.create(&diskless("web-1", "Always")).await?;
    world.until("web-1", "Running").await;
    let change = async |spec: Value| {
        let patch = Patch::Merge(json!({ "spec": { "template": { "spec": spec } } }));
        world.machines().patch("web-1", &PatchParams::default(), &patch).await.map(drop)
    };
    let said = async |name: &str| {
        let vm = world.vm("web-1").await;
        conditions(&vm).get(name).map(|condition| condition.2.to_owned())
    };
    let slow = Rule {
        namespace: Some(world.space.to_owned()),
        machine: Some("web-1".to_owned()),
        step: Step::Migrate,
        fault: Fault::Fail,
    };
    let slow = node.inject(slow);
    let nics = json!([
        { "name": "default", "masquerade": {} },
        { "name": "more", "bridge": {}, "state": "down" },
    ]);
    let networks = json!([
        { "name": "default", "pod": {} },
        { "name": "more", "multus": { "networkName": "more" } },
    ]);
    change(json!({
        "domain": {
            "cpu": { "sockets": 4 }, "memory": { "guest": "4Gi" }, "devices": { "interfaces": nics },
        },
        "networks": networks,
    }))
    .await?;
    for name in ["HotVCPUChange", "HotMemoryChange", "MigrationRequired"] {
        until(name, async || said(name).await.is_some()).await;
    }
    let status = &world.vmi("web-1").await.unwrap()["status"];
    assert_eq!(status["currentCPUTopology"]["sockets"], 2);
    assert_eq!(status["memory"]["guestRequested"], "2Gi");
    node.heal(slow);
    until("the new size", async || said("HotVCPUChange").await.is_none()).await;
    let status = &world.vmi("web-1").await.unwrap()["status"];
    assert_eq!(status["currentCPUTopology"]["sockets"], 4);
    assert_eq!(
        status["memory"],
        json!({
            "guestAtBoot": "2Gi", "guestCurrent": "4Gi", "guestRequested": "4Gi",
            "memoryOverhead": status["memory"]["memoryOverhead"],
        })
    );
    assert_eq!(status["interfaces"][1]["name"], "more");
    assert_eq!(status["interfaces"][1]["linkState"], "down");
    assert_eq!(said("RestartRequired").await, None);

    for (spec, why) in [
        (
            json!({ "domain": { "cpu": { "sockets": 3 } } }),
            "Reduction of CPU socket count requires a restart",
        ),
        (
            json!({ "domain": { "cpu": { "sockets": 9 } } }),
            "CPU sockets updated in template spec to a value higher than what's available",
        ),
        (
            json!({ "domain": { "cpu": { "sockets": 4 }, "memory": { "guest": "1Gi" } } }),
            "memory updated in template spec to a value lower than what the VM started with",
        ),
        (
            json!({ "domain": { "cpu": { "cores": 2 } } }),
            "a non-live-updatable field was changed in the template spec",
        ),
    ] {
        change(spec).await?;
        until(why, async || said("RestartRequired").await.as_deref() == Some(why)).await;
    }
    change(json!({ "domain": { "cpu": { "cores": 1 }, "memory": { "guest": "4Gi" } } })).await?;
    until("no need of a restart", async || said("RestartRequired").await.is_none()).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn strategies_say_when_a_machine_runs() -> Outcome {
    let Some((world, node)) = World::shared("strategies").await else { return Ok(()) };
    for (name, strategy) in
        [("always", "Always"), ("rerun", "RerunOnFailure"), ("once", "Once"), ("manual", "Manual")]
    {
        world.create(&diskless(name, strategy)).await?;
    }
    for name in ["always", "rerun", "once"] {
        world.until(name, "Running").await;
    }
    world.until("manual", "Stopped").await;
    world.put("virtualmachines/manual/start").await;
    world.until("manual", "Running").await;
    assert_eq!(world.vm("manual").await["spec"]["runStrategy"], "Manual");

    let running = async |name: &str| world.vmi(name).await.unwrap()["metadata"]["uid"].clone();
    let (always, rerun) = (running("always").await, running("rerun").await);
    for name in ["always", "rerun", "once", "manual"] {
        if name == "rerun" {
            node.crash_guest(world.space, name).await?;
        } else {
            node.shut_down_guest(world.space, name).await?;
        }
    }
    // What is to run runs again, as another instance.
    for (name, old) in [("always", always), ("rerun", rerun)] {
        until("another instance", async || {
            let vmi = world.vmi(name).await;
            vmi.is_some_and(|v| v["metadata"]["uid"] != old && v["status"]["phase"] == "Running")
        })
        .await;
    }
    for name in ["once", "manual"] {
        world.until(name, "Stopped").await;
    }
    // A machine that has ended in peace stays so, until it is asked for.
    world.until("rerun", "Running").await;
    node.shut_down_guest(world.space, "rerun").await?;
    until("the end", async || world.vmi("rerun").await.is_none()).await;
    world.until("rerun", "Stopped").await;
    world.put("virtualmachines/rerun/start").await;
    world.until("rerun", "Running").await;
    world.put("virtualmachines/manual/start").await;
    world.until("manual", "Running").await;

    // A machine may be started without its guest running yet.
    world.put("virtualmachines/manual/stop").await;
    world.until("manual", "Stopped").await;
    // A request is refused while the last one is not done.
    until("the end of the requests", async || {
        world.vm("manual").await["status"]["stateChangeRequests"].is_null()
    })
    .await;
    world.call("PUT", "virtualmachines/manual/start", r#"{"paused":true}"#).await.unwrap();
    world.until("manual", "Paused").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_taken_and_restored() -> Outcome {
    let Some((world, node)) = World::shared("snapshots").await else { return Ok(()) };
    world.create(&machine("web-1", "Always")).await?;
    world.until("web-1", "Running").await;
    until("the guest agent", async || {
        conditions(&world.vm("web-1").await).contains_key("AgentConnected")
    })
    .await;
    let source = json!({ "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "web-1" });
    let snapshot = json!({
        "apiVersion": SNAPSHOT, "kind": "VirtualMachineSnapshot", "metadata": { "name": "s1" },
        "spec": { "source": source },
    });
    world.create(&snapshot).await?;
    let get = async |kind: &str, name: &str| world.get(SNAPSHOT, kind, name).await.unwrap();
    until("the snapshot", async || {
        get("VirtualMachineSnapshot", "s1").await["status"]["readyToUse"] == true
    })
    .await;
    let taken = get("VirtualMachineSnapshot", "s1").await;
    assert_eq!(taken["status"]["phase"], "Succeeded");
    assert_eq!(taken["status"]["indications"], json!(["GuestAgent", "Online"]));
    assert_eq!(
        taken["status"]["snapshotVolumes"],
        json!({
            "includedVolumes": ["disk-0"], "excludedVolumes": ["cloudinit"],
        })
    );
    until("the end of the mark", async || {
        world.vm("web-1").await["status"]["snapshotInProgress"].is_null()
    })
    .await;

    let restore = json!({
        "apiVersion": SNAPSHOT, "kind": "VirtualMachineRestore", "metadata": { "name": "r1" },
        "spec": { "target": source, "virtualMachineSnapshotName": "s1" },
    });
    world.create(&restore).await?;
    until("what it waits for", async || {
        let restore = get("VirtualMachineRestore", "r1").await;
        restore["status"]["complete"] == false
            && conditions(&restore)["Progressing"].1 == "Waiting for target to be ready"
    })
    .await;
    world.put("virtualmachines/web-1/stop").await;
    until("the restore", async || {
        get("VirtualMachineRestore", "r1").await["status"]["complete"] == true
    })
    .await;

    node.inject(Rule {
        namespace: Some(world.space.to_owned()),
        machine: None,
        step: Step::Snapshot,
        fault: Fault::FailWith("no room".to_owned()),
    });
    let mut second = snapshot.clone();
    second["metadata"]["name"] = "s2".into();
    world.create(&second).await?;
    until("the failure", async || {
        get("VirtualMachineSnapshot", "s2").await["status"]["phase"] == "Failed"
    })
    .await;
    assert_eq!(get("VirtualMachineSnapshot", "s2").await["status"]["error"]["message"], "no room");
    for name in ["s1", "s2"] {
        let api = world.api(SNAPSHOT, "VirtualMachineSnapshot");
        api.delete(name, &DeleteParams::default()).await?;
        until("the end of it", async || api.get_opt(name).await.unwrap().is_none()).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn consoles_say_back_what_they_are_told() -> Outcome {
    let Some((world, _)) = World::shared("consoles").await else { return Ok(()) };
    let open = async |sub: &str| {
        let path = format!(
            "/apis/subresources.kubevirt.io/v1/namespaces/{}/virtualmachineinstances/web-1/{sub}",
            world.space
        );
        let request = http::Request::get(path)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", "plain.kubevirt.io")
            .body(Body::empty())
            .unwrap();
        let response = world.client.send(request).await.unwrap();
        let code = response.status().as_u16();
        if code != 101 {
            return Err(code);
        }
        assert_eq!(response.headers()["sec-websocket-protocol"], "plain.kubevirt.io");
        let upgraded = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
        Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await)
    };
    assert_eq!(open("console").await.err(), Some(404));
    world.create(&diskless("web-1", "Always")).await?;
    world.until("web-1", "Running").await;
    let mut console = open("console").await.unwrap();
    console.send(Message::binary("login: ".as_bytes())).await?;
    assert_eq!(
        timeout(PATIENCE, console.next()).await?.unwrap()?.into_data(),
        "login: ".as_bytes()
    );

    let mut screen = open("vnc").await.unwrap();
    assert_eq!(
        timeout(PATIENCE, screen.next()).await?.unwrap()?.into_data(),
        "RFB 003.008\n".as_bytes()
    );
    // Whoever comes takes it from whoever was there.
    let mut other = open("vnc").await.unwrap();
    assert_eq!(
        timeout(PATIENCE, other.next()).await?.unwrap()?.into_data(),
        "RFB 003.008\n".as_bytes()
    );
    let end = timeout(PATIENCE, screen.next()).await?;
    assert!(matches!(end, None | Some(Ok(Message::Close(_)) | Err(_))), "{end:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_count_what_machines_take() -> Outcome {
    let Some((world, _)) = World::shared("counted").await else { return Ok(()) };
    let hard = json!({
        "requests.cpu": "300m", "requests.memory": "8Gi", "limits.cpu": "4", "limits.memory": "16Gi",
        "requests.storage": "50Gi",
    });
    world
        .create(&json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "vdc-quota" },
            "spec": { "hard": hard },
        }))
        .await?;
    let used = async |key: &str| {
        let quota = world.get("v1", "ResourceQuota", "vdc-quota").await.unwrap();
        quota["status"]["used"][key].as_str().unwrap_or_default().to_owned()
    };
    until("the quota's count", async || !used("requests.cpu").await.is_empty()).await;
    world.create(&machine("first", "Always")).await?;
    world.until("first", "Running").await;
    assert_eq!(world.vmi("first").await.unwrap()["status"]["memory"]["memoryOverhead"], "276Mi");
    for (key, expected) in [
        ("requests.cpu", "200m"),
        ("requests.memory", "2324Mi"),
        ("limits.cpu", "2"),
        ("limits.memory", "4648Mi"),
        ("requests.storage", "20Gi"),
    ] {
        assert_eq!(used(key).await, expected, "{key}");
    }
    // No room for its pod.
    world.create(&machine("second", "Always")).await?;
    let has_failed = async || {
        let vm = world.vm("second").await;
        let said = conditions(&vm).get("Synchronized").copied();
        said.is_some_and(|(_, reason, why)| {
            reason == "FailedCreate" && why.contains("exceeded quota: vdc-quota")
        })
    };
    until("the refusal", has_failed).await;
    world.until("second", "Starting").await;
    // No room for its disk.
    world.create(&machine("third", "Halted")).await?;
    until("the refusal", async || {
        let volume = world.get(CDI, "DataVolume", "third-disk-0").await;
        let said = volume.as_ref().map(|volume| volume["status"]["conditions"].to_string());
        said.is_some_and(|said| said.contains("ErrExceededQuota"))
    })
    .await;
    world.put("virtualmachines/first/stop").await;
    world.until("second", "Running").await;
    Ok(())
}

/// How fast it goes, for who writes tests with many machines.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes a minute"]
async fn many_machines_run_at_once() -> Outcome {
    const COUNT: usize = 300;
    let Some((world, _)) = World::shared("many").await else { return Ok(()) };
    let names: Vec<String> = (0..COUNT).map(|number| format!("vm-{number}")).collect();
    let start = Instant::now();
    let say = |what: &str| println!("{what} after {:.1} s", start.elapsed().as_secs_f64());
    for name in &names {
        world.create(&machine(name, "Always")).await?;
    }
    say("created");
    let count = async |printable: &str| {
        let all = world.machines().list(&ListParams::default()).await.unwrap();
        all.items.iter().filter(|vm| vm.data["status"]["printableStatus"] == printable).count()
    };
    while count("Running").await < COUNT {
        assert!(start.elapsed() < 10 * PATIENCE, "{} run", count("Running").await);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    say("running");
    for name in &names {
        world.machines().delete(name, &DeleteParams::default()).await?;
    }
    loop {
        let left = left(&world).await;
        if left.is_empty() {
            break;
        }
        assert!(start.elapsed() < 20 * PATIENCE, "left: {left:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    say("gone");
    Ok(())
}

/// An API that nobody serves would block it.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_can_be_deleted_with_and_without_a_node() -> Outcome {
    let Some(control_plane) = control_plane().await else { return Ok(()) };
    let node = Node::start(&control_plane.kubeconfig(), Options::default()).await?;
    let world = World::new(control_plane.client().await?, "with").await;
    world.create(&machine("web-1", "Always")).await?;
    world.until("web-1", "Running").await;
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    let end = async |name: &str| {
        namespaces.delete(name, &DeleteParams::default()).await.unwrap();
        let is_gone = async || namespaces.get_opt(name).await.unwrap().is_none();
        until("the end of the namespace", is_gone).await;
    };
    end("with").await;
    node.stop().await?;
    World::new(control_plane.client().await?, "without").await;
    end("without").await;
    Ok(())
}
