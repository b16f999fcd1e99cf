//! From a recording to a flow.

use std::{fs, path::Path};

use serde::Deserialize;

use super::{
    bind::Bindings,
    case::{Exchange, Expect, Flow},
    normalise,
    run::{Login, Options},
    tree,
};

/// Headers that belong to a connection, to a client's own affairs or to a browser.
const LEFT_OUT: [&str; 20] = [
    "host",
    "user-agent",
    "content-length",
    "transfer-encoding",
    "expect",
    "te",
    "accept-encoding",
    "accept-language",
    "connection",
    "accept",
    "content-type",
    "x-vmware-vcloud-client-request-id",
    "cookie",
    "origin",
    "referer",
    "cache-control",
    "pragma",
    "priority",
    "dnt",
    "if-none-match",
];

/// A line of a recording.
#[derive(Deserialize)]
struct Recorded {
    method: String,
    path: String,
    request_headers: Vec<(String, String)>,
    request_body: String,
    status: u16,
    response_headers: Vec<(String, String)>,
    response_body: String,
    request_body_base64: Option<String>,
    request_body_bytes: Option<usize>,
    response_body_base64: Option<String>,
    response_body_bytes: Option<usize>,
    error: Option<String>,
}

/// A flow that was made of a recording.
#[derive(Debug)]
pub struct Imported {
    /// The flow.
    pub flow: Flow,
    /// What whoever reads it should know.
    pub notes: Vec<String>,
}

/// A flow of some lines of a recording ([`crate::recorder`]), or of all: `1-20,25` are the first twenty lines
/// and the 25th. What is no call of the API (a page, its scripts) is left out, and so is what a browser only
/// asked to be told again (304).
///
/// # Errors
/// Says what is wrong with the recording or the lines.
pub fn import(recording: &Path, lines: Option<&str>, about: &str) -> Result<Imported, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", recording.display());
    let text = fs::read_to_string(recording).map_err(|error| wrong(&error))?;
    let all: Vec<&str> = text.lines().collect();
    let wanted = match lines {
        Some(lines) => numbers(lines)?,
        None => (1..=all.len()).collect(),
    };
    let mut bindings = Bindings::default();
    let mut imported = Imported {
        flow: Flow { about: about.to_owned(), exchanges: Vec::new() },
        notes: Vec::new(),
    };
    for n in wanted {
        let wrong = |error: &dyn std::fmt::Display| wrong(&format!("line {n}: {error}"));
        let line = all.get(n.wrapping_sub(1)).ok_or_else(|| wrong(&"there is no such line"))?;
        let recorded: Recorded = serde_json::from_str(line).map_err(|error| wrong(&error))?;
        if !is_api(&recorded.path) || recorded.status == 304 {
            continue;
        }
        let exchange = exchange(recorded, &mut bindings, |id| {
            imported.notes.push(format!("line {n} names {id}, which is in no answer before it"));
        });
        imported.flow.exchanges.push(exchange.map_err(|error| wrong(&error))?);
    }
    if imported.flow.exchanges.is_empty() {
        return Err(wrong(&"there is no call of the API in these lines"));
    }
    Ok(imported)
}

fn is_api(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    ["/api", "/cloudapi", "/oauth"].iter().any(|surface| {
        path.strip_prefix(surface).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// An exchange of a flow. `unknown` hears of ids in the request that no answer has had.
fn exchange(
    recorded: Recorded,
    bindings: &mut Bindings,
    mut unknown: impl FnMut(&str),
) -> Result<Exchange, String> {
    if let Some(error) = recorded.error {
        return Err(format!("the server gave no answer: {error}"));
    }
    let no_text = recorded.request_body_base64.is_some() || recorded.response_body_base64.is_some();
    let no_body = recorded.request_body_bytes.or(recorded.response_body_bytes).is_some();
    if no_text || no_body {
        return Err("its body was not recorded as text".to_owned());
    }
    let headers = &recorded.request_headers;
    let of = |wanted: &str| {
        let own = headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
        own.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    let root = format!("https://{}", of("host").pop().ok_or("no Host header")?);
    let media = recorded
        .response_headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let media = media.map(|(_, value)| value.clone()).unwrap_or_default();
    // The request first: what it names must have been answered before.
    let general = |text: &str| normalise::general_request(text, bindings, &root);
    let path = general(&recorded.path);
    let body = general(&recorded.request_body);
    let kept = |name: &String| !LEFT_OUT.contains(&name.as_str()) && !name.starts_with("sec-");
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .filter(|(name, _)| kept(name))
        .map(|(name, value)| (name, general(&who(value))))
        .collect::<Vec<_>>();
    let said = headers.iter().map(|(_, value)| value).chain([&path, &body]);
    said.for_each(|text| normalise::ids(text).for_each(&mut unknown));
    let mut tree = tree::parse(&media, &recorded.response_body)?;
    if let Some(tree) = &mut tree {
        normalise::straighten(tree);
        normalise::generalise(tree, bindings, &root);
    }
    Ok(Exchange {
        method: recorded.method,
        path,
        accept: of("accept").into_iter().filter(|accept| accept != "*/*").collect(),
        content_type: of("content-type").pop().unwrap_or_default(),
        headers,
        body,
        expect: Expect {
            status: recorded.status,
            media,
            like: None,
            body: tree.map(|tree| tree.lines()).unwrap_or_default(),
        },
    })
}

/// The login of the user who replays flows, unless something else is said, is that of whoever that is.
fn who(value: &str) -> String {
    let Login { user, org, .. } = Options::default().login;
    value.replace(&format!("{{credentials:{user}@{org}}}"), "{credentials}")
}

fn numbers(lines: &str) -> Result<Vec<usize>, String> {
    let wrong = || format!("not a list of lines: {lines}");
    let mut numbers = Vec::new();
    for part in lines.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first: usize = first.trim().parse().map_err(|_| wrong())?;
        let last: usize = last.trim().parse().map_err(|_| wrong())?;
        numbers.extend(first..=last);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_lists_of_ranges() {
        assert_eq!(numbers("1-3, 7,9-9").unwrap(), [1, 2, 3, 7, 9]);
        for bad in ["", "a", "1-", "-2", "1,,2"] {
            assert!(numbers(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_calls_of_the_api_count() {
        for path in ["/api/query?type=vm", "/api", "/cloudapi/1.0.0/vms", "/oauth/tenant/x/token"] {
            assert!(is_api(path), "{path}");
        }
        for path in ["/", "/assets/index.js", "/apis", "/openapi.json", "/api-explorer?x=/api/"] {
            assert!(!is_api(path), "{path}");
        }
    }
}
