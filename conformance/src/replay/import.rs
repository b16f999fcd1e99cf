//! From a recording to a flow.

use std::{fs, path::Path};

use serde::Deserialize;

use super::{
    bind::Bindings,
    case::{Exchange, Expect, Flow},
    normalise, tree,
};

/// Headers that belong to a connection or to a client's own affairs.
const LEFT_OUT: [&str; 9] = [
    "host",
    "user-agent",
    "content-length",
    "accept-encoding",
    "connection",
    "accept",
    "content-type",
    "x-vmware-vcloud-client-request-id",
    "cookie",
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
}

/// A flow of some lines of a recording that `tests/clients/recorder.py` made: `1-20,25` are the first twenty
/// lines and the 25th.
///
/// # Errors
/// Says what is wrong with the recording or the lines.
pub fn import(recording: &Path, lines: &str, about: &str) -> Result<Flow, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", recording.display());
    let text = fs::read_to_string(recording).map_err(|error| wrong(&error))?;
    let all: Vec<&str> = text.lines().collect();
    let mut bindings = Bindings::default();
    let mut flow = Flow { about: about.to_owned(), exchanges: Vec::new() };
    for n in numbers(lines)? {
        let line =
            all.get(n.wrapping_sub(1)).ok_or_else(|| wrong(&format!("there is no line {n}")))?;
        let recorded: Recorded = serde_json::from_str(line).map_err(|error| wrong(&error))?;
        flow.exchanges.push(
            exchange(recorded, &mut bindings)
                .map_err(|error| wrong(&format!("line {n}: {error}")))?,
        );
    }
    Ok(flow)
}

fn exchange(recorded: Recorded, bindings: &mut Bindings) -> Result<Exchange, String> {
    let headers = &recorded.request_headers;
    let host = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let root = format!("https://{}", host.ok_or("no Host header")?.1);
    let of = |wanted: &str| {
        let own = headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
        own.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    let media = recorded.response_headers.iter().find(|(name, _)| name == "content-type");
    let media = media.map(|(_, value)| value.clone()).unwrap_or_default();
    // The request first: what it names must have been answered before.
    let path = normalise::general_text(&recorded.path, bindings, &root);
    let body = normalise::general_text(&recorded.request_body, bindings, &root);
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
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()))
            .collect(),
        body,
        expect: Expect {
            status: recorded.status,
            media,
            like: None,
            body: tree.map(|tree| tree.lines()).unwrap_or_default(),
        },
    })
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
