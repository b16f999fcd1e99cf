//! Connections for reading without a transaction.
//!
//! The pool asks a connection whether it is still there when it is taken and when it is given back: two more
//! round trips to the database for a statement. A lane takes connections out of the pool and keeps them. One
//! that turns out to be broken is thrown away, and its statement is repeated on the next: it only reads.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{Connection as _, Database, Pool};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Connections that nobody used for this long are closed.
const IDLE: Duration = Duration::from_secs(10 * 60);
/// Connections are closed at this age, so that the database can clean up behind them.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

pub(super) struct Lane<DB: Database> {
    /// Where connections are made.
    pool: Pool<DB>,
    places: Arc<Semaphore>,
    patience: Duration,
    /// The one used last at the end.
    idle: Mutex<VecDeque<Idle<DB>>>,
}

struct Idle<DB: Database> {
    connection: DB::Connection,
    born: Instant,
    since: Instant,
}

impl<DB: Database> Lane<DB> {
    /// At most `size` connections at a time, beside those of the pool; `patience` is how long to wait for one.
    /// None for none.
    pub(super) fn new(pool: &Pool<DB>, size: usize, patience: Duration) -> Option<Arc<Self>> {
        let places = Arc::new(Semaphore::new(size));
        let lane = || Self { pool: pool.clone(), places, patience, idle: Mutex::default() };
        (size > 0).then(|| Arc::new(lane()))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, VecDeque<Idle<DB>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection, when there is a place for one.
    pub(super) async fn take(self: &Arc<Self>) -> Result<Lease<DB>, sqlx::Error> {
        let place = timeout(self.patience, Arc::clone(&self.places).acquire_owned())
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)?;
        let known = self.idle().pop_back().filter(|idle| idle.since.elapsed() < IDLE);
        let (connection, born, used) = match known {
            Some(idle) => (idle.connection, idle.born, true),
            None => (self.pool.acquire().await?.detach(), Instant::now(), false),
        };
        Ok(Lease {
            lane: Arc::clone(self),
            connection: Some(connection),
            born,
            used,
            sound: true,
            _place: place,
        })
    }

    pub(super) async fn close(&self) {
        self.places.close();
        let all = std::mem::take(&mut *self.idle());
        for idle in all {
            idle.connection.close().await.ok();
        }
    }

    fn give_back(&self, connection: DB::Connection, born: Instant) {
        let now = Instant::now();
        let mut idle = self.idle();
        // The one that was longest without use; closing it is letting go of it.
        let old = idle.front().is_some_and(|oldest| now.duration_since(oldest.since) > IDLE);
        let old = old.then(|| idle.pop_front());
        if now.duration_since(born) < LIFETIME && !self.places.is_closed() {
            idle.push_back(Idle { connection, born, since: now });
        }
        drop(idle);
        drop(old);
    }
}

/// A connection of a lane. It goes back when it is dropped, unless a statement failed or did not end.
pub(super) struct Lease<DB: Database> {
    lane: Arc<Lane<DB>>,
    connection: Option<DB::Connection>,
    born: Instant,
    used: bool,
    sound: bool,
    _place: OwnedSemaphorePermit,
}

impl<DB: Database> Lease<DB> {
    /// The connection, for a statement that is about to begin.
    pub(super) fn connection(&mut self) -> Result<&mut DB::Connection, sqlx::Error> {
        self.sound = false;
        self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// Notes how the statement went. True if the connection, and not the statement, is to blame: then it is
    /// another connection now, and the statement is worth repeating.
    pub(super) async fn ended<T>(
        &mut self,
        result: &Result<T, sqlx::Error>,
    ) -> Result<bool, sqlx::Error> {
        self.sound = result.is_ok();
        let broken = result.as_ref().err().is_some_and(is_broken);
        if !broken || !self.used {
            return Ok(false);
        }
        drop(self.connection.take());
        // Each that is known to the lane is tried once at most: in the end there is a new one.
        let known = self.lane.idle().pop_back();
        let (connection, born, used) = match known {
            Some(idle) => (idle.connection, idle.born, true),
            None => (self.lane.pool.acquire().await?.detach(), Instant::now(), false),
        };
        (self.connection, self.born, self.used) = (Some(connection), born, used);
        Ok(true)
    }
}

impl<DB: Database> Drop for Lease<DB> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take().filter(|_| self.sound) {
            self.lane.give_back(connection, self.born);
        }
    }
}

/// Whether the connection is gone: the network, or a database that shuts down.
fn is_broken(cause: &sqlx::Error) -> bool {
    match cause {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(database) => {
            database.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
        }
        _ => false,
    }
}
