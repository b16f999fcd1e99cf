//! `TemplateInstance` of `template.openshift.io/v1`: what OpenShift makes of a template.
//! See the page `TemplateInstance` of OpenShift's API reference.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    shared::{Condition, LocalRef},
    template::Template,
};

/// What is to be made.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "template.openshift.io",
    version = "v1",
    kind = "TemplateInstance",
    plural = "templateinstances",
    namespaced,
    status = "TemplateInstanceStatus",
    derive = "PartialEq",
    doc = "What OpenShift makes of a template."
)]
#[serde(rename_all = "camelCase")]
pub struct TemplateInstanceSpec {
    /// The template, as a whole.
    pub template: Template,
    /// The `Secret` with the parameters' texts, by their names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<LocalRef>,
}

/// What OpenShift says about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TemplateInstanceStatus {
    /// `Ready`, and `InstantiateFailure` when it failed for good.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The objects that were made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<MadeObject>,
}

/// An object that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MadeObject {
    /// Which one.
    #[serde(rename = "ref")]
    pub ref_: ObjectRef,
}

/// An object of any kind in any namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectRef {
    /// The kind's API group and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// The kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its namespace; none of cluster-wide kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its uid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}
