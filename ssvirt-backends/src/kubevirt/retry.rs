//! What is asked again, and when.
//!
//! Only what may be asked twice: whether a call that failed was carried out is not known. What the API server
//! turned away because it has too much to do was not.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use http::{
    HeaderMap, Method, Request, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};

/// What server-side apply sends.
const APPLY: &str = "application/apply-patch+yaml";

/// How a call is repeated that may succeed a moment later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryOptions {
    /// Repetitions at most. 3 by default; none with 0.
    pub times: usize,
    /// The wait before the first one; it doubles, and up to as much again is added by chance, so that those who
    /// failed together do not come back together. 100 ms by default.
    pub wait: Duration,
    /// The longest wait, also where the API server names one. 5 seconds by default.
    pub longest: Duration,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self { times: 3, wait: Duration::from_millis(100), longest: Duration::from_secs(5) }
    }
}

impl RetryOptions {
    /// The waits before the repetitions of one call.
    pub(super) fn waits(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        let longest = self.longest;
        let waits = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(self.wait)
            .with_max_delay(longest)
            .with_max_times(self.times);
        waits.build().map(move |wait| wait.min(longest))
    }

    /// What the API server wants to be waited.
    pub(super) fn named(&self, headers: &HeaderMap) -> Option<Duration> {
        let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
        Some(Duration::from_secs(seconds).min(self.longest))
    }
}

/// What a request is, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    /// What is done, by Kubernetes' name.
    pub verb: &'static str,
    /// The namespace that it is about.
    pub namespace: Option<String>,
    /// Whether doing it twice is doing it once.
    pub idempotent: bool,
}

impl Ask {
    pub fn of<B>(request: &Request<B>) -> Self {
        let path = request.uri().path();
        let query = request.uri().query().unwrap_or_default();
        let mut parts = path.split('/').skip_while(|part| *part != "namespaces").skip(1);
        let namespace = parts.next().filter(|name| !name.is_empty()).map(str::to_owned);
        // Of the namespace itself nobody but SSVirt asks.
        let namespace = namespace.filter(|_| parts.next().is_some());
        // Those of KubeVirt do something each time: reset, restart, softreboot.
        let is_action = path.starts_with("/apis/subresources.");
        let verb = match *request.method() {
            Method::GET
                if query.split('&').any(|part| matches!(part, "watch=true" | "watch=1")) =>
            {
                "watch"
            }
            Method::GET if is_action => "connect",
            Method::GET => "get",
            Method::PUT if is_action => "action",
            Method::PUT => "update",
            Method::POST => "create",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ => "other",
        };
        // Other patches may add to what they have added already.
        let is_applied = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == APPLY);
        let idempotent = match verb {
            "get" | "watch" | "delete" => true,
            "patch" => is_applied,
            _ => false,
        };
        Self { verb, namespace, idempotent }
    }

    /// Whether to ask again after this answer; none is no answer.
    pub fn is_worth_another(&self, answered: Option<StatusCode>) -> bool {
        match answered {
            Some(StatusCode::TOO_MANY_REQUESTS) => true,
            Some(status) => status.is_server_error() && self.idempotent,
            None => self.idempotent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &str, uri: &str) -> Ask {
        Ask::of(&Request::builder().method(method).uri(uri).body(()).unwrap())
    }

    #[test]
    fn of_patches_only_those_are_repeated_that_are_applied() {
        for (kind, idempotent) in [(APPLY, true), ("application/json-patch+json", false)] {
            let request = Request::patch("/api/v1/namespaces/a").header(CONTENT_TYPE, kind);
            assert_eq!(Ask::of(&request.body(()).unwrap()).idempotent, idempotent, "{kind}");
        }
    }

    #[test]
    fn requests_are_told_apart() {
        const VMS: &str = "/apis/kubevirt.io/v1/namespaces/vdc-a/virtualmachines";
        const RESET: &str =
            "/apis/subresources.kubevirt.io/v1/namespaces/vdc-a/virtualmachineinstances/web/reset";
        for (method, uri, verb, namespace, idempotent) in [
            ("GET", format!("{VMS}?labelSelector=a"), "get", Some("vdc-a"), true),
            (
                "GET",
                "/apis/kubevirt.io/v1/virtualmachines?&watch=true&a=b".into(),
                "watch",
                None,
                true,
            ),
            ("GET", "/api/v1/namespaces?labelSelector=a".into(), "get", None, true),
            ("GET", "/api/v1/namespaces/vdc-a".into(), "get", None, true),
            ("POST", VMS.into(), "create", Some("vdc-a"), false),
            ("PATCH", format!("{VMS}/web"), "patch", Some("vdc-a"), false),
            ("DELETE", format!("{VMS}/web"), "delete", Some("vdc-a"), true),
            ("PUT", RESET.into(), "action", Some("vdc-a"), false),
            ("GET", RESET.replace("reset", "vnc"), "connect", Some("vdc-a"), false),
            ("GET", "/version".into(), "get", None, true),
        ] {
            let expected = Ask { verb, namespace: namespace.map(str::to_owned), idempotent };
            assert_eq!(ask(method, &uri), expected, "{method} {uri}");
        }
    }

    #[test]
    fn only_what_may_be_done_twice_is_asked_again() {
        let (read, create) = (ask("GET", "/version"), ask("POST", "/api/v1/namespaces"));
        for (status, again) in [(500, true), (503, true), (404, false), (200, false), (409, false)]
        {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(read.is_worth_another(Some(status)), again, "{status}");
            assert!(!create.is_worth_another(Some(status)), "{status}");
        }
        assert!(read.is_worth_another(None) && !create.is_worth_another(None));
        let too_many = Some(StatusCode::TOO_MANY_REQUESTS);
        assert!(read.is_worth_another(too_many) && create.is_worth_another(too_many));
    }

    #[test]
    fn waits_grow_by_chance_and_have_an_end() {
        let options = RetryOptions {
            times: 8,
            wait: Duration::from_millis(100),
            longest: Duration::from_secs(1),
        };
        let waits: Vec<Duration> = options.waits().collect();
        assert_eq!(waits.len(), 8);
        for (n, wait) in (0..).zip(&waits) {
            let plain = (options.wait * 2_u32.pow(n)).min(options.longest);
            assert!(*wait >= plain && *wait <= (plain * 2).min(options.longest), "{n}: {wait:?}");
        }
        assert_ne!(waits[..4], options.waits().take(4).collect::<Vec<_>>());
        let header = |value: &str| HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
        assert_eq!(options.named(&header("0")), Some(Duration::ZERO));
        assert_eq!(options.named(&header("3600")), Some(options.longest));
        assert_eq!(options.named(&header("Wed, 21 Oct 2015 07:28:00 GMT")), None);
    }
}
