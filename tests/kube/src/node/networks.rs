//! `UserDefinedNetwork`s, as OVN-Kubernetes plays them: each has a `NetworkAttachmentDefinition` of its name, and what runs in
//! a namespace with a primary one has its addresses instead of the pods' network's.

use std::{net::Ipv4Addr, sync::Arc};

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, DynamicObject, ListParams, PostParams},
    runtime::controller::Action,
};
use serde_json::{Value, json};

use super::{
    Stage,
    instances::POLL,
    objects::{self, list, namespace, text},
};

/// What a namespace has from its creation on whose pods are to have a network of their own.
const LABEL: &str = "k8s.ovn.org/primary-user-defined-network";
const FINALIZER: &str = "k8s.ovn.org/user-defined-network-protection";
const CREATED: &str = "NetworkCreated";
/// The network's own address, its gateway's and its management port's are given to no pod; nor is its last.
const RESERVED: u32 = 3;

/// Makes what a network needs, or takes it down.
pub async fn reconcile(network: Arc<DynamicObject>, stage: Arc<Stage>) -> kube::Result<Action> {
    let (space, name) = (namespace(&network), network.name_any());
    let (client, kind) = (&stage.client, objects::network());
    let definitions = objects::within(client, &space, &objects::definition());
    if objects::is_going(&network) {
        let pods: Api<Pod> = Api::namespaced(client.clone(), &space);
        if !pods.list(&ListParams::default()).await?.items.is_empty() {
            return Ok(Action::requeue(POLL));
        }
        objects::or_missing(definitions.delete(&name, &DeleteParams::default()).await)?;
        objects::hold(client, &kind, &network, FINALIZER, false).await?;
        return Ok(Action::await_change());
    }
    if objects::hold(client, &kind, &network, FINALIZER, true).await? {
        return Ok(Action::await_change());
    }
    let is_primary = role(&network) == "Primary";
    let said = if is_primary && !has_label(&stage, &space).await? {
        let message = format!(
            "primary network cannot be used in namespace {space:?}: it lacks the label {LABEL:?}"
        );
        objects::of_type(CREATED, false, "SyncError", &message)
    } else {
        let made = definitions.create(&PostParams::default(), &definition(&network)?).await;
        objects::or_there(made)?;
        let message = "NetworkAttachmentDefinition has been created";
        objects::of_type(CREATED, true, "NetworkAttachmentDefinitionCreated", message)
    };
    let mut status = network.data["status"].clone();
    objects::put(&mut status, said);
    objects::write_status(client, &kind, &network, status).await?;
    Ok(Action::await_change())
}

fn role(network: &DynamicObject) -> &str {
    let layer3 = text(&network.data, "/spec/layer3/role");
    if layer3.is_empty() { text(&network.data, "/spec/layer2/role") } else { layer3 }
}

fn definition(network: &DynamicObject) -> kube::Result<DynamicObject> {
    let (space, name) = (namespace(network), network.name_any());
    let layer2 = &network.data["spec"]["layer2"];
    let config = json!({
        "cniVersion": "1.1.0", "type": "ovn-k8s-cni-overlay", "name": format!("{space}_{name}"),
        "netAttachDefName": format!("{space}/{name}"), "role": role(network).to_ascii_lowercase(),
        "topology": text(&network.data, "/spec/topology").to_ascii_lowercase(),
        "subnets": layer2["subnets"], "allowPersistentIPs": layer2["ipam"]["lifecycle"] == "Persistent",
    });
    objects::object(json!({
        "apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
        "metadata": {
            "name": name, "labels": { "k8s.ovn.org/user-defined-network": "" },
            "ownerReferences": [objects::owner(&objects::network(), network)],
        },
        "spec": { "config": config.to_string() },
    }))
}

async fn has_label(stage: &Stage, space: &str) -> kube::Result<bool> {
    let found = Api::<Namespace>::all(stage.client.clone()).get_opt(space).await?;
    Ok(found.is_some_and(|space| space.labels().contains_key(LABEL)))
}

/// The network that what runs in a namespace is on.
pub enum First {
    /// The cluster's.
    Pods,
    /// Its own, which is not there yet: no pod starts.
    Missing,
    /// Its own, with the addresses from here, as many.
    Own { first: Ipv4Addr, count: u32 },
}

impl First {
    /// That of a namespace.
    pub async fn of(stage: &Stage, space: &str) -> kube::Result<Self> {
        if !has_label(stage, space).await? {
            return Ok(Self::Pods);
        }
        let networks = objects::within(&stage.client, space, &objects::network());
        let all = networks.list(&ListParams::default()).await?;
        let is_usable = |network: &&DynamicObject| {
            role(network) == "Primary" && objects::is_true(&network.data["status"], CREATED)
        };
        let subnets =
            all.items.iter().find(is_usable).map(|n| list(&n.data, "/spec/layer2/subnets"));
        let range = subnets.and_then(|subnets| subnets.iter().find_map(range));
        Ok(range.map_or(Self::Missing, |(first, count)| Self::Own { first, count }))
    }

    /// An address of it that no other guest has.
    pub fn next_address(&self, stage: &Stage) -> Ipv4Addr {
        match self {
            Self::Own { first, count } => stage.next_address_in(*first, *count),
            Self::Pods | Self::Missing => stage.next_address(),
        }
    }
}

fn range(subnet: &Value) -> Option<(Ipv4Addr, u32)> {
    let (network, length) = subnet.as_str()?.split_once('/')?;
    let (network, length): (Ipv4Addr, u32) = (network.parse().ok()?, length.parse().ok()?);
    let all = 1_u32.checked_shl(32_u32.checked_sub(length)?)?;
    let count = all.checked_sub(RESERVED + 1)?;
    let first = (network.to_bits() & !(all - 1)) + RESERVED;
    (count > 0).then_some((Ipv4Addr::from_bits(first), count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_addresses_and_the_last_are_not_given() {
        let of = |text: &str| range(&text.into()).map(|(first, count)| (first.to_string(), count));
        assert_eq!(of("10.1.2.3/24"), Some(("10.1.2.3".to_owned(), 252)));
        assert_eq!(of("10.100.0.0/16"), Some(("10.100.0.3".to_owned(), 65_532)));
        for none in ["10.0.0.0/31", "10.0.0.0/30", "10.0.0.0/33", "0.0.0.0/0", "fd00::/64", "x"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
