//! Every href that the server shows can be followed by whoever it is shown to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use common::{
    ADMIN, ADMINISTRATOR, AUTHOR, Answer, App, Client, EVERYONE, Element, ROOT, USER, body,
    openapi::{self, Route},
};

/// Rels of what is done, not looked at.
fn is_action(rel: &str) -> bool {
    rel.starts_with("power:")
        || rel.starts_with("snapshot:")
        || rel.starts_with("disk:")
        || rel.starts_with("media:")
        || rel.starts_with("screen:")
        || matches!(
            rel,
            "add"
                | "edit"
                | "remove"
                | "enable"
                | "disable"
                | "deploy"
                | "undeploy"
                | "recompose"
                | "reconfigureVm"
                | "discardState"
                | "task:cancel"
                | "controlAccess"
                | "publish"
                | "installVmwareTools"
                | "consolidate"
                | "relocate"
        )
}

/// What a rel means to be sent.
fn methods(rel: &str) -> &'static [&'static str] {
    match rel {
        "edit" => &["PUT"],
        "remove" => &["DELETE"],
        _ => &["POST"],
    }
}

/// What a crawl found.
#[derive(Default)]
struct Found {
    visited: BTreeSet<String>,
    /// Rel, path and media type.
    actions: BTreeSet<(String, String, String)>,
    broken: BTreeMap<String, String>,
    queue: VecDeque<(String, String)>,
}

impl Found {
    fn see(&mut self, from: &str, href: &str) {
        let Some(path) = href.strip_prefix(ROOT) else {
            self.broken.insert(href.to_owned(), format!("is not under {ROOT}; in {from}"));
            return;
        };
        if self.visited.insert(path.to_owned()) {
            self.queue.push_back((path.to_owned(), from.to_owned()));
        }
    }

    fn see_all(&mut self, from: &str, element: &Element) {
        let is_link = element.name == "Link";
        let rel = if is_link { element.attr("rel") } else { "" };
        for (name, value) in &element.attrs {
            if !value.starts_with("http") || name == "schemaLocation" {
                continue;
            }
            match (is_link && name == "href" && is_action(rel), value.strip_prefix(ROOT)) {
                (true, Some(path)) => {
                    let media = element.attr("type").to_owned();
                    self.actions.insert((rel.to_owned(), path.to_owned(), media));
                }
                _ => self.see(from, value),
            }
        }
        if element.text.starts_with(ROOT) && !element.name.ends_with("LoginUrl") {
            self.see(from, &element.text);
        }
        for child in &element.children {
            self.see_all(from, child);
        }
    }

    fn see_json(&mut self, from: &str, value: &serde_json::Value) {
        match value {
            serde_json::Value::String(text) if text.starts_with("http") => self.see(from, text),
            serde_json::Value::Array(all) => {
                all.iter().for_each(|value| self.see_json(from, value))
            }
            serde_json::Value::Object(all) => {
                all.values().for_each(|value| self.see_json(from, value))
            }
            _ => {}
        }
    }
}

/// Whether a caller may be shown an href without being allowed to follow it: owners of objects and users of
/// tasks are references, whose href the schema requires; clients read the name beside it. Looking at the
/// user takes a right that authors and users lack, and nobody but the provider looks at its users.
fn may_be_closed(client: &Client<'_>, path: &str) -> bool {
    client.login != ADMINISTRATOR && path.starts_with("/api/admin/user/")
}

/// Follows everything. A 403 is a failure too: what a caller is shown, the caller may use.
async fn crawl(client: &Client<'_>, routes: &[Route]) -> Found {
    let mut found = Found::default();
    for start in ["/api/org", "/api/query", "/api/session", "/api/versions"] {
        found.see("the start", &format!("{ROOT}{start}"));
    }
    while let Some((path, from)) = found.queue.pop_front() {
        let answer = client.get(&path).await;
        // The resolver by itself is a prefix, to put a URN behind.
        let prefix = path == "/api/entity/" && answer.code() == 400;
        if answer.code() != 200 {
            let closed = answer.code() == 403 && may_be_closed(client, &path);
            if !prefix && !closed {
                let message = if answer.body.is_empty() { String::new() } else { answer.message() };
                found.broken.insert(path, format!("{} {message}; in {from}", answer.code()));
            }
            continue;
        }
        if path == "/cloudapi" {
            continue;
        }
        if client.login != ADMINISTRATOR {
            let rival = client.app.rival.all().into_iter().map(|(_, urn)| urn.uuid.to_string());
            for secret in rival.chain(["rival".to_owned()]) {
                assert!(
                    !answer.body.contains(&secret),
                    "{path} shows {secret} to {}",
                    client.login
                );
            }
        }
        if answer.body.starts_with('{') {
            found.see_json(&path, &answer.json());
        } else {
            found.see_all(&path, &answer.xml());
        }
    }
    for (rel, href, _) in &found.actions {
        let path = href.split('?').next().unwrap_or_default().trim_end_matches('/');
        let built =
            |route: &Route| methods(rel).contains(&route.method.as_str()) && route.matches(path);
        if !routes.iter().any(built) {
            found.broken.insert(href.clone(), format!("{rel} is not built"));
        }
    }
    found
}

/// Things in every state: running, stopped, suspended, empty, with metadata, of every user.
async fn furnish(app: &App) {
    let admin = app.user(ADMIN).await;
    let running = admin.instantiate("running", "two-tier", true).await;
    admin.instantiate("stopped", "ubuntu-24.04", false).await;
    let suspended = admin.instantiate("suspended", "debian-13", true).await;
    admin.done(admin.post(&format!("{suspended}/power/action/suspend"), "").await).await;
    admin.compose(&body::compose("empty", "")).await;
    let vm = admin.vms_of(&running).await.remove(0);
    let template = admin.find("vAppTemplate", "two-tier").await;
    let catalog = admin.find("catalog", "templates").await;
    for href in [&running, &vm, &template, &catalog] {
        let body = body::metadata("key with / and ünïcode", "value");
        admin.done(admin.post(&format!("{href}/metadata"), &body).await).await;
    }
    let provider = app.user(ADMINISTRATOR).await;
    let system = "<Domain visibility=\"READONLY\">SYSTEM</Domain>";
    let value = body::metadata_value("value", system);
    provider.done(provider.put(&format!("{running}/metadata/SYSTEM/secret"), &value).await).await;
    for login in [AUTHOR, USER] {
        let user = app.user(login).await;
        let name = login.split('@').next().unwrap_or_default();
        let on = user.instantiate(&format!("{name}-on"), "ubuntu-24.04", true).await;
        user.instantiate(&format!("{name}-off"), "two-tier", false).await;
        user.done(user.post(&format!("{on}/power/action/powerOff"), "").await).await;
        // A task that failed belongs into the lists too.
        user.post(&format!("{on}/power/action/powerOff"), "").await;
    }
    app.settled().await;
}

#[test]
fn every_href_answers() {
    common::run(async {
        let app = App::start().await;
        furnish(&app).await;
        let routes = openapi::routes();
        let (mut hrefs, mut actions, mut broken) = (0, 0, Vec::new());
        for login in EVERYONE {
            for version in ["36.0", "37.0", "39.1"] {
                let found = crawl(&app.user_at(login, version).await, &routes).await;
                println!(
                    "{login} at {version}: {} hrefs followed, {} actions found",
                    found.visited.len(),
                    found.actions.len()
                );
                assert!(found.visited.len() > 100, "{login} sees too little");
                hrefs += found.visited.len();
                actions += found.actions.len();
                let lines = found.broken.into_iter();
                broken.extend(lines.map(|(href, why)| format!("{login} {version} {href}: {why}")));
            }
        }
        println!("{hrefs} hrefs followed, {actions} actions found in the OpenAPI document");
        assert!(broken.is_empty(), "{} are broken:\n{}", broken.len(), broken.join("\n"));
    });
}

/// What is changed at once is answered as it is now, the rest by a task.
async fn put_back(client: &Client<'_>, put: Answer) {
    match put.code() {
        200 => assert!(put.xml().name == "User", "{put:?}"),
        202 => drop(client.done(put).await),
        _ => panic!("as {}: {put:?}", client.login),
    }
}

#[test]
fn what_may_be_changed_can_be_put_back() {
    common::run(async {
        let app = App::start().await;
        furnish(&app).await;
        let routes = openapi::routes();
        let (mut edits, mut adds) = (0, 0);
        for login in EVERYONE {
            let client = app.user(login).await;
            for (rel, href, media) in crawl(&client, &routes).await.actions {
                let media = (!media.is_empty()).then_some(media.as_str());
                match rel.as_str() {
                    "edit" => {
                        let shown = client.get(&href).await.ok();
                        let put = client.send("PUT", &href, media, &shown.body).await;
                        put_back(&client, put).await;
                        // Lists and the times in them may move, what was put may not.
                        let after = client.get(&href).await.ok();
                        assert_eq!(shown.body, after.body, "{href} as {login}");
                        let media = media.map(|media| media.replace("+xml", "+json"));
                        let json = client.send_json("GET", &href, None, "").await.ok().body;
                        let put = client.send("PUT", &href, media.as_deref(), &json).await;
                        put_back(&client, put).await;
                        let after = client.get(&href).await.ok();
                        assert_eq!(shown.body, after.body, "{href} as {login}, by JSON");
                        edits += 1;
                    }
                    "add" if href.ends_with("/metadata") => {
                        let body = body::metadata("added", "by the crawler");
                        let post = client.send("POST", &href, media, &body).await;
                        assert_eq!(post.code(), 202, "{href} as {login}: {post:?}");
                        client.done(post).await;
                        adds += 1;
                    }
                    _ => {}
                }
            }
        }
        println!("{edits} sections put back in both formats, {adds} objects annotated");
        assert!(edits > 50 && adds > 10);
    });
}

/// The paths of a route with ids that the crawl has seen behind the same word; `/api/vm` has those of VMs.
fn with_known_ids(route: &Route, visited: &BTreeSet<String>) -> Vec<String> {
    let ids = |prefix: &str| -> BTreeSet<&str> {
        let rest = visited.iter().filter_map(|path| path.strip_prefix(prefix)?.split('/').next());
        rest.filter(|id| id.len() >= 36).collect()
    };
    if route.path.contains("{urn}") {
        let urn = |id: &str| route.path.replace("{urn}", &format!("urn:vcloud:vdc:{id}"));
        return ids("/api/vdc/").into_iter().map(urn).collect();
    }
    let Some((before, _)) = route.path.split_once("{id}") else { return Vec::new() };
    let prefix = if before == "/api/vm/" { "/api/vApp/" } else { before };
    ids(prefix).into_iter().map(|id| route.path.replace("{id}", id)).collect()
}

#[test]
fn a_difference_between_the_formats_is_seen() {
    let xml = "<Vm xmlns:xsi=\"x\" name=\"a\" deployed=\"true\"><NumCpus>2</NumCpus><ASection><Text/></ASection>\
               <Nic index=\"0\"/><Nic index=\"1\"/></Vm>";
    let xml = Element::parse(xml).unwrap();
    let json = serde_json::json!({
        "otherAttributes": {}, "name": "a", "deployed": true, "numCpus": 2, "description": null, "link": [],
        "section": [{"_type": "ASectionType", "text": ""}], "nic": [{"index": 0}, {"index": 1}],
    });
    assert_eq!(common::same::differences(&xml, &json), [""; 0]);
    for (pointer, wrong) in [
        ("/name", serde_json::json!("b")),
        ("/name", serde_json::Value::Null),
        ("/deployed", false.into()),
        ("/numCpus", 3.into()),
        ("/description", "more".into()),
        ("/section", serde_json::json!([])),
        ("/section/0/_type", "OtherType".into()),
        ("/section/0/text", 1.into()),
        ("/nic", serde_json::json!([{"index": 0}])),
        ("/nic/1/index", 2.into()),
        ("/otherAttributes", serde_json::json!([1])),
    ] {
        let mut changed = json.clone();
        *changed.pointer_mut(pointer).unwrap() = wrong;
        assert!(!common::same::differences(&xml, &changed).is_empty(), "{pointer}: {changed}");
    }
}

#[test]
fn json_says_what_xml_says() {
    common::run(async {
        let app = App::start().await;
        furnish(&app).await;
        let routes = openapi::routes();
        let routes: Vec<&Route> = routes
            .iter()
            .filter(|route| route.method == "GET" && route.xml && route.path != "/api/entity")
            .collect();
        let (mut compared, mut reached) = (0, BTreeSet::new());
        let mut different = BTreeMap::new();
        for login in EVERYONE {
            for version in ["36.0", "39.1"] {
                let client = app.user_at(login, version).await;
                let mut paths = crawl(&client, &openapi::routes()).await.visited;
                paths.retain(|path| path.starts_with("/api/"));
                let known: Vec<_> =
                    routes.iter().flat_map(|route| with_known_ids(route, &paths)).collect();
                paths.extend(known);
                for path in paths {
                    let xml = client.get(&path).await;
                    let json = client.send_json("GET", &path, None, "").await;
                    assert_eq!(xml.code(), json.code(), "{path} as {login}: {json:?}");
                    let (xml_media, json_media) =
                        (xml.header("content-type"), json.header("content-type"));
                    // The list of versions is text/xml, which has no twin.
                    if path != "/api/versions" {
                        assert_eq!(xml_media.replace("xml;", "json;"), json_media, "{path}");
                    }
                    if xml.code() != 200 {
                        continue;
                    }
                    for line in common::same::differences(&xml.xml(), &json.json()) {
                        let example = format!("{path} as {login} at {version}");
                        different.entry(line).or_insert(example);
                    }
                    compared += 1;
                    let resource = path.split('?').next().unwrap_or_default().trim_end_matches('/');
                    let hit = routes.iter().filter(|route| route.matches(resource));
                    reached.extend(hit.map(|route| route.path.clone()));
                }
            }
        }
        println!("{compared} answers compared, of {} of {} routes", reached.len(), routes.len());
        let lines: Vec<_> =
            different.iter().map(|(line, path)| format!("{line}: {path}")).collect();
        assert!(lines.is_empty(), "{} differences:\n{}", lines.len(), lines.join("\n"));
        let missed: Vec<_> = routes
            .iter()
            .map(|route| &route.path)
            .filter(|path| !reached.contains(*path))
            .collect();
        assert!(missed.is_empty(), "not compared: {missed:?}");
    });
}
