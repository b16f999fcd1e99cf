//! Steps, leases and locks of tasks.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use ssvirt_core::{
    Error, ErrorKind, Id, Result,
    id::Urn,
    model::{Org, Task, TaskStatus, TaskStep, User},
    store::{Table, TaskStore, gather},
};

use super::{
    SqlTx,
    driver::Val,
    record::{Record as _, decode},
};

#[async_trait]
impl TaskStore for SqlTx {
    async fn insert_task(&mut self, task: &Task, steps: &[TaskStep], locks: &[Urn]) -> Result<()> {
        self.insert_row(task).await?;
        for step in steps {
            self.conn
                .execute(
                    "INSERT INTO task_steps (task_id, seq, step, done) VALUES ($1, $2, $3, $4)",
                    vec![
                        Val::text(task.id),
                        Val::Int(step.seq.into()),
                        Val::Text(serde_json::to_string(&step.step)?),
                        Val::Bool(step.done),
                    ],
                )
                .await?;
        }
        // Sorted, so that two tasks that want the same objects cannot wait for each other.
        for urn in BTreeSet::from_iter(locks) {
            let taken = self
                .conn
                .execute(
                    "INSERT INTO task_locks (entity, task_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    vec![Val::text(urn), Val::text(task.id)],
                )
                .await?;
            if taken == 0 {
                return Err(Error::new(
                    ErrorKind::Busy,
                    format!("The entity {urn} is busy completing an operation."),
                ));
            }
        }
        Ok(())
    }

    async fn task_steps(&mut self, task: Id<Task>) -> Result<Vec<TaskStep>> {
        let sql = "SELECT seq, step, done FROM task_steps WHERE task_id = $1 ORDER BY seq";
        let rows = self.conn.fetch(sql, vec![Val::text(task)]).await?;
        rows.iter()
            .map(|row| {
                let seq = i32::try_from(row.int(0)?).map_err(Error::internal)?;
                Ok(TaskStep { seq, step: serde_json::from_str(&row.text(1)?)?, done: row.bool(2)? })
            })
            .collect()
    }

    async fn mark_step(&mut self, task: Id<Task>, seq: i32, done: bool) -> Result<()> {
        let sql = "UPDATE task_steps SET done = $1 WHERE task_id = $2 AND seq = $3";
        let vals = vec![Val::Bool(done), Val::text(task), Val::Int(seq.into())];
        if self.conn.execute(sql, vals).await? == 0 {
            return Err(Error::internal(format!("task {task} has no step {seq}")));
        }
        Ok(())
    }

    async fn claim_task(
        &mut self,
        worker: &str,
        only: Option<Id<Task>>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Task>> {
        let mut vals = vec![Val::Int(now.as_millisecond())];
        let only = match only {
            Some(id) => {
                vals.push(Val::text(id));
                "AND id = $2"
            }
            None => "",
        };
        let sql = format!(
            "SELECT data, version FROM tasks WHERE unfinished = true \
             AND (lease_until IS NULL OR lease_until < $1) {only} ORDER BY started, id LIMIT 1{}",
            self.conn.skip_locked()
        );
        let Some(mut task) = self
            .conn
            .fetch(sql, vals)
            .await?
            .first()
            .map(|row| decode::<Task>(row, 0))
            .transpose()?
        else {
            return Ok(None);
        };
        // The row is ours now: by its lock on PostgreSQL, as the only writer on SQLite.
        if task.status == TaskStatus::Queued {
            task.status = TaskStatus::Running;
        }
        self.update_row(&mut task).await?;
        self.conn
            .execute(
                "UPDATE tasks SET lease_owner = $1, lease_until = $2 WHERE id = $3",
                vec![Val::text(worker), Val::Int(until.as_millisecond()), Val::text(task.id)],
            )
            .await?;
        Ok(Some(task))
    }

    async fn renew_lease(
        &mut self,
        task: Id<Task>,
        worker: &str,
        until: Timestamp,
    ) -> Result<bool> {
        let sql = "UPDATE tasks SET lease_until = $1 WHERE id = $2 AND lease_owner = $3";
        let vals = vec![Val::Int(until.as_millisecond()), Val::text(task), Val::text(worker)];
        Ok(self.conn.execute(sql, vals).await? > 0)
    }

    async fn release_task(&mut self, task: Id<Task>, finished: bool) -> Result<()> {
        let sql = "UPDATE tasks SET lease_owner = NULL, lease_until = NULL WHERE id = $1";
        self.conn.execute(sql, vec![Val::text(task)]).await?;
        if finished {
            // Steps hold what was there before, secrets of guests among it: of no use to a task that is over.
            for table in ["task_locks", "task_steps"] {
                let sql = format!("DELETE FROM {table} WHERE task_id = $1");
                self.conn.execute(sql, vec![Val::text(task)]).await?;
            }
        }
        Ok(())
    }

    async fn postpone_task(
        &mut self,
        task: Id<Task>,
        waits_for: &str,
        until: Timestamp,
    ) -> Result<()> {
        // What it waits for has its lease: nobody takes it before that runs out, or is given up.
        let sql = "UPDATE tasks SET lease_owner = $1, lease_until = $2 WHERE id = $3 AND unfinished = true";
        let vals = vec![Val::text(waits_for), Val::Int(until.as_millisecond()), Val::text(task)];
        self.conn.execute(sql, vals).await.map(drop)
    }

    async fn wake_tasks(&mut self, waited_for: &str) -> Result<u64> {
        let sql = "UPDATE tasks SET lease_owner = NULL, lease_until = NULL \
                   WHERE unfinished = true AND lease_owner = $1";
        self.conn.execute(sql, vec![Val::text(waited_for)]).await
    }

    async fn open_tasks(&mut self, entities: &[Urn]) -> Result<Vec<(Urn, Task)>> {
        // Bounded, as values a statement are.
        const PLACES: usize = 500;
        let mut found = Vec::new();
        for entities in entities.chunks(PLACES) {
            let (tasks,) = self.gather_typed((gather::open_tasks(entities),)).await?;
            found.extend(tasks);
        }
        Ok(found)
    }

    async fn recent_tasks(
        &mut self,
        org: Option<Id<Org>>,
        owner: Option<Id<User>>,
        limit: u32,
    ) -> Result<Vec<Task>> {
        let mut vals = vec![Val::Int(limit.into())];
        let mut condition = "WHERE 1 = 1".to_owned();
        let given = [("org_id", org.map(Val::text)), ("user_id", owner.map(Val::text))];
        for (column, val) in given {
            if let Some(val) = val {
                vals.push(val);
                condition.push_str(&format!(" AND {column} = ${}", vals.len()));
            }
        }
        let sql = format!(
            "SELECT data, version FROM {} {condition} ORDER BY started DESC, id DESC LIMIT $1",
            Task::TABLE
        );
        self.conn.fetch(sql, vals).await?.iter().map(|row| decode(row, 0)).collect()
    }
}
