//! The OpenAPI document lists every route, and nothing that is not served.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::{collections::BTreeSet, path::PathBuf};

use common::{ADMIN, App, openapi};

fn checked_in() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi/ssvirt.json")
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
fn the_document_is_checked_in() {
    let document = ssvirt_server::openapi_json();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(checked_in().parent().unwrap()).unwrap();
        std::fs::write(checked_in(), &document).unwrap();
    }
    let known = std::fs::read_to_string(checked_in()).unwrap_or_default();
    assert!(known == document, "docs/openapi/ssvirt.json is not this server's: UPDATE=1 writes it");
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
                    ["id", "urn", "kind", "key", "domain", "part", "version"].contains(&param),
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
            let open = route.path == "/api/versions";
            let accept = if path.starts_with("/cloudapi") {
                "application/json;version=37.0"
            } else {
                "*/*;version=37.0"
            };
            let anonymous = app.send(&route.method, &path, &[("accept", accept)], "").await;
            assert_eq!(anonymous.code(), if open { 200 } else { 401 }, "{route:?}: {anonymous:?}");
        }
        let served = app.send("GET", "/openapi.json", &[], "").await.ok();
        assert_eq!(served.body, ssvirt_server::openapi_json());
    });
}

#[test]
fn every_schema_that_is_referred_to_is_there() {
    fn references(value: &serde_json::Value, found: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                if let Some(name) = fields.get("$ref").and_then(|name| name.as_str()) {
                    found.insert(name.to_owned());
                }
                fields.values().for_each(|value| references(value, found));
            }
            serde_json::Value::Array(all) => all.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = openapi::document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
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
            if path.starts_with("/api") && !media.is_empty() {
                for suffix in ["xml", "json"] {
                    assert!(
                        media.iter().any(|media| media.ends_with(suffix)),
                        "{method} {path}: {media:?}"
                    );
                }
            }
        }
    }
    println!("{} schemas", schemas.len());
}
