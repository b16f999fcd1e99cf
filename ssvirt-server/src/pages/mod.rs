//! What is for browsers: the start page, the API explorer, the OpenAPI documents, a user interface.

mod documents;
mod explorer;
mod start;
mod ui;

use poem::{
    Body, Endpoint, IntoResponse, Request, Response, Route, get,
    http::{HeaderValue, Method, StatusCode, header},
    web::headers::{ETag, HeaderMapExt as _, IfNoneMatch},
};

pub use ui::Ui;

use crate::negotiate::set_path;

/// The routes of all pages but the user interface's.
pub fn routes(routes: Route) -> Route {
    let documents = documents::Documents::default();
    routes
        .at(start::PATH, get(start::start))
        .at(explorer::PATH, get(explorer::page))
        .at(format!("{}/:asset", explorer::PATH), get(explorer::asset))
        .at("/openapi.json", get(documents.everything()))
        .at("/openapi/:name", get(documents.named()))
        // Where the session's link to the OpenAPI document leads.
        .at("/cloudapi", get(documents.negotiated()))
}

/// Sends a request where it belongs: to the user interface, if there is one, whatever is not the server's own.
pub struct Site<E> {
    inner: E,
    ui: Option<Ui>,
}

impl<E> Site<E> {
    /// All that is served.
    pub fn new(inner: E, ui: Option<Ui>) -> Self {
        Self { inner, ui }
    }
}

impl<E: Endpoint> Endpoint for Site<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if reads && !is_own(request.uri().path()) {
            if let Some(ui) = &self.ui {
                return ui.serve(&request).await;
            }
            if request.uri().path() == "/" {
                set_path(&mut request, start::PATH);
            }
        }
        self.inner.call(request).await.map(IntoResponse::into_response)
    }
}

/// Whether a path is the server's own, whatever a user interface has.
fn is_own(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    matches!(first, "api" | "cloudapi" | "healthz" | "readyz" | "metrics")
        || first.starts_with("openapi")
        || [start::PATH, explorer::PATH].contains(&format!("/{first}").as_str())
}

/// An answer that browsers take for what it says it is.
fn secured(mut response: Response, policy: &str) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CONTENT_SECURITY_POLICY, crate::wire::header_value(policy));
    response
}

/// An answer that is asked for again each time, but sent only where it has changed.
fn unless_known(request: &Request, content_type: &str, text: &str) -> Response {
    let tag = entity_tag(text);
    let known = request.headers().typed_get::<IfNoneMatch>();
    let known =
        tag.as_ref().is_some_and(|tag| known.is_some_and(|of| !of.precondition_passes(tag)));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::builder().content_type(content_type).body(Body::from(text.to_owned()))
    };
    if let Some(tag) = tag {
        response.headers_mut().typed_insert(tag);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn entity_tag(text: &str) -> Option<ETag> {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish()).parse().ok()
}

/// Text that stands in HTML, also between double quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// A page from its template, in which `{{name}}` stands for a value; values are escaped.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |page, (name, value)| {
        page.replace(&format!("{{{{{name}}}}}"), &escaped(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_servers_own_is_no_user_interfaces() {
        for own in [
            "/api",
            "/api/versions",
            "/cloudapi",
            "/cloudapi/1.0.0/orgs",
            "/openapi.json",
            "/openapi/api-39.1.json",
            "/api-explorer",
            "/healthz",
            "/readyz",
            "/metrics",
            "/ssvirt",
        ] {
            assert!(is_own(own), "{own}");
        }
        for other in ["/", "/apis", "/login", "/vms/api", "/assets/api.js", "/api.html"] {
            assert!(!is_own(other), "{other}");
        }
    }

    #[test]
    fn values_cannot_become_markup() {
        let page = fill("<a href=\"{{root}}\">{{root}}</a>", &[("root", "\"><script>&")]);
        let value = "&quot;&gt;&lt;script&gt;&amp;";
        assert_eq!(page, format!("<a href=\"{value}\">{value}</a>"));
    }
}
