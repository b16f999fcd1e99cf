//! All that differs between SQLite and PostgreSQL: connections, transactions, errors.
//!
//! Statements are the same text for both, with `$1` placeholders. Values are always bound, never written
//! into a statement.

#[cfg(feature = "sqlite")]
use std::time::Duration;
use std::{borrow::Cow, fmt, sync::Arc};

use sqlx::{
    Arguments as _, AssertSqlSafe, Row as _, SqlSafeStr as _, SqlStr, error::DatabaseError,
};
use ssvirt_core::{Error, ErrorKind, Result};

use super::lane::{Lane, Lease};

/// A value to bind.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Val {
    Text(String),
    OptText(Option<String>),
    Int(i64),
    OptInt(Option<i64>),
    OptReal(Option<f64>),
    Bool(bool),
}

impl Val {
    /// An id, or anything else that is stored as it is displayed.
    pub(super) fn text(value: impl fmt::Display) -> Self {
        Self::Text(value.to_string())
    }

    /// As [`Val::text`], for what may be absent.
    pub(super) fn opt(value: Option<impl fmt::Display>) -> Self {
        Self::OptText(value.map(|value| value.to_string()))
    }

    /// PostgreSQL cannot store NUL in text; the engines are kept alike.
    fn has_nul(&self) -> bool {
        match self {
            Self::Text(text) | Self::OptText(Some(text)) => text.contains('\0'),
            _ => false,
        }
    }
}

macro_rules! bind_all {
    ($arguments:expr, $vals:expr) => {{
        let mut arguments = $arguments;
        for val in $vals {
            match val {
                Val::Text(text) => arguments.add(text),
                Val::OptText(text) => arguments.add(text),
                Val::Int(number) => arguments.add(number),
                Val::OptInt(number) => arguments.add(number),
                Val::OptReal(number) => arguments.add(number),
                Val::Bool(flag) => arguments.add(flag),
            }
            .map_err(Error::internal)?;
        }
        arguments
    }};
}

/// A row that a statement answered with; columns are read by their place.
pub(super) enum Row {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::sqlite::SqliteRow),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::postgres::PgRow),
}

// Unchecked: SQLite does not know the types of expressions, and the statements cast where it matters.
macro_rules! column {
    ($name:ident $type:ty) => {
        pub(super) fn $name(&self, index: usize) -> Result<$type> {
            match self {
                #[cfg(feature = "sqlite")]
                Self::Sqlite(row) => row.try_get_unchecked(index),
                #[cfg(feature = "postgres")]
                Self::Postgres(row) => row.try_get_unchecked(index),
            }
            .map_err(Error::internal)
        }
    };
}

impl Row {
    column!(text String);
    column!(opt_text Option<String>);
    column!(int i64);
    column!(opt_int Option<i64>);
    column!(bool bool);
    column!(opt_bool Option<bool>);
}

/// Sees the text of every statement before it is run.
pub(super) type Observer = Arc<dyn Fn(&str) + Send + Sync>;

/// A connection to work with.
pub(super) struct Conn {
    link: Link,
    observer: Option<Observer>,
}

enum Link {
    #[cfg(feature = "sqlite")]
    Sqlite(On<sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(On<sqlx::Postgres>),
}

enum On<DB: sqlx::Database> {
    /// Dropping it rolls it back.
    Transaction(sqlx::Transaction<'static, DB>),
    /// Each statement on its own; they only read.
    Lane(Lease<DB>),
}

/// Runs a statement: on a lane again, should the connection turn out to be broken.
macro_rules! run {
    ($on:expr, $arguments:ty, $sql:expr, $vals:expr, $method:ident) => {
        match $on {
            On::Transaction(tx) => {
                let arguments = bind_all!(<$arguments>::default(), $vals);
                sqlx::query_with($sql, arguments).$method(&mut **tx).await.map_err(error)
            }
            On::Lane(lease) => loop {
                let arguments = bind_all!(<$arguments>::default(), $vals.clone());
                let connection = lease.connection().map_err(error)?;
                let result = sqlx::query_with($sql.clone(), arguments).$method(connection).await;
                if !lease.ended(&result).await.map_err(error)? {
                    break result.map_err(error);
                }
            },
        }
    };
}

impl Conn {
    /// Runs a statement and takes its rows.
    pub(super) async fn fetch(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        vals: Vec<Val>,
    ) -> Result<Vec<Row>> {
        let sql = self.check(sql.into(), &vals)?;
        match &mut self.link {
            #[cfg(feature = "sqlite")]
            Link::Sqlite(on) => {
                let rows = run!(on, sqlx::sqlite::SqliteArguments, sql, vals, fetch_all)?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            #[cfg(feature = "postgres")]
            Link::Postgres(on) => {
                let rows = run!(on, sqlx::postgres::PgArguments, sql, vals, fetch_all)?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// Runs a statement; how many rows it changed.
    pub(super) async fn execute(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        vals: Vec<Val>,
    ) -> Result<u64> {
        let sql = self.check(sql.into(), &vals)?;
        match &mut self.link {
            #[cfg(feature = "sqlite")]
            Link::Sqlite(On::Transaction(tx)) => {
                let arguments = bind_all!(sqlx::sqlite::SqliteArguments::default(), vals);
                let done = sqlx::query_with(sql, arguments).execute(&mut **tx).await;
                Ok(done.map_err(error)?.rows_affected())
            }
            #[cfg(feature = "postgres")]
            Link::Postgres(On::Transaction(tx)) => {
                let arguments = bind_all!(sqlx::postgres::PgArguments::default(), vals);
                let done = sqlx::query_with(sql, arguments).execute(&mut **tx).await;
                Ok(done.map_err(error)?.rows_affected())
            }
            #[allow(unreachable_patterns, reason = "there may be one engine")]
            _ => Err(Error::internal("what is read at a glance cannot be changed")),
        }
    }

    /// The text as the driver takes it; cheap to clone.
    fn check(&self, sql: Cow<'static, str>, vals: &[Val]) -> Result<SqlStr> {
        refuse_nul(vals)?;
        if let Some(observer) = &self.observer {
            observer(&sql);
        }
        Ok(match sql {
            Cow::Borrowed(sql) => sql.into_sql_str(),
            Cow::Owned(sql) => AssertSqlSafe(Arc::new(sql)).into_sql_str(),
        })
    }

    /// Makes the changes lasting.
    pub(super) async fn commit(self) -> Result<()> {
        match self.link {
            #[cfg(feature = "sqlite")]
            Link::Sqlite(On::Transaction(tx)) => tx.commit().await,
            #[cfg(feature = "postgres")]
            Link::Postgres(On::Transaction(tx)) => tx.commit().await,
            // Nothing was changed.
            #[allow(unreachable_patterns, reason = "there may be one engine")]
            _ => Ok(()),
        }
        .map_err(error)
    }

    /// What makes a reader of a row wait for others that read it so. On SQLite there is only one writer at
    /// a time.
    pub(super) fn for_update(&self) -> Option<&'static str> {
        match self.link {
            #[cfg(feature = "sqlite")]
            Link::Sqlite(_) => None,
            #[cfg(feature = "postgres")]
            Link::Postgres(_) => Some(" FOR UPDATE"),
        }
    }

    /// What follows the `SELECT` of a row that several workers compete for, so that each takes another one. On
    /// SQLite there is only one writer at a time.
    pub(super) fn skip_locked(&self) -> &'static str {
        match self.link {
            #[cfg(feature = "sqlite")]
            Link::Sqlite(_) => "",
            #[cfg(feature = "postgres")]
            Link::Postgres(_) => " FOR UPDATE SKIP LOCKED",
        }
    }
}

fn refuse_nul(vals: &[Val]) -> Result<()> {
    if vals.iter().any(Val::has_nul) {
        return Err(Error::bad_request("Text must not contain the NUL character."));
    }
    Ok(())
}

/// The connections to one database. Where there can be only one, there is no lane.
#[derive(Clone)]
pub(super) struct Engine {
    pools: Pools,
    observer: Option<Observer>,
}

#[derive(Clone)]
pub(super) enum Pools {
    /// One connection that writes, and several that read beside it (WAL). In memory both are the same one.
    #[cfg(feature = "sqlite")]
    Sqlite {
        writer: sqlx::SqlitePool,
        readers: sqlx::SqlitePool,
        lane: Option<Arc<Lane<sqlx::Sqlite>>>,
    },
    #[cfg(feature = "postgres")]
    Postgres { pool: sqlx::PgPool, lane: Option<Arc<Lane<sqlx::Postgres>>> },
}

impl Engine {
    #[cfg(feature = "sqlite")]
    pub(super) async fn sqlite(url: &str, options: &super::SqlOptions) -> Result<Self> {
        use sqlx::{
            ConnectOptions as _, Connection as _,
            sqlite::{
                SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
            },
        };

        let memory = url.contains(":memory:") || url.contains("mode=memory");
        let connect: SqliteConnectOptions = url.parse().map_err(bad_url)?;
        let mut connect = connect
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(options.acquire_timeout)
            // Otherwise LIKE would ignore case, unlike PostgreSQL's.
            .pragma("case_sensitive_like", "ON");
        if !memory {
            // A commit in WAL survives the end of the process either way; FULL also syncs the log, so
            // that it survives a power cut.
            let synchronous = if options.survive_power_loss {
                SqliteSynchronous::Full
            } else {
                SqliteSynchronous::Normal
            };
            connect = connect.journal_mode(SqliteJournalMode::Wal).synchronous(synchronous);
            // The first connection turns WAL on, which the busy timeout does not cover.
            let patience = Patience::new(options.acquire_timeout);
            loop {
                match connect.connect().await {
                    Ok(connection) => {
                        connection.close().await.map_err(error)?;
                        break;
                    }
                    Err(cause) if patience.once_more(&cause).await => {}
                    Err(cause) => {
                        let path = connect.get_filename().display();
                        return Err(Error::unavailable(format!(
                            "The database {path} cannot be opened."
                        ))
                        .with_source(cause));
                    }
                }
            }
        }
        // A database in memory goes with its last connection, so that one is never given up.
        let pool = |size| {
            SqlitePoolOptions::new()
                .max_connections(size)
                .min_connections(u32::from(memory))
                .acquire_timeout(options.acquire_timeout)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        let cores = || std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
        let connections = options.max_connections.unwrap_or_else(|| cores().min(16) as u32);
        let (transactions, single) = shares(connections);
        let writer = pool(1).connect_lazy_with(connect.clone());
        let readers = if memory {
            writer.clone()
        } else {
            pool(transactions).connect_lazy_with(connect.pragma("query_only", "ON"))
        };
        let lane = Lane::new(&readers, if memory { 0 } else { single }, options.acquire_timeout);
        Ok(Self { pools: Pools::Sqlite { writer, readers, lane }, observer: None })
    }

    #[cfg(feature = "postgres")]
    pub(super) fn postgres(url: &str, options: &super::SqlOptions) -> Result<Self> {
        let connect: sqlx::postgres::PgConnectOptions = url.parse().map_err(bad_url)?;
        let (transactions, single) = shares(options.max_connections.unwrap_or(16));
        let pool = sqlx::postgres::PgPoolOptions::new()
            .max_connections(transactions)
            .acquire_timeout(options.acquire_timeout)
            .connect_lazy_with(connect);
        let lane = Lane::new(&pool, single, options.acquire_timeout);
        Ok(Self { pools: Pools::Postgres { pool, lane }, observer: None })
    }

    /// The pools, for what is done before there is a schema.
    pub(super) fn pools(&self) -> &Pools {
        &self.pools
    }

    /// Has every statement seen by an observer from now on.
    pub(super) fn observe(&mut self, observer: Observer) {
        self.observer = Some(observer);
    }

    fn conn(&self, link: Link) -> Conn {
        Conn { link, observer: self.observer.clone() }
    }

    pub(super) fn name(&self) -> &'static str {
        match self.pools {
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { .. } => "sqlite",
            #[cfg(feature = "postgres")]
            Pools::Postgres { .. } => "postgres",
        }
    }

    /// A transaction that may write. SQLite takes the write lock at once: a transaction that first reads
    /// could not be waited for.
    pub(super) async fn begin(&self) -> Result<Conn> {
        let link = match &self.pools {
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { writer, .. } => writer
                .begin_with("BEGIN IMMEDIATE")
                .await
                .map(|tx| Link::Sqlite(On::Transaction(tx))),
            #[cfg(feature = "postgres")]
            Pools::Postgres { pool, .. } => {
                pool.begin().await.map(|tx| Link::Postgres(On::Transaction(tx)))
            }
        };
        Ok(self.conn(link.map_err(error)?))
    }

    /// A transaction that sees one state of the database throughout.
    pub(super) async fn read(&self) -> Result<Conn> {
        let link = match &self.pools {
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { readers, .. } => {
                readers.begin().await.map(|tx| Link::Sqlite(On::Transaction(tx)))
            }
            #[cfg(feature = "postgres")]
            Pools::Postgres { pool, .. } => pool
                .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                .await
                .map(|tx| Link::Postgres(On::Transaction(tx))),
        };
        Ok(self.conn(link.map_err(error)?))
    }

    /// A connection whose statements only read, each on its own.
    pub(super) async fn glance(&self) -> Result<Conn> {
        let link = match &self.pools {
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { lane: None, .. } => return self.read().await,
            #[cfg(feature = "postgres")]
            Pools::Postgres { lane: None, .. } => return self.read().await,
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { lane: Some(lane), .. } => {
                lane.take().await.map(|lease| Link::Sqlite(On::Lane(lease)))
            }
            #[cfg(feature = "postgres")]
            Pools::Postgres { lane: Some(lane), .. } => {
                lane.take().await.map(|lease| Link::Postgres(On::Lane(lease)))
            }
        };
        Ok(self.conn(link.map_err(error)?))
    }

    pub(super) async fn close(&self) {
        match &self.pools {
            #[cfg(feature = "sqlite")]
            Pools::Sqlite { writer, readers, lane } => {
                if let Some(lane) = lane {
                    lane.close().await;
                }
                readers.close().await;
                writer.close().await;
            }
            #[cfg(feature = "postgres")]
            Pools::Postgres { pool, lane } => {
                if let Some(lane) = lane {
                    lane.close().await;
                }
                pool.close().await;
            }
        }
    }
}

/// Of so many connections, those for transactions and those for single statements.
fn shares(connections: u32) -> (u32, usize) {
    let single = connections / 2;
    ((connections - single).max(1), single as usize)
}

fn bad_url(cause: sqlx::Error) -> Error {
    // The cause may repeat the URL and its password: it is for the log only.
    Error::bad_request("The database URL is not valid.").with_source(cause)
}

/// For what fails because another connection holds the SQLite database, and is worth repeating.
#[cfg(feature = "sqlite")]
pub(super) struct Patience(tokio::time::Instant);

#[cfg(feature = "sqlite")]
impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self(tokio::time::Instant::now() + limit)
    }

    /// Waits a little and says true, unless the failure is another one or the patience is at its end.
    pub(super) async fn once_more(&self, cause: &sqlx::Error) -> bool {
        let busy = cause.as_database_error().is_some_and(is_busy);
        let more = busy && tokio::time::Instant::now() < self.0;
        if more {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        more
    }
}

/// SQLITE_BUSY and SQLITE_LOCKED, with their extended forms.
#[cfg(feature = "sqlite")]
fn is_busy(cause: &dyn DatabaseError) -> bool {
    sqlite_code(cause).is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

fn sqlite_code(cause: &dyn DatabaseError) -> Option<i32> {
    #[cfg(feature = "sqlite")]
    if cause.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        return cause.code()?.parse().ok();
    }
    let _ = cause;
    None
}

/// What a database's error means here. A taken name has no name in its message yet: see [`taken`].
pub(super) fn error(cause: sqlx::Error) -> Error {
    let unavailable = |cause: sqlx::Error| {
        Error::unavailable("The database is not available.").with_source(cause)
    };
    match &cause {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed
        | sqlx::Error::Protocol(_) => unavailable(cause),
        sqlx::Error::Database(database) => {
            if database.is_unique_violation() {
                return unique(cause);
            }
            let transient = match sqlite_code(&**database) {
                // SQLITE_BUSY, LOCKED, NOMEM, IOERR, FULL, CANTOPEN
                Some(code) => matches!(code & 0xff, 5 | 6 | 7 | 10 | 13 | 14),
                // Classes of SQLSTATE: connection, resources, operator intervention, transaction rollback
                // (deadlock, serialization), and the database starting, missing or refusing logins.
                None => database.code().is_some_and(|code| {
                    ["08", "53", "57", "40", "28", "3D"].iter().any(|class| code.starts_with(class))
                }),
            };
            if transient { unavailable(cause) } else { Error::internal(cause) }
        }
        _ => Error::internal(cause),
    }
}

/// Names are kept unique by indexes called `<table>_name`; any other unique key is an id.
fn unique(cause: sqlx::Error) -> Error {
    const SQLITE_CONSTRAINT_UNIQUE: i32 = 2067;
    let name = cause.as_database_error().is_some_and(|database| match sqlite_code(database) {
        Some(code) => code == SQLITE_CONSTRAINT_UNIQUE,
        None => database.constraint().is_some_and(|constraint| constraint.ends_with("_name")),
    });
    if name {
        Error::new(ErrorKind::DuplicateName, "The name is already in use.").with_source(cause)
    } else {
        Error::new(ErrorKind::Conflict, "The object exists already.").with_source(cause)
    }
}

/// Puts the name into the message of an error that says it is taken.
pub(super) fn taken(name: &str, error: Error) -> Error {
    if error.kind() == ErrorKind::DuplicateName {
        Error::new(ErrorKind::DuplicateName, format!("The name \"{name}\" is already in use."))
            .with_source(error)
    } else {
        error
    }
}
