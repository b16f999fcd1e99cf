//! The way to a cluster.

use std::path::Path;

use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use ssvirt_core::{Error, Result};

use super::{Cluster, ClusterOptions};

/// The cluster that the file describes (its `context`, else the current one); without a file, of the
/// cluster that this process runs in, as its service account. Nobody is asked yet: a cluster that is away is
/// no error.
///
/// # Errors
/// `BadRequest` for a file that cannot be used, and for a process that is in no cluster.
pub async fn connect(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
    options: ClusterOptions,
) -> Result<Cluster> {
    let config = match kubeconfig {
        Some(path) => {
            let unusable = |error| wrong("the kubeconfig cannot be used", error);
            let file = Kubeconfig::read_from(path).map_err(unusable)?;
            let options = KubeConfigOptions {
                context: context.map(str::to_owned),
                ..KubeConfigOptions::default()
            };
            Config::from_custom_kubeconfig(file, &options).await.map_err(unusable)?
        }
        None => Config::incluster()
            .map_err(|error| wrong("there is no kubeconfig, and no cluster around this", error))?,
    };
    Cluster::connect(config, options)
        .map_err(|error| wrong("there can be no client of the cluster", error))
}

fn wrong(why: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::bad_request(why).with_source(error)
}
