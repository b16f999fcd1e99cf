//! The OpenAPI documents: one for each surface and version, and one of everything.
//!
//! They come from the routes themselves, when they are asked for: `Described` is all routes as one
//! poem-openapi block, narrowed to what the document at hand is about.

use std::{cell::Cell, collections::HashMap, fmt, str::FromStr};

use poem::{endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    Object, OpenApi, OpenApiService,
    registry::{
        MetaApi, MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaSchema,
        MetaSchemaRef, Registry,
    },
    types::Type as _,
};
use ssvirt_vcd::{ApiVersion, Format, media, shape::Field};

use crate::{api, api::session, negotiate::is_json_only};

/// Which part of the API a document is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Part {
    /// Everything.
    All,
    /// `/api`.
    Api,
    /// `/cloudapi`.
    #[value(name = "cloudapi")]
    CloudApi,
}

impl Part {
    /// As it is written in a document's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Api => "api",
            Self::CloudApi => "cloudapi",
        }
    }

    fn has(self, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::Api => !is_cloud_api(path),
            Self::CloudApi => is_cloud_api(path),
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::All => "VMware Cloud Director API",
            Self::Api => "VMware Cloud Director API: /api",
            Self::CloudApi => "VMware Cloud Director API: /cloudapi",
        }
    }
}

/// A document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Document {
    /// What it is about.
    pub part: Part,
    /// The version that it is true of. None is all of them: operations and fields of every version, in the
    /// newest that has them.
    pub version: Option<ApiVersion>,
}

thread_local! {
    /// What is being written by this thread: poem-openapi asks types, not values, what they are.
    static AT_HAND: Cell<Option<Document>> = const { Cell::new(None) };
}

impl Document {
    /// Everything in every version.
    pub const ALL: Self = Self { part: Part::All, version: None };

    /// The document as JSON, with a line break at its end. `server` is the root URL that its paths are under.
    pub fn render(self, server: &str) -> String {
        AT_HAND.set(Some(self));
        let version = self.version.unwrap_or(ApiVersion::NEWEST);
        let mut text = OpenApiService::new(Described, self.part.title(), version.to_string())
            .description(self.description())
            .server(server)
            .spec();
        AT_HAND.set(None);
        text.push('\n');
        text
    }

    fn description(self) -> String {
        let what = match self.part {
            Part::All => "All that SSVirt serves",
            Part::Api => "What SSVirt serves under `/api`",
            Part::CloudApi => "What SSVirt serves under `/cloudapi`",
        };
        match self.version {
            Some(version) => format!(
                "{what} in version {version} of the API. The version is asked for in the Accept header."
            ),
            None => format!(
                "{what}, in any version of the API: each operation in the newest version that has it. \
                 There is a document for each version too."
            ),
        }
    }

    /// The version that an operation is described in; none if it is not in this document.
    fn version_of(self, operation: &MetaOperation) -> Option<ApiVersion> {
        let until = last_version(operation);
        match self.version {
            Some(version) => (version <= until).then_some(version),
            None => Some(until),
        }
    }

    fn narrow(self, api: &mut MetaApi) {
        api.paths.retain(|path| self.part.has(&path.path));
        for path in &mut api.paths {
            path.operations.retain_mut(|operation| {
                let Some(version) = self.version_of(operation) else { return false };
                operation.deprecated |= last_version(operation) < ApiVersion::NEWEST;
                describe_bodies(operation, is_cloud_api(&path.path), version);
                if is_list(operation) && is_cloud_api(&path.path) {
                    operation.params.extend(list_params());
                }
                true
            });
        }
        api.paths.retain(|path| !path.operations.is_empty());
    }
}

/// `api-39.1`, as in the document's address.
impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.part.name())?;
        self.version.map_or(Ok(()), |version| write!(f, "-{version}"))
    }
}

/// The text names no document.
#[derive(Debug, thiserror::Error)]
#[error("not a document")]
pub struct NoDocument;

impl FromStr for Document {
    type Err = NoDocument;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (part, version) = text.split_once('-').ok_or(NoDocument)?;
        let part = [Part::All, Part::Api, Part::CloudApi]
            .into_iter()
            .find(|known| known.name() == part)
            .ok_or(NoDocument)?;
        let version: ApiVersion = version.parse().map_err(|_| NoDocument)?;
        if version.is_served() {
            Ok(Self { part, version: Some(version) })
        } else {
            Err(NoDocument)
        }
    }
}

/// Whether the document that is being written has a field of a VCD type.
pub fn has_field(field: &Field) -> bool {
    let version = AT_HAND.get().and_then(|document| document.version);
    version.is_none_or(|version| field.in_version(version))
}

/// The routes that are JSON alone are one surface, whatever their paths begin with.
fn is_cloud_api(path: &str) -> bool {
    is_json_only(path)
}

/// The newest version that has an operation.
pub fn last_version(operation: &MetaOperation) -> ApiVersion {
    let legacy = operation.operation_id.is_some_and(|id| session::LEGACY.contains(&id));
    let mut served = ApiVersion::SERVED.iter().rev().map(|served| served.version);
    served.find(|version| !legacy || *version < ApiVersion::V38_0).unwrap_or(ApiVersion::NEWEST)
}

/// Whether an operation answers a page of a list: VCD's names for these begin so.
fn is_list(operation: &MetaOperation) -> bool {
    operation.operation_id.is_some_and(|id| id.starts_with("query"))
}

/// What every list takes; read by `cloudapi::list::Listing`.
fn list_params() -> Vec<MetaOperationParam> {
    let text = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
    let number = || {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            minimum: Some(1.0),
            maximum: Some(f64::from(u32::MAX)),
            ..MetaSchema::new("integer")
        }))
    };
    let param = |name: &str, description: &str, schema| MetaOperationParam {
        name: name.to_owned(),
        schema,
        in_type: MetaParamIn::Query,
        description: Some(description.to_owned()),
        required: false,
        deprecated: false,
        explode: true,
        style: None,
    };
    vec![
        param("filter", "Which rows, in FIQL; plain text is looked for in names.", text()),
        param("sortAsc", "A field to sort by.", text()),
        param("sortDesc", "A field to sort by, the greatest first.", text()),
        param("page", "The page, from 1.", number()),
        param("pageSize", "Rows a page; more than 128 are as if 128 were asked for.", number()),
    ]
}

/// The bodies as they are on the wire: the negotiation layer writes the version into their media types, and
/// errors of `/cloudapi` in a form of their own.
fn describe_bodies(operation: &mut MetaOperation, cloud_api: bool, version: ApiVersion) {
    if let Some(request) = &mut operation.request {
        for content in &mut request.content {
            let media = versioned(content.content_type, version);
            content.content_type = media.split(';').next().map_or("", intern);
        }
    }
    for response in &mut operation.responses.responses {
        let failed = response.status.is_none_or(|status| status >= 400);
        if failed && cloud_api {
            response.content = vec![MetaMediaType {
                content_type: "application/json",
                schema: CloudApiError::schema_ref(),
            }];
        }
        for content in &mut response.content {
            content.content_type = intern(&versioned(content.content_type, version));
        }
    }
}

/// A media type as it is answered. `application/*+xml` stands for types that have none of their own.
fn versioned(media: &str, version: ApiVersion) -> String {
    let media = media.split(';').next().unwrap_or(media);
    if let Some(media) = media.strip_suffix("+json") {
        return media::content_type(media, Format::Json, version);
    }
    match media.strip_suffix("+xml") {
        Some(media) => media::content_type(media, Format::Xml, version),
        None if media.ends_with("/json") => media::content_type(media, Format::Json, version),
        None => media.to_owned(),
    }
}

/// poem-openapi wants media types that live for ever; there are as many as there are VCD types and versions.
pub fn intern(text: &str) -> &'static str {
    use std::{
        collections::HashSet,
        sync::{Mutex, OnceLock, PoisonError},
    };
    static KNOWN: OnceLock<Mutex<HashSet<&'static str>>> = OnceLock::new();
    let mut known =
        KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(text) = known.get(text) {
        return text;
    }
    let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
    known.insert(text);
    text
}

/// What went wrong, on `/cloudapi`.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct CloudApiError {
    /// VCD's code, such as `ACCESS_TO_RESOURCE_IS_FORBIDDEN`.
    pub minor_error_code: String,
    /// The text, which begins with the request's id.
    pub message: String,
    /// Always nothing.
    pub stack_trace: Option<String>,
}

/// All routes, as the document at hand has them. Nothing is served by it.
struct Described;

impl OpenApi for Described {
    fn meta() -> Vec<MetaApi> {
        let mut apis = api::Apis::meta();
        if let Some(document) = AT_HAND.get() {
            apis.iter_mut().for_each(|api| document.narrow(api));
        }
        apis
    }

    fn register(registry: &mut Registry) {
        api::Apis::register(registry);
        CloudApiError::register(registry);
        registry.schemas.values_mut().for_each(allow_null);
        let apis = Self::meta();
        let operations =
            || apis.iter().flat_map(|api| &api.paths).flat_map(|path| &path.operations);
        registry.tags.retain(|tag| operations().any(|one| one.tags.contains(&tag.name)));
        registry.security_schemes.retain(|name, _| {
            operations().any(|one| one.security.iter().any(|all| all.contains_key(name)))
        });
    }

    fn add_routes(self, _table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

/// poem-openapi's objects are answered with `null` where there is nothing, and taken so, but do not say it.
fn allow_null(schema: &mut MetaSchema) {
    // VCD types leave out what is not there.
    if schema.rust_typename == Some(std::any::type_name::<()>()) {
        return;
    }
    for (name, property) in &mut schema.properties {
        if schema.required.contains(name) {
            continue;
        }
        match property {
            MetaSchemaRef::Inline(schema) => schema.nullable = true,
            MetaSchemaRef::Reference(_) => {
                *property = MetaSchemaRef::Inline(Box::new(MetaSchema {
                    nullable: true,
                    all_of: vec![property.clone()],
                    ..MetaSchema::ANY
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_those_of_the_answers() {
        for (given, expected) in [
            ("application/vnd.vmware.vcloud.vm+xml", "application/vnd.vmware.vcloud.vm+xml"),
            ("application/vnd.vmware.vcloud.vApp+json", "application/vnd.vmware.vcloud.vApp+json"),
            ("application/*+xml", "application/xml"),
            ("application/*+json", "application/json"),
            ("text/xml+xml", "text/xml"),
            ("text/xml+json", "application/json"),
            ("application/json; charset=utf-8", "application/json"),
        ] {
            assert_eq!(versioned(given, ApiVersion::V37_2), format!("{expected};version=37.2"));
        }
        assert_eq!(versioned("text/plain", ApiVersion::V37_2), "text/plain");
    }

    #[test]
    fn documents_have_names() {
        for part in [Part::All, Part::Api, Part::CloudApi] {
            for served in ApiVersion::SERVED {
                let document = Document { part, version: Some(served.version) };
                assert_eq!(document.to_string().parse::<Document>().ok(), Some(document));
            }
        }
        for bad in ["", "api", "api-", "api-35.0", "api-39.1.json", "vcd-39.1", "api-39.1-39.1"] {
            assert!(bad.parse::<Document>().is_err(), "{bad}");
        }
    }
}
