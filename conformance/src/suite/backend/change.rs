//! Changing VMs.

use std::net::Ipv4Addr;

use ssvirt_core::{
    ErrorKind, VmBackend,
    backend::{PowerAction, VmPlan},
    model::{Firmware, PowerState, VmState},
};

use super::{
    Check,
    scene::{Scene, disk, ensure, new_plan, nic, said},
};

async fn change(scene: &Scene<'_>, plan: &VmPlan) -> Result<VmState, String> {
    scene.backend.change_vm(plan).await.map_err(said("change_vm"))
}

/// A NIC that was added while the VM was off is there when it runs.
pub async fn a_new_nic_is_seen(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let mut plan = scene.create("vm").await?;
    plan.spec.nics.push(nic(1, [192, 168, 100, 11]));
    change(&scene, &plan).await?;
    scene.power(&plan, PowerAction::On, PowerState::On).await?;
    scene
        .becomes(plan.target, "a NIC that was added", |state| {
            state.nics.iter().any(|nic| nic.index == 1)
        })
        .await
}

/// The address that is shown is the one that was set last.
pub async fn a_new_address_is_seen(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let mut plan = scene.running("vm").await?;
    let address = Ipv4Addr::new(192, 168, 100, 77);
    scene.power(&plan, PowerAction::Off, PowerState::Off).await?;
    for nic in &mut plan.spec.nics {
        nic.ip = Some(address);
    }
    change(&scene, &plan).await?;
    scene.power(&plan, PowerAction::On, PowerState::On).await?;
    scene
        .becomes(plan.target, "an address that was changed", |state| {
            state.nics.iter().any(|nic| nic.ip == Some(address))
        })
        .await
}

/// Making a VM what it is succeeds, as often as it is asked for.
pub async fn is_idempotent(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let mut plan = scene.create("vm").await?;
    change(&scene, &plan).await.map_err(|why| format!("to what it is: {why}"))?;
    plan.spec.cpus = 2;
    plan.spec.memory_mib = 1024;
    change(&scene, &plan).await?;
    change(&scene, &plan).await.map_err(|why| format!("repeated: {why}"))?;
    scene.is(plan.target, PowerState::Off, "after change_vm").await?;
    let listed = scene.listed().await?;
    ensure!(listed == [plan.target.vm], "after change_vm the place has {listed:?}");
    Ok(())
}

/// What is told of a VM's hardware is what its plan says, when it is new and when it was changed. A backend need not
/// tell.
pub async fn the_hardware_is_that_of_the_plan(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let mut plan = new_plan(&scene.place, "vm");
    plan.spec.disks = vec![disk(0)];
    let state = backend.create_vm(&plan).await.map_err(said("create_vm"))?;
    is_planned(&state, &plan, "a new VM")?;
    plan.spec.cpus = 4;
    plan.spec.cores_per_socket = 2;
    plan.spec.memory_mib *= 2;
    plan.spec.firmware = Firmware::Efi;
    plan.spec.disks = vec![disk(1), disk(2)];
    plan.spec.nics.push(nic(1, [192, 168, 100, 11]));
    let state = change(&scene, &plan).await?;
    is_planned(&state, &plan, "a VM that was changed")?;
    let seen = scene.state(plan.target, "after change_vm").await?;
    is_planned(&seen, &plan, "a VM that is looked at")
}

fn is_planned(state: &VmState, plan: &VmPlan, what: &str) -> Check {
    let Some(seen) = &state.hardware else { return Ok(()) };
    let drift = seen.drift(&plan.spec);
    ensure!(drift.is_empty(), "{what} is another than its plan in {drift:?}: it has {seen:?}");
    Ok(())
}

/// A change that is allowed while a VM runs leaves it running, and the others alone.
pub async fn keeps_power(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let mut plan = scene.running("vm").await?;
    let other = scene.create("other").await?;
    plan.name = "renamed".to_owned();
    let state = change(&scene, &plan).await?;
    ensure!(
        state.power == PowerState::On,
        "change_vm answered that a running VM is {:?}",
        state.power
    );
    scene.is(plan.target, PowerState::On, "after change_vm while it ran").await?;
    scene.is(other.target, PowerState::Off, "after another one was changed").await
}

/// A VM that is not there cannot be changed, and is not created by trying to.
pub async fn an_unknown_vm_is_refused(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let unknown = new_plan(&scene.place, "unknown");
    match backend.change_vm(&unknown).await {
        Ok(_) => Err("a VM that is not there was changed".to_owned()),
        Err(error) if error.is_retriable() => {
            Err(format!("the error asks for a repetition: {error}"))
        }
        Err(_) => scene.is_gone(unknown.target, "after a change that failed").await,
    }
}

/// Without hot add, vCPUs and memory of a running VM cannot be changed.
pub async fn a_running_vm_keeps_its_size(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let plan = scene.running("vm").await?;
    let (mut cpus, mut memory) = (plan.clone(), plan.clone());
    cpus.spec.cpus += 1;
    memory.spec.memory_mib /= 2;
    for (what, wanted) in [("vCPUs", cpus), ("memory", memory)] {
        match backend.change_vm(&wanted).await {
            Ok(_) => return Err(format!("{what} of a running VM without hot add were changed")),
            Err(error) => {
                let kind = error.kind();
                ensure!(
                    kind == ErrorKind::InvalidState,
                    "{what} of a running VM: {kind:?}, not InvalidState"
                );
            }
        }
    }
    scene.is(plan.target, PowerState::On, "after a change that was refused").await
}

/// With hot add, which is turned on after it was made, a running VM is given more and runs on, without a restart; it is
/// not given less.
pub async fn hot_add(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let mut plan = new_plan(&scene.place, "vm");
    plan.spec.memory_mib = 1024;
    backend.create_vm(&plan).await.map_err(said("create_vm"))?;
    (plan.spec.cpu_hot_add, plan.spec.memory_hot_add) = (true, true);
    change(&scene, &plan).await?;
    scene.power(&plan, PowerAction::On, PowerState::On).await?;
    let small = plan.clone();
    plan.spec.cpus *= 2;
    plan.spec.memory_mib *= 2;
    for time in ["hot add", "hot add, repeated"] {
        let state = change(&scene, &plan).await.map_err(|why| format!("{time}: {why}"))?;
        ensure!(state.power == PowerState::On, "{time} answered that the VM is {:?}", state.power);
        ensure!(!state.restart_required, "{time} waits for a restart");
    }
    scene.is(plan.target, PowerState::On, "after hot add").await?;
    match backend.change_vm(&small).await {
        Ok(_) => Err("vCPUs and memory of a running VM were taken away".to_owned()),
        Err(error) => {
            let kind = error.kind();
            ensure!(kind == ErrorKind::InvalidState, "hot remove: {kind:?}, not InvalidState");
            scene.is(plan.target, PowerState::On, "after a change that was refused").await
        }
    }
}
