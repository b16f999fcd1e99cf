//! Snapshots, and what they are restored to.

use kube::api::DeleteParams;
use serde_json::json;
use ssvirt_kube_bed::node::{Fault, Rule, Step};

use super::world::{Outcome, SNAPSHOT, World, conditions, machine, until};

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_taken_and_restored() -> Outcome {
    let Some((world, node)) = World::shared("snapshots").await else { return Ok(()) };
    world.create(&machine("web-1", "Always")).await?;
    world.until("web-1", "Running").await;
    until("the guest agent", async || {
        conditions(&world.vm("web-1").await).contains_key("AgentConnected")
    })
    .await;
    let source = json!({ "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "web-1" });
    let snapshot = json!({
        "apiVersion": SNAPSHOT, "kind": "VirtualMachineSnapshot", "metadata": { "name": "s1" },
        "spec": { "source": source },
    });
    world.create(&snapshot).await?;
    let get = async |kind: &str, name: &str| world.get(SNAPSHOT, kind, name).await.unwrap();
    until("the snapshot", async || {
        get("VirtualMachineSnapshot", "s1").await["status"]["readyToUse"] == true
    })
    .await;
    let taken = get("VirtualMachineSnapshot", "s1").await;
    assert_eq!(taken["status"]["phase"], "Succeeded");
    assert_eq!(taken["status"]["indications"], json!(["GuestAgent", "Online"]));
    assert_eq!(
        taken["status"]["snapshotVolumes"],
        json!({
            "includedVolumes": ["disk-0"], "excludedVolumes": ["cloudinit"],
        })
    );
    until("the end of the mark", async || {
        world.vm("web-1").await["status"]["snapshotInProgress"].is_null()
    })
    .await;

    let restore = json!({
        "apiVersion": SNAPSHOT, "kind": "VirtualMachineRestore", "metadata": { "name": "r1" },
        "spec": { "target": source, "virtualMachineSnapshotName": "s1" },
    });
    world.create(&restore).await?;
    until("what it waits for", async || {
        let restore = get("VirtualMachineRestore", "r1").await;
        restore["status"]["complete"] == false
            && conditions(&restore)["Progressing"]
                .1
                .starts_with("Waiting for target VM to be powered off.")
    })
    .await;
    world.put("virtualmachines/web-1/stop").await;
    until("the restore", async || {
        get("VirtualMachineRestore", "r1").await["status"]["complete"] == true
    })
    .await;

    node.inject(Rule {
        namespace: Some(world.space.to_owned()),
        machine: None,
        step: Step::Snapshot,
        fault: Fault::FailWith("no room".to_owned()),
    });
    let mut second = snapshot.clone();
    second["metadata"]["name"] = "s2".into();
    world.create(&second).await?;
    until("the failure", async || {
        get("VirtualMachineSnapshot", "s2").await["status"]["phase"] == "Failed"
    })
    .await;
    assert_eq!(get("VirtualMachineSnapshot", "s2").await["status"]["error"]["message"], "no room");
    for name in ["s1", "s2"] {
        let api = world.api(SNAPSHOT, "VirtualMachineSnapshot");
        api.delete(name, &DeleteParams::default()).await?;
        until("the end of it", async || api.get_opt(name).await.unwrap().is_none()).await;
    }
    Ok(())
}
