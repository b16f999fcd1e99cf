//! What is simulated: places with virtual machines in them.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::Ipv4Addr,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ssvirt_core::{
    Error, Id, Result,
    backend::{KnownVm, Place, VmPlan, VmRef},
    model::{PowerState, Vdc, Vm},
};
use uuid::Uuid;

use super::snapshots::SimSnapshot;

/// All places.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct World {
    places: BTreeMap<Id<Vdc>, SimPlace>,
}

/// A VDC's place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct SimPlace {
    /// As it was last ensured; none when it was rebuilt from known VMs only.
    limits: Option<Place>,
    vms: BTreeMap<Id<Vm>, SimVm>,
}

/// A simulated VM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SimVm {
    /// As it was asked for.
    pub plan: VmPlan,
    /// Whether it runs.
    pub power: PowerState,
    /// Since when its guest boots; none when it has booted.
    pub booting_since: Option<Timestamp>,
    /// Addresses that DHCP gave it before a restart, by NIC.
    pub leases: BTreeMap<i32, Ipv4Addr>,
    /// As it was when its snapshot was taken.
    #[serde(default)]
    pub snapshot: Option<SimSnapshot>,
    /// The going back to a snapshot that was done last.
    #[serde(default)]
    pub reverted: Option<Uuid>,
}

/// What runs at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub vcpus: i64,
    pub memory_mib: i64,
}

impl Load {
    pub fn of(plan: &VmPlan) -> Self {
        Self { vcpus: i64::from(plan.spec.cpus), memory_mib: plan.spec.memory_mib }
    }
}

impl World {
    /// The world as the store remembers it. VMs that were lost stay lost.
    pub fn rebuilt(known: Vec<KnownVm>, now: Timestamp) -> Self {
        let mut world = Self::default();
        for KnownVm { plan, state } in known {
            let place = world.places.entry(plan.target.vdc).or_default();
            let power = match state.power {
                PowerState::Lost => continue,
                PowerState::Unknown => PowerState::Off,
                power => power,
            };
            // Its agent had answered: the guest was up, so it is.
            let booting = power == PowerState::On && state.tools_version.is_none();
            let leases = state.nics.iter().filter_map(|nic| Some((nic.index, nic.ip?))).collect();
            let snapshot =
                state.snapshot.map(|seen| SimSnapshot::remembered(seen, plan.spec.clone()));
            let booting_since = booting.then_some(now);
            let vm = SimVm { power, booting_since, leases, snapshot, reverted: None, plan };
            place.vms.insert(vm.plan.target.vm, vm);
        }
        world
    }

    /// Makes a place; true when that changed anything.
    pub fn ensure_place(&mut self, place: &Place) -> bool {
        let entry = self.places.entry(place.vdc).or_default();
        let changed = entry.limits.as_ref() != Some(place);
        entry.limits = Some(place.clone());
        changed
    }

    /// Removes a place; the VMs that were in it, or none when there was no place.
    pub fn remove_place(&mut self, vdc: Id<Vdc>) -> Option<Vec<VmRef>> {
        let place = self.places.remove(&vdc)?;
        Some(place.vms.into_keys().map(|vm| VmRef { vm, vdc }).collect())
    }

    /// Adds a VM that is off; false when it is there already.
    pub fn create(&mut self, plan: &VmPlan) -> Result<bool> {
        let VmRef { vm, vdc } = plan.target;
        let place = self.places.get_mut(&vdc).ok_or_else(|| {
            Error::invalid_state(format!("There is no place for VDC {vdc}; it must be made first."))
        })?;
        match place.vms.entry(vm) {
            Entry::Occupied(_) => Ok(false),
            Entry::Vacant(entry) => {
                entry.insert(SimVm {
                    plan: plan.clone(),
                    power: PowerState::Off,
                    booting_since: None,
                    leases: BTreeMap::new(),
                    snapshot: None,
                    reverted: None,
                });
                Ok(true)
            }
        }
    }

    pub fn get(&self, vm: VmRef) -> Option<&SimVm> {
        self.places.get(&vm.vdc)?.vms.get(&vm.vm)
    }

    pub fn get_mut(&mut self, vm: VmRef) -> Option<&mut SimVm> {
        self.places.get_mut(&vm.vdc)?.vms.get_mut(&vm.vm)
    }

    /// Removes a VM; false when there was none.
    pub fn remove(&mut self, vm: VmRef) -> bool {
        self.places.get_mut(&vm.vdc).is_some_and(|place| place.vms.remove(&vm.vm).is_some())
    }

    /// The VMs of a place.
    pub fn of_place(&self, vdc: Id<Vdc>) -> impl Iterator<Item = &SimVm> {
        self.places.get(&vdc).into_iter().flat_map(|place| place.vms.values())
    }

    /// Every VM.
    pub fn all(&self) -> impl Iterator<Item = &SimVm> {
        self.places.values().flat_map(|place| place.vms.values())
    }

    /// Every VM, to be changed.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut SimVm> {
        self.places.values_mut().flat_map(|place| place.vms.values_mut())
    }

    /// Every place.
    pub fn places(&self) -> Vec<Id<Vdc>> {
        self.places.keys().copied().collect()
    }

    /// Where the VM with this id is.
    pub fn find(&self, id: Id<Vm>) -> Option<VmRef> {
        let in_place =
            |(vdc, place): (&Id<Vdc>, &SimPlace)| place.vms.contains_key(&id).then_some(*vdc);
        self.places.iter().find_map(in_place).map(|vdc| VmRef { vm: id, vdc })
    }

    /// What all VMs that run take together, `except` left out.
    pub fn load(&self, except: Id<Vm>) -> Load {
        self.all()
            .filter(|vm| vm.power == PowerState::On && vm.plan.target.vm != except)
            .map(|vm| Load::of(&vm.plan))
            .fold(Load::default(), |sum, vm| Load {
                vcpus: sum.vcpus.saturating_add(vm.vcpus),
                memory_mib: sum.memory_mib.saturating_add(vm.memory_mib),
            })
    }
}
