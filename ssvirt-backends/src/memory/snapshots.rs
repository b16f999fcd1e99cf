//! Snapshots of simulated VMs: one each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ssvirt_core::{
    Error, Id, Result,
    backend::{Revert, SnapshotPlan, VmEvent, VmRef},
    model::{PowerState, Snapshot, VmSpec, VmState},
};

use super::{
    shared::Shared,
    simulator::no_such_vm,
    world::{Load, SimVm},
};

/// A simulated VM as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SimSnapshot {
    seen: Snapshot,
    spec: VmSpec,
    /// Whether it ran or was suspended then, where its memory is kept.
    memory: Option<PowerState>,
}

impl SimSnapshot {
    fn of(vm: &SimVm, plan: &SnapshotPlan, now: Timestamp) -> Self {
        let spec = vm.plan.spec.clone();
        let memory = Some(vm.power).filter(|power| plan.memory && *power != PowerState::Off);
        let kept = memory.map_or(0, |_| spec.memory_mib);
        let seen = Snapshot {
            id: plan.id,
            created: now,
            powered_on: vm.power != PowerState::Off,
            size_mib: Some(spec.storage_mib().saturating_add(kept)),
        };
        Self { seen, spec, memory }
    }

    /// One that the store remembers, of a VM that it remembers as it is now. Its memory is gone.
    pub fn remembered(seen: Snapshot, spec: VmSpec) -> Self {
        Self { seen, spec, memory: None }
    }

    /// What is reported of it.
    pub fn seen(&self) -> Snapshot {
        self.seen.clone()
    }
}

impl Shared {
    pub async fn take_snapshot(&self, target: VmRef, plan: &SnapshotPlan) -> Result<VmState> {
        let name = self.name_of(target);
        self.enter("take_snapshot", &name).await?;
        let state = self.change(|kept, now| {
            let vm = kept.world.get_mut(target).ok_or_else(|| no_such_vm(target))?;
            let taken = vm.snapshot.as_ref().is_none_or(|snapshot| snapshot.seen.id != plan.id);
            if taken {
                vm.snapshot = Some(SimSnapshot::of(vm, plan, now));
            }
            let state = self.state(vm, now);
            let event = taken.then(|| VmEvent::Seen(target, state.clone()));
            Ok((state, event.into_iter().collect()))
        })?;
        self.leave("take_snapshot", &name)?;
        Ok(state)
    }

    pub async fn revert_snapshot(&self, target: VmRef, revert: &Revert) -> Result<VmState> {
        let name = self.name_of(target);
        self.enter("revert_snapshot", &name).await?;
        let state = self.change(|kept, now| {
            let vm = kept.world.get(target).ok_or_else(|| no_such_vm(target))?;
            if vm.reverted == Some(revert.id) {
                return Ok((self.state(vm, now), Vec::new()));
            }
            let snapshot = vm.snapshot.as_ref().filter(|found| found.seen.id == revert.snapshot);
            let snapshot = snapshot.cloned().ok_or_else(|| {
                Error::invalid_state(format!("VM \"{name}\" has no snapshot {}.", revert.snapshot))
            })?;
            let power = snapshot.memory.unwrap_or_default();
            if power == PowerState::On {
                let load = Load {
                    vcpus: i64::from(snapshot.spec.cpus),
                    memory_mib: snapshot.spec.memory_mib,
                };
                self.options.capacity.admit(kept.world.load(target.vm), load)?;
            }
            let vm = kept.world.get_mut(target).ok_or_else(|| no_such_vm(target))?;
            vm.plan.spec = snapshot.spec;
            (vm.power, vm.booting_since) = (power, None);
            vm.reverted = Some(revert.id);
            let state = self.state(vm, now);
            Ok((state.clone(), vec![VmEvent::Seen(target, state)]))
        })?;
        self.leave("revert_snapshot", &name)?;
        Ok(state)
    }

    pub async fn remove_snapshots(
        &self,
        target: VmRef,
        which: Option<Id<Snapshot>>,
    ) -> Result<Option<VmState>> {
        let name = self.name_of(target);
        self.enter("remove_snapshots", &name).await?;
        let state = self.change(|kept, now| {
            let Some(vm) = kept.world.get_mut(target) else { return Ok((None, Vec::new())) };
            let meant =
                |snapshot: &mut SimSnapshot| which.is_none_or(|which| snapshot.seen.id == which);
            let removed = vm.snapshot.take_if(meant).is_some();
            let state = self.state(vm, now);
            let event = removed.then(|| VmEvent::Seen(target, state.clone()));
            Ok((Some(state), event.into_iter().collect()))
        })?;
        self.leave("remove_snapshots", &name)?;
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ssvirt_core::{
        ErrorKind, VmBackend as _,
        backend::{KnownVm, PowerAction},
    };
    use uuid::Uuid;

    use super::*;
    use crate::memory::{
        Simulator,
        tests::{clock, place, plan},
    };

    const SNAPSHOT: SnapshotPlan = SnapshotPlan { id: Id::new(Uuid::from_u128(5)), memory: true };
    const REVERT: Revert = Revert { id: Uuid::from_u128(6), snapshot: SNAPSHOT.id };

    #[tokio::test]
    async fn memory_needs_room_and_is_not_in_the_store() {
        let simulator = Simulator::builder(clock()).capacity_vcpus(1).build();
        let place = place(100);
        simulator.ensure_place(&place).await.unwrap();
        let [vm, other] = [1, 2].map(|n| plan(place.vdc, n));
        for vm in [&vm, &other] {
            simulator.create_vm(vm).await.unwrap();
        }
        simulator.power_vm(vm.target, PowerAction::On).await.unwrap();
        let state = simulator.take_snapshot(vm.target, &SNAPSHOT).await.unwrap();
        let size = state.snapshot.as_ref().and_then(|snapshot| snapshot.size_mib);
        assert_eq!(size, Some(vm.spec.storage_mib() + vm.spec.memory_mib));
        simulator.power_vm(vm.target, PowerAction::Off).await.unwrap();
        simulator.power_vm(other.target, PowerAction::On).await.unwrap();
        let refused = simulator.revert_snapshot(vm.target, &REVERT).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::LimitExceeded);
        simulator.power_vm(other.target, PowerAction::Off).await.unwrap();
        let state = simulator.revert_snapshot(vm.target, &REVERT).await.unwrap();
        assert_eq!(state.power, PowerState::On);

        let next = Simulator::builder(clock()).boot_time(Duration::from_secs(30)).build();
        next.start(vec![KnownVm { plan: vm.clone(), state: state.clone() }]).await.unwrap();
        assert_eq!(next.vm(vm.target).await.unwrap().unwrap().snapshot, state.snapshot);
        let state = next.revert_snapshot(vm.target, &REVERT).await.unwrap();
        assert_eq!(state.power, PowerState::Off);
    }

    #[test]
    fn what_was_stored_before_there_were_snapshots_can_be_read() {
        let state: VmState = serde_json::from_str(r#"{"power":"on"}"#).unwrap();
        assert_eq!(state, VmState { power: PowerState::On, ..VmState::default() });
        let vm = serde_json::json!({
            "plan": plan(place(100).vdc, 1), "power": "off", "booting_since": null, "leases": {},
        });
        let vm: SimVm = serde_json::from_value(vm).unwrap();
        assert!(vm.snapshot.is_none() && vm.reverted.is_none());
    }
}
