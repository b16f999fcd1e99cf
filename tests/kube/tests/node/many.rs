//! Quotas, and many machines.

use std::time::{Duration, Instant};

use kube::api::{DeleteParams, ListParams};
use serde_json::json;

use super::world::{CDI, Outcome, PATIENCE, World, conditions, left, machine, until};

#[tokio::test(flavor = "multi_thread")]
async fn quotas_count_what_machines_take() -> Outcome {
    let Some((world, _)) = World::shared("counted").await else { return Ok(()) };
    let hard = json!({
        "requests.cpu": "300m", "requests.memory": "8Gi", "limits.cpu": "4", "limits.memory": "16Gi",
        "requests.storage": "50Gi",
    });
    world
        .create(&json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "vdc-quota" },
            "spec": { "hard": hard },
        }))
        .await?;
    let used = async |key: &str| {
        let quota = world.get("v1", "ResourceQuota", "vdc-quota").await.unwrap();
        quota["status"]["used"][key].as_str().unwrap_or_default().to_owned()
    };
    until("the quota's count", async || !used("requests.cpu").await.is_empty()).await;
    world.create(&machine("first", "Always")).await?;
    world.until("first", "Running").await;
    assert_eq!(world.vmi("first").await.unwrap()["status"]["memory"]["memoryOverhead"], "276Mi");
    for (key, expected) in [
        ("requests.cpu", "200m"),
        ("requests.memory", "2324Mi"),
        ("limits.cpu", "2"),
        ("limits.memory", "4648Mi"),
        ("requests.storage", "20Gi"),
    ] {
        assert_eq!(used(key).await, expected, "{key}");
    }
    // No room for its pod.
    world.create(&machine("second", "Always")).await?;
    let has_failed = async || {
        let vm = world.vm("second").await;
        let said = conditions(&vm).get("Synchronized").copied();
        said.is_some_and(|(_, reason, why)| {
            reason == "FailedCreate" && why.contains("exceeded quota: vdc-quota")
        })
    };
    until("the refusal", has_failed).await;
    world.until("second", "Starting").await;
    // No room for its disk.
    world.create(&machine("third", "Halted")).await?;
    until("the refusal", async || {
        let volume = world.get(CDI, "DataVolume", "third-disk-0").await;
        let said = volume.as_ref().map(|volume| volume["status"]["conditions"].to_string());
        said.is_some_and(|said| said.contains("ErrExceededQuota"))
    })
    .await;
    world.put("virtualmachines/first/stop").await;
    world.until("second", "Running").await;
    Ok(())
}

/// How fast it goes, for who writes tests with many machines.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes a minute"]
async fn many_machines_run_at_once() -> Outcome {
    const COUNT: usize = 300;
    let Some((world, _)) = World::shared("many").await else { return Ok(()) };
    let names: Vec<String> = (0..COUNT).map(|number| format!("vm-{number}")).collect();
    let start = Instant::now();
    let say = |what: &str| println!("{what} after {:.1} s", start.elapsed().as_secs_f64());
    for name in &names {
        world.create(&machine(name, "Always")).await?;
    }
    say("created");
    let count = async |printable: &str| {
        let all = world.machines().list(&ListParams::default()).await.unwrap();
        all.items.iter().filter(|vm| vm.data["status"]["printableStatus"] == printable).count()
    };
    while count("Running").await < COUNT {
        assert!(start.elapsed() < 10 * PATIENCE, "{} run", count("Running").await);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    say("running");
    for name in &names {
        world.machines().delete(name, &DeleteParams::default()).await?;
    }
    loop {
        let left = left(&world).await;
        if left.is_empty() {
            break;
        }
        assert!(start.elapsed() < 20 * PATIENCE, "left: {left:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    say("gone");
    Ok(())
}
