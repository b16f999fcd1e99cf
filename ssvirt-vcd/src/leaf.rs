//! Simple values.

use crate::shape::LeafKind;
use core::fmt::Write as _;
use serde_json::Value;

/// A simple value: text, a boolean or a number.
pub trait Leaf: Sized {
    /// Which kind it is.
    const KIND: LeafKind;
    /// Reads the lexical form.
    fn parse(text: &str) -> Option<Self>;
    /// Calls `put` with the lexical form.
    fn with_text(&self, put: impl FnOnce(&str));
    /// Appends the JSON form.
    fn push_json(&self, out: &mut String);
    /// Reads the JSON form.
    fn from_json(value: &Value) -> Option<Self>;
}

impl Leaf for String {
    const KIND: LeafKind = LeafKind::Str;

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn with_text(&self, put: impl FnOnce(&str)) {
        put(self);
    }

    fn push_json(&self, out: &mut String) {
        crate::write::push_json_string(out, self);
    }

    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }
}

impl Leaf for bool {
    const KIND: LeafKind = LeafKind::Bool;

    fn parse(text: &str) -> Option<Self> {
        match text.trim_ascii() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    fn with_text(&self, put: impl FnOnce(&str)) {
        put(if *self { "true" } else { "false" });
    }

    fn push_json(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }

    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => Self::parse(text),
            _ => None,
        }
    }
}

macro_rules! number {
    ($type:ty, $kind:ident, $value:ident => $read:expr) => {
        impl Leaf for $type {
            const KIND: LeafKind = LeafKind::$kind;

            fn parse(text: &str) -> Option<Self> {
                text.trim_ascii().parse().ok()
            }

            fn with_text(&self, put: impl FnOnce(&str)) {
                put(&self.to_string());
            }

            fn push_json(&self, out: &mut String) {
                let _infallible = write!(out, "{self}");
            }

            fn from_json(value: &Value) -> Option<Self> {
                match value {
                    Value::Number($value) => $read,
                    Value::String(text) => Self::parse(text),
                    _ => None,
                }
            }
        }
    };
}

number!(i32, I32, n => n.as_i64().and_then(|n| n.try_into().ok()));
number!(i64, I64, n => n.as_i64());

impl Leaf for f64 {
    const KIND: LeafKind = LeafKind::F64;

    fn parse(text: &str) -> Option<Self> {
        text.trim_ascii().parse().ok().filter(|n: &Self| n.is_finite())
    }

    fn with_text(&self, put: impl FnOnce(&str)) {
        put(&format!("{self:?}"));
    }

    fn push_json(&self, out: &mut String) {
        if self.is_finite() {
            let _infallible = write!(out, "{self:?}");
        } else {
            out.push_str("null");
        }
    }

    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => Self::parse(text),
            _ => None,
        }
    }
}
