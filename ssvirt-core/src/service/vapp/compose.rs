//! The VMs of a vApp that is composed: what they are made from, and the steps that make them.

use std::collections::HashSet;

use super::{NewVm, VmSource, properties::filled};
use crate::{
    backend::{PowerAction, VmPlan, VmRef},
    error::{Error, ErrorKind, Result},
    id::Id,
    model::{
        Org, Phase, Product, StorageProfile, Template, TemplateStatus, TemplateVm, VApp, Vdc, Vm,
        VmSpec, VmState,
    },
    rights::right,
    service::{
        Caller, Cloud, NicRequest, VmChange,
        catalog::{template_of_vm, visible_template},
        check_name,
        vdc::{admit_power_on, admit_vms},
        vm::visible_vm,
    },
    store::{By, Tx},
    task::{NewTask, Step},
};

/// What a new VM is copied from: name, description, hardware, properties, template.
type Model = (String, String, VmSpec, Vec<Product>, Option<Id<TemplateVm>>);

/// What new VMs do once they are made.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub deploy: bool,
    pub power_on: bool,
}

struct Expanded {
    row: Vm,
    change: VmChange,
}

/// The requests for a template's VMs: those that were made, and plain copies of the rest.
pub(super) fn stand_ins(template: &Template, requests: Vec<NewVm>) -> Result<Vec<NewVm>> {
    let mut seen = HashSet::new();
    for request in &requests {
        let VmSource::Template(id) = request.source else {
            return Err(Error::bad_request(
                "A SourcedItem must be a VM of the template that is instantiated.",
            ));
        };
        if template.vm(id).is_none() {
            return Err(Error::no_access(id));
        }
        if !seen.insert(id) {
            return Err(Error::bad_request("A VM of the template is named twice."));
        }
    }
    let rest = template.vms.iter().filter(|vm| {
        !requests
            .iter()
            .any(|request| matches!(request.source, VmSource::Template(id) if id == vm.id))
    });
    let rest: Vec<NewVm> = rest
        .map(|vm| NewVm {
            name: None,
            description: None,
            source: VmSource::Template(vm.id),
            change: VmChange::default(),
        })
        .collect();
    Ok(requests.into_iter().chain(rest).collect())
}

pub(super) fn check_ready(template: &Template) -> Result<()> {
    if template.status == TemplateStatus::Ready {
        return Ok(());
    }
    let why = template.not_ready.as_ref().map(|why| format!(" {why}")).unwrap_or_default();
    Err(Error::invalid_state(format!("The vApp template \"{}\" is not ready.{why}", template.name)))
}

impl Cloud {
    /// The rows of new VMs. `products` are for all that are copied from a template that asks for them.
    #[expect(clippy::too_many_arguments, reason = "they are what a vApp consists of")]
    pub(super) async fn new_vms(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        vdc: &Vdc,
        vapp: &VApp,
        others: &[&Vm],
        products: &[Product],
        new: Vec<NewVm>,
    ) -> Result<Vec<Vm>> {
        let profiles: Vec<StorageProfile> = tx.select(&[By::Vdc(vdc.id)]).await?;
        let mut rows: Vec<Vm> = Vec::new();
        for request in self.expand(tx, caller, new).await? {
            let mut vm = request.row;
            vm.id = self.id();
            vm.org = vapp.org;
            vm.vdc = vapp.vdc;
            vm.vapp = vapp.id;
            vm.created = self.now();
            check_name(&vm.name)?;
            let siblings: Vec<&Vm> = others.iter().copied().chain(&rows).collect();
            if siblings.iter().any(|other| other.name == vm.name) {
                return Err(Error::new(
                    ErrorKind::DuplicateName,
                    format!("The vApp \"{}\" already has a VM named \"{}\".", vapp.name, vm.name),
                ));
            }
            // What the source's NICs were connected to means nothing here, unless a network of that name is.
            let mut change = request.change;
            let nics = change.nics.take().unwrap_or_else(|| {
                (
                    vm.spec.primary_nic,
                    vm.spec.nics.iter().map(|nic| NicRequest::again(nic, &vapp.networks)).collect(),
                )
            });
            vm.spec.nics.clear();
            vm.spec.primary_nic = nics.0;
            vm.spec.nics =
                self.resolve_nics(tx, vdc, &vapp.networks, &siblings, &[], nics.1).await?;
            if vm
                .spec
                .storage_profile
                .is_none_or(|id| profiles.iter().all(|profile| profile.id != id))
            {
                vm.spec.storage_profile =
                    profiles.iter().find(|profile| profile.default).map(|profile| profile.id);
            }
            for disk in &mut vm.spec.disks {
                disk.storage_profile =
                    disk.storage_profile.filter(|id| profiles.iter().any(|p| p.id == *id));
            }
            change.name = None;
            if !vm.products.is_empty() {
                let own = change.products.take().unwrap_or_default();
                vm.products = filled(&vm.name, &vm.products, &[products, &own])?;
            }
            self.apply_change(tx, caller, &mut vm, vapp, &[], change, &profiles).await?;
            if vm.spec.guest.computer_name.is_none() {
                vm.spec.guest.computer_name = Some(computer_name(&vm.name));
            }
            rows.push(vm);
        }
        Ok(rows)
    }

    /// What each request stands for: one VM, or all of a template's.
    async fn expand(&self, tx: &mut Tx, caller: &Caller, new: Vec<NewVm>) -> Result<Vec<Expanded>> {
        let mut all = Vec::new();
        for request in new {
            let NewVm { name, description, source, change } = request;
            let sources: Vec<Model> = match source {
                VmSource::Empty(spec) => {
                    vec![(String::new(), String::new(), *spec, Vec::new(), None)]
                }
                VmSource::Copy(id) => {
                    caller.require(right::VAPP_COPY)?;
                    let (vm, _) = visible_vm(tx, caller, id).await?;
                    vec![(vm.name, vm.description, vm.spec, vm.products, vm.template)]
                }
                VmSource::Template(id) => {
                    caller.require(right::TEMPLATE_CHECKOUT)?;
                    let template = template_of_vm(tx, caller, id).await?;
                    check_ready(&template)?;
                    let vm = template.vm(id).cloned().ok_or_else(|| Error::no_access(id))?;
                    vec![(vm.name, vm.description, vm.spec, vm.products, Some(vm.id))]
                }
                VmSource::WholeTemplate(id) => {
                    caller.require(right::TEMPLATE_CHECKOUT)?;
                    let (template, _) = visible_template(tx, caller, id).await?;
                    check_ready(&template)?;
                    let one = |vm: TemplateVm| {
                        (vm.name, vm.description, vm.spec, vm.products, Some(vm.id))
                    };
                    template.vms.into_iter().map(one).collect()
                }
            };
            let single = sources.len() == 1;
            for (own, about, spec, products, template) in sources {
                let row = Vm {
                    id: Id::new(uuid::Uuid::nil()),
                    org: Org::SYSTEM,
                    vdc: Id::new(uuid::Uuid::nil()),
                    vapp: Id::new(uuid::Uuid::nil()),
                    name: name.clone().filter(|_| single).unwrap_or(own),
                    description: description.clone().unwrap_or(about),
                    phase: Phase::Creating,
                    spec,
                    deployed: false,
                    state: VmState::default(),
                    template,
                    products,
                    security_tags: Vec::new(),
                    created: self.now(),
                    modified: None,
                    version: 0,
                };
                all.push(Expanded { row, change: change.clone() });
            }
        }
        Ok(all)
    }

    /// Stores new VMs, and adds the steps that make them.
    pub(super) async fn add_vms(
        &self,
        tx: &mut Tx,
        vdc: &Vdc,
        vapp: Option<Id<VApp>>,
        vms: &mut [Vm],
        start: Start,
        task: &mut NewTask,
    ) -> Result<()> {
        if !vms.is_empty() {
            self.usable_backend(vdc.provider)?;
            let plans: Vec<VmPlan> = vms.iter().map(VmPlan::of).collect();
            admit_vms(tx, vdc, &plans).await?;
            if start.deploy {
                admit_power_on(tx, vdc, &vms.iter().collect::<Vec<_>>()).await?;
            }
        }
        for vm in vms.iter_mut() {
            // What it will use is counted from now on.
            vm.deployed = start.deploy;
            tx.insert(&*vm).await?;
            task.locks.push(vm.id.any());
            task.steps.push(Step::CreateVm { vm: VmRef { vm: vm.id, vdc: vm.vdc } });
        }
        if start.power_on {
            for vm in vms.iter() {
                let vm = VmRef { vm: vm.id, vdc: vm.vdc };
                task.steps.push(Step::Power {
                    vm,
                    action: PowerAction::On,
                    deployed: true,
                    before: None,
                });
            }
        }
        task.steps.push(Step::Settle { vapp, vms: vms.iter().map(|vm| vm.id).collect() });
        Ok(())
    }
}

/// A host name made from a VM's name: letters, digits and hyphens, at most 63.
fn computer_name(name: &str) -> String {
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(63).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "vm".to_owned() } else { name.to_owned() }
}
