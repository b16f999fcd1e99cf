//! What KubeVirt says of snapshots.
//!
//! A VM has those that are labelled with its id. Those that others have taken, to back it up for example, are theirs.

use std::collections::BTreeMap;

use kube::ResourceExt as _;
use ssvirt_core::{Id, model::Snapshot};
use uuid::Uuid;

use crate::kubevirt::{
    disks, labels,
    resources::{
        VirtualMachine, VirtualMachineSnapshot,
        snapshot::{Indication, SnapshotPhase, VirtualMachineSnapshotStatus},
    },
};

/// The id of a snapshot: ours, or the object's own where somebody has labelled one that we did not take.
pub(in crate::kubevirt) fn id_of(object: &VirtualMachineSnapshot) -> Option<Id<Snapshot>> {
    let ours = object.labels().get(labels::SNAPSHOT_ID).cloned();
    ours.or_else(|| object.uid())?.parse::<Uuid>().ok().map(Id::new)
}

/// What a VM can be reverted to; none while it is taken, where that failed, and when it is removed.
pub(in crate::kubevirt) fn snapshot(object: &VirtualMachineSnapshot) -> Option<Snapshot> {
    let status = object.status.as_ref()?;
    if status.ready_to_use != Some(true) || object.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let size = object.annotations().get(labels::SNAPSHOT_SIZE);
    Some(Snapshot {
        id: id_of(object)?,
        created: status.creation_time?,
        powered_on: status.indications.contains(&Indication::Online),
        size_mib: size.and_then(|size| size.parse().ok()),
    })
}

/// The one of a VM's that was taken last.
pub(in crate::kubevirt) fn last(all: impl IntoIterator<Item = Snapshot>) -> Option<Snapshot> {
    all.into_iter().max_by_key(|snapshot| (snapshot.created, snapshot.id))
}

/// All disks of a VM, in MiB, where each says how big it is.
pub(super) fn size_mib(vm: &VirtualMachine) -> Option<i64> {
    let sizes: BTreeMap<&str, i64> = vm
        .spec
        .data_volume_templates
        .iter()
        .filter_map(|template| {
            Some((template.metadata.name.as_deref()?, disks::size_mib(template)?))
        })
        .collect();
    let volumes = &vm.spec.template.spec.volumes;
    let sizes = volumes.iter().filter(|volume| is_disk(volume)).map(|volume| {
        let name = volume.data_volume.as_ref().map(|volume| volume.name.as_str())?;
        sizes.get(name).copied()
    });
    sizes.sum()
}

fn is_disk(volume: &crate::kubevirt::resources::volume::Volume) -> bool {
    volume.data_volume.is_some() || volume.persistent_volume_claim.is_some()
}

/// Whether disks of the VM are missing in a snapshot of it: their storage has none, and KubeVirt leaves them out.
pub(super) fn is_partial(object: &VirtualMachineSnapshot, vm: &VirtualMachine) -> bool {
    let volumes = object.status.as_ref().and_then(|status| status.snapshot_volumes.as_ref());
    let left_out = volumes.map(|volumes| volumes.excluded_volumes.as_slice()).unwrap_or_default();
    let mut disks = vm.spec.template.spec.volumes.iter().filter(|volume| is_disk(volume));
    disks.any(|disk| left_out.contains(&disk.name))
}

/// Why a snapshot could not be taken, for the tenant; none where it was, or may still be. What KubeVirt says may name
/// anything that the storage's driver knows, so that it is only for the log.
pub(super) fn failure(object: &VirtualMachineSnapshot) -> Option<(&'static str, String)> {
    let status = object.status.as_ref()?;
    if status.phase != Some(SnapshotPhase::Failed) {
        return None;
    }
    let said = said(status);
    let why = match &said {
        said if said.contains("VolumeSnapshot") => "its storage did not do it",
        said if said.contains("deadline") => "it took too long",
        said if said.to_ascii_lowercase().contains("freeze") => "its guest did not pause in time",
        _ => "the cluster could not do it",
    };
    Some((why, said))
}

fn said(status: &VirtualMachineSnapshotStatus) -> String {
    let error = status.error.as_ref().and_then(|error| error.message.clone());
    let conditions = status.conditions.iter().filter(|condition| condition.type_ == "Failure");
    let conditions = conditions.filter_map(|c| c.reason.clone().or_else(|| c.message.clone()));
    error.into_iter().chain(conditions).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(meta: Value, status: Value) -> VirtualMachineSnapshot {
        let source = json!({ "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "web" });
        let object = json!({
            "apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": "VirtualMachineSnapshot",
            "metadata": meta, "spec": { "source": source }, "status": status,
        });
        serde_json::from_value(object).unwrap()
    }

    const UID: &str = "00000000-0000-0000-0000-000000000001";
    const ID: &str = "00000000-0000-0000-0000-000000000002";

    #[test]
    fn what_is_ready_is_seen() {
        let ready = json!({
            "readyToUse": true, "creationTime": "2026-11-21T07:36:59Z", "phase": "Succeeded",
            "indications": ["GuestAgent", "Online"],
        });
        let ours = json!({
            "uid": UID, "labels": { labels::SNAPSHOT_ID: ID },
            "annotations": { labels::SNAPSHOT_SIZE: "1024" },
        });
        let seen = snapshot(&object(ours.clone(), ready.clone())).unwrap();
        assert_eq!((seen.id.to_string(), seen.powered_on), (ID.to_owned(), true));
        assert_eq!(seen.size_mib, Some(1024));
        let theirs = snapshot(&object(json!({ "uid": UID }), ready.clone())).unwrap();
        assert_eq!((theirs.id.to_string(), theirs.size_mib), (UID.to_owned(), None));

        let mut going = ours.clone();
        going["deletionTimestamp"] = "2026-11-21T07:36:59Z".into();
        assert_eq!(snapshot(&object(going, ready)), None);
        for status in [json!({}), json!({ "readyToUse": false }), json!({ "readyToUse": true })] {
            assert_eq!(snapshot(&object(ours.clone(), status)), None);
        }
    }

    #[test]
    fn failures_are_told_without_names() {
        let failed = |status: Value| {
            let mut status = status;
            status["phase"] = "Failed".into();
            failure(&object(json!({}), status)).unwrap()
        };
        let error = |text: &str| json!({ "error": { "message": text } });
        let storage = "VolumeSnapshot vmsnapshot-1-volume-disk-0 error: rpc: node-7 10.0.0.7";
        assert_eq!(failed(error(storage)).0, "its storage did not do it");
        assert_eq!(failed(error("no room on node-7")).0, "the cluster could not do it");
        let condition =
            json!({ "type": "Failure", "status": "True", "reason": "snapshot deadline exceeded" });
        assert_eq!(failed(json!({ "conditions": [condition] })).0, "it took too long");
        assert_eq!(failure(&object(json!({}), json!({ "phase": "InProgress" }))), None);
    }

    #[test]
    fn disks_are_all_in_it_or_it_is_of_no_use() {
        let template = |name: &str, size: Option<&str>| {
            let requests = size.map_or(json!({}), |size| json!({ "storage": size }));
            json!({
                "metadata": { "name": name },
                "spec": { "storage": { "resources": { "requests": requests } } },
            })
        };
        let vm = |second: Option<&str>| -> VirtualMachine {
            let volumes = json!([
                { "name": "a", "dataVolume": { "name": "web-a" } },
                { "name": "b", "dataVolume": { "name": "web-b" } },
                { "name": "guest", "cloudInitNoCloud": { "secretRef": { "name": "x" } } },
            ]);
            let spec = json!({
                "dataVolumeTemplates": [template("web-a", Some("1Gi")), template("web-b", second)],
                "template": { "spec": { "domain": { "devices": {} }, "volumes": volumes } },
            });
            let vm = json!({
                "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {}, "spec": spec,
            });
            serde_json::from_value(vm).unwrap()
        };
        assert_eq!(size_mib(&vm(Some("512Mi"))), Some(1536));
        assert_eq!(size_mib(&vm(None)), None);
        for (left_out, partial) in [(json!(["guest"]), false), (json!(["guest", "b"]), true)] {
            let status = json!({ "snapshotVolumes": { "excludedVolumes": left_out } });
            assert_eq!(is_partial(&object(json!({}), status), &vm(None)), partial);
        }
    }
}
