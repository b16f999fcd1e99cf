//! `VirtualMachineClusterPreference` of `instancetype.kubevirt.io/v1beta1`: what VMs with an
//! operating system run best with.
//! See <https://kubevirt.io/api-reference/> (`v1beta1.VirtualMachineClusterPreference`).

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    domain::{DiskBus, Efi, Tpm},
    quantity::{Quantity, quantity},
};

/// What is best. A VM's own template wins over it, and it over KubeVirt's defaults.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "instancetype.kubevirt.io",
    version = "v1beta1",
    kind = "VirtualMachineClusterPreference",
    plural = "virtualmachineclusterpreferences",
    shortname = "vmcp",
    shortname = "vmcps",
    derive = "PartialEq",
    doc = "What VMs with an operating system run best with."
)]
#[serde(default)]
pub struct VirtualMachineClusterPreferenceSpec {
    /// CPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<CpuPreference>,
    /// Devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<DevicePreference>,
    /// BIOS or UEFI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware: Option<FirmwarePreference>,
    /// What a VM must have at least; one with less is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirements: Option<Requirements>,
}

/// CPUs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CpuPreference {
    /// What an instance type's CPUs become: `sockets`, `cores`, `threads`, `spread` or `any`.
    #[serde(rename = "preferredCPUTopology", skip_serializing_if = "Option::is_none")]
    pub preferred_cpu_topology: Option<String>,
}

/// Devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DevicePreference {
    /// What disks hang on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_disk_bus: Option<DiskBus>,
    /// What CD drives hang on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_cdrom_bus: Option<DiskBus>,
    /// What interfaces are, such as `virtio`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_interface_model: Option<String>,
    /// A TPM.
    #[serde(rename = "preferredTPM", skip_serializing_if = "Option::is_none")]
    pub preferred_tpm: Option<Tpm>,
}

/// BIOS or UEFI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FirmwarePreference {
    /// UEFI, like this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_efi: Option<Efi>,
    /// UEFI, as preferences said it before `preferred_efi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_use_efi: Option<bool>,
    /// Whether only signed systems start, as preferences said it before `preferred_efi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_use_secure_boot: Option<bool>,
}

/// What a VM must have at least.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Requirements {
    /// CPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<CpuRequirement>,
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryRequirement>,
    /// The CPU's architecture, such as `amd64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
}

/// CPUs that a VM must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CpuRequirement {
    /// How many.
    pub guest: u32,
}

/// Memory that a VM must have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryRequirement {
    /// How much.
    #[schemars(schema_with = "quantity")]
    pub guest: Quantity,
}
