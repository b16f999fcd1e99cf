//! The OpenAPI document: the list of all routes.

use serde_json::Value;

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The method, in capitals.
    pub method: String,
    /// The path, with `{name}` for parameters.
    pub path: String,
    /// The operation's id.
    pub operation: String,
    /// Whether it takes a body.
    pub body: bool,
    /// How it wants to know who asks: `Bearer`, `Basic`, or nothing.
    pub security: String,
    /// Whether it takes or answers XML; then JSON of the same content too.
    pub xml: bool,
}

impl Route {
    /// The names of the parameters in the path.
    pub fn params(&self) -> Vec<&str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
    }

    /// Whether a path is one of this route's.
    pub fn matches(&self, path: &str) -> bool {
        let (ours, theirs): (Vec<_>, Vec<_>) =
            (self.path.split('/').collect(), path.split('/').collect());
        ours.len() == theirs.len()
            && ours.iter().zip(theirs).all(|(our, their)| our.starts_with('{') || *our == their)
    }
}

/// The document.
pub fn document() -> Value {
    serde_json::from_str(&ssvirt_server::openapi_json()).expect("the document is JSON")
}

/// Whether an operation takes or answers XML. Errors are left out: their schema names both formats everywhere.
pub fn has_xml(operation: &Value) -> bool {
    let good = |(status, _): &(&String, &Value)| status.starts_with('2');
    let responses = operation["responses"].as_object().into_iter().flatten().filter(good);
    let mut contents = responses.map(|(_, response)| response).chain([&operation["requestBody"]]);
    contents.any(|content| content.to_string().contains("+xml"))
}

/// All routes.
pub fn routes() -> Vec<Route> {
    let document = document();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            all.push(Route {
                method: method.to_uppercase(),
                path: path.clone(),
                operation: operation["operationId"].as_str().unwrap_or_default().to_owned(),
                security: operation["security"][0]
                    .as_object()
                    .and_then(|schemes| schemes.keys().next().cloned())
                    .unwrap_or_default(),
                body: operation.get("requestBody").is_some(),
                xml: has_xml(operation),
            });
        }
    }
    assert!(all.len() > 60, "{}", all.len());
    all
}
