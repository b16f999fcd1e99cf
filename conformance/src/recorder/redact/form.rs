//! The values of a form or of the query of a path: `name=value&name=value`.

use super::Values;
use crate::replay::bind::{escaped, unescaped};

/// The text with its values replaced.
pub(super) fn walk(text: &str, values: &mut dyn Values) -> String {
    let (path, pairs) = match text.split_once('?') {
        Some((path, pairs)) => (&text[..=path.len()], pairs),
        None => ("", text),
    };
    let mut out = path.to_owned();
    for (n, pair) in pairs.split('&').enumerate() {
        if n > 0 {
            out.push('&');
        }
        let Some((name, value)) = pair.split_once('=') else {
            out.push_str(pair);
            continue;
        };
        out.push_str(name);
        out.push('=');
        match values.field(name, &unescaped(&value.replace('+', " "))) {
            // Braces are plain here, so that people can read what stands for a secret.
            Some(changed) => out.push_str(&escaped(&changed, "{}:@")),
            None => out.push_str(value),
        }
    }
    out
}
