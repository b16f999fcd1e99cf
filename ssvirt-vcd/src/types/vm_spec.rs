//! The specification of a VM.

use super::{Link, Msg, Reference};
use crate::VcdType;

/// Processors, memory, disks and firmware of a VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(plain)]
pub struct VmSpecSection {
    #[vcd(attr, name = "Modified")]
    pub modified: Option<bool>,
    #[vcd(attr, name = "ovf:required")]
    pub required: Option<bool>,
    #[vcd(name = "ovf:Info", default)]
    pub info: Msg,
    pub os_type: Option<String>,
    #[vcd(since = "37.1")]
    pub firmware: Option<String>,
    pub num_cpus: Option<i32>,
    pub num_cores_per_socket: Option<i32>,
    pub cpu_resource_mhz: Option<ComputeResource>,
    pub memory_resource_mb: Option<ComputeResource>,
    pub media_section: Option<MediaSection>,
    pub disk_section: Option<DiskSection>,
    pub hardware_version: Option<HardwareVersion>,
    pub vm_tools_version: Option<String>,
    pub tools_guest_os_id: Option<String>,
    pub virtual_cpu_type: Option<String>,
    pub time_sync_with_host: Option<bool>,
}

/// An amount of processor or memory.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct ComputeResource {
    pub configured: i64,
    pub reservation: Option<i64>,
    pub limit: Option<i64>,
    pub shares_level: Option<String>,
    pub shares: Option<i32>,
}

/// The media drives of a VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct MediaSection {
    pub media_settings: Vec<MediaSettings>,
}

/// A media drive.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct MediaSettings {
    pub device_id: Option<String>,
    pub media_image: Option<Reference>,
    pub media_type: Option<String>,
    pub media_state: Option<String>,
    pub unit_number: i32,
    pub bus_number: i32,
    pub adapter_type: Option<String>,
}

/// The disks of a VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct DiskSection {
    pub disk_settings: Vec<DiskSettings>,
}

/// A disk.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct DiskSettings {
    pub disk_id: Option<String>,
    pub size_mb: i64,
    pub unit_number: i32,
    pub bus_number: i32,
    pub adapter_type: String,
    pub thin_provisioned: Option<bool>,
    pub disk: Option<Reference>,
    pub storage_profile: Option<Reference>,
    #[vcd(name = "overrideVmDefault")]
    pub override_vm_default: Option<bool>,
    #[vcd(since = "37.1")]
    pub iops_allocation: Option<IopsAllocation>,
    #[vcd(name = "iops")]
    pub iops: Option<i64>,
    pub virtual_quantity_unit: Option<String>,
    pub virtual_quantity: Option<i64>,
    #[vcd(name = "resizable")]
    pub resizable: Option<bool>,
    #[vcd(name = "encrypted")]
    pub encrypted: Option<bool>,
    #[vcd(name = "shareable")]
    pub shareable: Option<bool>,
    #[vcd(name = "sharingType")]
    pub sharing_type: Option<String>,
}

/// The operations per second a disk may do.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct IopsAllocation {
    pub reservation: Option<i64>,
    pub limit: Option<i64>,
    pub shares_level: Option<String>,
    pub shares: Option<i32>,
}

/// The hardware version of a VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(plain)]
pub struct HardwareVersion {
    #[vcd(attr)]
    pub href: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    #[vcd(text)]
    pub value: String,
}

/// What can be changed while a VM runs.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.vmCapabilitiesSection")]
pub struct VmCapabilities {
    #[vcd(attr)]
    pub href: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    pub link: Vec<Link>,
    pub memory_hot_add_enabled: Option<bool>,
    pub cpu_hot_add_enabled: Option<bool>,
}

/// The compute policies of a VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct ComputePolicy {
    #[vcd(attr)]
    pub href: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    pub link: Vec<Link>,
    pub vm_placement_policy: Option<Reference>,
    pub vm_placement_policy_final: Option<bool>,
    pub vm_sizing_policy: Option<Reference>,
    pub vm_sizing_policy_final: Option<bool>,
}

/// How a VM boots.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.bootOptionsSection")]
pub struct BootOptions {
    #[vcd(attr)]
    pub href: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    pub link: Vec<Link>,
    pub boot_delay: Option<i64>,
    #[vcd(name = "EnterBIOSSetup")]
    pub enter_bios_setup: Option<bool>,
    #[vcd(since = "37.1")]
    pub boot_retry_enabled: Option<bool>,
    #[vcd(since = "37.1")]
    pub boot_retry_delay: Option<i64>,
    #[vcd(since = "37.1")]
    pub efi_secure_boot_enabled: Option<bool>,
    #[vcd(since = "37.1")]
    pub network_boot_protocol: Option<String>,
}
