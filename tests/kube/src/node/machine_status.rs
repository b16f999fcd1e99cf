//! The status of a VirtualMachine, out of what there is of its instance and its volumes.

use kube::{ResourceExt as _, api::DynamicObject};
use serde_json::{Value, json};

use super::{
    machines::{is_final, strategy},
    objects::{self, condition, is_going, is_true, list, now, text},
};

/// What there is beside the machine itself.
pub struct Seen<'a> {
    /// Its instance.
    pub vmi: Option<&'a DynamicObject>,
    /// The DataVolumes of its volumes.
    pub volumes: &'a [DynamicObject],
    /// Why the machine has to be restarted, if it has to.
    pub restart: Option<String>,
}

/// Conditions that do not come from the instance.
const OWN: [&str; 3] = ["Ready", "Failure", "RestartRequired"];

/// Whether the first request is one for an action.
pub fn has_request(status: &Value, action: &str) -> bool {
    list(status, "/stateChangeRequests").first().is_some_and(|first| first["action"] == action)
}

/// Asks for another instance, where nobody has.
pub fn request_start(status: &mut Value) {
    let mut requests = list(status, "/stateChangeRequests").to_vec();
    if requests.iter().all(|request| request["action"] != "Start") {
        requests.push(json!({ "action": "Start" }));
        status["stateChangeRequests"] = requests.into();
    }
}

/// Counts an instance that has failed, once, and forgets the failures where one runs.
pub fn count_failures(status: &mut Value, vmi: Option<&DynamicObject>) {
    let Some(vmi) = vmi else { return };
    match text(&vmi.data, "/status/phase") {
        "Failed" => {
            let uid = vmi.uid().unwrap_or_default();
            let failure = &status["startFailure"];
            if text(failure, "/lastFailedVMIUID") != uid {
                let count = failure["consecutiveFailCount"].as_u64().unwrap_or_default() + 1;
                status["startFailure"] = json!({
                    "consecutiveFailCount": count, "lastFailedVMIUID": uid,
                    "retryAfterTimestamp": now(),
                });
            }
        }
        "Running" => forget(status, "startFailure"),
        _ => {}
    }
}

/// Says what there is.
pub fn update(vm: &DynamicObject, status: &mut Value, seen: &Seen<'_>) {
    if !status.is_object() {
        *status = json!({});
    }
    trim_requests(status, seen.vmi);
    conditions(status, seen);
    let is_ready = seen.vmi.is_some() && is_true(status, "Ready");
    for (key, holds) in [("created", seen.vmi.is_some()), ("ready", is_ready)] {
        if holds {
            status[key] = true.into();
        } else {
            forget(status, key);
        }
    }
    let generation = vm.metadata.generation;
    if seen.vmi.is_some() || !status["desiredGeneration"].is_null() {
        status["desiredGeneration"] = generation.into();
        if seen.restart.is_none() {
            status["observedGeneration"] = generation.into();
        }
        status["runStrategy"] = strategy(vm).into();
    }
    let volumes = list(&vm.data, "/spec/template/spec/volumes");
    status["volumeSnapshotStatuses"] = volumes.iter().map(snapshot_status).collect();
    if volumes.is_empty() {
        forget(status, "volumeSnapshotStatuses");
    }
    let printable = printable(vm, status, seen);
    status["printableStatus"] = printable.into();
}

fn forget(status: &mut Value, key: &str) {
    if let Some(status) = status.as_object_mut() {
        status.remove(key);
    }
}

/// Takes away the first request where it is fulfilled: one at a time, as the next may depend on it.
fn trim_requests(status: &mut Value, vmi: Option<&DynamicObject>) {
    let Some(first) = list(status, "/stateChangeRequests").first() else { return };
    let is_done = match text(first, "/action") {
        "Stop" => vmi.is_none_or(|vmi| first["uid"].as_str() != vmi.uid().as_deref()),
        "Start" => vmi.is_some_and(|vmi| !is_going(vmi) && !is_final(vmi)),
        _ => true,
    };
    if is_done && let Some(requests) = status["stateChangeRequests"].as_array_mut() {
        requests.remove(0);
        if requests.is_empty() {
            forget(status, "stateChangeRequests");
        }
    }
}

fn conditions(status: &mut Value, seen: &Seen<'_>) {
    objects::remove(status, "Failure");
    let Some(vmi) = seen.vmi else {
        let mut gone = objects::of_type("Ready", false, "VMINotExists", "VMI does not exist");
        if condition(status, "Ready").is_none_or(|ready| ready["reason"] != "VMINotExists") {
            objects::remove(status, "Ready");
            gone["lastProbeTime"] = now().into();
            gone["lastTransitionTime"] = gone["lastProbeTime"].clone();
            prepend(status, gone);
        }
        objects::remove(status, "RestartRequired");
        return;
    };
    let theirs = &vmi.data["status"];
    let ready = condition(theirs, "Ready").cloned().unwrap_or_else(|| {
        let message = "VMI is missing the Ready condition";
        objects::of_type("Ready", false, "VMIConditionMissing", message)
    });
    objects::remove(status, "Ready");
    let kept = list(status, "/conditions").iter().filter(|condition| {
        let name = text(condition, "/type");
        OWN.contains(&name)
    });
    let mut all: Vec<Value> = vec![ready];
    let others = list(theirs, "/conditions").iter();
    all.extend(others.filter(|condition| !OWN.contains(&text(condition, "/type"))).cloned());
    all.extend(kept.cloned());
    status["conditions"] = all.into();
    if let Some(message) = &seen.restart {
        objects::put(status, objects::of_type("RestartRequired", true, "", message));
    } else {
        objects::remove(status, "RestartRequired");
    }
}

fn prepend(status: &mut Value, condition: Value) {
    let mut all = vec![condition];
    all.extend(list(status, "/conditions").iter().cloned());
    status["conditions"] = all.into();
}

fn snapshot_status(volume: &Value) -> Value {
    let name = &volume["name"];
    let is_disk = ["dataVolume", "persistentVolumeClaim"].iter().any(|k| volume.get(k).is_some());
    if is_disk {
        return json!({ "name": name, "enabled": true });
    }
    let name = name.as_str().unwrap_or_default();
    let reason = format!("Snapshot is not supported for this volumeSource type [{name}]");
    json!({ "name": name, "enabled": false, "reason": reason })
}

/// The first that fits, in the order of KubeVirt.
fn printable(vm: &DynamicObject, status: &Value, seen: &Seen<'_>) -> &'static str {
    let theirs = seen.vmi.map(|vmi| &vmi.data["status"]);
    let phase = theirs.map_or("none", |theirs| text(theirs, "/phase"));
    let ends_with = |name: &str, reason: &str| {
        let condition = theirs.and_then(|theirs| condition(theirs, name));
        condition.is_some_and(|c| c["status"] == "False" && c["reason"] == reason)
    };
    let has_failed = status["startFailure"]["consecutiveFailCount"].as_u64().unwrap_or(0) > 0;
    let is_over = matches!(phase, "none" | "Succeeded" | "Failed");
    let is_provisioned = |volume: &DynamicObject| {
        matches!(text(&volume.data, "/status/phase"), "Succeeded" | "WaitForFirstConsumer")
    };
    match () {
        () if is_going(vm) => "Terminating",
        () if !is_over && seen.vmi.is_some_and(is_going) => "Stopping",
        () if phase == "Running" && is_true(status, "Paused") => "Paused",
        () if phase == "Running" => "Running",
        () if ends_with("Synchronized", "FailedPvcNotFound") => "ErrorPvcNotFound",
        () if seen.volumes.iter().any(fails) => "DataVolumeError",
        () if ends_with("PodScheduled", "Unschedulable") => "ErrorUnschedulable",
        () if !seen.volumes.iter().all(is_provisioned) => "Provisioning",
        () if ends_with("Synchronized", "ErrImagePull") => "ErrImagePull",
        () if ends_with("Synchronized", "ImagePullBackOff") => "ImagePullBackOff",
        () if !is_over => "Starting",
        () if has_failed && matches!(strategy(vm), "Always" | "RerunOnFailure" | "Once") => {
            "CrashLoopBackOff"
        }
        () => "Stopped",
    }
}

/// Whether a DataVolume has failed, or fails and is tried again.
fn fails(volume: &DynamicObject) -> bool {
    let status = &volume.data["status"];
    let running = condition(status, "Running");
    text(status, "/phase") == "Failed"
        || running.is_some_and(|running| {
            running["status"] == "False"
                && matches!(text(running, "/reason"), "Error" | "ImagePullFailed")
        })
}
