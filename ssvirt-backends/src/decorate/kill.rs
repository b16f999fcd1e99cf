//! A process that dies at a chosen call.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use ssvirt_core::{ErrorKind, Result};

use super::{Call, Hook, Side};

/// Counts calls and aborts the process at one of them, as `kill -9` would: no destructor runs. For tests
/// that start themselves again as a child process.
#[derive(Clone, Debug)]
pub struct KillAt {
    at: u64,
    side: Side,
    changes_only: bool,
    counter: Arc<AtomicU64>,
}

impl KillAt {
    /// Dies at the `n`-th call, counted from 1, on this side of its effect; `u64::MAX` only counts.
    pub fn new(n: u64, side: Side) -> Self {
        Self { at: n, side, changes_only: false, counter: Arc::default() }
    }

    /// Never dies: finds out how many calls there are.
    pub fn never() -> Self {
        Self::new(u64::MAX, Side::Before)
    }

    /// Neither counts nor dies at calls that only read, where nothing can be half done.
    #[must_use]
    pub fn changes_only(mut self) -> Self {
        self.changes_only = true;
        self
    }

    /// Counts together with others on this counter.
    #[must_use]
    pub fn counter(mut self, counter: Arc<AtomicU64>) -> Self {
        self.counter = counter;
        self
    }

    /// How many calls there were so far.
    pub fn count(&self) -> u64 {
        self.counter.load(Ordering::SeqCst)
    }

    fn arrive(&self, side: Side, call: &Call) {
        if side != self.side || (self.changes_only && !call.changes()) {
            return;
        }
        if self.counter.fetch_add(1, Ordering::SeqCst) + 1 == self.at {
            std::process::abort();
        }
    }
}

#[async_trait]
impl Hook for KillAt {
    async fn before(&self, call: &Call) -> Result<()> {
        self.arrive(Side::Before, call);
        Ok(())
    }

    async fn after(&self, call: &Call, _failure: Option<ErrorKind>) -> Result<()> {
        self.arrive(Side::After, call);
        Ok(())
    }
}
