//! Organisation VDCs.

use super::{Entity, Reference, Resource, ResourceReference};
use crate::VcdType;

/// A virtual data centre, the tenant's view.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.vdc")]
pub struct Vdc {
    #[vcd(base)]
    pub entity: Entity,
    #[vcd(attr)]
    pub status: Option<i32>,
    #[vcd(attr)]
    pub is_legacy_type: Option<bool>,
    pub compute_provider_scope: Option<String>,
    pub network_provider_scope: Option<String>,
    pub allocation_model: Option<String>,
    pub storage_capacity: Option<CapacityWithUsage>,
    pub compute_capacity: Option<ComputeCapacity>,
    pub resource_entities: Option<ResourceEntities>,
    pub available_networks: Option<AvailableNetworks>,
    pub capabilities: Option<Capabilities>,
    pub nic_quota: Option<i32>,
    pub network_quota: Option<i32>,
    pub used_network_count: Option<i32>,
    pub vm_quota: Option<i32>,
    pub is_enabled: Option<bool>,
    pub vdc_storage_profiles: Option<VdcStorageProfiles>,
    pub default_compute_policy: Option<Reference>,
    pub max_compute_policy: Option<Reference>,
    #[vcd(name = "VCpuInMhz2")]
    pub vcpu_in_mhz2: Option<i64>,
}

/// A virtual data centre, the administrator's view.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    media = "application/vnd.vmware.admin.vdc",
    ignored(
        "VendorServices",
        "ResourcePoolRefs",
        "UniversalNetworkPoolReference",
        "VappNetworkStandbyEnabled",
        "VappNatTypeReflexiveEnabled",
        "NetworkingTenancyEnabled"
    )
)]
pub struct AdminVdc {
    #[vcd(base)]
    pub vdc: Vdc,
    pub resource_guaranteed_memory: Option<f64>,
    pub resource_guaranteed_cpu: Option<f64>,
    #[vcd(name = "VCpuInMhz")]
    pub vcpu_in_mhz: Option<i64>,
    pub is_thin_provision: Option<bool>,
    pub network_pool_reference: Option<Reference>,
    pub provider_vdc_reference: Option<Reference>,
    pub uses_fast_provisioning: Option<bool>,
    pub over_commit_allowed: Option<bool>,
    pub vm_discovery_enabled: Option<bool>,
    pub is_elastic: Option<bool>,
    pub include_memory_overhead: Option<bool>,
}

/// Processor and memory of a VDC.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct ComputeCapacity {
    pub cpu: CapacityWithUsage,
    pub memory: CapacityWithUsage,
}

/// A capacity and how much of it is in use.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct CapacityWithUsage {
    pub units: String,
    pub allocated: Option<i64>,
    pub limit: i64,
    pub reserved: Option<i64>,
    pub used: Option<i64>,
    pub overhead: Option<i64>,
    pub reservation_used: Option<i64>,
}

/// What a VDC contains.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct ResourceEntities {
    pub resource_entity: Vec<ResourceReference>,
}

/// The networks a VDC can use.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct AvailableNetworks {
    pub network: Vec<Reference>,
}

/// What a VDC can do.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct Capabilities {
    pub supported_hardware_versions: Option<SupportedHardwareVersions>,
}

/// The hardware versions of a VDC.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct SupportedHardwareVersions {
    pub supported_hardware_version: Vec<SupportedHardwareVersion>,
}

/// A hardware version, such as `vmx-19`.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(plain)]
pub struct SupportedHardwareVersion {
    #[vcd(attr)]
    pub name: Option<String>,
    #[vcd(attr)]
    pub href: Option<String>,
    #[vcd(attr)]
    pub default: Option<bool>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    #[vcd(text)]
    pub value: String,
}

/// The storage profiles of a VDC.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct VdcStorageProfiles {
    pub vdc_storage_profile: Vec<Reference>,
}

/// The compute policies of a VDC.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.vdcComputePolicyReferences")]
pub struct VdcComputePolicyReferences {
    #[vcd(base)]
    pub resource: Resource,
    pub vdc_compute_policy_reference: Vec<Reference>,
}

/// What a hardware version offers.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.virtualHardwareVersion")]
pub struct VirtualHardwareVersion {
    #[vcd(base)]
    pub resource: Resource,
    #[vcd(attr)]
    pub id: Option<String>,
    #[vcd(attr)]
    pub operation_key: Option<String>,
    #[vcd(name = "name")]
    pub name: String,
    #[vcd(name = "maxCoresPerSocket")]
    pub max_cores_per_socket: i64,
    #[vcd(name = "supportedOperatingSystems")]
    pub supported_operating_systems: SupportedOperatingSystemsInfo,
    #[vcd(name = "maxMemorySizeMb")]
    pub max_memory_size_mb: i64,
    #[vcd(name = "maxCPUs")]
    pub max_cpus: i64,
    #[vcd(name = "maxNICs")]
    pub max_nics: i64,
    #[vcd(name = "supportsNestedHV")]
    pub supports_nested_hv: bool,
    #[vcd(name = "supportsHotPlugPCI")]
    pub supports_hot_plug_pci: bool,
    #[vcd(name = "supportsHotAdd")]
    pub supports_hot_add: bool,
    #[vcd(name = "supportedMemorySizeGb")]
    pub supported_memory_size_gb: Vec<i64>,
    #[vcd(name = "supportedCoresPerSocket")]
    pub supported_cores_per_socket: Vec<i64>,
    pub hard_disk_adapter: Vec<HardDiskAdapter>,
}

/// The guest systems of a hardware version.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct SupportedOperatingSystemsInfo {
    #[vcd(base)]
    pub resource: Resource,
    pub operating_system_family_info: Vec<OperatingSystemFamilyInfo>,
}

/// A family of guest systems.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct OperatingSystemFamilyInfo {
    pub name: Option<String>,
    pub operating_system_family_id: Option<i32>,
    pub operating_system: Vec<OperatingSystemInfo>,
}

/// A guest system.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(ignored(
    "DefaultHardDiskAdapterType",
    "SupportedHardDiskAdapter",
    "RecommendedNIC",
    "SupportedNICType",
    "SupportsTPM"
))]
pub struct OperatingSystemInfo {
    pub operating_system_id: Option<i32>,
    pub minimum_hard_disk_size_gigabytes: Option<i32>,
    pub minimum_memory_megabytes: Option<i32>,
    pub name: Option<String>,
    pub internal_name: Option<String>,
    pub supported: Option<bool>,
    pub support_level: String,
    #[vcd(name = "x64")]
    pub x64: Option<bool>,
    pub maximum_cpu_count: Option<i32>,
    pub maximum_cores_per_socket: Option<i32>,
    pub maximum_socket_count: Option<i32>,
    pub minimum_hardware_version: Option<i32>,
    pub personalization_enabled: Option<bool>,
    pub personalization_auto: Option<bool>,
    pub sysprep_packaging_supported: Option<bool>,
    pub supports_mem_hot_add: Option<bool>,
    #[vcd(name = "cimOsId")]
    pub cim_os_id: Option<i32>,
    pub cim_version: Option<i32>,
    pub supported_for_create: Option<bool>,
    #[vcd(since = "37.0")]
    pub recommended_firmware: Option<String>,
    #[vcd(since = "37.0")]
    pub supported_firmware: Vec<String>,
}

/// A disk controller of a hardware version.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(ignored("ReservedBusUnitNumber"))]
pub struct HardDiskAdapter {
    #[vcd(attr)]
    pub id: String,
    #[vcd(attr)]
    pub legacy_id: i32,
    #[vcd(attr)]
    pub name: String,
    #[vcd(attr)]
    pub maximum_disk_size_gb: i32,
    pub bus_number_ranges: Ranges,
    pub unit_number_ranges: Ranges,
}

/// Ranges of numbers.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct Ranges {
    pub range: Vec<Range>,
}

/// A range of numbers.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct Range {
    #[vcd(attr)]
    pub begin: i32,
    #[vcd(attr)]
    pub end: i32,
}
