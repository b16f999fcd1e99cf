//! Virtual machines: what they should be like, and what was last seen of them.

use std::{collections::BTreeMap, net::Ipv4Addr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    ComputePolicy, HardwareState, Network, Org, Phase, Product, StorageProfile, TemplateVm, VApp,
    Vdc,
};
use crate::{id::Id, status::Status};

/// A virtual machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vm {
    /// Its id.
    pub id: Id<Vm>,
    /// Whose it is.
    pub org: Id<Org>,
    /// Where it is.
    pub vdc: Id<Vdc>,
    /// The vApp it belongs to.
    pub vapp: Id<VApp>,
    /// The name; unique in the vApp.
    pub name: String,
    /// Free text.
    pub description: String,
    /// How far it is.
    pub phase: Phase,
    /// What it should be like.
    pub spec: VmSpec,
    /// Whether it holds resources: on after deploy or power-on, off after undeploy.
    pub deployed: bool,
    /// What the backend last reported.
    pub state: VmState,
    /// The template VM it was made from.
    pub template: Option<Id<TemplateVm>>,
    /// OVF properties that its guest is given.
    pub products: Vec<Product>,
    /// Security tags.
    #[serde(default)]
    pub security_tags: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed; none is when it was made.
    #[serde(default)]
    pub modified: Option<Timestamp>,
    /// See the module.
    pub version: i64,
}

impl Vm {
    /// In which fields its hardware is not as it should be, see [`HardwareState::drift`].
    pub fn drift(&self) -> Vec<&'static str> {
        self.state.hardware.as_ref().map(|seen| seen.drift(&self.spec)).unwrap_or_default()
    }

    /// VCD's status of the VM.
    pub fn status(&self) -> Status {
        match (self.phase, self.state.power, self.deployed) {
            (Phase::Failed, ..) => Status::FailedCreation,
            (Phase::Creating, ..) => Status::Unresolved,
            (_, PowerState::On, _) => Status::PoweredOn,
            (_, PowerState::Suspended, true) => Status::Suspended,
            (_, PowerState::Suspended, false) => Status::Suspended,
            (_, PowerState::Off, true) => Status::PartiallyPoweredOff,
            (_, PowerState::Off, false) => Status::PoweredOff,
            (_, PowerState::Lost, _) => Status::Inconsistent,
            (_, PowerState::Unknown, _) => Status::Unknown,
        }
    }
}

/// Whether a VM runs, as the backend sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PowerState {
    /// It does not run.
    #[default]
    Off,
    /// It runs, or is on its way to.
    On,
    /// It is paused, its memory kept.
    Suspended,
    /// The backend does not have it although it should.
    Lost,
    /// The backend cannot tell.
    Unknown,
}

/// What a backend reports of a VM.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VmState {
    /// Whether it runs.
    pub power: PowerState,
    /// What is seen of its NICs.
    #[serde(default)]
    pub nics: Vec<NicState>,
    /// The guest's operating system, as the guest agent names it.
    #[serde(default)]
    pub guest_os: Option<String>,
    /// The guest agent's version, when one answers.
    #[serde(default)]
    pub tools_version: Option<String>,
    /// Whether it runs with less, or other hardware, than it should have, until it is started anew.
    #[serde(default)]
    pub restart_required: bool,
    /// Its snapshot; of several the one that was taken last.
    #[serde(default)]
    pub snapshot: Option<Snapshot>,
    /// Its hardware; none where the backend does not tell.
    #[serde(default)]
    pub hardware: Option<Box<HardwareState>>,
}

impl VmState {
    /// The address that a NIC is shown with: the one seen in use, or else the one that it is given.
    pub fn address_of(&self, nic: &NicSpec) -> Option<Ipv4Addr> {
        let seen = self.nics.iter().find(|seen| seen.index == nic.index);
        seen.and_then(|seen| seen.ip).or(nic.ip)
    }
}

/// A VM as it was at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its id.
    pub id: Id<Self>,
    /// When it was taken.
    pub created: Timestamp,
    /// Whether the VM ran then.
    pub powered_on: bool,
    /// The size of what is in it, in MiB, if known.
    #[serde(default)]
    pub size_mib: Option<i64>,
}

/// What a backend reports of a NIC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NicState {
    /// Which one.
    pub index: i32,
    /// The address in use.
    pub ip: Option<Ipv4Addr>,
}

/// The firmware a VM starts with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// BIOS.
    #[default]
    Bios,
    /// UEFI.
    Efi,
}

impl Firmware {
    /// As it stands on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bios => "bios",
            Self::Efi => "efi",
        }
    }
}

/// What a virtual machine should be like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VmSpec {
    /// VMware's identifier of the guest operating system, such as `ubuntu64Guest`.
    pub os_type: String,
    /// What it starts with.
    #[serde(default)]
    pub firmware: Firmware,
    /// vCPUs.
    pub cpus: i32,
    /// Cores a socket.
    pub cores_per_socket: i32,
    /// Memory in MiB.
    pub memory_mib: i64,
    /// Virtual hardware version, such as `vmx-19`.
    pub hardware_version: String,
    /// `VM32` or `VM64`.
    pub cpu_type: String,
    /// CPU shares etc. as the client wrote them.
    #[serde(default)]
    pub shares: Shares,
    /// Disks.
    #[serde(default)]
    pub disks: Vec<DiskSpec>,
    /// NICs.
    #[serde(default)]
    pub nics: Vec<NicSpec>,
    /// The primary NIC's index.
    #[serde(default)]
    pub primary_nic: i32,
    /// What the guest is set up with.
    #[serde(default)]
    pub guest: GuestCustomization,
    /// How it starts.
    #[serde(default)]
    pub boot: BootOptions,
    /// Whether vCPUs may be added while it runs.
    #[serde(default)]
    pub cpu_hot_add: bool,
    /// Whether memory may be added while it runs.
    #[serde(default)]
    pub memory_hot_add: bool,
    /// Whether hardware virtualization is shown to the guest.
    #[serde(default)]
    pub nested_hypervisor: bool,
    /// Where its home and those disks are that name none.
    #[serde(default)]
    pub storage_profile: Option<Id<StorageProfile>>,
    /// Its sizing policy; none is the system default.
    #[serde(default)]
    pub sizing_policy: Option<Id<ComputePolicy>>,
    /// Extra configuration, by key.
    #[serde(default)]
    pub extra_config: BTreeMap<String, String>,
    /// The catalog source's image that its first disk starts from.
    #[serde(default)]
    pub image: Option<String>,
}

/// CPU and memory shares and reservations, kept for the client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// CPU reservation in MHz.
    pub cpu_reservation_mhz: i64,
    /// CPU limit in MHz; -1 is unlimited.
    pub cpu_limit_mhz: Option<i64>,
    /// Memory reservation in MiB.
    pub memory_reservation_mib: i64,
    /// Memory limit in MiB; -1 is unlimited.
    pub memory_limit_mib: Option<i64>,
}

impl VmSpec {
    /// All disks together, in MiB.
    pub fn storage_mib(&self) -> i64 {
        self.disks.iter().map(|disk| disk.size_mib).sum()
    }
}

impl Default for VmSpec {
    /// The smallest VM that VCD makes when nothing is said.
    fn default() -> Self {
        Self {
            os_type: "otherGuest64".to_owned(),
            firmware: Firmware::Bios,
            cpus: 1,
            cores_per_socket: 1,
            memory_mib: 512,
            hardware_version: "vmx-19".to_owned(),
            cpu_type: "VM64".to_owned(),
            shares: Shares::default(),
            disks: Vec::new(),
            nics: Vec::new(),
            primary_nic: 0,
            guest: GuestCustomization::default(),
            boot: BootOptions::default(),
            cpu_hot_add: false,
            memory_hot_add: false,
            nested_hypervisor: false,
            storage_profile: None,
            sizing_policy: None,
            extra_config: BTreeMap::new(),
            image: None,
        }
    }
}

/// The controller a disk hangs on; the numbers are VCD's `AdapterType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DiskAdapter {
    /// IDE.
    Ide,
    /// Parallel SCSI (LSI Logic).
    LsiLogic,
    /// SAS (LSI Logic).
    LsiLogicSas,
    /// VMware paravirtual SCSI.
    Paravirtual,
    /// SATA.
    Sata,
    /// NVMe.
    Nvme,
}

impl DiskAdapter {
    const TABLE: [(Self, &'static str, &'static str, i32); 6] = [
        (Self::Ide, "1", "", 5),
        (Self::LsiLogic, "3", "lsilogic", 6),
        (Self::LsiLogicSas, "4", "lsilogicsas", 6),
        (Self::Paravirtual, "5", "VirtualSCSI", 6),
        (Self::Sata, "6", "vmware.sata.ahci", 20),
        (Self::Nvme, "7", "vmware.nvme.controller", 20),
    ];

    fn row(self) -> (Self, &'static str, &'static str, i32) {
        Self::TABLE.into_iter().find(|row| row.0 == self).unwrap_or(Self::TABLE[3])
    }

    /// VCD's `AdapterType`.
    pub fn code(self) -> &'static str {
        self.row().1
    }

    /// The adapter with this `AdapterType`.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::TABLE.into_iter().find(|row| row.1 == code).map(|row| row.0)
    }

    /// How many such controllers a VM can have, and places each.
    pub const fn places(self) -> (i32, i32) {
        match self {
            Self::Ide => (2, 2),
            Self::Sata => (4, 30),
            Self::Nvme => (4, 15),
            Self::LsiLogic | Self::LsiLogicSas | Self::Paravirtual => (4, 16),
        }
    }

    /// VCD's `busSubType`.
    pub fn sub_type(self) -> &'static str {
        self.row().2
    }

    /// VCD's `busType`: the controller's resource type in CIM.
    pub fn bus_type(self) -> i32 {
        self.row().3
    }
}

/// A disk of a VM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiskSpec {
    /// VCD's `DiskId`: unique in the VM, made from adapter, bus and unit.
    pub id: String,
    /// Size in MiB.
    pub size_mib: i64,
    /// Its controller.
    pub adapter: DiskAdapter,
    /// Which controller of that kind.
    pub bus: i32,
    /// Which place on it.
    pub unit: i32,
    /// Its storage, if not the VM's.
    pub storage_profile: Option<Id<StorageProfile>>,
}

impl DiskSpec {
    /// The `DiskId` of a disk at this place: 2000 and up on SCSI, 3000 on IDE, 16000 on SATA, 32000 on
    /// NVMe, as VMware's device keys go.
    pub fn device_key(adapter: DiskAdapter, bus: i32, unit: i32) -> String {
        let (_, units) = adapter.places();
        let base = match adapter {
            DiskAdapter::Ide => 3000,
            DiskAdapter::Sata => 16000,
            DiskAdapter::Nvme => 32000,
            _ => 2000,
        };
        (base + bus * units + unit).to_string()
    }
}

/// How a NIC gets its address, by VCD's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum IpMode {
    /// Not at all.
    #[default]
    None,
    /// From the network's static pool.
    Pool,
    /// By DHCP.
    Dhcp,
    /// As the client says.
    Manual,
}

impl IpMode {
    /// As it stands on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Pool => "POOL",
            Self::Dhcp => "DHCP",
            Self::Manual => "MANUAL",
        }
    }

    /// Reads the wire form.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::None, Self::Pool, Self::Dhcp, Self::Manual]
            .into_iter()
            .find(|mode| mode.name() == name)
    }
}

/// A network card of a VM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NicSpec {
    /// Its number in the VM.
    pub index: i32,
    /// The vApp network it is on; none is connected to nothing (`none` on the wire).
    pub network: Option<String>,
    /// The organization network behind that one, where the address is taken from.
    pub parent: Option<Id<Network>>,
    /// Whether the cable is in.
    pub connected: bool,
    /// How it gets its address.
    pub mode: IpMode,
    /// The address given to it.
    pub ip: Option<Ipv4Addr>,
    /// Its MAC address.
    pub mac: String,
    /// The card's model, such as `VMXNET3`.
    pub adapter: String,
}

/// What the guest is set up with at its first start.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestCustomization {
    /// Whether it is set up at all.
    pub enabled: bool,
    /// Whether Windows gets a new SID.
    pub change_sid: bool,
    /// Whether it joins a Windows domain.
    pub join_domain: bool,
    /// Whether the organization's domain is used.
    pub use_org_settings: bool,
    /// The domain to join.
    pub domain_name: Option<String>,
    /// The account to join with.
    pub domain_user: Option<String>,
    /// Its password.
    #[serde(default)]
    pub domain_user_password: Option<String>,
    /// The organizational unit that its computer account is made in.
    #[serde(default)]
    pub machine_object_ou: Option<String>,
    /// Whether the administrator's password is set.
    pub admin_password_enabled: bool,
    /// Whether it is made up by the server.
    pub admin_password_auto: bool,
    /// The password.
    pub admin_password: Option<String>,
    /// Whether the administrator is logged in by itself.
    pub admin_auto_logon: bool,
    /// How many times.
    pub admin_auto_logon_count: i32,
    /// Whether the password must be changed at the first login.
    pub reset_password_required: bool,
    /// A script to run.
    pub script: Option<String>,
    /// The guest's host name.
    pub computer_name: Option<String>,
}

impl std::fmt::Debug for GuestCustomization {
    /// Without passwords and scripts: VMs end up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestCustomization")
            .field("enabled", &self.enabled)
            .field("computer_name", &self.computer_name)
            .finish_non_exhaustive()
    }
}

/// How a VM starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootOptions {
    /// Milliseconds to wait before starting.
    pub boot_delay: i32,
    /// Whether to stop in the firmware's setup once.
    pub enter_bios_setup: bool,
    /// Whether to try again when starting fails.
    pub boot_retry_enabled: bool,
    /// Milliseconds to wait before trying again.
    pub boot_retry_delay: i32,
    /// Whether only signed loaders are started.
    pub efi_secure_boot: bool,
    /// The protocol to start from the network by.
    pub network_boot_protocol: Option<String>,
}
