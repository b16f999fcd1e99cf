//! From the domain's errors to VCD's: status, minor error code, and nothing of what only the log may know.

use std::borrow::Cow;

use poem::{IntoResponse, Response, error::ResponseError, http::StatusCode};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponse, MetaResponses, Registry},
};
use ssvirt_core::{Error, ErrorKind, model::TaskFailure};
use ssvirt_vcd::{error as code, read::ReadError, types};

use crate::wire;

/// An error as a client sees it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct VcdError {
    /// The HTTP status, which is also the `majorErrorCode`.
    pub status: StatusCode,
    /// VCD's `minorErrorCode`.
    pub minor: Cow<'static, str>,
    /// The text.
    pub message: String,
    #[source]
    source: Option<Error>,
}

impl VcdError {
    /// An error that has no counterpart in the domain.
    pub fn new(
        status: StatusCode,
        minor: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self { status, minor: minor.into(), message: message.into(), source: None }
    }

    /// 400 BAD_REQUEST.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::BAD_REQUEST, message)
    }

    /// 404 for a path that is not served.
    pub fn no_route(path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            code::NOT_FOUND,
            format!("There is no resource at {path}."),
        )
    }

    /// 412: the object is not what the client says it changes.
    pub fn precondition() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "PRECONDITION_FAILED",
            "The object was changed in the meantime.",
        )
    }

    /// Why a task failed.
    pub fn of_task(failure: &TaskFailure) -> Self {
        let status =
            u16::try_from(failure.major).ok().and_then(|code| StatusCode::from_u16(code).ok());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, failure.minor.clone(), failure.message.clone())
    }

    /// 500 without internals.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            code::INTERNAL_SERVER_ERROR,
            "Internal Server Error",
        )
    }

    /// What a poem error means to a client: ours as it is, poem's own by its status.
    pub fn of(error: &poem::Error, path: &str) -> Self {
        if let Some(own) = error.downcast_ref::<Self>() {
            return Self::new(own.status, own.minor.clone(), own.message.clone());
        }
        match error.status() {
            StatusCode::NOT_FOUND => Self::no_route(path),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                code::METHOD_NOT_ALLOWED,
                "The method is not allowed for this resource.",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                code::BAD_REQUEST,
                "The request body is too large.",
            ),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                code::UNSUPPORTED_MEDIA_TYPE,
                "The request body has an unsupported media type.",
            ),
            status if status.is_client_error() => {
                Self::new(status, code::BAD_REQUEST, error.to_string())
            }
            _ => {
                tracing::error!(%error, "an unexpected error");
                Self::internal()
            }
        }
    }

    /// The element that goes on the wire.
    pub fn element(&self, request_id: &str) -> types::Error {
        types::Error {
            major_error_code: i32::from(self.status.as_u16()),
            minor_error_code: self.minor.clone().into_owned(),
            message: format!("[ {request_id} ] {}", self.message),
            ..types::Error::default()
        }
    }
}

impl From<Error> for VcdError {
    fn from(error: Error) -> Self {
        let (status, minor) = match error.kind() {
            ErrorKind::BadRequest => (StatusCode::BAD_REQUEST, code::BAD_REQUEST),
            ErrorKind::InvalidReference => (StatusCode::BAD_REQUEST, code::INVALID_REFERENCE),
            ErrorKind::DuplicateName => (StatusCode::BAD_REQUEST, code::DUPLICATE_NAME),
            ErrorKind::Busy => (StatusCode::BAD_REQUEST, code::BUSY_ENTITY),
            ErrorKind::InvalidState => (StatusCode::BAD_REQUEST, code::INVALID_STATE),
            ErrorKind::LimitExceeded => (StatusCode::BAD_REQUEST, code::OPERATION_LIMITS_EXCEEDED),
            ErrorKind::Unauthorized => (StatusCode::UNAUTHORIZED, code::UNAUTHORIZED),
            ErrorKind::Forbidden => (StatusCode::FORBIDDEN, code::ACCESS_TO_RESOURCE_IS_FORBIDDEN),
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, code::NOT_FOUND),
            ErrorKind::Conflict => (StatusCode::CONFLICT, code::CONFLICT),
            ErrorKind::NotSupported => (StatusCode::BAD_REQUEST, "NOT_SUPPORTED"),
            ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE"),
            ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL_SERVER_ERROR),
        };
        if status.is_server_error() {
            tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
        }
        Self {
            status,
            minor: minor.into(),
            message: error.message().to_owned(),
            source: Some(error),
        }
    }
}

impl From<ReadError> for VcdError {
    fn from(error: ReadError) -> Self {
        Self::bad_request(format!("Bad request: {error}"))
    }
}

impl ResponseError for VcdError {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn as_response(&self) -> Response {
        // The negotiation layer writes the body; this is for a caller that has none.
        self.status.into_response()
    }
}

impl ApiResponse for VcdError {
    fn meta() -> MetaResponses {
        let response = |range: &str, description| MetaResponse {
            description,
            status: None,
            status_range: Some(range.to_owned()),
            content: wire::media_types::<types::Error>(),
            headers: Vec::new(),
        };
        MetaResponses {
            responses: vec![
                response("4XX", "The request is refused"),
                response("5XX", "The server failed"),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        wire::register::<types::Error>(registry);
    }
}
