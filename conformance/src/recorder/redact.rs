//! Keeps secrets out of what is written.
//!
//! A secret is known by where it stands (the headers that carry tokens and credentials, and fields such as
//! `AdminPassword` and `refresh_token` in XML, JSON, forms and queries) or by what it is: what was named at
//! the start, and what stood in such a place before, is found everywhere from then on, however it is escaped.
//!
//! | instead of | stands |
//! |---|---|
//! | the user name and password of a login | `{credentials:USER@ORG}`, or `{credentials}` |
//! | a token | `{token}` |
//! | any other secret | `{secret}` |
//! | a cookie | `{cookie}` |

mod form;
mod json;
mod xml;

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::replay::bind;

/// Shorter values would be found by accident in ordinary text: they are redacted only where they stand.
const SHORTEST: usize = 8;

const SECRET: &str = "{secret}";
const TOKEN: &str = "{token}";

/// Knows secrets, and learns more.
#[derive(Debug, Default)]
pub struct Redactor {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    values: Vec<(String, &'static str)>,
    /// All ways to write the values, the longest first: one may be the start of another.
    written: Vec<(String, &'static str)>,
}

/// What to do with a value. It is given plain, without the escapes of where it stands.
trait Values {
    /// What the value of a field becomes; none where it stays.
    fn field(&mut self, name: &str, value: &str) -> Option<String>;
    /// What a value that belongs to no field becomes; none where it stays.
    fn other(&mut self, value: &str) -> Option<String>;
}

impl Redactor {
    /// Knows these secrets.
    ///
    /// # Errors
    /// Says that one is too short to be looked for everywhere.
    pub fn new(secrets: &[String]) -> Result<Self, String> {
        let redactor = Self::default();
        for secret in secrets {
            if secret.chars().count() < SHORTEST {
                return Err(format!(
                    "a secret of less than {SHORTEST} characters cannot be told from ordinary text"
                ));
            }
            redactor.known().learn(secret, SECRET);
        }
        Ok(redactor)
    }

    /// Learns the secrets of an exchange's headers.
    pub fn learn_headers(&self, headers: &[(String, String)]) {
        let mut known = self.known();
        for (name, value) in headers {
            match Carrier::of(name) {
                Carrier::Authorization => match scheme(value) {
                    (scheme, rest) if scheme.eq_ignore_ascii_case("basic") => {
                        known.learn(rest, "{credentials}");
                        if let Some((_, password)) = credentials(rest) {
                            known.learn(&password, SECRET);
                        }
                    }
                    (_, "") => known.learn(value, TOKEN),
                    (_, rest) => known.learn(rest, TOKEN),
                },
                // Some say `Bearer` in these too.
                Carrier::Token => {
                    known.learn(value.split_whitespace().last().unwrap_or_default(), TOKEN)
                }
                Carrier::Cookie => {
                    for pair in value.split(';') {
                        known.learn(pair.split_once('=').map_or(pair, |(_, value)| value), SECRET);
                    }
                }
                Carrier::Ordinary => {}
            }
        }
    }

    /// Learns the secrets of a text: a body, or the query of a path.
    pub fn learn(&self, text: &str) {
        walk(text, &mut Learning(&mut self.known()));
    }

    /// The headers without secrets.
    pub fn headers(&self, headers: &[(String, String)]) -> Vec<(String, String)> {
        headers
            .iter()
            .map(|(name, value)| {
                let value = match Carrier::of(name) {
                    Carrier::Authorization => authorization(value),
                    Carrier::Token => TOKEN.to_owned(),
                    Carrier::Cookie => "{cookie}".to_owned(),
                    Carrier::Ordinary => self.text(value),
                };
                (name.clone(), value)
            })
            .collect()
    }

    /// The text, a body or a path, without secrets.
    pub fn text(&self, text: &str) -> String {
        let known = self.known();
        let walked = walk(text, &mut Hiding(&known));
        known.hide(&walked)
    }

    /// Bytes that are no text, without the secrets that are in them.
    pub fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let known = self.known();
        known.written.iter().fold(bytes.to_vec(), |bytes, (secret, instead)| {
            let secret = secret.as_bytes();
            let mut hidden = Vec::with_capacity(bytes.len());
            let mut at = 0;
            while at < bytes.len() {
                if bytes[at..].starts_with(secret) {
                    hidden.extend_from_slice(instead.as_bytes());
                    at += secret.len();
                } else {
                    hidden.push(bytes[at]);
                    at += 1;
                }
            }
            hidden
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn learn(&mut self, secret: &str, instead: &'static str) {
        let secret = secret.trim();
        let short = secret.chars().count() < SHORTEST;
        if short || self.values.iter().any(|(known, _)| known == secret) {
            return;
        }
        self.values.push((secret.to_owned(), instead));
        for written in ways_to_write(secret) {
            if !self.written.iter().any(|(known, _)| *known == written) {
                self.written.push((written, instead));
            }
        }
        self.written.sort_by_key(|(written, _)| std::cmp::Reverse(written.len()));
    }

    fn hide(&self, text: &str) -> String {
        self.written.iter().fold(text.to_owned(), |text, (secret, instead)| {
            if text.contains(secret) { text.replace(secret, instead) } else { text }
        })
    }
}

/// A secret as it may stand in XML, JSON, a URL, a form and in base64.
fn ways_to_write(secret: &str) -> Vec<String> {
    let json = serde_json::Value::from(secret).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let escaped = bind::escaped(secret, "");
    // What JavaScript's encodeURIComponent and encodeURI leave alone.
    let component = bind::escaped(secret, "!'()*");
    let uri = bind::escaped(secret, "!'()*;/?:@&=+$,#");
    let mut ways = vec![
        secret.to_owned(),
        json.replace('/', "\\/"),
        json,
        quick_xml::escape::escape(secret).into_owned(),
        quick_xml::escape::partial_escape(secret).into_owned(),
        quick_xml::escape::minimal_escape(secret).into_owned(),
        escaped.replace("%20", "+"),
        escaped.to_ascii_lowercase(),
        escaped,
        component,
        uri,
        STANDARD.encode(secret),
    ];
    ways.sort();
    ways.dedup();
    ways
}

/// What a header may carry.
enum Carrier {
    Authorization,
    Token,
    Cookie,
    Ordinary,
}

impl Carrier {
    fn of(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "authorization" | "proxy-authorization" => Self::Authorization,
            "x-vcloud-authorization" => Self::Token,
            "cookie" | "set-cookie" => Self::Cookie,
            name if is_secret(name) => Self::Token,
            _ => Self::Ordinary,
        }
    }
}

/// The scheme of an `Authorization` header and what follows.
fn scheme(value: &str) -> (&str, &str) {
    let value = value.trim();
    value.split_once(' ').map_or((value, ""), |(scheme, rest)| (scheme, rest.trim()))
}

/// The user and the password of a login.
fn credentials(encoded: &str) -> Option<(String, String)> {
    let plain = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = plain.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn authorization(value: &str) -> String {
    match scheme(value) {
        (_, "") => TOKEN.to_owned(),
        (scheme, rest) if scheme.eq_ignore_ascii_case("basic") => match credentials(rest) {
            Some((user, _)) if !user.is_empty() && !user.contains(['{', '}']) => {
                format!("{scheme} {{credentials:{user}}}")
            }
            _ => format!("{scheme} {{credentials}}"),
        },
        (scheme, _) => format!("{scheme} {TOKEN}"),
    }
}

/// Whether fields of this name hold secrets.
fn is_secret(name: &str) -> bool {
    const ENDS: [&str; 9] = [
        "password",
        "passphrase",
        "secret",
        "privatekey",
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "apitoken",
        "bearertoken",
    ];
    const WHOLE: [&str; 7] =
        ["token", "ticket", "screenticket", "apikey", "passwd", "pwd", "assertion"];
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    ENDS.iter().any(|end| plain.ends_with(end)) || WHOLE.contains(&plain.as_str())
}

/// What a secret in a field of this name becomes; none where the field holds none, or no value: whether there
/// is a password is not the password. Layout is what XML and JSON call white space; any other blank may be a
/// password.
fn instead(name: &str, value: &str) -> Option<&'static str> {
    let empty = matches!(value.trim_ascii(), "" | "true" | "false" | SECRET | TOKEN);
    if empty || !is_secret(name) {
        return None;
    }
    let token = name.to_ascii_lowercase().ends_with("token");
    Some(if token { TOKEN } else { SECRET })
}

/// Goes through the values of a text, whatever it is written in. What is broken is read as far as it goes.
fn walk(text: &str, values: &mut dyn Values) -> String {
    match text.trim_start().as_bytes().first() {
        Some(b'{' | b'[' | b'"') => json::walk(text, values),
        Some(b'<') => xml::walk(text, values),
        _ => form::walk(text, values),
    }
}

struct Learning<'a>(&'a mut Known);

impl Values for Learning<'_> {
    fn field(&mut self, name: &str, value: &str) -> Option<String> {
        if let Some(instead) = instead(name, value) {
            self.0.learn(value, instead);
        }
        None
    }

    fn other(&mut self, _: &str) -> Option<String> {
        None
    }
}

struct Hiding<'a>(&'a Known);

impl Values for Hiding<'_> {
    fn field(&mut self, name: &str, value: &str) -> Option<String> {
        instead(name, value).map(str::to_owned).or_else(|| self.other(value))
    }

    fn other(&mut self, value: &str) -> Option<String> {
        let hidden = self.0.hide(value);
        (hidden != value).then_some(hidden)
    }
}

#[cfg(test)]
mod tests;
