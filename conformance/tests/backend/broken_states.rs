//! Broken backends: wrong states, changes and reports, and what finds them out.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt, stream, stream::BoxStream};
use ssvirt_backends::memory::Simulator;
use ssvirt_core::{
    Error, Id, Result, VmBackend,
    backend::{Capabilities, PowerAction, VmEvent, VmPlan, VmRef},
    model::{PowerState, Vdc, Vm, VmState},
};
use uuid::Uuid;

use super::{
    simulator,
    twist::{Broken, Twist, broken, off, refused},
};

broken! {
    /// A VM that runs is said to be off.
    LiesAboutState lies_about_state ["power::on_runs", "read::list_and_single_agree"] {
        async fn vm(&self, vm: VmRef) -> Result<Option<VmState>> {
            Ok(self.0.vm(vm).await?.map(|_| off()))
        }
    }

    /// Only the list lies.
    LyingList lying_list ["read::list_and_single_agree"] {
        async fn vms(&self, vdc: Id<Vdc>) -> Result<Vec<(Id<Vm>, VmState)>> {
            Ok(self.0.vms(vdc).await?.into_iter().map(|(id, _)| (id, off())).collect())
        }
    }

    /// Powering on answers but does nothing.
    PowerDoesNothing power_does_nothing ["power::on_runs", "watch::reports_power"] {
        async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState> {
            match action {
                PowerAction::On => Ok(VmState { power: PowerState::On, ..off() }),
                _ => self.0.power_vm(vm, action).await,
            }
        }
    }

    /// Stopping what is stopped is an error.
    StopsOnce stops_once ["power::off_is_idempotent"] {
        async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState> {
            let stopped = self.0.vm(vm).await?.is_some_and(|state| state.power == PowerState::Off);
            if action == PowerAction::Off && stopped { Err(refused()) } else { self.0.power_vm(vm, action).await }
        }
    }

    /// Starting what runs is an error.
    StartsOnce starts_once ["power::on_is_idempotent"] {
        async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState> {
            let runs = self.0.vm(vm).await?.is_some_and(|state| state.power == PowerState::On);
            if action == PowerAction::On && runs { Err(refused()) } else { self.0.power_vm(vm, action).await }
        }
    }

    /// A power action is done to every VM of the place.
    PowersAll powers_all ["power::others_are_left_alone"] {
        async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState> {
            for (other, _) in self.0.vms(vm.vdc).await? {
                self.0.power_vm(VmRef { vm: other, ..vm }, action).await?;
            }
            self.0.power_vm(vm, action).await
        }
    }

    /// Powering on a VM that is not there succeeds.
    StartsAnything starts_anything ["power::an_unknown_vm_does_not_start"] {
        async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState> {
            let answer = self.0.power_vm(vm, action).await;
            if action == PowerAction::On { answer.or(Ok(VmState { power: PowerState::On, ..off() })) } else { answer }
        }
    }

    /// A change answers but does nothing.
    IgnoresChange ignores_change ["change::a_new_nic_is_seen", "change::a_new_address_is_seen"] {
        async fn change_vm(&self, plan: &VmPlan) -> Result<VmState> {
            self.0.vm(plan.target).await?.ok_or_else(refused)
        }
    }

    /// A change restarts... and forgets to start again.
    ChangeStops change_stops ["change::keeps_power", "change::hot_add"] {
        async fn change_vm(&self, plan: &VmPlan) -> Result<VmState> {
            self.0.change_vm(plan).await?;
            self.0.power_vm(plan.target, PowerAction::Off).await
        }
    }

    /// Changing a VM that is not there creates it.
    ChangeCreates change_creates ["change::an_unknown_vm_is_refused"] {
        async fn change_vm(&self, plan: &VmPlan) -> Result<VmState> {
            self.0.create_vm(plan).await?;
            self.0.change_vm(plan).await
        }
    }

    /// Memory is taken from a guest that runs.
    ChangesAnything changes_anything ["change::a_running_vm_keeps_its_size"] {
        async fn change_vm(&self, plan: &VmPlan) -> Result<VmState> {
            match self.0.change_vm(plan).await {
                Ok(state) => Ok(state),
                Err(error) => self.0.vm(plan.target).await?.ok_or(error),
            }
        }
    }

    /// Nothing is reported.
    SilentWatch silent_watch ["watch::reports_power", "watch::reports_a_new_vm", "watch::reports_a_deleted_vm"] {
        fn watch(&self) -> BoxStream<'static, VmEvent> {
            stream::pending().boxed()
        }
    }

    /// The stream ends at once.
    EndingWatch ending_watch ["watch::reports_power"] {
        fn watch(&self) -> BoxStream<'static, VmEvent> {
            stream::empty().boxed()
        }
    }

    /// What is reported is said of another VM.
    ConfusedWatch confused_watch ["watch::reports_power"] {
        fn watch(&self) -> BoxStream<'static, VmEvent> {
            let other = |vm: VmRef| VmRef { vm: Id::new(Uuid::from_u128(vm.vm.uuid().as_u128() ^ 1)), ..vm };
            self.0
                .watch()
                .map(move |event| match event {
                    VmEvent::Seen(vm, state) => VmEvent::Seen(other(vm), state),
                    VmEvent::Gone(vm) => VmEvent::Gone(other(vm)),
                })
                .boxed()
        }
    }

    /// A VM that is gone is not reported.
    WatchKeepsTheDead watch_keeps_the_dead ["watch::reports_a_deleted_vm"] {
        fn watch(&self) -> BoxStream<'static, VmEvent> {
            self.0.watch().filter(|event| std::future::ready(matches!(event, VmEvent::Seen(..)))).boxed()
        }
    }

    /// The list has the VMs of every place.
    MixesPlaces mixes_places ["read::places_are_apart"] {
        async fn vms(&self, _vdc: Id<Vdc>) -> Result<Vec<(Id<Vm>, VmState)>> {
            let mut all = Vec::new();
            for vdc in self.0.place_ids() {
                all.extend(self.0.vms(vdc).await?);
            }
            Ok(all)
        }
    }

    /// Looking for a VM that is not there is an error.
    UnknownIsAnError unknown_is_an_error ["read::an_unknown_vm_is_none"] {
        async fn vm(&self, vm: VmRef) -> Result<Option<VmState>> {
            self.0.vm(vm).await?.map(Some).ok_or_else(refused)
        }
    }

    /// Suspending throws the memory away.
    SuspendLoses suspend_loses ["power::suspend_and_resume"] {
        async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState> {
            let suspended = self.0.vm(vm).await?.is_some_and(|state| state.power == PowerState::Suspended);
            let action = if suspended && action == PowerAction::On { PowerAction::Off } else { action };
            self.0.power_vm(vm, action).await
        }
    }

    /// Resetting turns the VM off.
    ResetStops reset_stops ["power::reset_goes_on"] {
        async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState> {
            self.0.power_vm(vm, if action == PowerAction::Reset { PowerAction::Off } else { action }).await
        }
    }

    /// Changes are told of that were not made.
    KeepsHardware keeps_hardware ["change::the_hardware_is_that_of_the_plan"] {
        async fn change_vm(&self, plan: &VmPlan) -> Result<VmState> {
            let before = self.0.vm(plan.target).await?.and_then(|state| state.hardware);
            Ok(VmState { hardware: before, ..self.0.change_vm(plan).await? })
        }
    }

    /// Suspend is claimed and not there.
    ClaimsTooMuch claims_too_much ["power::suspend_and_resume", "power::discard_suspended_is_off"] {
        async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState> {
            match action {
                PowerAction::Suspend => Err(Error::not_supported("suspend")),
                _ => self.0.power_vm(vm, action).await,
            }
        }
    }

    /// Suspend is there and not claimed.
    ClaimsTooLittle claims_too_little ["power::what_is_not_claimed_is_refused"] {
        fn capabilities(&self) -> Capabilities {
            Capabilities { suspend: false, ..self.0.capabilities() }
        }
    }

    /// Powering on never answers.
    Hangs hangs ["power::on_runs", "watch::reports_power"] {
        async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState> {
            if action == PowerAction::On {
                tokio::time::sleep(Duration::from_secs(1_000_000)).await;
            }
            self.0.power_vm(vm, action).await
        }
    }
}
