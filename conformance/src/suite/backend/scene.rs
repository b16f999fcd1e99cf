//! What behaviours have in common: a place of their own, VMs in it, and plain words for what went wrong.

use std::{net::Ipv4Addr, time::Duration};

use ssvirt_core::{
    Error, Id, VmBackend,
    backend::{Place, PowerAction, VmPlan, VmRef},
    env::{RandomIds, new_id, new_mac},
    model::{DiskAdapter, DiskSpec, IpMode, NicSpec, PowerState, Vm, VmSpec, VmState},
};
use tokio::time::sleep;

use super::Check;

/// How long what need not be there at once is waited for; less than a behaviour may take as a whole.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Turns an error into words.
pub(super) fn said(what: &str) -> impl FnOnce(Error) -> String {
    let what = what.to_owned();
    move |error| format!("{what} failed: {:?}, {error}", error.kind())
}

macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}
pub(crate) use ensure;

/// A place of a VDC that nobody else knows.
pub(super) fn new_place() -> Place {
    let ids = RandomIds;
    let vdc = new_id(&ids);
    Place {
        vdc,
        vdc_name: format!("suite-{vdc}"),
        org: new_id(&ids),
        org_name: "suite".to_owned(),
        org_full_name: String::new(),
        org_description: String::new(),
        vdc_description: String::new(),
        cpu_limit_mhz: 0,
        vcpu_mhz: 1000,
        memory_limit_mib: 0,
        vm_quota: 0,
        storage: Vec::new(),
    }
}

/// A NIC with a manual address.
pub(super) fn disk(unit: i32) -> DiskSpec {
    let adapter = DiskAdapter::Paravirtual;
    let id = DiskSpec::device_key(adapter, 0, unit);
    DiskSpec { id, size_mib: 1024, adapter, bus: 0, unit, storage_profile: None }
}

pub(super) fn nic(index: i32, ip: [u8; 4]) -> NicSpec {
    NicSpec {
        index,
        network: Some("net".to_owned()),
        parent: None,
        connected: true,
        mode: IpMode::Manual,
        ip: Some(Ipv4Addr::from(ip)),
        mac: new_mac(&RandomIds),
        adapter: "VMXNET3".to_owned(),
    }
}

/// A small VM in a place.
pub(super) fn new_plan(place: &Place, name: &str) -> VmPlan {
    VmPlan {
        target: VmRef { vm: new_id(&RandomIds), vdc: place.vdc },
        vapp: new_id(&RandomIds),
        name: name.to_owned(),
        spec: VmSpec { nics: vec![nic(0, [192, 168, 100, 10])], ..VmSpec::default() },
        products: Vec::new(),
    }
}

/// A backend with a place in it.
pub(super) struct Scene<'a> {
    pub backend: &'a dyn VmBackend,
    pub place: Place,
}

impl<'a> Scene<'a> {
    pub async fn new(backend: &'a dyn VmBackend) -> Result<Self, String> {
        let place = new_place();
        backend.ensure_place(&place).await.map_err(said("ensure_place"))?;
        Ok(Self { backend, place })
    }

    /// Creates a VM.
    pub async fn create(&self, name: &str) -> Result<VmPlan, String> {
        let plan = new_plan(&self.place, name);
        self.backend.create_vm(&plan).await.map_err(said("create_vm"))?;
        Ok(plan)
    }

    /// Creates a VM and starts it.
    pub async fn running(&self, name: &str) -> Result<VmPlan, String> {
        let plan = self.create(name).await?;
        self.power(&plan, PowerAction::On, PowerState::On).await?;
        Ok(plan)
    }

    /// Does a power action that must lead to `expected`, in the answer and in what is seen.
    pub async fn power(&self, plan: &VmPlan, action: PowerAction, expected: PowerState) -> Check {
        let what = format!("{action:?}");
        let state = self.backend.power_vm(plan.target, action).await.map_err(said(&what))?;
        ensure!(
            state.power == expected,
            "{what} answered that the VM is {:?}, not {expected:?}",
            state.power
        );
        self.is(plan.target, expected, &format!("after {what}")).await
    }

    /// What is seen of a VM, which must be there.
    pub async fn state(&self, vm: VmRef, when: &str) -> Result<VmState, String> {
        let seen = self.backend.vm(vm).await.map_err(said("vm"))?;
        seen.ok_or_else(|| format!("the VM is not there {when}"))
    }

    /// The VM must be seen like this.
    pub async fn is(&self, vm: VmRef, expected: PowerState, when: &str) -> Check {
        let power = self.state(vm, when).await?.power;
        ensure!(power == expected, "the VM is {power:?} and not {expected:?} {when}");
        Ok(())
    }

    /// The VM must not be seen, alone or in the list.
    pub async fn is_gone(&self, vm: VmRef, when: &str) -> Check {
        let seen = self.backend.vm(vm).await.map_err(said("vm"))?;
        ensure!(seen.is_none(), "the VM is there {when}");
        let listed = self.listed().await?.contains(&vm.vm);
        ensure!(!listed, "the VM is listed {when}");
        Ok(())
    }

    /// The VMs listed in the place, in order.
    pub async fn listed(&self) -> Result<Vec<Id<Vm>>, String> {
        let list = self.backend.vms(self.place.vdc).await.map_err(said("vms"))?;
        let mut ids: Vec<_> = list.into_iter().map(|(id, _)| id).collect();
        ids.sort();
        Ok(ids)
    }

    /// Waits until the VM is seen as `fits` wants it.
    pub async fn becomes(
        &self,
        vm: VmRef,
        what: &str,
        fits: impl Fn(&VmState) -> bool + Send + Sync,
    ) -> Check {
        let step = Duration::from_millis(20);
        let mut waited = Duration::ZERO;
        loop {
            let state = self.state(vm, "any more").await?;
            if fits(&state) {
                return Ok(());
            }
            ensure!(waited < PATIENCE, "{what} is not seen: {state:?}");
            sleep(step).await;
            waited += step;
        }
    }
}
