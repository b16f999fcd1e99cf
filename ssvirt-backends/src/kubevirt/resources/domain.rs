//! The virtual hardware of a VM and of an instance.
//! See <https://kubevirt.io/api-reference/> (`v1.DomainSpec`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    open::open_enum,
    quantity::{Quantity, quantity},
    shared::{Empty, Resources},
};

open_enum! {
    /// What a disk hangs on.
    DiskBus {
        /// Paravirtual, one device a disk.
        Virtio = "virtio",
        /// Paravirtual SCSI; the one for disks that are added while the VM runs.
        Scsi = "scsi",
        /// SATA.
        Sata = "sata",
        /// USB.
        Usb = "usb",
    }
}

open_enum! {
    /// What is to be done with an interface or its link.
    InterfaceState {
        /// The link is up.
        Up = "up",
        /// The link is down.
        Down = "down",
        /// The interface is taken away, from a running VM too.
        Absent = "absent",
    }
}

open_enum! {
    /// Whether a CPU must have a feature.
    CpuFeaturePolicy {
        /// The guest sees it, whether the node has it or not.
        Force = "force",
        /// The guest sees it, and the node must have it.
        Require = "require",
        /// The guest sees it if the node has it.
        Optional = "optional",
        /// The guest does not see it.
        Disable = "disable",
        /// The guest does not see it, and the node must not have it.
        Forbid = "forbid",
    }
}

/// Virtual hardware.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Domain {
    /// CPUs; none with an instance type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Memory; none with an instance type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Devices.
    pub devices: Devices,
    /// What the machine can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<Features>,
    /// What it starts with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Firmware>,
    /// What machine it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// What its pod asks for; KubeVirt works it out from CPU and memory where it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

/// CPUs. A guest has as many as sockets, cores and threads multiply to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Cpu {
    /// Sockets; without, 1. This is the number that can be raised while the VM runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sockets: Option<u32>,
    /// Cores a socket; without, 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<u32>,
    /// Threads a core; without, 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    /// How many sockets there can be while the VM runs; without, four times as many as at first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_sockets: Option<u32>,
    /// The CPU's model: a name of libvirt's, `host-model` or `host-passthrough`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Features besides the model's, such as `vmx` or `svm` for nested virtualization.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<CpuFeature>,
}

impl Cpu {
    /// How many CPUs a guest has of it.
    pub fn count(&self) -> i64 {
        count(self.sockets, self.cores, self.threads)
    }
}

/// How many CPUs a topology has: what is not said is 1.
pub fn count(sockets: Option<u32>, cores: Option<u32>, threads: Option<u32>) -> i64 {
    let number = |count: Option<u32>| i64::from(count.unwrap_or(1));
    number(sockets).saturating_mul(number(cores)).saturating_mul(number(threads))
}

/// A feature of a CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CpuFeature {
    /// Its name in libvirt.
    pub name: String,
    /// Whether there must be one; without, it must.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<CpuFeaturePolicy>,
}

/// Memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Memory {
    /// What the guest has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "quantity")]
    pub guest: Option<Quantity>,
    /// How much it can have while the VM runs; without, four times as much as at first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "quantity")]
    pub max_guest: Option<Quantity>,
}

/// Devices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Devices {
    /// Disks; each has a volume of its name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<Disk>,
    /// Network interfaces; each has a network of its name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<Interface>,
    /// Keyboards and tablets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// A TPM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpm: Option<Tpm>,
    /// A source of random numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rng: Option<Empty>,
    /// Whether a VM without interfaces gets one on the pod network; without, it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoattach_pod_interface: Option<bool>,
    /// Whether there is a screen for VNC; without, there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoattach_graphics_device: Option<bool>,
    /// Whether there is a serial console; without, there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoattach_serial_console: Option<bool>,
}

/// A disk: exactly one of `disk`, `cdrom` and `lun`; with none it is a `disk`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// Its name, which is its volume's too.
    pub name: String,
    /// A disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskTarget>,
    /// A CD drive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cdrom: Option<DiskTarget>,
    /// A disk that the guest may send SCSI commands to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lun: Option<DiskTarget>,
    /// Its place in the boot order, from 1; if any device has one, those without are not tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_order: Option<u32>,
    /// The serial number that the guest sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Whether other VMs may have it at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shareable: Option<bool>,
}

/// How a disk or a CD drive shows in the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DiskTarget {
    /// What it hangs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bus: Option<DiskBus>,
    /// Whether it cannot be written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readonly: Option<bool>,
}

/// A network interface: at most one of `masquerade`, `bridge`, `sriov` and `binding`. With none on
/// the pod network KubeVirt makes it a bridge, and the VM cannot move to another node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Interface {
    /// Its name, which is its network's too.
    pub name: String,
    /// What it is, such as `virtio` or `e1000e`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its MAC address; KubeVirt picks one where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac_address: Option<String>,
    /// Behind address translation, for the pod network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masquerade: Option<Empty>,
    /// On a bridge, for networks of Multus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bridge: Option<Empty>,
    /// A virtual function of the node's card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sriov: Option<Empty>,
    /// As a plugin does it, such as `l2bridge` for primary user-defined networks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// What is to be done with it or its link; without, the link is up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<InterfaceState>,
    /// Its place in the boot order, from 1; see [`Disk::boot_order`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_order: Option<u32>,
}

/// The plugin that connects an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Binding {
    /// Its name in KubeVirt's settings.
    pub name: String,
}

/// Something to type or point with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// What it is: `tablet`, the one whose pointer follows a VNC client's.
    #[serde(rename = "type")]
    pub type_: String,
    /// What it hangs on: `usb` or `virtio`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bus: Option<String>,
}

/// A TPM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tpm {
    /// Whether there is one; without, there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether its state outlives a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent: Option<bool>,
}

/// What the machine can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Features {
    /// Tell the guest to shut down and reboot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acpi: Option<FeatureState>,
    /// System management mode; secure boot needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smm: Option<FeatureState>,
}

/// Whether a machine can do something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FeatureState {
    /// Whether it can; without, it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// What a machine starts with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Firmware {
    /// BIOS or UEFI; without, BIOS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootloader: Option<Bootloader>,
    /// The UUID that the guest sees; KubeVirt picks one where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// The serial number that the guest sees; KubeVirt picks one where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
}

/// BIOS or UEFI: one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Bootloader {
    /// BIOS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bios: Option<Empty>,
    /// UEFI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub efi: Option<Efi>,
}

/// UEFI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Efi {
    /// Whether only signed systems start; without, so it is, and SMM must be on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secure_boot: Option<bool>,
    /// Whether its variables outlive a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent: Option<bool>,
}

/// What machine it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Machine {
    /// Its type, such as `q35`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
}
