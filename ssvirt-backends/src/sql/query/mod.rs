//! The query service: each subject's fields as SQL expressions, filters as conditions.
//!
//! A query runs in two steps: first the ids of the page, with nothing but what the filter and the order
//! need, then the columns of those rows alone.

mod filter;
mod source;
mod subjects;

use std::collections::HashMap;

use async_trait::async_trait;
use ssvirt_core::{
    Error, Result,
    page::Page,
    query::{FieldKind, Query, Row, Value},
    store::QueryStore,
};
use uuid::Uuid;

use super::{
    SqlTx,
    driver::{self, Conn, Val},
    record::id_in,
};
use source::Source;

/// The text of a statement that is being put together, and its values.
#[derive(Default)]
struct Binds {
    vals: Vec<Val>,
}

impl Binds {
    /// Takes a value; its placeholder.
    fn add(&mut self, val: Val) -> String {
        self.vals.push(val);
        format!("${}", self.vals.len())
    }
}

#[async_trait]
impl QueryStore for SqlTx {
    async fn query(&mut self, query: &Query) -> Result<Page<Row>> {
        let sources = subjects::sources(query.record.subject);
        let ids = page_ids(&mut self.conn, query, sources).await?;
        let (offset, size) = (query.page.offset(), u64::from(query.page.size()));
        let found = ids.len() as u64;
        // The last page says how many rows there are.
        let total = if (found > 0 || offset == 0) && found < size {
            offset + found
        } else {
            count(&mut self.conn, query, sources).await?
        };
        let items = rows(&mut self.conn, query, sources, &ids).await?;
        Ok(Page { items, total, request: query.page })
    }
}

/// `FROM .. WHERE ..` of the rows of one source that the query is about.
fn selection(query: &Query, source: &Source, binds: &mut Binds) -> Result<String> {
    let mut conditions = Vec::new();
    conditions.extend(source.scope(&query.scope, binds));
    if let Some(filter) = &query.filter {
        conditions.push(filter::condition(query, source, filter, binds)?);
    }
    let conditions =
        if conditions.is_empty() { "1 = 1".to_owned() } else { conditions.join(" AND ") };
    Ok(format!("FROM {} WHERE {conditions}", source.from))
}

/// The ids of the page's rows in order, each with the place of its source.
async fn page_ids(
    conn: &mut Conn,
    query: &Query,
    sources: &[Source],
) -> Result<Vec<(Uuid, usize)>> {
    let mut binds = Binds::default();
    let mut selects = Vec::new();
    for (arm, source) in sources.iter().enumerate() {
        let mut columns = format!("{} AS row_id, {arm} AS arm", source.id);
        for (place, (field, _)) in query.sort.iter().enumerate() {
            let expression = source.expression(field, query.modern_status).ok_or_else(|| {
                Error::bad_request(format!(
                    "\"{field}\" is not a field of {} that can be sorted by.",
                    query.record.name()
                ))
            })?;
            columns.push_str(&format!(", {expression} AS s{place}"));
        }
        selects.push(format!("SELECT {columns} {}", selection(query, source, &mut binds)?));
    }
    let mut order = Vec::new();
    for (place, (_, descending)) in query.sort.iter().enumerate() {
        // Said explicitly, as the engines do not agree on where NULLs go.
        order.push(format!(
            "q.s{place} IS NULL, q.s{place}{}",
            if *descending { " DESC" } else { "" }
        ));
    }
    order.push("q.row_id".to_owned());
    let limit = binds.add(Val::Int(query.page.size().into()));
    let offset = binds.add(Val::Int(i64::try_from(query.page.offset()).unwrap_or(i64::MAX)));
    let sql = format!(
        "SELECT q.row_id, CAST(q.arm AS BIGINT) FROM ({}) q ORDER BY {} LIMIT {limit} OFFSET {offset}",
        selects.join(" UNION ALL "),
        order.join(", ")
    );
    let rows = conn.fetch(sql, binds.vals).await?;
    rows.iter()
        .map(|row| {
            Ok((uuid(&row.text(0)?)?, usize::try_from(row.int(1)?).map_err(Error::internal)?))
        })
        .collect()
}

/// How many rows there are in all.
async fn count(conn: &mut Conn, query: &Query, sources: &[Source]) -> Result<u64> {
    let mut binds = Binds::default();
    let mut counts = Vec::new();
    for source in sources {
        counts.push(format!("(SELECT COUNT(*) {})", selection(query, source, &mut binds)?));
    }
    let rows = conn.fetch(format!("SELECT {}", counts.join(" + ")), binds.vals).await?;
    let total = rows.first().map_or(Ok(0), |row| row.int(0))?;
    u64::try_from(total).map_err(Error::internal)
}

/// The values of these rows, in this order.
async fn rows(
    conn: &mut Conn,
    query: &Query,
    sources: &[Source],
    ids: &[(Uuid, usize)],
) -> Result<Vec<Row>> {
    let fields = query.record.fields();
    let mut found = HashMap::with_capacity(ids.len());
    for (arm, source) in sources.iter().enumerate() {
        let ids: Vec<_> = ids.iter().filter(|id| id.1 == arm).map(|id| id.0).collect();
        if ids.is_empty() {
            continue;
        }
        let mut columns = Vec::with_capacity(fields.len());
        for field in fields {
            let expression =
                source.expression(field.name, query.modern_status).ok_or_else(|| {
                    Error::internal(format!(
                        "{}.{} has no expression",
                        query.record.name(),
                        field.name
                    ))
                })?;
            columns.push(match field.kind {
                FieldKind::Int | FieldKind::Status | FieldKind::Time => {
                    format!("CAST({expression} AS BIGINT)")
                }
                _ => format!("({expression})"),
            });
        }
        let mut vals = Vec::new();
        let condition = id_in(source.id, &ids, &mut vals);
        let sql = format!("SELECT {} FROM {} WHERE {condition}", columns.join(", "), source.from);
        for row in conn.fetch(sql, vals).await? {
            let id = uuid(&row.text(0)?)?;
            let mut values = Vec::with_capacity(fields.len());
            for (place, field) in fields.iter().enumerate() {
                values.push(value(&row, place, field.kind)?);
            }
            found.insert((id, arm), Row { id, values });
        }
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

fn value(row: &driver::Row, place: usize, kind: FieldKind) -> Result<Value> {
    let value = match kind {
        FieldKind::Text => row.opt_text(place)?.map(Value::Text),
        FieldKind::Int | FieldKind::Status => row.opt_int(place)?.map(Value::Int),
        FieldKind::Time => row.opt_int(place)?.map(Value::Time),
        FieldKind::Bool => row.opt_bool(place)?.map(Value::Bool),
        FieldKind::Ref(_) | FieldKind::Urn(_) => {
            row.opt_text(place)?.map(|text| uuid(&text)).transpose()?.map(Value::Ref)
        }
    };
    Ok(value.unwrap_or(Value::Null))
}

fn uuid(text: &str) -> Result<Uuid> {
    text.parse().map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use ssvirt_core::query::RecordType;

    use super::*;

    #[test]
    fn every_field_has_an_expression() {
        for record in RecordType::ALL {
            for source in subjects::sources(record.subject) {
                for field in record.fields() {
                    assert!(
                        source.expression(field.name, true).is_some(),
                        "{}.{} in {}",
                        record.name(),
                        field.name,
                        source.from
                    );
                }
                for (name, _) in source.fields {
                    assert!(record.field(name).is_some(), "{} has no field {name}", record.name());
                }
            }
        }
    }
}
