//! Filters as SQL conditions that mean what [`ssvirt_core::filter::eval`] says.

use std::fmt::Display;

use jiff::Timestamp;
use ssvirt_core::{
    Error, Result,
    filter::{Comparison, Filter, Op, Pattern},
    id::{EntityKind, Urn, parse_uuid},
    model::{MetadataDomain, MetadataType, Visibility},
    query::{FieldKind, Query},
    status::Status,
};
use uuid::Uuid;

use super::{Ask, Binds, source::Source};
use crate::sql::{
    driver::Val,
    store::{METADATA_TYPES, number},
};

const NEVER: &str = "1 = 0";
const ALWAYS: &str = "1 = 1";

/// Longer patterns are refused: SQLite gives up at 50000 bytes.
const MAX_PATTERN: usize = 10_000;

/// The condition for the rows of `source` that `filter` lets through.
pub(super) fn condition(
    ask: &Ask<'_>,
    source: &Source,
    filter: &Filter,
    binds: &mut Binds,
) -> Result<String> {
    let mut join = |parts: &[Filter], by: &str, none: &str| {
        let parts: Vec<_> =
            parts.iter().map(|part| condition(ask, source, part, binds)).collect::<Result<_>>()?;
        Ok(if parts.is_empty() { none.to_owned() } else { format!("({})", parts.join(by)) })
    };
    match filter {
        Filter::And(parts) => join(parts, " AND ", ALWAYS),
        Filter::Or(parts) => join(parts, " OR ", NEVER),
        Filter::Compare(comparison) => compare(ask, source, comparison, binds),
        Filter::Search(search) => {
            let text = search.text.to_ascii_lowercase();
            let pattern = Pattern::from_pieces(vec![String::new(), text, String::new()]);
            let place = binds.add(like(&pattern)?);
            let parts = search.fields.iter().map(|name| {
                let expression = source
                    .expression(name, ask.query.modern_status)
                    .ok_or_else(|| unknown(ask.query, name))?;
                // Both engines only know ASCII's cases.
                Ok(format!("LOWER({expression}) LIKE {place} ESCAPE '\\'"))
            });
            let parts: Vec<_> = parts.collect::<Result<_>>()?;
            Ok(if parts.is_empty() {
                NEVER.to_owned()
            } else {
                format!("({})", parts.join(" OR "))
            })
        }
    }
}

fn unknown(query: &Query, name: &str) -> Error {
    Error::bad_request(format!("\"{name}\" is not a field of {}.", query.record.name()))
}

fn compare(
    ask: &Ask<'_>,
    source: &Source,
    comparison: &Comparison,
    binds: &mut Binds,
) -> Result<String> {
    let name = comparison.field.as_str();
    if let Some(key) = name.strip_prefix("metadata:") {
        return metadata(ask, source, MetadataDomain::General, key, comparison, binds);
    }
    if let Some(key) = name.strip_prefix("metadata@SYSTEM:") {
        return metadata(ask, source, MetadataDomain::System, key, comparison, binds);
    }
    let shown = name;
    let name = if name == "href" { "id" } else { name };
    let (_, field) = ask.query.record.field(name).ok_or_else(|| unknown(ask.query, shown))?;
    let expression = source
        .expression(name, ask.query.modern_status)
        .ok_or_else(|| unknown(ask.query, shown))?;
    let (op, value) = (comparison.op, &comparison.value);
    Ok(match field.kind {
        // The only field that is shown as text and refers to objects of any kind.
        FieldKind::Text if name == "object" => match any_urn(value) {
            Some(urn) => ordinary(expression, op, Val::text(urn), binds),
            // A bare UUID does not say of what kind.
            None => match literal(value).and_then(|text| Uuid::try_parse(text).ok()) {
                Some(uuid) => {
                    let ending = Pattern::from_pieces(vec![String::new(), format!(":{uuid}")]);
                    text(expression, op, &ending, binds)?
                }
                None => text(expression, op, value, binds)?,
            },
        },
        FieldKind::Text => text(expression, op, value, binds)?,
        FieldKind::Int => match literal(value).and_then(|text| text.parse().ok()) {
            Some(number) => ordinary(expression, op, Val::Int(number), binds),
            None => return Err(bad_value(name, value, "a whole number")),
        },
        FieldKind::Time => match literal(value).and_then(millis) {
            Some(at) => ordinary(expression, op, Val::Int(at), binds),
            None => return Err(bad_value(name, value, "a date and time")),
        },
        FieldKind::Bool => {
            let flag = match literal(value) {
                Some(text) if text.eq_ignore_ascii_case("true") => true,
                Some(text) if text.eq_ignore_ascii_case("false") => false,
                _ => return Err(bad_value(name, value, "true or false")),
            };
            equality(op, || ordinary(expression, op, Val::Bool(flag), binds), NEVER)
        }
        FieldKind::Ref(kind) | FieldKind::Urn(kind) => match literal(value)
            .and_then(|text| reference(kind, text))
        {
            Some(uuid) => equality(op, || ordinary(expression, op, Val::text(uuid), binds), NEVER),
            None => nothing_equals(op),
        },
        FieldKind::Status => status(expression, op, value, binds),
    })
}

fn bad_value(field: &str, value: &Pattern, expected: &str) -> Error {
    Error::bad_request(format!("\"{value}\" is not a value for {field}: expected {expected}."))
}

fn literal(value: &Pattern) -> Option<&str> {
    value.as_literal().map(str::trim)
}

/// `==` of nothing lets nothing through, `!=` everything.
fn nothing_equals(op: Op) -> String {
    (if op == Op::Ne { ALWAYS } else { NEVER }).to_owned()
}

/// For kinds without an order: `other` for comparisons by it.
fn equality(op: Op, condition: impl FnOnce() -> String, other: &str) -> String {
    if matches!(op, Op::Eq | Op::Ne) { condition() } else { other.to_owned() }
}

fn sql_op(op: Op) -> &'static str {
    match op {
        Op::Eq => "=",
        Op::Ne => "<>",
        Op::Gt => ">",
        Op::Ge => ">=",
        Op::Lt => "<",
        Op::Le => "<=",
    }
}

fn ordinary(expression: impl Display, op: Op, val: Val, binds: &mut Binds) -> String {
    let place = binds.add(val);
    if op == Op::Ne {
        format!("(({expression}) IS NULL OR ({expression}) <> {place})")
    } else {
        format!("(({expression}) {} {place})", sql_op(op))
    }
}

fn text(expression: &str, op: Op, value: &Pattern, binds: &mut Binds) -> Result<String> {
    if let Some(text) = value.as_literal() {
        return Ok(ordinary(expression, op, Val::text(text), binds));
    }
    Ok(match op {
        Op::Eq => format!("(({expression}) LIKE {} ESCAPE '\\')", binds.add(like(value)?)),
        Op::Ne => {
            let place = binds.add(like(value)?);
            format!("(({expression}) IS NULL OR ({expression}) NOT LIKE {place} ESCAPE '\\')")
        }
        _ => NEVER.to_owned(),
    })
}

/// The pattern for `LIKE`.
fn like(value: &Pattern) -> Result<Val> {
    let mut pattern = String::new();
    for (place, piece) in value.pieces().iter().enumerate() {
        if place > 0 {
            pattern.push('%');
        }
        for c in piece.chars() {
            if matches!(c, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
    }
    if pattern.len() > MAX_PATTERN {
        return Err(Error::bad_request("The value in the filter is too long."));
    }
    Ok(Val::Text(pattern))
}

/// A status goes by its name, or its number.
fn status(expression: &str, op: Op, value: &Pattern, binds: &mut Binds) -> String {
    let number = literal(value).and_then(|text| text.parse::<i64>().ok());
    if !matches!(op, Op::Eq | Op::Ne) {
        let named =
            literal(value).and_then(Status::from_name).map(|status| i64::from(status.code()));
        return match number.or(named) {
            Some(code) => ordinary(expression, op, Val::Int(code), binds),
            None => NEVER.to_owned(),
        };
    }
    let mut codes: Vec<i64> = Status::ALL
        .iter()
        .filter(|status| value.matches(status.name()))
        .map(|status| status.code().into())
        .collect();
    codes.extend(number);
    if codes.is_empty() {
        return nothing_equals(op);
    }
    let places: Vec<_> = codes.into_iter().map(|code| binds.add(Val::Int(code))).collect();
    let places = places.join(", ");
    if op == Op::Ne {
        format!("(({expression}) IS NULL OR ({expression}) NOT IN ({places}))")
    } else {
        format!("(({expression}) IN ({places}))")
    }
}

/// The object meant, however the client writes it.
fn reference(kind: EntityKind, text: &str) -> Option<Uuid> {
    // The container of a VM is a vApp or a template.
    parse_uuid(kind, text).or_else(|| {
        (kind == EntityKind::VApp).then(|| parse_uuid(EntityKind::Template, text)).flatten()
    })
}

/// The URN of an object given as a URN in any case or as an href that says of what kind it is.
fn any_urn(value: &Pattern) -> Option<Urn> {
    let text = literal(value)?;
    if let Some(urn) = Urn::parse(text) {
        return Some(urn);
    }
    let path = text.split(['?', '#']).next()?;
    let mut segments = path.rsplit('/');
    let last = segments.next()?;
    if let Some(urn) = Urn::parse(last) {
        return Some(urn);
    }
    let kind = match segments.next()? {
        "vApp" if last.starts_with("vm-") => EntityKind::Vm,
        "vApp" => EntityKind::VApp,
        "vAppTemplate" if last.starts_with("vm-") => EntityKind::Vm,
        "vAppTemplate" => EntityKind::Template,
        "catalogItem" => EntityKind::CatalogItem,
        "vdcStorageProfile" => EntityKind::StorageProfile,
        segment => *EntityKind::ALL.iter().find(|kind| kind.urn_name() == segment)?,
    };
    parse_uuid(kind, last).map(|uuid| Urn { kind, uuid })
}

/// ISO 8601 with `Z` or an offset, or milliseconds since 1970.
fn millis(text: &str) -> Option<i64> {
    // `+` of an offset that was not encoded arrives as a space.
    let parsed = text.parse::<Timestamp>().or_else(|_| text.replace(' ', "+").parse());
    parsed.ok().map(|at| at.as_millisecond()).or_else(|| text.parse().ok())
}

/// `metadata:key==STRING:value`. Without a type the value is text of any type.
fn metadata(
    ask: &Ask<'_>,
    source: &Source,
    domain: MetadataDomain,
    key: &str,
    comparison: &Comparison,
    binds: &mut Binds,
) -> Result<String> {
    let (op, mut value) = (comparison.op, comparison.value.clone());
    let mut kind = None;
    if let Some((head, tail)) = value.pieces().first().and_then(|first| first.split_once(':')) {
        kind = METADATA_TYPES.into_iter().find(|kind| kind.name() == head);
        if kind.is_some() {
            let mut pieces = value.pieces().to_vec();
            pieces[0] = tail.to_owned();
            value = Pattern::from_pieces(pieces);
        }
    }
    // "Unequal" is "no entry that is equal", so that objects without an entry are among them.
    let positive = if op == Op::Ne { Op::Eq } else { op };
    let test = match kind {
        Some(kind @ (MetadataType::Number | MetadataType::DateTime)) => {
            let Some(number) = literal(&value).and_then(|text| number(kind, text)) else {
                return Err(bad_value(&comparison.field, &comparison.value, kind.name()));
            };
            ordinary("x.num", positive, Val::OptReal(Some(number)), binds)
        }
        _ => text("x.value", positive, &value, binds)?,
    };
    let mut conditions = vec![test];
    if let Some(kind) = kind {
        conditions.push(format!("x.kind = {}", binds.add(Val::text(kind.name()))));
    }
    if ask.scope.org.is_some() {
        // What tenants may not see they may not search for either.
        conditions
            .push(format!("x.visibility <> {}", binds.add(Val::text(Visibility::Private.name()))));
    }
    let urn =
        binds.add(Val::Text(format!("urn:vcloud:{}:", ask.query.record.subject.kind().urn_name())));
    let exists = format!(
        "EXISTS (SELECT 1 FROM metadata x WHERE x.entity = {urn} || {} AND x.domain = {} AND x.key = {} AND {})",
        source.id,
        binds.add(Val::text(domain.name())),
        binds.add(Val::text(key)),
        conditions.join(" AND ")
    );
    Ok(if op == Op::Ne { format!("NOT {exists}") } else { exists })
}
