//! What a refusal of the API server means here.
//!
//! Messages go to tenants. What they say of a cluster is its reason, as far as that is about the tenant's own
//! objects: never an address, a node or somebody else's namespace. The whole error goes to the log.

use kube::core::Status;
use ssvirt_core::{Error, ErrorKind};

/// The error of a call. `what` is the tenant's object, such as `VM "web"`.
pub(super) fn error(what: &str, cause: kube::Error) -> Error {
    let kube::Error::Api(status) = &cause else {
        // The connection, or an answer that nobody understands: a proxy's, as a rule.
        return Error::unavailable("The cluster is not available.").with_source(cause);
    };
    let (kind, message) = meaning(what, status);
    Error::new(kind, message).with_source(cause)
}

fn meaning(what: &str, status: &Status) -> (ErrorKind, String) {
    let quota = status.code == 403 && status.message.contains("exceeded quota");
    match status.code {
        _ if quota => {
            let reason = after(&status.message, "exceeded quota: ").unwrap_or_default();
            (
                ErrorKind::LimitExceeded,
                format!(
                    "The operation on {what} would exceed a quota of the virtual datacenter: {reason}."
                ),
            )
        }
        403 if status.message.contains("is being terminated") => {
            (ErrorKind::Unavailable, format!("{what} is being removed."))
        }
        // Rights that this server lacks are nothing that a tenant could do something about.
        401 | 403 if is_forbidden(status) => (
            ErrorKind::Unavailable,
            "The cluster does not allow the server to do this just now.".to_owned(),
        ),
        404 => (ErrorKind::InvalidState, format!("{what} is not there.")),
        409 => (ErrorKind::Unavailable, format!("{what} was changed at the same time.")),
        400 | 403 | 413 | 422 => {
            (ErrorKind::BadRequest, format!("The cluster refuses {what}: {}.", reason(status)))
        }
        408 | 429 | 500.. => (ErrorKind::Unavailable, "The cluster is not available.".to_owned()),
        _ => (ErrorKind::Internal, "Internal Server Error".to_owned()),
    }
}

/// RBAC's refusals say who may not do what; those of admission do not begin like that.
fn is_forbidden(status: &Status) -> bool {
    status.code == 401 || status.message.contains(" cannot ")
}

/// What admission says. Its details are the fields and why; the message around it repeats the object's name and
/// the webhook's address.
fn reason(status: &Status) -> String {
    let causes =
        status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    if causes.is_empty() {
        let message = after(&status.message, "denied the request: ").unwrap_or(&status.message);
        return message.trim_end_matches('.').to_owned();
    }
    let cause = |cause: &kube::core::response::StatusCause| match cause.field.as_str() {
        "" => cause.message.clone(),
        field => format!("{field}: {}", cause.message),
    };
    causes.iter().map(cause).collect::<Vec<_>>().join("; ")
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

/// Whether the object is not there.
pub(super) fn is_missing(cause: &kube::Error) -> bool {
    matches!(cause, kube::Error::Api(status) if status.code == 404)
}

/// Whether there is one of that name already.
pub(super) fn is_taken(cause: &kube::Error) -> bool {
    matches!(cause, kube::Error::Api(status) if status.code == 409 && status.reason == "AlreadyExists")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: u16, reason: &str, message: &str) -> Error {
        let status = Status {
            code,
            reason: reason.to_owned(),
            message: message.to_owned(),
            ..Status::default()
        };
        error("VM \"web\"", kube::Error::Api(status.boxed()))
    }

    #[test]
    fn refusals_mean_what_a_tenant_can_do_about_them() {
        for (code, reason, message, kind, text) in [
            (
                403,
                "Forbidden",
                "pods \"virt-launcher-web\" is forbidden: exceeded quota: vdc-quota, requested: pods=1, used: pods=50, limited: pods=50",
                ErrorKind::LimitExceeded,
                "vdc-quota, requested: pods=1, used: pods=50, limited: pods=50.",
            ),
            (
                403,
                "Forbidden",
                "secrets is forbidden: User \"system:serviceaccount:ssvirt:api\" cannot create resource \"secrets\" in API group \"\" in the namespace \"vdc-a\"",
                ErrorKind::Unavailable,
                "does not allow the server",
            ),
            (
                403,
                "Forbidden",
                "secrets \"a\" is forbidden: unable to create new content in namespace vdc-a because it is being terminated",
                ErrorKind::Unavailable,
                "is being removed.",
            ),
            (
                422,
                "Invalid",
                "admission webhook \"virtualmachine-validator.kubevirt.io\" denied the request: no disk is bootable.",
                ErrorKind::BadRequest,
                "refuses VM \"web\": no disk is bootable.",
            ),
            (409, "Conflict", "the object has been modified", ErrorKind::Unavailable, "changed"),
            (404, "NotFound", "not found", ErrorKind::InvalidState, "is not there"),
            (429, "TooManyRequests", "later", ErrorKind::Unavailable, "not available"),
            (
                504,
                "Timeout",
                "10.0.0.1:6443 does not answer",
                ErrorKind::Unavailable,
                "not available",
            ),
            (418, "", "I'm a teapot", ErrorKind::Internal, "Internal"),
        ] {
            let error = said(code, reason, message);
            assert_eq!(error.kind(), kind, "{message}");
            assert!(error.message().contains(text), "{}", error.message());
            for secret in ["vdc-a", "10.0.0.1", "serviceaccount", "webhook"] {
                assert!(!error.message().contains(secret), "{}", error.message());
            }
        }
    }
}
