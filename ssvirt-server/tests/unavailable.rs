//! The database goes away, and comes back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;

use common::{ADMIN, App, PASSWORD, Setup, body, openapi};
use ssvirt_backends::{
    memory::{Fault, Simulator},
    mock::MockStore,
    sql::SqlStore,
};
use ssvirt_core::env::SystemClock;

const UNAVAILABLE: &str = "SERVICE_UNAVAILABLE";

async fn start() -> (App, Arc<MockStore>) {
    let store = Arc::new(MockStore::over(Arc::new(SqlStore::memory().await.unwrap())));
    (Setup::new().store(store.clone()).start().await, store)
}

#[test]
fn every_route_says_so_and_recovers() {
    common::run(async {
        let (app, store) = start().await;
        let client = app.user(ADMIN).await;
        let id = common::unknown();
        let routes = openapi::routes();
        store.go_away();
        for route in &routes {
            let path = route.path.replace("{kind}", "vApp").replace("{id}", &id.to_string());
            let path = path.replace("{urn}", &format!("urn:vcloud:vdc:{id}"));
            let answer = client.send(&route.method, &path, None, "").await;
            match (route.method.as_str(), route.path.as_str()) {
                // Nothing is asked of the database.
                ("GET", "/api/versions") => drop(answer.ok()),
                // The login is what is wrong with these.
                ("POST", path) if path.contains("/sessions") => {
                    drop(answer.refused(401, "UNAUTHORIZED"))
                }
                _ => {
                    let message = answer.message();
                    assert!(!message.to_lowercase().contains("sql"), "{message}");
                    answer.refused(503, UNAVAILABLE);
                }
            }
        }
        app.login(ADMIN, PASSWORD).await.refused(503, UNAVAILABLE);
        let json =
            client.send_for("application/*+json;version=37.0", "GET", "/api/org", None, "").await;
        assert!(json.body.starts_with('{'), "{json:?}");
        json.refused(503, UNAVAILABLE);
        let ready = app.send("GET", "/readyz", &[], "").await.is(503).json();
        assert_eq!((&ready["ready"], &ready["store"]["ok"]), (&false.into(), &false.into()));
        app.send("GET", "/healthz", &[], "").await.ok();
        store.come_back();
        app.send("GET", "/readyz", &[], "").await.ok();
        client.get("/api/org").await.ok();
        app.login(ADMIN, PASSWORD).await.token();
        client.instantiate("afterwards", "ubuntu-24.04", true).await;
    });
}

#[test]
fn a_write_that_fails_leaves_nothing() {
    common::run(async {
        let (app, store) = start().await;
        let client = app.user(ADMIN).await;
        let vdc = client.find("orgVdc", "demo-vdc").await;
        let template = client.find("vAppTemplate", "two-tier").await;
        let instantiate = body::instantiate("new", &template, None, true);
        let before = app.stored().await;
        for op in ["begin", "commit", "insert VApp", "insert Vm", "insert_task"] {
            store.fail(
                op,
                1,
                ssvirt_core::ErrorKind::Unavailable,
                "The database cannot be reached.",
            );
            let answer =
                client.post(&format!("{vdc}/action/instantiateVAppTemplate"), &instantiate).await;
            store.come_back();
            assert_eq!(answer.code(), 503, "{op}: {answer:?}");
            assert_eq!(before, app.stored().await, "{op}");
        }
        client.instantiate("new", "two-tier", true).await;
    });
}

#[test]
fn a_backend_that_is_away_is_told() {
    common::run(async {
        let simulator = Simulator::builder(Arc::new(SystemClock)).build();
        let app = Setup::new().simulator(simulator.clone()).start().await;
        app.send("GET", "/readyz", &[], "").await.ok();
        simulator.faults().add(Fault::on("health"));
        let ready = app.send("GET", "/readyz", &[], "").await.is(503).json();
        assert_eq!(ready["backends"][0]["ok"], false);
        simulator.faults().clear();
        app.send("GET", "/readyz", &[], "").await.ok();
    });
}
