//! `VirtualMachine` of `kubevirt.io/v1`: a VM, whether it runs or not.
//! See <https://kubevirt.io/api-reference/> (`v1.VirtualMachine`).

use jiff::Timestamp;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    data_volume::DataVolumeSpec,
    instance::VirtualMachineInstanceSpec,
    open::open_enum,
    shared::{Condition, LocalRef, TemplateMeta},
};

open_enum! {
    /// When KubeVirt runs a VM.
    RunStrategy {
        /// Always; what has stopped is started again.
        Always = "Always",
        /// Never; what runs is stopped.
        Halted = "Halted",
        /// As the `start` and `stop` subresources say.
        Manual = "Manual",
        /// Until it stops without a failure.
        RerunOnFailure = "RerunOnFailure",
        /// Once.
        Once = "Once",
        /// When another cluster sends it over.
        WaitAsReceiver = "WaitAsReceiver",
    }
}

open_enum! {
    /// What KubeVirt shows of a VM in one word. A VM that a quota keeps from starting stays
    /// `Starting`; a condition has the reason.
    PrintableStatus {
        /// It does not run.
        Stopped = "Stopped",
        /// Its disks are being made.
        Provisioning = "Provisioning",
        /// It is being started.
        Starting = "Starting",
        /// It runs.
        Running = "Running",
        /// It is paused, its memory kept.
        Paused = "Paused",
        /// It is being stopped.
        Stopping = "Stopping",
        /// It is being deleted.
        Terminating = "Terminating",
        /// It fails again and again; KubeVirt waits before the next attempt.
        CrashLoopBackOff = "CrashLoopBackOff",
        /// It moves to another node.
        Migrating = "Migrating",
        /// Its node does not answer.
        Unknown = "Unknown",
        /// No node has room for it.
        ErrorUnschedulable = "ErrorUnschedulable",
        /// A container image cannot be pulled.
        ErrImagePull = "ErrImagePull",
        /// A container image cannot be pulled; KubeVirt waits before the next attempt.
        ImagePullBackOff = "ImagePullBackOff",
        /// A volume claim that it names is not there.
        ErrorPvcNotFound = "ErrorPvcNotFound",
        /// A disk cannot be made.
        DataVolumeError = "DataVolumeError",
        /// A volume has no storage yet.
        WaitingForVolumeBinding = "WaitingForVolumeBinding",
        /// It waits for another cluster to send it over.
        WaitingForReceiver = "WaitingForReceiver",
    }
}

open_enum! {
    /// What is done with a disk's data when its volume is replaced by another.
    UpdateVolumesStrategy {
        /// Nothing; the VM gets the new volume at its next start.
        Replacement = "Replacement",
        /// It is copied while the VM runs.
        Migration = "Migration",
    }
}

open_enum! {
    /// What a VM is waiting for.
    StateChange {
        /// To be started.
        Start = "Start",
        /// To be stopped.
        Stop = "Stop",
    }
}

/// What a VM should be like.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kubevirt.io",
    version = "v1",
    kind = "VirtualMachine",
    plural = "virtualmachines",
    shortname = "vm",
    shortname = "vms",
    category = "all",
    namespaced,
    status = "VirtualMachineStatus",
    derive = "PartialEq",
    doc = "A VM, whether it runs or not."
)]
#[serde(rename_all = "camelCase")]
pub struct VirtualMachineSpec {
    /// When it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_strategy: Option<RunStrategy>,
    /// What `runStrategy` was before: `Always` or `Halted`. Only read, of VMs in older templates;
    /// both together are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<bool>,
    /// What sets its CPU and memory; the template must then leave them out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instancetype: Option<Matcher>,
    /// What sets its devices where the template says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preference: Option<Matcher>,
    /// What runs.
    pub template: InstanceTemplate,
    /// Disks that are made with the VM and deleted with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_volume_templates: Vec<DataVolumeTemplate>,
    /// What is done with a disk's data when its volume is replaced by another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_volumes_strategy: Option<UpdateVolumesStrategy>,
}

/// Which instance type or preference a VM has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Matcher {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its kind; without, the cluster-wide one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The `ControllerRevision` that holds it as it was, where an older KubeVirt wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_name: Option<String>,
    /// The volume whose labels say which one, instead of the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infer_from_volume: Option<String>,
}

/// What a VM's instances are made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceTemplate {
    /// Their labels, which their pods have too, and annotations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TemplateMeta>,
    /// What they are like.
    pub spec: VirtualMachineInstanceSpec,
}

/// What one of a VM's disks is made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataVolumeTemplate {
    /// Its name, which a volume of the VM repeats, labels and annotations.
    #[serde(default)]
    pub metadata: TemplateMeta,
    /// What it is like.
    pub spec: DataVolumeSpec,
}

/// What KubeVirt says about a VM.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualMachineStatus {
    /// Whether it has an instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<bool>,
    /// Whether its instance is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// All of it in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub printable_status: Option<PrintableStatus>,
    /// The run strategy that was last acted upon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_strategy: Option<RunStrategy>,
    /// `Ready`, `Paused`, `Failure`, `RestartRequired`, and most of the instance's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The generation that its instance was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The generation that KubeVirt is working towards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_generation: Option<i64>,
    /// The instance type as it is kept for this VM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instancetype_ref: Option<KeptMatch>,
    /// The preference as it is kept for this VM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preference_ref: Option<KeptMatch>,
    /// What it is waiting for, the next one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub state_change_requests: Vec<StateChangeRequest>,
    /// Which volumes a snapshot would contain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_snapshot_statuses: Vec<VolumeSnapshotStatus>,
    /// The `VirtualMachineSnapshot` that is being made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_in_progress: Option<String>,
    /// The `VirtualMachineRestore` that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_in_progress: Option<String>,
    /// How often it failed to start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_failure: Option<StartFailure>,
}

/// The copy of an instance type or preference that a VM keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KeptMatch {
    /// The name of what was copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The `ControllerRevision` with the copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller_revision_ref: Option<LocalRef>,
}

/// Something a VM is waiting for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateChangeRequest {
    /// What.
    pub action: StateChange,
    /// The uid of the instance that is to be stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// Whether a snapshot would contain a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeSnapshotStatus {
    /// The volume.
    pub name: String,
    /// Whether it would.
    pub enabled: bool,
    /// Why it would not, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How often a VM failed to start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StartFailure {
    /// How often in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_fail_count: Option<i64>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_timestamp: Option<Timestamp>,
}
