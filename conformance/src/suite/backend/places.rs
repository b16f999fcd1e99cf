//! Places of VDCs.

use ssvirt_core::{VmBackend, model::PowerState};

use super::{
    Check,
    scene::{Scene, ensure, new_place, said},
};

/// Making a place that is there succeeds.
pub async fn ensure_is_idempotent(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    backend.ensure_place(&scene.place).await.map_err(said("ensure_place, repeated,"))?;
    ensure!(scene.listed().await?.is_empty(), "a new place has VMs in it");
    Ok(())
}

/// New limits do nothing to the VMs.
pub async fn ensure_keeps_what_is_there(backend: &dyn VmBackend) -> Check {
    let mut scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    scene.place.cpu_limit_mhz = 20_000;
    scene.place.memory_limit_mib = 65_536;
    backend.ensure_place(&scene.place).await.map_err(said("ensure_place with new limits"))?;
    scene.is(vm.target, PowerState::On, "after ensure_place with new limits").await
}

/// A place goes with the VMs in it, also those that run.
pub async fn remove_takes_its_vms(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let off = scene.create("off").await?;
    let on = scene.running("on").await?;
    backend.remove_place(scene.place.vdc).await.map_err(said("remove_place"))?;
    for vm in [off, on] {
        scene.is_gone(vm.target, "after remove_place").await?;
    }
    // What is remembered of them somewhere must not come back with the place.
    backend.ensure_place(&scene.place).await.map_err(said("ensure_place after remove_place"))?;
    ensure!(scene.listed().await?.is_empty(), "VMs came back with a place that was removed");
    Ok(())
}

/// Other places stay.
pub async fn remove_leaves_other_places(backend: &dyn VmBackend) -> Check {
    let (removed, kept) = (Scene::new(backend).await?, Scene::new(backend).await?);
    removed.create("vm").await?;
    let vm = kept.running("vm").await?;
    backend.remove_place(removed.place.vdc).await.map_err(said("remove_place"))?;
    kept.is(vm.target, PowerState::On, "after another place was removed").await
}

/// Removing a place that is gone, or never was, succeeds.
pub async fn remove_is_idempotent(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    scene.create("vm").await?;
    backend.remove_place(scene.place.vdc).await.map_err(said("remove_place"))?;
    backend.remove_place(scene.place.vdc).await.map_err(said("remove_place, repeated,"))?;
    backend
        .remove_place(new_place().vdc)
        .await
        .map_err(said("remove_place of a place that never was"))
}
