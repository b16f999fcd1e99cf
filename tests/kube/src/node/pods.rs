//! The pods that instances run in. None of them runs anything: they are what quotas count.

use k8s_openapi::api::core::v1::ResourceQuota;
use kube::{
    Api, Error, ResourceExt as _,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{
    Stage, defaults,
    instances::NODE,
    objects::{self, namespace},
};

/// What KubeVirt asks of a node for each processor of a guest, in thousandths.
const CPU: u64 = 100;
/// Memory that the processes around a guest take: recorded as 268 MiB for one processor, 276 MiB for two.
const OVERHEAD_MIB: u64 = 260;
const OVERHEAD_EACH_MIB: u64 = 8;
const MIB: u64 = 1 << 20;

/// The name of the pod of an instance.
fn name_of(vmi: &DynamicObject) -> String {
    let uid = vmi.uid().unwrap_or_default();
    let tail = uid.rsplit('-').next().unwrap_or_default();
    format!("virt-launcher-{}-{}", vmi.name_any(), tail.get(..5).unwrap_or(tail))
}

fn vcpus(vmi: &DynamicObject) -> u64 {
    let cpu = &vmi.data["spec"]["domain"]["cpu"];
    ["sockets", "cores", "threads"].iter().map(|key| cpu[*key].as_u64().unwrap_or(1)).product()
}

/// What an instance takes beside its guest's memory, as its status has it.
pub fn overhead(vmi: &DynamicObject) -> String {
    format!("{}Mi", OVERHEAD_MIB + OVERHEAD_EACH_MIB * vcpus(vmi))
}

/// Bytes as a quantity.
fn written(bytes: u64) -> String {
    if bytes.is_multiple_of(MIB) { format!("{}Mi", bytes / MIB) } else { bytes.to_string() }
}

/// The claims that an instance's disks are on.
fn volumes(vmi: &DynamicObject) -> Value {
    let all = objects::list(&vmi.data, "/spec/volumes").iter().filter_map(|volume| {
        let claim = volume.pointer("/dataVolume/name");
        let claim = claim.or_else(|| volume.pointer("/persistentVolumeClaim/claimName"))?;
        Some(json!({ "name": volume["name"], "persistentVolumeClaim": { "claimName": claim } }))
    });
    all.collect()
}

/// Makes the pod of an instance. Why not, where the cluster refuses it.
pub async fn make(vmi: &DynamicObject, stage: &Stage) -> kube::Result<Result<(), String>> {
    let vcpus = vcpus(vmi);
    let guest = objects::text(&vmi.data, "/spec/domain/memory/guest");
    let memory = defaults::bytes(guest).unwrap_or_default()
        + (OVERHEAD_MIB + OVERHEAD_EACH_MIB * vcpus) * MIB;
    let mut resources = json!({ "requests": {
        "cpu": format!("{}m", CPU * vcpus), "memory": written(memory),
    } });
    // Where a quota counts limits, KubeVirt sets them.
    for (key, limit) in limits(vmi, stage).await? {
        resources["limits"][key] =
            if limit { written(memory * 2) } else { vcpus.to_string() }.into();
    }
    let mut labels = json!({
        "kubevirt.io": "virt-launcher", "kubevirt.io/created-by": vmi.uid(),
        "vm.kubevirt.io/name": vmi.name_any(),
    });
    for (key, value) in vmi.labels() {
        labels[key] = value.as_str().into();
    }
    let pod = objects::object(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name_of(vmi), "labels": labels,
            "annotations": { "kubevirt.io/domain": vmi.name_any() },
            "ownerReferences": [objects::owner(&objects::instance(), vmi)],
        },
        "spec": {
            // A claim is kept for pods that are on a node.
            "nodeName": NODE, "volumes": volumes(vmi), "terminationGracePeriodSeconds": 0,
            "restartPolicy": "Never", "automountServiceAccountToken": false,
            "containers": [{
                "name": "compute", "image": "quay.io/kubevirt/virt-launcher:v1.9.0",
                "resources": resources,
            }],
        },
    }))?;
    let pods = objects::within(&stage.client, &namespace(vmi), &objects::pod());
    match objects::or_there(pods.create(&PostParams::default(), &pod).await) {
        Err(Error::Api(refusal)) if matches!(refusal.code, 403 | 422) => {
            Ok(Err(format!("failed to create virtual machine pod: {}", refusal.message)))
        }
        other => other.map(Ok),
    }
}

/// Which limits the quotas of the namespace count, and whether of memory.
async fn limits(vmi: &DynamicObject, stage: &Stage) -> kube::Result<Vec<(&'static str, bool)>> {
    let quotas: Api<ResourceQuota> = Api::namespaced(stage.client.clone(), &namespace(vmi));
    let quotas = quotas.list(&ListParams::default()).await?;
    let counts = |key: &str| {
        let mut hard = quotas.items.iter().filter_map(|quota| quota.spec.as_ref()?.hard.as_ref());
        hard.any(|hard| hard.contains_key(key))
    };
    let all = [("limits.cpu", "cpu", false), ("limits.memory", "memory", true)];
    Ok(all.into_iter().filter(|(key, ..)| counts(key)).map(|(_, key, mem)| (key, mem)).collect())
}

/// Says that the pod of an instance runs.
pub async fn run(vmi: &DynamicObject, address: &Value, stage: &Stage) -> kube::Result<()> {
    let pods = objects::within(&stage.client, &namespace(vmi), &objects::pod());
    let mut status = json!({ "phase": "Running" });
    if address.is_string() {
        status["podIP"] = address.clone();
        status["podIPs"] = json!([{ "ip": address }]);
    }
    let patch = Patch::Merge(json!({ "status": status }));
    let patched = pods.patch_status(&name_of(vmi), &PatchParams::default(), &patch).await;
    objects::or_missing(patched)
}

/// Removes the pod of an instance.
pub async fn remove(vmi: &DynamicObject, stage: &Stage) -> kube::Result<()> {
    let pods = objects::within(&stage.client, &namespace(vmi), &objects::pod());
    let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    objects::or_missing(pods.delete(&name_of(vmi), &at_once).await)
}
