//! Organization VDCs with their storage profiles, and what is in use of them.

use super::{Caller, Cloud, check_name, found, referred};
use crate::{
    backend::{Place, VmPlan},
    error::{Error, ErrorKind, Result},
    id::Id,
    model::{
        AllocationModel, ComputePolicy, Network, Org, ProviderVdc, StorageProfile, Task, Template,
        VApp, Vdc, Vm,
    },
    store::{
        By, Tx, VdcUsage,
        gather::{Named, UsageOf, UsedOf, first, names, one, open_tasks},
    },
    task::{NewTask, Step},
};

/// A VDC to be made.
#[derive(Clone, Debug)]
pub struct NewVdc {
    /// The name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// What it is cut from.
    pub provider: Id<ProviderVdc>,
    /// CPU limit in MHz; 0 is unlimited.
    pub cpu_limit_mhz: i64,
    /// Memory limit in MiB; 0 is unlimited.
    pub memory_limit_mib: i64,
    /// Its storage profiles; the first is the default.
    pub storage_profiles: Vec<NewStorageProfile>,
}

/// A storage profile to be made.
#[derive(Clone, Debug)]
pub struct NewStorageProfile {
    /// The name.
    pub name: String,
    /// Limit in MiB; 0 is unlimited.
    pub limit_mib: i64,
}

/// A VDC with what clients see beside it.
#[derive(Clone, Debug)]
pub struct VdcDetails {
    /// The VDC.
    pub vdc: Vdc,
    /// What it is cut from.
    pub provider: ProviderVdc,
    /// Its organization.
    pub org: Org,
    /// What is in use.
    pub usage: VdcUsage,
    /// Its storage profiles.
    pub profiles: Vec<Named<StorageProfile>>,
    /// Its networks.
    pub networks: Vec<Named<Network>>,
    /// The vApps in it that the caller sees.
    pub vapps: Vec<Named<VApp>>,
    /// The templates of the organization.
    pub templates: Vec<Named<Template>>,
    /// Unfinished tasks on it.
    pub tasks: Vec<Task>,
}

impl Cloud {
    /// The VDCs of an organization, by name.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn vdcs(&self, caller: &Caller, org: Id<Org>) -> Result<Vec<Vdc>> {
        if !caller.sees_org(org) {
            return Err(Error::no_access(org));
        }
        self.glance().await?.select(&[By::Org(org)]).await
    }

    /// A VDC.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn vdc(&self, caller: &Caller, id: Id<Vdc>) -> Result<Vdc> {
        visible_vdc(&mut self.glance().await?, caller, id).await
    }

    /// A VDC with what clients see beside it.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn vdc_details(&self, caller: &Caller, id: Id<Vdc>) -> Result<VdcDetails> {
        let of = || [By::Of(id.any())];
        // Whoever sees the VDC sees all vApps in it, or their own.
        let mine = caller.scope().owner.map(By::Owner);
        let vapps: Vec<By> = mine.into_iter().chain([By::Vdc(id)]).collect();
        let parts = (
            one(id),
            first::<ProviderVdc>(of()),
            first::<Org>(of()),
            UsageOf(id),
            names([By::Vdc(id)]),
            names([By::Vdc(id)]),
            names(vapps),
            names(of()),
            open_tasks([id.any()]),
        );
        let (vdc, provider, org, usage, profiles, networks, vapps, templates, tasks) =
            self.glance().await?.gather(parts).await?;
        let vdc = seen_vdc(caller, id, vdc)?;
        Ok(VdcDetails {
            provider: referred(provider, vdc.provider)?,
            org: referred(org, vdc.org)?,
            usage,
            profiles,
            networks,
            vapps,
            templates,
            tasks: tasks.into_iter().map(|(_, task)| task).collect(),
            vdc,
        })
    }

    /// A storage profile and how much of it is in use, in MiB.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn storage_profile(
        &self,
        caller: &Caller,
        id: Id<StorageProfile>,
    ) -> Result<(StorageProfile, i64)> {
        let (profile, used) = self.glance().await?.gather((one(id), UsedOf(id))).await?;
        let profile: StorageProfile = found(profile, id)?;
        if !caller.sees_org(profile.org) {
            return Err(Error::no_access(id));
        }
        Ok((profile, used))
    }

    /// The sizing policies, by name.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn compute_policies(&self, _caller: &Caller) -> Result<Vec<ComputePolicy>> {
        self.glance().await?.select(&[]).await
    }

    /// Makes a VDC and its place in the backend. Provider only.
    ///
    /// # Errors
    /// `DuplicateName`, `BadRequest`, `Forbidden`.
    pub async fn create_vdc(
        &self,
        caller: &Caller,
        org: Id<Org>,
        new: NewVdc,
    ) -> Result<(Vdc, Task)> {
        caller.require_provider()?;
        check_name(&new.name)?;
        if new.cpu_limit_mhz < 0 || new.memory_limit_mib < 0 || new.storage_profiles.is_empty() {
            return Err(Error::bad_request("A VDC has a storage profile and no negative limits."));
        }
        let mut tx = self.begin().await?;
        let org = found(tx.get(org).await?, org)?;
        found(tx.get(new.provider).await?, new.provider)?;
        let vdc = Vdc {
            id: self.id(),
            org: org.id,
            provider: new.provider,
            name: new.name,
            description: new.description,
            enabled: true,
            allocation_model: AllocationModel::AllocationVApp,
            cpu_limit_mhz: new.cpu_limit_mhz,
            memory_limit_mib: new.memory_limit_mib,
            vcpu_mhz: 1000,
            nic_quota: 0,
            network_quota: 0,
            vm_quota: 0,
            created: self.now(),
            version: 0,
        };
        tx.insert(&vdc).await?;
        for (index, profile) in new.storage_profiles.into_iter().enumerate() {
            check_name(&profile.name)?;
            tx.insert(&StorageProfile {
                id: self.id(),
                vdc: vdc.id,
                org: org.id,
                name: profile.name,
                default: index == 0,
                enabled: true,
                limit_mib: profile.limit_mib,
                version: 0,
            })
            .await?;
        }
        let task = NewTask {
            org: org.id,
            owner: vdc.id.any(),
            owner_name: vdc.name.clone(),
            operation_name: "orgCreateVdc",
            operation: format!("Creating Virtual Datacenter {}({})", vdc.name, vdc.id),
            steps: vec![Step::EnsurePlace { provider: vdc.provider, place: place_of(&vdc, &org) }],
            done: 0,
            locks: vec![vdc.id.any()],
        };
        let task = self.run(caller, tx, task).await?;
        Ok((vdc, task))
    }

    /// Deletes an empty VDC. Provider only.
    ///
    /// # Errors
    /// `InvalidState` when it is enabled or not empty; `Forbidden`.
    pub async fn delete_vdc(&self, caller: &Caller, id: Id<Vdc>) -> Result<Task> {
        caller.require_provider()?;
        let mut tx = self.begin().await?;
        tx.lock_vdc(id).await?;
        let vdc = found(tx.get(id).await?, id)?;
        if vdc.enabled {
            return Err(Error::invalid_state(format!(
                "The VDC \"{}\" must be disabled before it is deleted.",
                vdc.name
            )));
        }
        if tx.count::<VApp>(&[By::Vdc(id)]).await? > 0 {
            return Err(Error::invalid_state(format!("The VDC \"{}\" still has vApps.", vdc.name)));
        }
        let task = NewTask {
            org: vdc.org,
            owner: id.any(),
            owner_name: vdc.name.clone(),
            operation_name: "orgDeleteVdc",
            operation: format!("Deleting Virtual Datacenter {}({})", vdc.name, vdc.id),
            steps: vec![
                Step::RemovePlace { provider: vdc.provider, vdc: id },
                Step::ForgetVdc { vdc: id },
            ],
            done: 0,
            locks: vec![id.any()],
        };
        self.run(caller, tx, task).await
    }

    /// Enables or disables a VDC. What runs goes on running. Provider only.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn set_vdc_enabled(
        &self,
        caller: &Caller,
        id: Id<Vdc>,
        enabled: bool,
    ) -> Result<Vdc> {
        caller.require_provider()?;
        let mut tx = self.begin().await?;
        tx.lock_vdc(id).await?;
        let mut vdc = found(tx.get(id).await?, id)?;
        if !tx.open_tasks(&[id.any()]).await?.is_empty() {
            return Err(Error::new(
                ErrorKind::Busy,
                format!("The entity {} is busy completing an operation.", id.urn()),
            ));
        }
        vdc.enabled = enabled;
        tx.update(&mut vdc).await?;
        let operation = if enabled { "vdcEnable" } else { "vdcDisable" };
        self.audit(
            caller,
            &mut tx,
            operation,
            (id.any(), &vdc.name),
            crate::model::Outcome::Success,
        )
        .await?;
        tx.commit().await?;
        Ok(vdc)
    }
}

/// The VDC as it is once nobody else works in it.
pub(super) async fn locked_vdc(tx: &mut Tx, caller: &Caller, id: Id<Vdc>) -> Result<Vdc> {
    tx.lock_vdc(id).await?;
    visible_vdc(tx, caller, id).await
}

/// The VDC, if the caller sees it.
pub(super) async fn visible_vdc(tx: &mut Tx, caller: &Caller, id: Id<Vdc>) -> Result<Vdc> {
    seen_vdc(caller, id, tx.get(id).await?)
}

/// The same for a row that was read.
fn seen_vdc(caller: &Caller, id: Id<Vdc>, row: Option<Vdc>) -> Result<Vdc> {
    let vdc = found(row, id)?;
    if caller.sees_org(vdc.org) { Ok(vdc) } else { Err(Error::no_access(id)) }
}

/// What a backend needs to know of a VDC.
pub(super) fn place_of(vdc: &Vdc, org: &Org) -> Place {
    Place {
        vdc: vdc.id,
        vdc_name: vdc.name.clone(),
        org: org.id,
        org_name: org.name.clone(),
        cpu_limit_mhz: vdc.cpu_limit_mhz,
        vcpu_mhz: vdc.vcpu_mhz,
        memory_limit_mib: vdc.memory_limit_mib,
    }
}

/// Refuses new work in a disabled VDC.
pub(super) fn check_enabled(vdc: &Vdc) -> Result<()> {
    if vdc.enabled {
        return Ok(());
    }
    Err(Error::invalid_state(format!("The VDC \"{}\" is disabled.", vdc.name)))
}

/// Refuses VMs that the VDC's quotas and its storage profiles have no room for.
pub(super) async fn admit_vms(tx: &mut Tx, vdc: &Vdc, vms: &[VmPlan]) -> Result<()> {
    let usage = tx.vdc_usage(vdc.id).await?;
    let new = i64::try_from(vms.len()).unwrap_or(i64::MAX);
    if vdc.vm_quota > 0 && usage.vms + new > i64::from(vdc.vm_quota) {
        return Err(limit(format!("The VDC \"{}\" may have {} VMs.", vdc.name, vdc.vm_quota)));
    }
    let nics: usize = vms.iter().map(|vm| vm.spec.nics.len()).sum();
    if vdc.nic_quota > 0
        && usage.nics + i64::try_from(nics).unwrap_or(i64::MAX) > i64::from(vdc.nic_quota)
    {
        return Err(limit(format!("The VDC \"{}\" may have {} NICs.", vdc.name, vdc.nic_quota)));
    }
    let profiles: Vec<StorageProfile> = tx.select(&[By::Vdc(vdc.id)]).await?;
    for profile in profiles.iter().filter(|profile| profile.limit_mib > 0) {
        let wanted: i64 = vms
            .iter()
            .flat_map(|vm| {
                vm.spec
                    .disks
                    .iter()
                    .map(move |disk| (disk, disk.storage_profile.or(vm.spec.storage_profile)))
            })
            .filter(|(_, on)| *on == Some(profile.id))
            .map(|(disk, _)| disk.size_mib)
            .sum();
        if wanted > 0 && tx.storage_usage(profile.id).await? + wanted > profile.limit_mib {
            return Err(limit(format!(
                "The storage profile \"{}\" has no {wanted} MB left.",
                profile.name
            )));
        }
    }
    Ok(())
}

/// Refuses a change of a VM that the VDC's limits have no room for.
pub(super) async fn admit_change(
    tx: &mut Tx,
    vdc: &Vdc,
    profiles: &[StorageProfile],
    before: &Vm,
    after: &Vm,
) -> Result<()> {
    let on = |vm: &Vm, profile: &StorageProfile| -> i64 {
        let disks = vm.spec.disks.iter();
        let here = disks
            .filter(|disk| disk.storage_profile.or(vm.spec.storage_profile) == Some(profile.id));
        here.map(|disk| disk.size_mib).sum()
    };
    for profile in profiles.iter().filter(|profile| profile.limit_mib > 0) {
        let wanted = on(after, profile) - on(before, profile);
        if wanted > 0 && tx.storage_usage(profile.id).await? + wanted > profile.limit_mib {
            return Err(limit(format!(
                "The storage profile \"{}\" has no {wanted} MB left.",
                profile.name
            )));
        }
    }
    let usage = tx.vdc_usage(vdc.id).await?;
    let nics = |vm: &Vm| i64::try_from(vm.spec.nics.len()).unwrap_or(i64::MAX);
    let more = nics(after) - nics(before);
    if vdc.nic_quota > 0 && more > 0 && usage.nics + more > i64::from(vdc.nic_quota) {
        return Err(limit(format!("The VDC \"{}\" may have {} NICs.", vdc.name, vdc.nic_quota)));
    }
    if before.deployed {
        let cpus = i64::from(after.spec.cpus) - i64::from(before.spec.cpus);
        let memory = after.spec.memory_mib - before.spec.memory_mib;
        check_room(vdc, &usage, cpus, memory)?;
    }
    Ok(())
}

/// Refuses to run VMs that the VDC's CPU and memory limits have no room for. VMs that are deployed already
/// are counted as they are.
pub(super) async fn admit_power_on(tx: &mut Tx, vdc: &Vdc, vms: &[&Vm]) -> Result<()> {
    check_enabled(vdc)?;
    tx.lock_vdc(vdc.id).await?;
    if vdc.cpu_limit_mhz == 0 && vdc.memory_limit_mib == 0 {
        return Ok(());
    }
    let usage = tx.vdc_usage(vdc.id).await?;
    let new = || vms.iter().filter(|vm| !vm.deployed);
    let cpus: i64 = new().map(|vm| i64::from(vm.spec.cpus)).sum();
    let memory: i64 = new().map(|vm| vm.spec.memory_mib).sum();
    check_room(vdc, &usage, cpus, memory)
}

/// Refuses what the CPU and memory limits have no room for beside what is in use.
fn check_room(vdc: &Vdc, usage: &VdcUsage, cpus: i64, memory: i64) -> Result<()> {
    let mhz = (usage.cpus + cpus).saturating_mul(vdc.vcpu_mhz);
    if vdc.cpu_limit_mhz > 0 && cpus > 0 && mhz > vdc.cpu_limit_mhz {
        let wanted = cpus.saturating_mul(vdc.vcpu_mhz);
        return Err(limit(format!("The VDC \"{}\" has no {wanted} MHz left.", vdc.name)));
    }
    let total = usage.memory_mib.saturating_add(memory);
    if vdc.memory_limit_mib > 0 && memory > 0 && total > vdc.memory_limit_mib {
        return Err(limit(format!("The VDC \"{}\" has no {memory} MB of memory left.", vdc.name)));
    }
    Ok(())
}

fn limit(message: String) -> Error {
    Error::new(ErrorKind::LimitExceeded, format!("The operation would exceed a limit. {message}"))
}
