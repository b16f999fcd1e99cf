//! Whether the server has rights that it does not use.
//!
//! All tests of this binary use the server's account, and what they ask for is noted. This module is the last of them by
//! name, and so the last that is begun: it waits for those that are still under way.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kube::{Client, client::Body};
use poem::http::{Method, Request};
use ssvirt_backends::kubevirt::rights::cluster_roles;
use ssvirt_kube_bed::shared;
use tokio::time::{Instant, sleep};
use tower::{BoxError, service_fn};

/// Verb, group, resource.
type Right = (String, String, String);

/// What the tests have asked for so far.
static USED: Mutex<BTreeSet<Right>> = Mutex::new(BTreeSet::new());

/// How long the last of the other tests may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the tests do not come to ask for: others ask whether whoever does something else has it, or it is seldom.
const NOT_SEEN: [(&str, &str, &str); 6] = [
    // The API server, where a role is bound.
    ("bind", "rbac.authorization.k8s.io", "clusterroles"),
    // CDI, where an image is copied.
    ("create", "cdi.kubevirt.io", "datavolumes/source"),
    // OpenShift, where a template is instantiated.
    ("create", "cdi.kubevirt.io", "datavolumes"),
    ("create", "template.openshift.io", "templateconfigs"),
    // Where two servers make the same at once.
    ("get", "template.openshift.io", "templateinstances"),
    // Where the same is noted twice within six minutes.
    ("patch", "events.k8s.io", "events"),
];

/// The same client, whose requests are noted.
pub fn noted(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = service_fn(move |request: Request<Body>| {
        USED.lock().unwrap_or_else(PoisonError::into_inner).extend(rights(&request));
        let client = client.clone();
        async move { Ok::<_, BoxError>(client.send(request).await?) }
    });
    Client::new(service, namespace)
}

fn granted() -> BTreeSet<Right> {
    let mut all = BTreeSet::new();
    for rule in cluster_roles().into_iter().flat_map(|role| role.rules.unwrap_or_default()) {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                all.extend(
                    rule.verbs.iter().map(|verb| (verb.clone(), group.clone(), resource.clone())),
                );
            }
        }
    }
    all
}

#[tokio::test]
async fn no_right_is_there_for_nothing() {
    if std::env::args().skip(1).any(|argument| !argument.starts_with('-')) {
        shared::say_left_out(&"only some of the tests are run, which do not use all rights");
        return;
    }
    if shared::node().await.is_none() {
        return;
    }
    let mut granted = granted();
    for (verb, group, resource) in NOT_SEEN {
        let right = (verb.to_owned(), group.to_owned(), resource.to_owned());
        assert!(granted.remove(&right), "{right:?} is not granted");
    }
    let start = Instant::now();
    loop {
        let used = USED.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let unused: Vec<&Right> = granted.difference(&used).collect();
        if unused.is_empty() {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "nobody uses {unused:#?}");
        sleep(Duration::from_millis(500)).await;
    }
}

/// What RBAC asks about a request.
fn rights<B>(request: &Request<B>) -> Vec<Right> {
    let path: Vec<&str> = request.uri().path().split('/').filter(|part| !part.is_empty()).collect();
    let (group, rest) = match path.as_slice() {
        ["api", _, rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => return Vec::new(),
    };
    let of = match rest {
        ["namespaces", _, of @ ..] if !of.is_empty() => of,
        of => of,
    };
    let (resource, name) = match of {
        [] => return Vec::new(),
        [resource] => ((*resource).to_owned(), None),
        [resource, name] => ((*resource).to_owned(), Some(*name)),
        [resource, name, sub, ..] => (format!("{resource}/{sub}"), Some(*name)),
    };
    let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    let header = request.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    let applies = header.is_some_and(|kind| kind.starts_with("application/apply-patch"));
    let verbs: &[&str] = match (request.method(), name) {
        (&Method::GET, None) if watches => &["watch"],
        (&Method::GET, None) => &["list"],
        (&Method::GET, Some(_)) => &["get"],
        (&Method::POST, _) => &["create"],
        (&Method::PUT, _) => &["update"],
        // What is applied may have to be made.
        (&Method::PATCH, _) if applies => &["patch", "create"],
        (&Method::PATCH, _) => &["patch"],
        (&Method::DELETE, Some(_)) => &["delete"],
        (&Method::DELETE, None) => &["deletecollection"],
        _ => &[],
    };
    let right = |verb: &&str| ((*verb).to_owned(), group.to_owned(), resource.clone());
    verbs.iter().map(right).collect()
}
