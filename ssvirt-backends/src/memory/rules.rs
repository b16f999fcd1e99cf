//! The rules of a VM's life: which power action and which change is allowed when.

use jiff::Timestamp;
use ssvirt_core::{
    Error, ErrorKind, Result,
    backend::{PowerAction, VmPlan},
    model::PowerState,
};

use super::world::{Load, SimVm};

/// What an action makes of a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is like that already.
    Stays,
    /// It starts to boot.
    Boots,
    /// It goes on where it was.
    Resumes,
    /// It is in this state now.
    Becomes(PowerState),
}

/// What `action` makes of a VM whose power is `power`.
pub(super) fn outcome(power: PowerState, action: PowerAction) -> Result<Outcome> {
    use PowerState::{Off, On, Suspended};
    let refused = |text: &str| Err(Error::invalid_state(text));
    match (action, power) {
        (PowerAction::On, On) => Ok(Outcome::Stays),
        (PowerAction::On, Suspended) => Ok(Outcome::Resumes),
        (PowerAction::On, _) => Ok(Outcome::Boots),
        (PowerAction::Off | PowerAction::Shutdown, Off) => Ok(Outcome::Stays),
        (PowerAction::Off | PowerAction::Shutdown, _) => Ok(Outcome::Becomes(Off)),
        (PowerAction::Suspend, Suspended) => Ok(Outcome::Stays),
        (PowerAction::Suspend, On) => Ok(Outcome::Becomes(Suspended)),
        (PowerAction::Suspend, _) => refused("Only a virtual machine that runs can be suspended."),
        (PowerAction::Reset | PowerAction::Reboot, On) => Ok(Outcome::Boots),
        (PowerAction::Reset | PowerAction::Reboot, _) => {
            refused("Only a virtual machine that runs can be reset or rebooted.")
        }
        (PowerAction::DiscardSuspended, On) => refused("The virtual machine is not suspended."),
        (PowerAction::DiscardSuspended, Off) => Ok(Outcome::Stays),
        (PowerAction::DiscardSuspended, _) => Ok(Outcome::Becomes(Off)),
    }
}

/// Whether `plan` can be applied to the VM in the state it is in.
pub(super) fn changeable(vm: &SimVm, plan: &VmPlan) -> Result<()> {
    if vm.power == PowerState::Off {
        return Ok(());
    }
    let (old, new) = (&vm.plan.spec, &plan.spec);
    // Hot add only adds, and only where it was allowed before the VM was started.
    let hot = vm.power == PowerState::On;
    let checks = [
        ("number of vCPUs", i64::from(old.cpus), i64::from(new.cpus), old.cpu_hot_add),
        ("memory", old.memory_mib, new.memory_mib, old.memory_hot_add),
    ];
    for (what, old, new, allowed) in checks {
        if old != new && !(hot && allowed && new > old) {
            return Err(Error::invalid_state(format!(
                "The {what} of virtual machine \"{}\" cannot be changed from {old} to {new} while it is not powered off.",
                vm.plan.name
            )));
        }
    }
    Ok(())
}

/// How much can run at once; none is unlimited.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Capacity {
    pub vcpus: Option<i64>,
    pub memory_mib: Option<i64>,
}

impl Capacity {
    pub fn is_unlimited(self) -> bool {
        self.vcpus.is_none() && self.memory_mib.is_none()
    }

    /// Whether `more` fits in beside `load`.
    pub fn admit(self, load: Load, more: Load) -> Result<()> {
        let checks = [
            ("vCPUs", self.vcpus, load.vcpus, more.vcpus),
            ("MiB of memory", self.memory_mib, load.memory_mib, more.memory_mib),
        ];
        for (what, limit, used, more) in checks {
            if let Some(limit) = limit
                && used.saturating_add(more) > limit
            {
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!(
                        "There is no room: {more} more {what} are needed, {used} of {limit} are in use."
                    ),
                ));
            }
        }
        Ok(())
    }
}

impl SimVm {
    /// Makes it what an action makes of it; false when nothing changes.
    pub fn apply(&mut self, outcome: Outcome, now: Timestamp) -> bool {
        (self.power, self.booting_since) = match outcome {
            Outcome::Stays => return false,
            Outcome::Boots => (PowerState::On, Some(now)),
            Outcome::Resumes => (PowerState::On, None),
            Outcome::Becomes(power) => (power, None),
        };
        true
    }
}
