//! Rights and the standard roles.
//!
//! Rights are names, as VCD 10.6 has them; their ids are made from the names, so that they are the same in
//! every installation.

use std::{collections::HashSet, sync::LazyLock};

use uuid::{Uuid, uuid};

use crate::{
    id::Id,
    model::{Right, RightsCategory, Role},
};

/// The names of the tenant rights.
pub static TENANT: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    include_str!("tenant-rights.txt").lines().map(str::trim).filter(|l| !l.is_empty()).collect()
});

/// The name space of the ids made here.
const NAMESPACE: Uuid = uuid!("7b9d2c1e-6f54-5d0a-9e0b-1f2a3c4d5e6f");

/// The id of a right.
pub fn id(name: &str) -> Id<Right> {
    Id::new(Uuid::new_v5(&NAMESPACE, format!("right:{name}").as_bytes()))
}

/// The id of a standard role.
pub fn role_id(name: &str) -> Id<Role> {
    Id::new(Uuid::new_v5(&NAMESPACE, format!("role:{name}").as_bytes()))
}

/// The category of a right: what stands before the colon.
pub fn category(name: &str) -> &str {
    name.split_once(':').map_or("General", |(category, _)| category)
}

/// The id of a category of rights.
pub fn category_id(category: &str) -> Id<RightsCategory> {
    Id::new(Uuid::new_v5(&NAMESPACE, format!("category:{category}").as_bytes()))
}

/// The categories of the tenant rights, by name.
pub static CATEGORIES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut all: Vec<&str> = TENANT.iter().map(|name| category(name)).collect();
    all.sort_unstable();
    all.dedup();
    all
});

/// The key for the translated name of a category: its words in capitals.
pub fn category_key(category: &str) -> String {
    let words =
        category.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(str::to_ascii_uppercase).collect();
    format!("RIGHTS_CATEGORY_{}", words.join("_"))
}

/// VCD's key for the translated name of a standard role.
pub fn bundle_key(role: &str) -> Option<&'static str> {
    static KEYS: LazyLock<Vec<(&'static str, &'static str)>> = LazyLock::new(|| {
        standard_roles().into_iter().map(|role| (role.name, role.bundle_key)).collect()
    });
    KEYS.iter().find(|(name, _)| *name == role).map(|(_, key)| *key)
}

/// Rights that the code asks for.
pub mod right {
    /// See and change everything in the organization.
    pub const ADMIN_CONTROL: &str = "General: Administrator Control";
    /// See everything in the organization.
    pub const ADMIN_VIEW: &str = "General: Administrator View";
    /// Make and delete catalogs.
    pub const CATALOG_CREATE: &str = "Catalog: Create / Delete a Catalog";
    /// Change catalogs and what is in them.
    pub const CATALOG_EDIT: &str = "Catalog: Edit Properties";
    /// See the organization's catalogs.
    pub const CATALOG_VIEW: &str = "Catalog: View Private and Shared Catalogs";
    /// See the catalogs that other organizations publish.
    pub const CATALOG_VIEW_PUBLISHED: &str = "Catalog: View Published Catalogs";
    /// See templates and media.
    pub const TEMPLATE_VIEW: &str = "vApp Template / Media: View";
    /// Change templates and media.
    pub const TEMPLATE_EDIT: &str = "vApp Template / Media: Edit";
    /// Make copies of templates.
    pub const TEMPLATE_CHECKOUT: &str = "vApp Template: Checkout";
    /// See users and groups.
    pub const USER_VIEW: &str = "Group / User: View";
    /// Change users and groups.
    pub const USER_MANAGE: &str = "Group / User: Manage";
    /// Publish catalogs to other organizations.
    pub const CATALOG_PUBLISH: &str = "Catalog: Publish";
    /// Change the organization's full name and description.
    pub const ORG_EDIT: &str = "Organization: Edit Properties";
    /// See the organization's settings.
    pub const ORG_VIEW: &str = "Organization: View";
    /// Use the administrator's query types.
    pub const ADMIN_QUERIES: &str = "Organization: Perform Administrator Queries";
    /// See the networks of VDCs.
    pub const NETWORK_VIEW: &str = "Organization vDC Network: View Properties";
    /// Make vApps and add VMs to them.
    pub const VAPP_CREATE: &str = "vApp: Create / Reconfigure";
    /// Make copies of vApps.
    pub const VAPP_COPY: &str = "vApp: Copy";
    /// Delete vApps and VMs.
    pub const VAPP_DELETE: &str = "vApp: Delete";
    /// Change names, descriptions and leases.
    pub const VAPP_EDIT: &str = "vApp: Edit Properties";
    /// Change the properties of VMs.
    pub const VM_EDIT: &str = "vApp: Edit VM Properties";
    /// Change vCPUs.
    pub const VM_CPU: &str = "vApp: Edit VM CPU";
    /// Change memory.
    pub const VM_MEMORY: &str = "vApp: Edit VM Memory";
    /// Change disks.
    pub const VM_DISK: &str = "vApp: Edit VM Hard Disk";
    /// Change NICs and vApp networks.
    pub const VM_NETWORK: &str = "vApp: Edit VM Network";
    /// Change how VMs start.
    pub const VM_BOOT: &str = "vApp: VM Boot Options";
    /// Set passwords of guests.
    pub const VM_PASSWORD: &str = "vApp: Manage VM Password Settings";
    /// Switch VMs on and off.
    pub const VAPP_POWER: &str = "vApp: Power Operations";
}

/// The standard roles.
pub mod role {
    /// The provider's administrator: all rights.
    pub const SYSTEM_ADMINISTRATOR: &str = "System Administrator";
    /// A tenant's administrator: all tenant rights.
    pub const ORGANIZATION_ADMINISTRATOR: &str = "Organization Administrator";
    /// Fills catalogs.
    pub const CATALOG_AUTHOR: &str = "Catalog Author";
    /// Makes vApps.
    pub const VAPP_AUTHOR: &str = "vApp Author";
    /// Uses vApps.
    pub const VAPP_USER: &str = "vApp User";
    /// Uses consoles.
    pub const CONSOLE_ACCESS_ONLY: &str = "Console Access Only";
    /// Has the rights that an identity provider gives.
    pub const DEFER_TO_IDENTITY_PROVIDER: &str = "Defer to Identity Provider";
}

const CONSOLE: &[&str] = &["vApp: Use Console", right::VM_PASSWORD];

const USER: &[&str] = &[
    "Organization vDC Compute Policy: View",
    "Organization vDC Named Disk: View Properties",
    "UI Plugins: View",
    right::TEMPLATE_VIEW,
    right::TEMPLATE_CHECKOUT,
    right::VAPP_COPY,
    right::VAPP_DELETE,
    right::VAPP_EDIT,
    right::VM_NETWORK,
    right::VM_EDIT,
    right::VAPP_POWER,
    "vApp: Sharing",
    "vApp: Snapshot Operations",
    "vApp: View ACL",
    "vApp: View VM metrics",
];

const AUTHOR: &[&str] = &[
    "Catalog: Add vApp from My Cloud",
    right::CATALOG_VIEW,
    right::VAPP_CREATE,
    right::VM_CPU,
    right::VM_MEMORY,
    right::VM_DISK,
    right::VM_BOOT,
    "vApp: Edit VM Compute Policy",
    "Organization vDC Named Disk: Create",
    "Organization vDC Named Disk: Delete",
    "Organization vDC Named Disk: Edit Properties",
    "vApp Template / Media: Copy",
    "vApp Template / Media: Create / Upload",
    right::TEMPLATE_EDIT,
];

const CATALOG: &[&str] = &[
    right::CATALOG_CREATE,
    right::CATALOG_EDIT,
    right::CATALOG_PUBLISH,
    "Catalog: Sharing",
    "Catalog: View ACL",
];

/// A role that every installation has.
#[derive(Clone, Debug)]
pub struct StandardRole {
    /// The name.
    pub name: &'static str,
    /// VCD's key for its translated name.
    pub bundle_key: &'static str,
    /// Free text.
    pub description: &'static str,
    /// Its rights.
    pub rights: Vec<&'static str>,
}

/// The roles that every installation has.
pub fn standard_roles() -> Vec<StandardRole> {
    let of = |lists: &[&[&'static str]]| lists.concat();
    let make = |name, bundle_key, description, rights| StandardRole {
        name,
        bundle_key,
        description,
        rights,
    };
    vec![
        make(
            role::SYSTEM_ADMINISTRATOR,
            "ROLE_SYSTEM_ADMINISTRATOR",
            "Administers the whole installation",
            vec![],
        ),
        make(
            role::ORGANIZATION_ADMINISTRATOR,
            "ROLE_ORGANIZATION_ADMINISTRATOR",
            "Administers an organization",
            TENANT.clone(),
        ),
        make(
            role::CATALOG_AUTHOR,
            "ROLE_CATALOG_AUTHOR",
            "Makes and fills catalogs",
            of(&[CONSOLE, USER, AUTHOR, CATALOG]),
        ),
        make(role::VAPP_AUTHOR, "ROLE_VAPP_AUTHOR", "Makes vApps", of(&[CONSOLE, USER, AUTHOR])),
        make(role::VAPP_USER, "ROLE_VAPP_USER", "Uses vApps", of(&[CONSOLE, USER])),
        make(
            role::CONSOLE_ACCESS_ONLY,
            "ROLE_CONSOLE_ACCESS_ONLY",
            "Uses consoles",
            of(&[CONSOLE]),
        ),
        make(
            role::DEFER_TO_IDENTITY_PROVIDER,
            "ROLE_DEFER_TO_IDENTITY_PROVIDER",
            "Has the rights that the identity provider gives",
            vec![],
        ),
    ]
}

/// What a caller may do.
#[derive(Clone, Debug, Default)]
pub struct RightSet {
    all: bool,
    names: HashSet<String>,
}

impl RightSet {
    /// Every right there is.
    pub fn all() -> Self {
        Self { all: true, names: HashSet::new() }
    }

    /// The rights of a role.
    pub fn of(role: &Role) -> Self {
        if role.id == role_id(role::SYSTEM_ADMINISTRATOR) {
            return Self::all();
        }
        Self { all: false, names: role.rights.iter().cloned().collect() }
    }

    /// Whether these are all rights there are.
    pub fn is_all(&self) -> bool {
        self.all
    }

    /// Whether the right is among them.
    pub fn has(&self, right: &str) -> bool {
        self.all || self.names.contains(right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_known_rights_only() {
        for role in standard_roles() {
            for right in role.rights {
                assert!(TENANT.contains(&right), "{} has the unknown right {right:?}", role.name);
            }
        }
    }

    #[test]
    fn the_ids_are_pinned() {
        // Stored in users' rows and clients' states: they may never change.
        assert_eq!(role_id(role::VAPP_USER).to_string(), "44450e60-429a-58ef-a359-43fd7034dbcc");
    }
}
