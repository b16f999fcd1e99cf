//! Snapshots.

use ssvirt_core::{
    ErrorKind, Id, Result, VmBackend,
    backend::{KnownVm, PowerAction, Revert, SnapshotPlan, VmPlan},
    env::{IdSource as _, RandomIds, new_id},
    model::{PowerState, Snapshot, VmState},
};

use super::{
    Check,
    scene::{Scene, disk, ensure, new_plan, nic, said},
};

fn new() -> SnapshotPlan {
    SnapshotPlan { id: new_id(&RandomIds), memory: false }
}

fn revert_to(snapshot: Id<Snapshot>) -> Revert {
    Revert { id: RandomIds.uuid(), snapshot }
}

/// Creates a VM with a disk.
async fn with_disk(scene: &Scene<'_>) -> std::result::Result<VmPlan, String> {
    let mut plan = new_plan(&scene.place, "vm");
    plan.spec.disks.push(disk(0));
    scene.backend.create_vm(&plan).await.map_err(said("create_vm"))?;
    Ok(plan)
}

/// The snapshot that is seen: in the answer, alone and in the list the same.
async fn seen(
    scene: &Scene<'_>,
    vm: &VmPlan,
    answer: &VmState,
    when: &str,
) -> std::result::Result<Option<Snapshot>, String> {
    let alone = scene.state(vm.target, when).await?.snapshot;
    ensure!(
        answer.snapshot == alone,
        "{when} the answer has {:?}, and {alone:?} is seen",
        answer.snapshot
    );
    let list = scene.backend.vms(scene.place.vdc).await.map_err(said("vms"))?;
    let listed = list.into_iter().find(|(id, _)| *id == vm.target.vm);
    let listed = listed.and_then(|(_, state)| state.snapshot);
    ensure!(listed == alone, "{when} {listed:?} is listed, and {alone:?} is seen");
    Ok(alone)
}

/// Takes one that must be seen then, with the power as it was.
async fn take(
    scene: &Scene<'_>,
    vm: &VmPlan,
    plan: &SnapshotPlan,
    power: PowerState,
) -> std::result::Result<Snapshot, String> {
    let taken = scene.backend.take_snapshot(vm.target, plan).await;
    let state = taken.map_err(said("take_snapshot"))?;
    ensure!(state.power == power, "take_snapshot made a {power:?} VM {:?}", state.power);
    let seen = seen(scene, vm, &state, "after take_snapshot").await?;
    let seen = seen.ok_or("no snapshot is seen after take_snapshot")?;
    ensure!(seen.id == plan.id, "the snapshot {} is seen, not {}", seen.id, plan.id);
    Ok(seen)
}

/// Goes back; the VM must be like this then.
async fn go_back(scene: &Scene<'_>, vm: &VmPlan, revert: &Revert, power: PowerState) -> Check {
    let answer = scene.backend.revert_snapshot(vm.target, revert).await;
    let state = answer.map_err(said("revert_snapshot"))?;
    ensure!(state.power == power, "revert_snapshot answered {:?}, not {power:?}", state.power);
    let left = seen(scene, vm, &state, "after revert_snapshot").await?.map(|left| left.id);
    ensure!(left == Some(revert.snapshot), "after revert_snapshot the VM has {left:?}");
    scene.is(vm.target, power, "after revert_snapshot").await
}

fn refused<T>(what: &str, answer: Result<T>, kind: ErrorKind) -> Check {
    match answer {
        Ok(_) => Err(format!("{what} was not refused")),
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => {
            Err(format!("{what} was refused with {:?}, not {kind:?}: {error}", error.kind()))
        }
    }
}

/// A VM that is off has a snapshot once it is taken.
pub async fn one_of_a_vm_that_is_off(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = with_disk(&scene).await?;
    let before = scene.state(vm.target, "before take_snapshot").await?.snapshot;
    ensure!(before.is_none(), "a new VM has a snapshot: {before:?}");
    let taken = take(&scene, &vm, &new(), PowerState::Off).await?;
    ensure!(!taken.powered_on, "the snapshot of a VM that is off says that it ran");
    Ok(())
}

/// A VM that runs goes on running, and its snapshot says that it ran. Others have none.
pub async fn one_of_a_vm_that_runs(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    let other = scene.create("other").await?;
    let taken = take(&scene, &vm, &new(), PowerState::On).await?;
    ensure!(taken.powered_on, "the snapshot of a VM that runs says that it was off");
    let theirs = scene.state(other.target, "beside one with a snapshot").await?.snapshot;
    ensure!(theirs.is_none(), "another VM has the snapshot: {theirs:?}");
    Ok(())
}

/// Taking what was taken takes nothing.
pub async fn take_is_idempotent(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.create("vm").await?;
    let plan = new();
    let first = take(&scene, &vm, &plan, PowerState::Off).await?;
    scene.power(&vm, PowerAction::On, PowerState::On).await?;
    // By now it would be another.
    let again = take(&scene, &vm, &plan, PowerState::On).await?;
    ensure!(first == again, "take_snapshot, repeated, took {again:?} after {first:?}");
    Ok(())
}

/// There is one snapshot of a VM: the older one goes when there is a new one.
pub async fn a_new_one_replaces(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.create("vm").await?;
    let (older, newer) = (new(), new());
    take(&scene, &vm, &older, PowerState::Off).await?;
    take(&scene, &vm, &newer, PowerState::Off).await?;
    let gone = backend.revert_snapshot(vm.target, &revert_to(older.id)).await;
    refused("going back to a snapshot that was replaced", gone, ErrorKind::InvalidState)?;
    let removed = backend.remove_snapshots(vm.target, Some(newer.id)).await;
    let state = removed.map_err(said("remove_snapshots"))?;
    let left = state.and_then(|state| state.snapshot);
    ensure!(left.is_none(), "under the snapshot that was removed there is {left:?}");
    Ok(())
}

/// Hardware that was changed is again what it was, and the VM can be started and changed then.
pub async fn revert_brings_back(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let before = with_disk(&scene).await?;
    let plan = new();
    take(&scene, &before, &plan, PowerState::Off).await?;
    let mut after = before.clone();
    after.name = "renamed".to_owned();
    after.spec.nics.push(nic(1, [192, 168, 100, 11]));
    backend.change_vm(&after).await.map_err(said("change_vm"))?;
    scene.power(&after, PowerAction::On, PowerState::On).await?;
    let nics = |count: usize| move |state: &VmState| state.nics.len() == count;
    scene.becomes(after.target, "a NIC that was added", nics(2)).await?;

    go_back(&scene, &after, &revert_to(plan.id), PowerState::Off).await?;
    scene.power(&after, PowerAction::On, PowerState::On).await?;
    scene.becomes(after.target, "what was before the NIC was added", nics(1)).await?;
    scene.power(&after, PowerAction::Off, PowerState::Off).await?;
    backend.change_vm(&after).await.map_err(said("change_vm after revert_snapshot"))?;
    scene.power(&after, PowerAction::On, PowerState::On).await?;
    scene.becomes(after.target, "a NIC that was added again", nics(2)).await
}

/// A VM that runs, or ran when the snapshot was taken, is off afterwards: its memory is not in the snapshot.
pub async fn revert_stops(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    let plan = new();
    take(&scene, &vm, &plan, PowerState::On).await?;
    go_back(&scene, &vm, &revert_to(plan.id), PowerState::Off).await?;
    scene.power(&vm, PowerAction::On, PowerState::On).await?;
    // As often as somebody wants to.
    go_back(&scene, &vm, &revert_to(plan.id), PowerState::Off).await
}

/// A VM that went back and was started is not stopped by a call that is repeated.
pub async fn revert_is_idempotent(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.create("vm").await?;
    let plan = new();
    take(&scene, &vm, &plan, PowerState::Off).await?;
    let revert = revert_to(plan.id);
    go_back(&scene, &vm, &revert, PowerState::Off).await?;
    scene.power(&vm, PowerAction::On, PowerState::On).await?;
    go_back(&scene, &vm, &revert, PowerState::On).await
}

/// Going back to nothing is refused, and leaves a VM as it is.
pub async fn revert_needs_the_snapshot(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    let none = backend.revert_snapshot(vm.target, &revert_to(new().id)).await;
    refused("going back without a snapshot", none, ErrorKind::InvalidState)?;
    let other = scene.create("other").await?;
    let theirs = new();
    take(&scene, &other, &theirs, PowerState::Off).await?;
    let crossed = backend.revert_snapshot(vm.target, &revert_to(theirs.id)).await;
    refused("going back to another VM's snapshot", crossed, ErrorKind::InvalidState)?;
    scene.is(vm.target, PowerState::On, "after revert_snapshot was refused").await
}

/// A snapshot that is removed is gone, and removing it again succeeds. Another one stays.
pub async fn remove_is_idempotent(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    let plan = new();
    take(&scene, &vm, &plan, PowerState::On).await?;
    let remove = async |which: Option<Id<Snapshot>>, left: Option<Id<Snapshot>>| -> Check {
        let answer = backend.remove_snapshots(vm.target, which).await;
        let state = answer.map_err(said("remove_snapshots"))?;
        let state = state.ok_or("remove_snapshots answered that the VM is not there")?;
        let seen = seen(&scene, &vm, &state, "after remove_snapshots").await?.map(|seen| seen.id);
        ensure!(seen == left, "after remove_snapshots {seen:?} is left, not {left:?}");
        scene.is(vm.target, PowerState::On, "after remove_snapshots").await
    };
    remove(Some(new().id), Some(plan.id)).await?;
    remove(Some(plan.id), None).await?;
    remove(Some(plan.id), None).await?;
    take(&scene, &vm, &new(), PowerState::On).await?;
    remove(None, None).await?;
    remove(None, None).await
}

/// Of a VM that is not there no snapshot can be taken, and there is nothing to go back to or to remove.
pub async fn an_unknown_vm_has_none(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let unknown = new_plan(&scene.place, "unknown").target;
    let plan = new();
    let taken = backend.take_snapshot(unknown, &plan).await;
    refused("a snapshot of no VM", taken, ErrorKind::InvalidState)?;
    let reverted = backend.revert_snapshot(unknown, &revert_to(plan.id)).await;
    refused("going back of no VM", reverted, ErrorKind::InvalidState)?;
    let removed = backend.remove_snapshots(unknown, None).await;
    let state = removed.map_err(said("remove_snapshots of a VM that never was"))?;
    ensure!(state.is_none(), "remove_snapshots of no VM answered {state:?}");
    scene.is_gone(unknown, "after take_snapshot").await
}

/// A VM takes its snapshot with it.
pub async fn goes_with_its_vm(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = with_disk(&scene).await?;
    let plan = new();
    take(&scene, &vm, &plan, PowerState::Off).await?;
    backend.delete_vm(vm.target).await.map_err(said("delete_vm with a snapshot"))?;
    scene.is_gone(vm.target, "after delete_vm with a snapshot").await?;
    let state = backend.create_vm(&vm).await.map_err(said("create_vm after delete_vm"))?;
    let left = seen(&scene, &vm, &state, "after it was created again").await?;
    ensure!(left.is_none(), "a VM that was deleted has left its snapshot: {left:?}");
    Ok(())
}

/// A VM that ran goes on where it was, with its memory in the snapshot.
pub async fn with_memory(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    let plan = SnapshotPlan { memory: true, ..new() };
    take(&scene, &vm, &plan, PowerState::On).await?;
    scene.power(&vm, PowerAction::Off, PowerState::Off).await?;
    go_back(&scene, &vm, &revert_to(plan.id), PowerState::On).await
}

/// What is not claimed is refused, and nothing is done.
pub async fn what_is_not_claimed_is_refused(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    let claimed = backend.capabilities();
    let plan = SnapshotPlan { memory: claimed.snapshots, ..new() };
    if !claimed.snapshots || !claimed.snapshot_memory {
        let taken = backend.take_snapshot(vm.target, &plan).await;
        refused("take_snapshot", taken, ErrorKind::NotSupported)?;
    }
    if !claimed.snapshots {
        let reverted = backend.revert_snapshot(vm.target, &revert_to(plan.id)).await;
        refused("revert_snapshot", reverted, ErrorKind::NotSupported)?;
        let removed = backend.remove_snapshots(vm.target, None).await;
        refused("remove_snapshots", removed, ErrorKind::NotSupported)?;
    }
    let state = scene.state(vm.target, "after what is not supported").await?;
    ensure!(state.snapshot.is_none(), "there is a snapshot: {:?}", state.snapshot);
    scene.is(vm.target, PowerState::On, "after what is not supported").await
}

/// A snapshot outlives the process that took it.
pub async fn a_restart_shows_it(first: &dyn VmBackend, second: &dyn VmBackend) -> Check {
    let before = Scene::new(first).await?;
    let vm = before.create("vm").await?;
    let plan = new();
    let taken = take(&before, &vm, &plan, PowerState::Off).await?;
    let state = before.state(vm.target, "before the restart").await?;
    first.stop().await;

    second.start(vec![KnownVm { plan: vm.clone(), state }]).await.map_err(said("start"))?;
    let after = Scene { backend: second, place: before.place.clone() };
    let again = take(&after, &vm, &plan, PowerState::Off).await?;
    ensure!(again == taken, "after a restart {again:?} is seen, not {taken:?}");
    go_back(&after, &vm, &revert_to(plan.id), PowerState::Off).await
}
