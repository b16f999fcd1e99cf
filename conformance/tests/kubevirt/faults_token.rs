//! A token that has run out, and the next one, as kubelets put them into files.

use std::{fs, time::Duration};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{Namespace, ServiceAccount},
    rbac::v1::ClusterRoleBinding,
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, PostParams},
    config::{AuthInfo, KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use ssvirt_backends::kubevirt::{Cluster, ClusterOptions};
use ssvirt_core::{VmBackend as _, backend::Reach, model::TaskStatus};
use ssvirt_kube_bed::shared;
use tokio::time::{Instant, sleep};

use super::scene::{Scene, until};

const SPACE: &str = "token-runs-out";
const NAME: &str = "api";

/// A new account of that name, and a token of it.
async fn token(client: &Client) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), SPACE);
    let account = json!({ "metadata": { "name": NAME } });
    let account = serde_json::from_value(account).unwrap();
    accounts.create(&PostParams::default(), &account).await.unwrap();
    let request = TokenRequest { spec: TokenRequestSpec::default(), ..TokenRequest::default() };
    let made = accounts.create_token_request(NAME, &PostParams::default(), &request).await.unwrap();
    made.status.unwrap().token
}

/// Tokens live for ten minutes at least; those of an account that is gone are refused in the same way.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_has_run_out_is_waited_for() {
    if shared::node().await.is_none() {
        return;
    }
    let client = shared::client().await.unwrap();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let space = serde_json::from_value(json!({ "metadata": { "name": SPACE } })).unwrap();
    namespaces.create(&PostParams::default(), &space).await.unwrap();
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    let binding = json!({
        "metadata": { "name": SPACE },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "kind": "ServiceAccount", "name": NAME, "namespace": SPACE }],
    });
    let binding = serde_json::from_value(binding).unwrap();
    bindings.create(&PostParams::default(), &binding).await.unwrap();
    let folder = std::env::temp_dir().join(format!("ssvirt-token-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("token");
    fs::write(&path, token(&client).await).unwrap();

    let mut file = Kubeconfig::read_from(shared::kubeconfig().await.unwrap()).unwrap();
    let by_file = AuthInfo { token_file: Some(path.display().to_string()), ..AuthInfo::default() };
    file.auth_infos[0].auth_info = Some(by_file);
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
    let cluster = Cluster::connect(config, ClusterOptions::default()).unwrap();
    let scene = Scene::new(cluster, 1).await;
    scene.vm("before", true).await;

    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), SPACE);
    accounts.delete(NAME, &DeleteParams::default()).await.unwrap();
    // Who is known is remembered for some seconds.
    until("it is known to be refused", Duration::from_secs(60), || async {
        let _ = scene.backend.health().await;
        scene.backend.status().reach == Reach::Lost
    })
    .await;
    let (_, task) = scene.begin(scene.vdcs[0], "waits", true).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.row(task.id).await.unwrap().status, TaskStatus::Queued);

    fs::write(&path, token(&client).await).unwrap();
    let start = Instant::now();
    let task = scene.ended(&task, Duration::from_secs(120)).await;
    assert_eq!(task.status, TaskStatus::Success, "{task:?}");
    println!("a new token: the task is done {:?} later", start.elapsed());
    scene.end().await;
    bindings.delete(SPACE, &DeleteParams::default()).await.unwrap();
    namespaces.delete(SPACE, &DeleteParams::default()).await.unwrap();
    fs::remove_dir_all(folder).unwrap();
}
