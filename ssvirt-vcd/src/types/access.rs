//! Sharing.

use super::Reference;
use crate::VcdType;

/// Who may use a resource.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.controlAccess")]
pub struct ControlAccessParams {
    pub is_shared_to_everyone: bool,
    pub everyone_access_level: Option<String>,
    pub access_settings: Option<AccessSettings>,
}

/// A list of access settings.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct AccessSettings {
    pub access_setting: Vec<AccessSetting>,
}

/// One subject and what it may do.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct AccessSetting {
    pub subject: Option<Reference>,
    pub external_subject: Option<ExternalSubject>,
    pub access_level: String,
}

/// A subject of another identity provider.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct ExternalSubject {
    pub subject_id: String,
    pub is_user: bool,
    pub idp_type: String,
}
