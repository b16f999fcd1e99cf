//! The bodies of operations.

use super::{
    ComputePolicy, CustomizationSection, GuestCustomizationSection, LeaseSettingsSection,
    NetworkConfigSection, NetworkConnectionSection, NetworkSection, OperatingSystemSection,
    ProductSection, Reference, StartupSection, VirtualHardwareSection, Vm, VmCapabilities,
    VmSpecSection,
};
use crate::VcdType;

/// Makes a vApp out of templates, VMs and new VMs.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "ComposeVAppParams",
    type_name = "ComposeVAppParamsType",
    media = "application/vnd.vmware.vcloud.composeVAppParams"
)]
pub struct ComposeVAppParams {
    #[vcd(attr)]
    pub name: Option<String>,
    #[vcd(attr)]
    pub deploy: Option<bool>,
    #[vcd(attr)]
    pub power_on: Option<bool>,
    #[vcd(attr)]
    pub linked_clone: Option<bool>,
    pub description: Option<String>,
    #[vcd(name = "VAppParent")]
    pub vapp_parent: Option<Reference>,
    pub instantiation_params: Option<InstantiationParams>,
    pub sourced_item: Vec<SourcedItem>,
    pub create_item: Vec<Vm>,
    #[vcd(name = "AllEULAsAccepted")]
    pub all_eulas_accepted: Option<bool>,
}

/// Changes which VMs a vApp has.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "RecomposeVAppParams",
    type_name = "RecomposeVAppParamsType",
    media = "application/vnd.vmware.vcloud.recomposeVAppParams"
)]
pub struct RecomposeVAppParams {
    #[vcd(base)]
    pub compose: ComposeVAppParams,
    pub delete_item: Vec<Reference>,
    pub reconfigure_item: Vec<Vm>,
}

/// A VM to be made from a template's VM or an existing one.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(type_name = "SourcedCompositionItemParamType", ignored("ReplaceTpm"))]
pub struct SourcedItem {
    #[vcd(attr)]
    pub source_delete: Option<bool>,
    pub source: Reference,
    pub vm_general_params: Option<VmGeneralParams>,
    #[vcd(name = "VAppScopedLocalId")]
    pub vapp_scoped_local_id: Option<String>,
    pub instantiation_params: Option<InstantiationParams>,
    pub network_assignment: Vec<NetworkAssignment>,
    pub storage_profile: Option<Reference>,
    pub vdc_compute_policy: Option<Reference>,
    pub compute_policy: Option<ComputePolicy>,
    pub locality_params: Option<LocalityParams>,
    pub vm_capabilities: Option<VmCapabilities>,
}

/// Name and description of a VM to be made.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct VmGeneralParams {
    pub name: Option<String>,
    pub description: Option<String>,
    pub needs_customization: Option<bool>,
    pub regenerate_bios_uuid: Option<bool>,
}

/// Sections that override those of a template.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(ignored(
    "SnapshotSection",
    "RuntimeInfoSection",
    "DefaultStorageProfileSection",
    "AnnotationSection",
    "EulaSection"
))]
pub struct InstantiationParams {
    #[vcd(section)]
    pub lease_settings_section: Option<LeaseSettingsSection>,
    #[vcd(section, name = "ovf:StartupSection")]
    pub startup_section: Option<StartupSection>,
    #[vcd(section, name = "ovf:NetworkSection")]
    pub network_section: Option<NetworkSection>,
    #[vcd(section)]
    pub network_config_section: Option<NetworkConfigSection>,
    #[vcd(section)]
    pub customization_section: Option<CustomizationSection>,
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
    pub vm_spec_section: Option<VmSpecSection>,
}

/// Which network of the vApp a VM's network becomes.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct NetworkAssignment {
    #[vcd(attr)]
    pub inner_network: String,
    #[vcd(attr)]
    pub container_network: String,
}

/// What a new VM should be near to.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct LocalityParams {
    pub resource_entity: Vec<Reference>,
}

/// Makes a vApp from a template or another vApp: `InstantiateVAppParamsType`.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "InstantiateVAppParams", type_name = "InstantiateVAppParamsType")]
pub struct InstantiateVAppParams {
    #[vcd(attr)]
    pub name: Option<String>,
    #[vcd(attr)]
    pub deploy: Option<bool>,
    #[vcd(attr)]
    pub power_on: Option<bool>,
    #[vcd(attr)]
    pub linked_clone: Option<bool>,
    pub description: Option<String>,
    #[vcd(name = "VAppParent")]
    pub vapp_parent: Option<Reference>,
    pub instantiation_params: Option<InstantiationParams>,
    pub source: Reference,
    pub is_source_delete: Option<bool>,
    pub sourced_vm_instantiation_params: Vec<SourcedVmInstantiationParams>,
    pub sourced_item: Vec<SourcedItem>,
}

/// Makes a vApp from a template.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "InstantiateVAppTemplateParams",
    type_name = "InstantiateVAppTemplateParamsType",
    media = "application/vnd.vmware.vcloud.instantiateVAppTemplateParams"
)]
pub struct InstantiateVAppTemplateParams {
    #[vcd(base)]
    pub params: InstantiateVAppParams,
    #[vcd(name = "AllEULAsAccepted")]
    pub all_eulas_accepted: Option<bool>,
}

/// Copies or moves a vApp.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "CloneVAppParams",
    type_name = "CloneVAppParamsType",
    media = "application/vnd.vmware.vcloud.cloneVAppParams"
)]
pub struct CloneVAppParams {
    #[vcd(base)]
    pub params: InstantiateVAppParams,
}

/// What differs for one VM of a template.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct SourcedVmInstantiationParams {
    pub source: Reference,
    pub storage_profile: Option<Reference>,
    pub locality_params: Option<LocalityParams>,
    pub hardware_customization: Option<HardwareCustomization>,
}

/// Sizes for one VM of a template.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(type_name = "InstantiateVmHardwareCustomizationParamsType")]
pub struct HardwareCustomization {
    pub number_of_cpus: Option<i32>,
    pub cores_per_socket: Option<i32>,
    pub memory_size: Option<i64>,
    pub disk: Vec<HardwareCustomizationDisk>,
}

/// The size of one disk of a template.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "Disk", type_name = "Disk")]
pub struct HardwareCustomizationDisk {
    #[vcd(attr)]
    pub instance_id: Option<String>,
    pub size: Option<i64>,
}

/// Makes a VM without a visible vApp.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.CreateVmParams")]
pub struct CreateVmParams {
    #[vcd(attr)]
    pub name: Option<String>,
    #[vcd(attr)]
    pub power_on: Option<bool>,
    pub description: Option<String>,
    pub create_vm: Vm,
    pub media: Option<Reference>,
}

/// Makes a VM without a visible vApp from a template's VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.instantiateVmTemplateParams")]
pub struct InstantiateVmTemplateParams {
    #[vcd(attr)]
    pub name: Option<String>,
    #[vcd(attr)]
    pub power_on: Option<bool>,
    pub description: Option<String>,
    pub sourced_vm_template_item: Option<SourcedVmTemplateItem>,
    #[vcd(name = "AllEULAsAccepted")]
    pub all_eulas_accepted: Option<bool>,
    pub compute_policy: Option<ComputePolicy>,
}

/// The template's VM to be instantiated.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(type_name = "SourcedVmTemplateParamsType", ignored("ReplaceTpm"))]
pub struct SourcedVmTemplateItem {
    pub source: Reference,
    pub vm_general_params: Option<VmGeneralParams>,
    pub vm_template_instantiation_params: Option<InstantiationParams>,
    pub storage_profile: Option<Reference>,
    pub locality_params: Option<LocalityParams>,
    pub vm_capabilities: Option<VmCapabilities>,
}

/// Deploys a vApp or VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "DeployVAppParams",
    type_name = "DeployVAppParamsType",
    media = "application/vnd.vmware.vcloud.deployVAppParams"
)]
pub struct DeployVAppParams {
    #[vcd(attr)]
    pub power_on: Option<bool>,
    #[vcd(attr)]
    pub deployment_lease_seconds: Option<i32>,
    #[vcd(attr)]
    pub force_customization: Option<bool>,
}

/// Undeploys a vApp or VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "UndeployVAppParams",
    type_name = "UndeployVAppParamsType",
    media = "application/vnd.vmware.vcloud.undeployVAppParams"
)]
pub struct UndeployVAppParams {
    pub undeploy_power_action: Option<String>,
}

/// Makes a snapshot.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.createSnapshotParams")]
pub struct CreateSnapshotParams {
    #[vcd(attr)]
    pub name: Option<String>,
    #[vcd(attr)]
    pub memory: Option<bool>,
    #[vcd(attr)]
    pub quiesce: Option<bool>,
    pub description: Option<String>,
}

/// Inserts or ejects a medium.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.mediaInsertOrEjectParams")]
pub struct MediaInsertOrEjectParams {
    pub media: Option<Reference>,
}

/// Announces the upload of a template.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "UploadVAppTemplateParams",
    type_name = "UploadVAppTemplateParamsType",
    media = "application/vnd.vmware.vcloud.uploadVAppTemplateParams"
)]
pub struct UploadVAppTemplateParams {
    #[vcd(attr)]
    pub name: Option<String>,
    #[vcd(attr)]
    pub transfer_format: Option<String>,
    #[vcd(attr)]
    pub manifest_required: Option<bool>,
    #[vcd(attr)]
    pub source_href: Option<String>,
    pub description: Option<String>,
    pub vdc_storage_profile: Option<Reference>,
}

/// Makes a template from a vApp.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "CaptureVAppParams",
    type_name = "CaptureVAppParamsType",
    media = "application/vnd.vmware.vcloud.captureVAppParams",
    ignored("CaptureVmParams", "CopyTpmOnInstantiate")
)]
pub struct CaptureVAppParams {
    #[vcd(attr)]
    pub name: Option<String>,
    pub description: Option<String>,
    pub source: Reference,
    #[vcd(section)]
    pub lease_settings_section: Option<LeaseSettingsSection>,
    #[vcd(section)]
    pub customization_section: Option<CustomizationSection>,
    pub vdc_storage_profile: Option<Reference>,
    pub target_catalog_item: Option<Reference>,
}
