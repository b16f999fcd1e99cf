//! vApp templates.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Catalog, CatalogItem, Org, Product, User, VmSpec};
use crate::id::Id;

/// How far a template is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TemplateStatus {
    /// It can be instantiated (VCD status 8).
    Ready,
    /// Its contents are still coming in (VCD status 0).
    Unresolved,
    /// It could not be made (VCD status -1).
    Failed,
}

impl TemplateStatus {
    /// VCD's number.
    pub const fn code(self) -> i32 {
        match self {
            Self::Ready => 8,
            Self::Unresolved => 0,
            Self::Failed => -1,
        }
    }

    /// VCD's name in query records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "RESOLVED",
            Self::Unresolved => "UNRESOLVED",
            Self::Failed => "FAILED_CREATION",
        }
    }
}

/// A vApp to make copies of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// Its id.
    pub id: Id<Template>,
    /// The organization of its catalog.
    pub org: Id<Org>,
    /// Its catalog.
    pub catalog: Id<Catalog>,
    /// Its catalog item.
    pub item: Id<CatalogItem>,
    /// Who owns it.
    pub owner: Id<User>,
    /// The name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// How far it is.
    pub status: TemplateStatus,
    /// Why it is not ready, for tenants.
    #[serde(default)]
    pub not_ready: Option<String>,
    /// Its virtual machines.
    pub vms: Vec<TemplateVm>,
    /// Seconds it is kept; 0 never expires.
    pub storage_lease_seconds: i32,
    /// When it was made.
    pub created: Timestamp,
    /// See the module.
    pub version: i64,
}

impl Template {
    /// The VM of this template with that id.
    pub fn vm(&self, id: Id<TemplateVm>) -> Option<&TemplateVm> {
        self.vms.iter().find(|vm| vm.id == id)
    }
}

/// A virtual machine of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TemplateVm {
    /// Its id.
    pub id: Id<TemplateVm>,
    /// The name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// What a copy of it is made like.
    pub spec: VmSpec,
    /// What whoever makes a copy may say, or has to.
    #[serde(default)]
    pub products: Vec<Product>,
}
