//! Whose the fields of a VM are.
//!
//! A VM is created, so that one of somebody else's is never taken over, and applied when it is changed. To the API
//! server these are two owners of the same name: what is not applied any more would stay, because it was created. So
//! what was created is handed over before the first change.
//!
//! See <https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply>.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use kube::{
    Api, Resource as _,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use ssvirt_core::{Error, Result, backend::VmRef};
use tokio::time::sleep;

use super::{
    FIELD_MANAGER,
    call::{call, raw},
    error::error,
    resources::VirtualMachine,
    vms::{Found, POLL, Vms, what},
};

/// How often it is tried while KubeVirt writes its status at the same time.
const ATTEMPTS: usize = 20;

impl Vms {
    /// Makes what was created of a VM what is applied.
    pub(super) async fn hand_over(&self, target: VmRef, found: &Found) -> Result<()> {
        let what = what(target);
        let machines: Api<VirtualMachine> = Api::namespaced(self.client.clone(), &found.namespace);
        let by_us =
            PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let (name, mut vm) = (found.name(), None);
        for _ in 0..ATTEMPTS {
            let meta = vm.as_ref().unwrap_or(&found.vm).meta();
            let fields = meta.managed_fields.as_deref().unwrap_or_default();
            let Some(fields) = handed_over(fields) else { return Ok(()) };
            let version = &meta.resource_version;
            let metadata = json!({ "resourceVersion": version, "managedFields": fields });
            let patch = Patch::Merge(json!({ "metadata": metadata }));
            match raw(machines.patch(&name, &by_us, &patch)).await? {
                Ok(_) => return Ok(()),
                Err(kube::Error::Api(status)) if status.code == 409 => sleep(POLL).await,
                Err(cause) => return Err(error(&what, cause)),
            }
            vm = Some(call(&what, machines.get(&name)).await?);
        }
        Err(Error::unavailable(format!("{what} was changed at the same time.")))
    }
}

/// The owners with what was created among what is applied; none where nothing of the template is only created.
fn handed_over(all: &[ManagedFieldsEntry]) -> Option<Vec<ManagedFieldsEntry>> {
    let is_ours = |entry: &ManagedFieldsEntry, operation: &str| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.operation.as_deref() == Some(operation)
            && entry.subresource.is_none()
    };
    let created = |entry: &ManagedFieldsEntry| is_ours(entry, "Update") && has_template(entry);
    let mut applied = all.iter().find(|entry| created(entry))?.clone();
    applied.operation = Some("Apply".to_owned());
    let fields = &mut applied.fields_v1.get_or_insert(FieldsV1(json!({}))).0;
    // Whether it runs is not applied, and must not go with what is not.
    if let Some(spec) = fields.get_mut("f:spec").and_then(Value::as_object_mut) {
        spec.remove("f:runStrategy");
    }
    for entry in all.iter().filter(|entry| is_ours(entry, "Apply")) {
        if let Some(more) = &entry.fields_v1 {
            add(fields, &more.0);
        }
    }
    let others = all.iter().filter(|entry| !created(entry) && !is_ours(entry, "Apply"));
    Some(others.cloned().chain([applied]).collect())
}

fn has_template(entry: &ManagedFieldsEntry) -> bool {
    entry.fields_v1.as_ref().is_some_and(|fields| fields.0.pointer("/f:spec/f:template").is_some())
}

fn add(into: &mut Value, more: &Value) {
    for (key, fields) in more.as_object().into_iter().flatten() {
        let place = &mut into[key];
        if place.is_null() {
            *place = json!({});
        }
        add(place, fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: Value) -> ManagedFieldsEntry {
        ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            operation: Some(operation.to_owned()),
            fields_v1: Some(FieldsV1(fields)),
            ..ManagedFieldsEntry::default()
        }
    }

    #[test]
    fn what_was_created_is_applied_but_for_whether_it_runs() {
        let theirs = entry("virt-controller", "Update", json!({ "f:metadata": {} }));
        let template = json!({ "f:cpu": { "f:maxSockets": {} } });
        let created = json!({ "f:spec": { "f:runStrategy": {}, "f:template": template } });
        let created = entry(FIELD_MANAGER, "Update", created);
        let new = handed_over(&[created.clone(), theirs.clone()]).unwrap();
        let applied =
            entry(FIELD_MANAGER, "Apply", json!({ "f:spec": { "f:template": template } }));
        assert_eq!(new, [theirs.clone(), applied]);
        assert_eq!(handed_over(&new), None);

        let other = json!({ "f:spec": { "f:template": { "f:memory": {} } } });
        let both = [created, entry(FIELD_MANAGER, "Apply", other), theirs.clone()];
        let template = json!({ "f:cpu": { "f:maxSockets": {} }, "f:memory": {} });
        let applied =
            entry(FIELD_MANAGER, "Apply", json!({ "f:spec": { "f:template": template } }));
        assert_eq!(handed_over(&both).unwrap(), [theirs, applied]);

        // As it is halted.
        let halted = entry(FIELD_MANAGER, "Update", json!({ "f:spec": { "f:runStrategy": {} } }));
        assert_eq!(handed_over(&[halted]), None);
    }
}
