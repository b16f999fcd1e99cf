//! What stands in for values that differ from server to server and from run to run.
//!
//! | in a case | stands for |
//! |---|---|
//! | `{vapp.1}` | a UUID: bound where it is met first in an answer, the same from then on |
//! | `{root}` | the server's address, such as `https://127.0.0.1:8443` |
//! | `{root:query}`, `{root:path}` | the same in a query string, with and without its slashes escaped |
//! | `{time}`, `{mac}` | a time, a MAC address |
//! | `{any}` | any text |

use std::collections::BTreeMap;

/// What the variables are bound to.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    root: String,
    ids: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
}

/// A piece of a value in a case.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

impl Bindings {
    /// Nothing bound; the server is under this root URL, without a slash at its end.
    pub fn new(root: &str) -> Self {
        Self { root: root.to_owned(), ..Self::default() }
    }

    /// The variable that is bound to an id.
    pub fn variable_of(&self, id: &str) -> Option<&str> {
        self.variables.get(id).map(String::as_str)
    }

    /// The ids of all variables.
    pub fn ids(&self) -> &BTreeMap<String, String> {
        &self.ids
    }

    /// Binds a variable; false when one of the two is already bound otherwise.
    pub fn bind(&mut self, variable: &str, id: &str) -> bool {
        match (self.ids.get(variable), self.variables.get(id)) {
            (None, None) => {
                self.ids.insert(variable.to_owned(), id.to_owned());
                self.variables.insert(id.to_owned(), variable.to_owned());
                true
            }
            (Some(bound), _) => bound == id,
            (None, Some(_)) => false,
        }
    }

    /// A variable that nothing is bound to yet, for an id of this kind; it is bound to it.
    pub fn name(&mut self, kind: &str, id: &str) -> String {
        if let Some(variable) = self.variable_of(id) {
            return variable.to_owned();
        }
        let mut n = 1;
        while self.ids.contains_key(&format!("{kind}.{n}")) {
            n += 1;
        }
        let variable = format!("{kind}.{n}");
        self.bind(&variable, id);
        variable
    }

    /// The text with its placeholders replaced.
    ///
    /// # Errors
    /// Names the variable that is not bound.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Placeholder("root") => filled.push_str(&self.root),
                Piece::Placeholder("root:query") => filled.push_str(&escaped(&self.root, "")),
                Piece::Placeholder("root:path") => filled.push_str(&escaped(&self.root, "/")),
                Piece::Placeholder(variable) => {
                    let id = self.ids.get(variable);
                    filled
                        .push_str(id.ok_or_else(|| format!("no answer has bound {{{variable}}}"))?);
                }
            }
        }
        Ok(filled)
    }

    /// Whether a value is what the case expects; binds the variables in it.
    pub fn fits(&mut self, expected: &str, value: &str) -> bool {
        if !expected.contains('{') {
            return expected == value;
        }
        let mut bound = self.clone();
        let fits = bound.fit(&pieces(expected), value);
        if fits {
            *self = bound;
        }
        fits
    }

    /// [`Bindings::fits`] without binding anything.
    pub fn would_fit(&self, expected: &str, value: &str) -> bool {
        expected == value || self.clone().fits(expected, value)
    }

    fn fit(&mut self, pieces: &[Piece<'_>], value: &str) -> bool {
        let Some((piece, rest)) = pieces.split_first() else { return value.is_empty() };
        let length = match piece {
            Piece::Text(text) => value.starts_with(text).then_some(text.len()),
            Piece::Placeholder("root") => value.starts_with(&self.root).then_some(self.root.len()),
            Piece::Placeholder("time") => time_at(value),
            Piece::Placeholder("mac") => mac_at(value),
            Piece::Placeholder("any") => match rest.first() {
                Some(Piece::Text(next)) => value.find(next),
                _ => Some(value.len()),
            },
            Piece::Placeholder(variable) => {
                id_at(value).filter(|length| self.bind(variable, &value[..*length]))
            }
        };
        length.is_some_and(|length| self.fit(rest, &value[length..]))
    }
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    // Where to look for the next brace: those of JSON stay text.
    let mut from = 0;
    while let Some(brace) = rest[from..].find('{').map(|at| from + at) {
        let inner = &rest[brace + 1..];
        let name = inner.find(['{', '}']).filter(|end| inner[*end..].starts_with('}'));
        let name = name.map(|end| &inner[..end]).filter(|name| is_placeholder(name));
        let Some(name) = name else {
            from = brace + 1;
            continue;
        };
        if brace > 0 {
            pieces.push(Piece::Text(&rest[..brace]));
        }
        pieces.push(Piece::Placeholder(name));
        rest = &inner[name.len() + 1..];
        from = 0;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

fn is_placeholder(name: &str) -> bool {
    let variable = || {
        let (kind, n) = name.split_once('.')?;
        Some(
            !kind.is_empty()
                && kind.bytes().all(|b| b.is_ascii_alphabetic())
                && n.parse::<u32>().is_ok(),
        )
    };
    matches!(name, "root" | "root:query" | "root:path" | "time" | "mac" | "any")
        || variable().unwrap_or(false)
}

/// Escapes everything that is not plain, nor in `kept`.
pub(crate) fn escaped(text: &str, kept: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || kept.contains(c) {
            escaped.push(c);
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// The text with its escapes undone; as it is where that is no text.
pub(crate) fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        plain.push(escape.unwrap_or(bytes[at]));
        at += if escape.is_some() { 3 } else { 1 };
    }
    String::from_utf8(plain).unwrap_or_else(|_| text.to_owned())
}

/// The length of the pattern at the start of a value: `0` stands for a digit, `x` for one of 16.
fn shaped(value: &str, pattern: &str) -> Option<usize> {
    let fits = value.len() >= pattern.len()
        && value.bytes().zip(pattern.bytes()).all(|(b, p)| match p {
            b'0' => b.is_ascii_digit(),
            b'x' => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
            p => b == p,
        });
    fits.then_some(pattern.len())
}

/// The length of the UUID at the start of a value.
pub(super) fn id_at(value: &str) -> Option<usize> {
    shaped(value, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
}

/// The length of the time at the start of a value.
pub(super) fn time_at(value: &str) -> Option<usize> {
    shaped(value, "0000-00-00T00:00:00.000Z")
}

/// The length of the MAC address at the start of a value.
pub(super) fn mac_at(value: &str) -> Option<usize> {
    shaped(value, "xx:xx:xx:xx:xx:xx")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "6b48b093-5548-47bf-b3b4-9189e37641fb";
    const TWO: &str = "a1a343cd-3389-43b4-b7af-86c16565c09e";

    #[test]
    fn a_variable_is_one_id_and_an_id_one_variable() {
        let mut bindings = Bindings::new("https://host:1");
        assert!(
            bindings.fits("{root}/api/task/{task.1}", &format!("https://host:1/api/task/{ONE}"))
        );
        assert!(bindings.fits("urn:vcloud:task:{task.1}", &format!("urn:vcloud:task:{ONE}")));
        assert!(!bindings.fits("{task.1}", TWO));
        assert!(!bindings.fits("{task.2}", ONE));
        assert!(!bindings.fits("{vm.1}!", TWO), "nothing is bound by what does not fit");
        assert!(bindings.would_fit("{vm.2}", TWO));
        assert!(bindings.fits("{vm.1}", TWO));
        assert_eq!(bindings.fill("x={vm.1}&{y}").unwrap(), format!("x={TWO}&{{y}}"));
        assert!(bindings.fill("{vm.3}").unwrap_err().contains("{vm.3}"));
        assert_eq!(
            bindings.fill("{root:path}|{root:query}").unwrap(),
            "https%3A//host%3A1|https%3A%2F%2Fhost%3A1"
        );
        assert_eq!(bindings.name("vm", TWO), "vm.1");
        assert_eq!(bindings.name("vm", &ONE.replace('6', "7")), "vm.2");
    }

    #[test]
    fn shapes() {
        let mut bindings = Bindings::default();
        assert!(bindings.fits("{time}", "2026-11-21T09:05:21.059Z"));
        assert!(!bindings.fits("{time}", "yesterday"));
        assert!(bindings.fits("{mac}", "00:50:56:00:00:0a"));
        assert!(bindings.fits("[ {any} ] it failed", "[ x ] it failed"));
        assert!(!bindings.fits("[ {any} ] it failed", "[ x ] it did not"));
        assert!(bindings.fits("{any}", ""));
        assert_eq!(unescaped("a%2Fb%"), "a/b%");
    }

    #[test]
    fn braces_of_json_are_text() {
        let mut bindings = Bindings::new("https://host:1");
        assert!(bindings.bind("vm.1", ONE) && bindings.bind("org.1", TWO));
        let body = r#"{"org":{"id":"urn:vcloud:org:{org.1}"},"vms":[{"id":"{vm.1}"},{}],"x":"{root}/{y}"}"#;
        let filled = format!(
            r#"{{"org":{{"id":"urn:vcloud:org:{TWO}"}},"vms":[{{"id":"{ONE}"}},{{}}],"x":"https://host:1/{{y}}"}}"#
        );
        assert_eq!(bindings.fill(body).unwrap(), filled);
        assert!(bindings.fits(body, &filled));
        assert_eq!(pieces("{"), [Piece::Text("{")]);
        assert_eq!(pieces(""), []);
    }
}
