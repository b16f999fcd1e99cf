//! What is for browsers: the start page, the API explorer, a user interface from a folder.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{App, ROOT, Setup};
use poem::http::HeaderMap;
use ssvirt_server::Ui;

/// A built application, as far as a server is concerned; it goes with the test. Beside it is a file that is
/// none of it.
struct Folder(PathBuf);

const INDEX: &str = "<!doctype html><title>An application</title>";
const SCRIPT: &str = "assets/index-DkW3x_9Q.js";

impl Folder {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("ssvirt-{}-{name}", std::process::id()));
        let ui = root.join("ui");
        fs::create_dir_all(ui.join("assets")).unwrap();
        fs::write(root.join("secret.txt"), "not for the web").unwrap();
        fs::write(ui.join("index.html"), INDEX).unwrap();
        fs::write(ui.join("config.json"), r#"{"apiBaseUrl":""}"#).unwrap();
        fs::write(ui.join(SCRIPT), "console.log(1)").unwrap();
        fs::write(ui.join("api.html"), "its own").unwrap();
        fs::write(ui.join(".env"), "hidden").unwrap();
        std::os::unix::fs::symlink(root.join("secret.txt"), ui.join("out.txt")).unwrap();
        std::os::unix::fs::symlink(&root, ui.join("up")).unwrap();
        std::os::unix::fs::symlink("config.json", ui.join("link.json")).unwrap();
        Self(root)
    }

    async fn app(&self) -> App {
        Setup::new().ui(Ui::open(&self.0.join("ui")).unwrap()).start().await
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[test]
fn the_start_page_says_what_this_is() {
    common::run(async {
        let app = App::start().await;
        for path in ["/", "/ssvirt", "/ssvirt/"] {
            let page = app.send("GET", path, &[("accept", "text/html")], "").await.ok();
            assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
            assert!(
                page.body.contains(env!("CARGO_PKG_VERSION")) && page.body.contains("Simulator")
            );
            assert!(page.body.contains(&format!("{ROOT}/api")), "{}", page.body);
            assert!(page.body.contains("vcd login vcd.example ORGANIZATION USER"), "{}", page.body);
            assert!(!page.body.contains("{{") && !page.body.contains(common::PASSWORD));
            let policy = text(&page.headers, "content-security-policy");
            assert!(
                policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'")
            );
            assert_eq!(text(&page.headers, "x-content-type-options"), "nosniff");
            // What the policy lets run is what is in the page, and no other answer's.
            let (_, nonce) = policy.split_once("script-src 'nonce-").unwrap();
            let (nonce, _) = nonce.split_once('\'').unwrap();
            assert!(page.body.contains(&format!("<script nonce=\"{nonce}\">")), "{nonce}");
            let other = app.send("GET", path, &[], "").await.ok();
            assert!(!other.body.contains(nonce));
        }
        assert_eq!(app.send("HEAD", "/", &[], "").await.ok().body, "");
        assert_eq!(app.send("POST", "/", &[], "").await.code(), 404);
        assert_eq!(app.send("GET", "/index.html", &[], "").await.code(), 404);
    });
}

/// Addresses in attributes that a browser loads or leads to.
fn links(page: &str) -> Vec<&str> {
    ["href=\"", "src=\""]
        .into_iter()
        .flat_map(|name| page.split(name).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|link| !link.starts_with("data:"))
        .collect()
}

#[test]
fn all_that_the_pages_lead_to_is_there_and_is_ours() {
    common::run(async {
        let app = App::start().await;
        for (path, at_least) in [("/", 6), ("/api-explorer", 6)] {
            let page = app.send("GET", path, &[], "").await.ok();
            let links = links(&page.body);
            assert!(links.len() >= at_least, "{path}: {links:?}");
            for link in links {
                assert!(link.starts_with('/') && !link.starts_with("//"), "{path}: {link}");
                app.send("GET", link, &[], "").await.ok();
            }
        }
    });
}

#[test]
fn the_explorer_comes_with_all_it_needs() {
    common::run(async {
        let app = App::start().await;
        let page = app.send("GET", "/api-explorer", &[], "").await.ok();
        assert!(text(&page.headers, "content-security-policy").contains("script-src 'self'"));
        assert!(page.body.contains("<option value=\"api-39.1\">"), "{}", page.body);
        for (asset, media, what) in [
            ("swagger-ui.js", "text/javascript", "SwaggerUIBundle"),
            ("swagger-ui.css", "text/css", ".swagger-ui"),
            ("explorer.js", "text/javascript", "validatorUrl: null"),
            ("explorer.css", "text/css", ".bar"),
        ] {
            let path = format!("/api-explorer/{asset}");
            let answer = app.send("GET", &path, &[], "").await.ok();
            assert!(text(&answer.headers, "content-type").starts_with(media), "{asset}");
            assert!(answer.body.contains(what), "{asset}");
            let tag = [("if-none-match", text(&answer.headers, "etag"))];
            assert_eq!(app.send("GET", &path, &tag, "").await.code(), 304, "{asset}");
        }
        assert_eq!(app.send("GET", "/api-explorer/other.js", &[], "").await.code(), 404);
    });
}

#[test]
fn a_user_interface_has_all_paths_that_are_not_the_servers() {
    common::run(async {
        let folder = Folder::new("paths");
        let app = folder.app().await;
        for path in [
            "/",
            "/login",
            "/organizations/urn%3Avcloud%3Aorg%3A1/vdcs/",
            "/items/ubuntu-24.04",
            "/assets",
        ] {
            let page = app.send("GET", path, &[("accept", "text/html")], "").await.ok();
            assert_eq!(page.body, INDEX, "{path}");
            assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
            assert_eq!(page.headers["cache-control"], "no-cache");
            assert_eq!(text(&page.headers, "content-security-policy"), "frame-ancestors 'self'");
        }
        let config = app.send("GET", "/config.json", &[], "").await.ok();
        assert_eq!(config.headers["content-type"], "application/json");
        assert_eq!(config.headers["cache-control"], "no-cache");
        assert_eq!(app.send("GET", "/link.json", &[], "").await.ok().body, config.body);
        assert_eq!(app.send("GET", "/api.html", &[], "").await.ok().body, "its own");
        let script = app.send("GET", &format!("/{SCRIPT}"), &[], "").await.ok();
        assert!(text(&script.headers, "content-type").starts_with("text/javascript"));
        assert_eq!(script.headers["cache-control"], "public, max-age=31536000, immutable");
        // The server's own stays what it is.
        for path in
            ["/api/unknown", "/cloudapi/1.0.0/unknown", "/openapi/unknown", "/api-explorer/x"]
        {
            let answer = app.send("GET", path, &[("accept", "*/*;version=39.1")], "").await;
            assert_eq!(answer.code(), 404, "{path}");
            assert_ne!(answer.body, INDEX, "{path}");
        }
        assert!(app.send("GET", "/readyz", &[], "").await.ok().body.contains("simulator"));
        assert!(app.send("GET", "/ssvirt", &[], "").await.ok().body.contains("Simulator"));
        assert_eq!(app.send("POST", "/login", &[], "").await.code(), 404);
    });
}

#[test]
fn a_user_interface_has_nothing_but_its_own_files() {
    common::run(async {
        let folder = Folder::new("inside");
        let app = folder.app().await;
        for path in [
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/..%2fsecret.txt",
            "/assets/..%2f..%2fsecret.txt",
            "/assets/%2e%2e/%2e%2e/secret.txt",
            "/..%5csecret.txt",
            "/out.txt",
            "/up/secret.txt",
            "/.env",
            "/%00.txt",
            "/%ff",
            "//etc/passwd",
            "/%2fetc%2fpasswd",
            "/missing.js",
            "/assets/missing.css",
        ] {
            let answer = app.send("GET", path, &[("accept", "text/html")], "").await;
            assert!(
                !answer.body.contains("not for the web") && !answer.body.contains("root:"),
                "{path}"
            );
            // A path without an extension is the application's own, like any other.
            let own = answer.body == INDEX && path.ends_with("passwd");
            assert!(own || answer.code() == 404, "{path}: {answer:?}");
        }
    });
}

#[test]
fn a_user_interface_is_sent_only_where_it_has_changed() {
    common::run(async {
        let folder = Folder::new("cache");
        let app = folder.app().await;
        for path in ["/", "/login", "/config.json"] {
            let first = app.send("GET", path, &[], "").await.ok();
            let (tag, date) = (
                text(&first.headers, "etag").to_owned(),
                text(&first.headers, "last-modified").to_owned(),
            );
            assert!(!tag.is_empty() && !date.is_empty(), "{path}");
            for known in [("if-none-match", tag.as_str()), ("if-modified-since", date.as_str())] {
                let again = app.send("GET", path, &[known], "").await;
                assert_eq!((again.code(), again.body.as_str()), (304, ""), "{path}");
                assert_eq!(text(&again.headers, "etag"), tag);
                assert_eq!(again.headers["cache-control"], "no-cache");
            }
            let other = app.send("GET", path, &[("if-none-match", "\"other\"")], "").await.ok();
            assert_eq!(other.body, first.body);
            let head = app.send("HEAD", path, &[], "").await.ok();
            assert_eq!(head.body, "");
            assert_eq!(text(&head.headers, "content-length"), first.body.len().to_string());
            assert_eq!(text(&head.headers, "etag"), tag);
        }
        let part = app.send("GET", "/config.json", &[("range", "bytes=2-11")], "").await;
        assert_eq!((part.code(), part.body.as_str()), (206, "apiBaseUrl"));
        fs::write(folder.0.join("ui").join(Path::new("index.html")), "<!doctype html>new").unwrap();
        let known = app.send("GET", "/", &[], "").await.ok();
        assert_eq!(known.body, "<!doctype html>new");
    });
}
