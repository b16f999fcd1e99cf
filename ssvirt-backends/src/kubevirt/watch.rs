//! Changes in the cluster, whoever made them.

use std::{collections::HashMap, pin::pin};

use futures_util::{StreamExt as _, future::Either, stream::select};
use kube::{
    Api, Client,
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

/// What is known of a VM: both of its objects.
#[derive(Default)]
struct Known {
    target: Option<VmRef>,
    vm: Option<VirtualMachine>,
    instance: Option<VirtualMachineInstance>,
}

/// Tells of all VMs of ours, for ever. A watch that ends, or that the API server has forgotten, begins anew.
pub(super) async fn watch(client: Client, tell: Sender<VmEvent>) {
    let ours = || watcher::Config::default().labels(labels::VM_ID);
    let machines = watcher(Api::<VirtualMachine>::all(client.clone()), ours()).default_backoff();
    let instances = watcher(Api::<VirtualMachineInstance>::all(client), ours()).default_backoff();
    let both = select(machines.map(Either::Left), instances.map(Either::Right));
    let mut both = pin!(both);
    let mut known: HashMap<(String, String), Known> = HashMap::new();
    while let Some(event) = both.next().await {
        let (key, target, change) = match event {
            Either::Left(Ok(Event::Apply(vm) | Event::InitApply(vm))) => {
                (key(&vm), id_of(&vm), Change::Vm(Some(Box::new(vm))))
            }
            Either::Left(Ok(Event::Delete(vm))) => (key(&vm), id_of(&vm), Change::Vm(None)),
            Either::Right(Ok(Event::Apply(instance) | Event::InitApply(instance))) => {
                (key(&instance), id_of(&instance), Change::Instance(Some(Box::new(instance))))
            }
            Either::Right(Ok(Event::Delete(instance))) => {
                (key(&instance), id_of(&instance), Change::Instance(None))
            }
            Either::Left(Err(error)) | Either::Right(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a watch was cut");
                continue;
            }
            _ => continue,
        };
        let entry = known.entry(key.clone()).or_default();
        entry.target = target.or(entry.target);
        match change {
            Change::Vm(vm) => entry.vm = vm.map(|vm| *vm),
            Change::Instance(instance) => entry.instance = instance.map(|instance| *instance),
        }
        let Some(target) = entry.target else { continue };
        let event = match &entry.vm {
            Some(vm) => VmEvent::Seen(target, state(vm, entry.instance.as_ref())),
            None if entry.instance.is_none() => {
                known.remove(&key);
                VmEvent::Gone(target)
            }
            // The other half is to come, or to go.
            None => continue,
        };
        // Nobody listening is no reason to stop.
        let _ = tell.send(event);
    }
}

enum Change {
    Vm(Option<Box<VirtualMachine>>),
    Instance(Option<Box<VirtualMachineInstance>>),
}

fn key(object: &impl kube::ResourceExt) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}
