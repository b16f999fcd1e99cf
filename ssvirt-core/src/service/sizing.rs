//! Sizing policies: what they fix of VMs.

use super::{Caller, Cloud, found};
use crate::{
    error::{Error, Result},
    id::Id,
    model::{ComputePolicy, Vdc, Vm, VmSpec},
    store::Tx,
};

impl Cloud {
    /// A sizing policy. Those are no secrets: VMs name them.
    ///
    /// # Errors
    /// `Forbidden` where there is none.
    pub async fn compute_policy(
        &self,
        _caller: &Caller,
        id: Id<ComputePolicy>,
    ) -> Result<ComputePolicy> {
        found(self.glance().await?.get(id).await?, id)
    }

    /// The sizing policies that VMs of a VDC may have, by name.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn compute_policies(
        &self,
        caller: &Caller,
        vdc: Id<Vdc>,
    ) -> Result<Vec<ComputePolicy>> {
        let vdc = self.vdc(caller, vdc).await?;
        let mut all: Vec<ComputePolicy> = self.glance().await?.select(&[]).await?;
        all.retain(|policy| policy.is_for(vdc.provider));
        Ok(all)
    }
}

/// Gives a VM another sizing policy, if one is wanted, and makes it what its policy fixes. `before` is what it was
/// before the change that this belongs to.
pub(super) async fn apply(
    tx: &mut Tx,
    vdc: Id<Vdc>,
    vm: &mut Vm,
    before: &VmSpec,
    wanted: Option<Id<ComputePolicy>>,
) -> Result<()> {
    let wanted = wanted.map(|id| (id != ComputePolicy::SYSTEM_DEFAULT).then_some(id));
    let is_new = wanted.is_some_and(|wanted| wanted != vm.spec.sizing_policy);
    vm.spec.sizing_policy = wanted.unwrap_or(vm.spec.sizing_policy);
    let Some(id) = vm.spec.sizing_policy else { return Ok(()) };
    let policy: ComputePolicy = found(tx.get(id).await?, id)?;
    let spec = &mut vm.spec;
    if is_new {
        let vdc: Vdc = tx.require(vdc).await?;
        if !policy.is_for(vdc.provider) {
            return Err(Error::no_access(id));
        }
        spec.cpus = policy.cpus.unwrap_or(spec.cpus);
        if spec.cpus % spec.cores_per_socket.max(1) != 0 {
            spec.cores_per_socket = 1;
        }
        spec.memory_mib = policy.memory_mib.unwrap_or(spec.memory_mib);
        return Ok(());
    }
    // A policy that was changed leaves the VMs that had it before as they are.
    let is_fixed = |fixes: bool, what: &str| match fixes {
        true => Err(Error::bad_request(format!(
            "The {what} of the VM \"{}\" is fixed by its sizing policy \"{}\".",
            vm.name, policy.name
        ))),
        false => Ok(()),
    };
    is_fixed(policy.cpus.is_some() && spec.cpus != before.cpus, "number of CPUs")?;
    is_fixed(policy.memory_mib.is_some() && spec.memory_mib != before.memory_mib, "memory")
}
