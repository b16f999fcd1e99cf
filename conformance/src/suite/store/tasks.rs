//! Steps, locks and leases of tasks.

use std::collections::HashSet;

use futures_util::future::join_all;
use ssvirt_core::{
    ErrorKind, Id, TenancyStore,
    id::Urn,
    model::{Org, Task, TaskStatus, TaskStep, User, VApp, Vm},
    task::Step,
};

use super::scene::{self, at, begin, id, read};

fn someone() -> User {
    scene::user(id(), "u")
}

/// Stores a queued task that was started at `started` and locks `locks`.
async fn stored(store: &dyn TenancyStore, org: Id<Org>, started: i64, locks: &[Urn]) -> Task {
    let task = scene::task(org, &someone(), id::<Vm>().any(), at(started));
    let mut tx = begin(store).await;
    tx.insert_task(&task, &[], locks).await.unwrap();
    tx.commit().await.unwrap();
    task
}

async fn claim(
    store: &dyn TenancyStore,
    worker: &str,
    only: Option<Id<Task>>,
    now: i64,
) -> Option<Task> {
    let mut tx = begin(store).await;
    let task = tx.claim_task(worker, only, at(now), at(now + 10)).await.unwrap();
    tx.commit().await.unwrap();
    task
}

/// Steps come back in order, and are marked one by one.
pub async fn a_task_has_steps(store: &dyn TenancyStore) {
    let task = scene::task(id(), &someone(), id::<Vm>().any(), at(0));
    let steps: Vec<_> =
        [Step::Done, Step::Settle { vapp: Some(id()), vms: vec![id(), id()] }, Step::Done]
            .into_iter()
            .enumerate()
            .map(|(seq, step)| TaskStep { seq: seq as i32, step, done: seq == 0 })
            .collect();
    let mut tx = begin(store).await;
    tx.insert_task(&task, &steps, &[]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(read(store).await.get(task.id).await.unwrap(), Some(task.clone()));
    assert_eq!(read(store).await.task_steps(task.id).await.unwrap(), steps);
    assert_eq!(read(store).await.task_steps(id()).await.unwrap(), []);

    let mut tx = begin(store).await;
    tx.mark_step(task.id, 1, true).await.unwrap();
    tx.mark_step(task.id, 0, false).await.unwrap();
    tx.commit().await.unwrap();
    let done: Vec<_> = read(store)
        .await
        .task_steps(task.id)
        .await
        .unwrap()
        .into_iter()
        .map(|step| step.done)
        .collect();
    assert_eq!(done, [false, true, false]);
}

/// A task that waits for something is taken when that is there, or when it has waited long enough.
pub async fn tasks_wait_for_something(store: &dyn TenancyStore) {
    let org = id();
    let [soon, late, other] = [
        stored(store, org, 0, &[]).await,
        stored(store, org, 1, &[]).await,
        stored(store, org, 2, &[]).await,
    ];
    for (task, what, until) in [(&soon, "rain", 20), (&late, "rain", 1_000), (&other, "sun", 1_000)]
    {
        assert_eq!(claim(store, "worker", Some(task.id), 5).await.unwrap().id, task.id);
        let mut tx = begin(store).await;
        tx.postpone_task(task.id, what, at(until)).await.unwrap();
        tx.commit().await.unwrap();
    }
    // Whoever held it holds it no more.
    let mut tx = begin(store).await;
    assert!(!tx.renew_lease(soon.id, "worker", at(30)).await.unwrap());
    drop(tx);
    assert_eq!(claim(store, "worker", None, 10).await, None);
    assert_eq!(claim(store, "worker", None, 21).await.unwrap().id, soon.id);
    let wake = async |what| {
        let mut tx = begin(store).await;
        let woken = tx.wake_tasks(what).await.unwrap();
        tx.commit().await.unwrap();
        woken
    };
    assert_eq!(wake("snow").await, 0);
    assert_eq!(wake("rain").await, 1);
    assert_eq!(claim(store, "worker", None, 22).await.unwrap().id, late.id);
    assert_eq!(claim(store, "worker", None, 22).await, None);
    assert_eq!(wake("sun").await, 1);
    // What is over waits for nothing.
    let mut tx = begin(store).await;
    let mut row: Task = tx.require(other.id).await.unwrap();
    row.status = TaskStatus::Success;
    tx.update(&mut row).await.unwrap();
    tx.postpone_task(other.id, "sun", at(1_000)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(wake("sun").await, 0);
}

/// What one task works on no other can be stored for.
pub async fn objects_are_locked_once(store: &dyn TenancyStore) {
    let (vapp, vm) = (id::<VApp>().any(), id::<Vm>().any());
    let holder = stored(store, id(), 0, &[vapp, vm, vm]).await;
    let late = scene::task(id(), &someone(), vm, at(1));
    let mut tx = begin(store).await;
    let error = tx.insert_task(&late, &[], &[id::<Vm>().any(), vm]).await.unwrap_err();
    drop(tx);
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert_eq!(error.message(), format!("The entity {vm} is busy completing an operation."));
    let mut tx = read(store).await;
    let open = tx.open_tasks(&[vm, id::<Vm>().any()]).await.unwrap();
    assert_eq!(open, [(vm, holder.clone())]);
    assert_eq!(tx.open_tasks(&[vapp, vm]).await.unwrap().len(), 2, "one for each object");
    assert_eq!(tx.open_tasks(&[vapp]).await.unwrap(), [(vapp, holder)]);
    assert_eq!(tx.open_tasks(&[]).await.unwrap(), []);
}

/// A finished task holds nothing; one that is merely given up holds on.
pub async fn locks_go_with_the_task(store: &dyn TenancyStore) {
    let vm = id::<Vm>().any();
    let task = stored(store, id(), 0, &[vm]).await;
    let mut task = claim(store, "w", Some(task.id), 0).await.unwrap();
    let mut tx = begin(store).await;
    tx.release_task(task.id, false).await.unwrap();
    assert_eq!(tx.open_tasks(&[vm]).await.unwrap().len(), 1);
    task.status = TaskStatus::Success;
    tx.update(&mut task).await.unwrap();
    assert_eq!(tx.open_tasks(&[vm]).await.unwrap(), [], "a finished task is not open");
    tx.release_task(task.id, true).await.unwrap();
    tx.commit().await.unwrap();
    let next = stored(store, id(), 1, &[vm]).await;
    let mut tx = begin(store).await;
    tx.delete(next.id).await.unwrap();
    tx.commit().await.unwrap();
    stored(store, id(), 2, &[vm]).await;
}

/// A task that finds something locked is not there afterwards, nor are its other locks.
pub async fn a_busy_task_leaves_nothing(store: &dyn TenancyStore) {
    let (taken, free) = (id::<Vm>().any(), id::<Vm>().any());
    stored(store, id(), 0, &[taken]).await;
    let late = scene::task(id(), &someone(), taken, at(1));
    let mut tx = begin(store).await;
    tx.insert(&scene::org("o")).await.unwrap();
    tx.insert_task(&late, &[], &[free, taken]).await.unwrap_err();
    drop(tx);
    assert_eq!(read(store).await.get(late.id).await.unwrap(), None);
    assert_eq!(read(store).await.count::<Org>(&[]).await.unwrap(), 0);
    stored(store, id(), 2, &[free]).await;
}

/// Workers take the oldest task, which then runs; or the one that they ask for.
pub async fn the_oldest_is_claimed(store: &dyn TenancyStore) {
    let second = stored(store, id(), 20, &[]).await;
    let first = stored(store, id(), 10, &[]).await;
    let third = stored(store, id(), 30, &[]).await;
    let claimed = claim(store, "w", None, 100).await.unwrap();
    assert_eq!((claimed.id, claimed.status), (first.id, TaskStatus::Running));
    assert_eq!(claim(store, "w", Some(third.id), 100).await.unwrap().id, third.id);
    assert_eq!(claim(store, "w", None, 100).await.unwrap().id, second.id);
    assert_eq!(claim(store, "w", None, 100).await, None);
    assert_eq!(read(store).await.require(first.id).await.unwrap(), claimed);
}

/// Nobody takes a task while another's lease of it lasts.
pub async fn a_lease_keeps_others_away(store: &dyn TenancyStore) {
    let task = stored(store, id(), 0, &[]).await;
    claim(store, "one", None, 0).await.unwrap();
    assert_eq!(claim(store, "two", None, 5).await, None);
    assert_eq!(claim(store, "two", Some(task.id), 5).await, None);
    let mut tx = begin(store).await;
    assert!(tx.renew_lease(task.id, "one", at(30)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(claim(store, "two", None, 20).await, None);
    let claimed = claim(store, "two", None, 31).await.unwrap();
    assert_eq!(
        (claimed.id, claimed.status),
        (task.id, TaskStatus::Running),
        "a running task is taken over"
    );
}

/// A worker learns from renewing that its task was taken over.
pub async fn a_lost_lease_cannot_be_renewed(store: &dyn TenancyStore) {
    let task = stored(store, id(), 0, &[]).await;
    claim(store, "one", None, 0).await.unwrap();
    claim(store, "two", None, 20).await.unwrap();
    let mut tx = begin(store).await;
    assert!(!tx.renew_lease(task.id, "one", at(99)).await.unwrap());
    assert!(tx.renew_lease(task.id, "two", at(99)).await.unwrap());
    assert!(!tx.renew_lease(id(), "two", at(99)).await.unwrap());
}

/// What is given up can be taken at once.
pub async fn a_release_gives_it_back(store: &dyn TenancyStore) {
    let task = stored(store, id(), 0, &[]).await;
    claim(store, "one", None, 0).await.unwrap();
    let mut tx = begin(store).await;
    tx.release_task(task.id, false).await.unwrap();
    assert!(!tx.renew_lease(task.id, "one", at(99)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(claim(store, "two", None, 1).await.unwrap().id, task.id);
}

/// What is over is not taken again, leased or not.
pub async fn finished_tasks_are_not_claimed(store: &dyn TenancyStore) {
    for status in [TaskStatus::Success, TaskStatus::Error, TaskStatus::Canceled] {
        let task = stored(store, id(), 0, &[]).await;
        let mut task = claim(store, "w", Some(task.id), 0).await.unwrap();
        task.status = status;
        let mut tx = begin(store).await;
        tx.update(&mut task).await.unwrap();
        tx.release_task(task.id, true).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(claim(store, "w", None, 1000).await, None);
        assert_eq!(claim(store, "w", Some(task.id), 1000).await, None);
    }
}

/// Many workers at once take each task once.
pub async fn each_task_is_claimed_once(store: &dyn TenancyStore) {
    let mut tasks = HashSet::new();
    for started in 0..6 {
        tasks.insert(stored(store, id(), started, &[]).await.id);
    }
    let workers =
        (0..12).map(|worker| async move { claim(store, &format!("w{worker}"), None, 50).await });
    let claimed: Vec<_> =
        join_all(workers).await.into_iter().flatten().map(|task| task.id).collect();
    assert!(claimed.len() <= tasks.len(), "{claimed:?}");
    assert_eq!(
        claimed.iter().collect::<HashSet<_>>().len(),
        claimed.len(),
        "one was claimed twice"
    );
    // Workers that looked at the same moment may have come away empty; nothing is forgotten, though.
    let mut all: HashSet<_> = claimed.into_iter().collect();
    while let Some(task) = claim(store, "last", None, 50).await {
        assert!(all.insert(task.id));
    }
    assert_eq!(all, tasks);
}

/// A claim counts as a change of the task: who has read it before cannot overwrite it.
pub async fn a_claim_is_an_update(store: &dyn TenancyStore) {
    let mut old = stored(store, id(), 0, &[]).await;
    let mut claimed = claim(store, "w", None, 1).await.unwrap();
    assert_eq!(claimed.version, old.version + 1);
    let mut tx = begin(store).await;
    assert_eq!(tx.update(&mut old).await.unwrap_err().kind(), ErrorKind::Conflict);
    drop(tx);
    let mut tx = begin(store).await;
    claimed.progress = 10;
    tx.update(&mut claimed).await.unwrap();
    assert!(tx.renew_lease(claimed.id, "w", at(60)).await.unwrap(), "an update leaves the lease");
    claimed.progress = 20;
    tx.update(&mut claimed).await.expect("a renewal is no change of the task");
}

/// The newest tasks of an organization, or of all.
pub async fn recent_tasks_newest_first(store: &dyn TenancyStore) {
    let (a, b) = (id(), id());
    let mut stored_ids = Vec::new();
    for (started, org) in [(1, a), (2, b), (3, a), (4, a)] {
        stored_ids.push(stored(store, org, started, &[]).await.id);
    }
    let mut tx = read(store).await;
    let user = tx.get(stored_ids[0]).await.unwrap().expect("a task").user;
    let mut recent = async |org, owner, limit| -> Vec<_> {
        let tasks = tx.recent_tasks(org, owner, limit).await.unwrap();
        tasks.into_iter().map(|task| task.id).collect()
    };
    let [first, second, third, fourth] = stored_ids[..] else { panic!("four tasks") };
    assert_eq!(recent(Some(a), None, 2).await, [fourth, third]);
    assert_eq!(recent(Some(a), None, 9).await, [fourth, third, first]);
    assert_eq!(recent(None, None, 9).await, [fourth, third, second, first]);
    assert_eq!(recent(Some(a), Some(id()), 9).await, []);
    assert!(recent(Some(a), Some(user), 9).await.contains(&first));
}
