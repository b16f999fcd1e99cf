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
    /// How a console shows things to it; none as long as it has chosen nothing.
    #[serde(default)]
    pub preferences: Option<Preferences>,
    /// When it was made.
    pub created: Timestamp,
    /// See the module.
    pub version: i64,
}

/// How a console shows things to a user. Nothing here means anything to the cloud itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    /// `light`, `dark` or `auto`.
    pub theme: String,
    /// Language tag (BCP 47).
    pub language: String,
    /// Time zone by its IANA name.
    pub timezone: String,
    /// How dates are written, such as `YYYY-MM-DD`.
    pub date_format: String,
    /// `12h` or `24h`.
    pub time_format: String,
    /// What it wants to be told of.
    pub notifications: Notifications,
    /// Rows a page.
    pub items_per_page: i32,
    /// Seconds between two looks at what is shown; 0 is never.
    pub refresh_seconds: i32,
}

/// What a user wants to be told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notifications {
    /// By e-mail.
    pub email: bool,
    /// By the browser.
    pub browser: bool,
    /// When a VM's power changes.
    pub vm_state_changes: bool,
    /// When the provider maintains the system.
    pub system_maintenance: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            theme: "auto".to_owned(),
            language: "en".to_owned(),
            timezone: "UTC".to_owned(),
            date_format: "YYYY-MM-DD".to_owned(),
            time_format: "24h".to_owned(),
            notifications: Notifications {
                email: false,
                browser: false,
                vm_state_changes: false,
                system_maintenance: false,
            },
            items_per_page: 25,
            refresh_seconds: 30,
        }
    }
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
