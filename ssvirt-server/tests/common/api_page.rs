//! `docs/api.md`: what is served, by surface and resource, out of the OpenAPI document.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::Value;
use ssvirt_vcd::ApiVersion;

const HEAD: &str = "# What is served\n\n\
    Out of the OpenAPI document of the server (`GET /openapi.json`, [docs/openapi](openapi)), checked by `cargo test -p\n\
    ssvirt-server --test openapi` and written anew with `UPDATE=1`. `{id}` is a bare UUID, one with the prefix of VCD's hrefs\n\
    (`vapp-`, `vm-`, `vappTemplate-`) or a URN.\n";

/// The surface that clients ask for no version of.
const UNVERSIONED: &str = "api/v1";

/// A row of the table of a resource.
struct Row {
    path: String,
    method: String,
    summary: String,
    takes: String,
    answers: String,
}

/// The page of a document.
pub fn page(document: &Value) -> String {
    let mut surfaces: BTreeMap<&str, BTreeMap<String, Vec<Row>>> = BTreeMap::new();
    let mut in_xml = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let (surface, resource) = place(path);
        for (method, operation) in methods.as_object().expect("methods") {
            if super::openapi::has_xml(operation) {
                in_xml.insert(surface);
            }
            surfaces.entry(surface).or_default().entry(resource.clone()).or_default().push(Row {
                path: path.clone(),
                method: method.to_uppercase(),
                summary: operation["summary"].as_str().unwrap_or_default().to_owned(),
                takes: schemas(&operation["requestBody"]["content"]).join(", "),
                answers: answers(&operation["responses"]),
            });
        }
    }
    let versions: Vec<_> =
        ApiVersion::SERVED.iter().map(|served| served.version.to_string()).collect();
    let mut page = HEAD.to_owned();
    for (surface, resources) in surfaces {
        let formats = if in_xml.contains(surface) { "XML and VCD's JSON" } else { "JSON" };
        let versions = match surface {
            UNVERSIONED => "without versions".to_owned(),
            _ => format!("in the versions {}", versions.join(", ")),
        };
        writeln!(page, "\n## /{surface}\n\nIn {formats}, {versions}.").expect("a text");
        for (resource, mut rows) in resources {
            rows.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
            write!(
                page,
                "\n### {resource}\n\n| method | path | what | takes | answers |\n|---|---|---|---|---|\n"
            )
            .expect("a text");
            for Row { path, method, summary, takes, answers } in rows {
                writeln!(page, "| {method} | `{path}` | {summary} | {takes} | {answers} |")
                    .expect("a text");
            }
        }
    }
    page
}

/// The surface and the resource of a path: its first word, behind the version in `/cloudapi`.
fn place(path: &str) -> (&str, String) {
    let path = path.trim_start_matches('/');
    let (surface, rest) = match path.strip_prefix(UNVERSIONED) {
        Some(rest) => (UNVERSIONED, rest),
        None => path.split_once('/').unwrap_or((path, "")),
    };
    let segments = rest.split('/').filter(|segment| !segment.is_empty());
    let is_version = |segment: &str| segment.starts_with(|c: char| c.is_ascii_digit());
    let words: Vec<&str> =
        segments.filter(|segment| !segment.starts_with('{') && !is_version(segment)).collect();
    let resource = match words.as_slice() {
        ["admin", resource, ..] => format!("admin/{resource}"),
        [resource, ..] => (*resource).to_owned(),
        [] => String::new(),
    };
    (surface, resource)
}

/// The names of the schemas of a content, each once.
fn schemas(content: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for media in content.as_object().into_iter().flatten() {
        let schema = &media.1["schema"];
        let reference = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        let name = reference.or_else(|| schema["type"].as_str()).unwrap_or_default().to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The statuses of success, each with what is in its body.
fn answers(responses: &Value) -> String {
    let good =
        responses.as_object().into_iter().flatten().filter(|(status, _)| status.starts_with('2'));
    let each = good.map(|(status, response)| {
        format!("{status} {}", schemas(&response["content"]).join(", ")).trim().to_owned()
    });
    each.collect::<Vec<_>>().join("; ")
}
