//! What is changed while a machine runs.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use ssvirt_kube_bed::node::{Fault, Rule, Step};

use super::world::{Outcome, World, conditions, diskless, until};

/// Sockets, memory and NICs reach a guest that runs; what does not says so, until it is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_machine_is_changed() -> Outcome {
    let Some((world, node)) = World::shared("live").await else { return Ok(()) };
    world.create(&diskless("web-1", "Always")).await?;
    world.until("web-1", "Running").await;
    let change = async |spec: Value| {
        let patch = Patch::Merge(json!({ "spec": { "template": { "spec": spec } } }));
        world.machines().patch("web-1", &PatchParams::default(), &patch).await.map(drop)
    };
    let said = async |name: &str| {
        let vm = world.vm("web-1").await;
        conditions(&vm).get(name).map(|condition| condition.2.to_owned())
    };
    let slow = Rule {
        namespace: Some(world.space.to_owned()),
        machine: Some("web-1".to_owned()),
        step: Step::Migrate,
        fault: Fault::Fail,
    };
    let slow = node.inject(slow);
    let nics = json!([
        { "name": "default", "masquerade": {} },
        { "name": "more", "bridge": {}, "state": "down" },
    ]);
    let networks = json!([
        { "name": "default", "pod": {} },
        { "name": "more", "multus": { "networkName": "more" } },
    ]);
    change(json!({
        "domain": {
            "cpu": { "sockets": 4 }, "memory": { "guest": "4Gi" }, "devices": { "interfaces": nics },
        },
        "networks": networks,
    }))
    .await?;
    for name in ["HotVCPUChange", "HotMemoryChange", "MigrationRequired"] {
        until(name, async || said(name).await.is_some()).await;
    }
    let status = &world.vmi("web-1").await.unwrap()["status"];
    assert_eq!(status["currentCPUTopology"]["sockets"], 2);
    assert_eq!(status["memory"]["guestRequested"], "2Gi");
    node.heal(slow);
    until("the new size", async || said("HotVCPUChange").await.is_none()).await;
    let status = &world.vmi("web-1").await.unwrap()["status"];
    assert_eq!(status["currentCPUTopology"]["sockets"], 4);
    assert_eq!(
        status["memory"],
        json!({
            "guestAtBoot": "2Gi", "guestCurrent": "4Gi", "guestRequested": "4Gi",
            "memoryOverhead": status["memory"]["memoryOverhead"],
        })
    );
    assert_eq!(status["interfaces"][1]["name"], "more");
    assert_eq!(status["interfaces"][1]["linkState"], "down");
    assert_eq!(said("RestartRequired").await, None);

    for (spec, why) in [
        (
            json!({ "domain": { "cpu": { "sockets": 3 } } }),
            "Reduction of CPU socket count requires a restart",
        ),
        (
            json!({ "domain": { "cpu": { "sockets": 9 } } }),
            "CPU sockets updated in template spec to a value higher than what's available",
        ),
        (
            json!({ "domain": { "cpu": { "sockets": 4 }, "memory": { "guest": "1Gi" } } }),
            "memory updated in template spec to a value lower than what the VM started with",
        ),
        (
            json!({ "domain": { "memory": { "guest": "4097Mi" } } }),
            "memory hotplug not supported, Guest memory must be 2Mi aligned",
        ),
        (
            json!({ "domain": { "cpu": { "cores": 2 } } }),
            "a non-live-updatable field was changed in the template spec",
        ),
    ] {
        change(spec).await?;
        until(why, async || said("RestartRequired").await.as_deref() == Some(why)).await;
    }
    let changed = json!({ "cpu": { "cores": 1, "sockets": 4 }, "memory": { "guest": "4Gi" } });
    change(json!({ "domain": changed })).await?;
    until("no need of a restart", async || said("RestartRequired").await.is_none()).await;
    // What it was started with is less than it was given since.
    change(json!({ "domain": { "cpu": { "sockets": 2 } } })).await?;
    let less = "Reduction of CPU socket count requires a restart";
    until(less, async || said("RestartRequired").await.as_deref() == Some(less)).await;
    Ok(())
}
