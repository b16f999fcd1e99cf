//! Settings of an organisation.

use super::Resource;
use crate::VcdType;

/// All settings of an organisation.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    media = "application/vnd.vmware.admin.orgSettings",
    ignored(
        "OrgOperationLimitsSettings",
        "OrgFederationSettings",
        "OrgOAuthSettings",
        "OrgGuestPersonalizationSettings"
    )
)]
pub struct OrgSettings {
    #[vcd(base)]
    pub resource: Resource,
    pub org_general_settings: Option<OrgGeneralSettings>,
    #[vcd(name = "VAppLeaseSettings")]
    pub vapp_lease_settings: Option<OrgLeaseSettings>,
    #[vcd(name = "VAppTemplateLeaseSettings")]
    pub vapp_template_lease_settings: Option<OrgVAppTemplateLeaseSettings>,
    pub org_ldap_settings: Option<OrgLdapSettings>,
    pub org_email_settings: Option<OrgEmailSettings>,
    pub org_password_policy_settings: Option<OrgPasswordPolicySettings>,
}

/// General settings.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    media = "application/vnd.vmware.admin.organizationGeneralSettings",
    ignored("CanPublishToManagedOrgs")
)]
pub struct OrgGeneralSettings {
    #[vcd(base)]
    pub resource: Resource,
    pub can_publish_catalogs: Option<bool>,
    pub can_publish_externally: Option<bool>,
    pub can_subscribe: Option<bool>,
    #[vcd(name = "DeployedVMQuota")]
    pub deployed_vm_quota: Option<i32>,
    pub stored_vm_quota: Option<i32>,
    pub use_server_boot_sequence: Option<bool>,
    pub delay_after_power_on_seconds: Option<i32>,
    pub vdc_quota: Option<i32>,
    pub vm_discovery_enabled: Option<bool>,
}

/// Default leases of vApps.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "VAppLeaseSettings", media = "application/vnd.vmware.admin.vAppLeaseSettings")]
pub struct OrgLeaseSettings {
    #[vcd(base)]
    pub resource: Resource,
    pub delete_on_storage_lease_expiration: Option<bool>,
    pub deployment_lease_seconds: Option<i32>,
    pub storage_lease_seconds: Option<i32>,
    pub power_off_on_runtime_lease_expiration: Option<bool>,
}

/// Default leases of templates.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "OrgVAppTemplateLeaseSettings",
    media = "application/vnd.vmware.admin.vAppTemplateLeaseSettings"
)]
pub struct OrgVAppTemplateLeaseSettings {
    #[vcd(base)]
    pub resource: Resource,
    pub delete_on_storage_lease_expiration: Option<bool>,
    pub storage_lease_seconds: Option<i32>,
}

/// Where users come from.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    media = "application/vnd.vmware.admin.organizationLdapSettings",
    ignored("CustomOrgLdapSettings")
)]
pub struct OrgLdapSettings {
    #[vcd(base)]
    pub resource: Resource,
    pub org_ldap_mode: Option<String>,
    pub custom_users_ou: Option<String>,
}

/// Mail settings.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    media = "application/vnd.vmware.admin.organizationEmailSettings",
    ignored("SmtpServerSettings")
)]
pub struct OrgEmailSettings {
    #[vcd(base)]
    pub resource: Resource,
    pub is_default_smtp_server: bool,
    pub is_default_org_email: bool,
    pub from_email_address: String,
    pub default_subject_prefix: String,
    pub is_alert_email_to_all_admins: bool,
    pub alert_email_to: Vec<String>,
}

/// When accounts are locked.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.admin.organizationPasswordPolicySettings")]
pub struct OrgPasswordPolicySettings {
    #[vcd(base)]
    pub resource: Resource,
    pub account_lockout_enabled: bool,
    pub invalid_logins_before_lockout: i32,
    pub account_lockout_interval_minutes: i32,
}
