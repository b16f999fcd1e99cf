//! A user interface from a folder: a built single-page application such as ssvirt-ui.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use poem::{
    FromRequest as _, IntoResponse as _, Request, Response,
    http::{HeaderValue, Method, StatusCode, header},
    web::StaticFileRequest,
};

use super::secured;
use crate::{cli::Failure, error::VcdError};

const INDEX: &str = "index.html";

/// The application decides what it loads; only that no other site shows it in a frame is ours to say.
const POLICY: &str = "frame-ancestors 'self'";

/// The folder. What is in it is served; what is not is the application's own path, and answered with its
/// `index.html`.
pub struct Ui {
    folder: PathBuf,
}

impl Ui {
    /// Looks whether the folder has an application in it.
    ///
    /// # Errors
    /// Says what is wrong with the folder.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        let wrong =
            |why: &dyn std::fmt::Display| Failure::new(format!("ui: {} {why}", folder.display()));
        let folder = folder
            .canonicalize()
            .map_err(|error| wrong(&format_args!("cannot be used: {error}")))?;
        if !folder.is_dir() {
            return Err(wrong(&"is not a folder"));
        }
        std::fs::File::open(folder.join(INDEX)).map_err(|error| {
            wrong(&format_args!("is not a built application: its {INDEX} cannot be read: {error}"))
        })?;
        Ok(Self { folder })
    }

    /// Answers a GET or HEAD request.
    ///
    /// # Errors
    /// 404 for a file that is not there, 416 for a part that it does not have.
    pub(super) async fn serve(&self, request: &Request) -> poem::Result<Response> {
        let missing = || VcdError::no_route(request.uri().path());
        let path = asked(request.uri().path()).ok_or_else(missing)?;
        let file = match self.file(&path).await {
            Some(file) => file,
            None if names_a_file(&path) => return Err(missing().into()),
            None => self.folder.join(INDEX),
        };
        let mut response = answer(request, &file).await?;
        let cache =
            if is_hashed(&path) { "public, max-age=31536000, immutable" } else { "no-cache" };
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        if request.method() == Method::HEAD {
            response.set_body(());
        }
        Ok(secured(response, POLICY))
    }

    /// The file of a path, if there is one. Links may not lead out of the folder.
    async fn file(&self, path: &str) -> Option<PathBuf> {
        let file = tokio::fs::canonicalize(self.folder.join(path)).await.ok()?;
        let is_file = tokio::fs::metadata(&file).await.ok()?.is_file();
        (is_file && file.starts_with(&self.folder)).then_some(file)
    }
}

async fn answer(request: &Request, file: &Path) -> poem::Result<Response> {
    let asked = StaticFileRequest::from_request_without_body(request).await?;
    let mut response = asked.create_response(file, true, false)?.into_response();
    if response.status() == StatusCode::NOT_MODIFIED {
        // "Not modified" must say what: poem's does not.
        let whole = StaticFileRequest::from_request_without_body(&Request::default()).await?;
        let whole = whole.create_response(file, true, false)?.into_response();
        for name in [header::ETAG, header::LAST_MODIFIED] {
            if let Some(value) = whole.headers().get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
    }
    Ok(response)
}

/// The path under the folder, decoded; none if it could lead out of it, or to a hidden file.
fn asked(path: &str) -> Option<String> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let path = path.trim_matches('/');
    let hidden = |part: &str| part.starts_with('.') && part != ".well-known";
    let bad = path.contains(['\0', '\\']) || path.split('/').any(hidden);
    (!bad).then(|| path.to_owned())
}

/// Whether a path ends like a file's name. `items/ubuntu-24.04` does not: that is how things are named.
fn names_a_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').is_some_and(|(_, extension)| {
        (1..=11).contains(&extension.len())
            && extension.starts_with(|c: char| c.is_ascii_alphabetic())
            && extension.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

/// Whether the name of a file changes with what is in it: `assets/index-DkW3x_9Q.js` as Vite names them,
/// `main.3f2a1b9c.js` as webpack does.
fn is_hashed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((stem, _)) = name.trim_end_matches(".map").rsplit_once('.') else { return false };
    let webpack = stem.rsplit_once('.').is_some_and(|(_, hash)| {
        hash.len() >= 8 && hash.chars().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase())
    });
    let vite = path.split('/').rev().nth(1) == Some("assets")
        && stem.len().checked_sub(9).and_then(|at| stem.get(at..)).is_some_and(|tail| {
            let hash = tail.strip_prefix('-').unwrap_or_default();
            // Words are not: `assets/logo-original.svg`.
            hash.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
                && hash.chars().any(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        });
    webpack || vite
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_folder() {
        for (path, expected) in [
            ("/", Some("")),
            ("/assets/a.js", Some("assets/a.js")),
            ("/a%20b.txt", Some("a b.txt")),
            ("/.well-known/security.txt", Some(".well-known/security.txt")),
            ("/../etc/passwd", None),
            ("/assets/%2e%2e/%2e%2e/etc/passwd", None),
            ("/assets%2f..%2f..%2fetc/passwd", None),
            ("/..%5c..%5cetc", None),
            ("/.env", None),
            ("/assets/.git/config", None),
            ("/a%00.js", None),
            ("/%ff", None),
        ] {
            assert_eq!(asked(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn files_are_told_from_paths_of_the_application() {
        for file in ["assets/index-DkW3x_9Q.js", "favicon.ico", "a.woff2", "site.webmanifest"] {
            assert!(names_a_file(file), "{file}");
        }
        for path in ["", "login", "items/ubuntu-24.04", "vms/urn:vcloud:vm:1", "a.b/c", "x."] {
            assert!(!names_a_file(path), "{path}");
        }
    }

    #[test]
    fn only_hashed_files_are_kept_for_long() {
        for file in [
            "assets/index-DkW3x_9Q.js",
            "assets/a-b-Dk-3x_9Q.css",
            "assets/index-DkW3x_9Q.js.map",
            "static/js/main.3f2a1b9c.js",
        ] {
            assert!(is_hashed(file), "{file}");
        }
        for file in [
            "index.html",
            "config.json",
            "assets/logo.svg",
            "assets/logo-original.svg",
            "logo-DkW3x_9Q.svg",
            "jquery.slim.js",
            "assets/é-DkW3x_9.js",
        ] {
            assert!(!is_hashed(file), "{file}");
        }
    }

    #[test]
    fn a_folder_without_an_application_is_refused() {
        let refused = |path: &str| Ui::open(Path::new(path)).err().unwrap().to_string();
        assert!(refused("/nonexistent").contains("ui: /nonexistent cannot be used"));
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(refused(manifest).contains("is not a folder"));
        assert!(refused(env!("CARGO_MANIFEST_DIR")).contains("index.html cannot be read"));
    }
}
