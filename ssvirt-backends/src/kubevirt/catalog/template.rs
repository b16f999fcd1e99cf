//! OpenShift templates that contain VMs.

use std::collections::BTreeSet;

use kube::{ResourceExt as _, core::object::HasSpec as _};
use serde_json::Value;
use ssvirt_core::{
    catalog::{SourceItem, SourceVm},
    model::{Product, Property, VmSpec},
};

use super::{
    guest,
    instantiate::TemplateVmRef,
    parameters::{self, Values},
    parts::{self, Parts},
    seen::{Reason, Seen},
    size,
};
use crate::kubevirt::resources::{
    Template,
    data_source::{DEFAULT_INSTANCETYPE, ImageSource},
    shared::NamespacedRef,
    template::Parameter,
};

/// The annotation with the name for people.
pub const DISPLAY_NAME: &str = "openshift.io/display-name";

/// The metadata that comes from annotations.
pub const ANNOTATIONS: [(&str, &str); 6] = [
    ("displayName", DISPLAY_NAME),
    ("iconClass", "iconClass"),
    ("tags", "tags"),
    ("provider", "openshift.io/provider-display-name"),
    ("documentationUrl", "openshift.io/documentation-url"),
    ("supportUrl", "openshift.io/support-url"),
];

/// What the section of properties is known by.
pub const CLASS: &str = "io.openshift.template";

/// The item of a template; none where it has no VM.
pub fn item(seen: &Seen, template: &Template) -> Option<SourceItem> {
    let parts = Parts::of(&template.spec().objects);
    if parts.vms.is_empty() {
        return None;
    }
    let name = template.name_any();
    let annotation = |key: &str| template.annotations().get(key).filter(|text| !text.is_empty());
    let metadata = ANNOTATIONS
        .into_iter()
        .filter_map(|(key, from)| Some((key.to_owned(), annotation(from)?.clone())));
    let mut item = SourceItem {
        external_id: format!("template:{}/{name}", template.namespace().unwrap_or_default()),
        name: annotation(DISPLAY_NAME).unwrap_or(&name).clone(),
        description: annotation("description").cloned().unwrap_or_default(),
        metadata: metadata.collect(),
        ..SourceItem::default()
    };
    item.metadata.insert("template".to_owned(), name.clone());
    let body = &template.spec().parameters;
    // The same each time: what is made up is nothing that the catalog shows.
    let values = parameters::defaults(body, |_| 0).unwrap_or_else(|parameter| {
        item.not_ready = Some(format!("Its parameter \"{parameter}\" cannot be made up."));
        Values::new()
    });
    let own: BTreeSet<String> = parts.vms.iter().flat_map(parts::own_parameters).collect();
    let asked = body.iter().enumerate().filter(|(place, parameter)| {
        // Of two with one name the last counts, as in OpenShift.
        let again = body.iter().skip(place + 1).any(|other| other.name == parameter.name);
        !again && !own.contains(&parameter.name)
    });
    let properties: Vec<Property> = asked.map(|(_, parameter)| property(parameter)).collect();
    for (index, raw) in parts.vms.iter().enumerate() {
        let vm = parameters::substituted(raw, &values);
        let mut spec = VmSpec {
            os_type: os_type(template, &vm).to_owned(),
            image: Some(TemplateVmRef::image(template, index)),
            ..VmSpec::default()
        };
        if let Err(reason) = measure(seen, &vm, &mut spec) {
            item.not_ready.get_or_insert(reason);
        }
        let vm_name = unique(vm_name(raw, &name), &item.vms);
        let products = match properties.is_empty() {
            true => Vec::new(),
            false => vec![Product {
                class: Some(CLASS.to_owned()),
                info: "The parameters of the template".to_owned(),
                properties: properties.clone(),
                ..Product::default()
            }],
        };
        item.vms.push(SourceVm { name: vm_name, spec, products, ..SourceVm::default() });
    }
    Some(item)
}

/// The namespaces of the images that a template's VMs start from.
pub fn namespaces(template: &Template) -> BTreeSet<String> {
    let values = parameters::defaults(&template.spec().parameters, |_| 0).unwrap_or_default();
    let vms = Parts::of(&template.spec().objects).vms;
    let vms = vms.iter().map(|vm| parameters::substituted(vm, &values));
    let named = vms.flat_map(|vm| {
        let places = ["/spec/sourceRef", "/spec/source/pvc", "/spec/source/snapshot"];
        let of = |disk: &Value| {
            let named =
                places.into_iter().filter_map(|place| disk.pointer(place)?.get("namespace"));
            named.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        parts::disks(&vm).iter().flat_map(of).collect::<Vec<_>>()
    });
    named.filter(|namespace| !namespace.is_empty()).collect()
}

fn property(parameter: &Parameter) -> Property {
    Property {
        key: parameter.name.clone(),
        kind: "string".to_owned(),
        user_configurable: true,
        // OpenShift has no mark for it; its own templates name them so.
        password: parameter.name.to_ascii_uppercase().ends_with("PASSWORD"),
        required: parameters::must_be_given(parameter),
        default: parameter.value.clone().filter(|value| !value.is_empty()),
        value: None,
        label: parameter.display_name.clone(),
        description: parameter.description.clone(),
    }
}

/// A VM's name: its object's, where that is a text; parameters in it are the template's name.
fn vm_name(vm: &Value, template: &str) -> String {
    let text = vm["metadata"]["name"].as_str().unwrap_or_default();
    let mut name = String::new();
    let mut rest = text;
    while let Some((before, (_, behind))) =
        rest.split_once("${").and_then(|(before, from)| Some((before, from.split_once('}')?)))
    {
        name.push_str(before);
        name.push_str(template);
        rest = behind.strip_prefix('}').unwrap_or(behind);
    }
    name.push_str(rest);
    if name.is_empty() { template.to_owned() } else { name }
}

fn unique(name: String, others: &[SourceVm]) -> String {
    let is_free = |name: &str| others.iter().all(|vm| vm.name != name);
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    names.find(|name| is_free(name)).unwrap_or_default()
}

/// Labels, annotations and the preference all may say which operating system it is.
fn os_type(template: &Template, vm: &Value) -> &'static str {
    const OS: &str = "os.template.kubevirt.io/";
    let annotation = vm.pointer("/spec/template/metadata/annotations/vm.kubevirt.io~1os");
    let preference = vm.pointer("/spec/preference/name");
    let said = [annotation, preference].into_iter().flatten().filter_map(Value::as_str);
    let labelled = template.labels().keys().filter_map(|key| key.strip_prefix(OS));
    guest::os_type(said.chain(labelled))
}

/// Reads CPUs, memory and disks of a VM.
fn measure(seen: &Seen, vm: &Value, spec: &mut VmSpec) -> Result<(), Reason> {
    let chosen = &vm["spec"]["instancetype"];
    if chosen.is_object() {
        let name = instancetype(seen, vm).ok_or("Its instance type is not known.")?;
        size::of_instancetype(seen, &name, spec)?;
    } else {
        size::of_domain(&vm["spec"]["template"]["spec"]["domain"], spec)?;
    }
    let preference = vm.pointer("/spec/preference/name").and_then(Value::as_str);
    if let Some(found) = preference.and_then(|name| seen.preferences.get(name)) {
        size::prefer(&found.spec, spec);
    }
    for (place, disk) in parts::disks(vm).iter().enumerate() {
        let asked = parts::SIZES.iter().find_map(|path| size::size_mib(disk.pointer(path)?));
        let image = image_size(seen, &disk["spec"])?;
        let size = asked.or(image).ok_or("The size of one of its disks is not known.")?;
        spec.disks.push(size::disk(place, size));
    }
    Ok(())
}

/// The cluster-wide instance type of a VM, by its name or by what the image of one of its volumes says.
fn instancetype(seen: &Seen, vm: &Value) -> Option<String> {
    let chosen = &vm["spec"]["instancetype"];
    if chosen["kind"]
        .as_str()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("virtualmachineinstancetype"))
    {
        return None;
    }
    if let Some(name) = chosen["name"].as_str() {
        return Some(name.to_owned());
    }
    let volume =
        parts::volumes(vm).iter().find(|volume| volume["name"] == chosen["inferFromVolume"])?;
    let content = parts::content(volume)?;
    let disk = parts::disks(vm).iter().find(|disk| disk["metadata"]["name"] == *content)?;
    let source = &disk["spec"]["sourceRef"];
    let key = (source["namespace"].as_str()?.to_owned(), source["name"].as_str()?.to_owned());
    seen.sources.get(&key)?.labels().get(DEFAULT_INSTANCETYPE).cloned()
}

/// The size of the image that a disk starts from; none where it starts from none, or where the image is in the
/// tenant's own namespace or is still to be named.
fn image_size(seen: &Seen, disk: &Value) -> Result<Option<i64>, Reason> {
    let named = |value: &Value| {
        let text =
            |key: &str| value[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        Some((text("namespace")?, text("name")?))
    };
    if let Some(key) = named(&disk["sourceRef"]) {
        return seen.image_size(&key).map(Some);
    }
    let (pvc, snapshot) = (&disk["source"]["pvc"], &disk["source"]["snapshot"]);
    let Some((namespace, name)) = named(pvc).or_else(|| named(snapshot)) else { return Ok(None) };
    let named = Some(NamespacedRef { namespace, name });
    let source = match pvc.is_object() {
        true => ImageSource { pvc: named, ..ImageSource::default() },
        false => ImageSource { snapshot: named, ..ImageSource::default() },
    };
    let size = seen.source_size(&source);
    size.map(Some).ok_or_else(|| "The image of one of its disks is not there.".to_owned())
}
