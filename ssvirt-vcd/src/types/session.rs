//! Versions and sessions.

use super::{Entity, Resource};
use crate::VcdType;

/// The answer of `/api/versions`.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(ns = "versions", media = "text/xml", ignored("AlphaVersion"))]
pub struct SupportedVersions {
    pub version_info: Vec<VersionInfo>,
    pub schema_root: Option<String>,
}

/// One supported version.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(ns = "versions", ignored("MediaTypeMapping"))]
pub struct VersionInfo {
    #[vcd(attr)]
    pub deprecated: Option<bool>,
    pub version: String,
    pub login_url: String,
    pub provider_login_url: Option<String>,
}

/// A login session.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.session")]
pub struct Session {
    #[vcd(base)]
    pub resource: Resource,
    #[vcd(attr)]
    pub user: Option<String>,
    #[vcd(attr)]
    pub org: Option<String>,
    #[vcd(attr)]
    pub user_id: Option<String>,
    #[vcd(attr)]
    pub roles: Option<String>,
    #[vcd(attr)]
    pub location_id: Option<String>,
    pub authorized_locations: Option<AuthorizedLocations>,
}

/// The sites a session may use.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(plain)]
pub struct AuthorizedLocations {
    pub location: Vec<AuthorizedLocation>,
}

/// A site that a session may use.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(ignored("AlphaApiVersion"))]
pub struct AuthorizedLocation {
    #[vcd(base)]
    pub entity: Entity,
    pub location_id: String,
    pub location_name: Option<String>,
    pub site_name: Option<String>,
    pub org_name: Option<String>,
    pub rest_api_endpoint: String,
    #[vcd(name = "UIEndpoint")]
    pub ui_endpoint: String,
    pub use_multisite_token: Option<bool>,
    pub auth_context: Option<String>,
    pub api_version: Option<String>,
}
