//! VirtualMachineInstances: what virt-controller, a node and a guest do with them.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use kube::{
    ResourceExt as _,
    api::{DynamicObject, PostParams},
    runtime::controller::Action,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Stage,
    faults::{Step, Turn, Who},
    live,
    networks::First,
    objects::{
        self, CONTROLLER_FINALIZER, NODE_FINALIZER, is_going, list, namespace, now, put, text,
    },
    pods,
};

pub(super) const POLL: Duration = Duration::from_millis(200);
/// What a guest has to end in where nothing is said.
const GRACE: u64 = 30;
/// The node that all instances are on.
pub const NODE: &str = "bed-node-1";
const UNSCHEDULABLE: &str = "0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are \
     available: 1 No preemption victims found for incoming pod.";
const NO_IMAGE: &str = "failed to pull and unpack image: not found";

/// Brings an instance one step further.
pub async fn reconcile(vmi: Arc<DynamicObject>, stage: Arc<Stage>) -> kube::Result<Action> {
    let (uid, space) = (vmi.uid().unwrap_or_default(), namespace(&vmi));
    let name = vmi.name_any();
    let who = Who { uid: &uid, namespace: &space, machine: &name };
    let mut changed = (*vmi).clone();
    let action = if is_going(&vmi) {
        end(&mut changed, &who, &stage).await?
    } else {
        advance(&mut changed, &who, &stage).await?
    };
    if matches!(phase(&changed), "Succeeded" | "Failed") {
        stage.sessions.end(&space, &name);
    }
    objects::write(&stage.client, &objects::instance(), &vmi, changed).await?;
    Ok(action)
}

fn phase(vmi: &DynamicObject) -> &str {
    text(&vmi.data, "/status/phase")
}

fn enter(vmi: &mut DynamicObject, phase: &str) {
    let status = &mut vmi.data["status"];
    status["phase"] = phase.into();
    let entered = json!({ "phase": phase, "phaseTransitionTimestamp": now() });
    match status["phaseTransitionTimestamps"].as_array_mut() {
        Some(all) => all.push(entered),
        None => status["phaseTransitionTimestamps"] = json!([entered]),
    }
}

/// Ends the guest, then lets the object go.
async fn end(vmi: &mut DynamicObject, who: &Who<'_>, stage: &Stage) -> kube::Result<Action> {
    if matches!(phase(vmi), "Succeeded" | "Failed") {
        pods::remove(vmi, stage).await?;
        let finalizers = vmi.metadata.finalizers.get_or_insert_default();
        finalizers.retain(|held| held != NODE_FINALIZER && held != CONTROLLER_FINALIZER);
        return Ok(Action::await_change());
    }
    if matches!(phase(vmi), "Running" | "Scheduled") {
        let grace = vmi.data["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(GRACE);
        let left = stage.play.shutdown(who, u32::try_from(grace).unwrap_or(u32::MAX));
        if !left.is_zero() {
            return Ok(Action::requeue(left));
        }
    }
    enter(vmi, "Succeeded");
    let status = &mut vmi.data["status"];
    put(
        status,
        objects::of_type("Ready", false, "PodTerminating", "virt-launcher pod is terminating"),
    );
    Ok(Action::await_change())
}

async fn advance(vmi: &mut DynamicObject, who: &Who<'_>, stage: &Stage) -> kube::Result<Action> {
    match phase(vmi) {
        "" => {
            let message = "virt-launcher pod has not yet been scheduled";
            put(&mut vmi.data["status"], objects::of_type("Ready", false, "PodNotExists", message));
            enter(vmi, "Pending");
        }
        "Pending" => return wait_for_volumes(vmi, stage).await,
        "Scheduling" => {
            if matches!(First::of(stage, &namespace(vmi)).await?, First::Missing) {
                return Ok(Action::requeue(POLL));
            }
            return Ok(schedule(vmi, who, stage));
        }
        "Scheduled" => match stage.play.turn(who, Step::Launch) {
            Turn::Later(left) => return Ok(Action::requeue(left)),
            Turn::Failed(_) => enter(vmi, "Failed"),
            Turn::Done => {
                run(vmi, stage).await?;
                pods::run(vmi, &vmi.data["status"]["interfaces"][0]["ipAddress"], stage).await?;
            }
        },
        "Running" => return Ok(run_on(vmi, who, stage)),
        "Succeeded" | "Failed" => pods::remove(vmi, stage).await?,
        _ => {}
    }
    Ok(Action::await_change())
}

/// The guest's agent connects, and the guest gets what it is given while it runs.
fn run_on(vmi: &mut DynamicObject, who: &Who<'_>, stage: &Stage) -> Action {
    let mut turns = Vec::from_iter(live::catch_up(vmi, who, stage));
    if !objects::is_true(&vmi.data["status"], "AgentConnected") {
        let turn = stage.play.turn(who, Step::Agent);
        if turn == Turn::Done {
            connect_agent(vmi);
        }
        turns.push(turn);
    }
    let wait = |turn| match turn {
        Turn::Later(left) => Some(left),
        Turn::Failed(_) => Some(POLL),
        Turn::Done => None,
    };
    turns.into_iter().filter_map(wait).min().map_or_else(Action::await_change, Action::requeue)
}

/// The name of the claim of a volume, if it is on one.
fn claim_of(volume: &Value) -> Option<&str> {
    volume
        .pointer("/persistentVolumeClaim/claimName")
        .or(volume.pointer("/dataVolume/name"))?
        .as_str()
}

/// An instance is not scheduled before its volumes are there.
async fn wait_for_volumes(vmi: &mut DynamicObject, stage: &Stage) -> kube::Result<Action> {
    let space = namespace(vmi);
    let claims = objects::within(&stage.client, &space, &objects::claim());
    let all = objects::within(&stage.client, &space, &objects::data_volume());
    let mut has_data_volumes = false;
    for volume in list(&vmi.data, "/spec/volumes") {
        let Some(name) = claim_of(volume) else { continue };
        if volume.get("dataVolume").is_some() {
            has_data_volumes = true;
            let found = all.get_opt(name).await?;
            if found.is_some_and(|v| text(&v.data, "/status/phase") != "Succeeded") {
                return Ok(Action::requeue(POLL));
            }
        }
        if claims.get_opt(name).await?.is_none() {
            let message = format!("PVC {space}/{name} does not exist, waiting for it to appear");
            let missing = objects::of_type("Synchronized", false, "FailedPvcNotFound", &message);
            put(&mut vmi.data["status"], missing);
            return Ok(Action::requeue(POLL));
        }
    }
    if let Err(message) = pods::make(vmi, stage).await? {
        let refused = objects::of_type("Synchronized", false, "FailedCreate", &message);
        put(&mut vmi.data["status"], refused);
        return Ok(Action::requeue(POLL));
    }
    objects::remove(&mut vmi.data["status"], "Synchronized");
    if has_data_volumes {
        let message = "All of the VMI's DVs are bound and ready";
        let ready = objects::of_type("DataVolumesReady", true, "AllDVsReady", message);
        put(&mut vmi.data["status"], ready);
    }
    enter(vmi, "Scheduling");
    Ok(Action::await_change())
}

fn schedule(vmi: &mut DynamicObject, who: &Who<'_>, stage: &Stage) -> Action {
    let overhead = pods::overhead(vmi);
    let status = &mut vmi.data["status"];
    match stage.play.turn(who, Step::Schedule) {
        Turn::Later(left) => return Action::requeue(left),
        Turn::Failed(message) => {
            let message = message.unwrap_or_else(|| UNSCHEDULABLE.to_owned());
            put(status, objects::of_type("PodScheduled", false, "Unschedulable", &message));
            return Action::requeue(POLL);
        }
        Turn::Done => objects::remove(status, "PodScheduled"),
    }
    match stage.play.turn(who, Step::Pull) {
        Turn::Later(left) => return Action::requeue(left),
        Turn::Failed(message) => {
            let message = message.unwrap_or_else(|| NO_IMAGE.to_owned());
            let again = objects::condition(status, "Synchronized").is_some();
            let reason = if again { "ImagePullBackOff" } else { "ErrImagePull" };
            put(status, objects::of_type("Synchronized", false, reason, &message));
            return Action::requeue(POLL);
        }
        Turn::Done => objects::remove(status, "Synchronized"),
    }
    status["nodeName"] = NODE.into();
    status["activePods"] = json!({ derived(who.uid, "pod").to_string(): NODE });
    status["qosClass"] = "Burstable".into();
    status["launcherContainerImageVersion"] = "quay.io/kubevirt/virt-launcher:v1.9.0".into();
    status["runtimeUser"] = 107.into();
    status["memory"]["memoryOverhead"] = overhead.into();
    let message = "Guest VM is not reported as running";
    put(status, objects::of_type("Ready", false, "GuestNotRunning", message));
    vmi.labels_mut().insert("kubevirt.io/nodeName".to_owned(), NODE.to_owned());
    enter(vmi, "Scheduled");
    Action::await_change()
}

/// Something of an instance that is random, and its own.
fn derived(uid: &str, what: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{uid}/{what}").as_bytes())
}

async fn run(vmi: &mut DynamicObject, stage: &Stage) -> kube::Result<()> {
    let volumes = volume_status(vmi, stage).await?;
    let interfaces = list(&vmi.data, "/spec/domain/devices/interfaces");
    let uid = vmi.uid().unwrap_or_default();
    let pods_interfaces: Vec<Value> = list(&vmi.data, "/spec/networks")
        .iter()
        .filter(|network| network.get("pod").is_some())
        .map(|network| network["name"].clone())
        .collect();
    let first = First::of(stage, &namespace(vmi)).await?;
    let addressed: Vec<Value> = interfaces
        .iter()
        .enumerate()
        .map(|(index, interface)| {
            let is_on_pods = pods_interfaces.contains(&interface["name"]);
            let address = if is_on_pods { first.next_address(stage) } else { stage.next_address() };
            interface_status(interface, index, &uid, address)
        })
        .collect();
    let can_move = |interface: &Value| {
        interface.get("masquerade").is_some() || interface["binding"]["name"] == "l2bridge"
    };
    let is_stuck = interfaces
        .iter()
        .any(|interface| pods_interfaces.contains(&interface["name"]) && !can_move(interface));
    let is_paused = text(&vmi.data, "/spec/startStrategy") == "Paused";
    let machine = json!({ "type": "pc-q35-rhel9.6.0" });
    let status = &mut vmi.data["status"];
    status["interfaces"] = addressed.into();
    status["volumeStatus"] = volumes.into();
    status["machine"] = machine;
    status["migrationMethod"] = if is_stuck { "BlockMigration" } else { "LiveMigration" }.into();
    status["migrationTransport"] = "Unix".into();
    objects::remove(status, "Ready");
    put(status, objects::of_type("Ready", true, "", ""));
    put(
        status,
        if is_stuck {
            let message = "cannot migrate VMI which does not use masquerade, bridge with \
                kubevirt.io/allow-pod-bridge-network-live-migration VM annotation, or a migratable plugin to \
                connect to the pod network";
            objects::of_type("LiveMigratable", false, "InterfaceNotLiveMigratable", message)
        } else {
            objects::of_type("LiveMigratable", true, "", "")
        },
    );
    put(status, objects::of_type("StorageLiveMigratable", true, "", ""));
    if is_paused {
        pause(status);
    }
    enter(vmi, "Running");
    Ok(())
}

/// Writes into a status that the guest is paused.
pub fn pause(status: &mut Value) {
    put(status, objects::of_type("Ready", false, "ReadinessGatesNotReady", ""));
    put(status, objects::of_type("Paused", true, "PausedByUser", "VMI was paused by user"));
}

/// Writes into a status that the guest runs again.
pub fn unpause(status: &mut Value) {
    objects::remove(status, "Paused");
    put(status, objects::of_type("Ready", true, "", ""));
}

async fn volume_status(vmi: &DynamicObject, stage: &Stage) -> kube::Result<Vec<Value>> {
    let claims = objects::within(&stage.client, &namespace(vmi), &objects::claim());
    let mut all = Vec::new();
    for volume in list(&vmi.data, "/spec/volumes") {
        let mut status = json!({ "name": volume["name"] });
        let found = match claim_of(volume) {
            Some(name) => claims.get_opt(name).await?,
            None => None,
        };
        if let Some(claim) = found {
            status["persistentVolumeClaimInfo"] = json!({
                "claimName": claim.name_any(),
                "accessModes": claim.data["spec"]["accessModes"],
                "capacity": claim.data["status"]["capacity"],
                "requests": claim.data["spec"]["resources"]["requests"],
                "volumeMode": claim.data["spec"]["volumeMode"],
                "filesystemOverhead": "0.055",
            });
        }
        all.push(status);
    }
    all.sort_by(|one, other| text(one, "/name").cmp(text(other, "/name")));
    for (status, letter) in all.iter_mut().zip('a'..='z') {
        status["target"] = format!("vd{letter}").into();
    }
    Ok(all)
}

/// What is seen of an interface.
pub fn interface_status(interface: &Value, index: usize, uid: &str, address: Ipv4Addr) -> Value {
    let name = text(interface, "/name");
    let mac = match text(interface, "/macAddress") {
        "" => {
            let [a, b, c, d, e, ..] = derived(uid, name).into_bytes();
            format!("02:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}")
        }
        given => given.to_ascii_lowercase(),
    };
    json!({
        "name": name,
        "mac": mac,
        "ipAddress": address,
        "ipAddresses": [address],
        "infoSource": "domain",
        "linkState": if interface["state"] == "down" { "down" } else { "up" },
        "podInterfaceName": format!("eth{index}"),
        "queueCount": 1,
    })
}

/// Writes into a status what a guest's agent says.
pub fn connect_agent(vmi: &mut DynamicObject) {
    let status = &mut vmi.data["status"];
    put(status, objects::of_type("AgentConnected", true, "", ""));
    status["guestOSInfo"] = json!({
        "id": "fedora", "name": "Fedora Linux", "prettyName": "Fedora Linux 42 (Cloud Edition)",
        "version": "42 (Cloud Edition)", "versionId": "42", "machine": "x86_64",
        "kernelRelease": "6.14.0-63.fc42.x86_64", "kernelVersion": "#1 SMP PREEMPT_DYNAMIC",
    });
    for (index, interface) in status["interfaces"].as_array_mut().into_iter().flatten().enumerate()
    {
        interface["infoSource"] = "domain, guest-agent".into();
        interface["interfaceName"] = format!("eth{index}").into();
    }
}

/// Changes an instance as a node would, whoever else writes it. None where there is none.
pub async fn change(
    stage: &Stage,
    space: &str,
    name: &str,
    change: impl Fn(&mut Value),
) -> kube::Result<Option<DynamicObject>> {
    let instances = objects::within(&stage.client, space, &objects::instance());
    loop {
        let Some(mut vmi) = instances.get_opt(name).await? else { return Ok(None) };
        change(&mut vmi.data);
        match instances.replace(name, &PostParams::default(), &vmi).await {
            Err(kube::Error::Api(status)) if status.reason == "Conflict" => {}
            other => return other.map(Some),
        }
    }
}

/// The guest ends by itself: in peace, or not. Whether there was one.
pub async fn end_by_itself(
    stage: &Stage,
    space: &str,
    name: &str,
    well: bool,
) -> kube::Result<bool> {
    let end = |data: &mut Value| {
        data["status"]["phase"] = if well { "Succeeded" } else { "Failed" }.into();
    };
    change(stage, space, name, end).await.map(|changed| changed.is_some())
}
