//! The API explorer: Swagger UI as poem-openapi brings it, in a page of our own.
//!
//! poem-openapi's page has one document and its script in one piece. Ours lets people choose the document and
//! log in, and needs no script of its own inside the page, so that the policy can forbid any.

use poem::{Request, Response, handler, web::Path};
use poem_openapi::OpenApiService;
use ssvirt_vcd::ApiVersion;

use super::{secured, start, unless_known};
use crate::{error::VcdError, state::State};

/// Where it is.
pub(super) const PATH: &str = "/api-explorer";

const PAGE: &str = include_str!("explorer.html");
const SCRIPT: &str = include_str!("explorer.js");
const STYLE: &str = include_str!("explorer.css");

/// Swagger UI sets styles on elements and has icons in its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The page.
#[handler]
pub(super) fn page(request: &Request) -> Result<Response, VcdError> {
    let (kind, _) = start::kind(&State::of(request)?);
    let html = PAGE.replace("{{kind}}", kind).replace("{{documents}}", &options());
    Ok(secured(unless_known(request, "text/html; charset=utf-8", &html), POLICY))
}

/// What the page loads.
#[handler]
pub(super) fn asset(request: &Request, Path(name): Path<String>) -> Result<Response, VcdError> {
    const JS: &str = "text/javascript; charset=utf-8";
    const CSS: &str = "text/css; charset=utf-8";
    let response = match name.as_str() {
        "explorer.js" => unless_known(request, JS, SCRIPT),
        "explorer.css" => unless_known(request, CSS, STYLE),
        // Taken out of poem-openapi's page each time: browsers ask once, and nothing is held for them.
        "swagger-ui.js" => unless_known(request, JS, part(&swagger_ui(), "script")),
        "swagger-ui.css" => unless_known(request, CSS, part(&swagger_ui(), "style")),
        _ => return Err(VcdError::no_route(request.uri().path())),
    };
    Ok(secured(response, POLICY))
}

/// The documents to choose from, the newest first.
fn options() -> String {
    let group = |label: &str, part: &str| {
        let options: String = ApiVersion::SERVED
            .iter()
            .rev()
            .map(|served| {
                let (version, old) =
                    (served.version, if served.deprecated { ", deprecated" } else { "" });
                format!("<option value=\"{part}-{version}\">{label} {version}{old}</option>")
            })
            .collect();
        format!("<optgroup label=\"{label}\">{options}</optgroup>")
    };
    format!("{}{}", group("/cloudapi", "cloudapi"), group("/api", "api"))
}

fn swagger_ui() -> String {
    OpenApiService::new((), "", "").swagger_ui_html()
}

/// What is in the first element of a name in the head.
fn part<'a>(html: &'a str, element: &str) -> &'a str {
    let start = html.find(&format!("<{element} charset=\"UTF-8\">"));
    let inside = start.and_then(|start| html.get(start..)?.split_once('>')).map(|(_, rest)| rest);
    let end = format!("</{element}>");
    inside.and_then(|inside| inside.split_once(&end)).map_or("", |(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swagger_ui_is_where_it_is_looked_for() {
        let html = swagger_ui();
        let (script, style) = (part(&html, "script"), part(&html, "style"));
        assert!(script.len() > 1_000_000 && script.contains("SwaggerUIBundle"), "{}", script.len());
        assert!(style.len() > 100_000 && style.contains(".swagger-ui"), "{}", style.len());
        // All of the head: neither has the end of its own element inside.
        assert!(html.contains(&format!("{style}</style>\n    <script")));
        assert!(html.contains(&format!("{script}</script>\n</head>")));
    }

    #[test]
    fn every_version_can_be_chosen() {
        let options = options();
        for served in ApiVersion::SERVED {
            for part in ["api", "cloudapi"] {
                assert!(options.contains(&format!("value=\"{part}-{}\"", served.version)));
            }
        }
    }
}
