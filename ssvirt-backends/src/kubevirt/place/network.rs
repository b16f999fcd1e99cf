//! A VDC's own network.
//!
//! Where OVN-Kubernetes is, it is a primary `UserDefinedNetwork`: what the VDC's VMs have instead of the pods' network.
//! Elsewhere it is a bridge that every node has for it, which Multus connects VMs to beside the pods' network.
//! Which of them a VDC has is decided when its namespace is made, and stands in the namespace.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Client, api::Patch};
use serde_json::{Value, json};
use ssvirt_core::{Error, Result, backend::Place};
use tokio::time::{Instant, sleep};

use super::{PATIENCE, POLL, Places, label, ours};
use crate::kubevirt::{
    call::{call, call_opt},
    labels,
    resources::{
        NetworkAttachmentDefinition, UserDefinedNetwork,
        shared::Condition,
        user_defined_network::{
            Ipam, IpamLifecycle, Layer2, NetworkRole, PRIMARY_NETWORK, Topology,
            UserDefinedNetworkSpec,
        },
    },
};

/// The name of the VDC's network.
const NETWORK: &str = "vdc-network";
/// The name of the network of further NICs, where the first one is on a network of the VDC's own.
const SECOND: &str = "vdc-network-2";
/// OVN-Kubernetes' API.
const GROUP: &str = "k8s.ovn.org/v1";

/// What the VMs of a VDC are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VdcNetwork {
    /// The pods' network; further NICs are on the VDC's bridge.
    #[default]
    Pods,
    /// The VDC's user-defined network; further NICs are on a second one, which has no addresses.
    UserDefined,
}

impl VdcNetwork {
    /// As it was decided for this namespace.
    pub fn of_namespace(namespace: &Namespace) -> Self {
        match label(namespace, PRIMARY_NETWORK) {
            Some(_) => Self::UserDefined,
            None => Self::Pods,
        }
    }

    /// The name of the `NetworkAttachmentDefinition` of a VM's further NICs.
    pub const fn of_further_nics(self) -> &'static str {
        match self {
            Self::Pods => NETWORK,
            Self::UserDefined => SECOND,
        }
    }
}

impl Places {
    /// What a VDC is on that is made now.
    pub(super) async fn network_of_new(&self) -> Result<VdcNetwork> {
        if self.options.user_defined_networks && has_user_defined(&self.client).await? {
            return Ok(VdcNetwork::UserDefined);
        }
        Ok(VdcNetwork::Pods)
    }

    /// Makes the networks of a place, and answers when they can be used.
    pub(super) async fn ensure_networks(
        &self,
        what: &str,
        place: &Place,
        name: &str,
        network: VdcNetwork,
    ) -> Result<()> {
        let further = match network {
            VdcNetwork::Pods => bridge(place)?,
            VdcNetwork::UserDefined => {
                self.ensure_user_defined(what, place, name).await?;
                second(place, name)?
            }
        };
        // Where there is no Multus a VM has one NIC alone.
        let networks = self.inside::<NetworkAttachmentDefinition>(name);
        let called = network.of_further_nics();
        call_opt(what, networks.patch(called, &ours(), &Patch::Apply(further))).await?;
        Ok(())
    }

    async fn ensure_user_defined(&self, what: &str, place: &Place, name: &str) -> Result<()> {
        let networks = self.inside::<UserDefinedNetwork>(name);
        let found = call_opt(what, networks.get(NETWORK)).await?;
        // It cannot be changed: what the server is told of new ones is not true of this.
        let spec = match found {
            Some(found) => found.spec,
            None => user_defined(&self.options.subnets),
        };
        let mut wanted = UserDefinedNetwork::new(NETWORK, spec);
        wanted.metadata.labels = Some(labels::of_place(place));
        self.apply_soon(what, &networks, wanted).await?;
        let until = Instant::now() + PATIENCE;
        loop {
            let found = call(what, networks.get(NETWORK)).await?;
            let conditions = found.status.unwrap_or_default().conditions;
            if Condition::holds(&conditions, "NetworkCreated") {
                return Ok(());
            }
            if Instant::now() > until {
                let said = Condition::find(&conditions, "NetworkCreated")
                    .and_then(|condition| condition.message.clone())
                    .unwrap_or_else(|| "nothing is said of it".to_owned());
                return Err(
                    Error::unavailable(format!("{what} has no network yet.")).with_source(said)
                );
            }
            sleep(POLL).await;
        }
    }
}

async fn has_user_defined(client: &Client) -> Result<bool> {
    let listed = call_opt("The cluster", client.list_api_group_resources(GROUP)).await?;
    let mut kinds = listed.into_iter().flat_map(|list| list.resources);
    Ok(kinds.any(|kind| kind.name == "userdefinednetworks"))
}

/// One switch for all nodes, so that a VM keeps its address wherever it runs, and when it was stopped.
fn user_defined(subnets: &[String]) -> UserDefinedNetworkSpec {
    let ipam = Ipam { mode: None, lifecycle: Some(IpamLifecycle::Persistent) };
    let layer2 = Layer2 {
        role: NetworkRole::Primary,
        subnets: subnets.to_vec(),
        ipam: Some(ipam),
        mtu: None,
    };
    UserDefinedNetworkSpec { topology: Topology::Layer2, layer2: Some(layer2), layer3: None }
}

fn bridge(place: &Place) -> Result<NetworkAttachmentDefinition> {
    let bridge = format!("br-{}", &place.vdc.uuid().simple().to_string()[..10]);
    let config =
        json!({ "cniVersion": "0.3.1", "name": NETWORK, "type": "bridge", "bridge": bridge });
    definition(place, NETWORK, &config)
}

/// OVN-Kubernetes' network of that name is the same for all who name it, so it has the VDC's id.
fn second(place: &Place, namespace: &str) -> Result<NetworkAttachmentDefinition> {
    let config = json!({
        "cniVersion": "0.3.1", "name": format!("vdc-{}", place.vdc.uuid()), "type": "ovn-k8s-cni-overlay",
        "topology": "layer2", "netAttachDefName": format!("{namespace}/{SECOND}"),
    });
    definition(place, SECOND, &config)
}

fn definition(place: &Place, name: &str, config: &Value) -> Result<NetworkAttachmentDefinition> {
    Ok(serde_json::from_value(json!({
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": { "name": name, "labels": labels::of_place(place) },
        "spec": { "config": config.to_string() },
    }))?)
}
