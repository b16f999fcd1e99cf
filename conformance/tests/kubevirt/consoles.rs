//! Consoles through a real API server: how they begin, last and end.

use std::{sync::Arc, time::Duration};

use hyper::{Request, StatusCode};
use kube::{
    Api, Client, Config, ResourceExt as _,
    api::{Patch, PatchParams},
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use ssvirt_backends::kubevirt::{
    Cluster, ClusterOptions, KubeVirt, breaker::BreakerState, limits::LimitOptions,
    place::PlaceOptions, resources::VirtualMachine,
};
use ssvirt_core::{
    ErrorKind, VmBackend as _,
    backend::{ConsoleKind, ConsoleStream, PowerAction, VmPlan},
    model::{PowerState, VmSpec},
};
use ssvirt_kube_bed::shared;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{sleep, timeout},
};

use super::{faults::Bed, manifests, places, scene::until, troubles::Scene};

const PATIENCE: Duration = Duration::from_secs(20);

async fn running(scene: &Scene, name: &str) -> VmPlan {
    let plan = scene.plan(name, VmSpec::default());
    scene.backend.create_vm(&plan).await.unwrap();
    let state = scene.backend.power_vm(plan.target, PowerAction::On).await.unwrap();
    assert_eq!(state.power, PowerState::On);
    plan
}

/// What is typed comes back, every byte of it.
async fn echoes(console: &mut ConsoleStream, typed: &[u8]) {
    let mut heard = vec![0; typed.len()];
    let (mut read, mut write) = tokio::io::split(console);
    let both = async { tokio::try_join!(write.write_all(typed), read.read_exact(&mut heard)) };
    timeout(PATIENCE, both).await.unwrap().unwrap();
    assert!(heard == typed, "what comes back of {} bytes is not what was typed", typed.len());
}

async fn ends(console: &mut ConsoleStream) {
    timeout(PATIENCE, console.read_to_end(&mut Vec::new())).await.unwrap().unwrap();
}

/// With time for one call at once, and a second for its answer, a session is none of the calls under way: it lasts,
/// carries whatever is typed, and others go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_lasts_and_holds_up_nobody() {
    let Some(scene) = Scene::new("consoles", |_| {}).await else { return };
    let plan = running(&scene, "web").await;
    let options = ClusterOptions {
        answer: Duration::from_secs(1),
        limits: LimitOptions { total: 1, per_namespace: 1 },
        ..ClusterOptions::default()
    };
    let cluster = Cluster::new(manifests::server().await.unwrap(), options);
    let backend = KubeVirt::on(cluster.clone(), PlaceOptions::default());
    let mut serial = backend.console(plan.target, ConsoleKind::Serial).await.unwrap();
    let mut screen = backend.console(plan.target, ConsoleKind::Screen).await.unwrap();
    assert!(backend.vm(plan.target).await.unwrap().is_some());
    sleep(Duration::from_secs(3)).await;
    let mut greeting = [0; 12];
    screen.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"RFB 003.008\n");
    // Each byte there is, and more than any buffer in between.
    let many: Vec<u8> = (0..=u8::MAX).cycle().take(3 << 20).collect();
    for typed in [b"root\r".as_slice(), &many] {
        echoes(&mut serial, typed).await;
        echoes(&mut screen, typed).await;
    }
    assert_eq!(cluster.breaker().state(), BreakerState::Closed);

    // Whoever comes takes it; the one before hears the end of it, and nobody else.
    let mut next = backend.console(plan.target, ConsoleKind::Screen).await.unwrap();
    ends(&mut screen).await;
    next.read_exact(&mut greeting).await.unwrap();
    echoes(&mut serial, b"still there").await;
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
    ends(&mut serial).await;
}

/// Whether somebody else looks at a VM's screen, as KubeVirt says it to those who would not disturb them.
async fn is_taken(client: &Client, scene: &Scene, plan: &VmPlan) -> bool {
    let path = format!(
        "/apis/subresources.kubevirt.io/v1/namespaces/{}/virtualmachineinstances/{}/vnc?preserveSession=true",
        scene.namespace,
        scene.machine(plan).await.name_any()
    );
    let request = Request::get(path)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", "plain.kubevirt.io")
        .body(Body::empty());
    match client.send(request.unwrap()).await.unwrap().status() {
        StatusCode::SWITCHING_PROTOCOLS => false,
        StatusCode::SERVICE_UNAVAILABLE => true,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_dropped_is_over_at_the_other_end_too() {
    let Some(scene) = Scene::new("dropped", |_| {}).await else { return };
    let plan = running(&scene, "web").await;
    // kube asks again by itself where it is told that there is no place.
    let file = Kubeconfig::read_from(shared::kubeconfig().await.unwrap()).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(file, &options).await.unwrap();
    config.default_retry = false;
    let client = Client::try_from(config).unwrap();
    // Shut down, or dropped in the middle of what is said.
    for is_polite in [true, false] {
        let mut screen = scene.backend.console(plan.target, ConsoleKind::Screen).await.unwrap();
        assert!(is_taken(&client, &scene, &plan).await);
        if is_polite {
            screen.shutdown().await.unwrap();
        } else {
            screen.write_all(&[7; 1 << 15]).await.unwrap();
            drop(screen);
        }
        until("nobody looks at it", PATIENCE, || async { !is_taken(&client, &scene, &plan).await })
            .await;
    }
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
}

/// The reason is a sentence of ours, whoever it is that refuses: no namespace, node or address is named.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_opened_says_why() {
    let Some(scene) = Scene::new("refused", |_| {}).await else { return };
    let refused = async |plan: &VmPlan, kind| {
        let error = scene.backend.console(plan.target, kind).await.err().unwrap();
        for secret in [scene.namespace.as_str(), "bed-node", "127.0.0.1", "10.244.", "kubevirt.io"]
        {
            assert!(!error.message().contains(secret), "{}", error.message());
        }
        error
    };
    let plan = scene.plan("web", VmSpec::default());
    let missing = refused(&plan, ConsoleKind::Screen).await;
    assert_eq!(missing.kind(), ErrorKind::InvalidState);
    assert!(missing.message().contains("is not there"), "{}", missing.message());
    let plan = running(&scene, "web").await;
    scene.backend.power_vm(plan.target, PowerAction::Suspend).await.unwrap();
    let suspended = refused(&plan, ConsoleKind::Screen).await;
    assert_eq!(suspended.kind(), ErrorKind::InvalidState);
    assert!(suspended.message().contains("does not run"), "{}", suspended.message());

    // What KubeVirt itself refuses: a VM without a screen.
    let blind = scene.plan("blind", VmSpec::default());
    scene.backend.create_vm(&blind).await.unwrap();
    let name = scene.machine(&blind).await.name_any();
    let machines: Api<VirtualMachine> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let devices = json!({ "autoattachGraphicsDevice": false });
    let spec = json!({ "template": { "spec": { "domain": { "devices": devices } } } });
    let patch = Patch::Merge(json!({ "spec": spec }));
    machines.patch(&name, &PatchParams::default(), &patch).await.unwrap();
    scene.backend.power_vm(blind.target, PowerAction::On).await.unwrap();
    let none = refused(&blind, ConsoleKind::Screen).await;
    assert_eq!(none.kind(), ErrorKind::InvalidState);
    assert!(none.message().contains("has no screen"), "{}", none.message());
    drop(scene.backend.console(blind.target, ConsoleKind::Serial).await.unwrap());

    // It goes on where it was.
    scene.backend.power_vm(plan.target, PowerAction::On).await.unwrap();
    let mut serial = scene.backend.console(plan.target, ConsoleKind::Serial).await.unwrap();
    echoes(&mut serial, b"back").await;
    scene.backend.remove_place(scene.place.vdc).await.unwrap();
}

/// An API server that dies takes its sessions with it, and with the next one there are others.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_the_api_server() {
    let Some(mut bed) = Bed::start().await else { return };
    let backend = Arc::new(KubeVirt::on(bed.cluster().await, PlaceOptions::default()));
    let place = places::place("cut", "vdc");
    backend.ensure_place(&place).await.unwrap();
    let plan = super::troubles::plan_in(&place, "web", VmSpec::default());
    backend.create_vm(&plan).await.unwrap();
    backend.power_vm(plan.target, PowerAction::On).await.unwrap();
    let mut serial = backend.console(plan.target, ConsoleKind::Serial).await.unwrap();
    echoes(&mut serial, b"before").await;
    bed.plane.api_server().signal("KILL").unwrap();
    ends(&mut serial).await;
    let away = backend.console(plan.target, ConsoleKind::Serial).await.err().unwrap();
    assert_eq!(away.kind(), ErrorKind::Unavailable);
    bed.bring_back().await;
    until("there is another one", PATIENCE * 3, || async {
        let Ok(mut serial) = backend.console(plan.target, ConsoleKind::Serial).await else {
            return false;
        };
        echoes(&mut serial, b"after").await;
        true
    })
    .await;
}
