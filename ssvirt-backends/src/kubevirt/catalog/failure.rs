//! Why OpenShift could not make what a template describes, for tenants.

use ssvirt_core::{Error, ErrorKind};

/// The error of a `TemplateInstance` that failed, by its condition's message. Only what is known to be about the
/// tenant's own objects is said; the whole goes to the log.
pub fn error(what: &str, message: &str) -> Error {
    let (kind, said) = meaning(message);
    Error::new(kind, format!("{what} cannot be made of its template: {said}."))
        .with_source(message.to_owned())
}

fn meaning(message: &str) -> (ErrorKind, String) {
    let after = |mark: &str| {
        let (_, rest) = message.split_once(mark)?;
        rest.lines().next().map(|line| line.trim_end_matches('.').to_owned())
    };
    if let Some(reason) = after("exceeded quota: ") {
        return (
            ErrorKind::LimitExceeded,
            format!("it would exceed a quota of the virtual datacenter: {reason}"),
        );
    }
    if let Some(reason) = after("denied the request: ") {
        return (ErrorKind::BadRequest, reason);
    }
    let refused = |said: &str| (ErrorKind::BadRequest, said.to_owned());
    if message.contains("already exists") {
        return refused("an object that it would make is there already");
    }
    if message.contains("unable to process") || message.contains("parameters") {
        return refused("its parameters do not fit");
    }
    if message.contains("unable to identify the resource mapping") {
        return refused("it has an object of a kind that the cluster does not know");
    }
    if message.contains("unable to authorize") || message.contains(" cannot ") {
        return refused("it has an object that the server may not make");
    }
    refused("the cluster refuses one of its objects")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_without_what_is_not_the_tenants() {
        for (message, kind, said) in [
            (
                "unable to create /v1, Resource=secrets, Name=a: secrets \"a\" is forbidden: exceeded quota: vdc-quota, requested: secrets=1, used: secrets=50, limited: secrets=50\nunable to create vdc-a",
                ErrorKind::LimitExceeded,
                "datacenter: vdc-quota, requested: secrets=1, used: secrets=50, limited: secrets=50.",
            ),
            (
                "unable to create kubevirt.io/v1, Name=a: admission webhook \"v.kubevirt.io\" denied the request: no disk is bootable.",
                ErrorKind::BadRequest,
                "template: no disk is bootable.",
            ),
            ("services \"vdc-a-web\" already exists", ErrorKind::BadRequest, "is there already."),
            ("unable to authorize user to create vdc-a", ErrorKind::BadRequest, "may not make."),
            (
                "node-7 (10.0.0.1) says no in namespace vdc-a",
                ErrorKind::BadRequest,
                "refuses one of its objects.",
            ),
        ] {
            let error = error("The VM", message);
            assert_eq!(error.kind(), kind, "{message}");
            assert!(error.message().ends_with(said), "{}", error.message());
            for secret in ["vdc-a", "10.0.0.1", "node-7", "webhook"] {
                assert!(!error.message().contains(secret), "{}", error.message());
            }
        }
    }
}
