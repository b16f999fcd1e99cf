//! Broken backends: VMs and places that come and go wrongly, and what finds them out.

use std::sync::Arc;

use async_trait::async_trait;
use ssvirt_backends::memory::Simulator;
use ssvirt_core::{
    Error, Id, Result, VmBackend,
    backend::{KnownVm, Place, PowerAction, VmPlan, VmRef},
    model::{PowerState, Vdc, Vm, VmState},
};

use super::{
    simulator,
    twist::{Broken, Twist, broken, off, refused},
};

broken! {
    /// A VM is lost as soon as the next one comes.
    LosesVms loses_vms ["create::vms_stay"] {
        async fn create_vm(&self, plan: &VmPlan) -> Result<VmState> {
            if let Some(earlier) = self.0.vm_ids().first() {
                self.0.lose_vm(*earlier)?;
            }
            self.0.create_vm(plan).await
        }
    }

    /// Creating answers but creates nothing.
    CreatesNothing creates_nothing ["create::a_new_vm_is_off", "create::a_new_vm_is_listed_once"] {
        async fn create_vm(&self, _plan: &VmPlan) -> Result<VmState> {
            Ok(off())
        }
    }

    /// A repeated create is an error.
    CreatesOnce creates_once ["create::is_idempotent", "create::leaves_a_running_vm_alone", "create::at_the_same_time"] {
        async fn create_vm(&self, plan: &VmPlan) -> Result<VmState> {
            match self.0.vm(plan.target).await? {
                Some(_) => Err(refused()),
                None => self.0.create_vm(plan).await,
            }
        }
    }

    /// A repeated create turns the VM off.
    CreateResets create_resets ["create::leaves_a_running_vm_alone"] {
        async fn create_vm(&self, plan: &VmPlan) -> Result<VmState> {
            self.0.create_vm(plan).await?;
            self.0.power_vm(plan.target, PowerAction::Off).await
        }
    }

    /// A new VM is started at once.
    CreateStarts create_starts ["create::a_new_vm_is_off"] {
        async fn create_vm(&self, plan: &VmPlan) -> Result<VmState> {
            self.0.create_vm(plan).await?;
            self.0.power_vm(plan.target, PowerAction::On).await
        }
    }

    /// Two calls at the same time: one is told off.
    RacyCreate racy_create ["create::at_the_same_time"] {
        async fn create_vm(&self, plan: &VmPlan) -> Result<VmState> {
            let there = self.0.vm(plan.target).await?;
            tokio::task::yield_now().await;
            match (there, self.0.vm(plan.target).await?) {
                (None, Some(_)) => Err(refused()),
                _ => self.0.create_vm(plan).await,
            }
        }
    }

    /// Deleting what is gone is an error.
    DeletesOnce deletes_once ["delete::is_idempotent"] {
        async fn delete_vm(&self, vm: VmRef) -> Result<()> {
            match self.0.vm(vm).await? {
                None => Err(refused()),
                Some(_) => self.0.delete_vm(vm).await,
            }
        }
    }

    /// Deleting answers but deletes nothing.
    DeletesNothing deletes_nothing ["delete::the_vm_is_gone"] {
        async fn delete_vm(&self, _vm: VmRef) -> Result<()> {
            Ok(())
        }
    }

    /// A VM that runs is not deleted.
    KeepsRunningVms keeps_running_vms ["delete::takes_a_running_vm"] {
        async fn delete_vm(&self, vm: VmRef) -> Result<()> {
            let runs = self.0.vm(vm).await?.is_some_and(|state| state.power == PowerState::On);
            if runs { Err(refused()) } else { self.0.delete_vm(vm).await }
        }
    }

    /// VMs are deleted by name, which others may have too.
    DeletesByName deletes_by_name ["delete::leaves_the_others"] {
        async fn delete_vm(&self, vm: VmRef) -> Result<()> {
            let name = self.0.plan(vm.vm).map(|plan| plan.name);
            for (other, _) in self.0.vms(vm.vdc).await? {
                if self.0.plan(other).map(|plan| plan.name) == name {
                    self.0.delete_vm(VmRef { vm: other, ..vm }).await?;
                }
            }
            Ok(())
        }
    }

    /// The list leaves out what does not run.
    ListsRunningVms lists_running_vms ["create::a_new_vm_is_listed_once"] {
        async fn vms(&self, vdc: Id<Vdc>) -> Result<Vec<(Id<Vm>, VmState)>> {
            let mut list = self.0.vms(vdc).await?;
            list.retain(|(_, state)| state.power == PowerState::On);
            Ok(list)
        }
    }

    /// Making a place that is there is an error.
    EnsuresOnce ensures_once ["places::ensure_is_idempotent"] {
        async fn ensure_place(&self, place: &Place) -> Result<()> {
            if self.0.place_ids().contains(&place.vdc) { Err(refused()) } else { self.0.ensure_place(place).await }
        }
    }

    /// Making a place that is there empties it.
    EnsureEmpties ensure_empties ["places::ensure_keeps_what_is_there"] {
        async fn ensure_place(&self, place: &Place) -> Result<()> {
            self.0.remove_place(place.vdc).await?;
            self.0.ensure_place(place).await
        }
    }

    /// A removed place's VMs stay.
    RemoveLeavesVms remove_leaves_vms ["places::remove_takes_its_vms"] {
        async fn remove_place(&self, _vdc: Id<Vdc>) -> Result<()> {
            Ok(())
        }
    }

    /// Removing a place removes all.
    RemovesAllPlaces removes_all_places ["places::remove_leaves_other_places"] {
        async fn remove_place(&self, _vdc: Id<Vdc>) -> Result<()> {
            for vdc in self.0.place_ids() {
                self.0.remove_place(vdc).await?;
            }
            Ok(())
        }
    }

    /// Removing a place that is gone is an error.
    RemovesOnce removes_once ["places::remove_is_idempotent"] {
        async fn remove_place(&self, vdc: Id<Vdc>) -> Result<()> {
            if self.0.place_ids().contains(&vdc) { self.0.remove_place(vdc).await } else { Err(refused()) }
        }
    }

    /// After a restart every VM is off.
    RestartStops restart_stops ["start::a_restart_shows_the_vms_as_they_were"] {
        async fn start(&self, known: Vec<KnownVm>) -> Result<()> {
            self.0.start(known.into_iter().map(|vm| KnownVm { state: off(), ..vm }).collect()).await
        }
    }

    /// After a restart there is no VM.
    RestartForgets restart_forgets ["start::a_restart_shows_the_vms_as_they_were"] {
        async fn start(&self, _known: Vec<KnownVm>) -> Result<()> {
            self.0.start(Vec::new()).await
        }
    }

    /// It never starts.
    HangsAtStart hangs_at_start ["start::a_started_backend_is_healthy"] {
        async fn start(&self, _known: Vec<KnownVm>) -> Result<()> {
            std::future::pending().await
        }
    }

    /// It is never well.
    Unwell unwell ["start::a_started_backend_is_healthy"] {
        async fn health(&self) -> Result<()> {
            Err(Error::unavailable("away"))
        }
    }

    /// It panics.
    Panics panics ["delete::the_vm_is_gone"] {
        async fn delete_vm(&self, _vm: VmRef) -> Result<()> {
            panic!("a defect")
        }
    }
}
