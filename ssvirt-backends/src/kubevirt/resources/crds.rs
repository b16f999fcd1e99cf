//! Definitions of the kinds, for clusters without KubeVirt.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use super::{
    DataSource, DataVolume, NetworkAttachmentDefinition, Template, TemplateInstance,
    UserDefinedNetwork, VirtualMachine, VirtualMachineClusterInstancetype,
    VirtualMachineClusterPreference, VirtualMachineInstance, VirtualMachineRestore,
    VirtualMachineSnapshot,
};

/// What an API server must know to keep objects of all kinds here: for test beds that do not have
/// the definitions of KubeVirt, CDI, OpenShift, OVN-Kubernetes and Multus. The schemas check the
/// fields that are typed here and keep all others; what only a webhook would refuse, they take.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut all = vec![
        VirtualMachine::crd(),
        without_status_subresource(VirtualMachineInstance::crd()),
        DataVolume::crd(),
        without_status_subresource(DataSource::crd()),
        VirtualMachineClusterInstancetype::crd(),
        VirtualMachineClusterPreference::crd(),
        VirtualMachineSnapshot::crd(),
        VirtualMachineRestore::crd(),
        Template::crd(),
        TemplateInstance::crd(),
        UserDefinedNetwork::crd(),
        NetworkAttachmentDefinition::crd(),
    ];
    let schemas = all
        .iter_mut()
        .flat_map(|crd| &mut crd.spec.versions)
        .filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut());
    for schema in schemas {
        keep_as_sent(schema);
    }
    all
}

/// These kinds have a status but no subresource for it: it is written with the rest.
fn without_status_subresource(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        version.subresources = None;
    }
    crd
}

/// Every object may have fields that are not typed here: almost none is typed in full, and any may
/// get more. Nor is anything filled in: what a missing field is read as is no business of the
/// server's.
fn keep_as_sent(schema: &mut JSONSchemaProps) {
    schema.default = None;
    if schema.type_.as_deref() == Some("object") && schema.additional_properties.is_none() {
        schema.x_kubernetes_preserve_unknown_fields = Some(true);
    }
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        keep_as_sent(property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        keep_as_sent(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        keep_as_sent(values);
    }
}
