//! Changes in the cluster, whoever made them.

use std::{
    collections::{HashMap, HashSet},
    pin::pin,
};

use futures_util::{StreamExt as _, future::Either, stream::select};
use kube::{
    Api, Client, ResourceExt,
    runtime::{WatchStreamExt as _, watcher, watcher::Event},
};
use ssvirt_core::backend::{VmEvent, VmRef};
use tokio::sync::broadcast::Sender;

use super::{
    labels,
    resources::{VirtualMachine, VirtualMachineInstance},
    vm::state::state,
    vms::id_of,
};

/// Where an object is, and its name: an instance has its VM's.
type Key = (String, String);

/// What is known of a VM: both of its objects.
#[derive(Default)]
struct Known {
    target: Option<VmRef>,
    vm: Option<VirtualMachine>,
    instance: Option<VirtualMachineInstance>,
}

/// Tells of all VMs of ours, for ever. A watch that ends, or that the API server has forgotten, begins anew with
/// what is there: what was deleted in between is told of then.
pub(super) async fn watch(client: Client, tell: Sender<VmEvent>) {
    let ours = || watcher::Config::default().labels(labels::VM_ID);
    let machines = watcher(Api::<VirtualMachine>::all(client.clone()), ours()).default_backoff();
    let instances = watcher(Api::<VirtualMachineInstance>::all(client), ours()).default_backoff();
    let both = select(machines.map(Either::Left), instances.map(Either::Right));
    let mut both = pin!(both);
    let mut all = All::default();
    let (mut vms_listed, mut instances_listed) = (HashSet::new(), HashSet::new());
    while let Some(event) = both.next().await {
        let events = match event {
            Either::Left(Ok(event)) => {
                all.take(event, &mut vms_listed, |known: &mut Known| &mut known.vm)
            }
            Either::Right(Ok(event)) => {
                all.take(event, &mut instances_listed, |known: &mut Known| &mut known.instance)
            }
            Either::Left(Err(error)) | Either::Right(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a watch was cut");
                continue;
            }
        };
        for event in events {
            // Nobody listening is no reason to stop.
            let _ = tell.send(event);
        }
    }
}

/// All VMs.
#[derive(Default)]
struct All(HashMap<Key, Known>);

impl All {
    /// Takes an event in; what is to be told. `half` is the object that it is about, `listed` what was there when
    /// its watch began.
    fn take<K: ResourceExt>(
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
                    self.0.keys().filter(|key| !listed.contains(*key)).cloned().collect();
                gone.iter().flat_map(|key| self.remove(key, half)).collect()
            }
        }
    }

    fn put<K: ResourceExt>(
        &mut self,
        object: K,
        half: fn(&mut Known) -> &mut Option<K>,
    ) -> Vec<VmEvent> {
        let key = key(&object);
        let known = self.0.entry(key.clone()).or_default();
        known.target = id_of(&object).or(known.target);
        *half(known) = Some(object);
        self.tell(&key)
    }

    fn remove<K>(&mut self, key: &Key, half: fn(&mut Known) -> &mut Option<K>) -> Vec<VmEvent> {
        // Of one that has never been there, nothing changes.
        match self.0.get_mut(key).and_then(|known| half(known).take()) {
            Some(_) => self.tell(key),
            None => Vec::new(),
        }
    }

    /// What is true of a VM now.
    fn tell(&mut self, key: &Key) -> Vec<VmEvent> {
        let Some(known) = self.0.get(key) else { return Vec::new() };
        let event = match (&known.vm, known.target) {
            (Some(vm), Some(target)) => {
                Some(VmEvent::Seen(target, state(vm, known.instance.as_ref())))
            }
            (None, target) if known.instance.is_none() => target.map(VmEvent::Gone),
            // The other half is to come, or to go.
            _ => None,
        };
        if known.vm.is_none() && known.instance.is_none() {
            self.0.remove(key);
        }
        event.into_iter().collect()
    }
}

fn key(object: &impl ResourceExt) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use ssvirt_core::model::PowerState;

    use super::*;

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
        take(Event::InitApply(vm("a")));
        let gone = id_of(&vm("bb")).unwrap();
        assert_eq!(take(Event::InitDone), [VmEvent::Gone(gone)]);
        // Once.
        assert!(take(Event::Delete(vm("bb"))).is_empty());
    }
}
