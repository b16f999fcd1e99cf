//! Looking at VMs.

use ssvirt_core::{VmBackend, backend::VmRef, model::PowerState};

use super::{
    Check,
    scene::{Scene, ensure, new_place, new_plan, said},
};

/// A VM that is not there is none, and no error.
pub async fn an_unknown_vm_is_none(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    scene.create("vm").await?;
    let unknown = new_plan(&scene.place, "unknown").target;
    let seen = backend.vm(unknown).await.map_err(said("vm of an unknown VM"))?;
    ensure!(seen.is_none(), "an unknown VM is there");
    let nowhere = new_plan(&new_place(), "nowhere").target;
    let seen = backend.vm(nowhere).await.map_err(said("vm in an unknown place"))?;
    ensure!(seen.is_none(), "a VM in an unknown place is there");
    Ok(())
}

/// A place that is not there has no VMs, which is no error.
pub async fn an_unknown_place_is_empty(backend: &dyn VmBackend) -> Check {
    Scene::new(backend).await?.create("vm").await?;
    let list = backend.vms(new_place().vdc).await.map_err(said("vms of an unknown place"))?;
    ensure!(list.is_empty(), "an unknown place has VMs");
    Ok(())
}

/// A place has its own VMs and no others.
pub async fn places_are_apart(backend: &dyn VmBackend) -> Check {
    let (here, there) = (Scene::new(backend).await?, Scene::new(backend).await?);
    let (a, b) = (here.create("same").await?, there.create("same").await?);
    for (scene, vm) in [(&here, &a), (&there, &b)] {
        let listed = scene.listed().await?;
        ensure!(
            listed == [vm.target.vm],
            "a place has {listed:?}, not just its own VM {}",
            vm.target.vm
        );
    }
    let crossed = VmRef { vm: a.target.vm, vdc: there.place.vdc };
    let seen = backend.vm(crossed).await.map_err(said("vm in a place where it is not"))?;
    ensure!(seen.is_none(), "a VM is seen in a place where it is not");
    Ok(())
}

/// The list of a place and the VMs by themselves say the same.
pub async fn list_and_single_agree(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let off = scene.create("off").await?;
    let on = scene.running("on").await?;
    let list = backend.vms(scene.place.vdc).await.map_err(said("vms"))?;
    for (vm, expected) in [(off, PowerState::Off), (on, PowerState::On)] {
        let listed = list.iter().find(|(id, _)| *id == vm.target.vm).map(|(_, state)| state.power);
        ensure!(listed == Some(expected), "the list says {listed:?} of a VM that is {expected:?}");
        scene.is(vm.target, expected, "while it is listed").await?;
    }
    Ok(())
}
