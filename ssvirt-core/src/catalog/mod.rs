//! [`CatalogSource`]: where templates come from that are not uploaded.
//!
//! # Adding a catalog source
//! 1. Implement [`CatalogSource`]; external ids must stay the same for the same thing.
//! 2. Give it to [`CloudBuilder::source`](crate::service::CloudBuilder::source) with its provider VDC.
//! 3. Hold it against `ssvirt_conformance::suite::catalog`.
//!
//! Items are copied into catalog rows by [`Cloud::sync_sources`](crate::Cloud::sync_sources), so reads
//! never ask a source; [`Placement`] says into which catalogs. A source that is down leaves its rows, marked
//! stale.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use crate::{
    error::Result,
    model::{Product, VmSpec},
};

/// Where the items of catalog sources appear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// In which catalogs.
    pub shelf: Shelf,
    /// The names of the organizations that see them; none is all.
    pub organizations: Option<BTreeSet<String>>,
}

/// In which catalogs the items of sources appear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// In one catalog of the System organization, of this name, that the others see and do not change.
    Shared(String),
    /// In every catalog, beside its own items.
    EveryCatalog,
}

impl Default for Placement {
    /// One catalog, `discovered`, for all organizations.
    fn default() -> Self {
        Self { shelf: Shelf::Shared("discovered".to_owned()), organizations: None }
    }
}

/// Something a source offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceItem {
    /// The source's own id for it.
    pub external_id: String,
    /// The name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// What else is said of it: read-only metadata of item and template.
    pub metadata: BTreeMap<String, String>,
    /// Why no copies of it can be made just now, as a sentence for tenants; none where they can. It is shown
    /// all the same.
    pub not_ready: Option<String>,
    /// Its virtual machines.
    pub vms: Vec<SourceVm>,
}

/// A virtual machine of an item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceVm {
    /// The name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// What a copy is made like.
    pub spec: VmSpec,
    /// What whoever makes a copy may say, or has to.
    pub products: Vec<Product>,
}

/// A size that a source offers for VMs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizing {
    /// The source's own id for it.
    pub external_id: String,
    /// The name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// vCPUs.
    pub cpus: i32,
    /// Memory in MiB.
    pub memory_mib: i64,
}

/// Offers templates, and sizes for VMs.
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

    /// All sizes; they become sizing policies of the VDCs of its provider VDC.
    ///
    /// # Errors
    /// `Unavailable`; the policies of an earlier time stay.
    async fn sizings(&self) -> Result<Vec<Sizing>> {
        Ok(Vec::new())
    }
}
