//! VirtualMachines: what virt-controller does with them.

use std::{sync::Arc, time::Duration};

use kube::{
    ResourceExt as _,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions},
    runtime::controller::Action,
};
use serde_json::{Value, json};

use super::{
    Stage,
    instancetypes::{self, Cause, Chosen},
    live,
    machine_status::{self, Seen},
    objects::{self, CONTROLLER_FINALIZER, is_going, list, namespace, text},
};

const GENERATION: &str = "kubevirt.io/vm-generation";

/// What is to be done about the instance.
enum Act {
    Start {
        paused: bool,
    },
    Stop,
    Nothing,
    /// Not yet: the last start has failed.
    Wait(Duration),
}

/// Brings a machine one step nearer to what its strategy asks for.
pub async fn reconcile(vm: Arc<DynamicObject>, stage: Arc<Stage>) -> kube::Result<Action> {
    let (client, space) = (&stage.client, namespace(&vm));
    let instances = objects::within(client, &space, &objects::instance());
    let uid = vm.uid().unwrap_or_default();
    let found = instances.get_opt(&vm.name_any()).await?;
    let mut vmi = found.filter(|vmi| vmi.owner_references().iter().any(|o| o.uid == uid));
    if is_going(&vm) {
        return terminate(&vm, vmi, &stage).await;
    }
    if objects::hold(client, &objects::machine(), &vm, CONTROLLER_FINALIZER, true).await? {
        return Ok(Action::await_change());
    }
    let volumes = data_volumes(&vm, &stage).await?;
    let mut status = vm.data["status"].clone();
    // They are asked for again where there is something to start.
    if instancetypes::is_unkept(&vm.data["spec"], &status) {
        match instancetypes::choose(client, &space, &vm.data["spec"]).await? {
            Ok(chosen) => instancetypes::keep(client, &vm, &chosen, &mut status).await?,
            Err(cause) => return fail(&vm, status, &cause, &stage).await,
        }
    }
    machine_status::count_failures(&mut status, vmi.as_ref());
    let mut restart = None;
    let mut again = Action::await_change();
    match decide(&vm, &status, vmi.as_ref(), &stage) {
        Act::Start { paused } if volumes.iter().all(is_ready) => {
            match instancetypes::choose(client, &space, &vm.data["spec"]).await? {
                Ok(chosen) => vmi = Some(start(&vm, &chosen, paused, &stage).await?),
                Err(cause) => return fail(&vm, status, &cause, &stage).await,
            }
        }
        Act::Stop => {
            if let Some(vmi) = vmi.as_mut().filter(|vmi| !is_going(vmi)) {
                let has_failed = text(&vmi.data, "/status/phase") == "Failed";
                if has_failed && strategy(&vm) == "RerunOnFailure" {
                    machine_status::request_start(&mut status);
                }
                delete(vmi, &stage).await?;
                // As it is from now on.
                *vmi = instances.get_opt(&vm.name_any()).await?.unwrap_or_else(|| vmi.clone());
            }
        }
        Act::Wait(left) => again = Action::requeue(left),
        Act::Start { .. } | Act::Nothing => {}
    }
    if let Some(vmi) = &vmi {
        restart = restart_reason(&vm, vmi, &stage).await?;
    }
    let seen = Seen { vmi: vmi.as_ref(), volumes: &volumes, restart };
    let switch = machine_status::has_request(&status, "Start") && strategy(&vm) == "Halted";
    machine_status::update(&vm, &mut status, &seen);
    objects::write_status(client, &objects::machine(), &vm, status).await?;
    if switch && vmi.is_none() {
        let machines = objects::within(client, &space, &objects::machine());
        let running = !vm.data["spec"]["running"].is_null();
        let spec =
            if running { json!({ "running": true }) } else { json!({ "runStrategy": "Always" }) };
        let patch = Patch::Merge(json!({ "spec": spec }));
        machines.patch(&vm.name_any(), &PatchParams::default(), &patch).await?;
    }
    Ok(again)
}

/// Says what keeps a machine from being started.
async fn fail(
    vm: &DynamicObject,
    mut status: Value,
    cause: &Cause,
    stage: &Stage,
) -> kube::Result<Action> {
    objects::put(&mut status, objects::of_type("Failure", true, "FailedCreate", &cause.message));
    objects::write_status(&stage.client, &objects::machine(), vm, status).await?;
    Ok(Action::requeue(Duration::from_millis(500)))
}

/// The strategy of a machine, in the older way of saying it as well.
pub fn strategy(vm: &DynamicObject) -> &str {
    match vm.data["spec"]["running"].as_bool() {
        Some(true) => "Always",
        Some(false) => "Halted",
        None => text(&vm.data, "/spec/runStrategy"),
    }
}

/// Whether an instance has ended.
pub fn is_final(vmi: &DynamicObject) -> bool {
    matches!(text(&vmi.data, "/status/phase"), "Succeeded" | "Failed")
}

fn decide(vm: &DynamicObject, status: &Value, vmi: Option<&DynamicObject>, stage: &Stage) -> Act {
    let requests = list(status, "/stateChangeRequests");
    let start = requests.iter().find(|request| request["action"] == "Start");
    let paused = start.is_some_and(|start| start["data"]["paused"] == "true");
    let strategy = strategy(vm);
    if let Some(vmi) = vmi {
        let is_asked = requests.iter().any(|request| {
            request["action"] == "Stop" && request["uid"].as_str() == vmi.uid().as_deref()
        });
        let has_ended = is_final(vmi) && matches!(strategy, "Always" | "RerunOnFailure");
        let is_stopped = strategy == "Halted" || has_ended || (is_asked && strategy != "Once");
        return if is_stopped { Act::Stop } else { Act::Nothing };
    }
    let is_started = match strategy {
        "Always" | "Once" => true,
        "RerunOnFailure" => start.is_some() || status["runStrategy"] != strategy,
        "Manual" => start.is_some(),
        _ => false,
    };
    // A machine that halts is set to run by what follows, with the request still there.
    let failed = text(status, "/startFailure/lastFailedVMIUID");
    if is_started && !failed.is_empty() && strategy != "Manual" {
        let count = status["startFailure"]["consecutiveFailCount"].as_u64().unwrap_or(1).min(5);
        let left = stage.play.backoff(failed, u32::try_from(count * count * 10).unwrap_or(10));
        if !left.is_zero() {
            return Act::Wait(left);
        }
    }
    if is_started { Act::Start { paused } } else { Act::Nothing }
}

async fn terminate(
    vm: &DynamicObject,
    vmi: Option<DynamicObject>,
    stage: &Stage,
) -> kube::Result<Action> {
    let Some(vmi) = vmi else {
        objects::hold(&stage.client, &objects::machine(), vm, CONTROLLER_FINALIZER, false).await?;
        return Ok(Action::await_change());
    };
    if !is_going(&vmi) {
        delete(&vmi, stage).await?;
    }
    let mut status = vm.data["status"].clone();
    let seen = Seen { vmi: Some(&vmi), volumes: &[], restart: None };
    machine_status::update(vm, &mut status, &seen);
    objects::write_status(&stage.client, &objects::machine(), vm, status).await?;
    Ok(Action::await_change())
}

async fn delete(vmi: &DynamicObject, stage: &Stage) -> kube::Result<()> {
    let instances = objects::within(&stage.client, &namespace(vmi), &objects::instance());
    let preconditions = Preconditions { uid: vmi.uid(), resource_version: None };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    objects::or_missing(instances.delete(&vmi.name_any(), &params).await)
}

/// The DataVolumes of a machine's volumes, those of its templates made where there are none.
async fn data_volumes(vm: &DynamicObject, stage: &Stage) -> kube::Result<Vec<DynamicObject>> {
    let api = objects::within(&stage.client, &namespace(vm), &objects::data_volume());
    let templates = list(&vm.data, "/spec/dataVolumeTemplates");
    let mut found = Vec::new();
    for volume in list(&vm.data, "/spec/template/spec/volumes") {
        let name = text(volume, "/dataVolume/name");
        if name.is_empty() {
            continue;
        }
        let template = templates.iter().find(|t| text(t, "/metadata/name") == name);
        match (api.get_opt(name).await?, template) {
            (Some(volume), _) => found.push(volume),
            (None, Some(template)) => {
                let mut made = template["metadata"].clone();
                made["labels"]["kubevirt.io/created-by"] = vm.uid().into();
                made["annotations"]["cdi.kubevirt.io/allowClaimAdoption"] = "true".into();
                made["ownerReferences"] = json!([objects::owner(&objects::machine(), vm)]);
                let made = objects::object(json!({
                    "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume",
                    "metadata": made, "spec": template["spec"],
                }))?;
                found.push(api.create(&PostParams::default(), &made).await?);
            }
            // The instance waits for what does not exist.
            (None, None) => {}
        }
    }
    Ok(found)
}

fn is_ready(volume: &DynamicObject) -> bool {
    text(&volume.data, "/status/phase") == "Succeeded"
}

async fn start(
    vm: &DynamicObject,
    chosen: &Chosen,
    paused: bool,
    stage: &Stage,
) -> kube::Result<DynamicObject> {
    let generation = vm.metadata.generation.unwrap_or_default();
    let revision = start_revision(vm, generation);
    let owner = objects::owner(&objects::machine(), vm);
    let kept = objects::object(json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 0,
        "metadata": { "name": revision, "ownerReferences": [owner] },
        "data": { "spec": vm.data["spec"] },
    }))?;
    let space = namespace(vm);
    let revisions = objects::within(&stage.client, &space, &objects::revision());
    objects::or_there(revisions.create(&PostParams::default(), &kept).await)?;

    let template = &vm.data["spec"]["template"];
    let mut metadata = json!({
        "name": vm.name_any(), "ownerReferences": [owner], "finalizers": [CONTROLLER_FINALIZER],
    });
    for key in ["labels", "annotations"] {
        if let Some(given) = template["metadata"].get(key) {
            metadata[key] = given.clone();
        }
    }
    metadata["annotations"][GENERATION] = generation.to_string().into();
    let mut spec = template["spec"].clone();
    if paused {
        spec["startStrategy"] = "Paused".into();
    }
    chosen.annotate(&mut metadata);
    chosen.apply(&mut spec);
    let vmi = objects::object(json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance", "metadata": metadata,
        "spec": spec, "status": { "virtualMachineRevisionName": revision },
    }))?;
    let instances = objects::within(&stage.client, &space, &objects::instance());
    instances.create(&PostParams::default(), &vmi).await
}

fn start_revision(vm: &DynamicObject, generation: i64) -> String {
    format!("revision-start-vm-{}-{generation}", vm.uid().unwrap_or_default())
}

/// Why the machine has to be restarted for what was changed since its instance was started; none where it need not.
async fn restart_reason(
    vm: &DynamicObject,
    vmi: &DynamicObject,
    stage: &Stage,
) -> kube::Result<Option<String>> {
    let now = vm.metadata.generation.unwrap_or_default().to_string();
    if vmi.annotations().get(GENERATION).is_none_or(|then| *then == now) || is_going(vmi) {
        return Ok(None);
    }
    let space = namespace(vm);
    let Some(then) = live::start_spec(vm, vmi, stage).await? else { return Ok(None) };
    let chosen = instancetypes::choose(&stage.client, &space, &vm.data["spec"]).await?;
    let Ok(chosen) = chosen else { return Ok(None) };
    // Also where the machine is as it was at the start: the instance may have been told something since.
    let reason = live::update(vm, &then, vmi, &chosen, stage).await?;
    if reason.is_none() && then["template"] == vm.data["spec"]["template"] {
        let instances = objects::within(&stage.client, &space, &objects::instance());
        let patch = Patch::Merge(json!({ "metadata": { "annotations": { GENERATION: now } } }));
        let patched = instances.patch(&vm.name_any(), &PatchParams::default(), &patch).await;
        objects::or_missing(patched)?;
    }
    Ok(reason)
}
