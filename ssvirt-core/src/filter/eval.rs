//! What a filter means, for stores that filter in memory and for tests that hold SQL against it.

use super::{Comparison, Filter, Op};
use crate::query::Value;

/// Whether a row with these fields is let through. A field that has no value is unequal to everything.
pub fn matches(filter: &Filter, field: &dyn Fn(&str) -> Value) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(|part| matches(part, field)),
        Filter::Or(parts) => parts.iter().any(|part| matches(part, field)),
        Filter::Compare(comparison) => compare(comparison, &field(&comparison.field)),
        Filter::Search(search) => {
            let text = search.text.to_ascii_lowercase();
            search.fields.iter().any(|name| match field(name) {
                Value::Text(value) => value.to_ascii_lowercase().contains(&text),
                _ => false,
            })
        }
    }
}

fn compare(comparison: &Comparison, value: &Value) -> bool {
    let pattern = &comparison.value;
    let ordering = || {
        let literal = pattern.as_literal()?;
        match value {
            Value::Int(number) | Value::Time(number) => Some(number.cmp(&literal.parse().ok()?)),
            Value::Text(text) => Some(text.as_str().cmp(literal)),
            _ => None,
        }
    };
    let equal = || match value {
        Value::Null => false,
        Value::Text(text) => pattern.matches(text),
        Value::Int(number) | Value::Time(number) => pattern.matches(&number.to_string()),
        Value::Bool(flag) => pattern.matches(&flag.to_string()),
        Value::Ref(uuid) => pattern.matches(&uuid.to_string()),
    };
    match comparison.op {
        Op::Eq => equal(),
        Op::Ne => !equal(),
        Op::Gt => ordering().is_some_and(|o| o.is_gt()),
        Op::Ge => ordering().is_some_and(|o| o.is_ge()),
        Op::Lt => ordering().is_some_and(|o| o.is_lt()),
        Op::Le => ordering().is_some_and(|o| o.is_le()),
    }
}
