//! Snapshots of VMs in the cluster, found by their ids as the VMs are, and owned by them: a VM that is deleted takes
//! its own with it.

mod api;
mod revert;
pub(super) mod seen;

use std::{collections::HashMap, fmt::Debug};

use kube::{
    Api, Resource, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use ssvirt_core::{
    Error, Id, Result,
    backend::{SnapshotPlan, VmRef},
    model::{Snapshot, Vm, VmState},
};
use tokio::time::{Instant, sleep};

pub(super) use self::api::{AGAIN, SnapshotApi};
use super::{
    FIELD_MANAGER,
    call::{call, call_opt, raw},
    error::error,
    labels, names,
    resources::{VirtualMachineSnapshot, shared::TypedRef, snapshot::VirtualMachineSnapshotSpec},
    vms::{Found, PATIENCE, POLL, Vms, what},
};

impl Vms {
    fn snapshots(&self, namespace: &str) -> Api<VirtualMachineSnapshot> {
        Api::namespaced(self.client.clone(), namespace)
    }

    async fn snapshots_of(
        &self,
        namespace: &str,
        target: VmRef,
    ) -> Result<Vec<VirtualMachineSnapshot>> {
        let ours = format!("{}={}", labels::VM_ID, target.vm.uuid());
        let ours = ListParams::default().labels(&ours);
        Ok(call(&what(target), self.snapshots(namespace).list(&ours)).await?.items)
    }

    /// The snapshot that is shown of a VM.
    pub(super) async fn snapshot_of(
        &self,
        namespace: &str,
        target: VmRef,
    ) -> Result<Option<Snapshot>> {
        if !self.snapshot_api.is_there().await? {
            return Ok(None);
        }
        let all = self.snapshots_of(namespace, target).await?;
        Ok(seen::last(all.iter().filter_map(seen::snapshot)))
    }

    /// Those of all VMs of a place.
    pub(super) async fn snapshots_in(
        &self,
        namespace: &str,
    ) -> Result<HashMap<Id<Vm>, Vec<Snapshot>>> {
        let mut found: HashMap<Id<Vm>, Vec<Snapshot>> = HashMap::new();
        if !self.snapshot_api.is_there().await? {
            return Ok(found);
        }
        let what = "The snapshots of the virtual datacenter";
        let ours = ListParams::default().labels(labels::VM_ID);
        for object in call(what, self.snapshots(namespace).list(&ours)).await?.items {
            if let (Some(vm), Some(snapshot)) = (labels::vm_of(&object), seen::snapshot(&object)) {
                found.entry(vm).or_default().push(snapshot);
            }
        }
        Ok(found)
    }

    /// Takes a snapshot that is not there, and removes all others of the VM then.
    pub async fn take_snapshot(&self, target: VmRef, plan: &SnapshotPlan) -> Result<VmState> {
        self.snapshot_api.must_be_there().await?;
        if plan.memory {
            return Err(Error::not_supported("a snapshot with memory"));
        }
        let found = self.get(target).await?;
        let until = Instant::now() + PATIENCE;
        let mut is_made = false;
        loop {
            let all = self.snapshots_of(&found.namespace, target).await?;
            let (this, others): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|object| seen::id_of(object) == Some(plan.id));
            match this.first() {
                None if is_made => {
                    return Err(failed(target, "it was removed meanwhile"));
                }
                None => {
                    self.make_snapshot(target, &found, plan).await?;
                    is_made = true;
                    continue;
                }
                // An earlier attempt was given up: it is made anew when that is gone.
                Some(object) if object.metadata.deletion_timestamp.is_some() => is_made = false,
                Some(object) => {
                    is_made = true;
                    if let Some((why, said)) = seen::failure(object) {
                        self.drop_snapshot(target, object).await?;
                        return Err(failed(target, why).with_source(said));
                    }
                    if seen::snapshot(object).is_some() {
                        if seen::is_partial(object, &found.vm) {
                            self.drop_snapshot(target, object).await?;
                            let of = "a snapshot of disks whose storage does not make any";
                            return Err(Error::not_supported(of));
                        }
                        if others.is_empty() {
                            return Ok(self.get(target).await?.state());
                        }
                        for other in &others {
                            self.drop_snapshot(target, other).await?;
                        }
                    }
                }
            }
            if Instant::now() > until {
                return Err(Error::unavailable(format!(
                    "The snapshot of {} takes its time.",
                    target.vm.urn()
                )));
            }
            sleep(POLL).await;
        }
    }

    async fn make_snapshot(&self, target: VmRef, found: &Found, plan: &SnapshotPlan) -> Result<()> {
        let name = names::snapshot(plan.id.uuid());
        let spec = VirtualMachineSnapshotSpec {
            source: machine(found),
            ..VirtualMachineSnapshotSpec::default()
        };
        let mut object = VirtualMachineSnapshot::new(&name, spec);
        let meta = object.meta_mut();
        meta.labels = Some(labels::of_snapshot(target, plan.id));
        meta.annotations = seen::size_mib(&found.vm)
            .map(|size| [(labels::SNAPSHOT_SIZE.to_owned(), size.to_string())].into());
        meta.owner_references = found.vm.controller_owner_ref(&()).map(|owner| vec![owner]);
        make(&self.snapshots(&found.namespace), target, &object).await
    }

    async fn drop_snapshot(&self, target: VmRef, object: &VirtualMachineSnapshot) -> Result<()> {
        let namespace = object.namespace().unwrap_or_default();
        remove(&self.snapshots(&namespace), target, object).await
    }

    /// Removes one snapshot of a VM, or all, and answers when they are gone.
    pub async fn remove_snapshots(
        &self,
        target: VmRef,
        which: Option<Id<Snapshot>>,
    ) -> Result<Option<VmState>> {
        self.snapshot_api.must_be_there().await?;
        let until = Instant::now() + PATIENCE;
        while let Some(found) = self.find(target).await? {
            let mut all = self.snapshots_of(&found.namespace, target).await?;
            all.retain(|object| which.is_none_or(|which| seen::id_of(object) == Some(which)));
            if all.is_empty() {
                return Ok(Some(found.state()));
            }
            for object in &all {
                self.drop_snapshot(target, object).await?;
            }
            if Instant::now() > until {
                let what = target.vm.urn();
                return Err(Error::unavailable(format!("Snapshots of {what} are being removed.")));
            }
            sleep(POLL).await;
        }
        Ok(None)
    }
}

/// A VM, as snapshots and restores name it.
fn machine(found: &Found) -> TypedRef {
    TypedRef {
        api_group: Some("kubevirt.io".to_owned()),
        kind: "VirtualMachine".to_owned(),
        name: found.name(),
    }
}

fn failed(target: VmRef, why: &str) -> Error {
    Error::invalid_state(format!("No snapshot of {} could be taken: {why}.", target.vm.urn()))
}

/// Makes an object beside a VM; one that is there is left as it is.
///
/// KubeVirt may have the API and refuse it by a switch of its own. An older one may not know everything that is asked
/// for, and must not leave it out.
async fn make<K>(api: &Api<K>, target: VmRef, object: &K) -> Result<()>
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned,
{
    let ours = PatchParams::apply(FIELD_MANAGER).force().validation_strict();
    match raw(api.patch(&object.name_any(), &ours, &Patch::Apply(object))).await? {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if is_switched_off(&status.message) => {
            Err(Error::not_supported("snapshots").with_source(kube::Error::Api(status)))
        }
        Err(cause) => Err(error(&what(target), cause)),
    }
}

fn is_switched_off(refusal: &str) -> bool {
    ["feature gate", "unknown field", "field not declared in schema"]
        .iter()
        .any(|words| refusal.contains(words))
}

/// Removes an object, unless that was done.
async fn remove<K>(api: &Api<K>, target: VmRef, object: &K) -> Result<()>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    if object.meta().deletion_timestamp.is_none() {
        let params = DeleteParams::default();
        call_opt(&what(target), api.delete(&object.name_any(), &params)).await?;
    }
    Ok(())
}
