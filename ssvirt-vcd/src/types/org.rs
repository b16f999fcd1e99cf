//! Organisations.

use super::{Entity, OrgSettings, Reference, Resource};
use crate::VcdType;

/// The organisations a user may see.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.orgList")]
pub struct OrgList {
    #[vcd(base)]
    pub resource: Resource,
    pub org: Vec<Reference>,
}

/// The tenant's view of an organisation.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.org")]
pub struct Org {
    #[vcd(base)]
    pub entity: Entity,
    pub full_name: String,
    pub is_enabled: Option<bool>,
}

/// The administrator's view of an organisation.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    media = "application/vnd.vmware.admin.organization",
    ignored("VdcTemplates", "OrgAssociations")
)]
pub struct AdminOrg {
    #[vcd(base)]
    pub entity: Entity,
    pub full_name: String,
    pub is_enabled: Option<bool>,
    #[vcd(default)]
    pub settings: OrgSettings,
    pub users: Option<UsersList>,
    pub groups: Option<GroupsList>,
    pub catalogs: Option<CatalogsList>,
    pub vdcs: Option<Vdcs>,
    pub networks: Option<Networks>,
    pub right_references: Option<OrganizationRights>,
    pub role_references: Option<OrganizationRoles>,
    pub role_template_references: Option<RoleReferences>,
}

/// The administrator's entry point.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "VCloud", type_name = "VCloudType", media = "application/vnd.vmware.admin.vcloud")]
pub struct VCloud {
    #[vcd(base)]
    pub entity: Entity,
    pub organization_references: Option<OrganizationReferences>,
    pub provider_vdc_references: Option<ProviderVdcReferences>,
    pub right_references: Option<RightReferences>,
    pub role_references: Option<RoleReferences>,
    pub networks: Option<Networks>,
}

macro_rules! reference_list {
    ($($(#[$meta:meta])* $name:ident { $(#[$field_meta:meta])* $field:ident: $item:ty })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, VcdType)]
        pub struct $name {
            $(#[$field_meta])*
            pub $field: Vec<$item>,
        }
    )*};
}

reference_list! {
    /// The users of an organisation.
    UsersList { user_reference: Reference }
    /// The groups of an organisation or user.
    GroupsList { group_reference: Reference }
    /// The catalogues of an organisation.
    CatalogsList { catalog_reference: Reference }
    /// The VDCs of an organisation.
    Vdcs { vdc: Reference }
    /// The networks of an organisation or cloud.
    Networks { network: Reference }
    /// Roles.
    RoleReferences { role_reference: Reference }
    /// Rights.
    RightReferences { right_reference: Reference }
    /// All organisations.
    OrganizationReferences { organization_reference: Reference }
    /// All provider VDCs.
    ProviderVdcReferences { provider_vdc_reference: Reference }
}

/// The rights an organisation has.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "OrgRights", media = "application/vnd.vmware.admin.org.rights")]
pub struct OrganizationRights {
    #[vcd(base)]
    pub resource: Resource,
    pub right_reference: Vec<Reference>,
}

/// The roles an organisation has.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "OrgRoles", media = "application/vnd.vmware.admin.org.roles")]
pub struct OrganizationRoles {
    #[vcd(base)]
    pub resource: Resource,
    pub role_reference: Vec<Reference>,
}
