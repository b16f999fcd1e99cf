//! A template's VM as it is planned: the name, the labels, the CPUs and memory, the disks and the NICs are the
//! plan's; everything else stays as the template says.
//!
//! It is done to the copy of a template before OpenShift makes the VM, and to the VM when it is changed; it is JSON,
//! so that nothing that is not typed here is lost.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use ssvirt_core::{Result, backend::VmPlan};

use super::{
    parts::{self, SIZES, add, object},
    size,
};
use crate::kubevirt::vm::{
    disk_name,
    object::{Site, changed},
};

const DOMAIN: &str = "/spec/template/spec/domain";

/// Makes a VM like its plan, under that name.
///
/// # Errors
/// `BadRequest` for what KubeVirt cannot have.
pub fn shape(vm: &mut Value, plan: &VmPlan, at: &Site, name: &str) -> Result<()> {
    let ours = ours(plan, at, name)?;
    vm["metadata"]["name"] = name.into();
    for place in ["/metadata/labels", "/metadata/annotations", "/spec/template/metadata/labels"] {
        merge(object(vm, place), &ours.pointer(place).cloned().unwrap_or_default());
    }
    set_size(vm, &ours);
    set_disks(vm, &ours, name);
    if !plan.spec.nics.is_empty() {
        set_nics(vm, &ours);
    }
    Ok(())
}

/// Gives a new VM what only a new one is given: it is off, and its disks are found again by their names.
pub fn begin(vm: &mut Value, name: &str) {
    object(vm, "/spec").as_object_mut().map(|spec| spec.remove("running"));
    vm["spec"]["runStrategy"] = "Halted".into();
    let disks = parts::disks(vm).iter().enumerate();
    let renamed: Vec<(Value, String)> = disks
        .map(|(place, disk)| {
            let id = size::disk(place, 0).id;
            (disk["metadata"]["name"].clone(), format!("{name}-{}", disk_name(&id)))
        })
        .collect();
    for (place, (_, new)) in renamed.iter().enumerate() {
        vm["spec"]["dataVolumeTemplates"][place]["metadata"]["name"] = new.as_str().into();
    }
    let volumes = vm.pointer_mut("/spec/template/spec/volumes").and_then(Value::as_array_mut);
    for volume in volumes.into_iter().flatten() {
        let new = renamed.iter().find(|(old, _)| parts::content(volume) == Some(old));
        if let Some((_, new)) = new {
            *volume = json!({ "name": volume["name"], "dataVolume": { "name": new } });
        }
    }
}

/// What the VM would be like if there were no template.
fn ours(plan: &VmPlan, at: &Site, name: &str) -> Result<Value> {
    let mut plain = plan.clone();
    plain.spec.image = None;
    Ok(serde_json::to_value(changed(&plain, at, name)?)?)
}

fn merge(into: &mut Value, from: &Value) {
    for (key, value) in from.as_object().into_iter().flatten() {
        into[key] = value.clone();
    }
}

/// CPUs and memory in the one place that they are changed in: neither by an instance type nor by what the pod
/// asks for.
fn set_size(vm: &mut Value, ours: &Value) {
    object(vm, "/spec").as_object_mut().map(|spec| spec.remove("instancetype"));
    for (part, keys) in [
        ("cpu", &["sockets", "cores", "threads", "maxSockets"][..]),
        ("memory", &["guest", "maxGuest"]),
    ] {
        let wanted = ours.pointer(&format!("{DOMAIN}/{part}")).cloned().unwrap_or_default();
        let place = object(vm, &format!("{DOMAIN}/{part}"));
        for key in keys {
            match wanted.get(*key) {
                Some(value) => place[*key] = value.clone(),
                None => drop(place.as_object_mut().map(|place| place.remove(*key))),
            }
        }
    }
    for kind in ["requests", "limits"] {
        let asked = vm.pointer_mut(&format!("{DOMAIN}/resources/{kind}"));
        if let Some(asked) = asked.and_then(Value::as_object_mut) {
            asked.remove("cpu");
            asked.remove("memory");
        }
    }
    let firmware = ours.pointer(&format!("{DOMAIN}/firmware")).cloned().unwrap_or_default();
    let place = object(vm, &format!("{DOMAIN}/firmware"));
    for key in ["uuid", "serial"] {
        place[key] = firmware[key].clone();
    }
}

/// Adds disks, takes away those that are not planned any more, and sets sizes. A disk is known by the name of its
/// data volume.
fn set_disks(vm: &mut Value, ours: &Value, name: &str) {
    let prefix = format!("{name}-{}", disk_name(""));
    let called = |disk: &Value| disk["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let wanted: Vec<&Value> = parts::disks(ours).iter().collect();
    let (mut kept, mut gone) = (Vec::new(), BTreeSet::new());
    for disk in parts::disks(vm) {
        match wanted.iter().find(|wanted| called(wanted) == called(disk)) {
            Some(wanted) => kept.push(sized(disk.clone(), wanted)),
            None if called(disk).starts_with(&prefix) => drop(gone.insert(called(disk))),
            None => kept.push(disk.clone()),
        }
    }
    let known: BTreeSet<String> = kept.iter().map(called).collect();
    let new: Vec<&Value> =
        wanted.into_iter().filter(|disk| !known.contains(&called(disk))).collect();
    let new_names: BTreeSet<String> = new.iter().map(|disk| called(disk)).collect();
    if !kept.is_empty() || !new.is_empty() || !gone.is_empty() {
        kept.extend(new.into_iter().cloned());
        vm["spec"]["dataVolumeTemplates"] = kept.into();
    }

    let is_in = |names: &BTreeSet<String>, volume: &Value| {
        parts::content(volume).and_then(Value::as_str).is_some_and(|name| names.contains(name))
    };
    let removed: Vec<Value> = parts::volumes(vm)
        .iter()
        .filter(|volume| is_in(&gone, volume))
        .map(|volume| volume["name"].clone())
        .collect();
    for list in ["/spec/template/spec/volumes", "/spec/template/spec/domain/devices/disks"] {
        if let Some(items) = vm.pointer_mut(list).and_then(Value::as_array_mut) {
            items.retain(|item| !removed.contains(&item["name"]));
        }
    }
    let volumes: Vec<Value> =
        parts::volumes(ours).iter().filter(|volume| is_in(&new_names, volume)).cloned().collect();
    let devices = ours.pointer(&format!("{DOMAIN}/devices/disks")).and_then(Value::as_array);
    let devices = devices.into_iter().flatten();
    let devices: Vec<Value> = devices
        .filter(|device| volumes.iter().any(|volume| volume["name"] == device["name"]))
        .cloned()
        .map(without_boot_order)
        .collect();
    if !volumes.is_empty() {
        add(vm, "/spec/template/spec", "volumes", volumes);
        add(vm, &format!("{DOMAIN}/devices"), "disks", devices);
    }
}

/// The template says what is started from, or leaves it to the order of the disks.
fn without_boot_order(mut device: Value) -> Value {
    device.as_object_mut().map(|device| device.remove("bootOrder"));
    device
}

fn sized(mut disk: Value, wanted: &Value) -> Value {
    merge(object(&mut disk, "/metadata/labels"), &wanted["metadata"]["labels"]);
    let size = SIZES.iter().find_map(|path| wanted.pointer(path)).cloned().unwrap_or_default();
    let place = if disk["spec"]["pvc"].is_object() { "pvc" } else { "storage" };
    object(&mut disk, &format!("/spec/{place}/resources/requests"))["storage"] = size;
    disk
}

fn set_nics(vm: &mut Value, ours: &Value) {
    let at = |path: &str| ours.pointer(path).cloned().unwrap_or_else(|| json!([]));
    let devices = format!("{DOMAIN}/devices");
    let interfaces = at(&format!("{devices}/interfaces"));
    let place = object(vm, &devices);
    place["interfaces"] = interfaces;
    // Otherwise a VM without NICs would be given one.
    place["autoattachPodInterface"] = false.into();
    object(vm, "/spec/template/spec")["networks"] = at("/spec/template/spec/networks");
}

/// Takes the namespace out of an object: it is made in the tenant's.
pub fn without_namespace(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("namespace");
    }
    object
}

#[cfg(test)]
mod tests {
    use ssvirt_core::{
        Id,
        backend::VmRef,
        model::{IpMode, NicSpec, VmSpec},
    };
    use uuid::Uuid;

    use super::*;

    fn plan(disks: &[(usize, i64)]) -> VmPlan {
        let id = |last| Id::new(Uuid::from_u128(last));
        let disks = disks.iter().map(|(place, size)| size::disk(*place, *size)).collect();
        VmPlan {
            target: VmRef { vm: Id::new(Uuid::from_u128(7)), vdc: Id::new(Uuid::from_u128(8)) },
            vapp: id(9),
            name: "web".to_owned(),
            spec: VmSpec { cpus: 2, memory_mib: 1024, disks, ..VmSpec::default() },
            products: Vec::new(),
        }
    }

    /// As in a template: an instance type, a disk from an image, and cloud-init.
    fn vm() -> Value {
        json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
            "metadata": { "name": "${NAME}", "labels": { "theirs": "stays" } },
            "spec": {
                "running": true,
                "instancetype": { "name": "u1.medium" },
                "dataVolumeTemplates": [{
                    "metadata": { "name": "${NAME}" },
                    "spec": {
                        "sourceRef": { "kind": "DataSource", "name": "fedora", "namespace": "images" },
                        "storage": { "resources": { "requests": { "storage": "30Gi" } } },
                    },
                }],
                "template": { "spec": {
                    "domain": {
                        "cpu": { "model": "host-model" },
                        "resources": { "requests": { "memory": "2Gi" } },
                        "devices": { "disks": [{ "name": "root", "disk": { "bus": "virtio" } }, { "name": "init" }] },
                    },
                    "volumes": [
                        { "name": "root", "persistentVolumeClaim": { "claimName": "${NAME}" } },
                        { "name": "init", "cloudInitNoCloud": { "userData": "password: ${PASSWORD}" } },
                    ],
                } },
            },
        })
    }

    fn site() -> Site {
        Site { namespace: "vdc-a".to_owned(), classes: Default::default() }
    }

    fn shaped(plan: &VmPlan) -> Value {
        let mut vm = vm();
        begin(&mut vm, "web-1");
        shape(&mut vm, plan, &site(), "web-1").unwrap();
        vm
    }

    #[test]
    fn what_is_planned_is_the_plans_and_the_rest_the_templates() {
        let vm = shaped(&plan(&[(0, 40960), (1, 1024)]));
        let spec = &vm["spec"]["template"]["spec"];
        assert_eq!(
            (&vm["metadata"]["name"], &vm["metadata"]["labels"]["theirs"]),
            (&"web-1".into(), &"stays".into())
        );
        assert_eq!(
            vm["metadata"]["labels"]["ssvirt.io/vm-id"],
            "00000000-0000-0000-0000-000000000007"
        );
        assert_eq!(
            (&vm["spec"]["runStrategy"], &vm["spec"]["running"]),
            (&"Halted".into(), &Value::Null)
        );
        assert_eq!(vm["spec"]["instancetype"], Value::Null);
        let expected = json!({ "model": "host-model", "sockets": 2, "cores": 1, "threads": 1, "maxSockets": 2 });
        assert_eq!(spec["domain"]["cpu"], expected);
        assert_eq!(spec["domain"]["memory"]["guest"], "1024Mi");
        assert_eq!(spec["domain"]["resources"]["requests"], json!({}));
        let disks = vm["spec"]["dataVolumeTemplates"].as_array().unwrap();
        let names: Vec<&Value> = disks.iter().map(|disk| &disk["metadata"]["name"]).collect();
        assert_eq!(names, ["web-1-disk-2000", "web-1-disk-2001"]);
        assert_eq!(disks[0]["spec"]["sourceRef"]["name"], "fedora");
        assert_eq!(disks[0].pointer(SIZES[0]), Some(&"40960Mi".into()));
        assert_eq!(disks[1]["spec"]["source"], json!({ "blank": {} }));
        let expected = json!([
            { "name": "root", "dataVolume": { "name": "web-1-disk-2000" } },
            { "name": "init", "cloudInitNoCloud": { "userData": "password: ${PASSWORD}" } },
            { "name": "disk-2001", "dataVolume": { "name": "web-1-disk-2001" } },
        ]);
        assert_eq!(spec["volumes"], expected);
        let devices: Vec<&Value> = spec["domain"]["devices"]["disks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|disk| &disk["name"])
            .collect();
        assert_eq!(devices, ["root", "init", "disk-2001"]);
        assert_eq!(spec["networks"], Value::Null);
    }

    #[test]
    fn a_second_time_changes_nothing_and_another_plan_what_it_says() {
        let first = shaped(&plan(&[(0, 40960), (1, 1024)]));
        let mut again = first.clone();
        shape(&mut again, &plan(&[(0, 40960), (1, 1024)]), &site(), "web-1").unwrap();
        assert_eq!(again, first);

        let mut other = plan(&[(1, 1024)]);
        other.spec.nics.push(NicSpec {
            index: 0,
            network: Some("net".to_owned()),
            parent: None,
            connected: true,
            mode: IpMode::Dhcp,
            ip: None,
            mac: String::new(),
            adapter: "VMXNET3".to_owned(),
        });
        shape(&mut again, &other, &site(), "web-1").unwrap();
        let spec = &again["spec"]["template"]["spec"];
        assert_eq!(again["spec"]["dataVolumeTemplates"].as_array().unwrap().len(), 1);
        let volumes: Vec<&Value> =
            spec["volumes"].as_array().unwrap().iter().map(|volume| &volume["name"]).collect();
        assert_eq!(volumes, ["init", "disk-2001"]);
        assert_eq!(spec["networks"], json!([{ "name": "nic-0", "pod": {} }]));
    }
}
