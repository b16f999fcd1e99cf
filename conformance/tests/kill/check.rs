//! What must be true after a restart.

use std::{collections::BTreeMap, path::Path, time::Duration};

use ssvirt_core::{
    Id, TenancyStore, VmBackend,
    backend::{VmPlan, VmRef},
    id::Urn,
    model::{
        Catalog, Event, Org, Outcome, Phase, PowerState, Task, TaskStatus, Template, VApp, Vdc, Vm,
    },
    service::{Caller, Deletion, NewOrg, NewVApp},
};
use ssvirt_fixtures::finished;

use super::scenario::{Place, Scenario};

/// Notes a complaint where something is not as it must be.
macro_rules! must {
    ($complaints:expr, $holds:expr, $($text:tt)*) => {
        if !$holds {
            $complaints.push(format!($($text)*));
        }
    };
}

/// Starts again on the files, lets the tasks end, and looks at everything.
pub async fn recovered(scenario: Scenario, folder: &Path) -> Result<(), Vec<String>> {
    let place = Place::open(folder, scenario, None).await;
    let acknowledged = std::fs::read_to_string(folder.join("acknowledged")).ok();
    let mut complaints = Vec::new();
    place.cloud.engine().run_pending().await.unwrap();
    // The worker in the background may have been faster, and still be at it.
    for _ in 0..2000 {
        if place.all::<Task>().await.iter().all(|task| task.status.is_final()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let tasks = place.all::<Task>().await;
    for task in &tasks {
        must!(complaints, task.status.is_final(), "{} does not end", task.operation);
    }
    both_sides_agree(&place, &tasks, &mut complaints).await;
    let task = tasks.iter().find(|task| task.operation_name == scenario.operation());
    as_asked(&place, scenario, task, &mut complaints).await;
    if let Some(id) = acknowledged {
        let known = tasks.iter().any(|task| task.id.to_string() == id);
        must!(complaints, known, "the answer spoke of a task that does not exist");
    }
    usable(&place, &mut complaints).await;
    place.close().await;
    if complaints.is_empty() { Ok(()) } else { Err(complaints) }
}

/// Rows and VMs, tasks and locks and the audit log.
async fn both_sides_agree(place: &Place, tasks: &[Task], complaints: &mut Vec<String>) {
    let (vapps, vms) = (place.all::<VApp>().await, place.all::<Vm>().await);
    let mut rows: Vec<Id<Vm>> = vms.iter().map(|vm| vm.id).collect();
    rows.sort();
    let there = place.simulator.vm_ids();
    must!(complaints, rows == there, "rows {rows:?}, but in the backend {there:?}");
    for vm in &vms {
        let target = VmRef { vm: vm.id, vdc: vm.vdc };
        let seen = place.simulator.vm(target).await.unwrap();
        must!(
            complaints,
            seen.as_ref() == Some(&vm.state),
            "{} is {seen:?}: {:?}",
            vm.name,
            vm.state
        );
        let plan = place.simulator.plan(vm.id);
        must!(complaints, plan == Some(VmPlan::of(vm)), "{} is not like its row", vm.name);
        let on = vm.state.power == PowerState::On;
        must!(complaints, vm.deployed == on, "{} on: {on}, deployed: {}", vm.name, vm.deployed);
        must!(complaints, vm.phase == Phase::Ready, "{} is {:?}", vm.name, vm.phase);
        must!(complaints, vapps.iter().any(|vapp| vapp.id == vm.vapp), "{} has no vApp", vm.name);
    }
    for vapp in &vapps {
        must!(complaints, vapp.phase == Phase::Ready, "{} is {:?}", vapp.name, vapp.phase);
    }
    let mut tx = place.store.read().await.unwrap();
    let ids = vapps.iter().map(|vapp| vapp.id.any()).chain(vms.iter().map(|vm| vm.id.any()));
    let ids: Vec<Urn> = ids.chain(tasks.iter().map(|task| task.owner)).collect();
    let open = tx.open_tasks(&ids).await.unwrap();
    must!(complaints, open.is_empty(), "locked: {open:?}");
    drop(tx);
    let events = place.all::<Event>().await;
    for task in tasks {
        let ends = events.iter().filter(|event| {
            event.entity == task.owner
                && event.operation == task.operation_name
                && event.outcome != Outcome::Accepted
        });
        let ends = ends.count();
        must!(complaints, ends == 1, "{} ended {ends} times in the audit log", task.operation);
    }
}

/// Done as asked, undone where it fails, or never begun: nothing else.
async fn as_asked(
    place: &Place,
    scenario: Scenario,
    task: Option<&Task>,
    complaints: &mut Vec<String>,
) {
    let status = task.map(|task| task.status);
    let expected = match scenario {
        Scenario::Failing => TaskStatus::Error,
        _ => TaskStatus::Success,
    };
    must!(complaints, status.is_none_or(|status| status == expected), "the task ended as {task:?}");
    if scenario == Scenario::Failing {
        let told = task.is_none_or(|task| {
            task.failure.as_ref().is_some_and(|failure| !failure.message.is_empty())
        });
        must!(complaints, told, "no reason was given: {task:?}");
    }
    let vms = place.all::<Vm>().await;
    let found: BTreeMap<&str, (PowerState, i64)> =
        vms.iter().map(|vm| (vm.name.as_str(), (vm.state.power, vm.spec.memory_mib))).collect();
    let (on, off) = ((PowerState::On, 1024), (PowerState::Off, 1024));
    let done = task.is_some();
    let wanted: BTreeMap<&str, (PowerState, i64)> = BTreeMap::from_iter(match (scenario, done) {
        (Scenario::Failing, _) | (Scenario::Delete | Scenario::RemoveOrg, true) => vec![],
        (Scenario::Delete | Scenario::RemoveOrg, false) | (Scenario::PowerOn, true) => {
            vec![("db", on), ("web", on)]
        }
        (Scenario::Recompose, true) => vec![("cache", on), ("web", off)],
        (Scenario::Change, true) => vec![("db", off), ("web", (PowerState::Off, 2048))],
        (Scenario::Recompose | Scenario::Change | Scenario::PowerOn, _) => {
            vec![("db", off), ("web", off)]
        }
        (_, true) => vec![("db", on), ("web", on)],
        (_, false) => vec![],
    });
    must!(complaints, found == wanted, "found {found:?} instead of {wanted:?}");
    let shop = scenario.begins_with_it_on() != done
        || matches!(scenario, Scenario::Recompose | Scenario::Change | Scenario::PowerOn);
    let shop = shop && scenario != Scenario::Failing;
    let vapps = place.all::<VApp>().await.len();
    must!(complaints, vapps == usize::from(shop), "{vapps} vApps, task {status:?}");
    if scenario == Scenario::RemoveOrg {
        let (orgs, vdcs) = (place.all::<Org>().await.len(), place.all::<Vdc>().await.len());
        let rest = (place.all::<Catalog>().await.len(), place.all::<Template>().await.len());
        let wanted = usize::from(!done);
        let all = (orgs, vdcs, rest) == (1 + wanted, wanted, (wanted, wanted));
        must!(complaints, all, "{orgs} organizations, {vdcs} VDCs, {rest:?} in catalogs");
    }
}

/// What is there can be deleted, and its name is free afterwards.
async fn usable(place: &Place, complaints: &mut Vec<String>) {
    let (cloud, me) = (&place.cloud, &Caller::system());
    for vapp in place.all::<VApp>().await {
        let deleted = match cloud.delete_vapp(me, vapp.id, Deletion::Forced).await {
            // The worker in the background may have it.
            Ok(task) => finished(cloud, me, task).await,
            Err(error) => Err(error),
        };
        must!(complaints, deleted.is_ok(), "{} cannot be deleted: {deleted:?}", vapp.name);
    }
    must!(complaints, place.simulator.is_empty(), "VMs are left: {:?}", place.simulator.vm_ids());
    let Some(vdc) = place.all::<Vdc>().await.first().map(|vdc| vdc.id) else {
        let new = NewOrg { name: "org-1".to_owned(), ..NewOrg::default() };
        let made = cloud.create_org(me, new).await;
        must!(complaints, made.is_ok(), "the organization's name is not free: {made:?}");
        return;
    };
    let new = NewVApp { name: "shop".to_owned(), ..NewVApp::default() };
    let made = cloud.create_vapp(me, vdc, new).await;
    must!(complaints, made.is_ok(), "the name is not free: {made:?}");
}
