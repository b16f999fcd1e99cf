//! `DataVolume` of `cdi.kubevirt.io/v1beta1`: a volume claim that is filled with something.
//! See <https://kubevirt.io/cdi-api-reference/> (`v1beta1.DataVolume`).

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    open::open_enum,
    shared::{Condition, Empty, NamespacedRef, Resources},
};

open_enum! {
    /// How far a data volume is. An import that fails stays `ImportInProgress`: its restarts are
    /// counted and the condition `Running` has the reason. One that a quota stops stays `Pending`.
    DataVolumePhase {
        /// CDI has not seen it yet.
        Unset = "",
        /// It waits.
        Pending = "Pending",
        /// Its claim has storage.
        PvcBound = "PVCBound",
        /// It waits for the first VM that uses it.
        WaitForFirstConsumer = "WaitForFirstConsumer",
        /// It waits for the first VM that uses it, and CDI will fill it then.
        PendingPopulation = "PendingPopulation",
        /// Its importer waits for a node.
        ImportScheduled = "ImportScheduled",
        /// It is being imported.
        ImportInProgress = "ImportInProgress",
        /// Its cloner waits for a node.
        CloneScheduled = "CloneScheduled",
        /// It is being cloned.
        CloneInProgress = "CloneInProgress",
        /// It is being cloned by a snapshot of the source.
        SnapshotForSmartCloneInProgress = "SnapshotForSmartCloneInProgress",
        /// The storage clones it.
        CsiCloneInProgress = "CSICloneInProgress",
        /// It is being made from a snapshot.
        CloneFromSnapshotSourceInProgress = "CloneFromSnapshotSourceInProgress",
        /// The claim to clone to is being made ready.
        PrepClaimInProgress = "PrepClaimInProgress",
        /// The clone is being handed over to the claim.
        RebindInProgress = "RebindInProgress",
        /// The clone grows to the claim's size.
        ExpansionInProgress = "ExpansionInProgress",
        /// Its upload server waits for a node.
        UploadScheduled = "UploadScheduled",
        /// It can be uploaded to.
        UploadReady = "UploadReady",
        /// It is ready.
        Succeeded = "Succeeded",
        /// It failed for good.
        Failed = "Failed",
        /// CDI cannot tell.
        Unknown = "Unknown",
        /// It waits for the next part of an import in parts.
        Paused = "Paused",
    }
}

/// What a data volume is made from: exactly one of `source` and `source_ref`, and one of `storage`
/// and `pvc`.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "cdi.kubevirt.io",
    version = "v1beta1",
    kind = "DataVolume",
    plural = "datavolumes",
    shortname = "dv",
    shortname = "dvs",
    category = "all",
    namespaced,
    status = "DataVolumeStatus",
    derive = "PartialEq",
    doc = "A volume claim that is filled with something."
)]
#[serde(rename_all = "camelCase", default)]
pub struct DataVolumeSpec {
    /// What it is filled with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<DataVolumeSource>,
    /// The `DataSource` that says what it is filled with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<DataSourceRef>,
    /// Its claim; what is not said is taken from the storage class's profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<ClaimSpec>,
    /// Its claim, with all that a claim needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pvc: Option<ClaimSpec>,
}

/// What a data volume is filled with: one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DataVolumeSource {
    /// Nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blank: Option<Empty>,
    /// A file from a web server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSource>,
    /// The disk image in a container image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistrySource>,
    /// A copy of a claim. Whoever asks for one of another namespace needs the right to `create`
    /// `datavolumes/source` there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pvc: Option<NamespacedRef>,
    /// A copy of a volume snapshot, with the same right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<NamespacedRef>,
    /// What is uploaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload: Option<Empty>,
}

/// A file from a web server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpSource {
    /// Where it is.
    pub url: String,
    /// The `Secret` with user name and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<String>,
    /// The `ConfigMap` with the certificates that are trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_config_map: Option<String>,
}

/// The disk image in a container image: one of `url` and `image_stream`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RegistrySource {
    /// Where it is: `docker://` and the image's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// OpenShift's `ImageStream` that names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_stream: Option<String>,
    /// Whether the importer (`pod`) or the node (`node`) pulls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_method: Option<String>,
    /// The `Secret` with user name and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<String>,
    /// The `ConfigMap` with the certificates that are trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_config_map: Option<String>,
}

/// A `DataSource`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DataSourceRef {
    /// `DataSource`.
    pub kind: String,
    /// Its namespace; without, the data volume's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// A volume claim.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimSpec {
    /// Its storage class; without, the cluster's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<String>,
    /// How it can be used, such as `ReadWriteMany`, which moving to another node needs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_modes: Vec<String>,
    /// `Block` or `Filesystem`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_mode: Option<String>,
    /// Its size, as a request for `storage`; without, the source's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

/// What CDI says about a data volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DataVolumeStatus {
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<DataVolumePhase>,
    /// How much of it is there, such as `42.5%`; `N/A` where nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// Its claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim_name: Option<String>,
    /// How often its importer was started again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_count: Option<i32>,
    /// `Bound`, `Ready` and `Running`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
