//! Calls that fail.

use async_trait::async_trait;
use ssvirt_core::{ErrorKind, Result};

use super::{Call, Fault, Faults, Hook, Side, Target};

/// Fails calls by rules. The patterns of [`Fault::on`] are held against the operation as in [`Call::op`].
#[derive(Debug, Default)]
pub struct Faulty {
    faults: Faults,
    only: Option<Target>,
}

impl Faulty {
    /// Fails calls by these rules.
    pub fn new(rules: impl IntoIterator<Item = Fault>) -> Self {
        Self { faults: Faults::new(rules), only: None }
    }

    /// Leaves the calls of the other traits alone, where the hook sits round several.
    #[must_use]
    pub fn only(mut self, target: Target) -> Self {
        self.only = Some(target);
        self
    }

    /// The rules; they may be changed at any time.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    fn check(&self, side: Side, call: &Call) -> Result<()> {
        if self.only.is_some_and(|only| only != call.target) {
            return Ok(());
        }
        self.faults.check(side, call.op, &call.args)
    }
}

#[async_trait]
impl Hook for Faulty {
    async fn before(&self, call: &Call) -> Result<()> {
        self.check(Side::Before, call)
    }

    async fn after(&self, call: &Call, failure: Option<ErrorKind>) -> Result<()> {
        // Only an answer that was there can be lost.
        if failure.is_some() { Ok(()) } else { self.check(Side::After, call) }
    }
}
