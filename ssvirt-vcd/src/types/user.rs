//! Users, roles and rights.

use super::{Entity, GroupsList, Reference, RightReferences};
use crate::VcdType;

/// A user account.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.admin.user")]
pub struct User {
    #[vcd(base)]
    pub entity: Entity,
    pub full_name: Option<String>,
    pub email_address: Option<String>,
    pub telephone: Option<String>,
    pub is_enabled: Option<bool>,
    pub is_locked: Option<bool>,
    #[vcd(name = "IM")]
    pub im: Option<String>,
    pub name_in_source: Option<String>,
    pub is_external: Option<bool>,
    pub provider_type: Option<String>,
    pub is_group_role: Option<bool>,
    pub stored_vm_quota: Option<i32>,
    pub deployed_vm_quota: Option<i32>,
    pub role: Option<Reference>,
    pub password: Option<String>,
    pub group_references: Option<GroupsList>,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.admin.role")]
pub struct Role {
    #[vcd(base)]
    pub entity: Entity,
    pub right_references: Option<RightReferences>,
}

/// A right.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(type_name = "RightType", media = "application/vnd.vmware.admin.right")]
pub struct Right {
    #[vcd(base)]
    pub entity: Entity,
    pub right_type: Option<String>,
    pub category: String,
    pub bundle_key: Option<String>,
    pub service_namespace: Option<String>,
}
