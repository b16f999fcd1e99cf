//! The outermost layer: the only reader of `Accept`, the only writer of bodies, errors and log lines.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use futures_util::FutureExt as _;
use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{HeaderMap, StatusCode, Uri, header},
};
use poem_openapi::types::ToJSON as _;
use ssvirt_core::{
    env::{IdSource as _, RandomIds},
    service::Caller,
};
use ssvirt_vcd::{
    ApiVersion, Format, Render as _,
    error::NOT_ACCEPTABLE,
    media::{self, Accepted, FormatAsked, VersionAsked},
    to_json, to_xml,
};

use crate::{
    allow,
    context::Negotiated,
    document::CloudApiError,
    error::VcdError,
    state::State,
    wire::{Rendered, header_value},
};

/// The largest body that is taken in before the request is looked at, in bytes.
const SMALL_BODY: usize = 64 * 1024;

/// Which of the two APIs a path belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Surface {
    /// `/api`: XML, or JSON if asked for, in a version.
    Legacy,
    /// `/cloudapi`: JSON, in a version.
    CloudApi,
    /// Health and the like.
    Plain,
}

/// Who a request turned out to be of; for the log line.
#[derive(Clone, Default)]
pub struct Who(Arc<Mutex<Option<String>>>);

impl Who {
    /// Notes who it is.
    pub fn set(&self, caller: &Caller) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(format!("{}@{}", caller.user_name, caller.org_name));
    }

    fn get(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .unwrap_or_else(|| "-".to_owned())
    }
}

/// Wraps all routes.
pub struct Negotiate<E> {
    inner: E,
    state: State,
}

impl<E> Negotiate<E> {
    /// Wraps an endpoint.
    pub fn new(inner: E, state: State) -> Self {
        Self { inner, state }
    }
}

impl<E: Endpoint> Endpoint for Negotiate<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let start = Instant::now();
        plain_path(&mut request);
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let surface = surface_of(&path);
        let request_id = request_id(request.headers());
        let who = Who::default();
        request.extensions_mut().insert(who.clone());
        request.extensions_mut().insert(self.state.clone());

        let whole = take_in(&mut request).await;
        let (format, version, result) = match negotiated(&request, surface, &request_id) {
            Ok(negotiated) => {
                let (format, version) = (negotiated.format, negotiated.version);
                request.extensions_mut().insert(negotiated);
                let result = match whole {
                    Ok(()) => self.answer(request).await,
                    Err(error) => Err(error),
                };
                (format, version, result)
            }
            Err((format, error)) => (format, ApiVersion::NEWEST, Err(error.into())),
        };
        let mut response = match result {
            Ok(response) => response,
            Err(error) if error.is_from_response() => error.into_response(),
            Err(error) => {
                refusal(&VcdError::of(&error, &path), surface, format, version, &request_id)
            }
        };
        write_body(&mut response, surface, format, version);
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            let methods = header_value(&allow::methods(&path, version));
            response.headers_mut().entry(header::ALLOW).or_insert(methods);
        }
        response.headers_mut().insert("x-vmware-vcloud-request-id", header_value(&request_id));
        tracing::info!(
            target: "ssvirt::request",
            method = %method,
            route = route(&path),
            status = response.status().as_u16(),
            time_ms = start.elapsed().as_secs_f64() * 1000.0,
            user = who.get(),
            request_id,
        );
        Ok(response)
    }
}

impl<E: Endpoint> Negotiate<E> {
    /// The inner answer; a panic is a 500 that says nothing.
    async fn answer(&self, request: Request) -> poem::Result<Response> {
        match AssertUnwindSafe(self.inner.call(request)).catch_unwind().await {
            Ok(result) => result.map(IntoResponse::into_response),
            Err(_) => {
                tracing::error!("a handler panicked");
                Err(VcdError::internal().into())
            }
        }
    }
}

/// Takes in the body, if it is a small one. A connection whose body nobody read ends with the answer; a
/// client that is still writing then sees the end, and not that it is to log in.
async fn take_in(request: &mut Request) -> poem::Result<()> {
    let length = request.header(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    if length.is_some_and(|length: usize| length > 0 && length <= SMALL_BODY) {
        let bytes = request.take_body().into_bytes_limit(SMALL_BODY).await?;
        request.set_body(bytes);
    }
    Ok(())
}

/// Clients ask for the same resource with and without a slash at the end, and for an object's metadata
/// under both of its hrefs.
fn plain_path(request: &mut Request) {
    let uri = request.uri();
    let given = uri.path();
    let trimmed = given.trim_end_matches('/');
    let path = match trimmed.strip_prefix("/api/admin/") {
        Some(rest) if rest.split('/').nth(2) == Some("metadata") => format!("/api/{rest}"),
        _ => trimmed.to_owned(),
    };
    if given.len() < 2 || path == given {
        return;
    }
    set_path(request, &path);
}

/// Gives a request another path; its query and the address that it was sent to stay.
pub fn set_path(request: &mut Request, path: &str) {
    let uri = request.uri();
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let Ok(target) = target.parse() else { return };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target);
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

fn surface_of(path: &str) -> Surface {
    let mut segments = path.split('/').skip(1);
    let mut next = || segments.next().unwrap_or_default();
    match (next(), next(), next(), next(), next()) {
        ("api", "v1", ..) => Surface::Plain,
        // The VDCs of an organization as the web console sees them: JSON, by the rules of /cloudapi.
        ("api", "admin", "org", _, "vdcs") => Surface::CloudApi,
        ("api", ..) => Surface::Legacy,
        ("cloudapi", ..) => Surface::CloudApi,
        _ => Surface::Plain,
    }
}

/// Whether a path, or the path of a route, is served as JSON alone.
pub fn is_json_only(path: &str) -> bool {
    surface_of(path) != Surface::Legacy
}

/// VCD's rule: the client's own id, if it sends one, with a fresh one behind.
fn request_id(headers: &HeaderMap) -> String {
    let fresh = RandomIds.uuid();
    let client =
        headers.get("x-vmware-vcloud-client-request-id").and_then(|value| value.to_str().ok());
    let client: String =
        client.unwrap_or_default().chars().filter(char::is_ascii_graphic).take(128).collect();
    if client.is_empty() { fresh.to_string() } else { format!("{client}-{fresh}") }
}

fn negotiated(
    request: &Request,
    surface: Surface,
    request_id: &str,
) -> Result<Negotiated, (Format, VcdError)> {
    let accept =
        request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let Accepted { format, version } = media::negotiate(accept);
    let path = request.uri().path();
    let format = match (surface, format) {
        (Surface::CloudApi, FormatAsked::Any | FormatAsked::Json) => Format::Json,
        (Surface::CloudApi, _) => {
            return Err((Format::Json, not_acceptable("this resource is served as JSON")));
        }
        (Surface::Plain, _) => Format::Json,
        (Surface::Legacy, FormatAsked::Any | FormatAsked::Xml) => Format::Xml,
        (Surface::Legacy, FormatAsked::Json) => Format::Json,
        (Surface::Legacy, FormatAsked::Unacceptable) => {
            return Err((Format::Xml, not_acceptable("this resource is served as XML and JSON")));
        }
    };
    // The version list is how clients learn of versions; logins of old clients name none either.
    let optional = surface != Surface::Legacy
        || matches!(path, "/api/versions" | "/api/sessions" | "/api/session");
    let (version, named) = match version {
        VersionAsked::Version(version) if version.is_served() => (version, true),
        VersionAsked::Empty => (ApiVersion::NEWEST, false),
        VersionAsked::None if optional => (ApiVersion::NEWEST, false),
        _ if path == "/api/versions" || surface == Surface::Plain => (ApiVersion::NEWEST, false),
        _ => return Err((format, not_acceptable(&invalid_version()))),
    };
    Ok(Negotiated { format, version, named, request_id: request_id.to_owned() })
}

fn not_acceptable(why: &str) -> VcdError {
    VcdError::new(
        StatusCode::NOT_ACCEPTABLE,
        NOT_ACCEPTABLE,
        format!("The request has invalid accept header: {why}"),
    )
}

fn invalid_version() -> String {
    let served: Vec<String> = ApiVersion::SERVED
        .iter()
        .rev()
        .map(|served| format!("{}{}", served.version, if served.deprecated { " [D]" } else { "" }))
        .collect();
    format!(
        "Invalid API version requested. Supported API versions are: [{}] ([D] indicates deprecated versions)",
        served.join(", ")
    )
}

/// An error's answer.
fn refusal(
    error: &VcdError,
    surface: Surface,
    format: Format,
    version: ApiVersion,
    request_id: &str,
) -> Response {
    let element = error.element(request_id);
    let (body, media) = match (surface, format) {
        (Surface::Legacy, Format::Xml) => {
            (to_xml(&element, version), media::content_type(element.media(), format, version))
        }
        (Surface::Legacy, Format::Json) => {
            (to_json(&element, version), media::content_type(element.media(), format, version))
        }
        _ => {
            let body = CloudApiError {
                minor_error_code: element.minor_error_code,
                message: element.message,
                stack_trace: None,
            };
            (body.to_json_string(), format!("application/json;version={version}"))
        }
    };
    let mut response = Response::builder().status(error.status).content_type(media).body(body);
    if error.status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            header_value("Bearer realm=\"VMware Cloud Director\""),
        );
    }
    response
}

/// Writes what a handler left to be rendered, and the version into the media type.
fn write_body(response: &mut Response, surface: Surface, format: Format, version: ApiVersion) {
    if let Some(Rendered(value)) = response.extensions_mut().remove::<Rendered>() {
        let media = match value.media() {
            // Types that have no media type of their own.
            "" => match format {
                Format::Xml => format!("application/xml;version={version}"),
                Format::Json => format!("application/json;version={version}"),
            },
            media => media::content_type(media, format, version),
        };
        response.headers_mut().insert(header::CONTENT_TYPE, header_value(&media));
        response.set_body(value.render(format, version));
    } else if surface == Surface::CloudApi && response.headers().contains_key(header::CONTENT_TYPE)
    {
        let media = format!("application/json;version={version}");
        response.headers_mut().insert(header::CONTENT_TYPE, header_value(&media));
    }
}

/// The path with its ids taken out, so that lines of one route can be counted.
fn route(path: &str) -> String {
    let is_id =
        |segment: &str| segment.len() >= 36 && ssvirt_core::id::parse_any(segment).is_some();
    let segments = path.split('/').map(|segment| if is_id(segment) { "{id}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use poem::{Body, endpoint::make_sync};
    use ssvirt_backends::sql::SqlStore;
    use ssvirt_core::Cloud;

    use super::*;
    use crate::auth::Tokens;

    #[test]
    fn another_path_keeps_query_and_address() {
        // HTTP/2 has the address nowhere else.
        for (given, expected) in [
            ("https://vcd.example:8443/api/org/?a=b", "https://vcd.example:8443/api/org?a=b"),
            ("/api/org/", "/api/org"),
            ("/api/admin/vdc/1/metadata", "/api/vdc/1/metadata"),
            ("/", "/"),
        ] {
            let mut request = Request::builder().uri_str(given).finish();
            plain_path(&mut request);
            assert_eq!(request.uri().to_string(), expected);
        }
    }

    async fn state() -> State {
        let store = SqlStore::memory().await.unwrap();
        State {
            cloud: Cloud::builder(Arc::new(store)).build(),
            tokens: Arc::new(Tokens::new(b"a key for tests")),
            public_url: None,
            plain_http: false,
        }
    }

    #[tokio::test]
    async fn a_small_body_is_read_whatever_the_answer() {
        for (size, read) in [(5, true), (SMALL_BODY, true), (SMALL_BODY + 1, false)] {
            let refuse = make_sync(|_| StatusCode::UNAUTHORIZED);
            let taken = Arc::new(AtomicBool::new(false));
            let body = {
                let taken = Arc::clone(&taken);
                futures_util::stream::once(async move {
                    taken.store(true, Ordering::Relaxed);
                    Ok::<_, std::io::Error>(vec![b'x'; size])
                })
            };
            let request = Request::builder()
                .uri_str("/cloudapi/1.0.0/orgs")
                .header("content-length", size)
                .body(Body::from_bytes_stream(body));
            let response = Negotiate::new(refuse, state().await).call(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert_eq!(taken.load(Ordering::Relaxed), read, "{size}");
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_500_without_internals() {
        let state = state().await;
        let broken = make_sync(|_| -> Response { panic!("the secret of it") });
        let request = Request::builder()
            .uri_str("/api/org")
            .header("accept", "application/*+xml;version=37.0");
        let response = Negotiate::new(broken, state).call(request.finish()).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = response.into_body().into_string().await.unwrap();
        assert!(
            body.contains("majorErrorCode=\"500\"") && body.contains("INTERNAL_SERVER_ERROR"),
            "{body}"
        );
        assert!(!body.contains("secret"), "{body}");
    }
}
