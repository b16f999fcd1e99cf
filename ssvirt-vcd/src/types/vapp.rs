//! vApps and VMs.

use super::{
    BootOptions, ComputePolicy, Entity, Files, GuestCustomizationSection, LeaseSettingsSection,
    NetworkConfigSection, NetworkConnectionSection, NetworkSection, OperatingSystemSection, Owner,
    ProductSection, Reference, RuntimeInfoSection, SnapshotSection, StartupSection,
    VirtualHardwareSection, VmCapabilities, VmSpecSection,
};
use crate::VcdType;

/// A vApp.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "VApp",
    type_name = "VAppType",
    media = "application/vnd.vmware.vcloud.vApp",
    ignored("AnnotationSection", "EulaSection", "InstallSection", "CustomizationSection")
)]
pub struct VApp {
    #[vcd(base)]
    pub entity: Entity,
    #[vcd(attr)]
    pub status: Option<i32>,
    #[vcd(attr)]
    pub deployed: Option<bool>,
    #[vcd(attr)]
    pub ovf_descriptor_uploaded: Option<bool>,
    pub files: Option<Files>,
    pub vapp_parent: Option<Reference>,
    #[vcd(section)]
    pub lease_settings_section: Option<LeaseSettingsSection>,
    #[vcd(section, name = "ovf:StartupSection")]
    pub startup_section: Option<StartupSection>,
    #[vcd(section, name = "ovf:NetworkSection")]
    pub network_section: Option<NetworkSection>,
    #[vcd(section)]
    pub network_config_section: Option<NetworkConfigSection>,
    #[vcd(section)]
    pub snapshot_section: Option<SnapshotSection>,
    #[vcd(section, name = "ovf:ProductSection")]
    pub product_section: Vec<ProductSection>,
    pub date_created: Option<String>,
    pub owner: Option<Owner>,
    #[vcd(name = "autoNature")]
    pub auto_nature: Option<bool>,
    pub in_maintenance_mode: Option<bool>,
    pub children: Option<VAppChildren>,
}

/// The VMs of a vApp.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(type_name = "VAppChildrenType", ignored("VApp"))]
pub struct VAppChildren {
    pub vm: Vec<Vm>,
}

/// A VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    media = "application/vnd.vmware.vcloud.vm",
    ignored(
        "Environment",
        "AnnotationSection",
        "EulaSection",
        "InstallSection",
        "GuestCustomizationStatusSection",
        "ComputePolicyCompliance",
        "ReplicationTrackingDiskSection",
        "ReplicationTrackingSettings",
        "TrustedPlatformModule",
        "IsVAppConfigRemoved"
    )
)]
pub struct Vm {
    #[vcd(base)]
    pub entity: Entity,
    #[vcd(attr)]
    pub status: Option<i32>,
    #[vcd(attr)]
    pub deployed: Option<bool>,
    #[vcd(attr)]
    pub needs_customization: Option<bool>,
    #[vcd(attr)]
    pub nested_hypervisor_enabled: Option<bool>,
    #[vcd(attr)]
    pub encrypted: Option<bool>,
    pub files: Option<Files>,
    pub vapp_parent: Option<Reference>,
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
    pub runtime_info_section: Option<RuntimeInfoSection>,
    #[vcd(section)]
    pub snapshot_section: Option<SnapshotSection>,
    #[vcd(section)]
    pub vm_spec_section: Option<VmSpecSection>,
    pub date_created: Option<String>,
    #[vcd(name = "VAppScopedLocalId")]
    pub vapp_scoped_local_id: Option<String>,
    pub vm_capabilities: Option<VmCapabilities>,
    pub storage_profile: Option<Reference>,
    pub vdc_compute_policy: Option<Reference>,
    pub compute_policy: Option<ComputePolicy>,
    pub is_compute_policy_compliant: Option<bool>,
    pub boot_options: Option<BootOptions>,
    pub media: Option<Reference>,
}

/// A VM to be made of nothing: a [`Vm`] under the name that it has in compositions.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(type_name = "VmType")]
pub struct CreateItem {
    #[vcd(base)]
    pub vm: Vm,
}
