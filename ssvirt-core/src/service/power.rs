//! Power operations, deploy and undeploy, of VMs and of whole vApps.

use super::{
    Caller, Cloud,
    vapp::{locked_vapp, vapp_task},
    vdc::admit_power_on,
    vm::{locked_vm, vm_task},
};
use crate::{
    backend::{Capabilities, PowerAction, VmRef},
    error::{Error, Result},
    id::Id,
    model::{PowerState, Task, VApp, Vdc, Vm},
    rights::right,
    store::{By, Tx},
    task::{NewTask, Step},
};

/// What undeploying does to the VMs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undeploy {
    /// Pulls the plug (`powerOff`, `force` and `default`).
    PowerOff,
    /// Suspends them.
    Suspend,
    /// Asks the guests to shut down.
    Shutdown,
}

impl Cloud {
    /// Changes a VM's power.
    ///
    /// # Errors
    /// `InvalidState` when its state does not allow it, `NotSupported`, `Busy`, `LimitExceeded`, `Forbidden`.
    pub async fn power_vm(&self, caller: &Caller, id: Id<Vm>, action: PowerAction) -> Result<Task> {
        let mut tx = self.begin().await?;
        let (mut vm, _) = locked_vm(&mut tx, caller, id).await?;
        caller.require(right::VAPP_POWER)?;
        let vdc: Vdc = tx.require(vm.vdc).await?;
        self.check_supported(&vdc, action)?;
        if !allowed(action, vm.state.power) {
            return Err(refused("VM", &vm.name, action));
        }
        if action == PowerAction::On {
            admit_power_on(&mut tx, &vdc, &[&vm]).await?;
        }
        let mut task = vm_task(&vm, names(action).0, names(action).1);
        task.steps = vec![power_step(&mut tx, &mut vm, action).await?];
        self.run(caller, tx, task).await
    }

    /// Changes the power of all VMs of a vApp that are in another state.
    ///
    /// # Errors
    /// As [`Cloud::power_vm`].
    pub async fn power_vapp(
        &self,
        caller: &Caller,
        id: Id<VApp>,
        action: PowerAction,
    ) -> Result<Task> {
        let mut tx = self.begin().await?;
        let vapp = locked_vapp(&mut tx, caller, id).await?;
        caller.require(right::VAPP_POWER)?;
        let vdc: Vdc = tx.require(vapp.vdc).await?;
        self.check_supported(&vdc, action)?;
        let mut vms: Vec<Vm> = tx.select(&[By::VApp(id)]).await?;
        let targets: Vec<&Vm> = vms.iter().filter(|vm| allowed(action, vm.state.power)).collect();
        if targets.is_empty() && !vms.is_empty() {
            return Err(refused("vApp", &vapp.name, action));
        }
        if action == PowerAction::On {
            admit_power_on(&mut tx, &vdc, &targets).await?;
        }
        let task = vapp_task(&vapp, names(action).0, names(action).1);
        let mut steps = Vec::new();
        for vm in vms.iter_mut().filter(|vm| allowed(action, vm.state.power)) {
            steps.push(power_step(&mut tx, vm, action).await?);
        }
        self.run(caller, tx, on_all(task, &vms, steps)).await
    }

    /// Deploys a VM, and switches it on if asked to.
    ///
    /// # Errors
    /// As [`Cloud::power_vm`].
    pub async fn deploy_vm(&self, caller: &Caller, id: Id<Vm>, power_on: bool) -> Result<Task> {
        if power_on {
            return self.power_vm(caller, id, PowerAction::On).await;
        }
        let mut tx = self.begin().await?;
        let (mut vm, _) = locked_vm(&mut tx, caller, id).await?;
        caller.require(right::VAPP_POWER)?;
        let vdc: Vdc = tx.require(vm.vdc).await?;
        admit_power_on(&mut tx, &vdc, &[&vm]).await?;
        vm.deployed = true;
        tx.update(&mut vm).await?;
        let task = vm_task(&vm, "vappDeploy", "Deploying");
        self.run_done(caller, tx, task).await
    }

    /// Deploys a vApp, and switches its VMs on if asked to.
    ///
    /// # Errors
    /// As [`Cloud::power_vm`].
    pub async fn deploy_vapp(&self, caller: &Caller, id: Id<VApp>, power_on: bool) -> Result<Task> {
        if power_on {
            return self.power_vapp(caller, id, PowerAction::On).await;
        }
        let mut tx = self.begin().await?;
        let vapp = locked_vapp(&mut tx, caller, id).await?;
        caller.require(right::VAPP_POWER)?;
        let vdc: Vdc = tx.require(vapp.vdc).await?;
        let mut vms: Vec<Vm> = tx.select(&[By::VApp(id)]).await?;
        admit_power_on(&mut tx, &vdc, &vms.iter().collect::<Vec<_>>()).await?;
        for vm in vms.iter_mut().filter(|vm| !vm.deployed) {
            vm.deployed = true;
            tx.update(vm).await?;
        }
        let task = on_all(vapp_task(&vapp, "vappDeploy", "Deploying"), &vms, vec![Step::Done]);
        self.run(caller, tx, task).await
    }

    /// Undeploys a VM.
    ///
    /// # Errors
    /// `InvalidState` when it is not deployed; as [`Cloud::power_vm`].
    pub async fn undeploy_vm(&self, caller: &Caller, id: Id<Vm>, how: Undeploy) -> Result<Task> {
        let mut tx = self.begin().await?;
        let (vm, _) = locked_vm(&mut tx, caller, id).await?;
        caller.require(right::VAPP_POWER)?;
        let vdc: Vdc = tx.require(vm.vdc).await?;
        self.check_supported(&vdc, how.action())?;
        if !vm.deployed {
            return Err(not_running("VM", &vm.name));
        }
        let mut task = vm_task(&vm, "vappUndeployPowerOff", "Stopping");
        task.steps = vec![undeploy_step(&vm, how)];
        self.run(caller, tx, task).await
    }

    /// Undeploys all VMs of a vApp.
    ///
    /// # Errors
    /// `InvalidState` when none is deployed; as [`Cloud::power_vm`].
    pub async fn undeploy_vapp(
        &self,
        caller: &Caller,
        id: Id<VApp>,
        how: Undeploy,
    ) -> Result<Task> {
        let mut tx = self.begin().await?;
        let vapp = locked_vapp(&mut tx, caller, id).await?;
        caller.require(right::VAPP_POWER)?;
        let vdc: Vdc = tx.require(vapp.vdc).await?;
        self.check_supported(&vdc, how.action())?;
        let vms: Vec<Vm> = tx.select(&[By::VApp(id)]).await?;
        let steps: Vec<Step> =
            vms.iter().filter(|vm| vm.deployed).map(|vm| undeploy_step(vm, how)).collect();
        if steps.is_empty() {
            return Err(not_running("vApp", &vapp.name));
        }
        let task = vapp_task(&vapp, "vappUndeployPowerOff", "Stopping");
        self.run(caller, tx, on_all(task, &vms, steps)).await
    }

    /// What the backend of a VDC can do; nothing where there is none.
    pub fn capabilities(&self, vdc: &Vdc) -> Capabilities {
        self.backend(vdc.provider).map(|backend| backend.capabilities()).unwrap_or_default()
    }

    fn check_supported(&self, vdc: &Vdc, action: PowerAction) -> Result<()> {
        let can = self.usable_backend(vdc.provider)?.capabilities();
        let supported = match action {
            PowerAction::On | PowerAction::Off => true,
            PowerAction::Suspend | PowerAction::DiscardSuspended => can.suspend,
            PowerAction::Reset => can.reset,
            PowerAction::Reboot | PowerAction::Shutdown => can.guest_power,
        };
        if supported { Ok(()) } else { Err(Error::not_supported(names(action).0)) }
    }
}

impl Undeploy {
    const fn action(self) -> PowerAction {
        match self {
            Self::PowerOff => PowerAction::Off,
            Self::Suspend => PowerAction::Suspend,
            Self::Shutdown => PowerAction::Shutdown,
        }
    }
}

/// Whether a VM in this state takes the action.
pub fn allowed(action: PowerAction, state: PowerState) -> bool {
    match action {
        PowerAction::On => matches!(state, PowerState::Off | PowerState::Suspended),
        PowerAction::Off => matches!(state, PowerState::On | PowerState::Suspended),
        PowerAction::Suspend | PowerAction::Reset | PowerAction::Reboot | PowerAction::Shutdown => {
            state == PowerState::On
        }
        PowerAction::DiscardSuspended => state == PowerState::Suspended,
    }
}

/// VCD's operation name, and the verb for people.
const fn names(action: PowerAction) -> (&'static str, &'static str) {
    match action {
        PowerAction::On => ("vappPowerOn", "Starting"),
        PowerAction::Off => ("vappPowerOff", "Powering off"),
        PowerAction::Suspend => ("vappSuspend", "Suspending"),
        PowerAction::Reset => ("vappReset", "Resetting"),
        PowerAction::Reboot => ("vappRebootGuest", "Rebooting"),
        PowerAction::Shutdown => ("vappShutdownGuest", "Shutting down"),
        PowerAction::DiscardSuspended => {
            ("vappDiscardSuspendedState", "Discarding the suspended state of")
        }
    }
}

/// The step of a power operation. What a VM that is switched on will use is counted from now on, so that two
/// at a time cannot both have what is left of a limit.
async fn power_step(tx: &mut Tx, vm: &mut Vm, action: PowerAction) -> Result<Step> {
    let target = VmRef { vm: vm.id, vdc: vm.vdc };
    if action != PowerAction::On || vm.deployed {
        return Ok(Step::Power { vm: target, action, deployed: vm.deployed, before: None });
    }
    vm.deployed = true;
    tx.update(vm).await?;
    Ok(Step::Power { vm: target, action, deployed: true, before: Some(false) })
}

fn undeploy_step(vm: &Vm, how: Undeploy) -> Step {
    // A VM that is off already only has to give up what it holds.
    let action = match vm.state.power {
        PowerState::On => how.action(),
        PowerState::Suspended if how == Undeploy::Suspend => PowerAction::Suspend,
        _ => PowerAction::Off,
    };
    Step::Power { vm: VmRef { vm: vm.id, vdc: vm.vdc }, action, deployed: false, before: None }
}

/// The task with its steps, working on the vApp and all its VMs.
fn on_all(mut task: NewTask, vms: &[Vm], steps: Vec<Step>) -> NewTask {
    task.steps = if steps.is_empty() { vec![Step::Done] } else { steps };
    task.locks.extend(vms.iter().map(|vm| vm.id.any()));
    task
}

fn refused(what: &str, name: &str, action: PowerAction) -> Error {
    let state = match action {
        PowerAction::On => "running",
        PowerAction::DiscardSuspended => "not suspended",
        _ => "not running",
    };
    Error::invalid_state(format!(
        "The requested operation could not be executed since {what} \"{name}\" is {state}."
    ))
}

fn not_running(what: &str, name: &str) -> Error {
    refused(what, name, PowerAction::Off)
}
