//! Metrics at an address of their own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use ssvirt_backends::{memory::Simulator, sql::SqlStore};
use ssvirt_core::{Cloud, backend::Reach, env::SystemClock, model::ProviderVdc};
use ssvirt_fixtures::Model;
use ssvirt_server::metrics;

async fn scrape(served: &metrics::Served) -> String {
    let url = format!("http://{}/metrics", served.address());
    let answer = reqwest::get(url).await.unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    answer.text().await.unwrap()
}

/// The value of the metric with these labels, whatever others it has.
fn value(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let is_it = |line: &&str| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
            && labels.iter().all(|label| line.contains(label))
    };
    text.lines().find(is_it)?.rsplit(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_measured_is_served() {
    let store = Arc::new(SqlStore::memory().await.unwrap());
    let simulator = Simulator::builder(Arc::new(SystemClock)).build();
    let cloud =
        Cloud::builder(store).backend(ProviderVdc::DEFAULT, Arc::new(simulator.clone())).build();
    let served = metrics::serve("127.0.0.1:0", &cloud).await.unwrap();
    cloud.start().await.unwrap();
    let model = Model { orgs: 1, vdcs: 1, vapps: 2, vms: 1, ..Model::default() };
    let made = model.build(&cloud).await.unwrap();
    // A VM that vanishes is noticed, and written down.
    assert!(simulator.lose_vm(simulator.vm_ids()[0]).unwrap());
    tokio::time::sleep(Duration::from_millis(500)).await;

    let text = scrape(&served).await;
    let tasks =
        |operation| value(&text, "ssvirt_tasks_total", &[operation, r#"outcome="success""#]);
    assert_eq!(tasks(r#"operation="orgCreateVdc""#), Some(1.0), "{text}");
    assert!(value(&text, "ssvirt_watch_lag_seconds_count", &[]).unwrap() >= 1.0, "{text}");
    assert!(value(&text, "ssvirt_task_duration_seconds_bucket", &[r#"le="0.5""#]).is_some());
    let up = [r#"backend="simulator""#, r#"provider="default""#];
    assert_eq!(value(&text, "ssvirt_backend_up", &up), Some(1.0), "{text}");
    // Nothing of a tenant's is in it.
    for tenants in ["org-1", "vdc-1", "vapp-1-1", &made.orgs[0].org.id.to_string()] {
        assert!(!text.contains(tenants), "{tenants}\n{text}");
    }
    simulator.set_reach(Reach::Lost);
    assert_eq!(value(&scrape(&served).await, "ssvirt_backend_up", &up), Some(0.0));

    // Another server in this process; an address is served once.
    let second = metrics::serve("127.0.0.1:0", &cloud).await.unwrap();
    scrape(&second).await;
    let taken = served.address().to_string();
    assert!(metrics::serve(&taken, &cloud).await.is_err());
    drop(served);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(reqwest::get(format!("http://{taken}/metrics")).await.is_err());
    cloud.stop().await;
}
