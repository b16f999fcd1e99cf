//! vApp templates.

use super::{
    BootOptions, ComputePolicy, CustomizationSection, DefaultStorageProfileSection, Entity, Files,
    GuestCustomizationSection, LeaseSettingsSection, NetworkConfigSection,
    NetworkConnectionSection, NetworkSection, OperatingSystemSection, Owner, ProductSection,
    Reference, VirtualHardwareSection, VmSpecSection,
};
use crate::VcdType;

/// A vApp template, and also each VM of one.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "VAppTemplate",
    type_name = "VAppTemplateType",
    media = "application/vnd.vmware.vcloud.vAppTemplate",
    ignored(
        "CopyTpmOnInstantiate",
        "TrustedPlatformModule",
        "AnnotationSection",
        "EulaSection",
        "StartupSection",
        "InstallSection",
        "RuntimeInfoSection",
        "SnapshotSection"
    )
)]
pub struct VAppTemplate {
    #[vcd(base)]
    pub entity: Entity,
    #[vcd(attr)]
    pub status: Option<i32>,
    #[vcd(attr)]
    pub ovf_descriptor_uploaded: Option<bool>,
    #[vcd(attr)]
    pub gold_master: Option<bool>,
    pub files: Option<Files>,
    pub owner: Option<Owner>,
    pub children: Option<VAppTemplateChildren>,
    #[vcd(section)]
    pub lease_settings_section: Option<LeaseSettingsSection>,
    #[vcd(section)]
    pub customization_section: Option<CustomizationSection>,
    #[vcd(section, name = "ovf:NetworkSection")]
    pub network_section: Option<NetworkSection>,
    #[vcd(section)]
    pub network_config_section: Option<NetworkConfigSection>,
    #[vcd(section, name = "ovf:VirtualHardwareSection")]
    pub virtual_hardware_section: Option<VirtualHardwareSection>,
    #[vcd(section, name = "ovf:OperatingSystemSection")]
    pub operating_system_section: Option<OperatingSystemSection>,
    #[vcd(section)]
    pub network_connection_section: Option<NetworkConnectionSection>,
    #[vcd(section)]
    pub guest_customization_section: Option<GuestCustomizationSection>,
    #[vcd(section, name = "ovf:ProductSection")]
    pub product_section: Vec<ProductSection>,
    #[vcd(section)]
    pub default_storage_profile_section: Option<DefaultStorageProfileSection>,
    #[vcd(section)]
    pub vm_spec_section: Option<VmSpecSection>,
    #[vcd(name = "VAppScopedLocalId")]
    pub vapp_scoped_local_id: Option<String>,
    pub default_storage_profile: Option<String>,
    pub vdc_compute_policy: Option<Reference>,
    pub compute_policy: Option<ComputePolicy>,
    pub date_created: Option<String>,
    #[vcd(since = "37.1")]
    pub boot_options: Option<BootOptions>,
}

/// The VMs of a template.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(type_name = "VAppTemplateChildrenType")]
pub struct VAppTemplateChildren {
    pub vm: Vec<VAppTemplate>,
}
