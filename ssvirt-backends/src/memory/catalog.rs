//! A catalog source with a fixed list.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use ssvirt_core::{
    CatalogSource, Error, Result,
    catalog::{Sizing, SourceItem},
};

/// Offers what it was given.
#[derive(Debug)]
pub struct FixedCatalog {
    name: &'static str,
    items: Mutex<Vec<SourceItem>>,
    sizings: Mutex<Vec<Sizing>>,
    down: AtomicBool,
}

impl FixedCatalog {
    /// A source that offers these items.
    pub fn new(items: impl IntoIterator<Item = SourceItem>) -> Self {
        Self {
            name: "fixed",
            items: Mutex::new(items.into_iter().collect()),
            sizings: Mutex::default(),
            down: AtomicBool::new(false),
        }
    }

    /// Sets its name, where there is more than one; `fixed` unless said.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Offers something else from now on.
    pub fn replace(&self, items: impl IntoIterator<Item = SourceItem>) {
        *self.items.lock().unwrap_or_else(PoisonError::into_inner) = items.into_iter().collect();
    }

    /// Offers these sizes from now on; none unless said.
    pub fn offer_sizings(&self, sizings: impl IntoIterator<Item = Sizing>) {
        *self.sizings.lock().unwrap_or_else(PoisonError::into_inner) =
            sizings.into_iter().collect();
    }

    /// Makes it answer `Unavailable`, or answer again.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    fn check(&self) -> Result<()> {
        match self.down.load(Ordering::SeqCst) {
            true => Err(Error::unavailable("The catalog source cannot be reached.")),
            false => Ok(()),
        }
    }

    fn list(&self) -> Result<Vec<SourceItem>> {
        self.check()?;
        Ok(self.items.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

#[async_trait]
impl CatalogSource for FixedCatalog {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn items(&self) -> Result<Vec<SourceItem>> {
        self.list()
    }

    async fn item(&self, external_id: &str) -> Result<Option<SourceItem>> {
        Ok(self.list()?.into_iter().find(|item| item.external_id == external_id))
    }

    async fn sizings(&self) -> Result<Vec<Sizing>> {
        self.check()?;
        Ok(self.sizings.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
