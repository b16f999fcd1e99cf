//! Calls that are written down.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use ssvirt_core::{ErrorKind, Result};

use super::{Call, Hook};

/// A call and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The call.
    pub call: Call,
    /// How it failed; none when it succeeded.
    pub failure: Option<ErrorKind>,
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.failure {
            None => write!(f, "{} -> ok", self.call),
            Some(kind) => write!(f, "{} -> {kind:?}", self.call),
        }
    }
}

/// Writes calls down in the order in which they ended.
#[derive(Debug, Default)]
pub struct Recording(Mutex<Vec<Recorded>>);

impl Recording {
    /// An empty record.
    pub fn new() -> Self {
        Self::default()
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The calls so far, one line each.
    pub fn lines(&self) -> Vec<String> {
        self.calls().iter().map(Recorded::to_string).collect()
    }

    /// The calls so far; the record is empty afterwards.
    pub fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Hook for Recording {
    async fn after(&self, call: &Call, failure: Option<ErrorKind>) -> Result<()> {
        let recorded = Recorded { call: call.clone(), failure };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
        Ok(())
    }
}
