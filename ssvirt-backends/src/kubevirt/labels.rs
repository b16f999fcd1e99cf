//! Labels and annotations by which objects in the cluster are known.
//!
//! Labels are what is selected by: bare UUIDs, and names as far as labels can hold them. What people read in full
//! stands in annotations.

use std::collections::BTreeMap;

use kube::ResourceExt;
use ssvirt_core::{
    Id,
    backend::{Place, VmPlan, VmRef},
    model::{Snapshot, Vm},
};
use uuid::Uuid;

use super::names::label_value;

/// Who made the object: `ssvirt`.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`].
pub const SSVIRT: &str = "ssvirt";
/// What the object is a part of.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// The organization's name.
pub const ORGANIZATION: &str = "ssvirt.io/organization";
/// The organization's id, a bare UUID.
pub const ORGANIZATION_ID: &str = "ssvirt.io/organization-id";
/// The VDC's name.
pub const VDC: &str = "ssvirt.io/vdc";
/// The VDC's id, a bare UUID.
pub const VDC_ID: &str = "ssvirt.io/vdc-id";
/// The VM's id, a bare UUID.
pub const VM_ID: &str = "ssvirt.io/vm-id";
/// The id of the VM's vApp, a bare UUID.
pub const VAPP_ID: &str = "ssvirt.io/vapp-id";
/// The name of the template that a VM is made of, as far as a label can hold it.
pub const TEMPLATE_NAME: &str = "ssvirt.io/template-name";
/// The name of the template instance that made the object.
pub const TEMPLATE_INSTANCE: &str = "ssvirt.io/template-instance";

/// The snapshot's id, a bare UUID.
pub const SNAPSHOT_ID: &str = "ssvirt.io/snapshot-id";
/// Which going back to a snapshot it is, a bare UUID.
pub const RESTORE_ID: &str = "ssvirt.io/restore-id";

/// The VM's URN.
pub const VM_URN: &str = "ssvirt.io/vm-urn";
/// The VM's name in full.
pub const VM_NAME: &str = "ssvirt.io/vm-name";
/// The organization's URN.
pub const ORGANIZATION_URN: &str = "ssvirt.io/organization-urn";
/// The VDC's URN.
pub const VDC_URN: &str = "ssvirt.io/vdc-urn";
/// The organization's name for people.
pub const ORGANIZATION_DISPLAY_NAME: &str = "ssvirt.io/organization-display-name";
/// The organization's description.
pub const ORGANIZATION_DESCRIPTION: &str = "ssvirt.io/organization-description";
/// The VDC's description.
pub const VDC_DESCRIPTION: &str = "ssvirt.io/vdc-description";
/// The classes of the VDC's storage profiles: JSON, class by the profile's id.
pub const STORAGE_CLASSES: &str = "ssvirt.io/storage-classes";
/// The size of what is in a snapshot, in MiB.
pub const SNAPSHOT_SIZE: &str = "ssvirt.io/snapshot-size-mib";
/// The program that made the object.
pub const CREATED_BY: &str = "ssvirt.io/created-by";

type Pairs = BTreeMap<String, String>;

fn pairs<const N: usize>(pairs: [(&str, String); N]) -> Pairs {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The labels of a VDC's namespace, and of all that is in it.
#[must_use]
pub fn of_place(place: &Place) -> Pairs {
    let named = [(ORGANIZATION, &place.org_name), (VDC, &place.vdc_name)];
    let named = named.into_iter().map(|(key, name)| (key.to_owned(), label_value(name)));
    let mut labels = pairs([
        (MANAGED_BY, SSVIRT.to_owned()),
        (COMPONENT, "vdc".to_owned()),
        (ORGANIZATION_ID, place.org.uuid().to_string()),
        (VDC_ID, place.vdc.uuid().to_string()),
    ]);
    // A name without a single letter or digit has no value that a label could hold.
    labels.extend(named.filter(|(_, value)| !value.is_empty()));
    labels
}

/// The annotations of a VDC's namespace.
#[must_use]
pub fn annotations(place: &Place) -> Pairs {
    pairs([
        (ORGANIZATION_URN, place.org.urn()),
        (VDC_URN, place.vdc.urn()),
        (ORGANIZATION_DISPLAY_NAME, place.org_full_name.clone()),
        (ORGANIZATION_DESCRIPTION, place.org_description.clone()),
        (VDC_DESCRIPTION, place.vdc_description.clone()),
        (CREATED_BY, "ssvirt-api-server".to_owned()),
    ])
}

/// The labels of a VM, and of all that is made for it.
#[must_use]
pub fn of_vm(plan: &VmPlan) -> Pairs {
    pairs([
        (MANAGED_BY, SSVIRT.to_owned()),
        (COMPONENT, "vm".to_owned()),
        (VDC_ID, plan.target.vdc.uuid().to_string()),
        (VAPP_ID, plan.vapp.uuid().to_string()),
        (VM_ID, plan.target.vm.uuid().to_string()),
    ])
}

fn beside_vm(vm: VmRef, component: &str, id: (&str, Uuid)) -> Pairs {
    pairs([
        (MANAGED_BY, SSVIRT.to_owned()),
        (COMPONENT, component.to_owned()),
        (VDC_ID, vm.vdc.uuid().to_string()),
        (VM_ID, vm.vm.uuid().to_string()),
        (id.0, id.1.to_string()),
    ])
}

/// The labels of a snapshot. Not the vApp: a VM may leave it.
#[must_use]
pub fn of_snapshot(vm: VmRef, snapshot: Id<Snapshot>) -> Pairs {
    beside_vm(vm, "snapshot", (SNAPSHOT_ID, snapshot.uuid()))
}

/// The labels of what a VM goes back to a snapshot by.
#[must_use]
pub fn of_restore(vm: VmRef, restore: Uuid) -> Pairs {
    beside_vm(vm, "restore", (RESTORE_ID, restore))
}

/// Which VM an object belongs to; none where it is not ours.
pub(super) fn vm_of(object: &impl ResourceExt) -> Option<Id<Vm>> {
    object.labels().get(VM_ID)?.parse().ok().map(Id::new)
}

/// The annotations of a VM.
#[must_use]
pub fn vm_annotations(plan: &VmPlan) -> Pairs {
    pairs([(VM_URN, plan.target.vm.urn()), (VM_NAME, plan.name.clone())])
}
