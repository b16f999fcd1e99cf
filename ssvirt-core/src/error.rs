//! The one error of the domain: a kind, a message that callers may see, a source that only the log sees.

use std::fmt;

use crate::id::{Entity, Id};

/// The result of every operation in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as a caller may act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is malformed or contradicts itself.
    BadRequest,
    /// Something that the request names cannot be used there.
    InvalidReference,
    /// The name is taken.
    DuplicateName,
    /// Another task works on the object.
    Busy,
    /// The object's state does not allow the operation.
    InvalidState,
    /// A quota or limit would be exceeded.
    LimitExceeded,
    /// Not, or no longer, logged in.
    Unauthorized,
    /// Not allowed, or no such object: VCD does not tell the two apart, so neither do we.
    Forbidden,
    /// No such path or key.
    NotFound,
    /// The object was changed in between.
    Conflict,
    /// VCD knows the operation; this backend or server does not offer it.
    NotSupported,
    /// The store or the backend cannot be reached just now.
    Unavailable,
    /// A defect of ours.
    Internal,
}

/// An error of the domain.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` with a message that the caller may see.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Adds what caused it; for the log only.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// See [`ErrorKind::BadRequest`].
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadRequest, message)
    }

    /// See [`ErrorKind::InvalidState`].
    pub fn invalid_state(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidState, message)
    }

    /// See [`ErrorKind::NotSupported`].
    pub fn not_supported(what: impl fmt::Display) -> Self {
        Self::new(ErrorKind::NotSupported, format!("The operation is not supported: {what}."))
    }

    /// See [`ErrorKind::Unauthorized`]. One text for every cause, so that none can be told apart.
    pub fn unauthorized() -> Self {
        Self::new(ErrorKind::Unauthorized, "Unauthorized")
    }

    /// See [`ErrorKind::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// See [`ErrorKind::Internal`]; the detail goes to the log.
    pub fn internal(detail: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Internal, "Internal Server Error").with_source(detail)
    }

    /// The answer for an object that does not exist or may not be seen: the same for both.
    pub fn no_access<K: Entity>(id: Id<K>) -> Self {
        Self::no_access_to(id.any())
    }

    /// As [`Error::no_access`], for an id of any kind.
    pub fn no_access_to(urn: impl fmt::Display) -> Self {
        Self::new(
            ErrorKind::Forbidden,
            format!(
                "Either you need some or all of the required rights to perform this operation on \
                 \"{urn}\" or the target entity is invalid."
            ),
        )
    }

    /// The answer where the caller's role lacks `right`.
    pub fn missing_right(right: &str) -> Self {
        Self::new(
            ErrorKind::Forbidden,
            format!(
                "Either you need some or all of the following rights [{right}] to perform this operation or the target entity is invalid."
            ),
        )
    }

    /// Which kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The text for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same call may succeed a moment later.
    pub fn is_retriable(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}
