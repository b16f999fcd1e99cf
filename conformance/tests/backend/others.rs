//! What claims little or lies: a backend without capabilities, and broken catalog sources.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use ssvirt_backends::memory::Simulator;
use ssvirt_core::{
    CatalogSource, Error, Id, Result, VmBackend,
    backend::{Capabilities, ConsoleKind, ConsoleStream, PowerAction, Revert, SnapshotPlan, VmRef},
    catalog::SourceItem,
    model::{Snapshot, VmState},
};

use super::twist::Twist;

/// Nothing wrong: claims no capability and keeps to that.
pub struct Modest(pub Simulator);

#[async_trait]
impl Twist for Modest {
    fn sim(&self) -> &Simulator {
        &self.0
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState> {
        match action {
            PowerAction::On | PowerAction::Off => self.0.power_vm(vm, action).await,
            other => Err(Error::not_supported(format!("{other:?}"))),
        }
    }

    async fn take_snapshot(&self, _: VmRef, _: &SnapshotPlan) -> Result<VmState> {
        Err(Error::not_supported("snapshots"))
    }

    async fn revert_snapshot(&self, _: VmRef, _: &Revert) -> Result<VmState> {
        Err(Error::not_supported("snapshots"))
    }

    async fn remove_snapshots(&self, _: VmRef, _: Option<Id<Snapshot>>) -> Result<Option<VmState>> {
        Err(Error::not_supported("snapshots"))
    }

    async fn console(&self, _vm: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
        Err(Error::not_supported(kind))
    }
}

/// What is wrong with a [`Catalog`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CatalogFault {
    /// Ids differ from call to call.
    Restless,
    /// Nothing is found again.
    Forgetful,
    /// Everything is found.
    Generous,
}

/// A broken catalog source.
pub struct Catalog(pub CatalogFault);

static CALLS: AtomicU64 = AtomicU64::new(0);

#[async_trait]
impl CatalogSource for Catalog {
    fn name(&self) -> &'static str {
        "broken"
    }

    async fn items(&self) -> Result<Vec<SourceItem>> {
        let n = CALLS.fetch_add(1, Ordering::SeqCst);
        let id = if self.0 == CatalogFault::Restless { format!("id-{n}") } else { "id".to_owned() };
        Ok(vec![super::item(&id, "name")])
    }

    async fn item(&self, external_id: &str) -> Result<Option<SourceItem>> {
        Ok((self.0 == CatalogFault::Generous).then(|| super::item(external_id, "name")))
    }
}
