//! Bodies of `/cloudapi`: JSON of the types that the OpenAPI document describes.
//!
//! poem-openapi's own `Json` builds a tree of values before it writes; lists are the most asked for of all
//! answers, so that these are written at once.

use poem::{
    IntoResponse, Request, RequestBody, Response,
    http::{HeaderMap, StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    registry::{MetaHeader, MetaMediaType, MetaRequest, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use serde::{Serialize, de::DeserializeOwned};
use ssvirt_core::model::Task;
use ssvirt_vcd::media;

use crate::{
    context::Ctx,
    error::VcdError,
    wire::{MAX_BODY, header_value},
};

/// The media type of every body; the version is added to it on the way out.
const JSON: &str = "application/json";

/// An answer with a body.
pub struct Answered<T, const STATUS: u16 = 200> {
    body: T,
    headers: Vec<(&'static str, String)>,
}

/// An answer of 201: made.
pub type Made<T> = Answered<T, 201>;

impl<T, const STATUS: u16> Answered<T, STATUS> {
    /// With this body.
    pub fn new(body: T) -> Self {
        Self { body, headers: Vec::new() }
    }

    /// The body.
    pub fn body(&self) -> &T {
        &self.body
    }

    /// With an entity tag, made from the object's version, that `If-Match` can be given.
    #[must_use]
    pub fn tagged(self, version: i64) -> Self {
        self.with(header::ETAG.as_str(), etag(version))
    }

    /// With a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// The version that a change is to be made from, if the client says so.
///
/// # Errors
/// 412 for a tag that is none of ours.
pub fn if_match(headers: &HeaderMap) -> Result<Option<i64>, VcdError> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let tag = value.to_str().unwrap_or_default().trim();
    if tag == "*" {
        return Ok(None);
    }
    let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
    tag.parse().map(Some).map_err(|_| VcdError::precondition())
}

/// What failed because of `If-Match` is a failed precondition; names that are taken are a conflict in a
/// change, as clients know it from the earlier server.
pub fn change_error(expected: Option<i64>) -> impl FnOnce(ssvirt_core::Error) -> VcdError {
    use ssvirt_core::ErrorKind;
    move |error| match error.kind() {
        ErrorKind::Conflict if expected.is_some() => VcdError::precondition(),
        ErrorKind::DuplicateName => {
            let mut error = VcdError::from(error);
            error.status = StatusCode::CONFLICT;
            error
        }
        _ => error.into(),
    }
}

impl<T: Serialize + Send, const STATUS: u16> IntoResponse for Answered<T, STATUS> {
    fn into_response(self) -> Response {
        let Ok(body) = serde_json::to_vec(&self.body) else {
            return VcdError::internal().status.into_response();
        };
        let status = StatusCode::from_u16(STATUS).unwrap_or(StatusCode::OK);
        let mut response = Response::builder().status(status).content_type(JSON).body(body);
        for (name, value) in self.headers {
            response.headers_mut().append(name, header_value(&value));
        }
        response
    }
}

impl<T: Serialize + Type + Send, const STATUS: u16> ApiResponse for Answered<T, STATUS> {
    fn meta() -> MetaResponses {
        let response = MetaResponse {
            description: "Success",
            status: Some(STATUS),
            status_range: None,
            content: vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }],
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// An answer of 202: the task that does it is named by the `Location` header.
pub struct Started(String);

impl Started {
    /// The answer for a task.
    pub fn new(ctx: &Ctx, task: &Task) -> Self {
        Self(ctx.links.task(task.id))
    }
}

impl IntoResponse for Started {
    fn into_response(self) -> Response {
        let mut response = StatusCode::ACCEPTED.into_response();
        response.headers_mut().insert(header::LOCATION, header_value(&self.0));
        response
    }
}

impl ApiResponse for Started {
    fn meta() -> MetaResponses {
        let response = MetaResponse {
            description: "Accepted; the task that does it is in the Location header",
            status: Some(202),
            status_range: None,
            content: Vec::new(),
            headers: vec![MetaHeader {
                name: "Location".to_owned(),
                description: Some("The task's href".to_owned()),
                required: true,
                deprecated: false,
                schema: String::schema_ref(),
            }],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_registry: &mut Registry) {}
}

/// A request body in JSON.
pub struct Given<T>(pub T);

impl<'a, T: DeserializeOwned + Type + Send> ApiExtractor<'a> for Given<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        if let Some(header) = request.header(header::CONTENT_TYPE) {
            let json = media::parse_content_type(header)
                .is_some_and(|content| content.format == Some(ssvirt_vcd::Format::Json));
            if !json {
                return Err(VcdError::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    ssvirt_vcd::error::UNSUPPORTED_MEDIA_TYPE,
                    "The request body must be JSON.",
                )
                .into());
            }
        }
        let bytes = body.take()?.into_bytes_limit(MAX_BODY).await?;
        let value = super::json::from_slice(&bytes)
            .map_err(|error| VcdError::bad_request(format!("Bad request: {error}")))?;
        Ok(Self(value))
    }
}
