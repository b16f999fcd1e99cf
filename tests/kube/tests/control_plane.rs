//! Whether the control plane is a real one: what is refused by a real API server is refused here, and what
//! real controllers do is done.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{ConfigMap, Namespace, ResourceQuota, Secret, ServiceAccount},
    rbac::v1::{Role, RoleBinding},
};
use kube::{
    Api, Client, Config, Error,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
    config::{AuthInfo, KubeConfigOptions, Kubeconfig},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ssvirt_kube_bed::{ControlPlane, shared};

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn of<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A namespace of that name, with its default account.
async fn namespace(client: &Client, name: &str) -> kube::Result<()> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.create(&PostParams::default(), &of(json!({ "metadata": { "name": name } }))).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), name);
    until("the default account", async || accounts.get("default").await.is_ok()).await;
    Ok(())
}

async fn until(what: &str, is_true: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !is_true().await {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} does not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The status code and the message of a refusal.
fn refusal<T: std::fmt::Debug>(result: kube::Result<T>) -> (u16, String) {
    match result {
        Err(Error::Api(status)) => (status.code, status.message.clone()),
        other => panic!("not refused: {other:?}"),
    }
}

fn map(name: &str) -> ConfigMap {
    of(json!({ "metadata": { "name": name } }))
}

#[tokio::test]
async fn a_quota_holds() -> Outcome {
    let Some(client) = shared::client().await else { return Ok(()) };
    namespace(&client, "quota-holds").await?;
    let quotas: Api<ResourceQuota> = Api::namespaced(client.clone(), "quota-holds");
    let quota = json!({ "metadata": { "name": "q" }, "spec": { "hard": { "configmaps": "2" } } });
    quotas.create(&PostParams::default(), &of(quota)).await?;
    let used = async || {
        let status = quotas.get("q").await.ok().and_then(|quota| quota.status);
        status.and_then(|status| status.used).is_some_and(|used| used.contains_key("configmaps"))
    };
    until("the quota's count", used).await;
    let maps: Api<ConfigMap> = Api::namespaced(client, "quota-holds");
    // There is one of the cluster's certificate already.
    maps.create(&PostParams::default(), &map("a")).await?;
    let (code, message) = refusal(maps.create(&PostParams::default(), &map("b")).await);
    assert!(code == 403 && message.contains("exceeded quota"), "{code} {message}");
    Ok(())
}

#[tokio::test]
async fn an_account_may_do_what_its_role_says_and_nothing_else() -> Outcome {
    let Some(control_plane) = shared::own().await else { return Ok(()) };
    let admin = control_plane.client().await?;
    namespace(&admin, "roles").await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), "roles");
    accounts
        .create(&PostParams::default(), &of(json!({ "metadata": { "name": "tenant" } })))
        .await?;
    let roles: Api<Role> = Api::namespaced(admin.clone(), "roles");
    let rule = json!({ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"] });
    let role = json!({ "metadata": { "name": "r" }, "rules": [rule] });
    roles.create(&PostParams::default(), &of(role)).await?;
    let bindings: Api<RoleBinding> = Api::namespaced(admin, "roles");
    let binding = json!({
        "metadata": { "name": "b" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r" },
        "subjects": [{ "kind": "ServiceAccount", "name": "tenant", "namespace": "roles" }],
    });
    bindings.create(&PostParams::default(), &of(binding)).await?;

    let request = TokenRequest { spec: TokenRequestSpec::default(), ..TokenRequest::default() };
    let token = accounts.create_token_request("tenant", &PostParams::default(), &request).await?;
    let mut file = Kubeconfig::read_from(control_plane.kubeconfig())?;
    let token = token.status.map(|status| status.token.into());
    file.auth_infos[0].auth_info = Some(AuthInfo { token, ..AuthInfo::default() });
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    let tenant = Client::try_from(config)?;

    let maps: Api<ConfigMap> = Api::namespaced(tenant.clone(), "roles");
    until("the role", async || maps.list(&ListParams::default()).await.is_ok()).await;
    let secrets: Api<Secret> = Api::namespaced(tenant.clone(), "roles");
    let elsewhere: Api<ConfigMap> = Api::namespaced(tenant, "default");
    for (code, message) in [
        refusal(secrets.list(&ListParams::default()).await),
        refusal(maps.create(&PostParams::default(), &map("a")).await),
        refusal(elsewhere.list(&ListParams::default()).await),
    ] {
        assert!(code == 403 && message.contains("forbidden"), "{code} {message}");
    }
    Ok(())
}

#[tokio::test]
async fn fields_have_owners_and_objects_versions() -> Outcome {
    let Some(client) = shared::client().await else { return Ok(()) };
    namespace(&client, "owners").await?;
    let maps: Api<ConfigMap> = Api::namespaced(client, "owners");
    let data = |value: &str| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" }, "data": { "key": value } });
    let first = maps.patch("m", &PatchParams::apply("one"), &Patch::Apply(data("1"))).await?;
    let again = maps.patch("m", &PatchParams::apply("one"), &Patch::Apply(data("1"))).await?;
    assert_eq!(first.metadata.resource_version, again.metadata.resource_version);
    let other = maps.patch("m", &PatchParams::apply("two"), &Patch::Apply(data("2"))).await;
    assert_eq!(refusal(other).0, 409);

    let mut stale = first;
    maps.patch("m", &PatchParams::apply("one"), &Patch::Apply(data("3"))).await?;
    stale.data = Some(BTreeMap::from([("key".to_owned(), "4".to_owned())]));
    let (code, message) = refusal(maps.replace("m", &PostParams::default(), &stale).await);
    assert!(code == 409 && message.contains("has been modified"), "{code} {message}");
    Ok(())
}

/// What the reflectors' streaming lists need of etcd.
#[tokio::test]
async fn a_watch_begins_with_what_is_there() -> Outcome {
    let Some(client) = shared::client().await else { return Ok(()) };
    namespace(&client, "watched").await?;
    let maps: Api<ConfigMap> = Api::namespaced(client, "watched");
    maps.create(&PostParams::default(), &map("a")).await?;
    let params = WatchParams::default().initial_events().timeout(20);
    let events = maps.watch(&params, "0").await?.take_while(|event| {
        let end = matches!(event, Ok(WatchEvent::Bookmark(mark))
            if mark.metadata.annotations.contains_key("k8s.io/initial-events-end"));
        std::future::ready(!end)
    });
    let events: Vec<_> = events.try_collect().await?;
    let names: Vec<String> = events
        .into_iter()
        .filter_map(|event| match event {
            WatchEvent::Added(map) => map.metadata.name,
            _ => None,
        })
        .collect();
    assert!(names.contains(&"a".to_owned()), "{names:?}");
    Ok(())
}

#[tokio::test]
async fn what_is_owned_goes_with_its_owner_and_all_with_its_namespace() -> Outcome {
    let Some(client) = shared::client().await else { return Ok(()) };
    namespace(&client, "owned").await?;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "owned");
    let owner = maps.create(&PostParams::default(), &map("owner")).await?;
    let owned = json!({ "metadata": { "name": "owned", "ownerReferences": [{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.metadata.uid,
    }] } });
    maps.create(&PostParams::default(), &of(owned)).await?;
    maps.delete("owner", &DeleteParams::default()).await?;
    let gone = async || maps.get_opt("owned").await.is_ok_and(|map| map.is_none());
    until("the end of what is owned", gone).await;

    let namespaces: Api<Namespace> = Api::all(client);
    namespaces.delete("owned", &DeleteParams::default()).await?;
    let gone = async || namespaces.get_opt("owned").await.is_ok_and(|found| found.is_none());
    until("the end of the namespace", gone).await;
    Ok(())
}

#[tokio::test]
async fn what_was_stored_outlives_the_api_server() -> Outcome {
    let Some(mut control_plane) = shared::own().await else { return Ok(()) };
    let client = control_plane.client().await?;
    namespace(&client, "outlives").await?;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "outlives");
    maps.create(&PostParams::default(), &map("a")).await?;
    let before = control_plane.api_server().pid();
    control_plane.api_server().signal("KILL")?;
    until("the end of the API server", async || maps.get("a").await.is_err()).await;
    control_plane.restart_api_server().await?;
    assert_ne!(control_plane.api_server().pid(), before);
    maps.get("a").await?;
    Ok(())
}

/// A test that is killed leaves no control plane behind.
#[tokio::test]
async fn it_ends_with_whoever_started_it() -> Outcome {
    let Some(mut control_plane) = shared::own().await else { return Ok(()) };
    let folder = control_plane.kubeconfig().parent().unwrap().to_owned();
    let (server, etcd) = (control_plane.api_server().pid(), control_plane.etcd().pid());
    assert!(server.is_some() && etcd.is_some());
    drop::<ControlPlane>(control_plane);
    for pid in [server, etcd].into_iter().flatten() {
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "{pid}");
    }
    assert!(!folder.exists());
    Ok(())
}
