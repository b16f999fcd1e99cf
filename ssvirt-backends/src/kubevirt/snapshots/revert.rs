//! Going back to a snapshot, by a `VirtualMachineRestore`.
//!
//! The restore's name has the id of the going back. KubeVirt writes the name of the last one on the VM, with its spec:
//! by that a repeated call knows that it was done, also when the restore is removed.

use kube::{Api, Resource as _, ResourceExt as _, api::ListParams};
use ssvirt_core::{
    Error, Result,
    backend::{PowerAction, Revert, VmRef},
    model::{PowerState, VmState},
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{machine, make, remove, seen};
use crate::kubevirt::{
    call::call,
    labels, names,
    resources::{
        VirtualMachineRestore,
        restore::{VirtualMachineRestoreSpec, VolumeRestorePolicy},
        shared::{Condition, ConditionStatus},
    },
    vms::{Found, PATIENCE, POLL, Vms, what},
};

/// Where KubeVirt says on a VM which restore was the last: name and uid, with a hyphen between them.
const LAST: &str = "restore.kubevirt.io/lastRestoreUID";

impl Vms {
    fn restores(&self, namespace: &str) -> Api<VirtualMachineRestore> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Makes a VM what it was, and answers when it is off and its restore is gone.
    pub async fn revert_snapshot(&self, target: VmRef, revert: &Revert) -> Result<VmState> {
        self.snapshot_api.must_be_there().await?;
        let until = Instant::now() + PATIENCE;
        let name = names::restore(revert.id);
        let mut is_made = false;
        loop {
            let found = self.get(target).await?;
            let restores = self.restores_of(&found.namespace, target).await?;
            let (this, others): (Vec<_>, Vec<_>) =
                restores.into_iter().partition(|object| id_of(object) == Some(revert.id));
            let is_new = this.is_empty() && !is_made && !is_done(&found, &name);
            let snapshot = match is_new {
                true => Some(self.usable(target, &found, revert).await?),
                false => None,
            };
            // KubeVirt does one at a time; one that nobody waits for is in the way. What it has begun is done anew.
            for other in &others {
                self.drop_restore(target, other).await?;
            }
            match (this.first(), snapshot) {
                (None, Some(snapshot)) if others.is_empty() => {
                    if !is_off(&found) {
                        self.power(target, PowerAction::Off).await?;
                    } else {
                        self.make_restore(target, &found, revert, snapshot).await?;
                        is_made = true;
                    }
                }
                (None, Some(_)) => {}
                (None, None) if is_done(&found, &name) => return Ok(found.state()),
                (None, None) => return Err(failed(target, "it was cancelled")),
                (Some(object), _) if object.metadata.deletion_timestamp.is_some() => {}
                (Some(object), _) if is_complete(object) => {
                    self.drop_restore(target, object).await?;
                }
                (Some(object), _) => {
                    is_made = true;
                    if let Some(said) = failure(object) {
                        self.drop_restore(target, object).await?;
                        return Err(failed(target, "the cluster could not do it").with_source(said));
                    }
                }
            }
            if Instant::now() > until {
                // One that goes on is waited for by the next call. One that waits for something would keep the VM from
                // being started when nobody comes any more.
                if let Some(stuck) = this.first().filter(|object| is_stuck(object)) {
                    self.drop_restore(target, stuck).await?;
                }
                let what = what(target);
                return Err(Error::unavailable(format!("{what} takes its time to go back.")));
            }
            sleep(POLL).await;
        }
    }

    async fn restores_of(
        &self,
        namespace: &str,
        target: VmRef,
    ) -> Result<Vec<VirtualMachineRestore>> {
        let ours = format!("{}={}", labels::VM_ID, target.vm.uuid());
        let ours = ListParams::default().labels(&ours);
        Ok(call(&what(target), self.restores(namespace).list(&ours)).await?.items)
    }

    /// The name of the snapshot that is meant.
    async fn usable(&self, target: VmRef, found: &Found, revert: &Revert) -> Result<String> {
        let all = self.snapshots_of(&found.namespace, target).await?;
        let usable = all.iter().find(|object| {
            seen::snapshot(object).is_some_and(|snapshot| snapshot.id == revert.snapshot)
        });
        usable.map(|object| object.name_any()).ok_or_else(|| {
            let what = what(target);
            Error::invalid_state(format!("{what} has no snapshot {}.", revert.snapshot))
        })
    }

    async fn make_restore(
        &self,
        target: VmRef,
        found: &Found,
        revert: &Revert,
        snapshot: String,
    ) -> Result<()> {
        let name = names::restore(revert.id);
        let spec = VirtualMachineRestoreSpec {
            target: machine(found),
            virtual_machine_snapshot_name: snapshot,
            target_readiness_policy: None,
            // The disks keep the names that they have in plans.
            volume_restore_policy: Some(VolumeRestorePolicy::InPlace),
        };
        let mut object = VirtualMachineRestore::new(&name, spec);
        let meta = object.meta_mut();
        meta.labels = Some(labels::of_restore(target, revert.id));
        meta.owner_references = found.vm.controller_owner_ref(&()).map(|owner| vec![owner]);
        make(&self.restores(&found.namespace), target, &object).await
    }

    async fn drop_restore(&self, target: VmRef, object: &VirtualMachineRestore) -> Result<()> {
        let namespace = object.namespace().unwrap_or_default();
        remove(&self.restores(&namespace), target, object).await
    }
}

fn id_of(object: &VirtualMachineRestore) -> Option<Uuid> {
    object.labels().get(labels::RESTORE_ID)?.parse().ok()
}

/// KubeVirt restores a VM that has no instance, also none that has ended.
fn is_off(found: &Found) -> bool {
    found.state().power == PowerState::Off && found.instance.is_none()
}

fn is_done(found: &Found, name: &str) -> bool {
    let last = found.vm.annotations().get(LAST);
    last.and_then(|last| last.strip_prefix(name)).is_some_and(|uid| uid.starts_with('-'))
}

fn is_complete(object: &VirtualMachineRestore) -> bool {
    object.status.as_ref().is_some_and(|status| status.complete == Some(true))
}

/// Whether it has not begun. Once KubeVirt has named the volumes it may have deleted claims, and says for a moment that it
/// does not go on whenever it comes upon an error: without it the VM would be left without its disks.
fn is_stuck(object: &VirtualMachineRestore) -> bool {
    let Some(status) = &object.status else { return false };
    let progressing = Condition::find(&status.conditions, "Progressing");
    status.restores.is_empty()
        && progressing.is_some_and(|condition| condition.status == ConditionStatus::False)
}

/// What is said of one that has failed for good. Of other troubles KubeVirt hopes that they pass.
fn failure(object: &VirtualMachineRestore) -> Option<String> {
    let status = object.status.as_ref()?;
    let failure = Condition::find(&status.conditions, "Failure")?;
    let holds = failure.status == ConditionStatus::True;
    holds.then(|| failure.reason.clone().or_else(|| failure.message.clone()).unwrap_or_default())
}

fn failed(target: VmRef, why: &str) -> Error {
    Error::invalid_state(format!("{} could not go back to its snapshot: {why}.", what(target)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(progressing: &str, restores: Value) -> VirtualMachineRestore {
        let target = json!({ "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "web" });
        let object = json!({
            "apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": "VirtualMachineRestore",
            "metadata": {}, "spec": { "target": target, "virtualMachineSnapshotName": "s" },
            "status": {
                "restores": restores,
                "conditions": [{ "type": "Progressing", "status": progressing, "reason": "why" }],
            },
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn only_what_has_not_begun_is_given_up() {
        assert!(is_stuck(&object("False", json!([]))));
        assert!(!is_stuck(&object("True", json!([]))));
        // An error on the way, when the claim may be gone.
        let begun =
            json!([{ "volumeName": "disk-2000", "persistentVolumeClaim": "web-disk-2000" }]);
        assert!(!is_stuck(&object("False", begun)));
        let mut new = object("False", json!([]));
        new.status = None;
        assert!(!is_stuck(&new));
    }
}
