//! The objects of an OpenShift template: its VMs, and the rest.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::parameters::only;

/// The objects of a template, its parameters not in place.
#[derive(Debug, Default, PartialEq)]
pub struct Parts {
    /// The `VirtualMachine`s, each with the `DataVolume`s that it uses as data volume templates of its own: so
    /// they go with it.
    pub vms: Vec<Value>,
    /// Everything else.
    pub others: Vec<Value>,
}

impl Parts {
    /// Takes a template's objects apart.
    #[must_use]
    pub fn of(objects: &[Value]) -> Self {
        let (mut vms, mut others): (Vec<Value>, Vec<Value>) = objects
            .iter()
            .cloned()
            .partition(|object| is(object, "kubevirt.io/", "VirtualMachine"));
        for vm in &mut vms {
            let used = |object: &Value| {
                is(object, "cdi.kubevirt.io/", "DataVolume")
                    && uses(vm, &object["metadata"]["name"])
            };
            let (taken, left): (Vec<Value>, Vec<Value>) = others.into_iter().partition(used);
            others = left;
            if !taken.is_empty() {
                let template = |object: Value| json!({ "metadata": object["metadata"], "spec": object["spec"] });
                add(vm, "/spec", "dataVolumeTemplates", taken.into_iter().map(template));
            }
        }
        Self { vms, others }
    }
}

fn is(object: &Value, group: &str, kind: &str) -> bool {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    version.starts_with(group) && object["kind"] == kind
}

/// Whether one of a VM's volumes is what is called so.
fn uses(vm: &Value, name: &Value) -> bool {
    !name.is_null() && volumes(vm).iter().any(|volume| content(volume) == Some(name))
}

/// What a volume consists of: the name of a data volume or of its claim.
#[must_use]
pub fn content(volume: &Value) -> Option<&Value> {
    let names = ["/dataVolume/name", "/persistentVolumeClaim/claimName"];
    names.into_iter().find_map(|pointer| volume.pointer(pointer))
}

/// A VM's volumes.
#[must_use]
pub fn volumes(vm: &Value) -> &[Value] {
    items(vm, "/spec/template/spec/volumes")
}

/// A VM's data volume templates.
#[must_use]
pub fn disks(vm: &Value) -> &[Value] {
    items(vm, "/spec/dataVolumeTemplates")
}

fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Adds to the list of that name in the object at a pointer.
pub fn add(value: &mut Value, pointer: &str, name: &str, more: impl IntoIterator<Item = Value>) {
    let place = &mut object(value, pointer)[name];
    let mut items = match place.take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    items.extend(more);
    *place = items.into();
}

/// The object at a pointer, made where there is none.
pub fn object<'a>(value: &'a mut Value, pointer: &str) -> &'a mut Value {
    let mut place = value;
    for name in pointer.split('/').filter(|name| !name.is_empty()) {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[name];
    }
    if !place.is_object() {
        *place = json!({});
    }
    place
}

/// Where a data volume says how large it is: like a claim, or as CDI works it out.
pub const SIZES: [&str; 2] =
    ["/spec/storage/resources/requests/storage", "/spec/pvc/resources/requests/storage"];

/// The parameters that say what a VM of a cloud says in places of its own: its object's name, its CPUs, its memory
/// and the sizes of its disks.
#[must_use]
pub fn own_parameters(vm: &Value) -> BTreeSet<String> {
    let domain = "/spec/template/spec/domain";
    let of_domain = [
        "/cpu/sockets",
        "/cpu/cores",
        "/cpu/threads",
        "/memory/guest",
        "/resources/requests/cpu",
        "/resources/limits/cpu",
        "/resources/requests/memory",
        "/resources/limits/memory",
    ];
    let in_vm = of_domain.iter().filter_map(|path| vm.pointer(&format!("{domain}{path}")));
    let in_vm =
        in_vm.chain(vm.pointer("/metadata/name")).chain(vm.pointer("/spec/instancetype/name"));
    let in_disks =
        disks(vm).iter().flat_map(|disk| SIZES.into_iter().filter_map(|path| disk.pointer(path)));
    let texts = in_vm.chain(in_disks).filter_map(Value::as_str);
    texts.filter_map(only).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_volumes_go_with_the_vm_that_uses_them() {
        let vm = |volume: Value| {
            json!({
                "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
                "metadata": { "name": "${NAME}" },
                "spec": { "template": { "spec": {
                    "domain": { "memory": { "guest": "${MEMORY}" }, "cpu": { "cores": "${{CORES}}" } },
                    "volumes": [volume],
                } } },
            })
        };
        let data = |name: &str| {
            json!({
                "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume", "metadata": { "name": name },
                "spec": { "storage": { "resources": { "requests": { "storage": "${SIZE}" } } } },
            })
        };
        let objects = [
            data("${NAME}-root"),
            vm(json!({ "name": "a", "dataVolume": { "name": "${NAME}-root" } })),
            vm(json!({ "name": "b", "persistentVolumeClaim": { "claimName": "other" } })),
            data("unused"),
            json!({ "apiVersion": "v1", "kind": "Secret" }),
            data("other"),
        ];
        let parts = Parts::of(&objects);
        assert_eq!(parts.others, [objects[3].clone(), objects[4].clone()]);
        assert_eq!(disks(&parts.vms[0])[0]["metadata"]["name"], "${NAME}-root");
        assert_eq!(disks(&parts.vms[1])[0]["metadata"]["name"], "other");
        let own: Vec<String> = own_parameters(&parts.vms[0]).into_iter().collect();
        assert_eq!(own, ["CORES", "MEMORY", "NAME", "SIZE"]);
    }
}
