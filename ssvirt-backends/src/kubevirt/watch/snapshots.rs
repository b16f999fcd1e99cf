//! What is known of the snapshots: of each VM those that it could be reverted to.

use std::collections::{HashMap, HashSet};

use kube::{ResourceExt as _, runtime::watcher::Event};
use ssvirt_core::{
    Id,
    model::{Snapshot, Vm},
};

use super::all::{Key, key, trim};
use crate::kubevirt::{labels, resources::VirtualMachineSnapshot, snapshots::seen};

/// Whose a snapshot is: a VM of a namespace.
pub(super) type Owner = (String, Id<Vm>);

/// All snapshots. A VM has few.
#[derive(Default)]
pub(super) struct Snapshots {
    owners: HashMap<Key, Id<Vm>>,
    of: HashMap<Owner, HashMap<String, Snapshot>>,
    listed: HashSet<Key>,
}

impl Snapshots {
    /// Takes an event in; whose snapshots may be others now.
    pub fn take(&mut self, event: Event<VirtualMachineSnapshot>) -> Vec<Owner> {
        match event {
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                self.listed.insert(key(&object));
                self.put(&object)
            }
            Event::Apply(object) => self.put(&object),
            Event::Delete(object) => self.remove(&key(&object)).into_iter().collect(),
            Event::InitDone => {
                let keys = self.owners.keys();
                let gone: Vec<Key> =
                    keys.filter(|key| !self.listed.contains(*key)).cloned().collect();
                gone.iter().filter_map(|key| self.remove(key)).collect()
            }
        }
    }

    /// The one that is shown of a VM.
    pub fn of(&self, owner: &Owner) -> Option<Snapshot> {
        seen::last(self.of.get(owner)?.values().cloned())
    }

    fn put(&mut self, object: &VirtualMachineSnapshot) -> Vec<Owner> {
        let key = key(object);
        let before = self.remove(&key);
        let Some(vm) = labels::vm_of(object) else { return before.into_iter().collect() };
        let owner = (key.0.clone(), vm);
        self.owners.insert(key.clone(), vm);
        if let Some(snapshot) = seen::snapshot(object) {
            self.of.entry(owner.clone()).or_default().insert(key.1, snapshot);
        }
        before.into_iter().filter(|before| *before != owner).chain([owner.clone()]).collect()
    }

    fn remove(&mut self, key: &Key) -> Option<Owner> {
        let owner = (key.0.clone(), self.owners.remove(key)?);
        if let Some(all) = self.of.get_mut(&owner) {
            all.remove(&key.1);
            if all.is_empty() {
                self.of.remove(&owner);
            }
        }
        Some(owner)
    }
}

/// Leaves out what is not looked at.
pub(super) fn trim_snapshot(object: &mut VirtualMachineSnapshot) {
    let annotations = std::mem::take(object.annotations_mut());
    trim(object);
    let size = annotations.into_iter().filter(|(key, _)| key == labels::SNAPSHOT_SIZE);
    object.metadata.annotations = Some(size.collect());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, vm: u8, second: u8) -> VirtualMachineSnapshot {
        let id = |last: u8| format!("00000000-0000-0000-0000-0000000000{last:02}");
        let object = json!({
            "apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": "VirtualMachineSnapshot",
            "metadata": {
                "name": name, "namespace": "vdc",
                "labels": { labels::VM_ID: id(vm), labels::SNAPSHOT_ID: id(second) },
                "annotations": { labels::SNAPSHOT_SIZE: "7", "other": "" },
            },
            "spec": { "source": { "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "web" } },
            "status": {
                "readyToUse": true, "creationTime": format!("2026-11-21T07:36:{second:02}Z"),
            },
        });
        let mut object = serde_json::from_value(object).unwrap();
        trim_snapshot(&mut object);
        object
    }

    fn owner(vm: u128) -> Owner {
        ("vdc".to_owned(), Id::new(uuid::Uuid::from_u128(vm)))
    }

    #[test]
    fn the_last_one_is_shown_until_it_is_gone() {
        let mut all = Snapshots::default();
        let shown =
            |all: &Snapshots| all.of(&owner(1)).map(|snapshot| snapshot.id.uuid().as_u128());
        assert_eq!(all.take(Event::Apply(object("a", 1, 5))), [owner(1)]);
        assert_eq!(all.of(&owner(1)).unwrap().size_mib, Some(7));
        assert_eq!(all.take(Event::Apply(object("b", 1, 6))), [owner(1)]);
        assert_eq!(shown(&all), Some(6));
        // As it is when it is about to be removed.
        let mut going = object("b", 1, 6);
        going.status.as_mut().unwrap().ready_to_use = Some(false);
        assert_eq!(all.take(Event::Apply(going)), [owner(1)]);
        assert_eq!(shown(&all), Some(5));
        // Given to another.
        assert_eq!(all.take(Event::Apply(object("a", 2, 5))), [owner(1), owner(2)]);
        assert_eq!((shown(&all), all.of(&owner(2)).is_some()), (None, true));
        // What was removed while the watch was cut.
        all.take(Event::Init);
        all.take(Event::InitApply(object("b", 1, 6)));
        assert_eq!(all.take(Event::InitDone), [owner(2)]);
        assert_eq!(all.take(Event::Delete(object("b", 1, 6))), [owner(1)]);
        assert!(all.of.is_empty() && all.owners.is_empty());
        assert!(all.take(Event::Delete(object("b", 1, 6))).is_empty());
    }
}
