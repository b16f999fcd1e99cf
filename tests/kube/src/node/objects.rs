//! Objects as JSON, and the little that is needed of their types.
//!
//! Nothing here is the backend's: what plays the cluster must not share the backend's mistakes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind, PostParams},
};
use serde_json::{Value, json};

/// What KubeVirt's controllers hold VirtualMachines and their instances with.
pub const CONTROLLER_FINALIZER: &str = "kubevirt.io/virtualMachineControllerFinalize";
/// What KubeVirt's nodes hold instances with.
pub const NODE_FINALIZER: &str = "kubevirt.io/foregroundDeleteVirtualMachine";

fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

/// `VirtualMachine`.
pub fn machine() -> ApiResource {
    resource("kubevirt.io", "v1", "VirtualMachine", "virtualmachines")
}

/// `VirtualMachineInstance`.
pub fn instance() -> ApiResource {
    resource("kubevirt.io", "v1", "VirtualMachineInstance", "virtualmachineinstances")
}

/// `DataVolume`.
pub fn data_volume() -> ApiResource {
    resource("cdi.kubevirt.io", "v1beta1", "DataVolume", "datavolumes")
}

/// `PersistentVolumeClaim`.
pub fn claim() -> ApiResource {
    resource("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
}

/// `PersistentVolume`.
pub fn volume() -> ApiResource {
    resource("", "v1", "PersistentVolume", "persistentvolumes")
}

/// `StorageClass`.
pub fn storage_class() -> ApiResource {
    resource("storage.k8s.io", "v1", "StorageClass", "storageclasses")
}

/// `Pod`.
pub fn pod() -> ApiResource {
    resource("", "v1", "Pod", "pods")
}

/// `VirtualMachineSnapshot`.
pub fn snapshot() -> ApiResource {
    let plural = "virtualmachinesnapshots";
    resource("snapshot.kubevirt.io", "v1beta1", "VirtualMachineSnapshot", plural)
}

/// `VirtualMachineRestore`.
pub fn restore() -> ApiResource {
    let plural = "virtualmachinerestores";
    resource("snapshot.kubevirt.io", "v1beta1", "VirtualMachineRestore", plural)
}

/// `TemplateInstance`.
pub fn template_instance() -> ApiResource {
    resource("template.openshift.io", "v1", "TemplateInstance", "templateinstances")
}

/// `UserDefinedNetwork`.
pub fn network() -> ApiResource {
    resource("k8s.ovn.org", "v1", "UserDefinedNetwork", "userdefinednetworks")
}

/// `NetworkAttachmentDefinition`.
pub fn definition() -> ApiResource {
    let plural = "network-attachment-definitions";
    resource("k8s.cni.cncf.io", "v1", "NetworkAttachmentDefinition", plural)
}

/// `Secret`.
pub fn secret() -> ApiResource {
    resource("", "v1", "Secret", "secrets")
}

/// `ControllerRevision`.
pub fn revision() -> ApiResource {
    resource("apps", "v1", "ControllerRevision", "controllerrevisions")
}

/// A kind of `instancetype.kubevirt.io`.
pub fn of_instancetype(kind: &str) -> ApiResource {
    let plural = format!("{}s", kind.to_ascii_lowercase());
    resource("instancetype.kubevirt.io", "v1beta1", kind, &plural)
}

/// The objects of a kind in a namespace.
pub fn within(client: &Client, namespace: &str, resource: &ApiResource) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, resource)
}

/// The objects of a kind, wherever they are.
pub fn all(client: &Client, resource: &ApiResource) -> Api<DynamicObject> {
    Api::all_with(client.clone(), resource)
}

/// An object out of JSON.
pub fn object(value: Value) -> kube::Result<DynamicObject> {
    serde_json::from_value(value).map_err(kube::Error::SerdeError)
}

/// The namespace of an object that has one.
pub fn namespace(object: &DynamicObject) -> String {
    object.namespace().unwrap_or_default()
}

/// The text at a JSON pointer, else nothing.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a JSON pointer, else an empty one.
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Whether it is being deleted.
pub fn is_going(object: &DynamicObject) -> bool {
    object.metadata.deletion_timestamp.is_some()
}

/// A reference to the owner that controls another object.
pub fn owner(resource: &ApiResource, object: &DynamicObject) -> OwnerReference {
    OwnerReference {
        api_version: resource.api_version.clone(),
        kind: resource.kind.clone(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The time, as the API writes it.
#[expect(clippy::disallowed_methods, reason = "a cluster's time is the machine's")]
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A condition of a status.
pub fn condition<'a>(status: &'a Value, name: &str) -> Option<&'a Value> {
    list(status, "/conditions").iter().find(|condition| condition["type"] == name)
}

/// Whether a condition of a status is true.
pub fn is_true(status: &Value, name: &str) -> bool {
    condition(status, name).is_some_and(|condition| condition["status"] == "True")
}

/// A condition without the times, which [`put`] adds.
pub fn of_type(name: &str, holds: bool, reason: &str, message: &str) -> Value {
    let mut condition = json!({ "type": name, "status": if holds { "True" } else { "False" } });
    for (key, value) in [("reason", reason), ("message", message)] {
        if !value.is_empty() {
            condition[key] = value.into();
        }
    }
    condition
}

/// Puts a condition into a status. Its time changes with what it says alone.
pub fn put(status: &mut Value, mut new: Value) {
    let old = condition(status, text(&new, "/type")).cloned().unwrap_or_default();
    if ["status", "reason", "message"].iter().all(|key| old.get(key) == new.get(key)) {
        return;
    }
    new["lastProbeTime"] = Value::Null;
    new["lastTransitionTime"] = if old["status"] == new["status"] {
        old["lastTransitionTime"].clone()
    } else {
        now().into()
    };
    let name = new["type"].clone();
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let Some(conditions) = status["conditions"].as_array_mut() else { return };
    match conditions.iter_mut().find(|condition| condition["type"] == name) {
        Some(place) => *place = new,
        None => conditions.push(new),
    }
}

/// Takes a condition out of a status.
pub fn remove(status: &mut Value, name: &str) {
    if let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) {
        conditions.retain(|condition| condition["type"] != name);
    }
}

/// Writes a status through the subresource, if it says something new. It is a conflict where the object was
/// changed since it was read.
pub async fn write_status(
    client: &Client,
    resource: &ApiResource,
    object: &DynamicObject,
    status: Value,
) -> kube::Result<()> {
    if object.data["status"] == status {
        return Ok(());
    }
    let mut changed = object.clone();
    changed.data["status"] = status;
    changed.metadata.managed_fields = None;
    let api = within(client, &namespace(object), resource);
    api.replace_status(&object.name_any(), &PostParams::default(), &changed).await?;
    Ok(())
}

/// Writes all of an object, if it differs. For instances, whose status is no subresource.
pub async fn write(
    client: &Client,
    resource: &ApiResource,
    object: &DynamicObject,
    mut changed: DynamicObject,
) -> kube::Result<()> {
    if *object == changed {
        return Ok(());
    }
    changed.metadata.managed_fields = None;
    let api = within(client, &namespace(object), resource);
    api.replace(&object.name_any(), &PostParams::default(), &changed).await?;
    Ok(())
}

/// Adds a finalizer, or takes it away. Whether there was something to do.
pub async fn hold(
    client: &Client,
    resource: &ApiResource,
    object: &DynamicObject,
    finalizer: &str,
    held: bool,
) -> kube::Result<bool> {
    let mut changed = object.clone();
    let finalizers = changed.metadata.finalizers.get_or_insert_default();
    if finalizers.iter().any(|other| other == finalizer) == held {
        return Ok(false);
    }
    if held {
        finalizers.push(finalizer.to_owned());
    } else {
        finalizers.retain(|other| other != finalizer);
    }
    write(client, resource, object, changed).await?;
    Ok(true)
}

/// Whether an answer says that there is no such object.
pub fn is_missing<T>(result: &kube::Result<T>) -> bool {
    matches!(result, Err(kube::Error::Api(status)) if status.code == 404)
}

/// Takes "there is none" for done.
pub fn or_missing<T>(result: kube::Result<T>) -> kube::Result<()> {
    if is_missing(&result) { Ok(()) } else { result.map(|_| ()) }
}

/// Takes "there is one already" for done.
pub fn or_there(result: kube::Result<DynamicObject>) -> kube::Result<()> {
    match result {
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(()),
        other => other.map(|_| ()),
    }
}
