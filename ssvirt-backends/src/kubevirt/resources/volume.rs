//! What a VM's disks contain and its interfaces are connected to.
//! See <https://kubevirt.io/api-reference/> (`v1.Volume`, `v1.Network`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shared::LocalRef;

/// What a disk contains: the name and exactly one of the others. A volume of a kind that is not
/// here reads as a name alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Its name, which is its disk's too.
    pub name: String,
    /// What CDI makes or has made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_volume: Option<DataVolumeVolume>,
    /// A volume claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<ClaimVolume>,
    /// A disk image in a container image; what is written is lost when the VM stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_disk: Option<ContainerDisk>,
    /// What cloud-init finds on a `cidata` disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_init_no_cloud: Option<CloudInit>,
    /// What cloud-init finds on a `config-2` disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_init_config_drive: Option<CloudInit>,
    /// What Windows finds at its first start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sysprep: Option<Sysprep>,
}

/// A `DataVolume` as a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataVolumeVolume {
    /// Its name.
    pub name: String,
    /// Whether it can be added and taken away while the VM runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hotpluggable: Option<bool>,
}

/// A volume claim as a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimVolume {
    /// Its name.
    pub claim_name: String,
    /// Whether it cannot be written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// Whether it can be added and taken away while the VM runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hotpluggable: Option<bool>,
}

/// A disk image in a container image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerDisk {
    /// The container image.
    pub image: String,
    /// When it is pulled: `Always`, `IfNotPresent` or `Never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
    /// The `Secret` that it is pulled with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_secret: Option<String>,
}

/// What cloud-init is given, from Secrets: what a guest is set up with may hold passwords.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CloudInit {
    /// The `Secret` whose key `userdata` is the user data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalRef>,
    /// The `Secret` whose key `networkdata` is the network data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_data_secret_ref: Option<LocalRef>,
}

/// What Windows is set up with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Sysprep {
    /// The `Secret` whose key `autounattend.xml` or `unattend.xml` is the answer file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<LocalRef>,
    /// The same as a `ConfigMap`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map: Option<LocalRef>,
}

/// What an interface is connected to: the name and one of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    /// Its name, which is its interface's too.
    pub name: String,
    /// The pod network, or the namespace's primary user-defined network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodNetwork>,
    /// A network of Multus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multus: Option<MultusNetwork>,
}

/// The pod network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PodNetwork {
    /// The addresses that a masqueraded guest is given one of; without, 10.0.2.0/24.
    #[serde(rename = "vmNetworkCIDR", skip_serializing_if = "Option::is_none")]
    pub vm_network_cidr: Option<String>,
}

/// A network of Multus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MultusNetwork {
    /// The `NetworkAttachmentDefinition`: its name, or its namespace, a slash and its name.
    pub network_name: String,
    /// Whether it takes the pod network's place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
}
