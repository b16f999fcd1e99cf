//! # ssvirt-server
//!
//! The VMware Cloud Director API over [`ssvirt_core::Cloud`]: `/api` in XML and vendor JSON, `/cloudapi` in
//! JSON, described by an OpenAPI document for each version; and the pages for browsers.
//!
//! ```text
//!   listen (TLS) -> negotiate (Accept, version, errors, log) -> api/<resource> (ten-line handlers) -> Cloud
//! ```

mod allow;
mod api;
mod auth;
pub mod cli;
pub mod config;
mod context;
mod data_dir;
pub mod document;
mod error;
mod links;
mod listen;
mod negotiate;
mod observe;
mod pages;
mod ready;
mod secrets;
pub mod serve;
mod state;
mod tls;
mod wire;

use std::sync::Arc;

use poem::{Endpoint, EndpointExt as _, Response, Route, get};
use ssvirt_core::Cloud;

pub use observe::metrics;
pub use pages::Ui;

use crate::{auth::Tokens, document::Document, negotiate::Negotiate, pages::Site, state::State};

/// What the routes need.
pub struct AppConfig {
    /// The cloud; started.
    pub cloud: Cloud,
    /// The root URL that clients reach the server under; none follows the request's Host header.
    pub public_url: Option<String>,
    /// Whether the server speaks plain HTTP, behind a proxy.
    pub plain_http: bool,
    /// The key that tokens are signed with.
    pub jwt_key: Vec<u8>,
    /// The user interface at `/`; none has a start page there.
    pub ui: Option<Ui>,
}

/// All routes.
pub fn app(config: AppConfig) -> impl Endpoint<Output = Response> + 'static {
    let state = State {
        cloud: config.cloud.clone(),
        tokens: Arc::new(Tokens::new(&config.jwt_key)),
        public_url: config.public_url.as_deref().map(Arc::from),
        plain_http: config.plain_http,
    };
    let routes = pages::routes(Route::new().nest("/", api::service()))
        .at("/healthz", get(observe::health::healthz))
        .at("/readyz", get(observe::health::readyz))
        .at("/api/v1/version", get(observe::health::version))
        .data(config.cloud);
    Negotiate::new(Site::new(routes, config.ui), state)
}

/// The OpenAPI document of everything that is served, in any version.
pub fn openapi_json() -> String {
    Document::ALL.render("/")
}
