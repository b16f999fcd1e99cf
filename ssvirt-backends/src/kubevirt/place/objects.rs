//! The objects that make a namespace a VDC's place.

use k8s_openapi::api::{
    core::v1::{LimitRange, Namespace},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};
use serde_json::{Map, Value, json};
use ssvirt_core::{Result, backend::Place};

use super::{PlaceOptions, VdcNetwork};
use crate::kubevirt::{labels, resources::user_defined_network::PRIMARY_NETWORK, rights};

/// The name of the limits of containers.
const LIMITS: &str = "vdc-limits";
/// The policies' names.
const INGRESS: &str = "vdc-ingress";
const EGRESS: &str = "vdc-egress";

/// The namespace. OVN-Kubernetes takes the label of a network of its own at its creation alone.
pub fn namespace(place: &Place, name: &str, network: VdcNetwork) -> Result<Namespace> {
    let mut labels = labels::of_place(place);
    if network == VdcNetwork::UserDefined {
        labels.insert(PRIMARY_NETWORK.to_owned(), String::new());
    }
    Ok(serde_json::from_value(json!({
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": labels::annotations(place),
        },
    }))?)
}

/// Our rights in the namespace, for the user that the API server knows us as.
pub fn binding(place: &Place, me: &str) -> Result<RoleBinding> {
    Ok(serde_json::from_value(json!({
        "metadata": { "name": rights::VDC_ROLE, "labels": labels::of_place(place) },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": rights::VDC_ROLE,
        },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": me }],
    }))?)
}

/// What containers ask for that say nothing: where a quota counts CPU and memory, they could not start. There is
/// no limit for those that say none: KubeVirt's launcher asks for a VM's memory, and would be over it.
pub fn limits(place: &Place, options: &PlaceOptions) -> Result<LimitRange> {
    let cpu = format!("{}m", (options.pod_cpu_millis / 10).max(1));
    let memory = format!("{}Mi", options.pod_memory_mib.max(1));
    Ok(serde_json::from_value(json!({
        "metadata": { "name": LIMITS, "labels": labels::of_place(place) },
        "spec": { "limits": [{
            "type": "Container", "defaultRequest": { "cpu": cpu, "memory": memory },
        }] },
    }))?)
}

/// Who may talk to whom. What no policy names is denied, so other organizations always are.
pub fn policies(place: &Place, options: &PlaceOptions) -> Result<[NetworkPolicy; 2]> {
    // A selector of pods alone means those of this namespace.
    let mut neighbours = vec![json!({ "podSelector": {} })];
    if options.same_organization {
        let organization = Map::from_iter([(
            labels::ORGANIZATION_ID.to_owned(),
            Value::from(place.org.uuid().to_string()),
        )]);
        neighbours.push(json!({ "namespaceSelector": { "matchLabels": organization } }));
    }
    let dns: Vec<Value> = [("UDP", 53), ("TCP", 53), ("UDP", 5353), ("TCP", 5353)]
        .map(|(protocol, port)| json!({ "protocol": protocol, "port": port }))
        .to_vec();
    let ingress = json!({ "policyTypes": ["Ingress"], "ingress": [{ "from": neighbours }] });
    let egress = json!({ "policyTypes": ["Egress"], "egress": [
        { "to": neighbours },
        { "to": [{ "namespaceSelector": {} }], "ports": dns },
        { "to": outside(&options.cluster_networks) },
    ] });
    let policy = |name: &str, mut spec: Value| -> Result<NetworkPolicy> {
        spec["podSelector"] = json!({});
        Ok(serde_json::from_value(json!({
            "metadata": { "name": name, "labels": labels::of_place(place) },
            "spec": spec,
        }))?)
    };
    Ok([policy(INGRESS, ingress)?, policy(EGRESS, egress)?])
}

/// Everything but the cluster's own networks.
fn outside(cluster: &[String]) -> Vec<Value> {
    let block = |all: &str, own: &dyn Fn(&&String) -> bool| {
        let except: Vec<&String> = cluster.iter().filter(own).collect();
        json!({ "ipBlock": { "cidr": all, "except": except } })
    };
    vec![
        block("0.0.0.0/0", &|network| !network.contains(':')),
        block("::/0", &|network| network.contains(':')),
    ]
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{
        super::fixture::{bare, place},
        *,
    };

    #[test]
    fn other_organizations_are_nowhere_named() {
        for same_organization in [true, false] {
            let options = PlaceOptions { same_organization, ..bare() };
            let [ingress, egress] = policies(&place(0, 1_000, 0), &options).unwrap();
            let from = ingress.spec.unwrap().ingress.unwrap().remove(0).from.unwrap();
            assert_eq!(from.len(), 1 + usize::from(same_organization));
            let selector = from.last().unwrap().namespace_selector.clone();
            let id =
                selector.and_then(|s| s.match_labels).map(|l| l[labels::ORGANIZATION_ID].clone());
            let own = same_organization.then(|| Uuid::from_u128(2).to_string());
            assert_eq!(id, own);
            assert_eq!(egress.spec.unwrap().policy_types.unwrap(), ["Egress"]);
        }
    }

    #[test]
    fn the_clusters_own_networks_are_not_outside() {
        let networks = ["10.128.0.0/14", "172.30.0.0/16", "fd01::/48"].map(str::to_owned);
        let [v4, v6] = outside(&networks).try_into().unwrap();
        assert_eq!(v4["ipBlock"]["except"], json!(["10.128.0.0/14", "172.30.0.0/16"]));
        assert_eq!(v6["ipBlock"]["except"], json!(["fd01::/48"]));
    }
}
