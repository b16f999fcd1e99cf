//! What a change of a machine means for the instance that runs: told to it, or kept for the next start.

use kube::{
    ResourceExt as _,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{
    Stage,
    defaults::bytes,
    faults::{Step, Turn, Who},
    instances,
    instancetypes::Chosen,
    objects::{self, condition, is_true, list, namespace, now, put, text},
    rules,
};

const OTHER: &str = "a non-live-updatable field was changed in the template spec";
/// The conditions of an instance whose vCPUs, memory or NICs are changed.
const CHANGES: [&str; 3] = ["HotVCPUChange", "HotMemoryChange", "MigrationRequired"];

/// Tells an instance what it can take while it runs. Why the machine has to be restarted for the rest, if there is
/// any: the last that KubeVirt finds. `then` is the machine's spec that the instance was started with.
pub async fn update(
    vm: &DynamicObject,
    then: &Value,
    vmi: &DynamicObject,
    chosen: &Chosen,
    stage: &Stage,
) -> kube::Result<Option<String>> {
    let (mut was, mut is) = (then.clone(), vm.data["spec"].clone());
    for spec in [&mut was, &mut is] {
        chosen.apply(&mut spec["template"]["spec"]);
    }
    let (was, is) = (&was["template"]["spec"], &is["template"]["spec"]);
    if *is != with_live_fields(was, is, &vmi.data) {
        return Ok(Some(OTHER.to_owned()));
    }
    let mut wanted = vmi.data["spec"].clone();
    let of_sockets = sockets(is, &vmi.data, &mut wanted).err();
    let reason = memory(is, &vmi.data, &mut wanted).err().or(of_sockets.map(str::to_owned));
    if takes_nics(is, &vmi.data) {
        wanted["networks"] = is["networks"].clone();
        wanted["domain"]["devices"]["interfaces"] = is["domain"]["devices"]["interfaces"].clone();
    }
    if wanted != vmi.data["spec"] {
        let instances = objects::within(&stage.client, &namespace(vm), &objects::instance());
        let patch = Patch::Merge(json!({ "spec": wanted }));
        let patched = instances.patch(&vm.name_any(), &PatchParams::default(), &patch).await;
        objects::or_missing(patched)?;
    }
    Ok(reason)
}

/// The spec that an instance was started with, with all that may differ from it.
fn with_live_fields(was: &Value, is: &Value, vmi: &Value) -> Value {
    let mut then = was.clone();
    let mut take = |path: &str| {
        let (parent, key) = path.rsplit_once('/').unwrap_or_default();
        let Some(place) = then.pointer_mut(parent).and_then(Value::as_object_mut) else { return };
        match is.pointer(path) {
            Some(value) => place.insert(key.to_owned(), value.clone()),
            None => place.remove(key),
        };
    };
    for path in [
        "/domain/cpu/sockets",
        "/domain/memory/guest",
        "/nodeSelector",
        "/affinity",
        "/tolerations",
    ] {
        take(path);
    }
    if takes_nics(is, vmi) {
        take("/domain/devices/interfaces");
        take("/networks");
    }
    then
}

/// Whether NICs were added, or their links set up or down, and nothing else of them was changed.
fn takes_nics(is: &Value, vmi: &Value) -> bool {
    let without_link = |nic: &Value| {
        let mut nic = nic.clone();
        nic.as_object_mut().map(|nic| nic.remove("state"));
        nic
    };
    let interfaces = list(is, "/domain/devices/interfaces");
    let kept = list(vmi, "/spec/domain/devices/interfaces")
        .iter()
        .all(|running| interfaces.iter().any(|nic| without_link(nic) == without_link(running)));
    let (networks, running) = (list(is, "/networks"), list(vmi, "/spec/networks"));
    let is_pod = |network: &Value| network.get("pod").is_some();
    let new_pod = networks.iter().any(is_pod) && !running.iter().any(is_pod);
    kept && !new_pod && running.iter().all(|network| networks.contains(network))
}

fn sockets(is: &Value, vmi: &Value, wanted: &mut Value) -> Result<(), &'static str> {
    let number = |cpu: &Value, key: &str| cpu[key].as_u64();
    let running = &vmi["spec"]["domain"]["cpu"];
    let to = number(&is["domain"]["cpu"], "sockets").unwrap_or(1);
    let from = number(running, "sockets").unwrap_or(1);
    if to == from || is_true(&vmi["status"], CHANGES[0]) {
        return Ok(());
    }
    if to > number(running, "maxSockets").unwrap_or_default() {
        return Err("CPU sockets updated in template spec to a value higher than what's available");
    }
    if to < from {
        return Err("Reduction of CPU socket count requires a restart");
    }
    wanted["domain"]["cpu"]["sockets"] = to.into();
    Ok(())
}

fn memory(is: &Value, vmi: &Value, wanted: &mut Value) -> Result<(), String> {
    let refused = |why: &str| Err(format!("memory updated in template spec{why}"));
    let guest = text(is, "/domain/memory/guest");
    let status = &vmi["status"];
    if condition(status, CHANGES[1]).is_some_and(|change| change["status"] == "False") {
        return refused(". Memory-hotplug failed and is not available for this VM configuration");
    }
    let size = |path: &str| bytes(text(vmi, path));
    if bytes(guest) == size("/spec/domain/memory/guest") || is_true(status, CHANGES[1]) {
        return Ok(());
    }
    if !is_true(status, "LiveMigratable") {
        return refused(". Memory-hotplug is only available for migratable VMs");
    }
    if size("/spec/domain/memory/maxGuest").is_none() {
        return refused(". Memory-hotplug is not available for this VM configuration");
    }
    let mut with_guest = wanted.clone();
    with_guest["domain"]["memory"]["guest"] = guest.into();
    rules::pluggable_memory(&with_guest)
        .map_err(|why| format!("memory hotplug not supported, {why}"))?;
    if bytes(guest) < size("/status/memory/guestAtBoot") {
        return refused(" to a value lower than what the VM started with");
    }
    *wanted = with_guest;
    Ok(())
}

/// Gives a running instance what it was told to have: by moving it to a launcher that has room for it. None where
/// it has all, or cannot be moved.
pub fn catch_up(vmi: &mut DynamicObject, who: &Who<'_>, stage: &Stage) -> Option<Turn> {
    let domain = vmi.data["spec"]["domain"].clone();
    let nics = new_nics(vmi);
    let status = &mut vmi.data["status"];
    set_links(&domain, status);
    let cpu = &domain["cpu"];
    let topology = json!({
        "sockets": cpu["sockets"], "cores": cpu["cores"], "threads": cpu["threads"],
    });
    let guest = &domain["memory"]["guest"];
    let is_larger = [
        status["currentCPUTopology"] != topology,
        !domain["memory"]["maxGuest"].is_null() && status["memory"]["guestRequested"] != *guest,
        !nics.is_empty(),
    ];
    for (change, _) in CHANGES.iter().zip(is_larger).filter(|(_, is_larger)| *is_larger) {
        put(status, objects::of_type(change, true, "", ""));
    }
    if !CHANGES.iter().any(|change| is_true(status, change)) || !is_true(status, "LiveMigratable") {
        return None;
    }
    let turn = stage.play.turn(who, Step::Migrate);
    match &turn {
        Turn::Later(_) => return Some(turn),
        Turn::Failed(message) => {
            let reason = message.as_deref().unwrap_or("the target launcher could not be scheduled");
            status["migrationState"] =
                json!({ "completed": true, "failed": true, "failureReason": reason });
            return Some(turn);
        }
        Turn::Done => {}
    }
    status["migrationState"] =
        json!({ "completed": true, "startTimestamp": now(), "endTimestamp": now() });
    status["currentCPUTopology"] = topology;
    status["memory"]["guestRequested"] = guest.clone();
    status["memory"]["guestCurrent"] = guest.clone();
    for change in CHANGES {
        objects::remove(status, change);
    }
    let has_agent = is_true(status, "AgentConnected");
    if let Some(shown) = status["interfaces"].as_array_mut() {
        for nic in &nics {
            let index = shown.len();
            shown.push(instances::interface_status(nic, index, who.uid, stage.next_address()));
        }
    }
    if has_agent {
        instances::connect_agent(vmi);
    }
    Some(turn)
}

/// The interfaces that the guest does not have yet.
fn new_nics(vmi: &DynamicObject) -> Vec<Value> {
    let shown = list(&vmi.data, "/status/interfaces");
    let is_new = |nic: &&Value| shown.iter().all(|shown| shown["name"] != nic["name"]);
    list(&vmi.data, "/spec/domain/devices/interfaces").iter().filter(is_new).cloned().collect()
}

fn set_links(domain: &Value, status: &mut Value) {
    for nic in list(domain, "/devices/interfaces") {
        let all = status["interfaces"].as_array_mut().into_iter().flatten();
        for shown in all.filter(|shown| shown["name"] == nic["name"]) {
            shown["linkState"] = if nic["state"] == "down" { "down" } else { "up" }.into();
        }
    }
}

/// The machine's spec that an instance was started with.
pub async fn start_spec(
    vm: &DynamicObject,
    vmi: &DynamicObject,
    stage: &Stage,
) -> kube::Result<Option<Value>> {
    let revisions = objects::within(&stage.client, &namespace(vm), &objects::revision());
    let name = text(&vmi.data, "/status/virtualMachineRevisionName");
    Ok(revisions.get_opt(name).await?.map(|revision| revision.data["data"]["spec"].clone()))
}
