//! Broken backends: wrong snapshots, and what finds them out.

use std::sync::Arc;

use async_trait::async_trait;
use ssvirt_backends::memory::Simulator;
use ssvirt_core::{
    Id, Result, VmBackend,
    backend::{Capabilities, PowerAction, Revert, SnapshotPlan, VmRef},
    model::{Snapshot, Vdc, Vm, VmState},
};
use uuid::Uuid;

use super::{
    simulator,
    twist::{Broken, Twist, broken, refused},
};

broken! {
    /// A repeated call takes another snapshot.
    TakesAgain takes_again ["snapshot::take_is_idempotent", "snapshot::a_restart_shows_it"] {
        async fn take_snapshot(&self, vm: VmRef, plan: &SnapshotPlan) -> Result<VmState> {
            self.0.remove_snapshots(vm, None).await?;
            self.0.take_snapshot(vm, plan).await
        }
    }

    /// Who has a snapshot gets no other.
    TakesOnce takes_once ["snapshot::a_new_one_replaces"] {
        async fn take_snapshot(&self, vm: VmRef, plan: &SnapshotPlan) -> Result<VmState> {
            let seen = self.0.vm(vm).await?.filter(|state| state.snapshot.is_some());
            match seen {
                Some(state) => Ok(state),
                None => self.0.take_snapshot(vm, plan).await,
            }
        }
    }

    /// The VM is stopped for it.
    TakeStops take_stops ["snapshot::one_of_a_vm_that_runs"] {
        async fn take_snapshot(&self, vm: VmRef, plan: &SnapshotPlan) -> Result<VmState> {
            self.0.power_vm(vm, PowerAction::Off).await?;
            self.0.take_snapshot(vm, plan).await
        }
    }

    /// Every VM of the place gets one.
    TakesOfAll takes_of_all ["snapshot::one_of_a_vm_that_runs"] {
        async fn take_snapshot(&self, vm: VmRef, plan: &SnapshotPlan) -> Result<VmState> {
            for (other, _) in self.0.vms(vm.vdc).await? {
                self.0.take_snapshot(VmRef { vm: other, ..vm }, plan).await?;
            }
            self.0.take_snapshot(vm, plan).await
        }
    }

    /// The memory is left out.
    ForgetsMemory forgets_memory ["snapshot::with_memory"] {
        async fn take_snapshot(&self, vm: VmRef, plan: &SnapshotPlan) -> Result<VmState> {
            self.0.take_snapshot(vm, &SnapshotPlan { memory: false, ..*plan }).await
        }
    }

    /// Going back answers but does nothing.
    StaysAsItIs stays_as_it_is ["snapshot::revert_brings_back", "snapshot::revert_stops"] {
        async fn revert_snapshot(&self, vm: VmRef, _revert: &Revert) -> Result<VmState> {
            self.0.vm(vm).await?.ok_or_else(refused)
        }
    }

    /// A repeated call goes back again.
    RevertsAgain reverts_again ["snapshot::revert_is_idempotent"] {
        async fn revert_snapshot(&self, vm: VmRef, revert: &Revert) -> Result<VmState> {
            self.0.revert_snapshot(vm, &Revert { id: Uuid::from_u128(0), ..*revert }).await?;
            self.0.power_vm(vm, PowerAction::Off).await
        }
    }

    /// It goes back to whatever snapshot there is.
    RevertsToAny reverts_to_any ["snapshot::a_new_one_replaces"] {
        async fn revert_snapshot(&self, vm: VmRef, revert: &Revert) -> Result<VmState> {
            let seen = self.0.vm(vm).await?.and_then(|state| state.snapshot);
            let snapshot = seen.map_or(revert.snapshot, |seen| seen.id);
            self.0.revert_snapshot(vm, &Revert { snapshot, ..*revert }).await
        }
    }

    /// The snapshot is used up.
    RevertsOnce reverts_once ["snapshot::revert_stops"] {
        async fn revert_snapshot(&self, vm: VmRef, revert: &Revert) -> Result<VmState> {
            self.0.revert_snapshot(vm, revert).await?;
            self.0.remove_snapshots(vm, None).await?.ok_or_else(refused)
        }
    }

    /// Removing one removes all.
    RemovesAll removes_all ["snapshot::remove_is_idempotent"] {
        async fn remove_snapshots(&self, vm: VmRef, _: Option<Id<Snapshot>>) -> Result<Option<VmState>> {
            self.0.remove_snapshots(vm, None).await
        }
    }

    /// Removing answers but does nothing.
    RemovesNothing removes_nothing ["snapshot::remove_is_idempotent", "watch::reports_snapshots"] {
        async fn remove_snapshots(&self, vm: VmRef, _: Option<Id<Snapshot>>) -> Result<Option<VmState>> {
            self.0.vm(vm).await
        }
    }

    /// The list does not have them.
    ListsNone lists_none ["snapshot::one_of_a_vm_that_is_off"] {
        async fn vms(&self, vdc: Id<Vdc>) -> Result<Vec<(Id<Vm>, VmState)>> {
            let list = self.0.vms(vdc).await?.into_iter();
            Ok(list.map(|(id, state)| (id, VmState { snapshot: None, ..state })).collect())
        }
    }

    /// They are there and not claimed.
    ClaimsNone claims_none ["snapshot::what_is_not_claimed_is_refused"] {
        fn capabilities(&self) -> Capabilities {
            Capabilities { snapshots: false, snapshot_memory: false, ..self.0.capabilities() }
        }
    }
}
