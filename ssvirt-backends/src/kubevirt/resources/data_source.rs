//! `DataSource` of `cdi.kubevirt.io/v1beta1`: a name for the newest image of an operating system.
//! See <https://kubevirt.io/cdi-api-reference/> (`v1beta1.DataSource`).

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shared::{Condition, NamespacedRef};

/// The label of a `DataSource` that names the instance type for VMs made from it.
pub const DEFAULT_INSTANCETYPE: &str = "instancetype.kubevirt.io/default-instancetype";
/// The label of a `DataSource` that names the preference for VMs made from it.
pub const DEFAULT_PREFERENCE: &str = "instancetype.kubevirt.io/default-preference";

/// What a data source stands for.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "cdi.kubevirt.io",
    version = "v1beta1",
    kind = "DataSource",
    plural = "datasources",
    shortname = "das",
    category = "all",
    namespaced,
    status = "DataSourceStatus",
    derive = "PartialEq",
    doc = "A name for the newest image of an operating system."
)]
pub struct DataSourceSpec {
    /// The image.
    pub source: ImageSource,
}

/// An image: one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageSource {
    /// A volume claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pvc: Option<NamespacedRef>,
    /// A volume snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<NamespacedRef>,
    /// Another data source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_source: Option<NamespacedRef>,
}

/// What CDI says about a data source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DataSourceStatus {
    /// The image at the end of the line, where the spec names another data source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ImageSource>,
    /// `Ready`, and `Running` while an import is under way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
