//! Tasks, as their owners see them.

use std::time::Duration;

use super::{Caller, Cloud, found};
use crate::{
    error::{Error, Result},
    id::Id,
    model::{Org, Task},
};

/// How many tasks a tasks list shows.
const LIST: u32 = 50;

impl Cloud {
    /// A task.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn task(&self, caller: &Caller, id: Id<Task>) -> Result<Task> {
        let task: Task = found(self.glance().await?.get(id).await?, id)?;
        if caller.sees_owned(task.org, task.user) { Ok(task) } else { Err(Error::no_access(id)) }
    }

    /// Waits until a task is over, for callers that do not look at tasks; as it is when the patience is at
    /// its end.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn await_task(&self, mut task: Task, patience: Duration) -> Result<Task> {
        const LOOK_AGAIN: Duration = Duration::from_millis(25);
        let mut left = patience;
        while !task.status.is_final() && !left.is_zero() {
            tokio::time::sleep(LOOK_AGAIN.min(left)).await;
            left = left.saturating_sub(LOOK_AGAIN);
            task = self.glance().await?.require(task.id).await?;
        }
        Ok(task)
    }

    /// An organization with its newest tasks that the caller sees.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn tasks(&self, caller: &Caller, org: Id<Org>) -> Result<Vec<Task>> {
        if !caller.sees_org(org) {
            return Err(Error::no_access(org));
        }
        self.glance().await?.recent_tasks(Some(org), caller.scope().owner, LIST).await
    }

    /// Asks a task to stop. It stops between two steps, and what it had done is undone.
    ///
    /// # Errors
    /// `InvalidState` when it is over; `Forbidden`.
    pub async fn cancel_task(&self, caller: &Caller, id: Id<Task>) -> Result<()> {
        let mut tx = self.begin().await?;
        let mut task: Task = found(tx.get(id).await?, id)?;
        if !caller.sees_owned(task.org, task.user) {
            return Err(Error::no_access(id));
        }
        if task.status.is_final() {
            return Err(Error::invalid_state("The task is over and cannot be cancelled."));
        }
        task.cancel_requested = true;
        tx.update(&mut task).await?;
        tx.commit().await
    }
}
