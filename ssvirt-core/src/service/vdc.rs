//! Organization VDCs with their storage profiles, and what is in use of them.

use super::{Caller, Cloud, Removal, check_name, check_version, found, referred};
use crate::{
    backend::{Place, PlaceStorage, VmPlan},
    error::{Error, ErrorKind, Result},
    id::Id,
    model::{
        AllocationModel, Network, Org, ProviderVdc, StorageProfile, Task, Template, VApp, Vdc, Vm,
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
    /// Whether VMs may be made and switched on in it.
    pub enabled: bool,
    /// How resources are committed.
    pub allocation_model: AllocationModel,
    /// CPU limit in MHz; 0 is unlimited.
    pub cpu_limit_mhz: i64,
    /// CPU that is set aside, in MHz; none is all of the limit.
    pub cpu_allocated_mhz: Option<i64>,
    /// Memory limit in MiB; 0 is unlimited.
    pub memory_limit_mib: i64,
    /// Memory that is set aside, in MiB; none is all of the limit.
    pub memory_allocated_mib: Option<i64>,
    /// Most NICs; 0 is unlimited.
    pub nic_quota: i32,
    /// Most networks; 0 is unlimited.
    pub network_quota: i32,
    /// Most VMs; 0 is unlimited.
    pub vm_quota: i32,
    /// Whether disks take storage only as they fill.
    pub thin_provision: bool,
    /// Its storage profiles; the first is the default.
    pub storage_profiles: Vec<NewStorageProfile>,
}

impl Default for NewVdc {
    /// Nameless, of the default provider VDC, enabled, without limits or storage profiles.
    fn default() -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            provider: ProviderVdc::DEFAULT,
            enabled: true,
            allocation_model: AllocationModel::AllocationVApp,
            cpu_limit_mhz: 0,
            cpu_allocated_mhz: None,
            memory_limit_mib: 0,
            memory_allocated_mib: None,
            nic_quota: 0,
            network_quota: 0,
            vm_quota: 0,
            thin_provision: true,
            storage_profiles: Vec::new(),
        }
    }
}

/// A storage profile to be made.
#[derive(Clone, Debug)]
pub struct NewStorageProfile {
    /// The name.
    pub name: String,
    /// Limit in MiB; 0 is unlimited.
    pub limit_mib: i64,
}

/// What is to be different in a VDC; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct VdcChange {
    /// The name.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// What it is cut from; it cannot be another.
    pub provider: Option<Id<ProviderVdc>>,
    /// Whether VMs may be made and switched on in it. What runs goes on running.
    pub enabled: Option<bool>,
    /// How resources are committed.
    pub allocation_model: Option<AllocationModel>,
    /// CPU limit in MHz; 0 is unlimited.
    pub cpu_limit_mhz: Option<i64>,
    /// CPU that is set aside, in MHz.
    pub cpu_allocated_mhz: Option<i64>,
    /// Memory limit in MiB; 0 is unlimited.
    pub memory_limit_mib: Option<i64>,
    /// Memory that is set aside, in MiB.
    pub memory_allocated_mib: Option<i64>,
    /// Most NICs; 0 is unlimited.
    pub nic_quota: Option<i32>,
    /// Most networks; 0 is unlimited.
    pub network_quota: Option<i32>,
    /// Most VMs; 0 is unlimited.
    pub vm_quota: Option<i32>,
    /// Whether disks take storage only as they fill.
    pub thin_provision: Option<bool>,
    /// Storage profiles that are added, or different. Others stay.
    pub storage_profiles: Vec<StorageProfileChange>,
    /// The version that the change was made from; none overwrites any.
    pub version: Option<i64>,
}

/// A storage profile that is added to a VDC, or is to be different in it.
#[derive(Clone, Debug, Default)]
pub struct StorageProfileChange {
    /// Which one; none adds one.
    pub id: Option<Id<StorageProfile>>,
    /// The name of one that is added.
    pub name: String,
    /// Limit in MiB; 0 is unlimited.
    pub limit_mib: Option<i64>,
    /// Whether disks that name none get this one; the one that was it before no longer is.
    pub default: bool,
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
        if new.storage_profiles.is_empty() {
            return Err(Error::bad_request("A VDC has a storage profile."));
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
            enabled: new.enabled,
            allocation_model: new.allocation_model,
            cpu_limit_mhz: new.cpu_limit_mhz,
            cpu_allocated_mhz: new.cpu_allocated_mhz,
            memory_limit_mib: new.memory_limit_mib,
            memory_allocated_mib: new.memory_allocated_mib,
            vcpu_mhz: 1000,
            nic_quota: new.nic_quota,
            network_quota: new.network_quota,
            vm_quota: new.vm_quota,
            thin_provision: new.thin_provision,
            created: self.now(),
            version: 0,
        };
        check(&vdc)?;
        tx.insert(&vdc).await?;
        let mut profiles = Vec::new();
        for (index, profile) in new.storage_profiles.into_iter().enumerate() {
            check_profile(&profile.name, profile.limit_mib)?;
            let profile = StorageProfile {
                id: self.id(),
                vdc: vdc.id,
                org: org.id,
                name: profile.name,
                default: index == 0,
                enabled: true,
                limit_mib: profile.limit_mib,
                version: 0,
            };
            tx.insert(&profile).await?;
            profiles.push(profile);
        }
        let task = NewTask {
            org: org.id,
            owner: vdc.id.any(),
            owner_name: vdc.name.clone(),
            operation_name: "orgCreateVdc",
            operation: format!("Creating Virtual Datacenter {}({})", vdc.name, vdc.id),
            steps: vec![Step::EnsurePlace {
                provider: vdc.provider,
                place: Box::new(place_of(&vdc, &org, &profiles)),
            }],
            done: 0,
            locks: vec![vdc.id.any()],
        };
        let task = self.run(caller, tx, task).await?;
        Ok((vdc, task))
    }

    /// Changes a VDC, and its place in the backend where that is to have other limits. Provider only.
    ///
    /// # Errors
    /// `DuplicateName`, `BadRequest`, `Conflict`, `Busy`, `Forbidden`; `InvalidReference` for a storage
    /// profile or provider VDC that it does not have.
    pub async fn change_vdc(
        &self,
        caller: &Caller,
        id: Id<Vdc>,
        change: VdcChange,
    ) -> Result<(Vdc, Task)> {
        caller.require_provider()?;
        let mut tx = self.begin().await?;
        let mut vdc = locked_vdc(&mut tx, caller, id).await?;
        let org: Org = tx.require(vdc.org).await?;
        check_version(vdc.version, change.version)?;
        if change.provider.is_some_and(|provider| provider != vdc.provider) {
            return Err(Error::new(
                ErrorKind::InvalidReference,
                format!("The VDC \"{}\" cannot be moved to another provider VDC.", vdc.name),
            ));
        }
        let before = vdc.clone();
        vdc.name = change.name.unwrap_or(vdc.name);
        vdc.description = change.description.unwrap_or(vdc.description);
        vdc.enabled = change.enabled.unwrap_or(vdc.enabled);
        vdc.allocation_model = change.allocation_model.unwrap_or(vdc.allocation_model);
        vdc.cpu_limit_mhz = change.cpu_limit_mhz.unwrap_or(vdc.cpu_limit_mhz);
        vdc.cpu_allocated_mhz = change.cpu_allocated_mhz.or(vdc.cpu_allocated_mhz);
        vdc.memory_limit_mib = change.memory_limit_mib.unwrap_or(vdc.memory_limit_mib);
        vdc.memory_allocated_mib = change.memory_allocated_mib.or(vdc.memory_allocated_mib);
        vdc.nic_quota = change.nic_quota.unwrap_or(vdc.nic_quota);
        vdc.network_quota = change.network_quota.unwrap_or(vdc.network_quota);
        vdc.vm_quota = change.vm_quota.unwrap_or(vdc.vm_quota);
        vdc.thin_provision = change.thin_provision.unwrap_or(vdc.thin_provision);
        check(&vdc)?;
        tx.update(&mut vdc).await?;
        let profiles: Vec<StorageProfile> = tx.select(&[By::Vdc(id)]).await?;
        self.change_profiles(&mut tx, &vdc, &profiles, change.storage_profiles).await?;
        let profiles_now: Vec<StorageProfile> = tx.select(&[By::Vdc(id)]).await?;
        let place = Box::new(place_of(&vdc, &org, &profiles_now));
        let place_before = Box::new(place_of(&before, &org, &profiles));
        let step = if place == place_before {
            Step::Done
        } else {
            let before = Box::new(before);
            Step::ChangeVdc { provider: vdc.provider, place, place_before, before, profiles }
        };
        let task = NewTask {
            org: vdc.org,
            owner: id.any(),
            owner_name: vdc.name.clone(),
            operation_name: "orgUpdateVdc",
            operation: format!("Updating Virtual Datacenter {}({})", vdc.name, vdc.id),
            steps: vec![step],
            done: 0,
            locks: vec![id.any()],
        };
        let task = self.run(caller, tx, task).await?;
        Ok((vdc, task))
    }

    async fn change_profiles(
        &self,
        tx: &mut Tx,
        vdc: &Vdc,
        known: &[StorageProfile],
        changes: Vec<StorageProfileChange>,
    ) -> Result<()> {
        if changes.iter().filter(|change| change.default).count() > 1 {
            return Err(Error::bad_request("A VDC has one default storage profile."));
        }
        let default = changes.iter().any(|change| change.default);
        let mut profiles = known.to_vec();
        for change in changes {
            let at = match change.id {
                Some(id) => profiles.iter().position(|known| known.id == id).ok_or_else(|| {
                    let message = format!("The VDC \"{}\" has no {}.", vdc.name, id.urn());
                    Error::new(ErrorKind::InvalidReference, message)
                })?,
                None => {
                    profiles.push(StorageProfile {
                        id: self.id(),
                        vdc: vdc.id,
                        org: vdc.org,
                        name: change.name,
                        default: false,
                        enabled: true,
                        limit_mib: 0,
                        version: 0,
                    });
                    profiles.len() - 1
                }
            };
            if default {
                profiles.iter_mut().for_each(|profile| profile.default &= !change.default);
                profiles[at].default |= change.default;
            }
            profiles[at].limit_mib = change.limit_mib.unwrap_or(profiles[at].limit_mib);
        }
        for mut profile in profiles {
            check_profile(&profile.name, profile.limit_mib)?;
            match known.iter().find(|known| known.id == profile.id) {
                Some(known) if *known == profile => {}
                Some(_) => tx.update(&mut profile).await?,
                None => tx.insert(&profile).await?,
            }
        }
        Ok(())
    }

    /// Deletes a VDC. Provider only.
    ///
    /// # Errors
    /// `InvalidState` when it is enabled, unless that is no matter, or has vApps, unless these are to go too; `Busy`;
    /// `Forbidden`.
    pub async fn delete_vdc(&self, caller: &Caller, id: Id<Vdc>, removal: Removal) -> Result<Task> {
        caller.require_provider()?;
        let mut tx = self.begin().await?;
        let vdc = locked_vdc(&mut tx, caller, id).await?;
        if vdc.enabled && !(removal.force || removal.enabled) {
            return Err(Error::invalid_state(format!(
                "The VDC \"{}\" must be disabled before it is deleted.",
                vdc.name
            )));
        }
        let (steps, locks) = super::org::removing_vdc(&mut tx, &vdc, removal).await?;
        let task = NewTask {
            org: vdc.org,
            owner: id.any(),
            owner_name: vdc.name.clone(),
            operation_name: "orgDeleteVdc",
            operation: format!("Deleting Virtual Datacenter {}({})", vdc.name, vdc.id),
            steps,
            done: 0,
            locks,
        };
        self.run(caller, tx, task).await
    }

    /// Enables or disables a VDC. What runs goes on running. Provider only.
    ///
    /// # Errors
    /// `Busy`, `Forbidden`.
    pub async fn set_vdc_enabled(
        &self,
        caller: &Caller,
        id: Id<Vdc>,
        enabled: bool,
    ) -> Result<Vdc> {
        let change = VdcChange { enabled: Some(enabled), ..VdcChange::default() };
        Ok(self.change_vdc(caller, id, change).await?.0)
    }
}

/// Refuses a VDC that contradicts itself.
fn check(vdc: &Vdc) -> Result<()> {
    check_name(&vdc.name)?;
    let numbers =
        [vdc.cpu_limit_mhz, vdc.memory_limit_mib, vdc.cpu_allocated(), vdc.memory_allocated()];
    if numbers.iter().any(|number| *number < 0)
        || [vdc.nic_quota, vdc.network_quota, vdc.vm_quota].iter().any(|quota| *quota < 0)
    {
        return Err(Error::bad_request("A VDC has no negative limits; 0 is unlimited."));
    }
    let over = |allocated: i64, limit: i64| limit > 0 && allocated > limit;
    if over(vdc.cpu_allocated(), vdc.cpu_limit_mhz)
        || over(vdc.memory_allocated(), vdc.memory_limit_mib)
    {
        return Err(Error::bad_request("A VDC cannot set aside more than its limit."));
    }
    Ok(())
}

fn check_profile(name: &str, limit_mib: i64) -> Result<()> {
    check_name(name)?;
    if limit_mib < 0 {
        return Err(Error::bad_request("A storage profile has no negative limit; 0 is unlimited."));
    }
    Ok(())
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
pub(super) fn place_of(vdc: &Vdc, org: &Org, profiles: &[StorageProfile]) -> Place {
    let mut storage: Vec<PlaceStorage> = profiles
        .iter()
        .map(|profile| PlaceStorage {
            profile: profile.id,
            name: profile.name.clone(),
            limit_mib: profile.limit_mib,
        })
        .collect();
    // In an order of its own, so that the same place is equal however it was read.
    storage.sort_by_key(|storage| storage.profile);
    Place {
        vdc: vdc.id,
        vdc_name: vdc.name.clone(),
        org: org.id,
        org_name: org.name.clone(),
        org_full_name: org.full_name.clone(),
        org_description: org.description.clone(),
        vdc_description: vdc.description.clone(),
        cpu_limit_mhz: vdc.cpu_limit_mhz,
        vcpu_mhz: vdc.vcpu_mhz,
        memory_limit_mib: vdc.memory_limit_mib,
        vm_quota: vdc.vm_quota,
        storage,
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
