//! The values of JSON, found without understanding more of it than it takes: what is broken is read too.

use super::Values;

/// An object or an array that is open.
struct Open {
    /// The name of the member that all values in here belong to, where it is that of a secret.
    name: Option<String>,
    object: bool,
}

/// The text with its values replaced.
pub(super) fn walk(text: &str, values: &mut dyn Values) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open: Vec<Open> = Vec::new();
    // The name of the member whose value comes next.
    let mut member: Option<String> = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' => {
                let length = string_at(rest);
                let (raw, plain) = plain(&rest[..length]);
                let inside = open.last();
                let is_name = inside.is_some_and(|open| open.object)
                    && member.is_none()
                    && rest[length..].trim_start().starts_with(':');
                if is_name {
                    member = Some(plain);
                    out.push_str(raw);
                } else {
                    let name = member.take().or_else(|| inside.and_then(|open| open.name.clone()));
                    let changed = match &name {
                        Some(name) => values.field(name, &plain),
                        None => values.other(&plain),
                    };
                    match changed {
                        Some(changed) => {
                            out.push_str(&serde_json::Value::from(changed).to_string());
                        }
                        None => out.push_str(raw),
                    }
                }
                length
            }
            '{' | '[' => {
                let above = open.last().and_then(|open| open.name.clone());
                // Only what a secret's name stands before is a secret all the way down.
                let name = member.take().or(above).filter(|name| super::is_secret(name));
                open.push(Open { name, object: c == '{' });
                out.push(c);
                1
            }
            '}' | ']' => {
                open.pop();
                member = None;
                out.push(c);
                1
            }
            c if c.is_ascii_alphanumeric() || c == '-' => {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
                let length = end.unwrap_or(rest.len());
                let literal = &rest[..length];
                let number = !matches!(literal, "true" | "false" | "null");
                let name = member.take().or_else(|| open.last().and_then(|open| open.name.clone()));
                let changed = name.filter(|_| number);
                let changed = changed.and_then(|name| values.field(&name, literal));
                match changed {
                    Some(changed) => out.push_str(&serde_json::Value::from(changed).to_string()),
                    None => out.push_str(literal),
                }
                length
            }
            c => {
                if c == ',' {
                    member = None;
                }
                out.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    out
}

/// The length of the string at the start, with its quotes.
fn string_at(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A string as it is written and as what it says.
fn plain(raw: &str) -> (&str, String) {
    let says = serde_json::from_str(raw).unwrap_or_else(|_| raw.trim_matches('"').to_owned());
    (raw, says)
}
