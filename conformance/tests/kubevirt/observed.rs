//! What others do to VMs shows.

use std::time::Duration;

use k8s_openapi::api::{core::v1::Namespace, events::v1::Event, networking::v1::NetworkPolicy};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use poem::http::Request;
use serde_json::json;
use ssvirt_backends::kubevirt::{Cluster, ClusterOptions, labels, resources::VirtualMachine};
use ssvirt_core::{
    backend::PowerAction,
    model::{PowerState, Task},
    service::{HardwareChange, VmChange},
};
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

/// A cloud on a cluster, and an administrator of that; none where there is none.
async fn stage() -> Option<(Client, Scene)> {
    shared::node().await?;
    let client = shared::client().await?;
    let cluster = Cluster::new(client.clone(), ClusterOptions::default());
    Some((client, Scene::new(cluster, 1).await))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_do_to_vms_shows_within_two_seconds() {
    let Some((client, scene)) = stage().await else { return };
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

/// Hardware that somebody else has changed is shown to be another than it should be, field by field, and the next change of
/// the VM makes it what it should be.
#[tokio::test(flavor = "multi_thread")]
async fn hardware_that_others_change_is_reported_and_repaired() {
    let Some((client, scene)) = stage().await else { return };
    let vm = scene.vm("drifts", false).await;
    let (_, space, name) = scene.machines(&client, scene.vdcs[0]).await.remove(0);
    assert_eq!(scene.row(vm.id).await.unwrap().drift(), [""; 0]);
    let machines: Api<VirtualMachine> = Api::namespaced(client.clone(), &space);
    let domain = json!({ "memory": { "guest": "64Mi" }, "cpu": { "cores": 3 } });
    let theirs = json!({ "spec": { "template": { "spec": { "domain": domain } } } });
    machines.patch(&name, &PatchParams::default(), &Patch::Merge(theirs)).await.unwrap();
    let drift = async || scene.row(vm.id).await.unwrap().drift();
    let all = ["numCpus", "numCoresPerSocket", "memory"];
    let shown = until("it is shown", SHOWN, || async { drift().await == all }).await;
    println!("drift shown after {shown:?}");

    let hardware =
        HardwareChange { memory_mib: Some(vm.spec.memory_mib * 2), ..HardwareChange::default() };
    let change = VmChange { hardware, ..VmChange::default() };
    let task = scene.cloud.change_vm(&scene.me, vm.id, "vappUpdateVm", change).await.unwrap();
    ssvirt_fixtures::finished(&scene.cloud, &scene.me, task).await.unwrap();
    assert_eq!(drift().await, [""; 0]);
    scene.end().await;
}

/// Whose a namespace is decides who may talk to whom: that is made right at once, with all that belongs to a place. One that
/// was removed is there again, without its VMs, which are lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_others_change_is_made_right() {
    let Some((client, scene)) = stage().await else { return };
    let (vdc, vm) = (scene.vdcs[0], scene.vm("a", false).await);
    let (_, space, _) = scene.machines(&client, vdc).await.remove(0);
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let before = namespaces.get(&space).await.unwrap();
    let policies: Api<NetworkPolicy> = Api::namespaced(client.clone(), &space);
    policies.delete("vdc-ingress", &DeleteParams::default()).await.unwrap();
    let theirs = json!({ "metadata": { "labels": { labels::ORGANIZATION_ID: "another" } } });
    namespaces.patch(&space, &PatchParams::default(), &Patch::Merge(theirs)).await.unwrap();
    let repaired = until("it is what it was", Duration::from_secs(10), || async {
        namespaces.get(&space).await.unwrap().labels() == before.labels()
            && policies.get_opt("vdc-ingress").await.unwrap().is_some()
    })
    .await;
    assert_eq!(scene.row(vm.id).await.unwrap().state.power, PowerState::Off);

    namespaces.delete(&space, &DeleteParams::default()).await.unwrap();
    scene.until_power(&vm, PowerState::Lost, Duration::from_secs(30)).await;
    let made = until("there is another", Duration::from_secs(60), || async {
        let found = namespaces.get_opt(&space).await.unwrap();
        let is_new = found.is_some_and(|found| found.uid() != before.uid());
        is_new && policies.get_opt("vdc-egress").await.unwrap().is_some()
    })
    .await;
    println!("made right after {repaired:?}, made again after {made:?}");
    scene.vm("b", true).await;
    scene.end().await;
}

/// Who looks at a VM in the cluster sees which request has done what to it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_vms_is_noted_at_them() {
    let Some((client, mut scene)) = stage().await else { return };
    scene.me.request_id = "request-of-this-test".to_owned();
    let vm = scene.vm("noted", true).await;
    let task = scene.cloud.power_vm(&scene.me, vm.id, PowerAction::Off).await.unwrap();
    ssvirt_fixtures::finished(&scene.cloud, &scene.me, task.clone()).await.unwrap();
    let (_, space, name) = scene.machines(&client, scene.vdcs[0]).await.remove(0);
    let events: Api<Event> = Api::namespaced(client, &space);
    // Created, switched on, switched off.
    let noted = async || {
        let all = events.list(&ListParams::default()).await.unwrap().items;
        let ours = all.into_iter().filter(|event| {
            let about = event.regarding.clone().unwrap_or_default();
            about.name.as_ref() == Some(&name) && about.kind.as_deref() == Some("VirtualMachine")
        });
        ours.filter(|event| event.reporting_controller.as_deref() == Some("ssvirt.io/api-server"))
            .collect::<Vec<_>>()
    };
    until("three events", Duration::from_secs(10), || async { noted().await.len() == 3 }).await;
    let noted = noted().await;
    for event in &noted {
        assert_eq!(event.note.as_deref(), Some("Done (request request-of-this-test)"));
        assert_eq!(event.type_.as_deref(), Some("Normal"));
    }
    let reasons: Vec<_> = noted.iter().filter_map(|event| event.reason.clone()).collect();
    assert_eq!(reasons.iter().filter(|reason| **reason == task.operation_name).count(), 1);
    scene.end().await;
}
