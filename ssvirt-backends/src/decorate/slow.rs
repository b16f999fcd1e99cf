//! Calls that take time.

use std::time::Duration;

use async_trait::async_trait;
use ssvirt_core::Result;

use super::{Call, Hook};
use crate::memory::faults::fits;

/// Delays calls.
#[derive(Clone, Debug)]
pub struct Slow {
    delay: Duration,
    op: String,
}

impl Slow {
    /// Delays every call by this much.
    pub fn new(delay: Duration) -> Self {
        Self { delay, op: "*".to_owned() }
    }

    /// Delays only operations that fit `op`, where `*` stands for any text.
    #[must_use]
    pub fn only(mut self, op: impl Into<String>) -> Self {
        self.op = op.into();
        self
    }
}

#[async_trait]
impl Hook for Slow {
    async fn before(&self, call: &Call) -> Result<()> {
        if fits(&self.op, call.op) {
            tokio::time::sleep(self.delay).await;
        }
        Ok(())
    }
}
