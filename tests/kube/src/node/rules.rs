//! What KubeVirt's validating webhook refuses of a VirtualMachine.

use std::collections::HashMap;

use kube::{ResourceExt as _, api::DynamicObject};
use serde_json::{Value, json};

use super::{
    defaults::bytes,
    instancetypes::{Cause, Chosen, add_disks, add_interface},
    objects::{list, text},
};

const INVALID: &str = "FieldValueInvalid";
const REQUIRED: &str = "FieldValueRequired";
const DUPLICATE: &str = "FieldValueDuplicate";
const SPEC: &str = "spec.template.spec";
const STRATEGIES: [&str; 6] =
    ["Halted", "Manual", "Always", "RerunOnFailure", "Once", "WaitAsReceiver"];
const SOURCES: [&str; 15] = [
    "persistentVolumeClaim",
    "sysprep",
    "cloudInitNoCloud",
    "cloudInitConfigDrive",
    "containerDisk",
    "ephemeral",
    "emptyDisk",
    "hostDisk",
    "dataVolume",
    "configMap",
    "secret",
    "downwardAPI",
    "serviceAccount",
    "downwardMetrics",
    "memoryDump",
];

fn cause(reason: &'static str, message: impl Into<String>, field: impl Into<String>) -> Cause {
    Cause { reason, message: message.into(), field: field.into() }
}

/// What is refused of a machine that is made, or changed from what it was.
pub fn machine(vm: &Value, old: Option<&Value>, chosen: &Chosen) -> Vec<Cause> {
    let causes = chosen.conflicts(&vm["spec"]["template"]["spec"]);
    if !causes.is_empty() {
        return causes;
    }
    // As an instance of it would be.
    let mut spec = vm["spec"]["template"]["spec"].clone();
    chosen.apply(&mut spec);
    add_interface(&mut spec);
    add_disks(&mut spec);
    if old.is_none() {
        let causes = networks(&spec);
        if !causes.is_empty() {
            return causes;
        }
    }
    let mut causes = devices(&spec);
    causes.extend(live_update(&spec));
    causes.extend(volumes(list(&spec, "/volumes")));
    causes.extend(data_volume_templates(vm, &spec));
    causes.extend(strategy(&vm["spec"]));
    if causes.is_empty()
        && let Some(old) = old.filter(|old| old["spec"] != vm["spec"])
    {
        causes.extend(in_progress(vm, old));
    }
    causes
}

/// Complains of names that are there twice.
fn unique(items: &[Value], complain: impl Fn(usize, usize, &str) -> Cause) -> Vec<Cause> {
    let mut seen = HashMap::new();
    let mut causes = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let name = text(item, "/name");
        match seen.get(name) {
            Some(first) => causes.push(complain(index, *first, name)),
            None => {
                seen.insert(name, index);
            }
        }
    }
    causes
}

fn networks(spec: &Value) -> Vec<Cause> {
    let (networks, interfaces) =
        (list(spec, "/networks"), list(spec, "/domain/devices/interfaces"));
    let has = |all: &[Value], name: &Value| all.iter().any(|other| other["name"] == *name);
    let mut causes = Vec::new();
    for (index, network) in networks.iter().enumerate() {
        if !has(interfaces, &network["name"]) {
            let field = format!("{SPEC}.networks[{index}].name");
            let message = format!("{field} '{}' not found.", text(network, "/name"));
            causes.push(cause(REQUIRED, message, field));
        }
    }
    for (index, interface) in interfaces.iter().enumerate() {
        if !has(networks, &interface["name"]) {
            let field = format!("{SPEC}.domain.devices.interfaces[{index}].name");
            let message = format!("{field} '{}' not found.", text(interface, "/name"));
            causes.push(cause(INVALID, message, field));
        }
    }
    causes.extend(unique(networks, |index, _, name| {
        let message = format!(
            "Network with name {name:?} already exists, every network must have a unique name"
        );
        cause(DUPLICATE, message, format!("{SPEC}.networks[{index}].name"))
    }));
    causes.extend(unique(interfaces, |index, _, _| {
        let message = "Only one interface can be connected to one specific network";
        cause(DUPLICATE, message, format!("{SPEC}.domain.devices.interfaces[{index}].name"))
    }));
    causes
}

fn devices(spec: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let memory = &spec["domain"]["memory"];
    let is_sized = memory.get("guest").is_some() || memory.get("hugepages").is_some();
    if !is_sized && spec["domain"]["resources"]["requests"]["memory"].is_null() {
        let message = format!(
            "no memory requested, at least one of '{SPEC}.domain.memory.guest', \
             '{SPEC}.domain.memory.hugepages.size' or '{SPEC}.domain.resources.requests.memory' must be set"
        );
        causes.push(cause(REQUIRED, message, ""));
    }
    let disks = list(spec, "/domain/devices/disks");
    let volumes = list(spec, "/volumes");
    let at = |index: usize| format!("{SPEC}.domain.devices.disks[{index}]");
    causes.extend(unique(disks, |index, first, _| {
        let message = format!("{} and {} must not have the same Name.", at(index), at(first));
        cause(INVALID, message, format!("{}.name", at(index)))
    }));
    let mut orders = Vec::new();
    for (index, disk) in disks.iter().enumerate() {
        let is_there = volumes.iter().any(|volume| volume["name"] == disk["name"]);
        // A drive may be empty.
        if !is_there && disk.get("cdrom").is_none() {
            let message = format!("{}.Name '{}' not found.", at(index), text(disk, "/name"));
            causes.push(cause(INVALID, message, format!("{}.name", at(index))));
        }
        causes.extend(boot_order(disk, &at(index), &mut orders));
    }
    for (index, interface) in list(spec, "/domain/devices/interfaces").iter().enumerate() {
        let at = format!("{SPEC}.domain.devices.interfaces[{index}]");
        causes.extend(boot_order(interface, &at, &mut orders));
    }
    causes
}

/// What could not be changed while the machine runs, though the spec says how far it could.
fn live_update(spec: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let domain = &spec["domain"];
    let sockets = |key: &str| domain["cpu"][key].as_u64().unwrap_or_default();
    if sockets("maxSockets") != 0 && sockets("sockets") > sockets("maxSockets") {
        let message =
            "Number of sockets in CPU topology is greater than the maximum sockets allowed";
        causes.push(cause(INVALID, message, format!("{SPEC}.domain.cpu.sockets")));
    }
    if !domain["memory"]["maxGuest"].is_null()
        && let Err(message) = pluggable_memory(spec)
    {
        causes.push(cause(INVALID, message, format!("{SPEC}.domain.memory.guest")));
    }
    causes
}

/// Whether memory can be plugged into a machine, up to its `maxGuest`.
pub fn pluggable_memory(spec: &Value) -> Result<(), &'static str> {
    const BLOCK: u64 = 2 << 20;
    let size = |key: &str| bytes(text(&spec["domain"]["memory"], &format!("/{key}")));
    let Some(guest) = size("guest") else {
        return Err("Guest memory must be configured when memory hotplug is enabled");
    };
    let Some(most) = size("maxGuest") else {
        return Err("Max guest memory must be configured when memory hotplug is enabled");
    };
    match () {
        () if guest > most => Err("Guest memory is greater than the configured maxGuest memory"),
        () if guest % BLOCK != 0 => Err("Guest memory must be 2Mi aligned"),
        () if most % BLOCK != 0 => Err("MaxGuest must be 2Mi aligned"),
        () if text(spec, "/architecture") != "amd64" => {
            Err("Memory hotplug is only available for x86_64 VMs")
        }
        () if guest < 1 << 30 => {
            Err("Memory hotplug is only available for VMs with at least 1Gi of guest memory")
        }
        () => Ok(()),
    }
}

fn boot_order(device: &Value, at: &str, orders: &mut Vec<u64>) -> Option<Cause> {
    let order = device["bootOrder"].as_u64()?;
    let field = format!("{at}.bootOrder");
    if orders.contains(&order) {
        let message = format!("Boot order for {field} already set for a different device.");
        return Some(cause(INVALID, message, field));
    }
    orders.push(order);
    None
}

fn volumes(volumes: &[Value]) -> Vec<Cause> {
    let at = |index: usize| format!("{SPEC}.volumes[{index}]");
    let mut causes = unique(volumes, |index, first, _| {
        let message = format!("{} and {} must not have the same Name.", at(index), at(first));
        cause(INVALID, message, format!("{}.name", at(index)))
    });
    for (index, volume) in volumes.iter().enumerate() {
        if SOURCES.iter().filter(|source| volume.get(**source).is_some()).count() != 1 {
            let message = format!("{} must have exactly one source type set", at(index));
            causes.push(cause(INVALID, message, at(index)));
        }
        for kind in ["cloudInitNoCloud", "cloudInitConfigDrive"] {
            let Some(source) = volume.get(kind) else { continue };
            let field = format!("{}.{kind}", at(index));
            let users = ["secretRef", "userDataBase64", "userData"];
            let count = users.iter().filter(|key| source.get(**key).is_some()).count();
            let networks = ["networkDataSecretRef", "networkDataBase64", "networkData"];
            if count > 1 {
                let message = format!("{field} must have only one userdatasource set.");
                causes.push(cause(INVALID, message, &field));
            }
            if count == 0 && networks.iter().all(|key| source.get(*key).is_none()) {
                let message = format!(
                    "{field} must have at least one userdatasource or one networkdatasource set."
                );
                causes.push(cause(INVALID, message, &field));
            }
            if text(source, "/userData").len() > 2048 {
                let message = format!(
                    "{field} userdata exceeds 2048 byte limit. Should use UserDataSecretRef for larger data."
                );
                causes.push(cause(INVALID, message, &field));
            }
        }
    }
    causes
}

fn data_volume_templates(vm: &Value, spec: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (index, template) in list(vm, "/spec/dataVolumeTemplates").iter().enumerate() {
        let field = format!("spec.dataVolumeTemplate[{index}]");
        let name = text(template, "/metadata/name");
        if name.is_empty() {
            let message =
                format!("'name' field must not be empty for DataVolumeTemplate entry {field}.");
            causes.push(cause(REQUIRED, message, format!("{field}.name")));
        }
        let is_used = list(spec, "/volumes").iter().any(|volume| {
            text(volume, "/dataVolume/name") == name
                || text(volume, "/persistentVolumeClaim/claimName") == name
        });
        if !is_used {
            let message = format!(
                "DataVolumeTemplate entry {field} must be referenced in the VMI template's 'volumes' list"
            );
            causes.push(cause(REQUIRED, message, &field));
        }
    }
    causes
}

fn strategy(spec: &Value) -> Vec<Cause> {
    let has = |key: &str| !spec[key].is_null();
    let mut causes = Vec::new();
    if has("running") && has("runStrategy") {
        let message = "Running and RunStrategy are mutually exclusive. Note that Running is deprecated, \
            please use RunStrategy instead";
        causes.push(cause(INVALID, message, "spec.running"));
    }
    if !has("running") && !has("runStrategy") {
        let message = "One of Running or RunStrategy must be specified";
        causes.push(cause(INVALID, message, "spec.running"));
    }
    let strategy = text(spec, "/runStrategy");
    if has("runStrategy") && !STRATEGIES.contains(&strategy) {
        let message = format!("Invalid RunStrategy ({strategy})");
        causes.push(cause(INVALID, message, "spec.runStrategy"));
    }
    causes
}

/// What must not change while a snapshot is made of a machine, or restored.
fn in_progress(vm: &Value, old: &Value) -> Option<Cause> {
    let not_now = |message| Some(cause("FieldValueNotSupported", message, "spec"));
    let differs = |path: &str| vm["spec"].pointer(path) != old["spec"].pointer(path);
    let runs_otherwise = differs("/runStrategy") || differs("/running");
    let restore = text(old, "/status/restoreInProgress");
    if !restore.is_empty() && runs_otherwise {
        let message = format!("Cannot update VM runStrategy until restore {restore:?} completes");
        return not_now(message);
    }
    let snapshot = text(old, "/status/snapshotInProgress");
    if snapshot.is_empty() {
        return None;
    }
    if differs("/template/spec/volumes") {
        let message =
            format!("Cannot update vm disks or volumes until snapshot {snapshot:?} completes");
        return not_now(message);
    }
    if runs_otherwise {
        let message =
            format!("Cannot update vm running state until snapshot {snapshot:?} completes");
        return not_now(message);
    }
    None
}

/// What may not change of a snapshot or a restore.
pub fn immutable(new: &Value, old: &Value) -> Vec<Cause> {
    let is_same = new["spec"] == old["spec"];
    if is_same {
        Vec::new()
    } else {
        vec![cause(INVALID, "spec in immutable after creation", "spec")]
    }
}

/// A snapshot or a restore must be one of a machine.
pub fn names_a_machine(new: &Value) -> Vec<Cause> {
    let key = if new["kind"] == "VirtualMachineRestore" { "target" } else { "source" };
    let named = &new["spec"][key];
    let at = |field: &str| format!("spec.{key}.{field}");
    match named["apiGroup"].as_str() {
        None => vec![cause("FieldValueNotFound", "missing apiGroup", at("apiGroup"))],
        Some("kubevirt.io") if named["kind"] == "VirtualMachine" => Vec::new(),
        Some("kubevirt.io") => vec![cause(INVALID, "invalid kind", at("kind"))],
        Some(_) => vec![cause(INVALID, "invalid apiGroup", at("apiGroup"))],
    }
}

/// A machine has one restore that is not complete, also where it has failed.
pub fn in_the_way(new: &Value, others: &[DynamicObject]) -> Vec<Cause> {
    let target = &new["spec"]["target"];
    let others = others.iter().filter(|other| {
        other.data["spec"]["target"] == *target && other.data["status"]["complete"] != true
    });
    let refused = others.map(|other| {
        let message = format!("VirtualMachineRestore {:?} in progress", other.name_any());
        cause(INVALID, message, "spec.target")
    });
    refused.collect()
}

/// The answer to who sent what is refused.
pub fn refusal(causes: &[Cause]) -> Value {
    let messages: Vec<&str> = causes.iter().map(|cause| cause.message.as_str()).collect();
    let causes: Vec<Value> = causes
        .iter()
        .map(|cause| {
            let mut told = json!({ "reason": cause.reason, "message": cause.message });
            if !cause.field.is_empty() {
                told["field"] = cause.field.as_str().into();
            }
            told
        })
        .collect();
    json!({
        "code": 422, "reason": "Invalid", "message": messages.join(", "),
        "details": { "causes": causes },
    })
}
