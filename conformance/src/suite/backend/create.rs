//! Creating VMs.

use futures_util::future::join_all;
use ssvirt_core::{VmBackend, model::PowerState};

use super::{
    Check,
    scene::{Scene, ensure, new_plan, said},
};

/// A new VM is off, in the answer and in what is seen.
pub async fn a_new_vm_is_off(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let plan = new_plan(&scene.place, "vm");
    let state = backend.create_vm(&plan).await.map_err(said("create_vm"))?;
    ensure!(state.power == PowerState::Off, "create_vm answered that the VM is {:?}", state.power);
    scene.is(plan.target, PowerState::Off, "after create_vm").await
}

/// A new VM is in its place's list, once.
pub async fn a_new_vm_is_listed_once(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let plan = scene.create("vm").await?;
    let listed = scene.listed().await?;
    ensure!(
        listed == [plan.target.vm],
        "after create_vm the place has {listed:?}, not {}",
        plan.target.vm
    );
    Ok(())
}

/// Creating a VM that is there succeeds and makes no second one.
pub async fn is_idempotent(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let plan = scene.create("vm").await?;
    let state = backend.create_vm(&plan).await.map_err(said("create_vm, repeated,"))?;
    ensure!(
        state.power == PowerState::Off,
        "create_vm, repeated, answered that the VM is {:?}",
        state.power
    );
    let listed = scene.listed().await?;
    ensure!(listed == [plan.target.vm], "after a repeated create_vm the place has {listed:?}");
    Ok(())
}

/// A repeated call does nothing to a VM that was started in between.
pub async fn leaves_a_running_vm_alone(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let plan = scene.running("vm").await?;
    let state = backend.create_vm(&plan).await.map_err(said("create_vm of a running VM"))?;
    ensure!(
        state.power == PowerState::On,
        "create_vm of a running VM answered that it is {:?}",
        state.power
    );
    scene.is(plan.target, PowerState::On, "after create_vm of a running VM").await
}

/// VMs stay when others come.
pub async fn vms_stay(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let mut expected = Vec::new();
    for n in 0..5 {
        expected.push(scene.create(&format!("vm-{n}")).await?.target.vm);
    }
    expected.sort();
    let listed = scene.listed().await?;
    ensure!(listed == expected, "{} VMs were created, {} are listed", expected.len(), listed.len());
    Ok(())
}

/// VMs are told apart by id: a name may be used in many vApps of a place.
pub async fn vms_of_one_name_are_different(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let off = scene.create("same").await?;
    let on = scene.running("same").await?;
    scene.is(on.target, PowerState::On, "beside one of the same name").await?;
    scene.is(off.target, PowerState::Off, "beside one of the same name").await
}

/// Calls at the same time, also of one VM, end as calls one after the other.
pub async fn at_the_same_time(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let plans: Vec<_> = (0..4).map(|n| new_plan(&scene.place, &format!("vm-{n}"))).collect();
    for created in join_all(plans.iter().chain(&plans).map(|plan| backend.create_vm(plan))).await {
        created.map_err(said("create_vm at the same time as others"))?;
    }
    let mut expected: Vec<_> = plans.iter().map(|plan| plan.target.vm).collect();
    expected.sort();
    let listed = scene.listed().await?;
    ensure!(
        listed == expected,
        "{} VMs were created at the same time, {} are listed",
        expected.len(),
        listed.len()
    );
    Ok(())
}
