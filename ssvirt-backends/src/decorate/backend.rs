//! A decorated backend.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use ssvirt_core::{
    Id, Result, VmBackend,
    backend::{
        BackendStatus, Capabilities, ConsoleKind, ConsoleStream, KnownVm, Place, PowerAction,
        Revert, SnapshotPlan, VmEvent, VmNote, VmPlan, VmRef,
    },
    model::{Snapshot, Vdc, Vm, VmState},
};

use super::{Call, Decorated, Target, around};

fn call(op: &'static str, args: impl Into<String>) -> Call {
    Call::new(Target::Backend, op, args)
}

pub(crate) fn of_plan(plan: &VmPlan) -> String {
    format!("{} {} in {}", plan.name, plan.target.vm, plan.target.vdc)
}

pub(crate) fn of_vm(vm: VmRef) -> String {
    format!("{} in {}", vm.vm, vm.vdc)
}

pub(crate) fn of_snapshot(snapshot: Id<Snapshot>, vm: VmRef) -> String {
    format!("{snapshot} of {}", of_vm(vm))
}

pub(crate) fn of_snapshots(which: Option<Id<Snapshot>>, vm: VmRef) -> String {
    which.map_or_else(|| format!("all of {}", of_vm(vm)), |which| of_snapshot(which, vm))
}

#[async_trait]
impl VmBackend for Decorated<dyn VmBackend> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn start(&self, known: Vec<KnownVm>) -> Result<()> {
        let call = call("start", format!("{} known", known.len()));
        around(&*self.hook, call, self.inner.start(known)).await
    }

    async fn stop(&self) {
        let call = call("stop", "");
        // There is nobody to tell a fault to, and what was started must be stopped.
        let _ = self.hook.before(&call).await;
        self.inner.stop().await;
        let _ = self.hook.after(&call, None).await;
    }

    async fn health(&self) -> Result<()> {
        around(&*self.hook, call("health", ""), self.inner.health()).await
    }

    fn status(&self) -> BackendStatus {
        self.inner.status()
    }

    async fn ensure_place(&self, place: &Place) -> Result<()> {
        let call = call("ensure_place", format!("{} {}", place.vdc_name, place.vdc));
        around(&*self.hook, call, self.inner.ensure_place(place)).await
    }

    async fn remove_place(&self, vdc: Id<Vdc>) -> Result<()> {
        around(&*self.hook, call("remove_place", vdc.to_string()), self.inner.remove_place(vdc))
            .await
    }

    async fn create_vm(&self, plan: &VmPlan) -> Result<VmState> {
        around(&*self.hook, call("create_vm", of_plan(plan)), self.inner.create_vm(plan)).await
    }

    async fn change_vm(&self, plan: &VmPlan) -> Result<VmState> {
        around(&*self.hook, call("change_vm", of_plan(plan)), self.inner.change_vm(plan)).await
    }

    async fn delete_vm(&self, vm: VmRef) -> Result<()> {
        around(&*self.hook, call("delete_vm", of_vm(vm)), self.inner.delete_vm(vm)).await
    }

    async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState> {
        let call = call("power_vm", format!("{action:?} {}", of_vm(vm)));
        around(&*self.hook, call, self.inner.power_vm(vm, action)).await
    }

    async fn take_snapshot(&self, vm: VmRef, plan: &SnapshotPlan) -> Result<VmState> {
        let call = call("take_snapshot", of_snapshot(plan.id, vm));
        around(&*self.hook, call, self.inner.take_snapshot(vm, plan)).await
    }

    async fn revert_snapshot(&self, vm: VmRef, revert: &Revert) -> Result<VmState> {
        let call = call("revert_snapshot", of_snapshot(revert.snapshot, vm));
        around(&*self.hook, call, self.inner.revert_snapshot(vm, revert)).await
    }

    async fn remove_snapshots(
        &self,
        vm: VmRef,
        which: Option<Id<Snapshot>>,
    ) -> Result<Option<VmState>> {
        let call = call("remove_snapshots", of_snapshots(which, vm));
        around(&*self.hook, call, self.inner.remove_snapshots(vm, which)).await
    }

    async fn console(&self, vm: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
        let call = call("console", format!("{kind:?} {}", of_vm(vm)));
        around(&*self.hook, call, self.inner.console(vm, kind)).await
    }

    fn note(&self, vm: VmRef, note: VmNote) {
        self.inner.note(vm, note);
    }

    async fn vm(&self, vm: VmRef) -> Result<Option<VmState>> {
        around(&*self.hook, call("vm", of_vm(vm)), self.inner.vm(vm)).await
    }

    async fn vms(&self, vdc: Id<Vdc>) -> Result<Vec<(Id<Vm>, VmState)>> {
        around(&*self.hook, call("vms", vdc.to_string()), self.inner.vms(vdc)).await
    }

    fn watch(&self) -> BoxStream<'static, VmEvent> {
        self.inner.watch()
    }

    fn watch_places(&self) -> BoxStream<'static, Id<Vdc>> {
        self.inner.watch_places()
    }
}
