//! The values of XML, found without understanding more of it than it takes: what is broken is read too.

use std::borrow::Cow;

use quick_xml::escape::{escape, unescape};

use super::{Values, is_secret};

/// An element that is open.
struct Open<'a> {
    name: &'a str,
    /// Whether it is a property of a guest whose value is a secret.
    secret_property: bool,
}

/// The text with its values replaced.
pub(super) fn walk(text: &str, values: &mut dyn Values) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let length = if rest.starts_with("<![CDATA[") {
            let length = until(rest, "]]>");
            let inner = rest[..length].trim_start_matches("<![CDATA[").trim_end_matches("]]>");
            match value(open.last().map(|open| open.name), inner, values) {
                // As text, which needs no care for what ends a section.
                Some(changed) => out.push_str(&escape(changed.as_str())),
                None => out.push_str(&rest[..length]),
            }
            length
        } else if rest.starts_with("<!--") {
            let length = until(rest, "-->");
            out.push_str(&rest[..length]);
            length
        } else if rest.starts_with("<?") || rest.starts_with("<!") || rest.starts_with("</") {
            if rest.starts_with("</") {
                open.pop();
            }
            let length = until(rest, ">");
            out.push_str(&rest[..length]);
            length
        } else if rest.starts_with('<') {
            tag(rest, &mut open, values, &mut out)
        } else {
            let length = rest.find('<').unwrap_or(rest.len());
            let raw = &rest[..length];
            let name = open.last().map(|open| open.name);
            match value(name, &plain(raw), values) {
                Some(changed) => out.push_str(&escape(changed.as_str())),
                None => out.push_str(raw),
            }
            length
        };
        rest = &rest[length..];
    }
    out
}

/// Reads the start of an element; the length that it has.
fn tag<'a>(
    text: &'a str,
    open: &mut Vec<Open<'a>>,
    values: &mut dyn Values,
    out: &mut String,
) -> usize {
    let end = text[1..].find(|c: char| c.is_whitespace() || "/><".contains(c));
    let mut at = end.map_or(text.len(), |end| end + 1);
    let name = local(&text[1..at]);
    out.push_str(&text[..at]);
    let (attributes, length) = attributes(&text[at..]);
    let says = |wanted: &str| {
        let own = attributes.iter().find(|attribute| local(attribute.name) == wanted);
        own.map(|attribute| plain(attribute.raw))
    };
    let secret_property = open.last().is_some_and(|above| above.secret_property)
        || (name == "Property"
            && (says("password").is_some_and(|it| matches!(&*it, "true" | "1"))
                || says("key").is_some_and(|key| is_secret(&key))));
    let start = at;
    for attribute in &attributes {
        let own = local(attribute.name);
        let named = if secret_property && own == "value" { "secret" } else { own };
        if let Some(changed) = value(Some(named), &plain(attribute.raw), values) {
            out.push_str(&text[at..start + attribute.at]);
            out.push_str(&escape(changed.as_str()));
            at = start + attribute.at + attribute.raw.len();
        }
    }
    out.push_str(&text[at..start + length]);
    if !text[..start + length].ends_with("/>") {
        open.push(Open { name, secret_property });
    }
    start + length
}

struct Attribute<'a> {
    name: &'a str,
    raw: &'a str,
    /// Where the value begins.
    at: usize,
}

/// The attributes before the end of a tag, and the length up to and with that end.
fn attributes(text: &str) -> (Vec<Attribute<'_>>, usize) {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let Some(next) = text[at..].find(['=', '>', '<']) else { return (found, text.len()) };
        match text.as_bytes()[at + next] {
            b'>' => return (found, at + next + 1),
            // The tag was not closed.
            b'<' => return (found, at + next),
            _ => {}
        }
        let name = text[at..at + next].trim();
        let after = &text[at + next + 1..];
        let spaces = after.len() - after.trim_start().len();
        let mut start = at + next + 1 + spaces;
        let length = match after.trim_start().chars().next() {
            Some(quote @ ('"' | '\'')) => {
                start += 1;
                text[start..].find(quote)
            }
            _ => text[start..].find(|c: char| c.is_whitespace() || c == '>'),
        };
        let length = length.unwrap_or(text.len() - start);
        found.push(Attribute { name, raw: &text[start..start + length], at: start });
        at = start + length;
        if text[at..].starts_with(['"', '\'']) {
            at += 1;
        }
    }
}

fn value(name: Option<&str>, plain: &str, values: &mut dyn Values) -> Option<String> {
    match name {
        _ if plain.trim().is_empty() => None,
        Some(name) => values.field(name, plain),
        None => values.other(plain),
    }
}

/// The length up to and with this end.
fn until(text: &str, end: &str) -> usize {
    text.find(end).map_or(text.len(), |at| at + end.len())
}

/// A name without its prefix.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn plain(raw: &str) -> Cow<'_, str> {
    unescape(raw).unwrap_or(Cow::Borrowed(raw))
}
