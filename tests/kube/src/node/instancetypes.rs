//! Instance types and preferences: found, applied, and kept as they were.

use kube::{
    Client, Error, ResourceExt as _,
    api::{DynamicObject, PostParams},
};
use serde_json::{Value, json};

use super::objects::{self, list, namespace, text};

/// What is refused about a field, as `details.causes[]` has it.
#[derive(Debug)]
pub struct Cause {
    /// `FieldValueInvalid` and the like.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// The path.
    pub field: String,
}

/// What a machine's spec chooses.
#[derive(Default)]
pub struct Chosen {
    instancetype: Option<DynamicObject>,
    preference: Option<DynamicObject>,
}

/// Finds what a machine's spec chooses.
pub async fn choose(
    client: &Client,
    space: &str,
    spec: &Value,
) -> kube::Result<Result<Chosen, Cause>> {
    let mut chosen = Chosen::default();
    for (key, kind, place) in [
        ("instancetype", "Instancetype", &mut chosen.instancetype),
        ("preference", "Preference", &mut chosen.preference),
    ] {
        let name = text(&spec[key], "/name");
        if name.is_empty() {
            continue;
        }
        let kinds = [format!("VirtualMachine{kind}"), format!("VirtualMachineCluster{kind}")];
        let [own, everywhere] = &kinds;
        let found = match text(&spec[key], "/kind").to_ascii_lowercase() {
            given if given.trim_end_matches('s') == own.to_ascii_lowercase() => {
                objects::within(client, space, &objects::of_instancetype(own)).get(name).await
            }
            _ => objects::all(client, &objects::of_instancetype(everywhere)).get(name).await,
        };
        match found {
            Ok(found) => *place = Some(found),
            Err(Error::Api(status)) if status.code == 404 => {
                return Ok(Err(Cause {
                    reason: "FieldValueNotFound",
                    message: format!("Failure to find {key}: {}", status.message),
                    field: format!("spec.{key}"),
                }));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Ok(chosen))
}

/// Whether a machine chooses something that is not kept for it yet.
pub fn is_unkept(spec: &Value, status: &Value) -> bool {
    [("instancetype", "instancetypeRef"), ("preference", "preferenceRef")].iter().any(
        |(key, reference)| !spec[key].is_null() && spec[key]["name"] != status[reference]["name"],
    )
}

/// Keeps what was chosen as it is now, for the machine, and says so in its status.
pub async fn keep(
    client: &Client,
    vm: &DynamicObject,
    chosen: &Chosen,
    status: &mut Value,
) -> kube::Result<()> {
    let revisions = objects::within(client, &namespace(vm), &objects::revision());
    for (key, found) in
        [("instancetypeRef", &chosen.instancetype), ("preferenceRef", &chosen.preference)]
    {
        let Some(found) = found else { continue };
        if status[key]["name"] == found.name_any() {
            continue;
        }
        let uid = found.uid().unwrap_or_default();
        let generation = found.metadata.generation.unwrap_or_default();
        let (machine, name) = (vm.name_any(), found.name_any());
        let revision = format!("{machine}-{name}-v1beta1-{uid}-{generation}");
        let mut data = found.clone();
        data.metadata.managed_fields = None;
        let kept = objects::object(json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 0, "data": data,
            "metadata": {
                "name": revision,
                "ownerReferences": [objects::owner(&objects::machine(), vm)],
            },
        }))?;
        objects::or_there(revisions.create(&PostParams::default(), &kept).await)?;
        status[key] = json!({ "name": name, "controllerRevisionRef": { "name": revision } });
    }
    Ok(())
}

impl Chosen {
    fn instancetype(&self) -> Option<&Value> {
        Some(&self.instancetype.as_ref()?.data["spec"])
    }

    fn preference(&self) -> Option<&Value> {
        Some(&self.preference.as_ref()?.data["spec"])
    }

    /// What an instance's template says although the instance type does.
    pub fn conflicts(&self, spec: &Value) -> Vec<Cause> {
        if self.instancetype.is_none() {
            return Vec::new();
        }
        let paths = [
            "domain/cpu/sockets",
            "domain/cpu/cores",
            "domain/cpu/threads",
            "domain/memory",
            "domain/resources/requests/cpu",
            "domain/resources/limits/cpu",
            "domain/resources/requests/memory",
            "domain/resources/limits/memory",
        ];
        let said = paths.into_iter().filter(|path| spec.pointer(&format!("/{path}")).is_some());
        said.map(|path| {
            let field = format!("spec.template.spec.{}", path.replace('/', "."));
            let message = format!("VM field {field} conflicts with selected instance type");
            Cause { reason: "FieldValueInvalid", message, field }
        })
        .collect()
    }

    /// Names the choice on an instance.
    pub fn annotate(&self, metadata: &mut Value) {
        for (key, found) in [("instancetype", &self.instancetype), ("preference", &self.preference)]
        {
            let Some(found) = found else { continue };
            let scope = if found.namespace().is_none() { "cluster-" } else { "" };
            metadata["annotations"][format!("kubevirt.io/{scope}{key}-name")] =
                found.name_any().into();
        }
        let more = self.preference().and_then(|spec| spec["annotations"].as_object());
        for (key, value) in more.into_iter().flatten() {
            metadata["annotations"][key] = value.clone();
        }
    }

    /// Applies the choice to the spec of an instance: size, buses and models, not the rarer things.
    pub fn apply(&self, spec: &mut Value) {
        if let Some(instancetype) = self.instancetype() {
            let guest = &instancetype["cpu"]["guest"];
            let topology = self.preference().map_or("", |p| text(p, "/cpu/preferredCPUTopology"));
            let mut cpu = json!({ "sockets": 1, "cores": 1, "threads": 1 });
            let part = match topology {
                "cores" | "preferCores" => "cores",
                "threads" | "preferThreads" => "threads",
                _ => "sockets",
            };
            cpu[part] = guest.clone();
            for (key, value) in cpu.as_object().into_iter().flatten() {
                spec["domain"]["cpu"][key] = value.clone();
            }
            spec["domain"]["memory"]["guest"] = instancetype["memory"]["guest"].clone();
        }
        let Some(preference) = self.preference() else { return };
        let devices = &preference["devices"];
        if devices.get("preferredRng").is_some() && spec["domain"]["devices"].get("rng").is_none() {
            spec["domain"]["devices"]["rng"] = devices["preferredRng"].clone();
        }
        add_disks(spec);
        add_interface(spec);
        for (list, path, preferred) in
            [("disks", "disk", "preferredDiskBus"), ("interfaces", "", "preferredInterfaceModel")]
        {
            let Some(preferred) = devices.get(preferred) else { continue };
            let all = spec.pointer_mut(&format!("/domain/devices/{list}"));
            let all = all.and_then(Value::as_array_mut);
            for device in all.into_iter().flatten() {
                if path.is_empty() && device.get("model").is_none() {
                    device["model"] = preferred.clone();
                } else if device.get(path).is_some() && device[path].get("bus").is_none() {
                    device[path]["bus"] = preferred.clone();
                }
            }
        }
    }
}

/// Adds a disk for each volume that has none.
pub fn add_disks(spec: &mut Value) {
    let used = |list_of: &str| {
        let devices = list(&*spec, &format!("/domain/devices/{list_of}")).iter();
        devices.map(|device| device["name"].clone()).collect::<Vec<_>>()
    };
    let used = [used("disks"), used("filesystems")].concat();
    let volumes = list(spec, "/volumes").iter().map(|volume| volume["name"].clone());
    let missing: Vec<Value> = volumes.filter(|name| !used.contains(name)).collect();
    for name in missing {
        push(&mut spec["domain"]["devices"]["disks"], json!({ "name": name, "disk": {} }));
    }
}

/// Adds an interface on the pod network where nothing is said of networks.
pub fn add_interface(spec: &mut Value) {
    let is_wanted = spec["domain"]["devices"]["autoattachPodInterface"] != false;
    let has_none =
        list(spec, "/networks").is_empty() && list(spec, "/domain/devices/interfaces").is_empty();
    if is_wanted && has_none {
        let interface = json!({ "name": "default", "bridge": {} });
        push(&mut spec["domain"]["devices"]["interfaces"], interface);
        push(&mut spec["networks"], json!({ "name": "default", "pod": {} }));
    }
}

fn push(list: &mut Value, item: Value) {
    match list.as_array_mut() {
        Some(list) => list.push(item),
        None => *list = json!([item]),
    }
}
