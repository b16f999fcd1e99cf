//! From a client's calls to a case that replays: the whole way, with the server that the cases are for.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use poem::{Server, listener::TcpAcceptor};
use serde_json::Value;
use ssvirt_backends::{memory::Simulator, sql::SqlStore};
use ssvirt_conformance::{
    replay::{Options, Stage, import::import, replay, stage::PASSWORD},
    tls::Trust,
};
use ssvirt_core::env::SystemClock;
use ssvirt_server::{AppConfig, app};
use tokio::net::TcpListener;

use crate::scene::{Client, Folder, Running};

async fn stage() -> Stage {
    let store = Arc::new(SqlStore::memory().await.unwrap());
    let backend = Arc::new(Simulator::builder(Arc::new(SystemClock)).build());
    Stage::new(store, backend).await.unwrap()
}

/// The demo behind plain HTTP; its root URL.
async fn listening(stage: &Stage) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let app = app(AppConfig {
        cloud: stage.cloud().clone(),
        public_url: None,
        plain_http: true,
        ui: None,
        jwt_key: PASSWORD.repeat(8).into_bytes(),
    });
    let acceptor = TcpAcceptor::from_tokio(listener).unwrap();
    tokio::spawn(Server::new_with_acceptor(acceptor).run(app));
    root
}

async fn log_in(client: &mut Client, user: &str, at: &str) -> (String, Value) {
    let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{PASSWORD}")));
    let headers = [("authorization", &*basic), ("accept", "application/json;version=37.0")];
    let got = client.ask("POST", at, &headers, "{}").await;
    assert_eq!(got.status, 200);
    let token = got.headers["x-vmware-vcloud-access-token"].to_str().unwrap();
    (format!("Bearer {token}"), got.saw())
}

#[tokio::test]
async fn what_is_recorded_replays() {
    let folder = Folder::new();
    let recorded = stage().await;
    let root = listening(&recorded).await;
    let running = Running::start(&folder, &root, Trust::Anyone, Duration::from_secs(10)).await;
    let mut client = running.client().await;

    let (token, session) = log_in(&mut client, "admin@demo", "/cloudapi/1.0.0/sessions").await;
    let json = [("authorization", &*token), ("accept", "application/json;version=37.0")];
    // As a browser sends it: the URN escaped, in headers of the client's own too.
    let id = session["id"].as_str().unwrap().replace(':', "%3A");
    let org = session["org"]["id"].as_str().unwrap();
    let browser = [
        json[0],
        json[1],
        ("x-vmware-vcloud-tenant-context", org),
        ("sec-fetch-mode", "cors"),
        ("referer", "https://somewhere/else"),
    ];
    assert_eq!(
        client.ask("GET", &format!("/cloudapi/1.0.0/sessions/{id}"), &browser, "").await.status,
        200
    );
    let query = client.ask("GET", "/api/query?type=orgVdc&format=records", &json, "").await.saw();
    let vdc = query["record"][0]["href"].as_str().unwrap().to_owned();
    assert!(vdc.starts_with(&running.root), "hrefs lead back to the recorder: {vdc}");
    let vdc = vdc.trim_start_matches(&running.root).to_owned();
    assert_eq!(client.ask("GET", &vdc, &json, "").await.status, 200);
    let body = r#"{"name":"made","description":"in JSON","powerOn":false}"#;
    let typed = [
        json[0],
        json[1],
        ("content-type", "application/vnd.vmware.vcloud.composeVAppParams+json;version=37.0"),
    ];
    let composed = client.ask("POST", &format!("{vdc}/action/composeVApp"), &typed, body).await;
    assert_eq!(composed.status, 201, "{}", String::from_utf8_lossy(&composed.body));
    assert_eq!(
        client.ask("GET", "/api/query?type=vApp&format=records", &json, "").await.status,
        200
    );
    // Somebody else, in the same flow.
    let (token, _) =
        log_in(&mut client, "administrator@System", "/cloudapi/1.0.0/sessions/provider").await;
    let json = [("authorization", &*token), ("accept", "application/json;version=37.0")];
    assert_eq!(
        client.ask("GET", "/api/query?type=organization&format=records", &json, "").await.status,
        200
    );
    let out = running.out.clone();
    running.stop().await.unwrap();
    recorded.cloud().stop().await;

    let imported = import(&out, None, "a flow").unwrap();
    assert_eq!(imported.notes, [] as [&str; 0]);
    let text = serde_json::to_string(&imported.flow).unwrap();
    for expected in [
        "\"Basic {credentials}\"",
        "\"Basic {credentials:administrator@System}\"",
        "/sessions/urn%3Avcloud%3Asession%3A{session.1}",
        "urn:vcloud:org:{org.1}",
        "/api/vdc/{vdc.1}/action/composeVApp",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    for never in [PASSWORD, "sec-fetch", "referer", "127.0.0.1"] {
        assert!(!text.contains(never), "{never}: {text}");
    }
    let again = stage().await;
    let report = replay(&imported.flow, &again.transport(), &Options::default()).await;
    again.cloud().stop().await;
    report.assert_passed();
    assert_eq!(report.exchanges, imported.flow.exchanges.len());
}

#[tokio::test]
async fn lines_that_make_no_case_are_named() {
    let folder = Folder::new();
    let file = folder.file("out.jsonl");
    let line = |path: &str, more: &str| {
        format!(
            r#"{{"n":1,"method":"GET","path":"{path}","request_headers":[["host","h"]],"request_body":"","status":200,"response_headers":[],"response_body":""{more}}}"#
        )
    };
    let unknown = "6b48b093-5548-47bf-b3b4-9189e37641fb";
    let text = [
        line("/index.html", ""),
        line("/api/x", r#","error":"no answer""#),
        line("/api/x", r#","response_body_bytes":9"#),
        line(&format!("/cloudapi/1.0.0/vms/urn%3avcloud%3avm%3a{unknown}"), ""),
    ]
    .join("\n");
    std::fs::write(&file, text).unwrap();
    let import = |lines| import(&file, Some(lines), "x");
    for (lines, says) in
        [("1", "no call of the API"), ("2", "line 2"), ("3", "line 3"), ("5", "line 5")]
    {
        let error = import(lines).unwrap_err();
        assert!(error.contains(says), "{lines}: {error}");
    }
    // The id may be one that the client has made up.
    let imported = import("1,4").unwrap();
    let path = format!("/cloudapi/1.0.0/vms/urn%3avcloud%3avm%3a{unknown}");
    assert_eq!(imported.flow.exchanges[0].path, path);
    assert_eq!(
        imported.notes,
        [format!("line 4 names {unknown}, which is in no answer before it")]
    );
}
