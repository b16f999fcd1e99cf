//! `subresources.kubevirt.io`: what virt-api does.

use kube::{
    Error, ResourceExt as _,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{
    Stage, instances, machines,
    objects::{self, condition, is_true, list, text},
};

/// Where they are served.
pub const ROOT: &str = "/apis/subresources.kubevirt.io/v1";

/// What is answered: a code, and a body that may be none.
pub type Answer = (u16, Value);

const MACHINE: &str = "virtualmachine";
const INSTANCE: &str = "virtualmachineinstance";
const MACHINE_NOT_RUNNING: &str = "VM is not running";
const INSTANCE_NOT_RUNNING: &str = "VMI is not running";

const OF_MACHINES: [&str; 3] = ["start", "stop", "restart"];
const STREAMS: [&str; 2] = ["console", "vnc"];
const OF_INSTANCES: [&str; 8] =
    ["pause", "unpause", "reset", "softreboot", "freeze", "unfreeze", "guestosinfo", "userlist"];

/// What is served.
pub fn discovery() -> Value {
    let of = |plural: &str, subs: &[&str], put: &str| -> Vec<Value> {
        subs.iter()
            .map(|sub| {
                let verb = if matches!(*sub, "guestosinfo" | "userlist") { "get" } else { put };
                json!({
                    "name": format!("{plural}/{sub}"), "singularName": "", "namespaced": true,
                    "kind": "", "verbs": [verb],
                })
            })
            .collect()
    };
    let resources = [
        of("virtualmachines", &OF_MACHINES, "update"),
        of("virtualmachineinstances", &OF_INSTANCES, "update"),
        of("virtualmachineinstances", &STREAMS, "get"),
    ];
    json!({
        "kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": "subresources.kubevirt.io/v1", "resources": resources.concat(),
    })
}

fn status(code: u16, reason: &str, message: String, details: Value) -> Answer {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "details": details, "code": code,
    });
    (code, body)
}

fn details(kind: &str, name: &str) -> Value {
    json!({ "name": name, "group": "kubevirt.io", "kind": kind })
}

fn conflict(kind: &str, name: &str, why: &str) -> Answer {
    let message = format!("Operation cannot be fulfilled on {kind}.kubevirt.io {name:?}: {why}");
    status(409, "Conflict", message, details(kind, name))
}

pub fn missing(kind: &str, name: &str) -> Answer {
    status(404, "NotFound", format!("{kind}.kubevirt.io {name:?} not found"), details(kind, name))
}

pub fn bad(message: String) -> Answer {
    status(400, "BadRequest", message, json!({}))
}

pub fn busy() -> Answer {
    let message = "Active VNC connection. Request denied.".to_owned();
    status(503, "ServiceUnavailable", message, json!({}))
}

fn internal(why: &str) -> Answer {
    let message = format!("Internal error occurred: {why}");
    status(500, "InternalError", message, json!({ "causes": [{ "message": why }] }))
}

pub fn failed(error: &Error) -> Answer {
    internal(&error.to_string())
}

/// Answers a request for `<plural>/<name>/<sub>`. None where there is no such thing.
pub async fn answer(
    stage: &Stage,
    method: &str,
    [space, plural, name, sub]: [&str; 4],
    body: &[u8],
) -> Option<Answer> {
    let is_read = matches!(sub, "guestosinfo" | "userlist");
    let is_known = match plural {
        "virtualmachines" => OF_MACHINES.contains(&sub),
        "virtualmachineinstances" => OF_INSTANCES.contains(&sub),
        _ => false,
    };
    if !is_known || method != if is_read { "GET" } else { "PUT" } {
        return None;
    }
    let options: Value = match serde_json::from_slice(body) {
        _ if body.is_empty() => json!({}),
        Ok(options) => options,
        Err(error) => {
            return Some(bad(format!("Can not unmarshal Request body to struct, error: {error}")));
        }
    };
    let answered = if plural == "virtualmachines" {
        of_machine(stage, space, name, sub, &options).await
    } else {
        of_instance(stage, space, name, sub, &options).await
    };
    Some(answered.unwrap_or_else(|refused| refused))
}

async fn of_machine(
    stage: &Stage,
    space: &str,
    name: &str,
    sub: &str,
    options: &Value,
) -> Result<Answer, Answer> {
    if sub == "restart" {
        let grace = options["gracePeriodSeconds"].as_i64().unwrap_or_default();
        if grace > 0 {
            return Err(bad("For force restart, only gracePeriod=0 is supported for now".into()));
        }
        if grace < 0 {
            return Err(bad("gracePeriod has to be greater or equal to 0".into()));
        }
    }
    let api = objects::within(&stage.client, space, &objects::machine());
    let vm = api.get_opt(name).await.map_err(|error| failed(&error))?;
    let vm = vm.ok_or_else(|| missing(MACHINE, name))?;
    let api = objects::within(&stage.client, space, &objects::instance());
    let vmi = api.get_opt(name).await.map_err(|error| failed(&error))?;
    match sub {
        "start" => start(stage, &vm, vmi.as_ref(), options).await?,
        "stop" => stop(stage, &vm, vmi.as_ref(), options).await?,
        _ => restart(stage, &vm, vmi.as_ref(), options).await?,
    }
    Ok((202, Value::Null))
}

async fn start(
    stage: &Stage,
    vm: &DynamicObject,
    vmi: Option<&DynamicObject>,
    options: &Value,
) -> Result<(), Answer> {
    let name = vm.name_any();
    let phase = vmi.map_or("", |vmi| text(&vmi.data, "/status/phase"));
    if !matches!(phase, "" | "Succeeded" | "Failed" | "Unknown") {
        return Err(conflict(MACHINE, &name, "VM is already running"));
    }
    let paused = options["paused"] == true;
    let request = if paused {
        json!({ "action": "Start", "data": { "paused": "true" } })
    } else {
        json!({ "action": "Start" })
    };
    let strategy = machines::strategy(vm);
    match (strategy, vmi) {
        ("Halted", _) if paused => ask(stage, vm, vec![request], options).await,
        ("Halted", _) => set_running(stage, vm, true, options).await,
        ("RerunOnFailure", Some(_)) if phase == "Failed" => {
            let why = "RerunOnFailure does not support starting VM from failed state";
            Err(conflict(MACHINE, &name, why))
        }
        ("RerunOnFailure" | "Manual", Some(vmi)) if machines::is_final(vmi) => {
            let stop = json!({ "action": "Stop", "uid": vmi.uid() });
            ask(stage, vm, vec![stop, request], options).await
        }
        ("RerunOnFailure" | "Manual", _) => ask(stage, vm, vec![request], options).await,
        _ => {
            let why = format!("{strategy} does not support manual start requests");
            Err(conflict(MACHINE, &name, &why))
        }
    }
}

async fn stop(
    stage: &Stage,
    vm: &DynamicObject,
    vmi: Option<&DynamicObject>,
    options: &Value,
) -> Result<(), Answer> {
    let name = vm.name_any();
    let running = vmi.filter(|vmi| !machines::is_final(vmi));
    let asked = options["gracePeriod"].as_i64();
    let grace = running.and_then(|vmi| vmi.data["spec"]["terminationGracePeriodSeconds"].as_i64());
    if let (Some(_), Some(asked)) = (running, asked) {
        shorten(stage, vm, asked, options).await?;
    }
    let strategy = machines::strategy(vm);
    let Some(vmi) = running else {
        return match strategy {
            "Halted" | "RerunOnFailure" | "Manual" => {
                Err(conflict(MACHINE, &name, MACHINE_NOT_RUNNING))
            }
            _ => set_running(stage, vm, false, options).await,
        };
    };
    let stop = json!({ "action": "Stop", "uid": vmi.uid() });
    match strategy {
        "Halted" if asked.is_none_or(|asked| grace.is_some_and(|grace| asked >= grace)) => {
            let why = "Halted only supports manual stop requests with a shorter graceperiod";
            Err(conflict(MACHINE, &name, why))
        }
        "Halted" | "RerunOnFailure" | "Manual" => ask(stage, vm, vec![stop], options).await,
        _ => set_running(stage, vm, false, options).await,
    }
}

async fn restart(
    stage: &Stage,
    vm: &DynamicObject,
    vmi: Option<&DynamicObject>,
    options: &Value,
) -> Result<(), Answer> {
    let name = vm.name_any();
    let strategy = machines::strategy(vm);
    if matches!(strategy, "Halted" | "Once") {
        // The word is written so.
        let why = format!("RunStategy {strategy} does not support manual restart requests");
        return Err(conflict(MACHINE, &name, &why));
    }
    let Some(vmi) = vmi else {
        return Err(conflict(MACHINE, &name, "VM is not running: Halted"));
    };
    let stop = json!({ "action": "Stop", "uid": vmi.uid() });
    ask(stage, vm, vec![stop, json!({ "action": "Start" })], options).await?;
    if options["gracePeriodSeconds"] == 0 {
        shorten(stage, vm, 0, options).await?;
    }
    Ok(())
}

fn params(options: &Value) -> PatchParams {
    let dry_run = list(options, "/dryRun").iter().any(|all| all == "All");
    PatchParams { dry_run, ..PatchParams::default() }
}

async fn shorten(
    stage: &Stage,
    vm: &DynamicObject,
    grace: i64,
    options: &Value,
) -> Result<(), Answer> {
    let api = objects::within(&stage.client, &objects::namespace(vm), &objects::instance());
    let patch = json!({ "spec": { "terminationGracePeriodSeconds": grace } });
    let patched = api.patch(&vm.name_any(), &params(options), &Patch::Merge(patch)).await;
    objects::or_missing(patched).map_err(|error| failed(&error))
}

/// Asks the controller for something, through the machine's status.
async fn ask(
    stage: &Stage,
    vm: &DynamicObject,
    requests: Vec<Value>,
    options: &Value,
) -> Result<(), Answer> {
    let there = list(&vm.data, "/status/stateChangeRequests");
    let is_stop = matches!(requests.as_slice(), [only] if only["action"] == "Stop");
    if !there.is_empty() && !is_stop {
        return Err(internal("unable to complete request: stop/start already underway"));
    }
    let path = "/status/stateChangeRequests";
    let mut patch = vec![
        json!({ "op": "test", "path": path, "value": vm.data["status"]["stateChangeRequests"] }),
        json!({ "op": "add", "path": path, "value": requests }),
    ];
    if vm.data["status"].is_null() {
        patch = vec![json!({
            "op": "add", "path": "/status", "value": { "stateChangeRequests": requests },
        })];
    } else if !vm.data["status"]["startFailure"].is_null() {
        patch.push(json!({ "op": "remove", "path": "/status/startFailure" }));
    }
    change(stage, vm, "/status", patch, options).await
}

async fn set_running(
    stage: &Stage,
    vm: &DynamicObject,
    running: bool,
    options: &Value,
) -> Result<(), Answer> {
    let (path, value) = if vm.data["spec"]["runStrategy"].is_null() {
        ("/spec/running", running.into())
    } else {
        ("/spec/runStrategy", Value::from(if running { "Always" } else { "Halted" }))
    };
    let patch = vec![
        json!({ "op": "test", "path": path, "value": vm.data.pointer(path) }),
        json!({ "op": "replace", "path": path, "value": value }),
    ];
    change(stage, vm, "", patch, options).await
}

/// Changes a machine if it is still as it was seen. What it says for the rest is not looked at, as its status
/// changes all the time.
async fn change(
    stage: &Stage,
    vm: &DynamicObject,
    sub: &str,
    patch: Vec<Value>,
    options: &Value,
) -> Result<(), Answer> {
    let (space, name) = (objects::namespace(vm), vm.name_any());
    let dry_run = if params(options).dry_run { "?dryRun=All" } else { "" };
    let uri =
        format!("/apis/kubevirt.io/v1/namespaces/{space}/virtualmachines/{name}{sub}{dry_run}");
    let request = http::Request::patch(uri)
        .header("content-type", "application/json-patch+json")
        .body(Value::from(patch).to_string().into_bytes())
        .map_err(|error| internal(&error.to_string()))?;
    let patched = stage.client.request_text(request).await;
    patched.map(|_| ()).map_err(|error| changed(vm, &error))
}

/// The machine was changed by somebody else meanwhile, or something else is wrong.
fn changed(vm: &DynamicObject, error: &Error) -> Answer {
    match error {
        Error::Api(refusal) if matches!(refusal.code, 409 | 422) => {
            let why = "jsonpatch test operation does not apply";
            conflict(MACHINE, &vm.name_any(), why)
        }
        error => failed(error),
    }
}

async fn of_instance(
    stage: &Stage,
    space: &str,
    name: &str,
    sub: &str,
    options: &Value,
) -> Result<Answer, Answer> {
    let api = objects::within(&stage.client, space, &objects::instance());
    let vmi = api.get_opt(name).await.map_err(|error| failed(&error))?;
    if sub == "unpause" {
        let machines = objects::within(&stage.client, space, &objects::machine());
        let vm = machines.get_opt(name).await.map_err(|error| failed(&error))?;
        if vm.is_some_and(|vm| !vm.data["status"]["snapshotInProgress"].is_null()) {
            return Err(conflict(MACHINE, name, "VM snapshot is in progress"));
        }
    }
    let vmi = vmi.ok_or_else(|| missing(INSTANCE, name))?;
    let refused = |why: &str| Err(conflict(INSTANCE, name, why));
    let state = &vmi.data["status"];
    let phase = text(state, "/phase");
    let is_paused = condition(state, "Paused").is_some();
    let has_agent = is_true(state, "AgentConnected");
    match sub {
        "reset" if phase != "Running" && phase != "Scheduled" => {
            let message = format!(
                "Failed to reset non-running VMI with phase {phase}: Unable to connect to \
                 VirtualMachineInstance because phase is {phase} instead of Running or Scheduled"
            );
            return Err(bad(message));
        }
        "reset" => {}
        "unpause" | "unfreeze" | "guestosinfo" | "userlist" if phase != "Running" => {
            return refused(INSTANCE_NOT_RUNNING);
        }
        _ if phase != "Running" => return refused(MACHINE_NOT_RUNNING),
        "pause" if is_paused => return refused("VMI is already paused"),
        "unpause" if !is_paused => return refused("VMI is not paused"),
        "softreboot" if is_true(state, "Paused") => return refused("VMI is paused"),
        "softreboot"
            if !has_agent && vmi.data["spec"]["domain"]["features"]["acpi"]["enabled"] == false =>
        {
            return refused("VMI neither have the agent connected nor the ACPI feature enabled");
        }
        "guestosinfo" | "userlist" if !has_agent => {
            return refused("VMI does not have guest agent connected");
        }
        _ => {}
    }
    let is_dry = list(options, "/dryRun").first().is_some_and(|all| all == "All");
    match sub {
        "guestosinfo" => return Ok((200, guest_info(&vmi))),
        "userlist" => {
            let kind = "VirtualMachineInstanceGuestOSUserList";
            return Ok((200, json!({ "kind": kind, "metadata": {}, "items": [] })));
        }
        "pause" | "unpause" if !is_dry => {
            let change = |data: &mut Value| {
                let write = if sub == "pause" { instances::pause } else { instances::unpause };
                write(&mut data["status"]);
            };
            let written = instances::change(stage, space, name, change).await;
            written.map_err(|error| failed(&error))?;
        }
        _ => {}
    }
    Ok((200, Value::Null))
}

fn guest_info(vmi: &DynamicObject) -> Value {
    json!({
        "kind": "VirtualMachineInstanceGuestAgentInfo",
        "guestAgentVersion": "9.2.0",
        "hostname": vmi.name_any(),
        "os": vmi.data["status"]["guestOSInfo"],
        "timezone": "UTC, 0",
        "fsInfo": { "disks": [] },
    })
}
