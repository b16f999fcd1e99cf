//! `Template` of `template.openshift.io/v1`: objects with places for parameters. OpenShift's own
//! API server answers for it, not a definition.
//! See the page `Template` of OpenShift's API reference.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// What a template consists of, beside its metadata: it has no `spec`.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "template.openshift.io",
    version = "v1",
    kind = "Template",
    plural = "templates",
    namespaced,
    no_spec,
    derive = "PartialEq",
    doc = "Objects with places for parameters."
)]
#[serde(default)]
pub struct TemplateBody {
    /// What its user is told afterwards; parameters are filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The objects. `${NAME}` in a string is a parameter's text; `${{NAME}}` as the whole of a
    /// string is a parameter's text as JSON.
    #[serde(deserialize_with = "null_is_none", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "any_objects")]
    pub objects: Vec<Value>,
    /// The parameters.
    #[serde(deserialize_with = "null_is_none", skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// Labels that every object is given.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its text, if no other is given. Wins over `generate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// How its text is made up; `expression` is the one way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate: Option<String>,
    /// What `generate` works on, such as `[a-z0-9]{8}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Whether it must have a text in the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
}

/// OpenShift's server writes an empty list as `null`.
fn null_is_none<'de, T, D>(from: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

fn any_objects(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
    })
}
