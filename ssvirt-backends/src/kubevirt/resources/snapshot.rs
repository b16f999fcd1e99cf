//! `VirtualMachineSnapshot` of `snapshot.kubevirt.io/v1beta1`: a VM's spec and disks as they were.
//! Memory is never part of it. See <https://kubevirt.io/api-reference/>
//! (`v1beta1.VirtualMachineSnapshot`).

use jiff::Timestamp;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    open::open_enum,
    shared::{Condition, TypedRef},
};

open_enum! {
    /// What becomes of a snapshot's content when the snapshot is deleted.
    DeletionPolicy {
        /// It is deleted.
        Delete = "Delete",
        /// It is kept.
        Retain = "Retain",
    }
}

open_enum! {
    /// How far a snapshot is.
    SnapshotPhase {
        /// KubeVirt has not seen it yet.
        Unset = "",
        /// It is being made.
        InProgress = "InProgress",
        /// It is there.
        Succeeded = "Succeeded",
        /// It failed for good.
        Failed = "Failed",
        /// It is being deleted.
        Deleting = "Deleting",
        /// KubeVirt cannot tell.
        Unknown = "Unknown",
    }
}

open_enum! {
    /// What is to be known about a snapshot.
    Indication {
        /// The VM ran.
        Online = "Online",
        /// The guest agent was asked to bring the file systems in order.
        GuestAgent = "GuestAgent",
        /// There was no guest agent: it is as after a power failure.
        NoGuestAgent = "NoGuestAgent",
        /// The guest agent did not manage in time.
        QuiesceTimeout = "QuiesceTimeout",
        /// The VM was paused.
        Paused = "Paused",
        /// Some disks are not in it.
        PartialSnapshot = "PartialSnapshot",
    }
}

/// What a snapshot is made of.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "snapshot.kubevirt.io",
    version = "v1beta1",
    kind = "VirtualMachineSnapshot",
    plural = "virtualmachinesnapshots",
    shortname = "vmsnapshot",
    shortname = "vmsnapshots",
    category = "all",
    namespaced,
    status = "VirtualMachineSnapshotStatus",
    derive = "PartialEq",
    doc = "A VM's spec and disks as they were."
)]
#[serde(rename_all = "camelCase")]
pub struct VirtualMachineSnapshotSpec {
    /// The VM.
    pub source: TypedRef,
    /// What becomes of its content when it is deleted; without, it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// How long it may take, such as `5m0s`, which it is without; 0 is without end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_deadline: Option<String>,
}

/// What KubeVirt says about a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualMachineSnapshotStatus {
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<SnapshotPhase>,
    /// Whether the VM can be restored from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_to_use: Option<bool>,
    /// When it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<Timestamp>,
    /// `Ready`, `Progressing` and `Failure`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What is to be known about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub indications: Vec<Indication>,
    /// Why it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<SnapshotError>,
    /// The disks that are in it, and those that are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_volumes: Option<SnapshotVolumes>,
    /// The VM's uid.
    #[serde(rename = "sourceUID", skip_serializing_if = "Option::is_none")]
    pub source_uid: Option<String>,
}

/// Why a snapshot is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SnapshotError {
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// What it was, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The disks of a VM, by their names in its spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SnapshotVolumes {
    /// Those that are in the snapshot.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub included_volumes: Vec<String>,
    /// Those that are not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_volumes: Vec<String>,
}
