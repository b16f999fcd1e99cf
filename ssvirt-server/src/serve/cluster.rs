//! The cluster that virtual machines run in.

use std::sync::Arc;

use ssvirt_backends::kubevirt::{self, KubeVirt, catalog::KubeVirtCatalog};
use ssvirt_core::{
    catalog::{Placement, Shelf},
    model::ProviderVdc,
    service::CloudBuilder,
};

use crate::{
    cli::Failure,
    config::{Cluster, PlacementSettings},
};

/// Adds what is there of a cluster to the cloud. One that is away is no error: it may come.
pub(super) async fn add(builder: CloudBuilder, cluster: &Cluster) -> Result<CloudBuilder, Failure> {
    let settings = &cluster.kubevirt;
    let (kubeconfig, context) = (cluster.kubeconfig.as_deref(), cluster.context.as_deref());
    let reach = kubevirt::connect(kubeconfig, context, settings.calls.options())
        .await
        .map_err(|error| Failure::of("the cluster cannot be used", &error))?;
    let catalog = KubeVirtCatalog::new(reach.client(), settings.catalog.clone());
    let backend = KubeVirt::on(reach, settings.vdc.clone());
    Ok(builder
        .backend(ProviderVdc::DEFAULT, Arc::new(backend))
        .source(ProviderVdc::DEFAULT, Arc::new(catalog))
        .placement(placement(&settings.placement)))
}

fn placement(settings: &PlacementSettings) -> Placement {
    Placement {
        shelf: match settings.every_catalog {
            true => Shelf::EveryCatalog,
            false => Shelf::Shared(settings.catalog.clone()),
        },
        organizations: settings.organizations.clone(),
    }
}
