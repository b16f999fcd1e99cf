//! Bringing a database to this program's schema.

use sqlx::migrate::{MigrateError, Migrator};
use ssvirt_core::{
    Error, Result,
    model::{CatalogItem, Org, User, VApp, Vdc, Vm},
    rights,
};

use super::{
    driver::{self, Engine, Pools, Val},
    record::{Record, decode},
};

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
    fill_rights(engine).await?;
    project_all(engine).await
}

/// Which columns the tables have; raised with every migration that adds some.
const PROJECTION: i64 = 2;

/// Fills the columns that a migration added from the documents, table by table, once.
async fn project_all(engine: &Engine) -> Result<()> {
    project::<Org>(engine).await?;
    project::<User>(engine).await?;
    project::<Vdc>(engine).await?;
    project::<CatalogItem>(engine).await?;
    project::<VApp>(engine).await?;
    project::<Vm>(engine).await
}

async fn project<T: Record>(engine: &Engine) -> Result<()> {
    let known = "SELECT revision FROM projections WHERE name = $1";
    let name = || vec![Val::text(T::TABLE)];
    let done = |rows: Vec<driver::Row>| -> Result<bool> {
        Ok(rows.first().map(|row| row.int(0)).transpose()?.is_some_and(|done| done >= PROJECTION))
    };
    if done(engine.read().await?.fetch(known, name()).await?)? {
        return Ok(());
    }
    let mut conn = engine.begin().await?;
    // Whoever else does it at this moment is waited for here.
    let claim = "INSERT INTO projections (name, revision) VALUES ($1, 0) \
                 ON CONFLICT (name) DO UPDATE SET revision = projections.revision";
    conn.execute(claim, name()).await?;
    if done(conn.fetch(known, name()).await?)? {
        return Ok(());
    }
    let sets: Vec<_> = T::COLUMNS
        .iter()
        .enumerate()
        .map(|(index, column)| format!("{column} = ${}", index + 2))
        .collect();
    let update = format!("UPDATE {} SET {} WHERE id = $1", T::TABLE, sets.join(", "));
    let rows = conn.fetch(format!("SELECT data, version FROM {}", T::TABLE), Vec::new()).await?;
    for row in rows {
        let record: T = decode(&row, 0)?;
        let mut vals = vec![Val::text(record.id())];
        vals.extend(record.project());
        conn.execute(update.clone(), vals).await?;
    }
    let mut vals = name();
    vals.push(Val::Int(PROJECTION));
    conn.execute("UPDATE projections SET revision = $2 WHERE name = $1", vals).await?;
    conn.commit().await
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
