//! Which methods a path of the API has, for the `Allow` header of an answer of 405.

use std::sync::LazyLock;

use poem::http::Method;
use poem_openapi::OpenApi as _;
use ssvirt_vcd::ApiVersion;

use crate::{api::Apis, document::last_version};

/// The segments of a route's path, and its methods with the newest version that has them.
type Route = (Vec<String>, Vec<(Method, ApiVersion)>);

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let paths = Apis::meta().into_iter().flat_map(|api| api.paths);
    paths
        .map(|path| {
            let segments = path.path.split('/').map(str::to_owned).collect();
            let methods = path.operations.into_iter().map(|operation| {
                let until = last_version(&operation);
                (operation.method, until)
            });
            (segments, methods.collect())
        })
        .collect()
});

/// The methods that a path has in a version; empty for a path that is not of the API.
pub fn methods(path: &str, version: ApiVersion) -> String {
    let segments: Vec<&str> = path.split('/').collect();
    let matches = |route: &&Route| {
        let fits = |(known, given): (&String, &&str)| is_parameter(known) || known == given;
        route.0.len() == segments.len() && route.0.iter().zip(&segments).all(fits)
    };
    let found = ROUTES.iter().filter(matches);
    // As the router does: a path that is written out comes before one with parameters.
    let plain = |route: &&Route| route.0.iter().filter(|part| is_parameter(part)).count();
    let methods = found.min_by_key(plain).map(|route| route.1.as_slice()).unwrap_or_default();
    let served = methods.iter().filter(|(_, until)| version <= *until);
    let mut names: Vec<&str> = served.map(|(method, _)| method.as_str()).collect();
    names.sort_unstable();
    names.join(", ")
}

/// Whether a segment stands for any: `:id`, or `{id}` as the documents have it.
fn is_parameter(segment: &str) -> bool {
    segment.starts_with(':') || segment.starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_methods_of_its_route() {
        let of = |path: &str| methods(path, ApiVersion::NEWEST);
        assert_eq!(of("/cloudapi/1.0.0/orgs"), "GET, POST");
        assert_eq!(of("/cloudapi/1.0.0/orgs/x"), "DELETE, GET, PATCH, PUT");
        assert_eq!(of("/cloudapi/1.0.0/sessions/provider"), "POST");
        assert_eq!(of("/cloudapi/1.0.0/sessions/x"), "DELETE, GET");
        assert_eq!(of("/nowhere"), "");
    }

    #[test]
    fn methods_that_a_version_does_not_have_are_not_among_them() {
        assert_eq!(methods("/api/session", ApiVersion::V37_2), "DELETE, GET");
        assert_eq!(methods("/api/session", ApiVersion::V38_0), "GET");
        assert_eq!(methods("/api/sessions", ApiVersion::V38_0), "");
    }
}
