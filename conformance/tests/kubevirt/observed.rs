//! What others do to VMs shows.

use std::time::Duration;

use http::Request;
use kube::{Api, Client, api::DeleteParams};
use ssvirt_backends::kubevirt::{Cluster, ClusterOptions, resources::VirtualMachine};
use ssvirt_core::model::{PowerState, Task};
use ssvirt_kube_bed::shared;

use super::scene::{Scene, until};

/// How long it may take until what was done is shown.
const SHOWN: Duration = Duration::from_secs(2);

/// As `virtctl start` and `stop` do.
pub async fn tell(client: &Client, space: &str, name: &str, what: &str, body: &str) {
    let path = format!(
        "/apis/subresources.kubevirt.io/v1/namespaces/{space}/virtualmachines/{name}/{what}"
    );
    let request = Request::put(path).header("content-type", "application/json");
    client.request_text(request.body(body.as_bytes().to_vec()).unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_do_to_vms_shows_within_two_seconds() {
    if shared::node().await.is_none() {
        return;
    }
    let client = shared::client().await.unwrap();
    let scene = Scene::new(Cluster::new(client.clone(), ClusterOptions::default()), 1).await;
    let vdc = scene.vdcs[0];
    let vms = [scene.vm("a", false).await, scene.vm("b", true).await, scene.vm("c", true).await];
    let machines = scene.machines(&client, vdc).await;
    let find = |at: usize| machines.iter().find(|(id, ..)| *id == vms[at].id).unwrap();
    let tasks = scene.all::<Task>().await.len();

    let (_, space, name) = find(0);
    tell(&client, space, name, "start", "{}").await;
    let started = scene.until_power(&vms[0], PowerState::On, SHOWN).await;

    let machines: Api<VirtualMachine> = Api::namespaced(client.clone(), space);
    machines.delete(&find(1).2, &DeleteParams::default().grace_period(0)).await.unwrap();
    // The object is there until what it owns has gone.
    until("it is gone", Duration::from_secs(30), || async {
        machines.get_opt(&find(1).2).await.unwrap().is_none()
    })
    .await;
    let deleted = scene.until_power(&vms[1], PowerState::Lost, SHOWN).await;

    tell(&client, space, &find(2).2, "stop", r#"{"gracePeriod":0}"#).await;
    let stopped = scene.until_power(&vms[2], PowerState::Off, SHOWN).await;
    println!("shown: started after {started:?}, deleted {deleted:?}, stopped {stopped:?}");
    assert_eq!(scene.all::<Task>().await.len(), tasks, "nobody here has done anything");
    scene.end().await;
}
