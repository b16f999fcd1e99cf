//! The command, run as a process.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod http;
mod process;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc, time::Duration};

use ssvirt_backends::sql::{self, SqlOptions};
use ssvirt_core::Cloud;

use process::{Folder, Server, ssvirt, text};

const ADMIN: (&str, &str) = ("demo", "admin");
const USERS: [(&str, &str); 4] =
    [("System", "administrator"), ADMIN, ("demo", "author"), ("demo", "user")];

/// Whether the password is right, asked of the database of a server that has stopped.
async fn logs_in(folder: &Folder, (org, user): (&str, &str), password: &str) -> bool {
    let url = format!("sqlite://{}", folder.path("data/ssvirt.db").display());
    let store = sql::connect(&url, SqlOptions::default()).await.unwrap();
    let cloud = Cloud::builder(Arc::new(store.clone())).build();
    let known = cloud.login(org, user, password).await.is_ok();
    store.close().await;
    known
}

/// The password that was printed for a user.
fn printed(output: &str, (org, user): (&str, &str)) -> Option<String> {
    let login = format!("{user}@{org}");
    let line = output.lines().find(|line| line.trim_start().starts_with(&login))?;
    let password = line.split_whitespace().nth(1)?;
    (password.len() == 20).then(|| password.to_owned())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_from_first_start_to_reset() {
    let folder = Folder::new("demo");
    let args = ["serve", "--demo", "--http", "--listen", "127.0.0.1:0"];

    let first = Server::start(&folder, &args, &[]);
    let root = first.root();
    assert!(root.starts_with("http://127.0.0.1:") && !root.ends_with(":0"), "{root}");
    let (status, body) = http::get(&root, "/readyz").await;
    assert_eq!(status, 200, "{body}");
    let ready: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(ready["backends"][0]["name"], "simulator");
    assert_eq!(ready["store"]["name"], "sqlite");
    assert_eq!(http::get(&root, "/healthz").await.0, 200);
    let (_, version) = http::get(&root, "/api/v1/version").await;
    assert!(version.contains("\"ssvirt\"") && version.contains("\"39.1\""), "{version}");

    // Nobody else may have the folder meanwhile.
    let second = ssvirt(&folder, &args, &[]);
    assert_eq!(second.status.code(), Some(1));
    let message = text(&second.stderr);
    assert!(message.contains("in use by another ssvirt"), "{message}");
    assert!(message.contains(&format!("process {}", first.id())), "{message}");
    let password = ["user", "set-password", "admin@demo"];
    assert_eq!(ssvirt(&folder, &password, &[("SSVIRT_PASSWORD", "x")]).status.code(), Some(1));

    let output = first.stop();
    let passwords = USERS.map(|user| printed(&output.stdout, user).expect("a password"));
    assert!(output.stdout.contains(&root), "{}", output.stdout);
    for command in ["curl -k ", "vcd login ", " terraform plan"] {
        assert!(output.stdout.contains(command), "{}", output.stdout);
    }
    assert!(passwords.iter().all(|password| !output.stderr.contains(password)));
    for (user, password) in USERS.into_iter().zip(&passwords) {
        assert!(logs_in(&folder, user, password).await, "{user:?}");
    }
    for private in ["data", "data/ssvirt.db", "data/jwt.key"] {
        assert_eq!(mode(&folder.path(private)) & 0o077, 0, "{private}");
    }

    // The same again makes nothing and changes nothing.
    let key = fs::read(folder.path("data/jwt.key")).unwrap();
    let output = Server::start(&folder, &args, &[]).stop();
    assert!(USERS.iter().all(|user| printed(&output.stdout, *user).is_none()));
    assert!(output.stdout.contains("To reset them"), "{}", output.stdout);
    assert!(output.stderr.contains("created=0"), "{}", output.stderr);
    assert_eq!(fs::read(folder.path("data/jwt.key")).unwrap(), key);
    assert!(logs_in(&folder, ADMIN, &passwords[1]).await);

    // A password that is given resets all four, and is not printed.
    let given = [("SSVIRT_DEMO_PASSWORD", "chosen-by-me")];
    let output = Server::start(&folder, &args, &given).stop();
    assert!(!output.stdout.contains("chosen-by-me") && !output.stderr.contains("chosen-by-me"));
    for user in USERS {
        assert!(logs_in(&folder, user, "chosen-by-me").await, "{user:?}");
    }
    assert!(!logs_in(&folder, ADMIN, &passwords[1]).await);

    // One alone.
    let set = ssvirt(&folder, &password, &[("SSVIRT_PASSWORD", "only-admin")]);
    assert!(set.status.success(), "{}", text(&set.stderr));
    assert!(logs_in(&folder, ADMIN, "only-admin").await);
    assert!(logs_in(&folder, USERS[2], "chosen-by-me").await);
    for nobody in ["nobody@demo", "admin@nowhere", "admin", "@demo"] {
        let set = ssvirt(&folder, &["user", "set-password", nobody], &[("SSVIRT_PASSWORD", "x")]);
        assert_eq!(set.status.code(), Some(1), "{nobody}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_demo_there_is_one_administrator_and_no_backend() {
    let folder = Folder::new("empty");
    let args = ["serve", "--http", "--listen", "127.0.0.1:0"];
    let server = Server::start(&folder, &args, &[]);
    let (status, body) = http::get(&server.root(), "/readyz").await;
    assert_eq!(status, 200);
    assert!(body.contains("\"backends\":[]"), "{body}");
    let output = server.stop();
    let password = printed(&output.stdout, USERS[0]).expect("a password");
    assert!(output.stdout.contains("no virtual machine can be made"));
    assert!(logs_in(&folder, USERS[0], &password).await);
    assert!(!output.stdout.contains("demo"), "{}", output.stdout);
    let again = Server::start(&folder, &args, &[]).stop();
    assert!(printed(&again.stdout, USERS[0]).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrators_password_can_be_given() {
    let folder = Folder::new("given");
    fs::write(folder.path("password"), "from-a-file\n").unwrap();
    let file = folder.path("password").display().to_string();
    let args = ["serve", "--http", "--listen", "127.0.0.1:0", "--admin-password-file", &file];
    let output = Server::start(&folder, &args, &[]).stop();
    assert!(!output.stdout.contains("from-a-file"));
    assert!(logs_in(&folder, USERS[0], "from-a-file").await);
    let set = ["user", "set-password", "Administrator@system", "--password-file"];
    fs::write(folder.path("password"), "another\n").unwrap();
    assert!(ssvirt(&folder, &[&set[..], &[&file]].concat(), &[]).status.success());
    assert!(logs_in(&folder, USERS[0], "another").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn https_with_a_certificate_that_is_kept() {
    let folder = Folder::new("https");
    let args = ["serve", "--listen", "127.0.0.1:0", "--public-url", "https://cloud.test/api"];
    let given = [("SSVIRT_ADMIN_PASSWORD", "given")];
    let server = Server::start(&folder, &args, &given);
    assert_eq!(server.root(), "https://cloud.test");
    let address = server.address();
    let cert = folder.path("data/tls-cert.pem");
    let pem = fs::read(&cert).unwrap();
    // Somebody who connects and says nothing must not keep others out.
    let silent = std::net::TcpStream::connect(address).unwrap();
    for name in ["localhost", "127.0.0.1", "::1", "cloud.test"] {
        let answer = http::get_tls(address, name, &pem, "/healthz").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
    }
    assert!(http::get_tls(address, "elsewhere.test", &pem, "/healthz").await.is_err());
    // Nor may that connection hold up the end.
    let output = server.stop();
    drop(silent);
    assert_eq!(mode(&folder.path("data/tls-key.pem")), 0o600);
    assert!(output.stdout.contains("https://cloud.test"), "{}", output.stdout);
    Server::start(&folder, &args, &[]).stop();
    assert_eq!(fs::read(&cert).unwrap(), pem, "made anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_all_it_needs_makes_no_files() {
    let folder = Folder::new("files");
    Server::start(&folder, &["serve", "--listen", "127.0.0.1:0"], &[]).stop();
    let file = |name: &str| folder.path(name).display().to_string();
    // Its certificate serves as the one that an operator brings.
    let (cert, key) = (file("data/tls-cert.pem"), file("data/tls-key.pem"));
    let files = [("API_TLS_CERT_FILE", cert.as_str()), ("API_TLS_KEY_FILE", key.as_str())];
    let server = Server::start(&folder, &["serve", "--listen", "127.0.0.1:0"], &files);
    let pem = fs::read(&cert).unwrap();
    assert!(http::get_tls(server.address(), "localhost", &pem, "/healthz").await.is_ok());
    server.stop();
    let swapped = [("API_TLS_CERT_FILE", key.as_str()), ("API_TLS_KEY_FILE", cert.as_str())];
    let refused = ssvirt(&folder, &["serve", "--listen", "127.0.0.1:0"], &swapped);
    assert!(text(&refused.stderr).contains("cannot be used"), "{}", text(&refused.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_kept_alive_do_not_hold_up_the_end() {
    let folder = Folder::new("drain");
    let server = Server::start(&folder, &["serve", "--http", "--listen", "127.0.0.1:0"], &[]);
    let client = reqwest::Client::new();
    let url = format!("{}/healthz", server.root());
    assert!(client.get(&url).send().await.unwrap().text().await.unwrap().contains("ok"));
    let started = std::time::Instant::now();
    server.stop();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    drop(client);
}

#[test]
fn ctrl_c_stops_it_too_and_the_ready_file_goes() {
    let folder = Folder::new("interrupt");
    let server = Server::start(&folder, &["serve", "--http", "--listen", "127.0.0.1:0"], &[]);
    assert!(server.ready_file().exists());
    let ready_file = server.ready_file();
    server.stop_with("INT");
    assert!(!ready_file.exists());
}

#[test]
fn a_configuration_file_is_checked() {
    let folder = Folder::new("config");
    let config = folder.path("ssvirt.toml").display().to_string();
    fs::write(&config, "listen_on = \"127.0.0.1:0\"\n").unwrap();
    let refused = ssvirt(&folder, &["serve", "--config", &config], &[]);
    assert_eq!(refused.status.code(), Some(1));
    let message = text(&refused.stderr);
    assert!(
        message.contains("unknown key \"listen_on\"") && message.contains(&config),
        "{message}"
    );
    // Refused before anything was made.
    assert!(!folder.path("data").exists());
}

#[test]
fn a_port_in_use_is_told_before_passwords_are_made() {
    let folder = Folder::new("port");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = ssvirt(&folder, &["serve", "--demo", "--listen", &address], &[]);
    assert!(text(&refused.stderr).contains("cannot listen on"), "{}", text(&refused.stderr));
    assert!(!folder.path("data/ssvirt.db").exists());
}

#[test]
fn listen_wins_over_api_port() {
    let folder = Folder::new("listen");
    let env = [("API_PORT", "1")];
    let server = Server::start(&folder, &["serve", "--http", "--listen", "127.0.0.1:0"], &env);
    assert!(server.root().starts_with("http://127.0.0.1:"));
    assert_ne!(server.root(), "http://127.0.0.1:1");
    server.stop();
    let server = Server::start(&folder, &["serve", "--http"], &[("API_PORT", "0")]);
    assert!(server.address().ip().is_loopback());
    server.stop();
}

#[test]
fn migrate_makes_the_database_and_help_says_how() {
    let folder = Folder::new("migrate");
    let done = ssvirt(&folder, &["migrate"], &[]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(folder.path("data/ssvirt.db").exists());
    assert!(!folder.path("data/jwt.key").exists());
    let odd = folder.path("with space & 100%.db").display().to_string();
    let url = format!("sqlite://{}", odd.replace('%', "%25").replace(' ', "%20"));
    assert!(ssvirt(&folder, &["migrate", "--database", &url], &[]).status.success());
    assert!(Path::new(&odd).exists());
    let bad = ssvirt(&folder, &["migrate", "--database", "mysql://x"], &[]);
    assert!(text(&bad.stderr).contains("must start with sqlite: or postgres:"));
    for args in [&["--help"][..], &["serve", "--help"], &["user", "set-password", "--help"]] {
        assert!(ssvirt(&folder, args, &[]).status.success());
    }
    assert_eq!(ssvirt(&folder, &["serve", "--nonsense"], &[]).status.code(), Some(2));
}
