//! Deleting VMs.

use ssvirt_core::{VmBackend, model::PowerState};

use super::{
    Check,
    scene::{Scene, ensure, new_plan, said},
};

/// A deleted VM is not there any more.
pub async fn the_vm_is_gone(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let plan = scene.create("vm").await?;
    backend.delete_vm(plan.target).await.map_err(said("delete_vm"))?;
    scene.is_gone(plan.target, "after delete_vm").await
}

/// Deleting what is gone, or never was, succeeds; also where the place never was.
pub async fn is_idempotent(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let plan = scene.create("vm").await?;
    backend.delete_vm(plan.target).await.map_err(said("delete_vm"))?;
    backend.delete_vm(plan.target).await.map_err(said("delete_vm, repeated,"))?;
    let never = new_plan(&scene.place, "never").target;
    backend.delete_vm(never).await.map_err(said("delete_vm of a VM that never was"))?;
    let nowhere = new_plan(&super::scene::new_place(), "nowhere").target;
    backend.delete_vm(nowhere).await.map_err(said("delete_vm in a place that never was"))
}

/// A VM that runs is deleted too: whether that is allowed was decided before.
pub async fn takes_a_running_vm(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let plan = scene.running("vm").await?;
    backend.delete_vm(plan.target).await.map_err(said("delete_vm of a running VM"))?;
    scene.is_gone(plan.target, "after delete_vm while it ran").await
}

/// Other VMs stay, also those of the same name, vApp or another place.
pub async fn leaves_the_others(backend: &dyn VmBackend) -> Check {
    let (here, there) = (Scene::new(backend).await?, Scene::new(backend).await?);
    let deleted = here.create("same").await?;
    let mut beside = new_plan(&here.place, "same");
    beside.vapp = deleted.vapp;
    backend.create_vm(&beside).await.map_err(said("create_vm"))?;
    let elsewhere = there.running("same").await?;
    backend.delete_vm(deleted.target).await.map_err(said("delete_vm"))?;
    here.is_gone(deleted.target, "after delete_vm").await?;
    here.is(beside.target, PowerState::Off, "after another one was deleted").await?;
    there.is(elsewhere.target, PowerState::On, "after one in another place was deleted").await?;
    let listed = here.listed().await?;
    ensure!(
        listed == [beside.target.vm],
        "after delete_vm the place has {listed:?}, not {}",
        beside.target.vm
    );
    Ok(())
}

/// A task that is undone and tried again creates the VM anew: it is off, nothing is left of the old one.
pub async fn the_id_is_free_again(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let plan = scene.running("vm").await?;
    backend.delete_vm(plan.target).await.map_err(said("delete_vm"))?;
    let state = backend.create_vm(&plan).await.map_err(said("create_vm after delete_vm"))?;
    ensure!(
        state.power == PowerState::Off,
        "create_vm after delete_vm answered that the VM is {:?}",
        state.power
    );
    scene.is(plan.target, PowerState::Off, "after it was deleted and created again").await
}
