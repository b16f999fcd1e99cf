//! The command, as it is run by scripts.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use ssvirt_conformance::{replay::Flow, tls::Trust};
use tokio::process::{Child, Command};

use crate::scene::{Client, Folder, Seen, server};

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssvirt-conformance"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn read(path: &Path) -> String {
    loop {
        match std::fs::read_to_string(path) {
            Ok(text) if !text.is_empty() => return text,
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Ends the process as an init system does; its exit code and what it said.
async fn terminate(child: Child) -> (Option<i32>, String) {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    let output = child.wait_with_output().await.unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn records_until_it_is_told_to_stop_and_writes_the_case() {
    let folder = Folder::new();
    let (root, certificate) = server(&folder, Arc::new(Seen::default())).await;
    let [out, case, other, ready, pem] =
        ["out.jsonl", "case.json", "other.json", "ready", "recorder.pem"]
            .map(|name| folder.file(name));
    let child = command()
        .arg("record")
        .args(["--target", &root, "--listen", "127.0.0.1:0", "--about", "what it shows"])
        .args(["--secret-env", "TEST_SECRET"])
        .env("TEST_SECRET", "correct horse")
        .arg("--ca")
        .arg(&certificate)
        .arg("--out")
        .arg(&out)
        .arg("--case")
        .arg(&case)
        .arg("--ready-file")
        .arg(&ready)
        .arg("--cert-out")
        .arg(&pem)
        .spawn()
        .unwrap();
    let recorder = read(&ready).await.trim().to_owned();
    let mut client = Client::connect(&recorder, &Trust::File(pem)).await;
    client.get("/index.html").await;
    client.ask("POST", "/api/x", &[("content-type", "text/plain")], "correct horse").await;
    let (code, said) = terminate(child).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2 exchanges in") && said.contains("1 exchanges in"), "{said}");

    let flow = Flow::read(&case).unwrap();
    assert_eq!(flow.about, "what it shows");
    // The page is no call of the API.
    assert_eq!(flow.exchanges.len(), 1);
    assert_eq!((&*flow.exchanges[0].path, &*flow.exchanges[0].body), ("/api/x", "{secret}"));
    assert!(!std::fs::read_to_string(&out).unwrap().contains("correct horse"));

    let import = command()
        .arg("import")
        .arg(&out)
        .args(["--lines", "2", "--about", "what it shows", "--case"])
        .arg(&other)
        .output()
        .await
        .unwrap();
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    assert_eq!(std::fs::read(&case).unwrap(), std::fs::read(&other).unwrap());
}

#[tokio::test]
async fn says_what_is_wrong() {
    let folder = Folder::new();
    let out = folder.file("out.jsonl").display().to_string();
    for (arguments, code, says) in [
        (vec!["record", "--target", "ftp://x", "--out", &out], 1, "not an http or https URL"),
        (vec!["record", "--target", "https://x/api", "--out", &out], 1, "not the root URL"),
        (
            vec!["record", "--target", "https://x", "--out", &out, "--secret-env", "NO_SUCH"],
            1,
            "NO_SUCH",
        ),
        (
            vec!["record", "--target", "https://x", "--out", "/no/such/folder/x"],
            1,
            "/no/such/folder/x",
        ),
        (vec!["record", "--target", "https://x", "--out", &out, "--ca", "/no/such"], 1, "/no/such"),
        (vec!["record", "--target", "https://x", "--out", &out, "--case", "x"], 2, "--about"),
        (vec!["import", "/no/such", "--case", "x", "--about", "x"], 1, "/no/such"),
    ] {
        let output = command().args(&arguments).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
}
