//! The minor codes of error documents; the document itself is [`crate::types::Error`].

/// 400: the request makes no sense.
pub const BAD_REQUEST: &str = "BAD_REQUEST";
/// 400: an href or id in the body leads nowhere.
pub const INVALID_REFERENCE: &str = "INVALID_REFERENCE";
/// 400: the name is taken.
pub const DUPLICATE_NAME: &str = "DUPLICATE_NAME";
/// 400: another operation holds the object.
pub const BUSY_ENTITY: &str = "BUSY_ENTITY";
/// 400: a licence was not accepted.
pub const EULA_NOT_ACCEPTED: &str = "EULA_NOT_ACCEPTED";
/// 400: a quota or limit is exceeded.
pub const OPERATION_LIMITS_EXCEEDED: &str = "OPERATION_LIMITS_EXCEEDED";
/// 400: not possible in the object's present state.
pub const INVALID_STATE: &str = "INVALID_STATE";
/// 409: a concurrent change.
pub const CONFLICT: &str = "CONFLICT";
/// 401: not logged in.
pub const UNAUTHORIZED: &str = "UNAUTHORIZED";
/// 403: a right is missing, or there is no such object.
pub const ACCESS_TO_RESOURCE_IS_FORBIDDEN: &str = "ACCESS_TO_RESOURCE_IS_FORBIDDEN";
/// 404: no such resource.
pub const RESOURCE_NOT_FOUND: &str = "RESOURCE_NOT_FOUND";
/// 404: no such path.
pub const NOT_FOUND: &str = "NOT_FOUND";
/// 405: no such method on this path.
pub const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";
/// 406: no such version or representation.
pub const NOT_ACCEPTABLE: &str = "NOT_ACCEPTABLE";
/// 415: the body's media type is not taken here.
pub const UNSUPPORTED_MEDIA_TYPE: &str = "UNSUPPORTED_MEDIA_TYPE";
/// 500: the server's own failure.
pub const INTERNAL_SERVER_ERROR: &str = "INTERNAL_SERVER_ERROR";
