//! What passes through, and what is written of it.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use serde_json::{Value, json};

use crate::scene::{TOKEN, scene};

/// Everything passes unchanged, the Host header too.
#[tokio::test]
async fn passes_through_and_records() {
    let (_folder, _seen, running) = scene().await;
    let mut client = running.client().await;
    let path = "//api/query?filter=(name==a%20b)&x=%2F&y={z}";
    let headers = [("accept", "text/xml"), ("accept", "*/*"), ("connection", "keep-alive")];
    let got = client.ask("POST", path, &headers, "<a/>").await;
    let saw = got.saw();
    assert_eq!(saw["line"], path);
    assert_eq!(saw["host"], json!([running.root.trim_start_matches("https://")]));
    assert_eq!(saw["accept"], json!(["text/xml", "*/*"]));
    assert_eq!(saw["connection"], json!([]));
    assert_eq!(saw["body"], "<a/>");
    let cookies: Vec<_> = got.headers.get_all("set-cookie").into_iter().collect();
    assert_eq!(cookies, ["a=first-cookie", "b=second-cookie"]);

    let line = running.lines().pop().unwrap();
    assert_eq!(
        (&line["n"], &line["method"], &line["path"]),
        (&json!(1), &json!("POST"), &json!(path))
    );
    assert_eq!((&line["status"], &line["request_body"]), (&json!(200), &json!("<a/>")));
    assert_eq!(
        serde_json::from_str::<Value>(line["response_body"].as_str().unwrap()).unwrap(),
        saw
    );
    let written = line["request_headers"].as_array().unwrap();
    assert!(
        written.contains(&json!(["accept", "text/xml"]))
            && written.contains(&json!(["accept", "*/*"]))
    );
    assert!(line["ms"].is_number() && line.get("error").is_none());
}

#[tokio::test]
async fn no_body_stays_no_body() {
    let (_folder, _seen, running) = scene().await;
    let mut client = running.client().await;
    assert_eq!(client.ask("POST", "/power", &[], "").await.saw()["length"], json!([]));
    let none = client.ask("POST", "/power", &[("content-length", "0")], "").await;
    assert_eq!(none.saw()["length"], json!(["0"]));
}

#[tokio::test]
async fn chunks_both_ways() {
    let (_folder, _seen, running) = scene().await;
    let mut client = running.client().await;
    let pieces = ["one,", "two"].map(|piece| Ok(Frame::data(Bytes::from(piece))));
    let got =
        client.send("PUT", "/chunked", &[], StreamBody::new(stream::iter(pieces))).await.unwrap();
    assert_eq!(got.saw()["body"], "one,two");
    assert_eq!(got.saw()["length"], json!(["7"]));
    assert_eq!(running.lines()[0]["request_body"], "one,two");
}

#[tokio::test]
async fn answers_without_a_body() {
    let (_folder, _seen, running) = scene().await;
    let mut client = running.client().await;
    let whole = client.get("/x").await.body.len();
    let head = client.ask("HEAD", "/x", &[], "").await;
    assert!(head.body.is_empty());
    // HEAD is four letters, GET three.
    assert_eq!(head.headers["content-length"].to_str().unwrap(), (whole + 1).to_string());
    for (method, path, status) in [("DELETE", "/empty", 204), ("GET", "/not-modified", 304)] {
        let got = client.ask(method, path, &[], "").await;
        assert_eq!((got.status, got.body.len()), (status, 0));
        assert!(!got.headers.contains_key("content-length"));
    }
    let lines = running.lines();
    assert!(lines[1..].iter().all(|line| line["response_body"] == ""), "{lines:?}");
}

#[tokio::test]
async fn bodies_that_are_compressed_binary_or_large() {
    let (_folder, _seen, running) = scene().await;
    let mut client = running.client().await;
    let got = client.get("/gzip").await;
    assert_eq!(got.headers["content-encoding"], "gzip");
    let line = running.lines().pop().unwrap();
    assert!(line["response_body"].as_str().unwrap().contains("\"line\":\"/gzip\""), "{line}");

    let binary = client.get("/binary").await.body;
    let line = running.lines().pop().unwrap();
    assert_eq!(STANDARD.decode(line["response_body_base64"].as_str().unwrap()).unwrap(), binary);
    assert_eq!(line["response_body"], "");

    for (path, length) in [("/br", 7), ("/large", 5 * 1024 * 1024)] {
        assert_eq!(client.get(path).await.body.len(), length);
        assert_eq!(running.lines().pop().unwrap()["response_body_bytes"], length);
    }
}

#[tokio::test]
async fn what_cannot_be_passed_on_is_refused() {
    let (_folder, _seen, running) = scene().await;
    let mut client = running.client().await;
    let websocket = [("connection", "upgrade"), ("upgrade", "WebSocket")];
    let refused = client.ask("GET", "/socket", &websocket, "").await;
    assert_eq!(
        (refused.status, &*refused.body),
        (501, &b"recorder: WebSockets are not passed on\n"[..])
    );
    let larger = client.get("/larger").await;
    assert_eq!(larger.status, 502);
    let mut client = running.client().await;
    let body = "x".repeat(65 * 1024 * 1024);
    let got = client.ask("PUT", "/x", &[], &body).await;
    assert_eq!(got.status, 413);
    let errors: Vec<_> = running.lines().into_iter().map(|line| line["error"].clone()).collect();
    let large = "a body above 64 MiB is not passed on";
    assert_eq!(errors, [json!("WebSockets are not passed on"), json!(large), json!(large)]);
}

#[tokio::test]
async fn secrets_are_not_recorded() {
    let (_folder, _seen, running) = scene().await;
    let mut client = running.client().await;
    let basic = format!("Basic {}", STANDARD.encode("admin@demo:not a horse"));
    client
        .ask("GET", "/x", &[("authorization", &basic), ("cookie", "c=a-cookie-of-mine")], "")
        .await;
    client.ask("DELETE", "/empty", &[], "").await;
    let bearer = format!("bearer {TOKEN}");
    client.ask("GET", &format!("/x?t={TOKEN}"), &[("authorization", &bearer)], "").await;
    let got = client.ask("POST", "/x", &[], "<Password>correct horse</Password>").await;
    assert!(String::from_utf8_lossy(&got.body).contains("correct horse"));
    client.ask("PUT", "/x", &[], r#"{"adminPassword":"battery staple"}"#).await;
    client.ask("PUT", "/x", &[], "it was battery staple, not a horse").await;

    let text = std::fs::read_to_string(&running.out).unwrap();
    let secrets = [
        &basic[6..],
        "a-cookie-of-mine",
        "first-cookie",
        TOKEN,
        "correct horse",
        "not a horse",
        "battery staple",
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    for left in [
        "Basic {credentials:admin@demo}",
        "bearer {token}",
        "?t={token}",
        "it was {secret}, {secret}",
    ] {
        assert!(text.contains(left), "{left}: {text}");
    }
}

#[tokio::test]
async fn connections_are_kept_and_made_anew() {
    let (_folder, seen, running) = scene().await;
    let mut client = running.client().await;
    for _ in 0..5 {
        client.get("/x").await;
    }
    assert_eq!(seen.connections.lock().unwrap().len(), 1);
    // The server closes its side after this; a request that must not be sent twice goes over a new one.
    assert_eq!(client.get("/bye").await.status, 200);
    assert_eq!(client.ask("POST", "/x", &[], "a").await.status, 200);
    assert_eq!(seen.connections.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_server_that_breaks_off_or_is_not_there() {
    let (folder, _seen, running) = scene().await;
    let mut client = running.client().await;
    assert_eq!(client.ask("POST", "/break", &[], "x").await.status, 502);
    let line = running.lines().pop().unwrap();
    assert_eq!(line["status"], 502);
    assert!(line["error"].as_str().unwrap().starts_with("no answer: "), "{line}");
    assert_eq!(client.get("/x").await.status, 200);

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let trust = running.trust.clone();
    running.stop().await.unwrap();
    let grace = std::time::Duration::from_secs(1);
    let running =
        crate::scene::Running::start(&folder, &format!("https://{nobody}"), trust, grace).await;
    assert_eq!(running.client().await.get("/x").await.status, 502);
    let lines = running.lines();
    // The recording is gone on with.
    assert_eq!(lines.iter().map(|line| line["n"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(lines[2]["error"].as_str().unwrap().starts_with("no connection to the server: "));
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_refused() {
    let (folder, _seen, running) = scene().await;
    let trust = running.trust.clone();
    let root = running.root.clone();
    // A recorder before the recorder, which trusts another certificate.
    let other = crate::scene::Folder::new();
    let (_, certificate) = crate::scene::server(&other, Arc::default()).await;
    let trust_other = ssvirt_conformance::tls::Trust::File(certificate);
    let grace = std::time::Duration::from_secs(1);
    let second = crate::scene::Running::start(&other, &root, trust_other, grace).await;
    assert_eq!(second.client().await.get("/x").await.status, 502);
    let error = second.lines()[0]["error"].as_str().unwrap().to_owned();
    assert!(error.contains("certificate"), "{error}");
    drop((folder, trust));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_at_once() {
    let (_folder, _seen, running) = scene().await;
    let running = Arc::new(running);
    let clients = (0..8).map(|n| {
        let running = Arc::clone(&running);
        tokio::spawn(async move {
            let mut client = running.client().await;
            for turn in 0..10 {
                let path = format!("/many/{n}/{turn}");
                assert_eq!(client.get(&path).await.saw()["line"], path);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let lines = running.lines();
    let numbers: Vec<_> = lines.iter().map(|line| line["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=80).collect::<Vec<_>>());
    for n in 0..8 {
        let start = format!("/many/{n}/");
        let own: Vec<_> =
            lines.iter().filter_map(|line| line["path"].as_str()?.strip_prefix(&*start)).collect();
        assert_eq!(own, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    }
}

/// The order is that of the answers: what a request names was answered in a line before its own.
#[tokio::test]
async fn the_order_is_that_of_the_answers() {
    let (_folder, seen, running) = scene().await;
    let mut slow = running.client().await;
    let mut quick = running.client().await;
    let held = tokio::spawn(async move { slow.get("/held").await.status });
    seen.arrived.notified().await;
    quick.get("/quick").await;
    seen.release.0.add_permits(1);
    assert_eq!(held.await.unwrap(), 200);
    let paths: Vec<_> = running.lines().iter().map(|line| line["path"].clone()).collect();
    assert_eq!(paths, ["/quick", "/held"]);
}
