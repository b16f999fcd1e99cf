//! Starting, and starting again.

use ssvirt_core::{
    VmBackend,
    backend::{KnownVm, PowerAction},
    model::PowerState,
};

use super::{
    Check,
    scene::{Scene, ensure, said},
};

/// A backend that was started answers.
pub async fn a_started_backend_is_healthy(backend: &dyn VmBackend) -> Check {
    ensure!(!backend.name().is_empty(), "it has no name");
    backend.health().await.map_err(said("health"))
}

/// A backend that takes over sees the VMs that it is told of as they were: power and addresses.
pub async fn a_restart_shows_the_vms_as_they_were(
    first: &dyn VmBackend,
    second: &dyn VmBackend,
) -> Check {
    let before = Scene::new(first).await?;
    let off = before.create("off").await?;
    let on = before.running("on").await?;
    let mut plans = vec![off, on];
    if first.capabilities().suspend {
        let suspended = before.running("suspended").await?;
        before.power(&suspended, PowerAction::Suspend, PowerState::Suspended).await?;
        plans.push(suspended);
    }
    let mut known = Vec::new();
    for plan in plans {
        let state = before.state(plan.target, "before the restart").await?;
        known.push(KnownVm { plan, state });
    }
    let count = before.listed().await?.len();
    first.stop().await;

    second.start(known.clone()).await.map_err(said("start"))?;
    let after = Scene { backend: second, place: before.place.clone() };
    for KnownVm { plan, state } in known {
        after
            .is(
                plan.target,
                state.power,
                &format!("after a restart, the one called \"{}\"", plan.name),
            )
            .await?;
        after
            .becomes(plan.target, "the address from before the restart", |now| {
                now.nics == state.nics
            })
            .await?;
    }
    let listed = after.listed().await?.len();
    ensure!(listed == count, "{count} VMs were listed before a restart, {listed} after it");
    Ok(())
}

/// A VM that was deleted is not there after a restart, and one that was there can be worked on.
pub async fn a_restart_brings_back_no_deleted_vm(
    first: &dyn VmBackend,
    second: &dyn VmBackend,
) -> Check {
    let before = Scene::new(first).await?;
    let kept = before.create("kept").await?;
    let deleted = before.running("deleted").await?;
    first.delete_vm(deleted.target).await.map_err(said("delete_vm"))?;
    let state = before.state(kept.target, "before the restart").await?;
    first.stop().await;

    second.start(vec![KnownVm { plan: kept.clone(), state }]).await.map_err(said("start"))?;
    let after = Scene { backend: second, place: before.place.clone() };
    after.is_gone(deleted.target, "after a restart though it was deleted before").await?;
    after.power(&kept, PowerAction::On, PowerState::On).await?;
    second.create_vm(&kept).await.map_err(said("create_vm, repeated after a restart,"))?;
    after.is(kept.target, PowerState::On, "after a repeated create_vm").await?;
    second.delete_vm(kept.target).await.map_err(said("delete_vm"))?;
    after.is_gone(kept.target, "after delete_vm").await
}
