//! # ssvirt-server
//!
//! The VMware Cloud Director API over [`ssvirt_core::Cloud`]: `/api` in XML and vendor JSON, `/cloudapi` in
//! JSON, both in one OpenAPI document.
//!
//! ```text
//!   listen (TLS) -> negotiate (Accept, version, errors, log) -> api/<resource> (ten-line handlers) -> Cloud
//! ```

mod api;
mod auth;
pub mod cli;
pub mod config;
mod context;
mod data_dir;
mod error;
mod links;
mod listen;
mod negotiate;
mod observe;
mod ready;
mod secrets;
pub mod serve;
mod state;
mod tls;
mod wire;

use std::sync::Arc;

use poem::{Endpoint, EndpointExt as _, Response, Route, get, handler, web::Data};
use ssvirt_core::Cloud;

use crate::{auth::Tokens, negotiate::Negotiate, state::State};

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
}

/// All routes.
pub fn app(config: AppConfig) -> impl Endpoint<Output = Response> + 'static {
    let state = State {
        cloud: config.cloud.clone(),
        tokens: Arc::new(Tokens::new(&config.jwt_key)),
        public_url: config.public_url.as_deref().map(Arc::from),
        plain_http: config.plain_http,
    };
    let document = Document(openapi_json().into());
    let routes = Route::new()
        .nest("/", api::service())
        .at("/openapi.json", get(openapi.data(document.clone())))
        // Where the session's link to the OpenAPI document leads.
        .at("/cloudapi", get(openapi.data(document)))
        .at("/healthz", get(observe::health::healthz))
        .at("/readyz", get(observe::health::readyz))
        .at("/api/v1/version", get(observe::health::version))
        .data(config.cloud);
    Negotiate::new(routes, state)
}

/// The OpenAPI document of both surfaces.
pub fn openapi_json() -> String {
    api::document()
}

#[derive(Clone)]
struct Document(Arc<str>);

#[handler]
fn openapi(Data(document): Data<&Document>) -> Response {
    Response::builder().content_type("application/json").body(document.0.to_string())
}
