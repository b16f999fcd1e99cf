//! What goes wrong, and namespaces that go.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, api::DeleteParams};
use serde_json::Value;
use ssvirt_kube_bed::node::{Fault, Node, Options, Rule, Step};

use super::world::{CDI, Outcome, World, conditions, control_plane, diskless, machine, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_go_wrong_goes_wrong() -> Outcome {
    let Some((world, node)) = World::shared("wrong").await else { return Ok(()) };
    let rule = |machine: &str, step: Step, fault: Fault| {
        let (namespace, machine) = (Some(world.space.to_owned()), Some(machine.to_owned()));
        node.inject(Rule { namespace, machine, step, fault })
    };
    let schedule = rule("full", Step::Schedule, Fault::Fail);
    let pull = rule("pull", Step::Pull, Fault::FailWith("no such image".to_owned()));
    rule("stuck", Step::Launch, Fault::Never);
    let crash = rule("crash", Step::Launch, Fault::Fail);
    let import = rule("import", Step::Import, Fault::Fail);
    for name in ["full", "pull", "stuck", "crash"] {
        let mut vm = diskless(name, "Always");
        vm["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 36_000.into();
        world.create(&vm).await?;
    }
    world.create(&machine("import", "Always")).await?;

    let full = world.until("full", "ErrorUnschedulable").await;
    let (status, reason, message) = conditions(&full)["PodScheduled"];
    assert_eq!((status, reason), ("False", "Unschedulable"));
    assert!(message.starts_with("0/1 nodes are available"), "{message}");
    assert_eq!(full["status"]["created"], true);
    let pulled = world.until("pull", "ImagePullBackOff").await;
    assert_eq!(conditions(&pulled)["Synchronized"], ("False", "ImagePullBackOff", "no such image"));
    world.until("stuck", "Starting").await;
    world.until("crash", "CrashLoopBackOff").await;
    let failed = world.until("import", "DataVolumeError").await;
    assert_eq!(failed["status"]["created"], Value::Null);
    let volume = world.get(CDI, "DataVolume", "import-disk-0").await.unwrap();
    assert_eq!(volume["status"]["phase"], "ImportInProgress");
    assert!(volume["status"]["restartCount"].as_u64() > Some(0), "{volume}");
    assert_eq!(conditions(&volume)["Running"].1, "Error");

    // What heals goes on, and what is stopped meanwhile can be.
    for rule in [schedule, pull, crash, import] {
        node.heal(rule);
    }
    for name in ["full", "pull", "crash", "import"] {
        world.until(name, "Running").await;
    }
    assert_eq!(world.vm("crash").await["status"]["startFailure"], Value::Null);
    world.put("virtualmachines/stuck/stop").await;
    world.until("stuck", "Stopped").await;

    // A guest that does not listen is ended after its grace period, and at once where there is none.
    rule("full", Step::Shutdown, Fault::Never);
    world.put("virtualmachines/full/stop").await;
    world.until("full", "Stopping").await;
    world.call("PUT", "virtualmachines/full/stop", r#"{"gracePeriod":0}"#).await.unwrap();
    world.until("full", "Stopped").await;
    Ok(())
}

/// An API that nobody serves would block it.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_can_be_deleted_with_and_without_a_node() -> Outcome {
    let Some(control_plane) = control_plane().await else { return Ok(()) };
    let node = Node::start(&control_plane.kubeconfig(), Options::default()).await?;
    let world = World::new(control_plane.client().await?, "with").await;
    world.create(&machine("web-1", "Always")).await?;
    world.until("web-1", "Running").await;
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    let end = async |name: &str| {
        namespaces.delete(name, &DeleteParams::default()).await.unwrap();
        let is_gone = async || namespaces.get_opt(name).await.unwrap().is_none();
        until("the end of the namespace", is_gone).await;
    };
    end("with").await;
    node.stop().await?;
    World::new(control_plane.client().await?, "without").await;
    end("without").await;
    Ok(())
}
