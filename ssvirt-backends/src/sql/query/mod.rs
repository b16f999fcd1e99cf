//! The query service: each subject's fields as SQL expressions, filters as conditions.
//!
//! A page is one statement: inside, the ids of its rows with nothing but what the filter and the order need,
//! and how many rows there are in all; around that, the wanted columns of those rows alone.

mod filter;
mod source;
mod subjects;

use std::fmt::Write as _;

use async_trait::async_trait;
use ssvirt_core::{
    Error, Result,
    page::Page,
    query::{Field, FieldKind, Query, Row, Scope, Value},
    store::QueryStore,
};
use uuid::Uuid;

use super::{
    SqlTx,
    driver::{self, Val},
};
use source::Source;

/// What is asked for, and by whom.
struct Ask<'a> {
    query: &'a Query,
    scope: Scope,
}

/// The values of a statement that is being put together.
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
    async fn query(&mut self, scope: Scope, query: &Query) -> Result<Page<Row>> {
        let columns = query.columns()?;
        let statement = Statement::of(&Ask { query, scope })?;
        let (sql, vals) = statement.page(&columns)?;
        let rows = self.conn.fetch(sql, vals).await?;
        let total = match rows.first() {
            Some(row) => row.int(0)?,
            // Past the end no row says how many there are.
            None if query.page.offset() > 0 => {
                let (sql, vals) = statement.count();
                self.conn.fetch(sql, vals).await?.first().map_or(Ok(0), |row| row.int(0))?
            }
            None => 0,
        };
        let items = rows.iter().map(|row| read(row, &columns)).collect::<Result<_>>()?;
        let total = u64::try_from(total).map_err(Error::internal)?;
        Ok(Page { items, total, request: query.page })
    }
}

/// What the statements for one query have in common.
struct Statement<'a> {
    query: &'a Query,
    sources: &'static [Source],
    /// `FROM .. WHERE ..` of each source, and the values.
    selections: Vec<String>,
    vals: Vec<Val>,
}

impl<'a> Statement<'a> {
    fn of(ask: &Ask<'a>) -> Result<Self> {
        let sources = subjects::sources(ask.query.record.subject);
        let mut binds = Binds::default();
        let selections = sources
            .iter()
            .map(|source| selection(ask, source, &mut binds))
            .collect::<Result<_>>()?;
        Ok(Self { query: ask.query, sources, selections, vals: binds.vals })
    }

    /// How many rows there are in all, as an expression.
    fn total(&self) -> String {
        let counts: Vec<_> = self
            .selections
            .iter()
            .map(|selection| format!("(SELECT COUNT(*) {selection})"))
            .collect();
        counts.join(" + ")
    }

    fn count(self) -> (String, Vec<Val>) {
        (format!("SELECT {}", self.total()), self.vals)
    }

    /// The page: of each row the total, the id, and the columns.
    fn page(&self, columns: &[&Field]) -> Result<(String, Vec<Val>)> {
        let mut vals = self.vals.clone();
        vals.push(Val::Int(self.query.page.size().into()));
        vals.push(Val::Int(i64::try_from(self.query.page.offset()).unwrap_or(i64::MAX)));
        let mut sql = String::with_capacity(4096);
        sql.push_str("WITH page AS (SELECT q.*, ");
        sql.push_str(&self.total());
        sql.push_str(" AS total FROM (");
        self.keys(&mut sql)?;
        sql.push_str(") q ORDER BY ");
        self.order(&mut sql, "q");
        let _ = write!(sql, " LIMIT ${} OFFSET ${}) ", vals.len() - 1, vals.len());
        let [source] = self.sources else {
            sql.push_str("SELECT r.* FROM (");
            for (arm, source) in self.sources.iter().enumerate() {
                if arm > 0 {
                    sql.push_str(" UNION ALL ");
                }
                self.columns(&mut sql, source, columns)?;
                for place in 0..self.query.sort.len() {
                    let _ = write!(sql, ", page.s{place} AS s{place}");
                }
                let _ = write!(
                    sql,
                    " FROM page CROSS JOIN {} WHERE page.arm = {arm} AND {} = page.row_id",
                    source.from, source.id
                );
            }
            sql.push_str(") r ORDER BY ");
            self.order(&mut sql, "r");
            return Ok((sql, vals));
        };
        self.columns(&mut sql, source, columns)?;
        // CROSS: the page comes first, its rows are looked up by their ids.
        let _ = write!(
            sql,
            " FROM page CROSS JOIN {} WHERE {} = page.row_id ORDER BY ",
            source.from, source.id
        );
        self.order(&mut sql, "page");
        Ok((sql, vals))
    }

    /// All rows: id, source and what they are ordered by.
    fn keys(&self, sql: &mut String) -> Result<()> {
        for (arm, (source, selection)) in self.sources.iter().zip(&self.selections).enumerate() {
            if arm > 0 {
                sql.push_str(" UNION ALL ");
            }
            let _ = write!(sql, "SELECT {} AS row_id, {arm} AS arm", source.id);
            for (place, (field, _)) in self.query.sort.iter().enumerate() {
                let expression =
                    source.expression(field, self.query.modern_status).ok_or_else(|| {
                        Error::bad_request(format!(
                            "\"{field}\" is not a field of {} that can be sorted by.",
                            self.query.record.name()
                        ))
                    })?;
                let _ = write!(sql, ", {expression} AS s{place}");
            }
            let _ = write!(sql, " {selection}");
        }
        Ok(())
    }

    fn order(&self, sql: &mut String, table: &str) {
        for (place, (_, descending)) in self.query.sort.iter().enumerate() {
            // Said explicitly, as the engines do not agree on where NULLs go.
            let descending = if *descending { " DESC" } else { "" };
            let _ = write!(sql, "{table}.s{place} IS NULL, {table}.s{place}{descending}, ");
        }
        let _ = write!(sql, "{table}.row_id");
    }

    fn columns(&self, sql: &mut String, source: &Source, columns: &[&Field]) -> Result<()> {
        sql.push_str("SELECT page.total AS total, page.row_id AS row_id");
        for (place, field) in columns.iter().enumerate() {
            let expression =
                source.expression(field.name, self.query.modern_status).ok_or_else(|| {
                    Error::internal(format!(
                        "{}.{} has no expression",
                        self.query.record.name(),
                        field.name
                    ))
                })?;
            let _ = match field.kind {
                FieldKind::Int | FieldKind::Status | FieldKind::Time => {
                    write!(sql, ", CAST({expression} AS BIGINT) AS c{place}")
                }
                _ => write!(sql, ", {expression} AS c{place}"),
            };
        }
        Ok(())
    }
}

/// `FROM .. WHERE ..` of the rows of one source that the query is about.
fn selection(ask: &Ask<'_>, source: &Source, binds: &mut Binds) -> Result<String> {
    let mut conditions = source.scope(&ask.scope, binds);
    if let Some(filter) = &ask.query.filter {
        conditions.push(filter::condition(ask, source, filter, binds)?);
    }
    let conditions =
        if conditions.is_empty() { "1 = 1".to_owned() } else { conditions.join(" AND ") };
    Ok(format!("FROM {} WHERE {conditions}", source.from))
}

/// Total, id, columns.
fn read(row: &driver::Row, columns: &[&Field]) -> Result<Row> {
    let values = columns
        .iter()
        .enumerate()
        .map(|(place, field)| value(row, place + 2, field.kind))
        .collect::<Result<_>>()?;
    Ok(Row { id: uuid(&row.text(1)?)?, values })
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
