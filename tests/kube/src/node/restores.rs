//! VirtualMachineRestores: a machine goes back to a snapshot, its volumes are made anew.

mod target;

use std::{sync::Arc, time::Duration};

use kube::{
    ResourceExt as _,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    runtime::controller::Action,
};
use serde_json::{Value, json};

use super::{
    Stage,
    faults::{Step, Turn, Who},
    objects::{self, is_going, list, namespace, now, put, text},
    snapshots::{content_of, mark},
    volumes::{self, POPULATED_FOR, PREPOPULATED},
};

const FINALIZER: &str = "snapshot.kubevirt.io/vmrestore-protection";
/// On machines and claims: whose work they are.
const LAST: &str = "restore.kubevirt.io/lastRestoreUID";
const NAME: &str = "restore.kubevirt.io/name";
const POLL: Duration = Duration::from_millis(200);
const SOON: Duration = Duration::from_millis(20);
const WAITS: &str = "Waiting for target VM to be powered off. Please stop the restore target to proceed with \
    restore, or the operation will fail after 5m0s";

fn say(status: &mut Value, progressing: bool, why: &str, ready: bool, ready_why: &str) {
    put(status, objects::of_type("Progressing", progressing, why, ""));
    put(status, objects::of_type("Ready", ready, ready_why, ""));
}

/// One step of a restore.
struct Work<'a> {
    stage: &'a Stage,
    space: &'a str,
    restore: &'a DynamicObject,
    vm: DynamicObject,
    /// The machine's spec and its claims, as they were.
    content: Value,
    status: Value,
}

/// Brings a restore one step further.
pub async fn restore(restore: Arc<DynamicObject>, stage: Arc<Stage>) -> kube::Result<Action> {
    let (client, space, resource) = (&stage.client, namespace(&restore), objects::restore());
    let mut status = restore.data["status"].clone();
    if !status.is_object() {
        status = json!({ "complete": false });
        let why = "Initializing VirtualMachineRestore";
        say(&mut status, true, why, false, why);
        objects::write_status(client, &resource, &restore, status).await?;
        return Ok(Action::await_change());
    }
    let target = text(&restore.data, "/spec/target/name");
    let vm = objects::within(client, &space, &objects::machine()).get_opt(target).await?;
    if is_going(&restore) {
        if let Some(vm) = vm.filter(|vm| is_marked(vm, &restore)) {
            mark(&stage, &vm, "restoreInProgress", None).await?;
        }
        objects::hold(client, &resource, &restore, FINALIZER, false).await?;
        return Ok(Action::await_change());
    }
    if status["complete"] == true || objects::is_true(&status, "Failure") {
        return Ok(Action::await_change());
    }
    if objects::hold(client, &resource, &restore, FINALIZER, true).await? {
        return Ok(Action::await_change());
    }
    if let Some(vm) = vm.as_ref().filter(|_| restore.owner_references().is_empty()) {
        let mut owned = (*restore).clone();
        owned.metadata.owner_references = Some(vec![objects::owner(&objects::machine(), vm)]);
        objects::write(client, &resource, &restore, owned).await?;
        return Ok(Action::await_change());
    }
    let from = text(&restore.data, "/spec/virtualMachineSnapshotName");
    let snapshot = objects::within(client, &space, &objects::snapshot()).get_opt(from).await?;
    let waits = match (&vm, &snapshot) {
        (None, _) => Some("Restore target does not exist".to_owned()),
        (Some(vm), _) if vm.data["status"]["created"] == true => Some(WAITS.to_owned()),
        (_, None) => Some(format!("VMSnapshot {space}/{from} does not exist")),
        (_, Some(snapshot)) if snapshot.data["status"]["readyToUse"] != true => {
            Some(format!("VMSnapshot {space}/{from} not ready"))
        }
        _ => None,
    };
    let (None, Some(vm), Some(snapshot)) = (&waits, vm, snapshot) else {
        let why = waits.unwrap_or_default();
        say(&mut status, false, &why, false, &why);
        objects::write_status(client, &resource, &restore, status).await?;
        return Ok(Action::requeue(POLL));
    };
    let content = content_of(client, &space, &snapshot).await?;
    let work = Work { stage: &stage, space: &space, restore: &restore, vm, content, status };
    work.go_on().await
}

fn is_marked(vm: &DynamicObject, restore: &DynamicObject) -> bool {
    text(&vm.data, "/status/restoreInProgress") == restore.name_any()
}

impl Work<'_> {
    /// What the objects that it has made are marked with.
    fn mark(&self) -> String {
        format!("{}-{}", self.restore.name_any(), self.restore.uid().unwrap_or_default())
    }

    fn is_done(&self, object: &DynamicObject) -> bool {
        object.annotations().get(LAST) == Some(&self.mark())
    }

    async fn write(self) -> kube::Result<()> {
        let client = &self.stage.client;
        objects::write_status(client, &objects::restore(), self.restore, self.status).await
    }

    async fn go_on(mut self) -> kube::Result<Action> {
        let (uid, name) = (self.restore.uid().unwrap_or_default(), self.restore.name_any());
        if !self.is_done(&self.vm) {
            mark(self.stage, &self.vm, "restoreInProgress", Some(&name)).await?;
        }
        let machine = self.vm.name_any();
        let who = Who { uid: &uid, namespace: self.space, machine: &machine };
        // Once it has begun with the volumes it does not fail.
        if self.status["restores"].is_null() {
            match self.stage.play.turn(&who, Step::Restore) {
                Turn::Later(left) => return Ok(Action::requeue(left)),
                Turn::Failed(message) => {
                    let why = message.unwrap_or_else(|| "restore failed".to_owned());
                    say(&mut self.status, false, &why, false, &why);
                    put(&mut self.status, objects::of_type("Failure", true, &why, ""));
                    mark(self.stage, &self.vm, "restoreInProgress", None).await?;
                    self.write().await?;
                    return Ok(Action::await_change());
                }
                Turn::Done => {}
            }
        }
        if self.volumes().await? {
            say(&mut self.status, true, "Creating new PVCs", false, "Waiting for new PVCs");
            self.write().await?;
            return Ok(Action::requeue(SOON));
        }
        if !self.is_done(&self.vm) && self.machine().await? {
            say(&mut self.status, true, "Updating target spec", false, "Waiting for target update");
            self.write().await?;
            return Ok(Action::requeue(SOON));
        }
        let all = objects::within(&self.stage.client, self.space, &objects::data_volume());
        for name in list(&self.status, "/deletedDataVolumes").iter().filter_map(Value::as_str) {
            objects::or_missing(all.delete(name, &DeleteParams::default()).await)?;
        }
        if is_marked(&self.vm, self.restore) {
            mark(self.stage, &self.vm, "restoreInProgress", None).await?;
        }
        self.status["complete"] = true.into();
        self.status["restoreTime"] = now().into();
        say(&mut self.status, false, "Operation complete", true, "Operation complete");
        self.write().await?;
        Ok(Action::await_change())
    }

    /// What a claim, or a DataVolume, is called once it is restored.
    fn name_of(&self, volume: &str, old: &str) -> String {
        match text(&self.restore.data, "/spec/volumeRestorePolicy") {
            "InPlace" => old.to_owned(),
            "PrefixTargetName" => format!("{}-{volume}", self.vm.name_any()),
            _ => format!("restore-{}-{volume}", self.restore.uid().unwrap_or_default()),
        }
    }

    /// Makes the claims anew; whether there is more to do.
    async fn volumes(&mut self) -> kube::Result<bool> {
        if self.status["restores"].is_null() {
            let restored = list(&self.content, "/claims").iter().map(|kept| {
                let volume = text(kept, "/volume");
                let claim = self.name_of(volume, text(kept, "/claim/metadata/name"));
                json!({
                    "volumeName": volume, "persistentVolumeClaim": claim,
                    "volumeSnapshotName": kept["volumeSnapshotName"],
                })
            });
            self.status["restores"] = restored.collect::<Vec<Value>>().into();
            return Ok(true);
        }
        let claims = objects::within(&self.stage.client, self.space, &objects::claim());
        let in_place = self.restore.data["spec"]["volumeRestorePolicy"] == "InPlace";
        let mut more = false;
        for place in 0..list(&self.status, "/restores").len() {
            let restored = self.status["restores"][place].clone();
            let name = text(&restored, "/persistentVolumeClaim");
            match claims.get_opt(name).await? {
                None => {
                    let claim = self.claim(&restored).await?;
                    objects::or_there(claims.create(&PostParams::default(), &claim).await)?;
                    more = true;
                }
                Some(claim) if in_place && !self.is_done(&claim) => {
                    more = true;
                    let owners = claim.owner_references().iter();
                    let owner =
                        owners.filter(|owner| owner.kind == "DataVolume").map(|o| &o.name).next();
                    if let Some(owner) = owner {
                        if restored["dataVolumeName"].is_null() {
                            self.status["restores"][place]["dataVolumeName"] =
                                owner.as_str().into();
                            continue;
                        }
                        self.prepopulate(owner).await?;
                    }
                    let deleted = claims.delete(name, &DeleteParams::default()).await;
                    objects::or_missing(deleted)?;
                }
                Some(claim) if text(&claim.data, "/status/phase") != "Bound" => {
                    volumes::provide(&self.stage.client, &claim).await?;
                    more = true;
                }
                Some(_) => {}
            }
        }
        Ok(more)
    }

    async fn claim(&self, restored: &Value) -> kube::Result<DynamicObject> {
        let mut kept = list(&self.content, "/claims").iter();
        let kept = kept.find(|kept| kept["volume"] == restored["volumeName"]);
        let mut claim = kept.map(|kept| kept["claim"].clone()).unwrap_or_default();
        claim["metadata"]["name"] = restored["persistentVolumeClaim"].clone();
        claim["metadata"]["labels"]["restore.kubevirt.io/source-vm-name"] =
            self.vm.name_any().into();
        claim["metadata"]["annotations"][LAST] = self.mark().into();
        claim["metadata"]["annotations"][NAME] = self.restore.name_any().into();
        let mut owner = objects::owner(&objects::machine(), &self.vm);
        if let Some(name) = restored["dataVolumeName"].as_str() {
            claim["metadata"]["annotations"][POPULATED_FOR] = name.into();
            // As CDI would, a little later.
            let (client, resource) = (&self.stage.client, objects::data_volume());
            if let Some(volume) =
                objects::within(client, self.space, &resource).get_opt(name).await?
            {
                owner = objects::owner(&resource, &volume);
            }
        }
        claim["metadata"]["ownerReferences"] = json!([owner]);
        let from = json!({
            "apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot",
            "name": restored["volumeSnapshotName"],
        });
        claim["spec"]["dataSource"] = from;
        objects::object(claim)
    }

    /// Keeps CDI from filling it while its claim is away.
    async fn prepopulate(&self, name: &str) -> kube::Result<()> {
        let all = objects::within(&self.stage.client, self.space, &objects::data_volume());
        let marks = json!({ PREPOPULATED: name, NAME: self.restore.name_any() });
        let patch = Patch::Merge(json!({ "metadata": { "annotations": marks } }));
        objects::or_missing(all.patch(name, &PatchParams::default(), &patch).await)
    }
}
