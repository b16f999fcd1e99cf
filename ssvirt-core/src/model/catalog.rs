//! Catalogs and their items.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Org, Template, User};
use crate::id::Id;

/// A shelf of templates and media.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// Its id.
    pub id: Id<Catalog>,
    /// Whose it is.
    pub org: Id<Org>,
    /// Who owns it.
    pub owner: Id<User>,
    /// The name; unique in the organization.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Whether other organizations may read it.
    pub published: bool,
    /// Which organizations may read it, where it is published; none is all.
    #[serde(default)]
    pub readers: Option<Vec<Id<Org>>>,
    /// Raised with every change of its items.
    pub revision: i64,
    /// When it was made.
    pub created: Timestamp,
    /// See the module.
    pub version: i64,
}

/// Where an item comes from, if not from the catalog database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemSource {
    /// The catalog source's name.
    pub source: String,
    /// The source's id for it.
    pub external_id: String,
    /// Whether the source could not be asked the last time.
    pub stale: bool,
    /// The metadata that came from there.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// A catalog's entry for a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatalogItem {
    /// Its id; for items of a source the UUIDv5 of source and external id.
    pub id: Id<CatalogItem>,
    /// The catalog.
    pub catalog: Id<Catalog>,
    /// The catalog's organization.
    pub org: Id<Org>,
    /// The name; unique in the catalog.
    pub name: String,
    /// Free text.
    pub description: String,
    /// What it stands for.
    pub template: Id<Template>,
    /// Where it comes from.
    pub source: Option<ItemSource>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed; none is when it was made.
    #[serde(default)]
    pub modified: Option<Timestamp>,
    /// See the module.
    pub version: i64,
}
