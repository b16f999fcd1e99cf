//! VirtualMachineSnapshots.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kube::{
    Client, ResourceExt as _,
    api::{DynamicObject, Patch, PatchParams, PostParams},
    runtime::controller::Action,
};
use serde_json::{Value, json};

use super::{
    Stage,
    faults::{Step, Turn, Who},
    objects::{self, is_going, is_true, list, namespace, now, put, text},
};

const FINALIZER: &str = "snapshot.kubevirt.io/vmsnapshot-protection";
/// On a StorageClass: it has no snapshots.
const WITHOUT: &str = "bed.ssvirt.io/without-snapshots";
const POLL: Duration = Duration::from_millis(200);

/// Says in a machine's status what is made of it, or that it no longer is.
pub async fn mark(
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
    let is_locked = text(&vm.data, "/status/snapshotInProgress") == name;
    let unready = if is_locked { None } else { unready(&stage, &vm).await? };
    if let Some(why) = unready {
        put(&mut status, objects::of_type("Progressing", false, &why, ""));
        objects::write_status(client, &resource, &snapshot, status).await?;
        return Ok(Action::requeue(POLL));
    }
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
        Turn::Done => {
            let kept = keep(&stage, &snapshot, &vm).await?;
            complete(&mut status, &vm, &uid, &kept);
        }
    }
    mark(&stage, &vm, "snapshotInProgress", None).await?;
    objects::write_status(client, &resource, &snapshot, status).await?;
    Ok(Action::await_change())
}

fn complete(status: &mut Value, vm: &DynamicObject, uid: &str, kept: &[Value]) {
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
    let is_kept = |volume: &&Value| kept.iter().any(|kept| kept["volume"] == volume["name"]);
    let (included, excluded): (Vec<&Value>, Vec<&Value>) = volumes.iter().partition(is_kept);
    if excluded.iter().any(|volume| claim_of(volume).is_some()) {
        let message = "Some volumes are not in the snapshot.";
        indications.push(("PartialSnapshot", message));
    }
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

/// Keeps what a machine and its claims are. KubeVirt has an object of its own for it, whose definition is not
/// everywhere; nobody but restores reads it.
async fn keep(
    stage: &Stage,
    snapshot: &DynamicObject,
    vm: &DynamicObject,
) -> kube::Result<Vec<Value>> {
    let (client, space) = (&stage.client, namespace(snapshot));
    let claims = objects::within(client, &space, &objects::claim());
    let mut kept = Vec::new();
    for (volume, claim) in disks(vm) {
        let Some(claim) = claims.get_opt(&claim).await? else { continue };
        if !has_snapshots(client, &claim).await? {
            continue;
        }
        let mut spec = claim.data["spec"].clone();
        for key in ["volumeName", "dataSource", "dataSourceRef"] {
            spec.as_object_mut().and_then(|spec| spec.remove(key));
        }
        let annotations = claim.annotations().iter().filter(|(key, _)| {
            // What concerns the old claim alone is left out.
            let of_old =
                ["pv.kubernetes.io", "volume.kubernetes.io", "cdi.kubevirt.io", "restore."];
            !of_old.iter().any(|prefix| key.starts_with(prefix)) || key.ends_with("contentType")
        });
        let annotations: BTreeMap<_, _> = annotations.collect();
        let uid = snapshot.uid().unwrap_or_default();
        kept.push(json!({
            "volume": volume, "volumeSnapshotName": format!("vmsnapshot-{uid}-volume-{volume}"),
            "claim": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": spec,
                "metadata": {
                    "name": claim.name_any(), "labels": claim.labels(), "annotations": annotations,
                },
            },
        }));
    }
    let spec = spec_of(stage, vm).await?;
    let content = objects::object(json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 0,
        "metadata": {
            "name": content_name(snapshot),
            "ownerReferences": [objects::owner(&objects::snapshot(), snapshot)],
        },
        "data": { "vm": { "spec": spec }, "claims": &kept },
    }))?;
    let revisions = objects::within(client, &space, &objects::revision());
    objects::or_there(revisions.create(&PostParams::default(), &content).await)?;
    Ok(kept)
}

/// Whether a claim's storage has snapshots. There are no classes of them here: one of storage says it itself.
async fn has_snapshots(client: &Client, claim: &DynamicObject) -> kube::Result<bool> {
    let class = text(&claim.data, "/spec/storageClassName");
    if class.is_empty() {
        return Ok(true);
    }
    let class = objects::all(client, &objects::storage_class()).get_opt(class).await?;
    Ok(class.is_none_or(|class| class.labels().get(WITHOUT).is_none()))
}

/// Of a machine that runs what it was started with, but for its disks.
async fn spec_of(stage: &Stage, vm: &DynamicObject) -> kube::Result<Value> {
    let (client, space, now) = (&stage.client, namespace(vm), &vm.data["spec"]);
    let instances = objects::within(client, &space, &objects::instance());
    let Some(vmi) = instances.get_opt(&vm.name_any()).await? else { return Ok(now.clone()) };
    let revisions = objects::within(client, &space, &objects::revision());
    let then = text(&vmi.data, "/status/virtualMachineRevisionName");
    let Some(then) = revisions.get_opt(then).await? else { return Ok(now.clone()) };
    let mut spec = then.data["data"]["spec"].clone();
    for path in ["/template/spec/volumes", "/template/spec/domain/devices/disks"] {
        if let (Some(to), Some(from)) = (spec.pointer_mut(path), now.pointer(path)) {
            *to = from.clone();
        }
    }
    spec["dataVolumeTemplates"] = now["dataVolumeTemplates"].clone();
    Ok(spec)
}

fn content_name(snapshot: &DynamicObject) -> String {
    format!("vmsnapshot-content-{}", snapshot.uid().unwrap_or_default())
}

/// What was kept with a snapshot.
pub async fn content_of(
    client: &Client,
    space: &str,
    snapshot: &DynamicObject,
) -> kube::Result<Value> {
    let revisions = objects::within(client, space, &objects::revision());
    Ok(revisions.get(&content_name(snapshot)).await?.data["data"].clone())
}

/// A machine's volumes that can be kept, with their claims: a DataVolume's has its name.
fn disks(vm: &DynamicObject) -> impl Iterator<Item = (String, String)> {
    list(&vm.data, "/spec/template/spec/volumes")
        .iter()
        .filter_map(|volume| Some((text(volume, "/name").to_owned(), claim_of(volume)?.to_owned())))
}

fn claim_of(volume: &Value) -> Option<&str> {
    let claims = ["/dataVolume/name", "/persistentVolumeClaim/claimName"];
    claims.iter().map(|path| text(volume, path)).find(|name| !name.is_empty())
}

/// What of a machine's disks is not there yet, and keeps it from being locked.
async fn unready(stage: &Stage, vm: &DynamicObject) -> kube::Result<Option<String>> {
    let (client, space) = (&stage.client, namespace(vm));
    let claims = objects::within(client, &space, &objects::claim());
    let volumes = objects::within(client, &space, &objects::data_volume());
    for (_, name) in disks(vm) {
        let why = match claims.get_opt(&name).await? {
            None => "volume doesnt exist",
            Some(claim) if is_going(&claim) => "volume is being deleted",
            Some(claim) if text(&claim.data, "/status/phase") != "Bound" => "volume not bound",
            Some(_) => {
                let volume = volumes.get_opt(&name).await?;
                match volume.is_none_or(|v| text(&v.data, "/status/phase") == "Succeeded") {
                    true => continue,
                    false => "volume not populated",
                }
            }
        };
        return Ok(Some(format!(
            "Source not locked source {space}/{} {why}: {name}",
            vm.name_any()
        )));
    }
    Ok(None)
}
