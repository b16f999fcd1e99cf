//! The end of a recording.

use std::{sync::Arc, time::Duration};

use ssvirt_conformance::tls::Trust;
use tokio::net::TcpStream;

use crate::scene::{Folder, Running, Seen, scene, server};

#[tokio::test]
async fn requests_under_way_are_answered_and_written() {
    let (_folder, seen, running) = scene().await;
    let out = running.out.clone();
    let mut idle = running.client().await;
    idle.get("/x").await;
    // Says nothing, not even hello.
    let silent = TcpStream::connect(running.root.trim_start_matches("https://")).await.unwrap();
    let mut clients = Vec::new();
    for n in 0..3 {
        let mut client = running.client().await;
        clients.push(tokio::spawn(async move { client.get(&format!("/held/{n}")).await }));
        seen.arrived.notified().await;
    }
    let done = running.ask_to_stop();
    // The connection without a request is closed: nothing new is taken.
    while idle.send("GET", "/x", &[], http_body_util::Full::default()).await.is_ok() {}
    assert!(!done.is_finished());
    seen.release.0.add_permits(3);
    for client in clients {
        let got = client.await.unwrap();
        assert_eq!(got.status, 200);
        assert!(got.saw()["line"].as_str().unwrap().starts_with("/held/"));
    }
    let written = done.await.unwrap().unwrap();
    let lines = crate::scene::lines(&out);
    assert_eq!(written, 1..lines.len() + 1);
    let held = lines.iter().filter(|line| line["path"].as_str().unwrap().starts_with("/held/"));
    assert_eq!(held.filter(|line| line["status"] == 200).count(), 3);
    drop(silent);
}

#[tokio::test]
async fn a_server_that_does_not_answer_does_not_hold_up_the_end() {
    let folder = Folder::new();
    let seen = Arc::new(Seen::default());
    let (root, certificate) = server(&folder, Arc::clone(&seen)).await;
    let running =
        Running::start(&folder, &root, Trust::File(certificate), Duration::from_millis(1)).await;
    let out = running.out.clone();
    let mut client = running.client().await;
    let held = tokio::spawn(async move { client.get("/held").await.status });
    seen.arrived.notified().await;
    assert_eq!(running.stop().await.unwrap(), 1..2);
    assert_eq!(held.await.unwrap(), 502);
    let lines = crate::scene::lines(&out);
    assert_eq!(lines[0]["error"], "stopped before the server answered");
}

/// The server does what it was asked, whether or not the client waits for it.
#[tokio::test]
async fn a_client_that_does_not_wait_is_recorded_all_the_same() {
    let (_folder, seen, running) = scene().await;
    let out = running.out.clone();
    let mut client = running.client().await;
    let held = tokio::spawn(async move { client.ask("POST", "/held", &[], "x").await.status });
    seen.arrived.notified().await;
    held.abort();
    assert!(held.await.unwrap_err().is_cancelled());
    seen.release.0.add_permits(1);
    assert_eq!(running.stop().await.unwrap(), 1..2);
    let lines = crate::scene::lines(&out);
    assert_eq!((&lines[0]["path"], &lines[0]["status"]), (&"/held".into(), &200.into()));
    assert!(lines[0].get("error").is_none());
}
