//! `UserDefinedNetwork` of `k8s.ovn.org/v1`: a network of a namespace's own, on OVN-Kubernetes.
//! See <https://ovn-kubernetes.io/api-reference/userdefinednetwork-api-spec/>.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{open::open_enum, shared::Condition};

/// The label that a namespace with a primary network must have from its creation on.
pub const PRIMARY_NETWORK: &str = "k8s.ovn.org/primary-user-defined-network";

open_enum! {
    /// How a network spans nodes.
    Topology {
        /// As one switch.
        Layer2 = "Layer2",
        /// As a subnet a node, with routes between them.
        Layer3 = "Layer3",
    }
}

open_enum! {
    /// What a network is to the pods of its namespace.
    NetworkRole {
        /// What they have instead of the cluster's network.
        Primary = "Primary",
        /// What they may have besides.
        Secondary = "Secondary",
    }
}

open_enum! {
    /// Whether a network gives out addresses.
    IpamMode {
        /// It does.
        Enabled = "Enabled",
        /// It does not.
        Disabled = "Disabled",
    }
}

open_enum! {
    /// How long an address is kept.
    IpamLifecycle {
        /// As long as the VM is there, also when it stops or moves.
        Persistent = "Persistent",
    }
}

/// What a network is like. It cannot be changed.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "k8s.ovn.org",
    version = "v1",
    kind = "UserDefinedNetwork",
    plural = "userdefinednetworks",
    shortname = "udn",
    namespaced,
    status = "UserDefinedNetworkStatus",
    derive = "PartialEq",
    doc = "A network of a namespace's own, on OVN-Kubernetes."
)]
#[serde(rename_all = "camelCase")]
pub struct UserDefinedNetworkSpec {
    /// How it spans nodes; it has the part of the same name, and not the other.
    pub topology: Topology,
    /// A network as one switch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer2: Option<Layer2>,
    /// A network as a subnet a node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer3: Option<Layer3>,
}

/// A network as one switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Layer2 {
    /// What it is to the pods.
    pub role: NetworkRole,
    /// Its addresses: one range, or one of IPv4 and one of IPv6. None when it gives out none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<String>,
    /// How it gives them out; without, as long as a pod is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipam: Option<Ipam>,
    /// The largest packet, in bytes; without, what the cluster's network leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
}

/// How a network gives out addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Ipam {
    /// Whether it does; without, it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<IpamMode>,
    /// How long an address is kept; without, as long as a pod is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<IpamLifecycle>,
}

/// A network as a subnet a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Layer3 {
    /// What it is to the pods.
    pub role: NetworkRole,
    /// Its addresses: one range, or one of IPv4 and one of IPv6.
    pub subnets: Vec<Layer3Subnet>,
    /// The largest packet, in bytes; without, what the cluster's network leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
}

/// A range of addresses that every node has a part of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Layer3Subnet {
    /// The range.
    pub cidr: String,
    /// The length of the prefix of a node's part; without, 24 for IPv4 and 64 for IPv6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_subnet: Option<u32>,
}

/// What OVN-Kubernetes says about a network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UserDefinedNetworkStatus {
    /// `NetworkCreated`: there is a `NetworkAttachmentDefinition` of its name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
