//! The OpenAPI document lists every route, and nothing that is not served.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::{collections::BTreeSet, fmt::Write as _, path::PathBuf};

use common::{ADMIN, App, openapi};
use serde_json::Value;
use ssvirt_server::document::{Document, Part};
use ssvirt_vcd::ApiVersion;

/// The documents of one surface, the newest first.
fn versions(part: Part) -> impl Iterator<Item = (ApiVersion, Value)> {
    ApiVersion::SERVED.iter().rev().map(move |served| {
        let document = Document { part, version: Some(served.version) };
        let text = document.render("/");
        (served.version, serde_json::from_str(&text).expect("the document is JSON"))
    })
}

/// Checks a file of `docs/openapi`, or writes it.
fn check(name: &str, text: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi");
    let file = folder.join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&file, text).unwrap();
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(known == text, "docs/openapi/{name} is not this server's: UPDATE=1 writes it");
}

/// What is different in the second document, one line each.
fn differences(place: &str, first: &Value, second: &Value, found: &mut String) {
    let (Value::Object(one), Value::Object(other)) = (first, second) else {
        if first != second {
            writeln!(found, "  ~ {place}: {first} -> {second}").unwrap();
        }
        return;
    };
    for (key, value) in one {
        let place = format!("{place}/{}", key.replace('/', "~1"));
        match other.get(key) {
            Some(theirs) => differences(&place, value, theirs, found),
            None => writeln!(found, "  - {place}").unwrap(),
        }
    }
    for key in other.keys().filter(|key| !one.contains_key(*key)) {
        writeln!(found, "  + {place}/{}", key.replace('/', "~1")).unwrap();
    }
}

#[test]
fn the_list_of_routes_is_checked_in() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md");
    let page = common::api_page::page(&openapi::document());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(known == page, "docs/api.md is not this server's: UPDATE=1 writes it");
}

#[test]
fn the_newest_documents_and_what_older_ones_differ_in_are_checked_in() {
    let mut list =
        "# How the document of each version differs from that of the next newer one.\n".to_owned();
    for part in [Part::Api, Part::CloudApi] {
        let newest = Document { part, version: Some(ApiVersion::NEWEST) };
        check(&format!("{newest}.json"), &newest.render("/"));
        let mut newer: Option<Value> = None;
        for (version, mut document) in versions(part) {
            assert_eq!(document["info"]["version"], version.to_string());
            // The version is in every media type; that is no difference.
            let text = document.to_string().replace(&format!(";version={version}"), "");
            document = serde_json::from_str(&text).unwrap();
            document["info"] = Value::Null;
            if let Some(newer) = &newer {
                let mut found = String::new();
                differences("", newer, &document, &mut found);
                let same = if found.is_empty() { " the same" } else { "" };
                write!(list, "{} {version}:{same}\n{found}", part.name()).unwrap();
            }
            newer = Some(document);
        }
    }
    check("differences.txt", &list);
}

/// `get /api/org` and so on.
fn operations_of(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        })
        .collect()
}

#[test]
fn the_document_of_everything_has_every_operation_of_every_version() {
    let everything = operations_of(&openapi::document());
    let mut found = BTreeSet::new();
    for part in [Part::Api, Part::CloudApi] {
        for (version, document) in versions(part) {
            let operations = operations_of(&document);
            let both = serde_json::from_str(
                &Document { part: Part::All, version: Some(version) }.render("/"),
            );
            assert!(operations.is_subset(&operations_of(&both.unwrap())));
            found.extend(operations);
        }
    }
    assert_eq!(found, everything);
}

#[test]
fn a_document_has_what_its_version_has() {
    common::run(async {
        let app = App::start().await;
        let mut gated = 0;
        for (version, document) in versions(Part::Api) {
            let accept = format!("*/*;version={version}");
            let client = app.user(ADMIN).await.at(&version.to_string());
            let old = version < ApiVersion::V38_0;
            for (method, path) in
                [("POST", "/api/sessions"), ("DELETE", "/api/sessions"), ("DELETE", "/api/session")]
            {
                let operation = &document["paths"][path][method.to_lowercase()];
                assert_eq!(operation.is_object(), old, "{method} {path} in {version}");
                // Without a login: it is only asked whether there is such a method.
                let token = [("accept", accept.as_str())];
                if method == "POST" {
                    let answer = app.send(method, path, &token, "").await;
                    assert_eq!(answer.code(), if old { 401 } else { 405 }, "{answer:?}");
                }
            }
            // The media type of an answer is one of those in the document.
            let answer = client.send_for(&accept, "GET", "/api/session", None, "").await.ok();
            let media = answer.headers["content-type"].to_str().unwrap();
            let content = &document["paths"]["/api/session"]["get"]["responses"]["200"]["content"];
            assert!(content[media].is_object(), "{media}: {content}");
            let vm = &document["components"]["schemas"]["VmSpecSectionType"]["properties"];
            assert!(vm["numCpus"].is_object(), "{vm}");
            let has = vm["firmware"].is_object();
            assert_eq!(has, version >= ApiVersion::V37_1, "{version}");
            gated += usize::from(!has);
        }
        assert!(gated > 0);
    });
}

#[test]
fn documents_are_there_under_their_names() {
    common::run(async {
        let app = App::start().await;
        for name in ["api-37.0", "cloudapi-39.1", "all-36.0"] {
            let answer = app.send("GET", &format!("/openapi/{name}.json"), &[], "").await.ok();
            let document: Document = name.parse().unwrap();
            assert_eq!(answer.body, document.render(common::ROOT));
            assert_eq!(answer.headers["content-type"], "application/json");
            let tag = answer.headers["etag"].to_str().unwrap();
            let again = [("if-none-match", tag)];
            let again = app.send("GET", &format!("/openapi/{name}.json"), &again, "").await;
            assert_eq!((again.code(), again.body.as_str()), (304, ""));
        }
        for name in ["api-35.0.json", "api-39.1", "api.json", "..%2fopenapi.json"] {
            assert_eq!(app.send("GET", &format!("/openapi/{name}"), &[], "").await.code(), 404);
        }
        // Where a session's link to the document leads: in the version asked for.
        let accept = [("accept", "application/json;version=37.2")];
        let answer = app.send("GET", "/cloudapi", &accept, "").await.ok();
        assert_eq!(answer.headers["content-type"], "application/json;version=37.2");
        assert_eq!(answer.body, "cloudapi-37.2".parse::<Document>().unwrap().render(common::ROOT));
    });
}

#[test]
fn every_operation_is_under_one_heading_and_says_what_it_does() {
    let document = openapi::document();
    let headings: BTreeSet<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut used = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let tags = operation["tags"].as_array();
            let tags = tags.unwrap_or_else(|| panic!("{method} {path}: add a tag, see api/tag.rs"));
            assert_eq!(tags.len(), 1, "{method} {path}: {tags:?}");
            used.insert(tags[0].as_str().unwrap().to_owned());
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
        }
    }
    assert_eq!(used.iter().map(String::as_str).collect::<BTreeSet<_>>(), headings);
}

#[test]
fn routes_are_named_once() {
    let routes = openapi::routes();
    let mut seen = BTreeSet::new();
    let mut operations = BTreeSet::new();
    for route in &routes {
        let erased: Vec<&str> = route
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { "{}" } else { part })
            .collect();
        assert!(seen.insert((route.method.clone(), erased.join("/"))), "{route:?} twice");
        assert!(!route.operation.is_empty(), "{route:?} has no operation id");
        assert!(operations.insert(route.operation.clone()), "{} twice", route.operation);
    }
    println!("{} routes", routes.len());
}

#[test]
fn every_route_is_served() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        for route in openapi::routes() {
            for param in route.params() {
                assert!(
                    ["id", "urn", "kind", "key", "domain", "part", "version", "vdc", "item"]
                        .contains(&param),
                    "{param}"
                );
            }
            let id = common::unknown().to_string();
            let path = route.path.replace("{kind}", "vApp").replace("{id}", &id);
            let answer = client.send(&route.method, &path, None, "").await;
            assert!(!matches!(answer.code(), 405 | 500..), "{route:?}: {answer:?}");
            // A path that is not served is named in the answer.
            let unserved =
                answer.code() == 404 && answer.message().contains(&format!("resource at {path}"));
            assert!(!unserved, "{route:?}: {answer:?}");
            // Without a login there is nothing but the way to one.
            let open = route.security.is_empty();
            assert_eq!(open, route.path == "/api/versions", "{route:?}");
            let accept = if path.starts_with("/cloudapi") {
                "application/json;version=37.0"
            } else {
                "*/*;version=37.0"
            };
            let anonymous = app.send(&route.method, &path, &[("accept", accept)], "").await;
            assert_eq!(anonymous.code(), if open { 200 } else { 401 }, "{route:?}: {anonymous:?}");
        }
        let served = app.send("GET", "/openapi.json", &[], "").await.ok();
        assert_eq!(served.body, Document::ALL.render(common::ROOT));
    });
}

#[test]
fn every_schema_that_is_referred_to_is_there() {
    for part in [Part::Api, Part::CloudApi, Part::All] {
        let all = versions(part).map(|(_, document)| document);
        all.chain([openapi::document()]).for_each(|document| check_references(&document));
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(|name| name.as_str()) {
                found.insert(name.to_owned());
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(all) => all.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

fn check_references(document: &Value) {
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut found = BTreeSet::new();
    references(document, &mut found);
    for reference in &found {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        assert!(schemas.contains_key(name), "{name} is not there");
    }
    for name in schemas.keys() {
        assert!(found.contains(&format!("#/components/schemas/{name}")), "{name} is nowhere used");
    }
    // Both formats of everything on `/api`.
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let contents = operation["responses"].as_object().unwrap().values();
            let media: Vec<&String> = contents
                .filter_map(|response| response["content"].as_object())
                .flatten()
                .map(|one| one.0)
                .collect();
            let json = ["/cloudapi/", "/api/v1/", "/api/admin/org/{id}/vdcs"];
            if !json.iter().any(|json| path.starts_with(json)) && !media.is_empty() {
                for suffix in ["xml", "json"] {
                    assert!(
                        media.iter().any(|media| media.contains(&format!("{suffix};version="))),
                        "{method} {path}: {media:?}"
                    );
                }
            }
        }
    }
}
