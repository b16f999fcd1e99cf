//! Virtual machines: what is seen of them, and changes.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use super::{
    Caller, Cloud, Deletion, check_name, found, sizing, vapp::visible_vapp, vdc::admit_change,
};
use crate::{
    backend::VmRef,
    error::{Error, ErrorKind, Result},
    id::Id,
    model::{
        BootOptions, ComputePolicy, DiskAdapter, DiskSpec, Firmware, GuestCustomization, IpMode,
        NicSpec, Phase, PowerState, Product, StorageProfile, Task, VApp, VAppNetwork, Vdc, Vm,
        VmSpec,
    },
    rights::right,
    store::{
        By, Tx,
        gather::{first, one, open_tasks, rows},
    },
    task::{NewTask, Step},
};

/// A VM with what clients see beside it.
#[derive(Clone, Debug)]
pub struct VmDetails {
    /// The VM.
    pub vm: Vm,
    /// Its vApp.
    pub vapp: Arc<VApp>,
    /// The VDC's storage profiles, for their names.
    pub profiles: Arc<Vec<StorageProfile>>,
    /// The sizing policies that it, or a VM of its vApp, has.
    pub policies: Arc<Vec<ComputePolicy>>,
    /// Unfinished tasks on it.
    pub tasks: Vec<Task>,
}

impl VmDetails {
    /// Its sizing policy, if it is not the default.
    pub fn policy(&self) -> Option<&ComputePolicy> {
        self.policies.iter().find(|policy| Some(policy.id) == self.vm.spec.sizing_policy)
    }

    /// As [`Vm::drift`]; none while a task works on it, which may just be making it so.
    pub fn drift(&self) -> Vec<&'static str> {
        if self.tasks.is_empty() { self.vm.drift() } else { Vec::new() }
    }
}

/// What is to be different in a VM. What is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct VmChange {
    /// The name.
    pub name: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// Processors, memory, disks and the like.
    pub hardware: HardwareChange,
    /// How it starts.
    pub boot: Option<BootOptions>,
    /// The sizing policy.
    pub sizing_policy: Option<Id<ComputePolicy>>,
    /// Where its home is.
    pub storage_profile: Option<Id<StorageProfile>>,
    /// The primary NIC's index, and exactly these NICs.
    pub nics: Option<(i32, Vec<NicRequest>)>,
    /// What the guest is set up with.
    pub guest: Option<GuestCustomization>,
    /// Only the guest's host name.
    pub computer_name: Option<String>,
    /// OVF properties: exactly these.
    pub products: Option<Vec<Product>>,
    /// Whether vCPUs, and memory, may be added while it runs.
    pub hot_add: Option<(bool, bool)>,
    /// Whether hardware virtualization is shown to the guest.
    pub nested_hypervisor: Option<bool>,
    /// Extra configuration by key; an empty value removes the key.
    pub extra_config: BTreeMap<String, String>,
}

/// The hardware part of a [`VmChange`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HardwareChange {
    /// VMware's identifier of the guest operating system.
    pub os_type: Option<String>,
    /// What it starts with.
    pub firmware: Option<Firmware>,
    /// vCPUs.
    pub cpus: Option<i32>,
    /// Cores a socket.
    pub cores_per_socket: Option<i32>,
    /// Memory in MiB.
    pub memory_mib: Option<i64>,
    /// Virtual hardware version.
    pub hardware_version: Option<String>,
    /// `VM32` or `VM64`.
    pub cpu_type: Option<String>,
    /// The CPU's reservation, and its limit if there is one, in MHz.
    pub cpu_shares: Option<(i64, Option<i64>)>,
    /// The memory's reservation, and its limit if there is one, in MiB.
    pub memory_shares: Option<(i64, Option<i64>)>,
    /// Disks: exactly these.
    pub disks: Option<Vec<DiskRequest>>,
    /// New sizes in MiB of disks that are there, by their ids.
    pub disk_sizes: BTreeMap<String, i64>,
}

/// A disk, as a client wants it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DiskRequest {
    /// Which disk of the VM; none is a new one.
    pub id: Option<String>,
    /// Size in MiB.
    pub size_mib: i64,
    /// Its controller; the paravirtual one if none.
    pub adapter: Option<DiskAdapter>,
    /// Which controller of that kind; the first if none.
    pub bus: Option<i32>,
    /// Which place on it; the first free one if none.
    pub unit: Option<i32>,
    /// Its storage, if not the VM's.
    pub storage_profile: Option<Id<StorageProfile>>,
}

/// A NIC, as a client wants it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NicRequest {
    /// Its number.
    pub index: i32,
    /// The vApp network; none, or `none`, is connected to nothing.
    pub network: Option<String>,
    /// Whether the cable is in.
    pub connected: bool,
    /// How it gets its address.
    pub mode: IpMode,
    /// The address, where it is chosen.
    pub ip: Option<Ipv4Addr>,
    /// The MAC address; one is made if none.
    pub mac: Option<String>,
    /// The card's model.
    pub adapter: Option<String>,
}

impl NicRequest {
    /// A request for a copy of a NIC in a vApp with these networks.
    pub(super) fn again(nic: &NicSpec, networks: &[VAppNetwork]) -> Self {
        let network =
            nic.network.clone().filter(|name| networks.iter().any(|network| network.name == *name));
        Self {
            index: nic.index,
            connected: nic.connected && network.is_some(),
            mode: match (&network, nic.mode) {
                (None, _) => IpMode::None,
                // A copy cannot have the address of what it was copied from.
                (Some(_), IpMode::Manual) => IpMode::Pool,
                (Some(_), mode) => mode,
            },
            network,
            ip: None,
            mac: None,
            adapter: Some(nic.adapter.clone()),
        }
    }
}

/// The most that VCD lets a VM have.
const MAX_CPUS: i32 = 128;
const MAX_MEMORY_MIB: i64 = 6 * 1024 * 1024;
const MAX_DISK_MIB: i64 = 62 * 1024 * 1024;

impl Cloud {
    /// A VM with what clients see beside it.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn vm(&self, caller: &Caller, id: Id<Vm>) -> Result<VmDetails> {
        let of = || [By::Of(id.any())];
        let parts = (one(id), first(of()), rows(of()), rows(of()), open_tasks([id.any()]));
        let (vm, vapp, profiles, policies, tasks) = self.glance().await?.gather(parts).await?;
        let (vm, vapp) = seen_vm(caller, id, vm, vapp)?;
        Ok(VmDetails {
            vm,
            vapp: Arc::new(vapp),
            profiles: Arc::new(profiles),
            policies: Arc::new(policies),
            tasks: tasks.into_iter().map(|(_, task)| task).collect(),
        })
    }

    /// Changes a VM.
    ///
    /// # Errors
    /// `BadRequest`, `InvalidState` for what cannot be changed while it runs, `Busy`, `LimitExceeded`,
    /// `Forbidden`.
    pub async fn change_vm(
        &self,
        caller: &Caller,
        id: Id<Vm>,
        operation_name: &'static str,
        change: VmChange,
    ) -> Result<Task> {
        let mut tx = self.begin().await?;
        let (before, vapp) = locked_vm(&mut tx, caller, id).await?;
        let vdc: Vdc = tx.require(before.vdc).await?;
        let profiles: Vec<StorageProfile> = tx.select(&[By::Vdc(before.vdc)]).await?;
        let siblings: Vec<Vm> = tx.select(&[By::VApp(vapp.id)]).await?;
        let others: Vec<&Vm> = siblings.iter().filter(|vm| vm.id != id).collect();
        let mut vm = before.clone();
        self.apply_change(&mut tx, caller, &mut vm, &vapp, &others, change, &profiles).await?;
        check_while_running(&before, &vm)?;
        let mut task = vm_task(&vm, operation_name, "Updating");
        let changed =
            vm.spec != before.spec || vm.name != before.name || vm.products != before.products;
        if vm != before {
            admit_change(&mut tx, &vdc, &profiles, &before, &vm).await?;
            tx.update(&mut vm).await?;
        }
        task.steps = if changed {
            self.usable_backend(vdc.provider)?;
            vec![Step::ChangeVm { vm: VmRef { vm: id, vdc: vdc.id }, before: Box::new(before) }]
        } else {
            vec![Step::Done]
        };
        self.run(caller, tx, task).await
    }

    /// Deletes a VM; its vApp stays.
    ///
    /// # Errors
    /// `InvalidState` for one whose state does not allow it, `Busy`, `Forbidden`.
    pub async fn delete_vm(&self, caller: &Caller, id: Id<Vm>, deletion: Deletion) -> Result<Task> {
        let mut tx = self.begin().await?;
        let (vm, _) = locked_vm(&mut tx, caller, id).await?;
        caller.require(right::VAPP_DELETE)?;
        if !deletion.allows(&vm) {
            return Err(super::vapp::running("VM", &vm.name));
        }
        let mut task = vm_task(&vm, "vappDeleteVm", "Deleting");
        task.steps = vec![
            Step::DeleteVm { vm: VmRef { vm: id, vdc: vm.vdc } },
            Step::Forget { vapp: None, vms: vec![id] },
        ];
        self.run(caller, tx, task).await
    }

    /// Makes a row different. Every part asks for its right.
    #[expect(clippy::too_many_arguments, reason = "all of it is what one change depends on")]
    pub(super) async fn apply_change(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        vm: &mut Vm,
        vapp: &VApp,
        others: &[&Vm],
        change: VmChange,
        profiles: &[StorageProfile],
    ) -> Result<()> {
        // Whoever may make a VM may name it, connect it and set its guest up. What it is made of asks for the
        // same rights as ever.
        let creating = vm.version == 0 && vm.phase == Phase::Creating;
        let require = |right: &str| if creating { Ok(()) } else { caller.require(right) };
        if let Some(name) = change.name.filter(|name| *name != vm.name) {
            require(right::VM_EDIT)?;
            check_name(&name)?;
            vm.name = name;
        }
        if let Some(description) = change.description.filter(|text| *text != vm.description) {
            require(right::VM_EDIT)?;
            vm.description = description;
        }
        let before = vm.spec.clone();
        let profile = |id: Id<StorageProfile>| {
            // What is on a profile that was disabled stays there; clients repeat where it is.
            let stays = before.storage_profile == Some(id)
                || before.disks.iter().any(|disk| disk.storage_profile == Some(id));
            let known = profiles.iter().any(|row| row.id == id && (row.enabled || stays));
            known.then_some(id).ok_or_else(|| Error::no_access(id))
        };
        if let Some(id) = change.storage_profile {
            vm.spec.storage_profile = Some(profile(id)?);
        }
        apply_hardware(vm, change.hardware, &profile)?;
        sizing::apply(tx, vapp.vdc, vm, &before, change.sizing_policy).await?;
        if vm.spec.cpus != before.cpus || vm.spec.cores_per_socket != before.cores_per_socket {
            caller.require(right::VM_CPU)?;
        }
        if vm.spec.memory_mib != before.memory_mib {
            caller.require(right::VM_MEMORY)?;
        }
        if vm.spec.disks != before.disks {
            caller.require(right::VM_DISK)?;
        }
        if let Some(boot) = change.boot.filter(|boot| *boot != vm.spec.boot) {
            caller.require(right::VM_BOOT)?;
            vm.spec.boot = boot;
        }
        if let Some((primary, wanted)) = change.nics {
            require(right::VM_NETWORK)?;
            let (vdc, old) = (tx.require(vapp.vdc).await?, vm.spec.nics.clone());
            vm.spec.nics =
                self.resolve_nics(tx, &vdc, &vapp.networks, others, &old, wanted).await?;
            vm.spec.primary_nic = primary;
        }
        if let Some(guest) = change.guest.filter(|guest| *guest != vm.spec.guest) {
            require(right::VM_EDIT)?;
            if guest.admin_password != vm.spec.guest.admin_password {
                caller.require(right::VM_PASSWORD)?;
            }
            vm.spec.guest = guest;
        }
        if let Some(name) = change.computer_name {
            vm.spec.guest.computer_name = Some(name);
        }
        if let Some(products) = change.products.filter(|products| *products != vm.products) {
            require(right::VM_EDIT)?;
            vm.products = products;
        }
        if let Some((cpu, memory)) = change.hot_add {
            vm.spec.cpu_hot_add = cpu;
            vm.spec.memory_hot_add = memory;
        }
        vm.spec.nested_hypervisor = change.nested_hypervisor.unwrap_or(vm.spec.nested_hypervisor);
        for (key, value) in change.extra_config {
            require(right::VM_EDIT)?;
            if value.is_empty() {
                vm.spec.extra_config.remove(&key)
            } else {
                vm.spec.extra_config.insert(key, value)
            };
        }
        // What has no right of its own: firmware, hot add, storage profile and the like.
        let rest = VmSpec {
            cpus: before.cpus,
            cores_per_socket: before.cores_per_socket,
            memory_mib: before.memory_mib,
            disks: before.disks.clone(),
            boot: before.boot.clone(),
            nics: before.nics.clone(),
            primary_nic: before.primary_nic,
            ..vm.spec.clone()
        };
        if rest != before {
            require(right::VM_EDIT)?;
        }
        Ok(())
    }
}

fn apply_hardware(
    vm: &mut Vm,
    change: HardwareChange,
    profile: &dyn Fn(Id<StorageProfile>) -> Result<Id<StorageProfile>>,
) -> Result<()> {
    let spec = &mut vm.spec;
    spec.os_type = change.os_type.unwrap_or(std::mem::take(&mut spec.os_type));
    spec.firmware = change.firmware.unwrap_or(spec.firmware);
    spec.hardware_version =
        change.hardware_version.unwrap_or(std::mem::take(&mut spec.hardware_version));
    spec.cpu_type = change.cpu_type.unwrap_or(std::mem::take(&mut spec.cpu_type));
    if let Some((reservation, limit)) = change.cpu_shares {
        spec.shares.cpu_reservation_mhz = reservation;
        spec.shares.cpu_limit_mhz = limit;
    }
    if let Some((reservation, limit)) = change.memory_shares {
        spec.shares.memory_reservation_mib = reservation;
        spec.shares.memory_limit_mib = limit;
    }
    spec.cpus = change.cpus.unwrap_or(spec.cpus);
    spec.cores_per_socket = change.cores_per_socket.unwrap_or(spec.cores_per_socket);
    if spec.cpus % spec.cores_per_socket.max(1) != 0 && change.cores_per_socket.is_none() {
        // A client that names only the number of vCPUs does not care how they are grouped.
        spec.cores_per_socket = 1;
    }
    spec.memory_mib = change.memory_mib.unwrap_or(spec.memory_mib);
    let whole_sockets = spec.cores_per_socket > 0 && spec.cpus % spec.cores_per_socket == 0;
    if !(1..=MAX_CPUS).contains(&spec.cpus) || !whole_sockets {
        return Err(Error::bad_request(format!(
            "{} vCPUs with {} cores per socket are not possible.",
            spec.cpus, spec.cores_per_socket
        )));
    }
    if !(4..=MAX_MEMORY_MIB).contains(&spec.memory_mib) {
        return Err(Error::bad_request(format!(
            "{} MB of memory are not possible.",
            spec.memory_mib
        )));
    }
    if let Some(wanted) = change.disks {
        spec.disks = resolve_disks(&spec.disks, wanted, profile)?;
    }
    for (id, size_mib) in change.disk_sizes {
        let disk = spec.disks.iter_mut().find(|disk| disk.id == id);
        let disk = disk.ok_or_else(|| no_disk(&id))?;
        check_disk_size(disk.size_mib, size_mib)?;
        disk.size_mib = size_mib;
    }
    Ok(())
}

/// The disks that a request for exactly these comes to.
fn resolve_disks(
    old: &[DiskSpec],
    wanted: Vec<DiskRequest>,
    profile: &dyn Fn(Id<StorageProfile>) -> Result<Id<StorageProfile>>,
) -> Result<Vec<DiskSpec>> {
    let kept: Vec<String> = wanted.iter().filter_map(|request| request.id.clone()).collect();
    let mut disks: Vec<DiskSpec> = Vec::new();
    for request in wanted {
        let before = match &request.id {
            None => None,
            Some(id) => Some(old.iter().find(|disk| disk.id == *id).ok_or_else(|| no_disk(id))?),
        };
        check_disk_size(before.map_or(0, |disk| disk.size_mib), request.size_mib)?;
        let adapter =
            request.adapter.or(before.map(|disk| disk.adapter)).unwrap_or(DiskAdapter::Paravirtual);
        let bus = request.bus.or(before.map(|disk| disk.bus)).unwrap_or(0);
        let taken = |disks: &[DiskSpec], bus: i32, unit: i32| {
            disks.iter().any(|disk| {
                DiskSpec::device_key(disk.adapter, disk.bus, disk.unit)
                    == DiskSpec::device_key(adapter, bus, unit)
            })
        };
        let (buses, units) = adapter.places();
        let fits = |bus: i32, unit: i32| {
            // Unit 7 of a SCSI bus is the controller itself.
            let controller = units == 16 && unit == 7;
            (0..buses).contains(&bus)
                && (0..units).contains(&unit)
                && !controller
                && !taken(&disks, bus, unit)
        };
        let named = request.unit.or(before.map(|disk| disk.unit));
        let free = || {
            let places = (bus..buses).flat_map(|bus| (0..units).map(move |unit| (bus, unit)));
            places.into_iter().find(|(bus, unit)| fits(*bus, *unit))
        };
        let place = named.map_or_else(free, |unit| fits(bus, unit).then_some((bus, unit)));
        let Some((bus, unit)) = place else {
            return Err(Error::bad_request(format!("There is no place for a disk at bus {bus}.")));
        };
        let id = match before {
            Some(disk) => disk.id.clone(),
            // A disk that was moved keeps the id of the place it was at.
            None => free_disk_id(DiskSpec::device_key(adapter, bus, unit), &kept, &disks),
        };
        disks.push(DiskSpec {
            id,
            size_mib: request.size_mib,
            adapter,
            bus,
            unit,
            storage_profile: request.storage_profile.map(profile).transpose()?,
        });
    }
    Ok(disks)
}

fn free_disk_id(wanted: String, kept: &[String], disks: &[DiskSpec]) -> String {
    let taken = |id: &String| kept.contains(id) || disks.iter().any(|disk| disk.id == *id);
    if !taken(&wanted) {
        return wanted;
    }
    // Above all device keys.
    (100_000..).map(|id: u32| id.to_string()).find(|id| !taken(id)).unwrap_or(wanted)
}

fn no_disk(id: &str) -> Error {
    Error::new(ErrorKind::InvalidReference, format!("The VM has no disk with id {id}."))
}

fn check_disk_size(before: i64, after: i64) -> Result<()> {
    if !(1..=MAX_DISK_MIB).contains(&after) {
        return Err(Error::bad_request(format!("A disk of {after} MB is not possible.")));
    }
    if after < before {
        return Err(Error::bad_request("A disk cannot be made smaller."));
    }
    Ok(())
}

/// Refuses changes that a running VM cannot take.
fn check_while_running(before: &Vm, after: &Vm) -> Result<()> {
    if !matches!(before.state.power, PowerState::On | PowerState::Suspended) {
        return Ok(());
    }
    let (old, new) = (&before.spec, &after.spec);
    let refuse = |what: &str| {
        Err(Error::invalid_state(format!(
            "The requested operation could not be executed since VM \"{}\" is running: {what} cannot be changed.",
            before.name
        )))
    };
    if new.cpus != old.cpus && !(old.cpu_hot_add && new.cpus > old.cpus) {
        return refuse("the number of vCPUs");
    }
    if new.cores_per_socket != old.cores_per_socket {
        return refuse("the number of cores per socket");
    }
    if new.memory_mib != old.memory_mib && !(old.memory_hot_add && new.memory_mib > old.memory_mib)
    {
        return refuse("the memory");
    }
    if (new.cpu_hot_add, new.memory_hot_add) != (old.cpu_hot_add, old.memory_hot_add) {
        return refuse("hot add");
    }
    if new.firmware != old.firmware
        || new.nested_hypervisor != old.nested_hypervisor
        || new.hardware_version != old.hardware_version
    {
        return refuse("the hardware");
    }
    Ok(())
}

/// A task on a VM, without steps.
pub(super) fn vm_task(vm: &Vm, operation_name: &'static str, verb: &str) -> NewTask {
    NewTask {
        org: vm.org,
        owner: vm.id.any(),
        owner_name: vm.name.clone(),
        operation_name,
        operation: format!("{verb} Virtual Machine {}({})", vm.name, vm.id),
        steps: Vec::new(),
        done: 0,
        locks: vec![vm.id.any()],
    }
}

/// The VM and its vApp as they are once nobody else works in their VDC: what a change is decided on.
pub(super) async fn locked_vm(tx: &mut Tx, caller: &Caller, id: Id<Vm>) -> Result<(Vm, VApp)> {
    let (vm, _) = visible_vm(tx, caller, id).await?;
    tx.lock_vdc(vm.vdc).await?;
    visible_vm(tx, caller, id).await
}

/// The VM and its vApp, if the caller sees them.
pub(super) async fn visible_vm(tx: &mut Tx, caller: &Caller, id: Id<Vm>) -> Result<(Vm, VApp)> {
    let vm = found(tx.get(id).await?, id)?;
    let vapp = visible_vapp(tx, caller, vm.vapp).await.map_err(|error| match error.kind() {
        ErrorKind::Forbidden => Error::no_access(id),
        _ => error,
    })?;
    Ok((vm, vapp))
}

/// The same for rows that were read.
pub(super) fn seen_vm(
    caller: &Caller,
    id: Id<Vm>,
    vm: Option<Vm>,
    vapp: Option<VApp>,
) -> Result<(Vm, VApp)> {
    let vm = found(vm, id)?;
    let vapp = vapp.filter(|vapp| caller.sees_owned(vapp.org, vapp.owner));
    vapp.map(|vapp| (vm, vapp)).ok_or_else(|| Error::no_access(id))
}
