//! VMs in the cluster: found by their ids, created, changed and deleted.

use std::{collections::HashMap, time::Duration};

use futures_util::future::try_join;
use k8s_openapi::{
    ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client, Resource as _, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use ssvirt_core::{
    Error, Id, Result,
    backend::{VmPlan, VmRef},
    model::{PowerState, Snapshot, Vdc, Vm, VmState},
};
use tokio::time::{Instant, sleep};

use super::{
    FIELD_MANAGER,
    call::{call, call_opt, raw},
    catalog::instantiate::{TemplateVmRef, is_of_template},
    console::Sessions,
    disks::DiskChange,
    error::{error, is_taken},
    hot, labels, names,
    place::{Classes, Places, VdcNetwork},
    resources::{VirtualMachine, VirtualMachineInstance},
    room,
    snapshots::{self, SnapshotApi},
    vm::{
        change, guest,
        object::{self, Site},
        state::state,
    },
};

/// How long the cluster has to do what it was told; the task comes back for the rest.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked.
pub(super) const POLL: Duration = Duration::from_millis(200);

/// A VM as it is in the cluster.
pub(super) struct Found {
    pub namespace: String,
    pub vm: VirtualMachine,
    pub instance: Option<VirtualMachineInstance>,
    pub snapshot: Option<Snapshot>,
}

impl Found {
    /// The object's name; the instance has the same.
    pub fn name(&self) -> String {
        self.vm.name_any()
    }

    /// What is seen of it.
    pub fn state(&self) -> VmState {
        let snapshot = self.snapshot.clone();
        VmState { snapshot, ..state(&self.vm, self.instance.as_ref()) }
    }
}

/// The VMs of a cluster.
#[derive(Clone)]
pub(super) struct Vms {
    pub client: Client,
    pub places: Places,
    pub snapshot_api: SnapshotApi,
    pub sessions: Sessions,
}

/// How a VM is called in errors.
pub(super) fn what(vm: VmRef) -> String {
    format!("The VM {}", vm.vm.urn())
}

impl Vms {
    fn machines(&self, namespace: &str) -> Api<VirtualMachine> {
        Api::namespaced(self.client.clone(), namespace)
    }

    fn instances(&self, namespace: &str) -> Api<VirtualMachineInstance> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// A VM with its instance; none where it, or its VDC's place, is not there.
    pub async fn find(&self, target: VmRef) -> Result<Option<Found>> {
        let Some(namespace) = self.places.find(target.vdc).await? else { return Ok(None) };
        self.find_in(&namespace, target).await
    }

    async fn find_in(&self, namespace: &str, target: VmRef) -> Result<Option<Found>> {
        let what = what(target);
        let ours = format!("{}={}", labels::VM_ID, target.vm.uuid());
        let ours = ListParams::default().labels(&ours);
        let listed = call(&what, self.machines(namespace).list(&ours)).await?;
        let Some(vm) = listed.items.into_iter().next() else { return Ok(None) };
        let (name, instances) = (vm.name_any(), self.instances(namespace));
        let instance = call_opt(&what, instances.get(&name));
        let (instance, snapshot) = try_join(instance, self.snapshot_of(namespace, target)).await?;
        Ok(Some(Found { namespace: namespace.to_owned(), vm, instance, snapshot }))
    }

    /// A VM that must be there.
    ///
    /// # Errors
    /// `InvalidState` where it is not.
    pub async fn get(&self, target: VmRef) -> Result<Found> {
        let missing = || Error::invalid_state(format!("{} is not there.", what(target)));
        self.find(target).await?.ok_or_else(missing)
    }

    /// All VMs of a place.
    pub async fn list(&self, vdc: Id<Vdc>) -> Result<Vec<(Id<Vm>, VmState)>> {
        let Some(namespace) = self.places.find(vdc).await? else { return Ok(Vec::new()) };
        let what = "The VMs of the virtual datacenter";
        let ours = ListParams::default().labels(labels::VM_ID);
        let (machines, instances) = (self.machines(&namespace), self.instances(&namespace));
        let machines = call(what, machines.list(&ours)).await?;
        let instances = call(what, instances.list(&ours)).await?;
        let mut snapshots = self.snapshots_in(&namespace).await?;
        let mut instances: HashMap<String, VirtualMachineInstance> =
            instances.items.into_iter().map(|instance| (instance.name_any(), instance)).collect();
        let seen = machines.items.into_iter().filter_map(|vm| {
            let instance = instances.remove(&vm.name_any());
            let id = id_of(&vm)?.vm;
            let snapshot = snapshots::seen::last(snapshots.remove(&id).unwrap_or_default());
            Some((id, VmState { snapshot, ..state(&vm, instance.as_ref()) }))
        });
        Ok(seen.collect())
    }

    /// Creates a VM that is not there.
    pub async fn create(&self, plan: &VmPlan) -> Result<VmState> {
        let what = what(plan.target);
        let site = self.site(plan.target.vdc).await?;
        let namespace = &site.namespace;
        if let Some(template) = TemplateVmRef::of(plan) {
            return self.instantiate(plan, &site, &template).await;
        }
        let contents = guest::contents(plan)?;
        if let Some(found) = self.find_in(namespace, plan.target).await? {
            self.set_up_guest(plan.target, &found, contents).await?;
            return Ok(found.state());
        }
        let name = names::vm(&plan.name, plan.target.vm.uuid());
        let wanted = object::new(plan, &site, &name)?;
        let needs = room::of_new(&plan.spec, &site.classes, i64::from(contents.is_some()));
        room::check(&self.client, namespace, &what, &needs).await?;
        let by_us =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        match raw(self.machines(namespace).create(&by_us, &wanted)).await? {
            // By a call at the same time as this.
            Err(cause) if !is_taken(&cause) => return Err(error(&what, cause)),
            _ => {}
        }
        let found = self.get(plan.target).await?;
        self.set_up_guest(plan.target, &found, contents).await?;
        Ok(found.state())
    }

    /// Where the VMs of a VDC are made.
    pub(super) async fn site(&self, vdc: Id<Vdc>) -> Result<Site> {
        let namespace = self.places.namespace(vdc).await?.ok_or_else(|| {
            // Its own task may be waiting for the cluster just now.
            Error::unavailable("The virtual datacenter has no place in the cluster yet.")
        })?;
        Ok(Site {
            classes: Classes::of_namespace(&namespace),
            network: VdcNetwork::of_namespace(&namespace),
            namespace: namespace.name_any(),
        })
    }

    /// Makes the Secret that a guest is set up from like this, or removes it. It is its VM's, and goes with it, so
    /// it is made after it: a VM that is made is off, and does not need it yet.
    pub(super) async fn set_up_guest(
        &self,
        target: VmRef,
        found: &Found,
        contents: Option<guest::Contents>,
    ) -> Result<()> {
        let what = what(target);
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &found.namespace);
        let name = guest::secret_name(&found.name());
        let Some(contents) = contents else {
            let had = found.vm.spec.template.spec.volumes.iter().any(guest::is_on);
            if had {
                call_opt(&what, secrets.delete(&name, &DeleteParams::default())).await?;
            }
            return Ok(());
        };
        let owner = found.vm.controller_owner_ref(&());
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                labels: found.vm.metadata.labels.clone(),
                owner_references: owner.map(|owner| vec![owner]),
                ..ObjectMeta::default()
            },
            // Not `stringData`, of which a key that is not applied any more would stay in the Secret.
            data: Some(
                contents
                    .into_iter()
                    .map(|(key, text)| (key, ByteString(text.into_bytes())))
                    .collect(),
            ),
            ..Secret::default()
        };
        let ours = PatchParams::apply(FIELD_MANAGER).force();
        call(&what, secrets.patch(&name, &ours, &Patch::Apply(secret))).await.map(drop)
    }

    /// Makes a VM like its plan. Its size, while it runs, as far as KubeVirt can add to a guest; what else a guest
    /// does not get before its next start is reported so.
    pub async fn change(&self, plan: &VmPlan) -> Result<VmState> {
        let found = self.get(plan.target).await?;
        let is_resized = hot::is_resized(plan, &found);
        if is_resized {
            hot::check(plan, &found)?;
        }
        let name = found.name();
        let site = self.site(plan.target.vdc).await?;
        // What cannot be is refused before anything grows.
        let wanted = match TemplateVmRef::of(plan) {
            Some(_) => None,
            None => Some(object::changed(plan, &site, &name)?),
        };
        if is_resized && found.state().power != PowerState::Off {
            let needs = room::of_moving(&plan.spec);
            room::check(&self.client, &found.namespace, &what(plan.target), &needs).await?;
        }
        self.make_room(plan, &DiskChange::of(plan, &found), &found, &site).await?;
        match wanted {
            None => self.change_made(plan, &found).await?,
            Some(wanted) => self.apply(plan, &found, wanted).await?,
        };
        self.remove_disks(plan, &found).await?;
        self.wait_for_size(plan.target, &plan.spec).await
    }

    /// Makes a VM that was made of a plan like a new one.
    async fn apply(&self, plan: &VmPlan, found: &Found, wanted: VirtualMachine) -> Result<()> {
        let name = found.name();
        let contents = guest::contents(plan)?;
        if contents.is_some() {
            self.set_up_guest(plan.target, found, contents.clone()).await?;
        }
        let by_us =
            PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let machines = self.machines(&found.namespace);
        let patch = Patch::Merge(change::patch(&wanted)?);
        call(&what(plan.target), machines.patch(&name, &by_us, &patch)).await?;
        if contents.is_none() {
            // Nothing refers to it any more.
            self.set_up_guest(plan.target, found, None).await?;
        }
        Ok(())
    }

    /// Deletes a VM, and answers when it and all that was made for it is gone.
    pub async fn delete(&self, target: VmRef) -> Result<()> {
        let what = what(target);
        let until = Instant::now() + PATIENCE;
        let mut seen = self.find(target).await?;
        // One that is not there may be about to be.
        let of_template = seen.as_ref().is_none_or(|found| is_of_template(&found.vm));
        if of_template {
            self.cancel_instances(target).await?;
        }
        while let Some(found) = seen {
            if found.vm.metadata.deletion_timestamp.is_none() {
                let machines = self.machines(&found.namespace);
                // What it owns goes first, its volumes above all.
                let all = DeleteParams::foreground().grace_period(0);
                call_opt(&what, machines.delete(&found.name(), &all)).await?;
            }
            if Instant::now() > until {
                return Err(Error::unavailable(format!("{what} is being deleted.")));
            }
            sleep(POLL).await;
            seen = self.find(target).await?;
        }
        if of_template { self.remove_instances(target).await } else { Ok(()) }
    }
}

/// Which VM an object is; none where it is not ours.
pub(super) fn id_of(object: &impl kube::ResourceExt) -> Option<VmRef> {
    let id = |label: &str| object.labels().get(label)?.parse().ok();
    Some(VmRef { vm: Id::new(id(labels::VM_ID)?), vdc: Id::new(id(labels::VDC_ID)?) })
}
