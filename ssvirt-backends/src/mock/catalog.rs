//! A catalog source by script.

use async_trait::async_trait;
use ssvirt_core::{CatalogSource, Result, catalog::SourceItem};

use super::script::{Expectation, Reply, Script, misfit};
use crate::decorate::{Call, Target};

/// A catalog source that answers as its script says; see [`MockBackend`](super::MockBackend).
#[derive(Debug, Default)]
pub struct MockCatalog(Script);

impl MockCatalog {
    /// A source with an empty script.
    pub fn new() -> Self {
        Self::default()
    }

    /// Expects a call of `items` or `item`.
    pub fn expect(&self, op: &str) -> Expectation<'_> {
        self.0.expect(op)
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.0.calls()
    }

    /// Whether everything that was expected came, and nothing else.
    ///
    /// # Errors
    /// What was missing and what was too much, a line each.
    pub fn verify(&self) -> Result<(), String> {
        self.0.verify()
    }
}

#[async_trait]
impl CatalogSource for MockCatalog {
    fn name(&self) -> &'static str {
        "mock"
    }

    async fn items(&self) -> Result<Vec<SourceItem>> {
        match self.0.answer(Call::new(Target::Source, "items", ""), None)? {
            Reply::Items(items) => Ok(items),
            other => Err(misfit("items", &other)),
        }
    }

    async fn item(&self, external_id: &str) -> Result<Option<SourceItem>> {
        match self.0.answer(Call::new(Target::Source, "item", external_id), None)? {
            Reply::Item(item) => Ok(item),
            other => Err(misfit("item", &other)),
        }
    }
}
