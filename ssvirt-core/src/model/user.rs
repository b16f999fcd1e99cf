//! Users and roles.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Org;
use crate::id::Id;

/// Someone who can log in.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: Id<User>,
    /// The organization it belongs to.
    pub org: Id<Org>,
    /// The login name; unique in the organization without regard to case.
    pub name: String,
    /// The name for people.
    pub full_name: String,
    /// E-mail address; may be empty.
    pub email: String,
    /// Telephone number; may be empty.
    pub telephone: String,
    /// Free text.
    pub description: String,
    /// Whether it may log in.
    pub enabled: bool,
    /// What it may do.
    pub role: Id<Role>,
    /// How many VMs it may run; 0 is unlimited.
    pub deployed_vm_quota: i32,
    /// How many VMs it may own; 0 is unlimited.
    pub stored_vm_quota: i32,
    /// Argon2id hash of the password in PHC form; none cannot log in.
    pub password_hash: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// See the module.
    pub version: i64,
}

impl std::fmt::Debug for User {
    /// Without the hash: users end up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A named set of rights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// Its id.
    pub id: Id<Role>,
    /// The organization that made it; none for the roles that every organization has.
    pub org: Option<Id<Org>>,
    /// The name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// VCD's key for the translated name of a built-in role.
    pub bundle_key: String,
    /// Whether it may be changed.
    pub read_only: bool,
    /// Names of its rights; empty for System Administrator, who has all.
    pub rights: Vec<String>,
    /// See the module.
    pub version: i64,
}
