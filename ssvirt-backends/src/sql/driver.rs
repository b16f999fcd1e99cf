//! All that differs between SQLite and PostgreSQL: connections, transactions, errors.
//!
//! Statements are the same text for both, with `$1` placeholders. Values are always bound, never written
//! into a statement.

#[cfg(feature = "sqlite")]
use std::time::Duration;
use std::{borrow::Cow, fmt};

use sqlx::{Arguments as _, AssertSqlSafe, Row as _, error::DatabaseError};
use ssvirt_core::{Error, ErrorKind, Result};

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

/// An open transaction; dropping it rolls it back.
pub(super) enum Conn {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Conn {
    /// Runs a statement and takes its rows.
    pub(super) async fn fetch(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        vals: Vec<Val>,
    ) -> Result<Vec<Row>> {
        refuse_nul(&vals)?;
        let sql = AssertSqlSafe(sql.into());
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(tx) => {
                let arguments = bind_all!(sqlx::sqlite::SqliteArguments::default(), vals);
                let rows =
                    sqlx::query_with(sql, arguments).fetch_all(&mut **tx).await.map_err(error)?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(tx) => {
                let arguments = bind_all!(sqlx::postgres::PgArguments::default(), vals);
                let rows =
                    sqlx::query_with(sql, arguments).fetch_all(&mut **tx).await.map_err(error)?;
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
        refuse_nul(&vals)?;
        let sql = AssertSqlSafe(sql.into());
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(tx) => {
                let arguments = bind_all!(sqlx::sqlite::SqliteArguments::default(), vals);
                Ok(sqlx::query_with(sql, arguments)
                    .execute(&mut **tx)
                    .await
                    .map_err(error)?
                    .rows_affected())
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(tx) => {
                let arguments = bind_all!(sqlx::postgres::PgArguments::default(), vals);
                Ok(sqlx::query_with(sql, arguments)
                    .execute(&mut **tx)
                    .await
                    .map_err(error)?
                    .rows_affected())
            }
        }
    }

    /// Makes the changes lasting.
    pub(super) async fn commit(self) -> Result<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(tx) => tx.commit().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(tx) => tx.commit().await,
        }
        .map_err(error)
    }

    /// What follows the `SELECT` of a row that several workers compete for, so that each takes another one.
    /// What makes a reader of a row wait for others that read it so. On SQLite there is only one writer at
    /// a time.
    pub(super) fn for_update(&self) -> Option<&'static str> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => None,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Some(" FOR UPDATE"),
        }
    }

    /// On SQLite there is only one writer at a time.
    pub(super) fn skip_locked(&self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => "",
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => " FOR UPDATE SKIP LOCKED",
        }
    }
}

fn refuse_nul(vals: &[Val]) -> Result<()> {
    if vals.iter().any(Val::has_nul) {
        return Err(Error::bad_request("Text must not contain the NUL character."));
    }
    Ok(())
}

/// The connections to one database.
#[derive(Clone)]
pub(super) enum Engine {
    /// One connection that writes, and several that read beside it (WAL). In memory both are the same one.
    #[cfg(feature = "sqlite")]
    Sqlite { writer: sqlx::SqlitePool, readers: sqlx::SqlitePool },
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
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
        let writer = pool(1).connect_lazy_with(connect.clone());
        let readers = if memory {
            writer.clone()
        } else {
            pool(options.max_connections.max(1))
                .connect_lazy_with(connect.pragma("query_only", "ON"))
        };
        Ok(Self::Sqlite { writer, readers })
    }

    #[cfg(feature = "postgres")]
    pub(super) fn postgres(url: &str, options: &super::SqlOptions) -> Result<Self> {
        let connect: sqlx::postgres::PgConnectOptions = url.parse().map_err(bad_url)?;
        let pool = sqlx::postgres::PgPoolOptions::new()
            .max_connections(options.max_connections.max(1))
            .acquire_timeout(options.acquire_timeout)
            .connect_lazy_with(connect);
        Ok(Self::Postgres(pool))
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { .. } => "sqlite",
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => "postgres",
        }
    }

    /// A transaction that may write. SQLite takes the write lock at once: a transaction that first reads
    /// could not be waited for.
    pub(super) async fn begin(&self) -> Result<Conn> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { writer, .. } => {
                writer.begin_with("BEGIN IMMEDIATE").await.map(Conn::Sqlite)
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => pool.begin().await.map(Conn::Postgres),
        }
        .map_err(error)
    }

    /// A transaction that sees one state of the database throughout.
    pub(super) async fn read(&self) -> Result<Conn> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { readers, .. } => readers.begin().await.map(Conn::Sqlite),
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => pool
                .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                .await
                .map(Conn::Postgres),
        }
        .map_err(error)
    }

    pub(super) async fn close(&self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => pool.close().await,
        }
    }
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
