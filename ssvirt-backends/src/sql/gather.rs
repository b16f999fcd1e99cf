//! Several things read by one statement: a `UNION ALL` of their selects, each row marked with its part.

use std::fmt::Write as _;

use async_trait::async_trait;
use ssvirt_core::{
    Error, Result,
    id::Urn,
    model::{
        Catalog, CatalogItem, ComputePolicy, Event, Network, Org, ProviderVdc, Role, Session,
        StorageProfile, Task, Template, User, VApp, Vdc, Vm,
    },
    status::Status,
    store::{
        By, VdcUsage,
        gather::{Found, GatherStore, Part, TableOf, Wants},
    },
};

use super::{
    SqlTx,
    driver::{Row, Val},
    record::{Record, condition, decode},
};

/// What a row is ordered by within its part: a name, or a number, and then the id.
const BY_NAME: &str = "name AS ot, CAST(NULL AS BIGINT) AS oi";
const UNORDERED: &str = "CAST(NULL AS TEXT) AS ot, CAST(NULL AS BIGINT) AS oi";

impl SqlTx {
    /// As `gather` of `dyn UnitOfWork`.
    pub(super) async fn gather_typed<W: Wants>(&mut self, wants: W) -> Result<W::Answers> {
        let found = self.gather_parts(&wants.parts()).await?;
        W::answers(found).ok_or_else(|| Error::internal("a part was answered with another"))
    }
}

#[async_trait]
impl GatherStore for SqlTx {
    async fn gather_parts(&mut self, parts: &[Part]) -> Result<Vec<Found>> {
        let (mut sql, mut vals) = (String::with_capacity(2048), Vec::new());
        sql.push_str("SELECT CAST(g.part AS BIGINT), g.data, g.version, g.extra FROM (");
        for (place, part) in parts.iter().enumerate() {
            if place > 0 {
                sql.push_str(" UNION ALL ");
            }
            let _ = write!(sql, "SELECT {place} AS part, ");
            select(part, &mut sql, &mut vals)?;
        }
        sql.push_str(") g ORDER BY g.part, g.ot, g.oi, g.id");
        let rows = if parts.is_empty() { Vec::new() } else { self.conn.fetch(sql, vals).await? };
        let mut rest = rows.as_slice();
        let mut found = Vec::with_capacity(parts.len());
        for (place, part) in (0..).zip(parts) {
            let mut own = 0;
            while own < rest.len() && rest[own].int(0)? == place {
                own += 1;
            }
            let (rows, others) = rest.split_at(own);
            found.push(read(part, rows)?);
            rest = others;
        }
        Ok(found)
    }
}

/// `$call::<T>(..)` with the type of a table.
macro_rules! with_table {
    ($table:expr, $call:ident $arguments:tt) => {
        with_table!($table, $call $arguments:
            Org User Role Session ProviderVdc Vdc StorageProfile ComputePolicy Network Catalog CatalogItem Template
            VApp Vm Task Event)
    };
    ($table:expr, $call:ident $arguments:tt: $($name:ident)*) => {
        match $table {
            $(TableOf::$name => $call::<$name>$arguments,)*
        }
    };
}

/// What follows the part's number.
fn select(part: &Part, sql: &mut String, vals: &mut Vec<Val>) -> Result<()> {
    match part {
        Part::Rows(table, by) => with_table!(table, select_rows(by, sql, vals)),
        Part::Names(table, by) => with_table!(table, select_names(by, sql, vals)),
        Part::OpenTasks(on) => {
            let mut places = Vec::with_capacity(on.len());
            for urn in on {
                vals.push(Val::text(urn));
                places.push(format!("${}", vals.len()));
            }
            let places = if places.is_empty() { "NULL".to_owned() } else { places.join(", ") };
            select_open_tasks(sql, &format!("l.entity IN ({places})"));
            Ok(())
        }
        Part::OpenTasksIn(vapp) => {
            vals.push(Val::text(vapp.any()));
            vals.push(Val::text(vapp));
            let (own, parent) = (vals.len() - 1, vals.len());
            select_open_tasks(
                sql,
                &format!(
                    "(l.entity = ${own} OR l.entity IN \
                     (SELECT 'urn:vcloud:vm:' || m.id FROM vms m WHERE m.vapp_id = ${parent}))"
                ),
            );
            Ok(())
        }
        Part::VdcUsage(vdc) => {
            vals.push(Val::text(vdc));
            vals.push(Val::Int(Status::PoweredOn.code().into()));
            let (vdc, on) = (vals.len() - 1, vals.len());
            let count = |what: &str| format!("CAST(COALESCE(SUM({what}), 0) AS TEXT)");
            let sums = [
                format!("CAST((SELECT COUNT(*) FROM vapps WHERE vdc_id = ${vdc}) AS TEXT)"),
                "CAST(COUNT(*) AS TEXT)".to_owned(),
                count(&format!("CASE WHEN status = ${on} THEN 1 ELSE 0 END")),
                count("CASE WHEN deployed THEN cpus ELSE 0 END"),
                count("CASE WHEN deployed THEN memory_mib ELSE 0 END"),
                count("storage_mib"),
                count("nics"),
            ];
            let _ = write!(
                sql,
                "{UNORDERED}, CAST(NULL AS TEXT) AS id, '[' || {} || ']' AS data, CAST(0 AS BIGINT) AS version, \
                 CAST(NULL AS TEXT) AS extra FROM vms WHERE vdc_id = ${vdc}",
                sums.join(" || ',' || ")
            );
            Ok(())
        }
        Part::StorageUsage(profile) => {
            vals.push(Val::text(profile));
            let _ = write!(
                sql,
                "{UNORDERED}, CAST(NULL AS TEXT) AS id, CAST(COALESCE(SUM(size_mib), 0) AS TEXT) AS data, \
                 CAST(0 AS BIGINT) AS version, CAST(NULL AS TEXT) AS extra FROM vm_disks WHERE profile_id = ${}",
                vals.len()
            );
            Ok(())
        }
    }
}

fn select_rows<T: Record>(by: &[By], sql: &mut String, vals: &mut Vec<Val>) -> Result<()> {
    let condition = condition::<T>(by, vals)?;
    if T::ORDER == "name" {
        sql.push_str(BY_NAME);
    } else {
        let _ = write!(sql, "CAST(NULL AS TEXT) AS ot, {} AS oi", T::ORDER);
    }
    let _ = write!(
        sql,
        ", id AS id, data AS data, version AS version, CAST(NULL AS TEXT) AS extra FROM {}{condition}",
        T::TABLE
    );
    Ok(())
}

fn select_names<T: Record>(by: &[By], sql: &mut String, vals: &mut Vec<Val>) -> Result<()> {
    if !T::COLUMNS.contains(&"name") {
        return Err(Error::internal(format!("rows of {} have no names", T::TABLE)));
    }
    let condition = condition::<T>(by, vals)?;
    let _ = write!(
        sql,
        "{BY_NAME}, id AS id, name AS data, version AS version, id AS extra FROM {}{condition}",
        T::TABLE
    );
    Ok(())
}

fn select_open_tasks(sql: &mut String, condition: &str) {
    let _ = write!(
        sql,
        "CAST(NULL AS TEXT) AS ot, t.started AS oi, t.id AS id, t.data AS data, t.version AS version, \
         l.entity AS extra FROM task_locks l JOIN tasks t ON t.id = l.task_id \
         WHERE {condition} AND t.unfinished = true"
    );
}

fn read(part: &Part, rows: &[Row]) -> Result<Found> {
    macro_rules! documents {
        ($table:expr, $($name:ident)*) => {
            match $table {
                $(TableOf::$name => Found::$name(rows.iter().map(|row| decode(row, 1)).collect::<Result<_>>()?),)*
            }
        };
    }
    Ok(match part {
        Part::Rows(table, _) => documents!(table,
            Org User Role Session ProviderVdc Vdc StorageProfile ComputePolicy Network Catalog CatalogItem Template
            VApp Vm Task Event),
        Part::Names(..) => {
            let name =
                |row: &Row| Ok((row.text(3)?.parse().map_err(Error::internal)?, row.text(1)?));
            Found::Names(rows.iter().map(name).collect::<Result<_>>()?)
        }
        Part::OpenTasks(_) | Part::OpenTasksIn(_) => {
            let task = |row: &Row| {
                let entity = row.text(3)?;
                let urn = Urn::parse(&entity)
                    .ok_or_else(|| Error::internal(format!("{entity} in task_locks is no URN")))?;
                Ok((urn, decode(row, 1)?))
            };
            Found::OpenTasks(rows.iter().map(task).collect::<Result<_>>()?)
        }
        Part::VdcUsage(_) => {
            let Some(row) = rows.first() else { return Ok(Found::VdcUsage(VdcUsage::default())) };
            let [vapps, vms, running_vms, cpus, memory_mib, storage_mib, nics] =
                serde_json::from_str(&row.text(1)?)?;
            Found::VdcUsage(VdcUsage {
                vapps,
                vms,
                running_vms,
                cpus,
                memory_mib,
                storage_mib,
                nics,
            })
        }
        Part::StorageUsage(_) => {
            let used = rows
                .first()
                .map_or(Ok(0), |row| serde_json::from_str(&row.text(1)?).map_err(Error::from));
            Found::StorageUsage(used?)
        }
    })
}
