//! The backend held against what every backend must do.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use ssvirt_backends::kubevirt::{KubeVirt, place::PlaceOptions};
use ssvirt_conformance::suite::backend::{Options, Report, names, run_with};
use ssvirt_core::VmBackend;

use super::manifests;

/// Behaviours at a time. Each has namespaces of its own, whose ends take some ten seconds on any cluster.
const AT_A_TIME: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn it_does_what_every_backend_must_do() {
    let Some(client) = manifests::server().await else { return };
    let make = || {
        let made = KubeVirt::new(client.clone(), PlaceOptions::default());
        async { Arc::new(made) as Arc<dyn VmBackend> }
    };
    let check = async |name: &str| {
        let options = Options { limit: Duration::from_secs(150), only: Some(name.to_owned()) };
        run_with(make, &options).await
    };
    let checked: Vec<Report> = stream::iter(names()).map(check).buffered(AT_A_TIME).collect().await;
    let results = checked.into_iter().flat_map(|report| report.results).collect();
    Report { subject: "kubevirt".to_owned(), results }.assert_passed();
}
