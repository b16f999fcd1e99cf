//! What is known of the VMs: both of their objects, as far as their state needs them.

use std::collections::{HashMap, HashSet};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Resource as _, ResourceExt, runtime::watcher::Event};
use ssvirt_core::{
    Id,
    backend::{VmEvent, VmRef},
    model::{Vm, VmState},
};

use super::snapshots::Snapshots;
use crate::kubevirt::{
    resources::{VirtualMachine, VirtualMachineInstance, VirtualMachineSnapshot},
    vm::{seen, state::state},
    vms::id_of,
};

/// Where an object is, and its name: an instance has its VM's.
pub(super) type Key = (String, String);

/// What is known of a VM: both of its objects.
#[derive(Default)]
pub(super) struct Known {
    target: Option<VmRef>,
    pub vm: Option<VirtualMachine>,
    pub instance: Option<VirtualMachineInstance>,
    /// What was told last: not everything that changes in an object is something that is told.
    told: Option<VmEvent>,
}

/// All VMs.
#[derive(Default)]
pub(super) struct All {
    known: HashMap<Key, Known>,
    by_id: HashMap<Id<Vm>, Key>,
    snapshots: Snapshots,
}

impl All {
    /// Takes an event in; what is to be told. `half` is the object that it is about, `listed` what was there when
    /// its watch began.
    pub fn take<K: ResourceExt>(
        &mut self,
        event: Event<K>,
        listed: &mut HashSet<Key>,
        half: fn(&mut Known) -> &mut Option<K>,
    ) -> Vec<VmEvent> {
        match event {
            Event::Init => {
                listed.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                listed.insert(key(&object));
                self.put(object, half)
            }
            Event::Apply(object) => self.put(object, half),
            Event::Delete(object) => self.remove(&key(&object), half),
            Event::InitDone => {
                let gone: Vec<Key> =
                    self.known.keys().filter(|key| !listed.contains(*key)).cloned().collect();
                gone.iter().flat_map(|key| self.remove(key, half)).collect()
            }
        }
    }

    /// Takes in what is said of a snapshot.
    pub fn take_snapshot(&mut self, event: Event<VirtualMachineSnapshot>) -> Vec<VmEvent> {
        let owners = self.snapshots.take(event);
        let keys = owners.iter().filter_map(|(_, vm)| self.by_id.get(vm).cloned());
        let keys: Vec<Key> = keys.collect();
        keys.iter().flat_map(|key| self.tell(key)).collect()
    }

    /// The object that a VM is.
    pub fn find(&self, vm: Id<Vm>) -> Option<ObjectReference> {
        Some(self.known.get(self.by_id.get(&vm)?)?.vm.as_ref()?.object_ref(&()))
    }

    fn put<K: ResourceExt>(
        &mut self,
        object: K,
        half: fn(&mut Known) -> &mut Option<K>,
    ) -> Vec<VmEvent> {
        let key = key(&object);
        let known = self.known.entry(key.clone()).or_default();
        known.target = id_of(&object).or(known.target);
        if let Some(target) = known.target {
            self.by_id.insert(target.vm, key.clone());
        }
        *half(known) = Some(object);
        self.tell(&key)
    }

    fn remove<K>(&mut self, key: &Key, half: fn(&mut Known) -> &mut Option<K>) -> Vec<VmEvent> {
        // Of one that has never been there, nothing changes.
        match self.known.get_mut(key).and_then(|known| half(known).take()) {
            Some(_) => self.tell(key),
            None => Vec::new(),
        }
    }

    /// What is true of a VM now.
    fn tell(&mut self, key: &Key) -> Vec<VmEvent> {
        let Some(known) = self.known.get_mut(key) else { return Vec::new() };
        let event = match (&known.vm, known.target) {
            (Some(vm), Some(target)) => {
                let snapshot = self.snapshots.of(&(key.0.clone(), target.vm));
                let state = state(vm, known.instance.as_ref());
                Some(VmEvent::Seen(target, VmState { snapshot, ..state }))
            }
            (None, target) if known.instance.is_none() => target.map(VmEvent::Gone),
            // The other half is to come, or to go.
            _ => None,
        };
        let event = event.filter(|event| known.told.as_ref() != Some(event));
        if event.is_some() {
            known.told.clone_from(&event);
        }
        if known.vm.is_none() && known.instance.is_none() {
            let target = known.target;
            self.known.remove(key);
            if let Some(target) = target
                && self.by_id.get(&target.vm) == Some(key)
            {
                self.by_id.remove(&target.vm);
            }
        }
        event.into_iter().collect()
    }
}

/// Leaves out what no state is made of, which is most of it.
pub(super) fn trim_vm(vm: &mut VirtualMachine) {
    trim(vm);
    seen::trim(vm);
}

/// As [`trim_vm`].
pub(super) fn trim_instance(instance: &mut VirtualMachineInstance) {
    trim(instance);
    instance.spec = Default::default();
}

pub(super) fn trim(object: &mut impl ResourceExt) {
    let meta = object.meta_mut();
    meta.managed_fields = None;
    meta.annotations = None;
    meta.owner_references = None;
}

pub(super) fn key(object: &impl ResourceExt) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use ssvirt_core::model::PowerState;

    use super::*;
    use crate::kubevirt::labels;

    fn vm(name: &str) -> VirtualMachine {
        let id = |last: u8| format!("00000000-0000-0000-0000-0000000000{last:02}");
        let labels = json!({ labels::VM_ID: id(name.len() as u8), labels::VDC_ID: id(9) });
        let template = json!({ "spec": { "domain": { "devices": {} } } });
        let vm = json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
            "metadata": { "name": name, "namespace": "vdc", "labels": labels },
            "spec": { "template": template },
        });
        serde_json::from_value(vm).unwrap()
    }

    #[test]
    fn what_was_deleted_while_a_watch_was_cut_is_told_of_when_it_begins_anew() {
        let (mut all, mut listed) = (All::default(), HashSet::new());
        let mut take = |event| all.take(event, &mut listed, |known: &mut Known| &mut known.vm);
        assert!(take(Event::Init).is_empty());
        for name in ["a", "bb"] {
            let told = take(Event::InitApply(vm(name)));
            assert!(
                matches!(&told[..], [VmEvent::Seen(_, state)] if state.power == PowerState::Off)
            );
        }
        assert!(take(Event::InitDone).is_empty());
        take(Event::Init);
        // It is there as it was.
        assert!(take(Event::InitApply(vm("a"))).is_empty());
        let gone = id_of(&vm("bb")).unwrap();
        assert_eq!(take(Event::InitDone), [VmEvent::Gone(gone)]);
        // Once.
        assert!(take(Event::Delete(vm("bb"))).is_empty());
    }

    #[test]
    fn what_says_nothing_new_is_not_told() {
        let (mut all, mut listed) = (All::default(), HashSet::new());
        let mut take = |event| all.take(event, &mut listed, |known: &mut Known| &mut known.vm);
        let mut seen = vm("a");
        seen.metadata.managed_fields = Some(Vec::new());
        assert_eq!(take(Event::Apply(seen.clone())).len(), 1);
        trim_vm(&mut seen);
        assert!(seen.metadata.managed_fields.is_none() && seen.metadata.labels.is_some());
        assert!(take(Event::Apply(seen.clone())).is_empty());
        let id = id_of(&seen).unwrap().vm;
        assert_eq!(all.find(id).unwrap().name.as_deref(), Some("a"));
        // Gone, and there again.
        let mut take = |event| all.take(event, &mut listed, |known: &mut Known| &mut known.vm);
        assert_eq!(take(Event::Delete(seen.clone())).len(), 1);
        assert_eq!(take(Event::Apply(seen.clone())).len(), 1);
        assert_eq!(take(Event::Delete(seen)).len(), 1);
        assert!(all.find(id).is_none() && all.by_id.is_empty());
    }
}
