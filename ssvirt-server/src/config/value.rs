//! Values that environment and flags give as text, and files with their type.

use std::{fmt::Display, str::FromStr};

use figment::value::Value;
use serde::{Deserialize, Deserializer, de::Error as _};

/// A value that is written as text or with its type. The environment's `true` and `8443` are text: guessing
/// types there would turn the password `1234` into a number.
pub(super) fn parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = text(&<Value as Deserialize>::deserialize(deserializer)?);
    text.parse().map(Some).map_err(|error| D::Error::custom(format!("\"{text}\": {error}")))
}

/// A scalar as it was written.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(_, text) => text.clone(),
        Value::Bool(_, value) => value.to_string(),
        Value::Num(_, number) => number
            .to_u128()
            .map(|n| n.to_string())
            .or_else(|| number.to_i128().map(|n| n.to_string()))
            .or_else(|| number.to_f64().map(|n| n.to_string()))
            .unwrap_or_default(),
        other => format!("a {:?}", other.to_actual()),
    }
}
