//! [`CatalogSource`]: where templates come from that are not uploaded.
//!
//! # Adding a catalog source
//! 1. Implement [`CatalogSource`]; external ids must stay the same for the same thing.
//! 2. Give it to [`CloudBuilder::source`](crate::service::CloudBuilder::source) with its provider VDC.
//! 3. Hold it against `ssvirt_conformance::suite::catalog`.
//!
//! Items are copied into catalog rows by [`Cloud::sync_catalogs`](crate::Cloud::sync_catalogs), so reads
//! never ask a source. A source that is down leaves its rows, marked stale.

use async_trait::async_trait;

use crate::{error::Result, model::VmSpec};

/// Something a source offers.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceItem {
    /// The source's own id for it.
    pub external_id: String,
    /// The name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Its virtual machines.
    pub vms: Vec<SourceVm>,
}

/// A virtual machine of an item.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceVm {
    /// The name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// What a copy is made like.
    pub spec: VmSpec,
}

/// Offers templates.
#[async_trait]
pub trait CatalogSource: Send + Sync + 'static {
    /// Its name; stored with its items.
    fn name(&self) -> &'static str;

    /// All items.
    ///
    /// # Errors
    /// `Unavailable`; the rows of an earlier time stay.
    async fn items(&self) -> Result<Vec<SourceItem>>;

    /// One item, as it is now; none when it is gone.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn item(&self, external_id: &str) -> Result<Option<SourceItem>>;
}
