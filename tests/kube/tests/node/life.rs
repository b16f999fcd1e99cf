//! How machines start, run and end.

use std::time::Instant;

use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::world::{
    CDI, Outcome, PATIENCE, POLL, World, conditions, diskless, left, machine, until,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_lives_as_it_was_recorded() -> Outcome {
    let Some((world, _)) = World::shared("lives").await else { return Ok(()) };
    world.create(&machine("web-1", "Halted")).await?;
    let provisioning = world.until("web-1", "Provisioning").await;
    assert_eq!(provisioning["status"]["created"], Value::Null);
    let vm = world.until("web-1", "Stopped").await;
    let template = &vm["spec"]["template"];
    assert_eq!(template["metadata"]["annotations"]["kubevirt.io/pci-topology-version"], "v3");
    assert_eq!(template["spec"]["architecture"], "amd64");
    assert_eq!(template["spec"]["domain"]["machine"]["type"], "q35");
    let firmware = template["spec"]["domain"]["firmware"].clone();
    assert_eq!(firmware["uuid"].as_str().map(str::len), Some(36));
    assert_eq!(conditions(&vm)["Ready"], ("False", "VMINotExists", "VMI does not exist"));
    assert_eq!(
        vm["status"]["volumeSnapshotStatuses"],
        json!([
            { "enabled": true, "name": "disk-0" },
            { "enabled": false, "name": "cloudinit",
              "reason": "Snapshot is not supported for this volumeSource type [cloudinit]" },
        ])
    );
    assert_eq!(vm["metadata"]["generation"], 1);
    let volume = world.get(CDI, "DataVolume", "web-1-disk-0").await.unwrap();
    assert_eq!(volume["status"]["phase"], "Succeeded");
    assert_eq!(volume["status"]["progress"], "100.0%");
    assert_eq!(conditions(&volume)["Running"], ("False", "Completed", ""));
    assert_eq!(volume["metadata"]["ownerReferences"][0]["uid"], vm["metadata"]["uid"]);
    let claim = world.get("v1", "PersistentVolumeClaim", "web-1-disk-0").await.unwrap();
    assert_eq!(claim["status"]["phase"], "Bound");
    assert_eq!(claim["spec"]["volumeMode"], "Block");

    world.put("virtualmachines/web-1/start").await;
    world.until("web-1", "Running").await;
    until("the guest agent", async || {
        conditions(&world.vm("web-1").await).contains_key("AgentConnected")
    })
    .await;
    let vm = world.vm("web-1").await;
    assert_eq!(vm["spec"]["runStrategy"], "Always");
    assert_eq!(vm["spec"]["template"]["spec"]["domain"]["firmware"], firmware);
    let status = &vm["status"];
    assert_eq!(status["created"], true);
    assert_eq!(status["ready"], true);
    assert_eq!(status["runStrategy"], "Always");
    assert_eq!(
        (&status["desiredGeneration"], &status["observedGeneration"]),
        (&json!(2), &json!(2))
    );
    let said = conditions(&vm);
    let bound = ("True", "AllDVsReady", "All of the VMI's DVs are bound and ready");
    assert_eq!(said["DataVolumesReady"], bound);
    for name in ["Ready", "LiveMigratable", "StorageLiveMigratable", "AgentConnected"] {
        assert_eq!(said[name], ("True", "", ""), "{name}");
    }
    let vmi = world.vmi("web-1").await.unwrap();
    let phases = vmi["status"]["phaseTransitionTimestamps"].as_array().unwrap();
    let phases: Vec<&str> =
        phases.iter().map(|entered| entered["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["Pending", "Scheduling", "Scheduled", "Running"]);
    let cpu =
        json!({ "cores": 1, "maxSockets": 8, "model": "host-model", "sockets": 2, "threads": 1 });
    assert_eq!(vmi["spec"]["domain"]["cpu"], cpu);
    assert_eq!(vmi["spec"]["domain"]["memory"], json!({ "guest": "2Gi", "maxGuest": "8Gi" }));
    assert_eq!(vmi["spec"]["domain"]["features"]["acpi"]["enabled"], true);
    assert_eq!(vmi["metadata"]["labels"]["vm.kubevirt.io/name"], "web-1");
    assert_eq!(vmi["metadata"]["ownerReferences"][0]["uid"], vm["metadata"]["uid"]);
    let interface = &vmi["status"]["interfaces"][0];
    assert!(interface["mac"].as_str().unwrap().starts_with("02:"), "{interface}");
    assert!(interface["ipAddress"].as_str().unwrap().starts_with("10.244."), "{interface}");
    assert_eq!(interface["infoSource"], "domain, guest-agent");

    let info = world.call("GET", "virtualmachineinstances/web-1/guestosinfo", "").await.unwrap();
    let info: Value = serde_json::from_str(&info)?;
    assert_eq!(info["os"]["id"], "fedora");
    world.put("virtualmachineinstances/web-1/softreboot").await;
    world.put("virtualmachineinstances/web-1/reset").await;

    world.put("virtualmachineinstances/web-1/pause").await;
    let vm = world.until("web-1", "Paused").await;
    assert_eq!(vm["status"]["ready"], Value::Null);
    assert_eq!(conditions(&vm)["Paused"], ("True", "PausedByUser", "VMI was paused by user"));
    assert_eq!(conditions(&vm)["Ready"], ("False", "ReadinessGatesNotReady", ""));
    world.put("virtualmachineinstances/web-1/unpause").await;
    world.until("web-1", "Running").await;

    world.put("virtualmachines/web-1/restart").await;
    let old = vmi["metadata"]["uid"].clone();
    until("another instance", async || {
        let vmi = world.vmi("web-1").await;
        vmi.is_some_and(|v| v["metadata"]["uid"] != old && v["status"]["phase"] == "Running")
    })
    .await;
    until("the end of the requests", async || {
        world.vm("web-1").await["status"]["stateChangeRequests"].is_null()
    })
    .await;

    world.put("virtualmachines/web-1/stop").await;
    world.until("web-1", "Stopped").await;
    // It is said already while the instance that has ended is still there.
    until("the end of the instance", async || {
        world.vm("web-1").await["status"]["created"].is_null()
    })
    .await;
    let vm = world.until("web-1", "Stopped").await;
    assert_eq!(vm["spec"]["runStrategy"], "Halted");
    assert_eq!(conditions(&vm)["Ready"].1, "VMINotExists");
    assert!(world.vmi("web-1").await.is_none());

    world.machines().delete("web-1", &DeleteParams::default()).await?;
    // The garbage collector takes half a minute to learn of kinds that are new.
    let start = Instant::now();
    loop {
        let left = left(&world).await;
        if left.is_empty() {
            break;
        }
        assert!(start.elapsed() < 2 * PATIENCE, "left: {left:?}");
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn strategies_say_when_a_machine_runs() -> Outcome {
    let Some((world, node)) = World::shared("strategies").await else { return Ok(()) };
    for (name, strategy) in
        [("always", "Always"), ("rerun", "RerunOnFailure"), ("once", "Once"), ("manual", "Manual")]
    {
        world.create(&diskless(name, strategy)).await?;
    }
    for name in ["always", "rerun", "once"] {
        world.until(name, "Running").await;
    }
    world.until("manual", "Stopped").await;
    world.put("virtualmachines/manual/start").await;
    world.until("manual", "Running").await;
    assert_eq!(world.vm("manual").await["spec"]["runStrategy"], "Manual");

    let running = async |name: &str| world.vmi(name).await.unwrap()["metadata"]["uid"].clone();
    let (always, rerun) = (running("always").await, running("rerun").await);
    for name in ["always", "rerun", "once", "manual"] {
        if name == "rerun" {
            node.crash_guest(world.space, name).await?;
        } else {
            node.shut_down_guest(world.space, name).await?;
        }
    }
    // What is to run runs again, as another instance.
    for (name, old) in [("always", always), ("rerun", rerun)] {
        until("another instance", async || {
            let vmi = world.vmi(name).await;
            vmi.is_some_and(|v| v["metadata"]["uid"] != old && v["status"]["phase"] == "Running")
        })
        .await;
    }
    for name in ["once", "manual"] {
        world.until(name, "Stopped").await;
    }
    // A machine that has ended in peace stays so, until it is asked for.
    world.until("rerun", "Running").await;
    node.shut_down_guest(world.space, "rerun").await?;
    until("the end", async || world.vmi("rerun").await.is_none()).await;
    world.until("rerun", "Stopped").await;
    world.put("virtualmachines/rerun/start").await;
    world.until("rerun", "Running").await;
    world.put("virtualmachines/manual/start").await;
    world.until("manual", "Running").await;

    // A machine may be started without its guest running yet.
    world.put("virtualmachines/manual/stop").await;
    world.until("manual", "Stopped").await;
    // A request is refused while the last one is not done.
    until("the end of the requests", async || {
        world.vm("manual").await["status"]["stateChangeRequests"].is_null()
    })
    .await;
    world.call("PUT", "virtualmachines/manual/start", r#"{"paused":true}"#).await.unwrap();
    world.until("manual", "Paused").await;
    Ok(())
}
