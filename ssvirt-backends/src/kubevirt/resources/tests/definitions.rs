//! The definitions that the types make.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use kube::Resource;
use serde_json::{Value, json};

use super::super::{VirtualMachine, crds};

#[test]
fn definitions_of_all_kinds() {
    let found: Vec<_> = crds()
        .into_iter()
        .map(|crd| {
            // As an API server is sent it.
            let crd = serde_json::to_value(crd).unwrap();
            let spec = &crd["spec"];
            let [version] = &spec["versions"].as_array().unwrap()[..] else { panic!("one") };
            assert_eq!((&version["served"], &version["storage"]), (&json!(true), &json!(true)));
            let names = &spec["names"];
            assert_eq!(names["singular"].as_str().unwrap().replace('-', ""), {
                names["kind"].as_str().unwrap().to_lowercase()
            });
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (
                text(&crd["metadata"]["name"]),
                text(&version["name"]),
                text(&names["kind"]),
                text(&spec["scope"]),
                !version["subresources"]["status"].is_null(),
            )
        })
        .collect();
    let expected = [
        ("virtualmachines.kubevirt.io", "v1", "VirtualMachine", "Namespaced", true),
        (
            "virtualmachineinstances.kubevirt.io",
            "v1",
            "VirtualMachineInstance",
            "Namespaced",
            false,
        ),
        ("datavolumes.cdi.kubevirt.io", "v1beta1", "DataVolume", "Namespaced", true),
        ("datasources.cdi.kubevirt.io", "v1beta1", "DataSource", "Namespaced", false),
        (
            "virtualmachineclusterinstancetypes.instancetype.kubevirt.io",
            "v1beta1",
            "VirtualMachineClusterInstancetype",
            "Cluster",
            false,
        ),
        (
            "virtualmachineclusterpreferences.instancetype.kubevirt.io",
            "v1beta1",
            "VirtualMachineClusterPreference",
            "Cluster",
            false,
        ),
        (
            "virtualmachinesnapshots.snapshot.kubevirt.io",
            "v1beta1",
            "VirtualMachineSnapshot",
            "Namespaced",
            true,
        ),
        (
            "virtualmachinerestores.snapshot.kubevirt.io",
            "v1beta1",
            "VirtualMachineRestore",
            "Namespaced",
            true,
        ),
        ("templates.template.openshift.io", "v1", "Template", "Namespaced", false),
        ("templateinstances.template.openshift.io", "v1", "TemplateInstance", "Namespaced", true),
        ("userdefinednetworks.k8s.ovn.org", "v1", "UserDefinedNetwork", "Namespaced", true),
        (
            "network-attachment-definitions.k8s.cni.cncf.io",
            "v1",
            "NetworkAttachmentDefinition",
            "Namespaced",
            false,
        ),
    ]
    .map(|(name, version, kind, scope, status)| {
        (name.to_owned(), version.to_owned(), kind.to_owned(), scope.to_owned(), status)
    });
    assert_eq!(found, expected);
    assert_eq!(
        VirtualMachine::url_path(&(), Some("here")),
        "/apis/kubevirt.io/v1/namespaces/here/virtualmachines"
    );
}

/// What an API server demands of a schema, and what would make it change what it is sent.
fn assert_structural(at: &str, schema: &JSONSchemaProps) {
    let keeps = schema.x_kubernetes_preserve_unknown_fields == Some(true);
    let either = schema.x_kubernetes_int_or_string == Some(true);
    assert!(schema.type_.is_some() || either, "{at} has no type");
    assert!(schema.default.is_none(), "{at} has a default");
    assert!(schema.enum_.is_none(), "{at} takes only some words");
    assert!(schema.any_of.is_none() && schema.one_of.is_none(), "{at} is a choice");
    assert!(schema.ref_path.is_none(), "{at} is elsewhere");
    let schema = serde_json::to_value(schema).unwrap();
    if schema["type"] == "object" && schema["additionalProperties"].is_null() {
        assert!(keeps, "{at} loses fields");
    }
    assert!(schema["properties"].is_null() || schema["additionalProperties"].is_null(), "{at}");
    assert_ne!(schema["type"] == "array", schema["items"].is_null(), "{at}");
    let below = |schema: &Value| serde_json::from_value::<JSONSchemaProps>(schema.clone()).unwrap();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        assert_structural(&format!("{at}.{name}"), &below(property));
    }
    for part in ["items", "additionalProperties"] {
        if !schema[part].is_null() {
            assert_structural(&format!("{at}.{part}"), &below(&schema[part]));
        }
    }
}

#[test]
fn schemas_take_what_the_types_take() {
    for crd in crds() {
        let schema = crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref();
        assert_structural(&crd.spec.names.kind, schema.unwrap());
    }
}
