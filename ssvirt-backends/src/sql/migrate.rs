//! Bringing a database to this program's schema.

use sqlx::migrate::{MigrateError, Migrator};
use ssvirt_core::{Error, Result, rights};

use super::driver::{self, Engine, Pools, Val};

/// The migrations, as SQLite runs them.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Runs what is missing. Safe when several do it at once: PostgreSQL's advisory lock and SQLite's write lock
/// let one through after the other.
pub(super) async fn run(engine: &Engine, patience: std::time::Duration) -> Result<()> {
    match engine.pools() {
        #[cfg(feature = "sqlite")]
        Pools::Sqlite { writer, .. } => {
            let patience = driver::Patience::new(patience);
            while let Err(cause) = sqlite(writer).await {
                if !patience.once_more(&cause).await {
                    return Err(failed(cause));
                }
            }
        }
        #[cfg(feature = "postgres")]
        Pools::Postgres { pool, .. } => {
            let _ = patience;
            let mut connection = pool.acquire().await.map_err(driver::error)?;
            if let Err(cause) = postgres().run_direct(None, &mut *connection, false).await {
                // It may still hold the advisory lock: closing it gives that up.
                drop(connection.detach());
                return Err(failed(unwrap(cause)));
            }
        }
    }
    fill_rights(engine).await
}

#[cfg(feature = "sqlite")]
async fn sqlite(writer: &sqlx::SqlitePool) -> Result<(), sqlx::Error> {
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
    MIGRATIONS.run_direct(None, &mut *tx, false).await.map_err(unwrap)?;
    tx.commit().await
}

/// The same migrations with byte-wise collation, which is SQLite's only one: sorting and comparing must
/// not depend on how the PostgreSQL database was made.
#[cfg(feature = "postgres")]
fn postgres() -> Migrator {
    use std::borrow::Cow;

    use sqlx::{AssertSqlSafe, SqlSafeStr as _, migrate::Migration};

    let migrations = MIGRATIONS.iter().map(|m| {
        let sql = m.sql.as_str().replace(" TEXT", " TEXT COLLATE \"C\"");
        let description = Cow::Owned(m.description.clone().into_owned());
        Migration::new(
            m.version,
            description,
            m.migration_type,
            AssertSqlSafe(sql).into_sql_str(),
            m.no_tx,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

fn unwrap(cause: MigrateError) -> sqlx::Error {
    match cause {
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => cause,
        other => sqlx::Error::Migrate(Box::new(other)),
    }
}

fn failed(cause: sqlx::Error) -> Error {
    if let sqlx::Error::Migrate(migrate) = &cause {
        // Written by a newer or another program: worth telling the operator, not just the log.
        return Error::invalid_state(format!("The database cannot be migrated: {migrate}"))
            .with_source(cause);
    }
    driver::error(cause)
}

/// The rights as rows, for the query service.
async fn fill_rights(engine: &Engine) -> Result<()> {
    let mut conn = engine.begin().await?;
    let mut places = Vec::new();
    let mut vals = Vec::new();
    for name in rights::TENANT.iter() {
        let at = vals.len();
        places.push(format!("(${}, ${}, ${})", at + 1, at + 2, at + 3));
        vals.extend([
            Val::text(rights::id(name)),
            Val::text(name),
            Val::text(rights::category(name)),
        ]);
    }
    if !places.is_empty() {
        let sql = format!(
            "INSERT INTO rights (id, name, category) VALUES {} ON CONFLICT (id) DO NOTHING",
            places.join(", ")
        );
        conn.execute(sql, vals).await?;
    }
    conn.commit().await
}
