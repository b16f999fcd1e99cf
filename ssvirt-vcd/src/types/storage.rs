//! Storage profiles.

use super::{Entity, Reference};
use crate::VcdType;

/// A storage profile of a VDC.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.vdcStorageProfile")]
pub struct VdcStorageProfile {
    #[vcd(base)]
    pub entity: Entity,
    pub enabled: Option<bool>,
    pub units: String,
    pub limit: i64,
    pub default: bool,
    pub iops_settings: Option<VdcStorageProfileIopsSettings>,
    pub inherit_pvdc_default_settings: Option<bool>,
    #[vcd(name = "StorageUsedMB")]
    pub storage_used_mb: Option<i64>,
    pub iops_allocated: Option<i64>,
}

/// A storage profile of a VDC, the administrator's view.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.admin.vdcStorageProfile")]
pub struct AdminVdcStorageProfile {
    #[vcd(base)]
    pub profile: VdcStorageProfile,
    pub provider_vdc_storage_profile: Reference,
}

/// Limits of disk operations per second.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(plain)]
pub struct VdcStorageProfileIopsSettings {
    pub enabled: bool,
    pub disk_iops_max: i64,
    pub disk_iops_default: i64,
    pub storage_profile_iops_limit: Option<i64>,
    pub disk_iops_per_gb_max: Option<i64>,
    pub ignore_iops_placement: Option<bool>,
}
