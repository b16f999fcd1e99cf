//! Organizations.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};

use crate::id::Id;

/// A tenant; `System` is the provider's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Org {
    /// Its id.
    pub id: Id<Org>,
    /// The name in URLs and logins; unique without regard to case.
    pub name: String,
    /// The name for people.
    pub full_name: String,
    /// Free text.
    pub description: String,
    /// Whether its users may log in.
    pub enabled: bool,
    /// Whether its catalogs may be published to other organizations.
    pub can_publish: bool,
    /// Leases of its new vApps and templates.
    pub leases: LeaseDefaults,
    /// When it was made.
    pub created: Timestamp,
    /// See the module.
    pub version: i64,
}

impl Org {
    /// The UUID of the System organization in every VCD.
    pub const SYSTEM: Id<Self> = Id::new(SYSTEM_UUID);

    /// Whether this is the provider's organization.
    pub fn is_system(&self) -> bool {
        self.id == Self::SYSTEM
    }
}

const SYSTEM_UUID: Uuid = uuid!("a93c9db9-7471-3192-8d09-a8f7eeda85f9");

/// Lease lengths in seconds; 0 never expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseDefaults {
    /// How long a vApp may run.
    pub deployment_seconds: i32,
    /// How long a stopped vApp is kept.
    pub storage_seconds: i32,
    /// How long a template is kept.
    pub template_storage_seconds: i32,
}

impl Default for LeaseDefaults {
    /// Nothing expires: a tenant that moves here must not lose machines to a default.
    fn default() -> Self {
        Self { deployment_seconds: 0, storage_seconds: 0, template_storage_seconds: 0 }
    }
}
