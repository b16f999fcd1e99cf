//! Watching.

use futures_util::{StreamExt, stream::BoxStream};
use ssvirt_core::{
    Id, VmBackend,
    backend::{PowerAction, SnapshotPlan, VmEvent, VmPlan},
    env::{RandomIds, new_id},
    model::{PowerState, Snapshot},
};
use tokio::time::timeout;

use super::{
    Check,
    scene::{PATIENCE, Scene, ensure, said},
};

/// Waits for an event about `vm`. Other VMs of its place are not touched, so nothing is said of them;
/// other places may belong to somebody else.
async fn wait(
    events: &mut BoxStream<'static, VmEvent>,
    vm: &VmPlan,
    what: &str,
    fits: impl Fn(&VmEvent) -> bool,
) -> Check {
    let search = async {
        while let Some(event) = events.next().await {
            let (VmEvent::Seen(of, _) | VmEvent::Gone(of)) = &event;
            if of.vdc != vm.target.vdc {
                continue;
            }
            ensure!(
                of.vm == vm.target.vm,
                "{what}: an event is about VM {}, not {}",
                of.vm,
                vm.target.vm
            );
            if fits(&event) {
                return Ok(());
            }
        }
        Err(format!("{what}: the stream of events ended"))
    };
    timeout(PATIENCE, search)
        .await
        .unwrap_or_else(|_| Err(format!("{what}: no such event within {PATIENCE:?}")))
}

fn seen(power: PowerState) -> impl Fn(&VmEvent) -> bool {
    move |event| matches!(event, VmEvent::Seen(_, state) if state.power == power)
}

/// Powering on and off is reported.
pub async fn reports_power(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.create("vm").await?;
    let mut events = backend.watch();
    scene.power(&vm, PowerAction::On, PowerState::On).await?;
    wait(&mut events, &vm, "after On", seen(PowerState::On)).await?;
    scene.power(&vm, PowerAction::Off, PowerState::Off).await?;
    wait(&mut events, &vm, "after Off", seen(PowerState::Off)).await
}

/// A new VM is reported.
pub async fn reports_a_new_vm(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let mut events = backend.watch();
    let vm = scene.create("vm").await?;
    wait(&mut events, &vm, "after create_vm", seen(PowerState::Off)).await
}

/// A deleted VM is reported as gone, also when its whole place is removed.
pub async fn reports_a_deleted_vm(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let gone = |event: &VmEvent| matches!(event, VmEvent::Gone(_));
    let deleted = scene.create("deleted").await?;
    let mut events = backend.watch();
    backend.delete_vm(deleted.target).await.map_err(said("delete_vm"))?;
    wait(&mut events, &deleted, "after delete_vm", gone).await?;

    let removed = scene.create("removed").await?;
    let mut events = backend.watch();
    backend.remove_place(scene.place.vdc).await.map_err(said("remove_place"))?;
    wait(&mut events, &removed, "after remove_place", gone).await
}

/// Everybody who watches is told.
pub async fn reports_to_all_watchers(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.create("vm").await?;
    let mut watchers = [backend.watch(), backend.watch()];
    scene.power(&vm, PowerAction::On, PowerState::On).await?;
    for events in &mut watchers {
        wait(events, &vm, "after On, one of two watchers", seen(PowerState::On)).await?;
    }
    Ok(())
}

/// A snapshot is reported when it is taken, and when it is removed.
pub async fn reports_snapshots(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.create("vm").await?;
    let mut events = backend.watch();
    let plan = SnapshotPlan { id: new_id(&RandomIds), memory: false };
    backend.take_snapshot(vm.target, &plan).await.map_err(said("take_snapshot"))?;
    let seen = |id: Option<Id<Snapshot>>| {
        move |event: &VmEvent| {
            let VmEvent::Seen(_, state) = event else { return false };
            state.snapshot.as_ref().map(|snapshot| snapshot.id) == id
        }
    };
    wait(&mut events, &vm, "after take_snapshot", seen(Some(plan.id))).await?;
    backend.remove_snapshots(vm.target, None).await.map_err(said("remove_snapshots"))?;
    wait(&mut events, &vm, "after remove_snapshots", seen(None)).await
}
