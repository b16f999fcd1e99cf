//! What the server may do in a cluster, as RBAC says it: no more than what is called here.
//!
//! Everywhere it may look at what is no secret, and make namespaces. What is in a VDC's namespace, Secrets above all,
//! it may touch there alone: each of them has a `RoleBinding` for it, which it makes with the namespace. That it makes
//! none elsewhere, and touches no namespace but its own, is not RBAC's to say; an admission policy beside the roles
//! does (`deploy/manifests/policy.yaml`).

use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use kube::api::ObjectMeta;

/// The role that is bound for the whole cluster.
pub const CLUSTER_ROLE: &str = "ssvirt-api-server";
/// The role that is bound in each VDC's namespace.
pub const VDC_ROLE: &str = "ssvirt-vdc";

/// Verbs on resources of a group.
struct Right {
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
    names: &'static [&'static str],
}

const fn right(
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
) -> Right {
    Right { group, resources, verbs, names: &[] }
}

const KUBEVIRT: &str = "kubevirt.io";
const SNAPSHOT: &str = "snapshot.kubevirt.io";
const CDI: &str = "cdi.kubevirt.io";
const RBAC: &str = "rbac.authorization.k8s.io";
/// What server-side apply takes.
const APPLY: &[&str] = &["create", "patch"];

const EVERYWHERE: [Right; 12] = [
    right("", &["namespaces"], &["list", "watch", "get", "create", "patch", "delete"]),
    right(RBAC, &["rolebindings"], APPLY),
    Right { names: &[VDC_ROLE], ..right(RBAC, &["clusterroles"], &["bind"]) },
    right("storage.k8s.io", &["storageclasses"], &["get"]),
    right(KUBEVIRT, &["virtualmachines", "virtualmachineinstances"], &["list", "watch"]),
    right(SNAPSHOT, &["virtualmachinesnapshots"], &["list", "watch"]),
    // The catalog.
    right("template.openshift.io", &["templates"], &["list", "get"]),
    right(CDI, &["datasources"], &["list"]),
    // CDI asks whether whoever makes a copy of an image may read it.
    right(CDI, &["datavolumes/source"], &["create"]),
    right(
        "instancetype.kubevirt.io",
        &["virtualmachineclusterinstancetypes", "virtualmachineclusterpreferences"],
        &["list"],
    ),
    right("", &["persistentvolumeclaims"], &["list"]),
    right("snapshot.storage.k8s.io", &["volumesnapshots"], &["list"]),
];

const IN_VDCS: [Right; 19] = [
    right("", &["resourcequotas"], &["get", "create", "patch"]),
    right("", &["limitranges"], APPLY),
    right("networking.k8s.io", &["networkpolicies"], APPLY),
    right("k8s.cni.cncf.io", &["network-attachment-definitions"], APPLY),
    right("k8s.ovn.org", &["userdefinednetworks"], &["get", "create", "patch"]),
    right("", &["secrets"], &["list", "get", "create", "patch", "delete"]),
    right(KUBEVIRT, &["virtualmachines"], &["list", "get", "create", "patch", "update", "delete"]),
    right(KUBEVIRT, &["virtualmachineinstances"], &["list", "get"]),
    right(
        "subresources.kubevirt.io",
        &["virtualmachines/start", "virtualmachines/stop"],
        &["update"],
    ),
    right(
        "subresources.kubevirt.io",
        &[
            "virtualmachineinstances/pause",
            "virtualmachineinstances/unpause",
            "virtualmachineinstances/reset",
            "virtualmachineinstances/softreboot",
        ],
        &["update"],
    ),
    right(SNAPSHOT, &["virtualmachinesnapshots"], &["create", "patch", "delete"]),
    right(SNAPSHOT, &["virtualmachinerestores"], &["list", "create", "patch", "delete"]),
    right(
        "subresources.kubevirt.io",
        &["virtualmachineinstances/console", "virtualmachineinstances/vnc"],
        &["get"],
    ),
    right(CDI, &["datavolumes"], &["list"]),
    // OpenShift asks whether whoever makes an instance may make, and read, what is in it.
    right(CDI, &["datavolumes"], &["get", "create", "delete"]),
    // Disks that grow.
    right("", &["persistentvolumeclaims"], &["get", "patch"]),
    right("template.openshift.io", &["templateconfigs"], &["create"]),
    right("template.openshift.io", &["templateinstances"], &["list", "get", "create", "delete"]),
    right("events.k8s.io", &["events"], APPLY),
];

/// The roles.
#[must_use]
pub fn cluster_roles() -> [ClusterRole; 2] {
    [role(CLUSTER_ROLE, &EVERYWHERE), role(VDC_ROLE, &IN_VDCS)]
}

fn role(name: &str, rights: &[Right]) -> ClusterRole {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let rule = |right: &Right| PolicyRule {
        api_groups: Some(owned(&[right.group])),
        resources: Some(owned(right.resources)),
        resource_names: (!right.names.is_empty()).then(|| owned(right.names)),
        verbs: owned(right.verbs),
        ..PolicyRule::default()
    };
    ClusterRole {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        rules: Some(rights.iter().map(rule).collect()),
        ..ClusterRole::default()
    }
}
