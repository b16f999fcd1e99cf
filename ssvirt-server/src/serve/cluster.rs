//! The cluster that virtual machines run in.

use std::sync::Arc;

use ssvirt_backends::kubevirt::{self, KubeVirt};
use ssvirt_core::{model::ProviderVdc, service::CloudBuilder};

use crate::{cli::Failure, config::Cluster};

/// Adds what is there of a cluster to the cloud. One that is away is no error: it may come.
pub(super) async fn add(builder: CloudBuilder, cluster: &Cluster) -> Result<CloudBuilder, Failure> {
    let client = kubevirt::connect(cluster.kubeconfig.as_deref(), cluster.context.as_deref())
        .await
        .map_err(|error| Failure::of("the cluster cannot be used", &error))?;
    let backend = KubeVirt::new(client, cluster.kubevirt.vdc.clone());
    Ok(builder.backend(ProviderVdc::DEFAULT, Arc::new(backend)))
}
