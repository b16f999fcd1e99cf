//! `NetworkAttachmentDefinition` of `k8s.cni.cncf.io/v1`: a network that Multus connects pods to.
//! See <https://github.com/k8snetworkplumbingwg/multi-net-spec>.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a definition consists of, beside its metadata. Its `spec` is optional, which kube's derive
/// cannot say otherwise.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "k8s.cni.cncf.io",
    version = "v1",
    kind = "NetworkAttachmentDefinition",
    singular = "network-attachment-definition",
    plural = "network-attachment-definitions",
    shortname = "net-attach-def",
    namespaced,
    no_spec,
    derive = "PartialEq",
    doc = "A network that Multus connects pods to."
)]
#[serde(default)]
pub struct NetworkAttachmentBody {
    /// What the network is like; without, a file of the nodes that has its name says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<NetworkAttachmentSpec>,
}

/// What a network is like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NetworkAttachmentSpec {
    /// The CNI plugin's settings, JSON in a string; without, a file of the nodes that has the
    /// network's name says them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
}

impl NetworkAttachmentDefinition {
    /// The CNI plugin's settings, where they are not in a file of the nodes.
    pub fn config(&self) -> Option<&str> {
        self.spec.spec.as_ref()?.config.as_deref()
    }
}
