//! [`Table`] for everything that is stored as a document.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use ssvirt_core::{
    Error, ErrorKind, Id, Result,
    id::{Entity, EntityKind, Urn},
    model::{Catalog, CatalogItem, Template, User, VApp, Vdc, Vm},
    store::{By, Table},
};
use uuid::Uuid;

use super::{
    SqlTx,
    driver::{Conn, Row, Val, taken},
};

/// A type that is stored as a document in a table of its own.
pub(super) trait Record:
    Entity + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The table.
    const TABLE: &'static str;
    /// The columns besides `id`, `version` and `data`.
    const COLUMNS: &'static [&'static str];
    /// The columns that lists are sorted by; the id follows.
    const ORDER: &'static str = "name";
    /// The rows in other tables that are part of it.
    const CHILDREN: &'static [Children] = &[];

    /// Its id.
    fn id(&self) -> Uuid;
    /// Its version; of a stored row the column's counts, not the document's.
    fn version(&self) -> i64;
    /// Sets the version.
    fn set_version(&mut self, version: i64);
    /// Notes that it is being changed, where that is shown.
    fn touch(&mut self, _now: Timestamp) {}
    /// Its name for messages.
    fn label(&self) -> &str {
        ""
    }
    /// The values of [`Record::COLUMNS`].
    fn project(&self) -> Vec<Val>;
    /// The rows of each of [`Record::CHILDREN`].
    fn children(&self) -> Vec<Vec<Vec<Val>>> {
        Vec::new()
    }
}

/// A table of rows that are part of a record: `parent`, `pos` and these columns.
pub(super) struct Children {
    pub(super) table: &'static str,
    pub(super) parent: &'static str,
    pub(super) columns: &'static [&'static str],
}

/// Most ids in one statement; both engines allow some 32000 values.
const MAX_IDS: usize = 30_000;

/// `WHERE`; its values are added to `vals`.
pub(super) fn condition<T: Record>(by: &[By], vals: &mut Vec<Val>) -> Result<String> {
    let mut parts = Vec::new();
    for by in by {
        let has = |column: &'static str| {
            if T::COLUMNS.contains(&column) {
                Ok(column)
            } else {
                Err(Error::internal(format!("{} cannot be looked up by {by:?}", T::TABLE)))
            }
        };
        let (column, val) = match by {
            By::Name(name) => (has("name")?, Val::text(name)),
            By::NameNoCase(name) if T::COLUMNS.contains(&"name_key") => {
                ("name_key", Val::Text(name_key(name)))
            }
            By::NameNoCase(name) => {
                // Where case counts, and without an index; both engines only know ASCII's cases.
                vals.push(Val::Text(name.to_ascii_lowercase()));
                parts.push(format!("lower({}) = ${}", has("name")?, vals.len()));
                continue;
            }
            By::NoOrg => {
                parts.push(format!("{} IS NULL", has("org_id")?));
                continue;
            }
            By::Org(id) => (has("org_id")?, Val::text(id)),
            By::Vdc(id) => (has("vdc_id")?, Val::text(id)),
            By::Provider(id) => (has("provider_id")?, Val::text(id)),
            By::VApp(id) => (has("vapp_id")?, Val::text(id)),
            By::Catalog(id) => (has("catalog_id")?, Val::text(id)),
            By::Item(id) => (has("item_id")?, Val::text(id)),
            By::Source(name) => (has("source")?, Val::text(name)),
            By::Owner(id) => (has("owner_id")?, Val::text(id)),
            By::User(id) => (has("user_id")?, Val::text(id)),
            By::ExpiresBefore(at) => {
                vals.push(Val::Int(at.as_millisecond()));
                parts.push(format!("{} < ${}", has("expires")?, vals.len()));
                continue;
            }
            By::TemplateVm(id) => {
                vals.push(Val::text(id));
                parts.push(has_child::<T>("template_vms", vals.len(), by)?);
                continue;
            }
            By::VAppNetwork(id) => {
                vals.push(Val::text(id));
                parts.push(has_child::<T>("vapp_networks", vals.len(), by)?);
                continue;
            }
            By::Of(urn) => {
                let unknown = || Error::internal(format!("{} has no {by:?}", T::TABLE));
                parts.push(of::<T>(urn, vals).ok_or_else(unknown)?);
                continue;
            }
            By::OfTemplateVm(id) if T::KIND == EntityKind::Catalog => {
                vals.push(Val::text(id));
                parts.push(format!(
                    "id IN (SELECT t.catalog_id FROM templates t JOIN template_vms m ON m.template_id = t.id \
                     WHERE m.id = ${})",
                    vals.len()
                ));
                continue;
            }
            By::OfTemplateVm(_) => {
                return Err(Error::internal(format!("{} has no {by:?}", T::TABLE)));
            }
            By::Ids(ids) if ids.is_empty() => {
                parts.push("1 = 0".to_owned());
                continue;
            }
            By::Ids(ids) if ids.len() > MAX_IDS => {
                return Err(Error::internal(format!("{} ids at once", ids.len())));
            }
            By::Ids(ids) => {
                parts.push(id_in("id", ids, vals));
                continue;
            }
        };
        vals.push(val);
        parts.push(format!("{column} = ${}", vals.len()));
    }
    Ok(if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) })
}

/// The rows that the object refers to.
fn of<T: Record>(urn: &Urn, vals: &mut Vec<Val>) -> Option<String> {
    if (T::KIND, urn.kind) == (EntityKind::ComputePolicy, EntityKind::VApp) {
        vals.push(Val::text(urn.uuid));
        return Some(format!("id IN (SELECT policy_id FROM vms WHERE vapp_id = ${})", vals.len()));
    }
    let object: (&str, &[&str]) = match urn.kind {
        EntityKind::User => (User::TABLE, User::COLUMNS),
        EntityKind::Vdc => (Vdc::TABLE, Vdc::COLUMNS),
        EntityKind::Catalog => (Catalog::TABLE, Catalog::COLUMNS),
        EntityKind::CatalogItem => (CatalogItem::TABLE, CatalogItem::COLUMNS),
        EntityKind::Template => (Template::TABLE, Template::COLUMNS),
        EntityKind::VApp => (VApp::TABLE, VApp::COLUMNS),
        EntityKind::Vm => (Vm::TABLE, Vm::COLUMNS),
        _ => return None,
    };
    let (column, reference) = match T::KIND {
        EntityKind::Org => ("id", "org_id"),
        EntityKind::User => ("id", "owner_id"),
        EntityKind::Role => ("id", "role_id"),
        EntityKind::Vdc => ("id", "vdc_id"),
        EntityKind::ProviderVdc => ("id", "provider_id"),
        EntityKind::Catalog => ("id", "catalog_id"),
        EntityKind::VApp => ("id", "vapp_id"),
        EntityKind::Template => ("org_id", "org_id"),
        EntityKind::ComputePolicy => ("id", "policy_id"),
        EntityKind::StorageProfile | EntityKind::Network => ("vdc_id", "vdc_id"),
        _ => return None,
    };
    if !object.1.contains(&reference) {
        return None;
    }
    vals.push(Val::text(urn.uuid));
    Some(format!(
        "{column} = (SELECT x.{reference} FROM {} x WHERE x.id = ${})",
        object.0,
        vals.len()
    ))
}

/// The record has a row with that id among its children in `table`.
fn has_child<T: Record>(table: &str, place: usize, by: &By) -> Result<String> {
    let children = T::CHILDREN
        .iter()
        .find(|children| children.table == table)
        .ok_or_else(|| Error::internal(format!("{} cannot be looked up by {by:?}", T::TABLE)))?;
    Ok(format!("id IN (SELECT {} FROM {table} WHERE id = ${place})", children.parent))
}

/// `column IN (..)`. The list is filled up to a power of two with its last id, so that there are few different
/// statements to prepare.
pub(super) fn id_in(column: &str, ids: &[Uuid], vals: &mut Vec<Val>) -> String {
    let mut places = Vec::new();
    let last = ids.last().into_iter().cycle();
    for id in ids.iter().chain(last).take(ids.len().next_power_of_two().min(MAX_IDS.max(ids.len())))
    {
        vals.push(Val::text(id));
        places.push(format!("${}", vals.len()));
    }
    format!("{column} IN ({})", places.join(", "))
}

/// A name without regard to case; here and not by SQL's `lower`, which knows only ASCII in SQLite.
pub(super) fn name_key(name: &str) -> String {
    name.to_lowercase()
}

/// The struct of a row that has `data, version` from `place` on.
pub(super) fn decode<T: Record>(row: &Row, place: usize) -> Result<T> {
    let mut record: T = serde_json::from_str(&row.text(place)?).map_err(|cause| {
        Error::internal(format!("a row of {} cannot be read: {cause}", T::TABLE))
    })?;
    record.set_version(row.int(place + 1)?);
    Ok(record)
}

async fn insert_children<T: Record>(conn: &mut Conn, record: &T) -> Result<()> {
    // Bounded, as values a statement are.
    const ROWS: usize = 500;
    for (children, rows) in T::CHILDREN.iter().zip(record.children()) {
        let mut pos = 0;
        for rows in rows.chunks(ROWS) {
            let (mut places, mut vals) = (Vec::new(), Vec::new());
            for row in rows {
                let first = vals.len() + 1;
                vals.push(Val::text(record.id()));
                vals.push(Val::Int(pos));
                vals.extend(row.iter().cloned());
                let row: Vec<_> = (first..=vals.len()).map(|place| format!("${place}")).collect();
                places.push(format!("({})", row.join(", ")));
                pos += 1;
            }
            let sql = format!(
                "INSERT INTO {} ({}, pos, {}) VALUES {}",
                children.table,
                children.parent,
                children.columns.join(", "),
                places.join(", ")
            );
            conn.execute(sql, vals).await?;
        }
    }
    Ok(())
}

#[async_trait]
impl<T: Record> Table<T> for SqlTx {
    async fn get_row(&mut self, id: Id<T>) -> Result<Option<T>> {
        let sql = format!("SELECT data, version FROM {} WHERE id = $1", T::TABLE);
        self.conn
            .fetch(sql, vec![Val::text(id)])
            .await?
            .first()
            .map(|row| decode(row, 0))
            .transpose()
    }

    async fn select_rows(&mut self, by: &[By]) -> Result<Vec<T>> {
        let mut vals = Vec::new();
        let condition = condition::<T>(by, &mut vals)?;
        let sql =
            format!("SELECT data, version FROM {}{condition} ORDER BY {}, id", T::TABLE, T::ORDER);
        self.conn.fetch(sql, vals).await?.iter().map(|row| decode(row, 0)).collect()
    }

    async fn count_rows(&mut self, by: &[By]) -> Result<i64> {
        let mut vals = Vec::new();
        let condition = condition::<T>(by, &mut vals)?;
        let rows =
            self.conn.fetch(format!("SELECT COUNT(*) FROM {}{condition}", T::TABLE), vals).await?;
        rows.first().map_or(Ok(0), |row| row.int(0))
    }

    async fn insert_row(&mut self, row: &T) -> Result<()> {
        let mut vals = vec![
            Val::text(row.id()),
            Val::Int(row.version()),
            Val::Text(serde_json::to_string(row)?),
        ];
        vals.extend(row.project());
        let places: Vec<_> = (1..=vals.len()).map(|place| format!("${place}")).collect();
        let mut columns = vec!["id", "version", "data"];
        columns.extend(T::COLUMNS);
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({})",
            T::TABLE,
            columns.join(", "),
            places.join(", ")
        );
        self.conn.execute(sql, vals).await.map_err(|error| taken(row.label(), error))?;
        insert_children(&mut self.conn, row).await
    }

    async fn update_row(&mut self, row: &mut T) -> Result<()> {
        let version = row.version();
        row.touch(self.clock.now());
        let mut vals =
            vec![Val::text(row.id()), Val::Int(version), Val::Text(serde_json::to_string(row)?)];
        vals.extend(row.project());
        let sets: Vec<_> = T::COLUMNS
            .iter()
            .enumerate()
            .map(|(index, column)| format!(", {column} = ${}", index + 4))
            .collect();
        let sql = format!(
            "UPDATE {} SET version = version + 1, data = $3{} WHERE id = $1 AND version = $2",
            T::TABLE,
            sets.concat()
        );
        if self.conn.execute(sql, vals).await.map_err(|error| taken(row.label(), error))? == 0 {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("The {} was changed in the meantime.", T::KIND.label()),
            ));
        }
        for children in T::CHILDREN {
            let sql = format!("DELETE FROM {} WHERE {} = $1", children.table, children.parent);
            self.conn.execute(sql, vec![Val::text(row.id())]).await?;
        }
        insert_children(&mut self.conn, row).await?;
        row.set_version(version + 1);
        Ok(())
    }

    async fn delete_row(&mut self, id: Id<T>) -> Result<bool> {
        let sql = format!("DELETE FROM {} WHERE id = $1", T::TABLE);
        Ok(self.conn.execute(sql, vec![Val::text(id)]).await? > 0)
    }

    async fn delete_rows(&mut self, by: &[By]) -> Result<u64> {
        let mut vals = Vec::new();
        let condition = condition::<T>(by, &mut vals)?;
        self.conn.execute(format!("DELETE FROM {}{condition}", T::TABLE), vals).await
    }
}
