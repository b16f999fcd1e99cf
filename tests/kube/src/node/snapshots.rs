//! VirtualMachineSnapshots and VirtualMachineRestores.

use std::{sync::Arc, time::Duration};

use kube::{
    ResourceExt as _,
    api::{DynamicObject, Patch, PatchParams},
    runtime::controller::Action,
};
use serde_json::{Value, json};

use super::{
    Stage,
    faults::{Step, Turn, Who},
    objects::{self, is_going, is_true, list, namespace, now, put, text},
};

const FINALIZER: &str = "snapshot.kubevirt.io/vmsnapshot-protection";
const POLL: Duration = Duration::from_millis(200);

/// Says in a machine's status what is made of it, or that it no longer is.
async fn mark(
    stage: &Stage,
    vm: &DynamicObject,
    key: &str,
    name: Option<&str>,
) -> kube::Result<()> {
    if vm.data["status"][key].as_str() == name {
        return Ok(());
    }
    let machines = objects::within(&stage.client, &namespace(vm), &objects::machine());
    let patch = Patch::Merge(json!({ "status": { key: name } }));
    let patched = machines.patch_status(&vm.name_any(), &PatchParams::default(), &patch).await;
    objects::or_missing(patched)
}

/// Brings a snapshot one step further.
pub async fn take(snapshot: Arc<DynamicObject>, stage: Arc<Stage>) -> kube::Result<Action> {
    let (client, space) = (&stage.client, namespace(&snapshot));
    let (resource, name) = (objects::snapshot(), snapshot.name_any());
    let machines = objects::within(client, &space, &objects::machine());
    let source = text(&snapshot.data, "/spec/source/name");
    let vm = machines.get_opt(source).await?;
    if is_going(&snapshot) {
        if let Some(vm) = vm.filter(|vm| text(&vm.data, "/status/snapshotInProgress") == name) {
            mark(&stage, &vm, "snapshotInProgress", None).await?;
        }
        objects::hold(client, &resource, &snapshot, FINALIZER, false).await?;
        return Ok(Action::await_change());
    }
    if objects::hold(client, &resource, &snapshot, FINALIZER, true).await?
        || matches!(text(&snapshot.data, "/status/phase"), "Succeeded" | "Failed")
    {
        return Ok(Action::await_change());
    }
    let mut status = snapshot.data["status"].clone();
    status["phase"] = "InProgress".into();
    status["readyToUse"] = false.into();
    put(&mut status, objects::of_type("Ready", false, "Not ready", ""));
    let Some(vm) = vm else {
        put(&mut status, objects::of_type("Progressing", false, "Source does not exist", ""));
        objects::write_status(client, &resource, &snapshot, status).await?;
        return Ok(Action::requeue(POLL));
    };
    put(
        &mut status,
        objects::of_type("Progressing", true, "Source locked and operation in progress", ""),
    );
    if status != snapshot.data["status"] {
        mark(&stage, &vm, "snapshotInProgress", Some(&name)).await?;
        objects::write_status(client, &resource, &snapshot, status).await?;
        return Ok(Action::await_change());
    }
    let uid = snapshot.uid().unwrap_or_default();
    let who = Who { uid: &uid, namespace: &space, machine: source };
    match stage.play.turn(&who, Step::Snapshot) {
        Turn::Later(left) => return Ok(Action::requeue(left)),
        Turn::Failed(message) => {
            let message = message.unwrap_or_else(|| "snapshot deadline exceeded".to_owned());
            status["phase"] = "Failed".into();
            status["error"] = json!({ "message": message, "time": now() });
            put(&mut status, objects::of_type("Progressing", false, "Operation failed", ""));
            put(&mut status, objects::of_type("Failure", true, &message, ""));
        }
        Turn::Done => complete(&mut status, &vm, &uid),
    }
    mark(&stage, &vm, "snapshotInProgress", None).await?;
    objects::write_status(client, &resource, &snapshot, status).await?;
    Ok(Action::await_change())
}

fn complete(status: &mut Value, vm: &DynamicObject, uid: &str) {
    let theirs = &vm.data["status"];
    let mut indications = Vec::new();
    if theirs["created"] == true {
        let is_quiet = is_true(theirs, "AgentConnected");
        indications.push(if is_quiet {
            let message = "Guest agent was active and attempted to quiesce the filesystem for application \
                consistency.";
            ("GuestAgent", message)
        } else {
            ("NoGuestAgent", "Guest agent was not active, the snapshot is crash consistent.")
        });
        let message = "Snapshot taken while the VM was running. Consistency depends on guest-agent quiescing.";
        indications.push(("Online", message));
        if is_true(theirs, "Paused") {
            indications.push(("Paused", "Snapshot taken while the VM was paused."));
        }
    }
    let volumes = list(&vm.data, "/spec/template/spec/volumes");
    let is_disk = |volume: &&Value| {
        volume.get("dataVolume").is_some() || volume.get("persistentVolumeClaim").is_some()
    };
    let (included, excluded): (Vec<&Value>, Vec<&Value>) = volumes.iter().partition(is_disk);
    let names = |volumes: Vec<&Value>| -> Vec<Value> {
        volumes.into_iter().map(|volume| volume["name"].clone()).collect()
    };
    let mut lists = json!({});
    for (key, volumes) in [("includedVolumes", included), ("excludedVolumes", excluded)] {
        if !volumes.is_empty() {
            lists[key] = names(volumes).into();
        }
    }
    status["snapshotVolumes"] = lists;
    status["phase"] = "Succeeded".into();
    status["readyToUse"] = true.into();
    status["creationTime"] = now().into();
    status["sourceUID"] = vm.uid().into();
    status["virtualMachineSnapshotContentName"] = format!("vmsnapshot-content-{uid}").into();
    if !indications.is_empty() {
        status["indications"] = indications.iter().map(|(name, _)| *name).collect();
        status["sourceIndications"] = indications
            .iter()
            .map(|(name, message)| json!({ "indication": name, "message": message }))
            .collect();
    }
    put(status, objects::of_type("Progressing", false, "Operation complete", ""));
    put(status, objects::of_type("Ready", true, "Ready", ""));
}

/// Brings a restore one step further. The machine stays as it is: there is nothing on its disks.
pub async fn restore(restore: Arc<DynamicObject>, stage: Arc<Stage>) -> kube::Result<Action> {
    let (client, space) = (&stage.client, namespace(&restore));
    if is_going(&restore) || restore.data["status"]["complete"] == true {
        return Ok(Action::await_change());
    }
    let mut status = restore.data["status"].clone();
    let target = text(&restore.data, "/spec/target/name");
    let snapshots = objects::within(client, &space, &objects::snapshot());
    let from = text(&restore.data, "/spec/virtualMachineSnapshotName");
    let snapshot = snapshots.get_opt(from).await?;
    let machines = objects::within(client, &space, &objects::machine());
    let vm = machines.get_opt(target).await?;
    status["complete"] = false.into();
    let mut waits = |why: &str| {
        put(&mut status, objects::of_type("Progressing", false, why, ""));
        put(&mut status, objects::of_type("Ready", false, why, ""));
    };
    match (&snapshot, &vm) {
        (None, _) => waits(&format!("VMSnapshot {from} does not exist")),
        (Some(snapshot), _) if snapshot.data["status"]["readyToUse"] != true => {
            waits(&format!("VirtualMachineSnapshot {from} not ready to use"));
        }
        (_, None) => waits("Restore target does not exist"),
        (_, Some(vm)) if vm.data["status"]["created"] == true => {
            waits("Waiting for target to be ready");
        }
        (_, Some(vm)) => {
            let (uid, name) = (restore.uid().unwrap_or_default(), restore.name_any());
            let who = Who { uid: &uid, namespace: &space, machine: target };
            let turn = stage.play.turn(&who, Step::Restore);
            match turn {
                Turn::Later(left) => {
                    mark(&stage, vm, "restoreInProgress", Some(&name)).await?;
                    return Ok(Action::requeue(left));
                }
                Turn::Failed(message) => {
                    let message = message.unwrap_or_else(|| "restore failed".to_owned());
                    put(&mut status, objects::of_type("Failure", true, &message, ""));
                    put(&mut status, objects::of_type("Progressing", false, &message, ""));
                }
                Turn::Done => {
                    status["complete"] = true.into();
                    status["restoreTime"] = now().into();
                    put(
                        &mut status,
                        objects::of_type("Progressing", false, "Operation complete", ""),
                    );
                    put(&mut status, objects::of_type("Ready", true, "Operation complete", ""));
                }
            }
            mark(&stage, vm, "restoreInProgress", None).await?;
        }
    }
    objects::write_status(client, &objects::restore(), &restore, status.clone()).await?;
    let is_done = status["complete"] == true;
    Ok(if is_done { Action::await_change() } else { Action::requeue(POLL) })
}
