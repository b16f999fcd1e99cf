//! Whether a cluster has KubeVirt's snapshots: KubeVirt is not always installed with them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kube::Client;
use ssvirt_core::{Error, Result};
use tokio::time::Instant;

use crate::kubevirt::call::call_opt;

const GROUP: &str = "snapshot.kubevirt.io/v1beta1";
const KINDS: [&str; 2] = ["virtualmachinesnapshots", "virtualmachinerestores"];

/// How long it is believed that there are none: an administrator may add them.
pub(in crate::kubevirt) const AGAIN: Duration = Duration::from_secs(300);

/// What a cluster was asked, once and when it matters. Clones share what they know.
#[derive(Clone)]
pub(in crate::kubevirt) struct SnapshotApi {
    client: Client,
    known: Arc<Mutex<Known>>,
}

#[derive(Clone, Copy)]
enum Known {
    Nothing,
    There,
    Missing { since: Instant },
}

impl SnapshotApi {
    pub fn new(client: Client) -> Self {
        Self { client, known: Arc::new(Mutex::new(Known::Nothing)) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody has said that there are none.
    pub fn may_be_there(&self) -> bool {
        !matches!(*self.known(), Known::Missing { .. })
    }

    /// Asks where it is not known.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn is_there(&self) -> Result<bool> {
        match *self.known() {
            Known::There => return Ok(true),
            Known::Missing { since } if since.elapsed() < AGAIN => return Ok(false),
            Known::Nothing | Known::Missing { .. } => {}
        }
        let what = "The cluster's snapshots";
        let listed = call_opt(what, self.client.list_api_group_resources(GROUP)).await?;
        let names: Vec<String> = listed
            .map(|list| list.resources.into_iter().map(|kind| kind.name).collect())
            .unwrap_or_default();
        let is_there = KINDS.iter().all(|kind| names.iter().any(|name| name == kind));
        *self.known() = match is_there {
            true => Known::There,
            false => Known::Missing { since: Instant::now() },
        };
        Ok(is_there)
    }

    /// # Errors
    /// `NotSupported` where there are none; `Unavailable`.
    pub async fn must_be_there(&self) -> Result<()> {
        if self.is_there().await? { Ok(()) } else { Err(Error::not_supported("snapshots")) }
    }
}
