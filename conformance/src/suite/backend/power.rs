//! Power.

use ssvirt_core::{
    ErrorKind, VmBackend,
    backend::{PowerAction, VmPlan},
    model::PowerState,
};

use super::{
    Check, Need,
    scene::{Scene, ensure, new_plan, said},
};

/// A VM that is powered on runs.
pub async fn on_runs(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    scene.running("vm").await.map(drop)
}

/// Powering on what runs succeeds.
pub async fn on_is_idempotent(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    scene.power(&vm, PowerAction::On, PowerState::On).await
}

/// A VM that is powered off does not run.
pub async fn off_stops(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    scene.power(&vm, PowerAction::Off, PowerState::Off).await
}

/// Powering off what is off, or was never on, succeeds.
pub async fn off_is_idempotent(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    scene.power(&vm, PowerAction::Off, PowerState::Off).await?;
    scene
        .power(&vm, PowerAction::Off, PowerState::Off)
        .await
        .map_err(|why| format!("repeated: {why}"))?;
    let never = scene.create("never-on").await?;
    scene
        .power(&never, PowerAction::Off, PowerState::Off)
        .await
        .map_err(|why| format!("never on: {why}"))
}

/// A VM can be started again.
pub async fn on_after_off(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    scene.power(&vm, PowerAction::Off, PowerState::Off).await?;
    scene.power(&vm, PowerAction::On, PowerState::On).await
}

/// A power action does nothing to other VMs.
pub async fn others_are_left_alone(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let (off, on) = (scene.create("off").await?, scene.running("on").await?);
    let changed = scene.running("changed").await?;
    scene.is(off.target, PowerState::Off, "after another one was powered on").await?;
    scene.power(&changed, PowerAction::Off, PowerState::Off).await?;
    scene.is(on.target, PowerState::On, "after another one was powered off").await
}

/// Powering on a VM that is not there fails for good: no repetition would help.
pub async fn an_unknown_vm_does_not_start(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let unknown = new_plan(&scene.place, "unknown").target;
    match backend.power_vm(unknown, PowerAction::On).await {
        Ok(state) => Err(format!("a VM that is not there was powered on and is {:?}", state.power)),
        Err(error) if error.is_retriable() => {
            Err(format!("the error asks for a repetition: {error}"))
        }
        Err(_) => scene.is_gone(unknown, "after a power-on that failed").await,
    }
}

/// Actions whose capability is not claimed answer `NotSupported` and change nothing.
pub async fn what_is_not_claimed_is_refused(backend: &dyn VmBackend) -> Check {
    let actions = [
        (Need::Suspend, PowerAction::Suspend),
        (Need::Reset, PowerAction::Reset),
        (Need::GuestPower, PowerAction::Reboot),
        (Need::GuestPower, PowerAction::Shutdown),
    ];
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    for (need, action) in actions {
        if !need.met(backend.capabilities()) {
            refused(&scene, &vm, action, ErrorKind::NotSupported).await?;
            scene.is(vm.target, PowerState::On, "after an action that is not supported").await?;
        }
    }
    Ok(())
}

async fn refused(scene: &Scene<'_>, vm: &VmPlan, action: PowerAction, kind: ErrorKind) -> Check {
    match scene.backend.power_vm(vm.target, action).await {
        Ok(state) => Err(format!("{action:?} was not refused: the VM is {:?}", state.power)),
        Err(error) => {
            ensure!(
                error.kind() == kind,
                "{action:?} was refused with {:?}, not {kind:?}",
                error.kind()
            );
            Ok(())
        }
    }
}

/// A suspended VM goes on.
pub async fn suspend_and_resume(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    scene.power(&vm, PowerAction::Suspend, PowerState::Suspended).await?;
    scene.power(&vm, PowerAction::On, PowerState::On).await
}

/// Suspending what is suspended succeeds.
pub async fn suspend_is_idempotent(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    scene.power(&vm, PowerAction::Suspend, PowerState::Suspended).await?;
    scene.power(&vm, PowerAction::Suspend, PowerState::Suspended).await
}

/// A VM that is off cannot be suspended.
pub async fn suspend_needs_a_running_vm(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.create("vm").await?;
    refused(&scene, &vm, PowerAction::Suspend, ErrorKind::InvalidState).await?;
    scene.is(vm.target, PowerState::Off, "after a suspend that was refused").await
}

/// A VM whose memory is discarded is off; discarding again succeeds.
pub async fn discard_suspended_is_off(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    scene.power(&vm, PowerAction::Suspend, PowerState::Suspended).await?;
    scene.power(&vm, PowerAction::DiscardSuspended, PowerState::Off).await?;
    scene.power(&vm, PowerAction::DiscardSuspended, PowerState::Off).await?;
    scene.power(&vm, PowerAction::On, PowerState::On).await
}

/// A suspended VM can be powered off.
pub async fn off_ends_suspension(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    scene.power(&vm, PowerAction::Suspend, PowerState::Suspended).await?;
    scene.power(&vm, PowerAction::Off, PowerState::Off).await
}

/// A VM that is reset runs.
pub async fn reset_goes_on(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    scene.power(&vm, PowerAction::Reset, PowerState::On).await
}

/// A VM that is off cannot be reset.
pub async fn reset_needs_a_running_vm(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.create("vm").await?;
    refused(&scene, &vm, PowerAction::Reset, ErrorKind::InvalidState).await?;
    scene.is(vm.target, PowerState::Off, "after a reset that was refused").await
}

/// A VM that is rebooted runs.
pub async fn reboot_goes_on(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    scene.power(&vm, PowerAction::Reboot, PowerState::On).await
}

/// A VM that is shut down is off when the call returns.
pub async fn shutdown_stops(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    scene.power(&vm, PowerAction::Shutdown, PowerState::Off).await
}

/// Shutting down what is off succeeds.
pub async fn shutdown_is_idempotent(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.create("vm").await?;
    scene.power(&vm, PowerAction::Shutdown, PowerState::Off).await?;
    backend.delete_vm(vm.target).await.map_err(said("delete_vm"))
}
