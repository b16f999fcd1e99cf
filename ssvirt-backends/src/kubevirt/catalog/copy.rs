//! The copy of a template that a `TemplateInstance` has: one VM of it as it is planned, with its parameters left
//! for OpenShift to put in.

use std::collections::BTreeMap;

use kube::{ResourceExt as _, core::object::HasSpec as _};
use serde_json::Value;
use ssvirt_core::{Error, Result, backend::VmPlan};

use super::{
    parameters::only,
    parts::Parts,
    shape::{begin, shape, without_namespace},
};
use crate::kubevirt::{
    labels,
    resources::{Template, template::TemplateBody},
    vm::object::Site,
};

/// What is made, and what is said to the template's parameters.
#[derive(Debug)]
pub struct Copy {
    pub template: Template,
    pub values: BTreeMap<String, String>,
}

/// The copy for the VM at `index` of a template's, to be made under that name. Objects that are no VMs come with
/// the first one.
///
/// # Errors
/// `InvalidState` where the template has no such VM; `BadRequest` for what KubeVirt cannot have.
pub fn copy(
    template: &Template,
    index: usize,
    plan: &VmPlan,
    at: &Site,
    name: &str,
) -> Result<Copy> {
    let mut parts = Parts::of(&template.spec().objects);
    if index >= parts.vms.len() {
        return Err(Error::invalid_state("The template does not have this VM any more."));
    }
    let mut vm = parts.vms.swap_remove(index);
    let mut values = given(template, plan);
    // What else is called after the VM shall find it.
    if let Some(parameter) = vm["metadata"]["name"].as_str().and_then(only) {
        values.insert(parameter.to_owned(), name.to_owned());
    }
    begin(&mut vm, name);
    shape(&mut vm, plan, at, name)?;
    let others = if index == 0 { parts.others } else { Vec::new() };
    let objects: Vec<Value> = others.into_iter().chain([vm]).map(without_namespace).collect();
    let mut labels = template.spec().labels.clone();
    labels.extend(labels::of_vm(plan));
    labels.insert(labels::TEMPLATE_INSTANCE.to_owned(), name.to_owned());
    let body = TemplateBody {
        message: template.spec().message.clone(),
        objects,
        parameters: template.spec().parameters.clone(),
        labels,
    };
    // Without a namespace: it is of the instance's.
    Ok(Copy { template: Template::new(&template.name_any(), body), values })
}

/// What the plan's properties say to the template's parameters.
fn given(template: &Template, plan: &VmPlan) -> BTreeMap<String, String> {
    let properties = plan.products.iter().flat_map(|product| &product.properties);
    let is_known =
        |key: &str| template.spec().parameters.iter().any(|parameter| parameter.name == key);
    let said = properties.filter_map(|property| {
        let value = property.value.clone()?;
        is_known(&property.key).then(|| (property.key.clone(), value))
    });
    said.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use ssvirt_core::{
        ErrorKind, Id,
        backend::VmRef,
        model::{Product, Property, VmSpec},
    };
    use uuid::Uuid;

    use super::*;

    fn template() -> Template {
        let vm = |name: &str| {
            json!({
                "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
                "metadata": { "name": name, "namespace": "${WHERE}" },
                "spec": { "template": { "spec": { "domain": { "devices": {} } } } },
            })
        };
        serde_json::from_value(json!({
            "apiVersion": "template.openshift.io/v1", "kind": "Template",
            "metadata": { "name": "two", "namespace": "openshift" },
            "objects": [
                vm("${NAME}"), vm("db"),
                { "apiVersion": "v1", "kind": "Service", "metadata": { "name": "s", "namespace": "elsewhere" } },
            ],
            "parameters": [{ "name": "NAME" }, { "name": "SIZE" }, { "name": "WHERE" }],
            "labels": { "app": "two" },
        }))
        .unwrap()
    }

    fn site() -> Site {
        Site { namespace: "vdc-a".to_owned(), ..Site::default() }
    }

    fn plan() -> VmPlan {
        let property = |key: &str, value: &str| Property {
            key: key.to_owned(),
            value: Some(value.to_owned()),
            ..Property::default()
        };
        let properties =
            vec![property("SIZE", "big"), property("other", "x"), property("NAME", "mine")];
        VmPlan {
            target: VmRef { vm: Id::new(Uuid::from_u128(7)), vdc: Id::new(Uuid::from_u128(8)) },
            vapp: Id::new(Uuid::from_u128(9)),
            name: "web".to_owned(),
            spec: VmSpec::default(),
            products: vec![Product { properties, ..Product::default() }],
        }
    }

    #[test]
    fn a_copy_has_one_vm_and_what_is_not_made_elsewhere() {
        let made = copy(&template(), 0, &plan(), &site(), "web-1").unwrap();
        let body = made.template.spec();
        let names: Vec<&Value> =
            body.objects.iter().map(|object| &object["metadata"]["name"]).collect();
        assert_eq!(names, ["s", "web-1"]);
        assert!(body.objects.iter().all(|object| object["metadata"].get("namespace").is_none()));
        assert_eq!(made.template.metadata.namespace, None);
        assert_eq!(body.labels["app"], "two");
        assert_eq!(body.labels[labels::TEMPLATE_INSTANCE], "web-1");
        assert_eq!(body.labels[labels::VM_ID], "00000000-0000-0000-0000-000000000007");
        let values: Vec<_> =
            made.values.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(values, [("NAME", "web-1"), ("SIZE", "big")]);

        let second = copy(&template(), 1, &plan(), &site(), "db-1").unwrap();
        assert_eq!(second.template.spec().objects.len(), 1);
        let gone = copy(&template(), 2, &plan(), &site(), "x-1").unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::InvalidState);
    }
}
