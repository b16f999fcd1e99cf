//! A store by script, on top of a real one.

use std::sync::Arc;

use async_trait::async_trait;
use ssvirt_core::{ErrorKind, Result, TenancyStore, store::Tx};

use crate::decorate::{Decorated, Fault, Faulty, Recorded, Recording};

/// A real store (as a rule SQLite in memory) whose calls fail where the script says and are written down:
/// a script of every row would say nothing that the real store does not say better.
pub struct MockStore {
    store: Arc<dyn TenancyStore>,
    faulty: Arc<Faulty>,
    recording: Arc<Recording>,
}

impl MockStore {
    /// A script round this store.
    pub fn over(inner: Arc<dyn TenancyStore>) -> Self {
        let (faulty, recording) = (Arc::new(Faulty::default()), Arc::new(Recording::new()));
        let store = Decorated::store(Decorated::store(inner, faulty.clone()), recording.clone());
        Self { store, faulty, recording }
    }

    /// Makes the next `n` calls of `op` fail, such as `begin`, `commit`, `health` or `update Vm`.
    pub fn fail(&self, op: &str, n: u64, kind: ErrorKind, message: &str) {
        self.faulty.faults().add(Fault::on(op).times(n).error(kind, message));
    }

    /// Makes calls fail by a rule.
    pub fn fault(&self, fault: Fault) {
        self.faulty.faults().add(fault);
    }

    /// Makes every call fail as if the database had gone away.
    pub fn go_away(&self) {
        self.fault(Fault::on("*").error(ErrorKind::Unavailable, "The database cannot be reached."));
    }

    /// Ends all failures.
    pub fn come_back(&self) {
        self.faulty.faults().clear();
    }

    /// The calls so far and how they ended.
    pub fn calls(&self) -> Vec<Recorded> {
        self.recording.calls()
    }
}

#[async_trait]
impl TenancyStore for MockStore {
    fn name(&self) -> &'static str {
        "mock"
    }

    async fn begin(&self) -> Result<Tx> {
        self.store.begin().await
    }

    async fn read(&self) -> Result<Tx> {
        self.store.read().await
    }

    async fn glance(&self) -> Result<Tx> {
        self.store.glance().await
    }

    async fn health(&self) -> Result<()> {
        self.store.health().await
    }
}
