//! `VirtualMachineRestore` of `snapshot.kubevirt.io/v1beta1`: a VM goes back to a snapshot.
//! See <https://kubevirt.io/api-reference/> (`v1beta1.VirtualMachineRestore`).

use jiff::Timestamp;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    open::open_enum,
    shared::{Condition, TypedRef},
};

open_enum! {
    /// What is done when the VM still runs.
    TargetReadinessPolicy {
        /// It is waited for, for five minutes; then the restore fails.
        WaitGracePeriod = "WaitGracePeriod",
        /// It is stopped.
        StopTarget = "StopTarget",
        /// The restore fails at once.
        FailImmediate = "FailImmediate",
        /// It is waited for without end.
        WaitEventually = "WaitEventually",
    }
}

open_enum! {
    /// What the restored disks are called.
    VolumeRestorePolicy {
        /// Something new.
        RandomizeNames = "RandomizeNames",
        /// As they were; what is there now is deleted.
        InPlace = "InPlace",
        /// As they were, after the VM's name.
        PrefixTargetName = "PrefixTargetName",
    }
}

/// What goes back to what.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "snapshot.kubevirt.io",
    version = "v1beta1",
    kind = "VirtualMachineRestore",
    plural = "virtualmachinerestores",
    shortname = "vmrestore",
    shortname = "vmrestores",
    category = "all",
    namespaced,
    status = "VirtualMachineRestoreStatus",
    derive = "PartialEq",
    doc = "A VM goes back to a snapshot."
)]
#[serde(rename_all = "camelCase")]
pub struct VirtualMachineRestoreSpec {
    /// The VM.
    pub target: TypedRef,
    /// The snapshot.
    pub virtual_machine_snapshot_name: String,
    /// What is done when the VM still runs; without, it is waited for, for five minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_readiness_policy: Option<TargetReadinessPolicy>,
    /// What the restored disks are called; without, something new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_restore_policy: Option<VolumeRestorePolicy>,
}

/// What KubeVirt says about a restore.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualMachineRestoreStatus {
    /// Whether it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
    /// When it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_time: Option<Timestamp>,
    /// `Ready`, `Progressing` and `Failure`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The disks that were restored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restores: Vec<VolumeRestore>,
    /// The data volumes that were replaced and deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deleted_data_volumes: Vec<String>,
}

/// A disk that was restored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeRestore {
    /// Its name in the VM's spec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_name: Option<String>,
    /// Its claim now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<String>,
    /// Its data volume now, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_volume_name: Option<String>,
}
