//! The start page: what this is, how it is, and where to go from here.

use poem::{
    Request, Response, handler,
    http::{HeaderValue, header},
};
use ssvirt_core::env::{IdSource as _, RandomIds};
use ssvirt_vcd::ApiVersion;

use super::{fill, secured};
use crate::{error::VcdError, links::Links, state::State};

/// Where the page is, with and without a user interface at `/`.
pub(super) const PATH: &str = "/ssvirt";

const TEMPLATE: &str = include_str!("start.html");

/// The page.
#[handler]
pub(super) fn start(request: &Request) -> Result<Response, VcdError> {
    let state = State::of(request)?;
    let root = Links::of(request, &state).path("");
    let (kind, about) = kind(&state);
    // Only what this answer says it contains is applied and run.
    let nonce = RandomIds.uuid().simple().to_string();
    let page = fill(
        TEMPLATE,
        &[
            ("nonce", &nonce),
            ("version", env!("CARGO_PKG_VERSION")),
            ("kind", kind),
            ("about", about),
            ("oldest", &ApiVersion::OLDEST.to_string()),
            ("newest", &ApiVersion::NEWEST.to_string()),
            ("root", &root),
            ("target", vcd_target(&root)),
        ],
    );
    let mut response = Response::builder().content_type("text/html; charset=utf-8").body(page);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    Ok(secured(response, &policy))
}

/// What is not to be taken for a cloud with machines: in a word, and in a sentence.
pub(super) fn kind(state: &State) -> (&'static str, &'static str) {
    let mut backends = state.cloud.backends().values();
    match (backends.len(), backends.any(|backend| backend.name() == "simulator")) {
        (0, _) => ("No backend", "No virtual machine can be made here."),
        (_, true) => ("Simulator", "Virtual machines are made up here: none of them runs."),
        (_, false) => ("", ""),
    }
}

/// vcd-cli takes a host for https, and a whole URL otherwise.
fn vcd_target(root: &str) -> &str {
    root.strip_prefix("https://").unwrap_or(root)
}
