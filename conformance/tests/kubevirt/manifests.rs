//! What is in `deploy/manifests`: the server's account with its rights, and the server itself.

use std::{
    fs,
    path::{Path, PathBuf},
};

use k8s_openapi::api::{
    authentication::v1::TokenRequest,
    core::v1::{ConfigMap, Namespace, Secret, ServiceAccount},
    rbac::v1::RoleBinding,
};
use kube::{
    Api, Client, Config, Discovery, ResourceExt as _,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    discovery::Scope,
};
use serde_json::{Value, json};
use ssvirt_backends::kubevirt::rights::{CLUSTER_ROLE, VDC_ROLE, cluster_roles};
use ssvirt_kube_bed::shared;
use tokio::sync::OnceCell;

use super::{troubles::Scene, who_may};

const ACCOUNT: &str = "ssvirt-api-server";
const NAMESPACE: &str = "ssvirt";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/manifests")
}

fn documents(file: &str) -> Vec<DynamicObject> {
    let text = fs::read_to_string(folder().join(file)).unwrap();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    documents.into_iter().map(|document| serde_json::from_value(document).unwrap()).collect()
}

/// Applies objects, or has the API server look at them only.
async fn apply(client: &Client, objects: Vec<DynamicObject>, dry_run: bool) {
    let discovery = Discovery::new(client.clone()).run().await.unwrap();
    for object in objects {
        let types = object.types.clone().unwrap();
        let gvk = kube::core::GroupVersionKind::try_from(&types).unwrap();
        let (resource, capabilities) = discovery.resolve_gvk(&gvk).unwrap();
        let api: Api<DynamicObject> = match capabilities.scope {
            Scope::Cluster => Api::all_with(client.clone(), &resource),
            Scope::Namespaced => {
                let namespace = object.namespace().unwrap();
                Api::namespaced_with(client.clone(), &namespace, &resource)
            }
        };
        let mut params = PatchParams::apply("manifests").force();
        params.dry_run = dry_run;
        api.patch(&object.name_any(), &params, &Patch::Apply(&object)).await.unwrap();
    }
}

/// The client of the server as it is deployed; none where there is no cluster. It needs the node as well.
pub async fn server() -> Option<Client> {
    static TOKEN: OnceCell<String> = OnceCell::const_new();
    shared::node().await?;
    let admin = shared::client().await?;
    let token = async {
        for file in ["namespace.yaml", "rbac.yaml", "policy.yaml"] {
            apply(&admin, documents(file), false).await;
        }
        let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), NAMESPACE);
        let request = TokenRequest::default();
        let made = accounts.create_token_request(ACCOUNT, &PostParams::default(), &request).await;
        let token = made.unwrap().status.unwrap().token;
        // The API server learns of roles and policies a moment after it has stored them.
        let client = with_token(&token).await;
        for _ in 0..100 {
            let namespaces: Api<Namespace> = Api::all(client.clone());
            let may = namespaces.list(&ListParams::default()).await.is_ok();
            let foreign = json!({ "metadata": { "name": "not-ours" } });
            let foreign = serde_json::from_value(foreign).unwrap();
            let params = PostParams { dry_run: true, ..PostParams::default() };
            if may && namespaces.create(&params, &foreign).await.is_err() {
                return token;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("the roles and the policy do not come into force");
    };
    let token = TOKEN.get_or_init(|| token).await;
    // A client belongs to the runtime of its test.
    Some(who_may::noted(with_token(token).await))
}

async fn with_token(token: &str) -> Client {
    let file = Kubeconfig::read_from(shared::kubeconfig().await.unwrap()).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(file, &options).await.unwrap();
    config.auth_info = kube::config::AuthInfo {
        token: Some(token.to_owned().into()),
        ..kube::config::AuthInfo::default()
    };
    Client::try_from(config).unwrap()
}

/// The roles are written out of the table in the code: `UPDATE=1` writes them anew.
#[test]
fn the_roles_are_those_of_the_code() {
    let mut text = String::from(
        "# Made from ssvirt-backends/src/kubevirt/rights.rs: UPDATE=1 cargo test -p ssvirt-conformance --test kubevirt \
         roles\n",
    );
    for role in cluster_roles() {
        let mut role = serde_json::to_value(role).unwrap();
        role["apiVersion"] = "rbac.authorization.k8s.io/v1".into();
        role["kind"] = "ClusterRole".into();
        text += &serde_saphyr::to_string(&role).unwrap();
        text += "---\n";
    }
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": CLUSTER_ROLE },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": CLUSTER_ROLE,
        },
        "subjects": [{ "kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE }],
    });
    text += &serde_saphyr::to_string(&binding).unwrap();
    let file = folder().join("rbac.yaml");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifests_are_accepted() {
    if server().await.is_none() {
        return;
    }
    let admin = shared::client().await.unwrap();
    for file in ["namespace.yaml", "rbac.yaml", "policy.yaml", "deployment.yaml"] {
        let objects = documents(file);
        assert!(!objects.is_empty(), "{file}");
        apply(&admin, objects, true).await;
    }
}

/// What the server does not need it cannot do, in namespaces that are not its own above all.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_can_do_nothing_outside_its_namespaces() {
    let Some(server) = server().await else { return };
    let Some(scene) = Scene::new("rights", |_| {}).await else { return };
    let admin = shared::client().await.unwrap();
    let forbidden = |outcome: &str, error: kube::Error| match error {
        kube::Error::Api(status) => {
            assert!(matches!(status.code, 403 | 422), "{outcome}: {}", status.message);
        }
        other => panic!("{outcome}: {other}"),
    };

    // Secrets: those of its own namespaces, and no others.
    for namespace in ["default", "kube-system", "ssvirt"] {
        let secrets: Api<Secret> = Api::namespaced(server.clone(), namespace);
        forbidden("listing Secrets", secrets.list(&ListParams::default()).await.unwrap_err());
        forbidden("reading a Secret", secrets.get("any").await.unwrap_err());
    }
    let secret: Secret = serde_json::from_value(json!({ "metadata": { "name": "s" } })).unwrap();
    let secrets: Api<Secret> = Api::namespaced(server.clone(), "default");
    let refused = secrets.create(&PostParams::default(), &secret).await.unwrap_err();
    forbidden("making a Secret elsewhere", refused);
    let secrets: Api<Secret> = Api::namespaced(server.clone(), &scene.namespace);
    secrets.create(&PostParams::default(), &secret).await.unwrap();
    secrets.list(&ListParams::default()).await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(server.clone(), &scene.namespace);
    forbidden("what it does not need", maps.list(&ListParams::default()).await.unwrap_err());

    // Role bindings: by RBAC it may bind its role in any namespace; the policy keeps it to its own.
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": { "name": "mine" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": VDC_ROLE },
    }))
    .unwrap();
    let bindings: Api<RoleBinding> = Api::namespaced(server.clone(), "kube-system");
    let refused = bindings.create(&PostParams::default(), &binding).await.unwrap_err();
    forbidden("rights elsewhere", refused);
    let mut other = binding.clone();
    other.role_ref.name = "cluster-admin".to_owned();
    let bindings: Api<RoleBinding> = Api::namespaced(server.clone(), &scene.namespace);
    let refused = bindings.create(&PostParams::default(), &other).await.unwrap_err();
    forbidden("other rights", refused);

    // Foreign namespaces: neither deleted, nor changed, nor made its own.
    let name = "foreign-to-the-server";
    let foreign = json!({ "metadata": { "name": name } });
    let foreign: Namespace = serde_json::from_value(foreign).unwrap();
    Api::<Namespace>::all(admin.clone()).create(&PostParams::default(), &foreign).await.unwrap();
    let namespaces: Api<Namespace> = Api::all(server.clone());
    let refused = namespaces.delete(name, &DeleteParams::default()).await.unwrap_err();
    forbidden("deleting a foreign namespace", refused);
    let ours = json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": "ssvirt" } } });
    let patch = Patch::Merge(ours);
    let refused = namespaces.patch(name, &PatchParams::default(), &patch).await.unwrap_err();
    forbidden("taking a foreign namespace over", refused);
    let mut unlabelled = foreign.clone();
    unlabelled.metadata.name = Some("unlabelled".to_owned());
    let refused = namespaces.create(&PostParams::default(), &unlabelled).await.unwrap_err();
    forbidden("making a namespace that is not its own", refused);
    Api::<Namespace>::all(admin).delete(name, &DeleteParams::default()).await.unwrap();
}
