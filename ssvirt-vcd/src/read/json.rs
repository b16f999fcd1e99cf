//! Bounds for JSON documents.

use super::{MAX_DEPTH, MAX_NODES, ReadError};
use serde_json::Value;

/// Parses a document and checks its bounds.
pub(crate) fn parse(text: &str) -> Result<Value, ReadError> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| ReadError::Malformed(error.to_string()))?;
    let mut nodes = 0;
    check(&value, 0, &mut nodes)?;
    Ok(value)
}

fn check(value: &Value, depth: usize, nodes: &mut usize) -> Result<(), ReadError> {
    // Arrays add a level of their own, so JSON gets twice the depth of XML.
    if depth > 2 * MAX_DEPTH {
        return Err(ReadError::TooDeep);
    }
    *nodes += 1;
    if *nodes > 4 * MAX_NODES {
        return Err(ReadError::TooLarge);
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| check(item, depth + 1, nodes)),
        Value::Object(members) => {
            members.values().try_for_each(|item| check(item, depth + 1, nodes))
        }
        _ => Ok(()),
    }
}

/// The JSON name of a local name; the derive has the same rule.
pub(crate) fn lower_first_word(local: &str) -> String {
    let run = local.chars().take_while(char::is_ascii_uppercase).count();
    let lowered = match local.chars().nth(run) {
        Some(next) if next.is_ascii_lowercase() && run > 1 => run - 1,
        _ => run,
    };
    local
        .chars()
        .enumerate()
        .map(|(i, c)| if i < lowered { c.to_ascii_lowercase() } else { c })
        .collect()
}
