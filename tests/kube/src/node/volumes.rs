//! DataVolumes, as CDI fills them, and the volumes behind them.

use std::{sync::Arc, time::Duration};

use kube::{
    Client, Error, ResourceExt as _,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    runtime::controller::Action,
};
use serde_json::{Value, json};

use super::{
    Stage,
    faults::{Step, Turn, Who},
    objects::{self, is_going, namespace, now, text},
};

/// What the volumes that are made here are known by.
pub const LABEL: &str = "bed.ssvirt.io/volume";
/// On a DataVolume: its claim is filled by somebody else.
pub const PREPOPULATED: &str = "cdi.kubevirt.io/storage.prePopulated";
/// On a claim that somebody else has filled: the DataVolume that it is to belong to.
pub const POPULATED_FOR: &str = "cdi.kubevirt.io/storage.populatedFor";

const POLL: Duration = Duration::from_millis(50);
const RETRY: Duration = Duration::from_millis(300);
const FAILED: &str =
    "Unable to process data: expected status code 200, got 404. Status: 404 Not Found";

/// Brings a DataVolume one step further.
pub async fn reconcile(volume: Arc<DynamicObject>, stage: Arc<Stage>) -> kube::Result<Action> {
    let mut status = volume.data["status"].clone();
    if is_going(&volume) {
        return Ok(Action::await_change());
    }
    let action = advance(&volume, &mut status, &stage).await?;
    objects::write_status(&stage.client, &objects::data_volume(), &volume, status).await?;
    Ok(action)
}

/// What a source's steps are called.
fn phases(spec: &Value) -> [&'static str; 2] {
    let is_clone = ["pvc", "snapshot"].iter().any(|kind| spec["source"].get(kind).is_some());
    if spec["source"].get("upload").is_some() {
        ["UploadScheduled", "UploadReady"]
    } else if is_clone || spec.get("sourceRef").is_some() {
        ["CloneScheduled", "CloneInProgress"]
    } else {
        ["ImportScheduled", "ImportInProgress"]
    }
}

async fn advance(
    volume: &DynamicObject,
    status: &mut Value,
    stage: &Stage,
) -> kube::Result<Action> {
    let [scheduled, in_progress] = phases(&volume.data["spec"]);
    match text(status, "/phase") {
        "" => {
            *status = json!({ "phase": "Pending", "progress": "N/A" });
            say(status, "Bound", "Unknown", "NotFound", "No PVC found");
            say(status, "Ready", "False", "TransferScheduled", "");
            say(status, "Running", "False", "", "");
        }
        "Pending" => return bind(volume, status, scheduled, stage).await,
        phase if phase == scheduled => {
            status["phase"] = in_progress.into();
            status["progress"] =
                if scheduled == "ImportScheduled" { "0.00%" } else { "N/A" }.into();
            say(status, "Running", "True", "Pod is running", "");
        }
        "UploadReady" => {}
        phase if phase == in_progress => {
            let (uid, space) = (volume.uid().unwrap_or_default(), namespace(volume));
            let owners = volume.owner_references();
            let owner = owners.iter().find(|owner| owner.kind == "VirtualMachine");
            let machine = owner.map_or_else(|| volume.name_any(), |owner| owner.name.clone());
            let who = Who { uid: &uid, namespace: &space, machine: &machine };
            match stage.play.turn(&who, Step::Import) {
                Turn::Later(left) => return Ok(Action::requeue(left)),
                Turn::Failed(message) => {
                    let count = status["restartCount"].as_u64().unwrap_or_default();
                    // What is tried again and again is not written for ever.
                    if count < 5 {
                        status["restartCount"] = (count + 1).into();
                    }
                    let message = message.unwrap_or_else(|| FAILED.to_owned());
                    say(status, "Running", "False", "Error", &message);
                    return Ok(Action::requeue(RETRY));
                }
                Turn::Done => {
                    status["phase"] = "Succeeded".into();
                    status["progress"] = "100.0%".into();
                    say(status, "Ready", "True", "", "");
                    say(status, "Running", "False", "Completed", "");
                }
            }
        }
        _ => {}
    }
    Ok(Action::await_change())
}

/// Puts a condition, which CDI gives other times than KubeVirt does.
fn say(status: &mut Value, name: &str, holds: &str, reason: &str, message: &str) {
    let mut new = objects::of_type(name, holds == "True", reason, message);
    new["status"] = holds.into();
    let old = objects::condition(status, name).cloned().unwrap_or_default();
    if ["status", "reason", "message"].iter().all(|key| old.get(key) == new.get(key)) {
        return;
    }
    objects::remove(status, name);
    new["lastHeartbeatTime"] = now().into();
    new["lastTransitionTime"] = now().into();
    match status["conditions"].as_array_mut() {
        Some(all) => all.push(new),
        None => status["conditions"] = json!([new]),
    }
    if let Some(all) = status["conditions"].as_array_mut() {
        all.sort_by(|one, other| text(one, "/type").cmp(text(other, "/type")));
    }
}

/// Makes the claim and the volume that the cluster binds it to.
async fn bind(
    volume: &DynamicObject,
    status: &mut Value,
    next: &str,
    stage: &Stage,
) -> kube::Result<Action> {
    let space = namespace(volume);
    let claims = objects::within(&stage.client, &space, &objects::claim());
    let name = volume.name_any();
    let claim = match claims.get_opt(&name).await? {
        Some(claim) => claim,
        None => match claims.create(&PostParams::default(), &claim_of(volume)?).await {
            Ok(claim) => claim,
            Err(Error::Api(refusal)) if refusal.code == 403 => {
                say(status, "Bound", "Unknown", "ErrExceededQuota", &refusal.message);
                return Ok(Action::requeue(RETRY));
            }
            Err(error) => return Err(error),
        },
    };
    status["claimName"] = name.into();
    if text(&claim.data, "/status/phase") == "Bound" {
        say(status, "Bound", "True", "Bound", "");
        if volume.annotations().contains_key(PREPOPULATED) {
            adopt(volume, &claim, stage).await?;
            status["phase"] = "Succeeded".into();
            say(status, "Ready", "True", "", "");
            return Ok(Action::await_change());
        }
        status["phase"] = next.into();
        return Ok(Action::await_change());
    }
    provide(&stage.client, &claim).await?;
    Ok(Action::requeue(POLL))
}

/// Takes a claim that was filled for a DataVolume.
async fn adopt(volume: &DynamicObject, claim: &DynamicObject, stage: &Stage) -> kube::Result<()> {
    let is_for = claim.annotations().get(POPULATED_FOR);
    if is_for.is_none_or(|name| *name != volume.name_any()) || !claim.owner_references().is_empty()
    {
        return Ok(());
    }
    let owner = objects::owner(&objects::data_volume(), volume);
    let patch = Patch::Merge(json!({ "metadata": { "ownerReferences": [owner] } }));
    let claims = objects::within(&stage.client, &namespace(volume), &objects::claim());
    claims.patch(&claim.name_any(), &PatchParams::default(), &patch).await?;
    Ok(())
}

/// Makes the volume that the cluster binds a claim to.
pub async fn provide(client: &Client, claim: &DynamicObject) -> kube::Result<()> {
    let class = &claim.data["spec"]["storageClassName"];
    let made = objects::object(json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {
            "name": format!("pvc-{}", claim.uid().unwrap_or_default()),
            "labels": { LABEL: "true" },
        },
        "spec": {
            "capacity": { "storage": claim.data["spec"]["resources"]["requests"]["storage"] },
            "accessModes": claim.data["spec"]["accessModes"],
            "volumeMode": claim.data["spec"]["volumeMode"],
            "storageClassName": class.as_str().unwrap_or_default(),
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "namespace": namespace(claim), "name": claim.name_any(), "uid": claim.uid(),
            },
            "csi": { "driver": "bed.ssvirt.io", "volumeHandle": claim.uid() },
        },
    }))?;
    let volumes = objects::all(client, &objects::volume());
    objects::or_there(volumes.create(&PostParams::default(), &made).await)
}

fn claim_of(volume: &DynamicObject) -> kube::Result<DynamicObject> {
    let spec = &volume.data["spec"];
    let given = if spec["pvc"].is_object() { &spec["pvc"] } else { &spec["storage"] };
    let or = |key: &str, otherwise: Value| given.get(key).cloned().unwrap_or(otherwise);
    let mut claim = json!({
        "accessModes": or("accessModes", json!(["ReadWriteMany"])),
        "volumeMode": or("volumeMode", json!("Block")),
        "resources": or("resources", json!({ "requests": { "storage": "1Gi" } })),
    });
    if let Some(class) = given.get("storageClassName") {
        claim["storageClassName"] = class.clone();
    }
    let mut labels = json!({
        "app": "containerized-data-importer", "app.kubernetes.io/managed-by": "cdi-controller",
    });
    for (key, value) in volume.labels() {
        labels[key] = value.as_str().into();
    }
    objects::object(json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": volume.name_any(),
            "labels": labels,
            "annotations": {
                "cdi.kubevirt.io/storage.contentType": "kubevirt",
                "cdi.kubevirt.io/storage.usePopulator": "true",
            },
            "ownerReferences": [objects::owner(&objects::data_volume(), volume)],
        },
        "spec": claim,
    }))
}

/// Gives a claim what it asks for beyond what it has, as a storage driver's resizer does.
pub async fn resize(claim: Arc<DynamicObject>, stage: Arc<Stage>) -> kube::Result<Action> {
    let asked = &claim.data["spec"]["resources"]["requests"]["storage"];
    let has = &claim.data["status"]["capacity"]["storage"];
    if text(&claim.data, "/status/phase") != "Bound" || asked == has || is_going(&claim) {
        return Ok(Action::await_change());
    }
    let capacity = json!({ "capacity": { "storage": asked } });
    let volumes = objects::all(&stage.client, &objects::volume());
    let patch = Patch::Merge(json!({ "spec": capacity.clone() }));
    let volume = text(&claim.data, "/spec/volumeName");
    volumes.patch(volume, &PatchParams::default(), &patch).await?;
    let claims = objects::within(&stage.client, &namespace(&claim), &objects::claim());
    let patch = Patch::Merge(json!({ "status": capacity }));
    claims.patch_status(&claim.name_any(), &PatchParams::default(), &patch).await?;
    Ok(Action::await_change())
}

/// Removes a volume whose claim is gone: there is no storage that would.
pub async fn reclaim(volume: Arc<DynamicObject>, stage: Arc<Stage>) -> kube::Result<Action> {
    if text(&volume.data, "/status/phase") == "Released" && !is_going(&volume) {
        let volumes = objects::all(&stage.client, &objects::volume());
        let deleted = volumes.delete(&volume.name_any(), &DeleteParams::default()).await;
        objects::or_missing(deleted)?;
    }
    Ok(Action::await_change())
}
