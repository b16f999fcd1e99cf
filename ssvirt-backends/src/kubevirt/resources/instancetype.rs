//! `VirtualMachineClusterInstancetype` of `instancetype.kubevirt.io/v1beta1`: CPU and memory that
//! VMs can have by name.
//! See <https://kubevirt.io/api-reference/> (`v1beta1.VirtualMachineClusterInstancetype`).

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::{Quantity, quantity};

/// What VMs of an instance type have.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "instancetype.kubevirt.io",
    version = "v1beta1",
    kind = "VirtualMachineClusterInstancetype",
    plural = "virtualmachineclusterinstancetypes",
    shortname = "vmclusterinstancetype",
    shortname = "vmclusterinstancetypes",
    shortname = "vmcf",
    shortname = "vmcfs",
    derive = "PartialEq",
    doc = "CPU and memory that VMs can have by name."
)]
pub struct VirtualMachineClusterInstancetypeSpec {
    /// CPUs.
    pub cpu: InstancetypeCpu,
    /// Memory.
    pub memory: InstancetypeMemory,
}

/// CPUs of an instance type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstancetypeCpu {
    /// How many the guest sees; the preference says whether as sockets, cores or threads.
    pub guest: u32,
    /// How many sockets there can be while the VM runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_sockets: Option<u32>,
}

/// Memory of an instance type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstancetypeMemory {
    /// What the guest has.
    #[schemars(schema_with = "quantity")]
    pub guest: Quantity,
    /// How much it can have while the VM runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "quantity")]
    pub max_guest: Option<Quantity>,
}
