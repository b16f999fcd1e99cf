//! Provider VDCs, organization VDCs, their storage profiles and compute policies.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};

use super::{Org, VmSpec};
use crate::id::Id;

/// A place that VDCs are cut from: one backend, with its catalog sources.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProviderVdc {
    /// Its id.
    pub id: Id<ProviderVdc>,
    /// The name; one named `default` always exists.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Whether VDCs may be cut from it.
    pub enabled: bool,
    /// See the module.
    pub version: i64,
}

impl ProviderVdc {
    /// The provider VDC named `default`.
    pub const DEFAULT: Id<Self> = Id::new(DEFAULT_UUID);
}

const DEFAULT_UUID: Uuid = uuid!("0c1f8d8e-5a5e-5f0e-9a9c-6b9e5d0f7a01");

/// How a VDC's resources are committed, by VCD's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AllocationModel {
    /// Pay as you go.
    AllocationVApp,
    /// A share of the provider's resources is guaranteed.
    AllocationPool,
    /// All of it is guaranteed.
    ReservationPool,
    /// The VM's policy decides.
    Flex,
}

impl AllocationModel {
    /// As it stands on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AllocationVApp => "AllocationVApp",
            Self::AllocationPool => "AllocationPool",
            Self::ReservationPool => "ReservationPool",
            Self::Flex => "Flex",
        }
    }
}

/// A tenant's virtual data center: the limits, and the backend's place for its VMs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vdc {
    /// Its id.
    pub id: Id<Vdc>,
    /// Whose it is.
    pub org: Id<Org>,
    /// What it is cut from.
    pub provider: Id<ProviderVdc>,
    /// The name; unique in the organization.
    pub name: String,
    /// Free text.
    pub description: String,
    /// A disabled VDC refuses to instantiate and to power on.
    pub enabled: bool,
    /// How resources are committed.
    pub allocation_model: AllocationModel,
    /// CPU limit in MHz; 0 is unlimited.
    pub cpu_limit_mhz: i64,
    /// CPU that is set aside, in MHz; none is all of the limit.
    #[serde(default)]
    pub cpu_allocated_mhz: Option<i64>,
    /// Memory limit in MiB; 0 is unlimited.
    pub memory_limit_mib: i64,
    /// Memory that is set aside, in MiB; none is all of the limit.
    #[serde(default)]
    pub memory_allocated_mib: Option<i64>,
    /// The speed of one vCPU in MHz, by which vCPUs count against the CPU limit.
    pub vcpu_mhz: i64,
    /// Most NICs; 0 is unlimited.
    pub nic_quota: i32,
    /// Most networks; 0 is unlimited.
    pub network_quota: i32,
    /// Most VMs; 0 is unlimited.
    pub vm_quota: i32,
    /// Whether disks take storage only as they fill.
    #[serde(default = "thin")]
    pub thin_provision: bool,
    /// When it was made.
    pub created: Timestamp,
    /// See the module.
    pub version: i64,
}

impl Vdc {
    /// CPU that is set aside, in MHz.
    pub fn cpu_allocated(&self) -> i64 {
        self.cpu_allocated_mhz.unwrap_or(self.cpu_limit_mhz)
    }

    /// Memory that is set aside, in MiB.
    pub fn memory_allocated(&self) -> i64 {
        self.memory_allocated_mib.unwrap_or(self.memory_limit_mib)
    }
}

/// What rows say that were written before it could be chosen.
const fn thin() -> bool {
    true
}

/// A class of storage that a VDC offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StorageProfile {
    /// Its id.
    pub id: Id<StorageProfile>,
    /// The VDC.
    pub vdc: Id<Vdc>,
    /// The VDC's organization.
    pub org: Id<Org>,
    /// The name; unique in the VDC.
    pub name: String,
    /// Whether disks that name none get this one.
    pub default: bool,
    /// Whether new disks may use it.
    pub enabled: bool,
    /// Limit in MiB; 0 is unlimited.
    pub limit_mib: i64,
    /// See the module.
    pub version: i64,
}

/// A VM sizing policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComputePolicy {
    /// Its id.
    pub id: Id<ComputePolicy>,
    /// The name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// vCPUs it fixes, if any.
    pub cpus: Option<i32>,
    /// Memory it fixes in MiB, if any.
    pub memory_mib: Option<i64>,
    /// The provider VDC whose VDCs have it; none is all.
    #[serde(default)]
    pub provider: Option<Id<ProviderVdc>>,
    /// The catalog source that offers it; none where it was made here.
    #[serde(default)]
    pub source: Option<String>,
    /// Whether its source has it no more: VMs that have it keep it, and others do not get it.
    #[serde(default)]
    pub retired: bool,
    /// See the module.
    pub version: i64,
}

impl ComputePolicy {
    /// Whether VMs of a VDC of this provider VDC may be given it.
    pub fn is_for(&self, provider: Id<ProviderVdc>) -> bool {
        !self.retired && self.provider.is_none_or(|of| of == provider)
    }

    /// Whether a VM is of the size that it fixes.
    pub fn is_met_by(&self, spec: &VmSpec) -> bool {
        self.cpus.is_none_or(|cpus| cpus == spec.cpus)
            && self.memory_mib.is_none_or(|memory| memory == spec.memory_mib)
    }

    /// The policy every VM has unless told otherwise; it fixes nothing.
    pub const SYSTEM_DEFAULT: Id<Self> = Id::new(SYSTEM_DEFAULT_UUID);
    /// Its name.
    pub const SYSTEM_DEFAULT_NAME: &'static str = "System Default";
}

const SYSTEM_DEFAULT_UUID: Uuid = uuid!("2e7c1a54-7b0e-5b7e-8a57-4f3c0f6d1b02");
