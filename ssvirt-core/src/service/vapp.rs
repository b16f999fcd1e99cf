//! vApps: compose, instantiate, recompose, delete, and their sections.

mod compose;
mod properties;

use std::sync::Arc;

use compose::{Start, check_ready, stand_ins};

use super::{
    Caller, Cloud, VAppNetworkRequest, VmChange, VmDetails, check_name, found, referred,
    vdc::{check_enabled, locked_vdc, visible_vdc},
};
use crate::{
    backend::VmRef,
    error::{Error, ErrorKind, Result},
    id::{Id, Urn},
    model::{
        Lease, Network, Org, Phase, PowerState, Product, StorageProfile, Task, Template,
        TemplateVm, User, VApp, VAppNetwork, Vdc, Vm, VmSpec,
    },
    rights::right,
    store::{
        By, Tx,
        gather::{Named, first, names, one, open_tasks_in, rows},
    },
    task::{NewTask, Step},
};

/// A vApp to be made.
#[derive(Clone, Debug, Default)]
pub struct NewVApp {
    /// The name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Its networks.
    pub networks: Vec<VAppNetworkRequest>,
    /// How long it lives; the organization's defaults if none.
    pub lease: Option<Lease>,
    /// The template that all its VMs are copied from, beside those of `vms`.
    pub template: Option<Id<Template>>,
    /// Its VMs. One whose source is a VM of `template` stands in for that VM.
    pub vms: Vec<NewVm>,
    /// OVF properties.
    pub products: Vec<Product>,
    /// Whether its VMs are deployed.
    pub deploy: bool,
    /// Whether they are switched on too.
    pub power_on: bool,
}

/// Up to which state VMs are deleted, alone or with their vApp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// Those that are undeployed: VCD's rule.
    Undeployed,
    /// Those that are off, although they may be deployed. For clients that have no way to undeploy.
    Stopped,
    /// Whatever they do.
    Forced,
}

impl Deletion {
    /// Whether a VM may be deleted as it is.
    pub(super) fn allows(self, vm: &Vm) -> bool {
        match self {
            Self::Undeployed => !vm.deployed,
            Self::Stopped => !vm.deployed || vm.state.power == PowerState::Off,
            Self::Forced => true,
        }
    }
}

/// What a new VM is made like.
#[derive(Clone, Debug)]
pub enum VmSource {
    /// A VM of a template.
    Template(Id<TemplateVm>),
    /// All VMs of a template.
    WholeTemplate(Id<Template>),
    /// Another VM.
    Copy(Id<Vm>),
    /// Nothing but this.
    Empty(Box<VmSpec>),
}

/// A VM to be made.
#[derive(Clone, Debug)]
pub struct NewVm {
    /// The name; the source's if none.
    pub name: Option<String>,
    /// Free text; the source's if none.
    pub description: Option<String>,
    /// What it is made like.
    pub source: VmSource,
    /// What is different from the source.
    pub change: VmChange,
}

/// What is to be different in a vApp.
#[derive(Clone, Debug, Default)]
pub struct Recompose {
    /// The name.
    pub name: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// VMs to add.
    pub add: Vec<NewVm>,
    /// VMs to delete.
    pub delete: Vec<Id<Vm>>,
    /// Networks: exactly these.
    pub networks: Option<Vec<VAppNetworkRequest>>,
    /// Whether the added VMs are deployed.
    pub deploy: bool,
    /// Whether they are switched on too.
    pub power_on: bool,
}

/// A vApp with what clients see beside it.
#[derive(Clone, Debug)]
pub struct VAppDetails {
    /// The vApp.
    pub vapp: Arc<VApp>,
    /// Its organization.
    pub org: Org,
    /// Who owns it; none when the user is gone.
    pub owner: Option<User>,
    /// Its VMs, by name.
    pub vms: Vec<VmDetails>,
    /// The VDC's networks, for the names of parents.
    pub networks: Vec<Named<Network>>,
    /// Unfinished tasks on it.
    pub tasks: Vec<Task>,
}

impl Cloud {
    /// A vApp with what clients see beside it.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn vapp(&self, caller: &Caller, id: Id<VApp>) -> Result<VAppDetails> {
        let of = || [By::Of(id.any())];
        let parts = (
            one(id),
            rows::<Vm>([By::VApp(id)]),
            first::<Org>(of()),
            first::<User>(of()),
            rows(of()),
            rows(of()),
            names::<Network>(of()),
            open_tasks_in(id),
        );
        let (vapp, vms, org, owner, profiles, policies, networks, open) =
            self.glance().await?.gather(parts).await?;
        let vapp = Arc::new(seen_vapp(caller, id, vapp)?);
        let profiles: Arc<Vec<StorageProfile>> = Arc::new(profiles);
        let policies = Arc::new(policies);
        let tasks_on = |urn: Urn| -> Vec<Task> {
            open.iter().filter(|(on, _)| *on == urn).map(|(_, task)| task.clone()).collect()
        };
        let vms = vms
            .into_iter()
            .map(|vm| VmDetails {
                tasks: tasks_on(vm.id.any()),
                vm,
                vapp: Arc::clone(&vapp),
                profiles: Arc::clone(&profiles),
                policies: Arc::clone(&policies),
            })
            .collect();
        Ok(VAppDetails {
            org: referred(org, vapp.org)?,
            owner,
            networks,
            tasks: tasks_on(id.any()),
            vms,
            vapp,
        })
    }

    /// Makes a vApp. Answers with it and the task that makes its VMs.
    ///
    /// # Errors
    /// `DuplicateName`, `BadRequest`, `InvalidState` in a disabled VDC, `LimitExceeded`, `Forbidden`;
    /// `NotSupported` for VMs where no backend runs them.
    pub async fn create_vapp(
        &self,
        caller: &Caller,
        vdc: Id<Vdc>,
        mut new: NewVApp,
    ) -> Result<(VApp, Task)> {
        let from_template = new.template.is_some();
        caller.require(if from_template {
            right::TEMPLATE_CHECKOUT
        } else {
            right::VAPP_CREATE
        })?;
        check_name(&new.name)?;
        let mut tx = self.begin().await?;
        let vdc = locked_vdc(&mut tx, caller, vdc).await?;
        check_enabled(&vdc)?;
        let org: Org = tx.require(vdc.org).await?;
        let networks = self.resolve_networks(&mut tx, caller, &vdc, &[], new.networks).await?;
        let lease = new.lease.unwrap_or(Lease {
            deployment_seconds: org.leases.deployment_seconds,
            storage_seconds: org.leases.storage_seconds,
        });
        let vapp = VApp {
            id: self.id(),
            org: vdc.org,
            vdc: vdc.id,
            owner: caller.user,
            name: new.name,
            description: new.description,
            phase: Phase::Creating,
            networks,
            lease,
            products: new.products,
            created: self.now(),
            modified: None,
            version: 0,
        };
        if let Some(template) = new.template {
            let (template, _) = super::catalog::visible_template(&mut tx, caller, template).await?;
            check_ready(&template)?;
            new.vms = stand_ins(&template, new.vms)?;
        }
        let mut vms =
            self.new_vms(&mut tx, caller, &vdc, &vapp, &[], &vapp.products, new.vms).await?;
        let start = Start { deploy: new.deploy || new.power_on, power_on: new.power_on };
        let duplicate = |error: Error| match error.kind() {
            ErrorKind::DuplicateName => Error::new(
                ErrorKind::DuplicateName,
                format!("The VCD entity {} already exists.", vapp.name),
            ),
            _ => error,
        };
        tx.insert(&vapp).await.map_err(duplicate)?;
        let mut task = NewTask {
            org: vapp.org,
            owner: vapp.id.any(),
            owner_name: vapp.name.clone(),
            operation_name: if from_template { "vdcInstantiateVapp" } else { "vdcComposeVapp" },
            operation: format!(
                "{} Virtual Application {}({})",
                if from_template { "Creating" } else { "Composing" },
                vapp.name,
                vapp.id
            ),
            steps: vec![Step::Record {
                vapp: Some(vapp.id),
                vms: vms.iter().map(|vm| vm.id).collect(),
            }],
            done: 1,
            locks: vec![vapp.id.any()],
        };
        self.add_vms(&mut tx, &vdc, Some(vapp.id), &mut vms, start, &mut task).await?;
        let task = self.run(caller, tx, task).await?;
        Ok((self.glance().await?.get(vapp.id).await?.unwrap_or(vapp), task))
    }

    /// Changes a vApp: its name and description, VMs added and deleted.
    ///
    /// # Errors
    /// As [`Cloud::create_vapp`]; `Busy`; `InvalidState` for deleting a VM that runs.
    pub async fn recompose_vapp(
        &self,
        caller: &Caller,
        id: Id<VApp>,
        change: Recompose,
    ) -> Result<Task> {
        let mut tx = self.begin().await?;
        let mut vapp = locked_vapp(&mut tx, caller, id).await?;
        let vdc = visible_vdc(&mut tx, caller, vapp.vdc).await?;
        let mut vms: Vec<Vm> = tx.select(&[By::VApp(id)]).await?;
        let mut task = vapp_task(&vapp, "vdcRecomposeVapp", "Recomposing");
        let before = vapp.clone();
        if change.name.is_some() || change.description.is_some() {
            if let Some(name) = change.name {
                check_name(&name)?;
                vapp.name = name;
            }
            vapp.description = change.description.unwrap_or(vapp.description);
        }
        if let Some(networks) = change.networks {
            vapp.networks =
                self.resolve_networks(&mut tx, caller, &vdc, &vapp.networks, networks).await?;
        }
        if vapp != before {
            caller.require(right::VAPP_EDIT)?;
            check_networks_used(&vapp, &before.networks, &vapp.networks, &vms)?;
            tx.update(&mut vapp).await?;
            task.steps.push(Step::ChangeVApp { before: Box::new(before) });
            task.done += 1;
        }
        let mut deletions = Vec::new();
        for vm in change.delete {
            caller.require(right::VAPP_DELETE)?;
            let at = vms.iter().position(|row| row.id == vm).ok_or_else(|| Error::no_access(vm))?;
            let vm = vms.swap_remove(at);
            if !Deletion::Undeployed.allows(&vm) {
                return Err(running("VM", &vm.name));
            }
            task.locks.push(vm.id.any());
            deletions.push(Step::DeleteVm { vm: VmRef { vm: vm.id, vdc: vm.vdc } });
            deletions.push(Step::Forget { vapp: None, vms: vec![vm.id] });
        }
        if !change.add.is_empty() {
            caller.require(right::VAPP_CREATE)?;
            check_enabled(&vdc)?;
            let others: Vec<&Vm> = vms.iter().collect();
            let mut new =
                self.new_vms(&mut tx, caller, &vdc, &vapp, &others, &[], change.add).await?;
            let start =
                Start { deploy: change.deploy || change.power_on, power_on: change.power_on };
            task.steps.push(Step::Record { vapp: None, vms: new.iter().map(|vm| vm.id).collect() });
            task.done += 1;
            self.add_vms(&mut tx, &vdc, None, &mut new, start, &mut task).await?;
        }
        task.steps.extend(deletions);
        self.run(caller, tx, task).await
    }

    /// Deletes a vApp with its VMs, all of which must be in a state to be deleted: else it is refused before
    /// anything is touched.
    ///
    /// # Errors
    /// `InvalidState`, `Busy`, `Forbidden`.
    pub async fn delete_vapp(
        &self,
        caller: &Caller,
        id: Id<VApp>,
        deletion: Deletion,
    ) -> Result<Task> {
        let mut tx = self.begin().await?;
        let vapp = locked_vapp(&mut tx, caller, id).await?;
        caller.require(right::VAPP_DELETE)?;
        let vms: Vec<Vm> = tx.select(&[By::VApp(id)]).await?;
        if !vms.iter().all(|vm| deletion.allows(vm)) {
            return Err(running("vApp", &vapp.name));
        }
        let mut task = vapp_task(&vapp, "vdcDeleteVapp", "Deleting");
        for vm in &vms {
            task.locks.push(vm.id.any());
            task.steps.push(Step::DeleteVm { vm: VmRef { vm: vm.id, vdc: vm.vdc } });
            task.steps.push(Step::Forget { vapp: None, vms: vec![vm.id] });
        }
        task.steps.push(Step::Forget { vapp: Some(id), vms: Vec::new() });
        self.run(caller, tx, task).await
    }

    /// Gives a vApp exactly these networks. Refused while a NIC is on one that would go.
    ///
    /// # Errors
    /// `BadRequest`, `InvalidState`, `Busy`, `Forbidden`.
    pub async fn set_vapp_networks(
        &self,
        caller: &Caller,
        id: Id<VApp>,
        wanted: Vec<VAppNetworkRequest>,
    ) -> Result<Task> {
        caller.require(right::VM_NETWORK)?;
        let mut tx = self.begin().await?;
        let mut vapp = locked_vapp(&mut tx, caller, id).await?;
        let vdc = visible_vdc(&mut tx, caller, vapp.vdc).await?;
        let networks = self.resolve_networks(&mut tx, caller, &vdc, &vapp.networks, wanted).await?;
        let vms: Vec<Vm> = tx.select(&[By::VApp(id)]).await?;
        check_networks_used(&vapp, &vapp.networks, &networks, &vms)?;
        vapp.networks = networks;
        tx.update(&mut vapp).await?;
        self.run_done(
            caller,
            tx,
            vapp_task(&vapp, "vdcUpdateVappNetworkSection", "Updating the network section of"),
        )
        .await
    }

    /// Sets how long a vApp lives.
    ///
    /// # Errors
    /// `BadRequest`, `Busy`, `Forbidden`.
    pub async fn set_vapp_lease(
        &self,
        caller: &Caller,
        id: Id<VApp>,
        lease: Lease,
    ) -> Result<Task> {
        if lease.deployment_seconds < 0 || lease.storage_seconds < 0 {
            return Err(Error::bad_request("A lease cannot be negative."));
        }
        self.edit_vapp(caller, id, "vappUpdateLeaseSettings", |vapp| vapp.lease = lease).await
    }

    /// Sets a vApp's OVF properties.
    ///
    /// # Errors
    /// `Busy`, `Forbidden`.
    pub async fn set_vapp_products(
        &self,
        caller: &Caller,
        id: Id<VApp>,
        products: Vec<Product>,
    ) -> Result<Task> {
        self.edit_vapp(caller, id, "vappUpdateProductSections", |vapp| vapp.products = products)
            .await
    }

    /// Renames or describes a vApp.
    ///
    /// # Errors
    /// `DuplicateName`, `BadRequest`, `Busy`, `Forbidden`.
    pub async fn rename_vapp(
        &self,
        caller: &Caller,
        id: Id<VApp>,
        name: String,
        description: Option<String>,
    ) -> Result<Task> {
        check_name(&name)?;
        self.edit_vapp(caller, id, "vappUpdateVapp", |vapp| {
            vapp.name = name;
            vapp.description = description.unwrap_or_default();
        })
        .await
    }

    async fn edit_vapp(
        &self,
        caller: &Caller,
        id: Id<VApp>,
        operation: &'static str,
        change: impl FnOnce(&mut VApp),
    ) -> Result<Task> {
        let mut tx = self.begin().await?;
        let mut vapp = locked_vapp(&mut tx, caller, id).await?;
        caller.require(right::VAPP_EDIT)?;
        change(&mut vapp);
        tx.update(&mut vapp).await?;
        self.run_done(caller, tx, vapp_task(&vapp, operation, "Updating")).await
    }

    /// A task whose work is in its own transaction.
    pub(super) async fn run_done(
        &self,
        caller: &Caller,
        tx: Tx,
        mut task: NewTask,
    ) -> Result<Task> {
        task.steps = vec![Step::Done];
        self.run(caller, tx, task).await
    }
}

fn check_networks_used(
    vapp: &VApp,
    before: &[VAppNetwork],
    networks: &[VAppNetwork],
    vms: &[Vm],
) -> Result<()> {
    // One that is in use stays, and stays as it is: NICs have their addresses from it.
    let gone = |name: &String| {
        let of = |all: &[VAppNetwork]| {
            all.iter()
                .find(|network| network.name == *name)
                .map(|network| (network.parent, network.fence_mode, network.scopes.clone()))
        };
        of(networks).is_none_or(|new| of(before).is_some_and(|old| old != new))
    };
    for network in vms.iter().flat_map(|vm| &vm.spec.nics).filter_map(|nic| nic.network.as_ref()) {
        if gone(network) {
            return Err(Error::invalid_state(format!(
                "The network \"{network}\" of vApp \"{}\" is in use by a VM.",
                vapp.name
            )));
        }
    }
    Ok(())
}

pub(super) fn running(what: &str, name: &str) -> Error {
    Error::invalid_state(format!(
        "The requested operation could not be executed since {what} \"{name}\" is running. Stop the {what} and try again."
    ))
}

/// A task on a vApp alone, without steps.
pub(super) fn vapp_task(vapp: &VApp, operation_name: &'static str, verb: &str) -> NewTask {
    let owner: Urn = vapp.id.any();
    NewTask {
        org: vapp.org,
        owner,
        owner_name: vapp.name.clone(),
        operation_name,
        operation: format!("{verb} Virtual Application {}({})", vapp.name, vapp.id),
        steps: Vec::new(),
        done: 0,
        locks: vec![owner],
    }
}

/// The vApp as it is once nobody else works in its VDC: what a change is decided on.
pub(super) async fn locked_vapp(tx: &mut Tx, caller: &Caller, id: Id<VApp>) -> Result<VApp> {
    let vapp = visible_vapp(tx, caller, id).await?;
    tx.lock_vdc(vapp.vdc).await?;
    visible_vapp(tx, caller, id).await
}

/// The vApp, if the caller sees it.
pub(super) async fn visible_vapp(tx: &mut Tx, caller: &Caller, id: Id<VApp>) -> Result<VApp> {
    seen_vapp(caller, id, tx.get(id).await?)
}

/// The same for a row that was read.
pub(super) fn seen_vapp(caller: &Caller, id: Id<VApp>, row: Option<VApp>) -> Result<VApp> {
    let vapp = found(row, id)?;
    if caller.sees_owned(vapp.org, vapp.owner) { Ok(vapp) } else { Err(Error::no_access(id)) }
}
