//! The disks of a VM that is there already: made larger, and removed with what was on them.
//!
//! KubeVirt makes what a VM's templates of volumes name, and nothing else: it neither lets a claim grow nor removes a
//! volume that is not named any more. The place of a disk, and so its volume's name, may be taken by a new disk
//! later, which must not find what was on the old one.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;
use ssvirt_core::{
    Error, Result,
    backend::{VmPlan, VmRef},
    model::{DiskSpec, PowerState},
};
use tokio::time::{Instant, sleep};

use super::{
    FIELD_MANAGER,
    call::{call, call_opt},
    labels,
    resources::{DataVolume, VirtualMachine, quantity, vm::DataVolumeTemplate},
    room,
    vm::{
        disk_name,
        object::{Site, volume_name},
    },
    vms::{Found, PATIENCE, POLL, Vms, what},
};

/// The part of a claim that a file system takes, in percent: CDI's own default.
const FILE_SYSTEM_PERCENT: i64 = 6;

/// What a change means for the disks that there are.
pub(super) struct DiskChange<'a> {
    new: Vec<&'a DiskSpec>,
    /// With what they had, in MiB.
    larger: Vec<(&'a DiskSpec, i64)>,
}

impl<'a> DiskChange<'a> {
    /// From a VM as it is to its plan.
    pub fn of(plan: &'a VmPlan, found: &Found) -> Self {
        let name = found.name();
        let mut change = Self { new: Vec::new(), larger: Vec::new() };
        for disk in &plan.spec.disks {
            match template(&found.vm, &volume_name(&name, disk)).map(size_mib) {
                None => change.new.push(disk),
                Some(Some(size)) if size < disk.size_mib => change.larger.push((disk, size)),
                Some(_) => {}
            }
        }
        change
    }
}

/// What a VM's volume of that name is made of.
fn template<'a>(vm: &'a VirtualMachine, volume: &str) -> Option<&'a DataVolumeTemplate> {
    let is_it = |name: &Option<String>| name.as_deref() == Some(volume);
    vm.spec.data_volume_templates.iter().find(|template| is_it(&template.metadata.name))
}

pub(super) fn size_mib(template: &DataVolumeTemplate) -> Option<i64> {
    let claim = template.spec.storage.as_ref().or(template.spec.pvc.as_ref())?;
    let size = claim.resources.as_ref()?.requests.get("storage")?;
    quantity::bytes(size).map(|bytes| bytes >> 20)
}

/// What a claim asks for so that a disk of this size fits in, in MiB.
fn request_mib(claim: &PersistentVolumeClaim, size_mib: i64) -> i64 {
    let mode = claim.spec.as_ref().and_then(|spec| spec.volume_mode.as_deref());
    match mode {
        Some("Block") => size_mib,
        _ => size_mib.saturating_mul(100) / (100 - FILE_SYSTEM_PERCENT) + 1,
    }
}

/// In bytes.
fn requested(claim: &PersistentVolumeClaim) -> Option<i64> {
    let resources = claim.spec.as_ref()?.resources.as_ref()?;
    quantity::bytes(resources.requests.as_ref()?.get("storage")?)
}

impl Vms {
    fn volumes(&self, found: &Found) -> Api<DataVolume> {
        Api::namespaced(self.client.clone(), &found.namespace)
    }

    /// Makes room for what a plan has more than a VM, before the VM is like it: all of it, or nothing.
    ///
    /// # Errors
    /// `LimitExceeded` where a quota has no room; `BadRequest` where the storage cannot grow; `InvalidState` where the
    /// place of a new disk is free only after the VM is off.
    pub(super) async fn make_room(
        &self,
        plan: &VmPlan,
        change: &DiskChange<'_>,
        found: &Found,
        site: &Site,
    ) -> Result<()> {
        let what = what(plan.target);
        let needs = room::of_change(&plan.spec, &change.new, &change.larger, &site.classes);
        room::check(&self.client, &found.namespace, &what, &needs).await?;
        let mut growing = Vec::new();
        let claims: Api<PersistentVolumeClaim> =
            Api::namespaced(self.client.clone(), &found.namespace);
        for (disk, _) in &change.larger {
            let name = volume_name(&found.name(), disk);
            // One that is not there yet is made as large as it is to be.
            let Some(claim) = call_opt(&what, claims.get(&name)).await? else { continue };
            let wanted = request_mib(&claim, disk.size_mib);
            if requested(&claim).is_some_and(|has| has >> 20 < wanted) {
                growing.push((name, wanted));
            }
        }
        // A claim cannot be made smaller again: first it is asked whether all can grow.
        for dry_run in [true, false] {
            let by_us = PatchParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                dry_run,
                ..PatchParams::default()
            };
            for (name, wanted) in &growing {
                let size = json!({ "requests": { "storage": quantity::from_mib(*wanted) } });
                let patch = Patch::Merge(json!({ "spec": { "resources": size } }));
                call(&what, claims.patch(name, &by_us, &patch)).await?;
            }
        }
        let taken = change.new.iter().map(|disk| volume_name(&found.name(), disk)).collect();
        self.remove_volumes(plan.target, found, taken).await
    }

    /// Removes the volumes of disks that a VM has no more. What a guest that runs still has open goes when it stops.
    pub(super) async fn remove_disks(&self, plan: &VmPlan, found: &Found) -> Result<()> {
        let ours = format!("{}={}", labels::VM_ID, plan.target.vm.uuid());
        let ours = ListParams::default().labels(&ours);
        let listed = call(&what(plan.target), self.volumes(found).list(&ours)).await?;
        let prefix = format!("{}-{}", found.name(), disk_name(""));
        let kept: Vec<String> =
            plan.spec.disks.iter().map(|disk| volume_name(&found.name(), disk)).collect();
        let names = listed.items.into_iter().map(|volume| volume.name_any());
        let gone = names.filter(|name| name.starts_with(&prefix) && !kept.contains(name));
        match found.state().power {
            PowerState::Off => self.remove_volumes(plan.target, found, gone.collect()).await,
            _ => {
                for name in gone {
                    self.remove_volume(plan.target, found, &name).await?;
                }
                Ok(())
            }
        }
    }

    /// Removes these volumes where they are there, and answers when they are gone.
    async fn remove_volumes(&self, target: VmRef, found: &Found, names: Vec<String>) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        for name in names {
            while self.remove_volume(target, found, &name).await? {
                if found.state().power != PowerState::Off {
                    return Err(Error::invalid_state(
                        "A disk that was removed still has the place of the new one until the virtual machine is \
                         powered off.",
                    ));
                }
                if Instant::now() > until {
                    let what = what(target);
                    return Err(Error::unavailable(format!("A disk of {what} is being removed.")));
                }
                sleep(POLL).await;
            }
        }
        Ok(())
    }

    /// Whether the volume was still there. It goes after its claim, and the claim after whoever uses it.
    async fn remove_volume(&self, target: VmRef, found: &Found, name: &str) -> Result<bool> {
        let (what, volumes) = (what(target), self.volumes(found));
        let Some(volume) = call_opt(&what, volumes.get(name)).await? else { return Ok(false) };
        if volume.metadata.deletion_timestamp.is_none() {
            call_opt(&what, volumes.delete(name, &DeleteParams::foreground())).await?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_fits_in_its_claim_with_the_file_system_around_it() {
        let claim = |mode: &str| -> PersistentVolumeClaim {
            serde_json::from_value(json!({ "spec": { "volumeMode": mode } })).unwrap()
        };
        assert_eq!(request_mib(&claim("Block"), 2_048), 2_048);
        let within = request_mib(&claim("Filesystem"), 9_400);
        assert!((10_000..10_010).contains(&within), "{within}");
    }
}
