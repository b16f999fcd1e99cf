//! [`TenancyStore`] on SQLite and PostgreSQL.
//!
//! Rows are documents with indexed projections: `data` holds the whole struct as JSON, the other columns
//! what is looked up, kept unique, summed or queried. To add a type: a table in `migrations/`, a file here
//! with its `Record`, and if it can be queried its fields in `query/`.
//!
//! After an error a unit of work can only be dropped: PostgreSQL refuses everything until then.

mod driver;
mod gather;
mod lane;
mod migrate;
mod query;
mod record;
mod resources;
mod session;
mod store;
mod tasks;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use ssvirt_core::{
    Error, Result,
    env::{Clock, SystemClock},
    store::{TenancyStore, Tx, UnitOfWork},
};

use driver::{Conn, Engine};

/// How the database is used.
#[derive(Clone, Debug)]
pub struct SqlOptions {
    /// Most connections at a time; of SQLite those that read, beside the one that writes. Half of them are for
    /// transactions, half for what is read without. Without a number there are 16 to PostgreSQL; to SQLite as
    /// many as there are cores, as each works on one, with memory of its own.
    pub max_connections: Option<u32>,
    /// How long to wait for a connection, or for the writer of a SQLite database, before the database counts
    /// as unavailable.
    pub acquire_timeout: Duration,
    /// Whether SQLite waits for the disk at every commit. Without, a power cut may undo the last commits;
    /// the end of the process, even by `kill -9`, never does. PostgreSQL has its own settings.
    pub survive_power_loss: bool,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self {
            max_connections: None,
            acquire_timeout: Duration::from_secs(5),
            survive_power_loss: true,
        }
    }
}

/// A [`TenancyStore`] in a SQL database.
#[derive(Clone)]
pub struct SqlStore {
    engine: Engine,
    patience: Duration,
    clock: Arc<dyn Clock>,
}

/// Takes `sqlite://PATH`, `sqlite::memory:` or `postgres://...`. PostgreSQL is not connected to before it is
/// needed; a SQLite file is created. [`SqlStore::migrate`] comes next.
///
/// # Errors
/// `BadRequest` for a URL that is not understood, `NotSupported` for an engine that is not compiled in,
/// `Unavailable` when the file cannot be opened.
pub async fn connect(url: &str, options: SqlOptions) -> Result<SqlStore> {
    let scheme = url.split(':').next().unwrap_or_default();
    let engine = match scheme {
        #[cfg(feature = "sqlite")]
        "sqlite" => Engine::sqlite(url, &options).await?,
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => Engine::postgres(url, &options)?,
        #[cfg(not(feature = "sqlite"))]
        "sqlite" => return left_out(scheme),
        #[cfg(not(feature = "postgres"))]
        "postgres" | "postgresql" => return left_out(scheme),
        _ => {
            return Err(Error::bad_request(
                "The database URL must start with sqlite: or postgres:.",
            ));
        }
    };
    Ok(SqlStore { engine, patience: options.acquire_timeout, clock: Arc::new(SystemClock) })
}

#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
fn left_out<T>(scheme: &str) -> Result<T> {
    Err(Error::not_supported(format!("{scheme} databases are left out of this build")))
}

impl SqlStore {
    /// A new database in memory, ready to be used. It goes with the last copy of this.
    ///
    /// # Errors
    /// `Unavailable`, in theory.
    #[cfg(feature = "sqlite")]
    pub async fn memory() -> Result<Self> {
        let store = connect("sqlite::memory:", SqlOptions::default()).await?;
        store.migrate().await?;
        Ok(store)
    }

    /// By this clock, which tells when rows were last changed; the machine's by default.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The same, with every statement seen by `observer` before it is run: its text, never its values. What
    /// begins and ends transactions is not among them.
    #[must_use]
    pub fn observed(mut self, observer: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.engine.observe(Arc::new(observer));
        self
    }

    /// Brings the database to this program's schema. Several replicas may do it at once.
    ///
    /// # Errors
    /// `Unavailable`; `InvalidState` when a program that this one does not know has written it.
    pub async fn migrate(&self) -> Result<()> {
        migrate::run(&self.engine, self.patience).await
    }

    /// Closes all connections. What is called afterwards answers `Unavailable`.
    pub async fn close(&self) {
        self.engine.close().await;
    }
}

#[async_trait]
impl TenancyStore for SqlStore {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    async fn begin(&self) -> Result<Tx> {
        Ok(Box::new(SqlTx { conn: self.engine.begin().await?, clock: Arc::clone(&self.clock) }))
    }

    async fn read(&self) -> Result<Tx> {
        Ok(Box::new(SqlTx { conn: self.engine.read().await?, clock: Arc::clone(&self.clock) }))
    }

    async fn glance(&self) -> Result<Tx> {
        Ok(Box::new(SqlTx { conn: self.engine.glance().await?, clock: Arc::clone(&self.clock) }))
    }

    async fn health(&self) -> Result<()> {
        self.engine.glance().await?.fetch("SELECT 1", Vec::new()).await.map(drop)
    }
}

/// A unit of work: one transaction, or what is read at a glance.
struct SqlTx {
    conn: Conn,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl UnitOfWork for SqlTx {
    async fn commit(self: Box<Self>) -> Result<()> {
        self.conn.commit().await
    }
}
