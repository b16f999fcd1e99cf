//! A backend by script.

use std::{
    io::Cursor,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream, stream::BoxStream};
use ssvirt_core::{
    Id, Result, VmBackend,
    backend::{
        Capabilities, ConsoleKind, ConsoleStream, KnownVm, Place, PowerAction, Revert,
        SnapshotPlan, VmEvent, VmPlan, VmRef,
    },
    model::{Snapshot, Vdc, Vm, VmState},
};
use tokio::{io, sync::mpsc};

use super::script::{Expectation, Reply, Script, misfit};
use crate::decorate::{
    Call, Target,
    backend::{of_plan, of_snapshot, of_snapshots, of_vm},
};

/// A backend that answers as its script says. A call that the script does not expect fails with an
/// internal error and is reported by [`MockBackend::verify`]; only `start`, `stop` and `health` succeed
/// without being expected.
#[derive(Debug)]
pub struct MockBackend {
    script: Script,
    capabilities: Capabilities,
    watchers: Mutex<Vec<mpsc::UnboundedSender<VmEvent>>>,
}

impl Default for MockBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl MockBackend {
    /// A backend with an empty script that claims every capability.
    pub fn new() -> Self {
        let capabilities = Capabilities {
            suspend: true,
            reset: true,
            guest_power: true,
            hot_change: true,
            addresses: true,
            snapshots: true,
            snapshot_memory: true,
            console: true,
        };
        Self { script: Script::default(), capabilities, watchers: Mutex::default() }
    }

    /// Claims these capabilities.
    #[must_use]
    pub fn claiming(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Expects a call of the method `op`; `*` stands for any text. Lines of the script are tried in the
    /// order in which they were written.
    pub fn expect(&self, op: &str) -> Expectation<'_> {
        self.script.expect(op)
    }

    /// Sends an event to all watchers.
    pub fn emit(&self, event: &VmEvent) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| watcher.send(event.clone()).is_ok());
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.script.calls()
    }

    /// Whether everything that was expected came, and nothing else.
    ///
    /// # Errors
    /// What was missing and what was too much, a line each.
    pub fn verify(&self) -> Result<(), String> {
        self.script.verify()
    }

    fn answer(&self, op: &'static str, args: String) -> Result<Reply> {
        self.script.answer(Call::new(Target::Backend, op, args), None)
    }

    fn lenient(&self, op: &'static str, args: String) -> Result<()> {
        done(op, self.script.answer(Call::new(Target::Backend, op, args), Some(Reply::Done))?)
    }
}

fn done(op: &str, reply: Reply) -> Result<()> {
    match reply {
        Reply::Done => Ok(()),
        other => Err(misfit(op, &other)),
    }
}

fn state(op: &str, reply: Reply) -> Result<VmState> {
    match reply {
        Reply::State(state) | Reply::Seen(Some(state)) => Ok(state),
        other => Err(misfit(op, &other)),
    }
}

fn seen(op: &str, reply: Reply) -> Result<Option<VmState>> {
    match reply {
        Reply::Seen(seen) => Ok(seen),
        Reply::State(state) => Ok(Some(state)),
        other => Err(misfit(op, &other)),
    }
}

#[async_trait]
impl VmBackend for MockBackend {
    fn name(&self) -> &'static str {
        "mock"
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn start(&self, known: Vec<KnownVm>) -> Result<()> {
        self.lenient("start", format!("{} known", known.len()))
    }

    async fn stop(&self) {
        // Its failure could not be told to anybody.
        let _ = self.lenient("stop", String::new());
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn health(&self) -> Result<()> {
        self.lenient("health", String::new())
    }

    async fn ensure_place(&self, place: &Place) -> Result<()> {
        done(
            "ensure_place",
            self.answer("ensure_place", format!("{} {}", place.vdc_name, place.vdc))?,
        )
    }

    async fn remove_place(&self, vdc: Id<Vdc>) -> Result<()> {
        done("remove_place", self.answer("remove_place", vdc.to_string())?)
    }

    async fn create_vm(&self, plan: &VmPlan) -> Result<VmState> {
        state("create_vm", self.answer("create_vm", of_plan(plan))?)
    }

    async fn change_vm(&self, plan: &VmPlan) -> Result<VmState> {
        state("change_vm", self.answer("change_vm", of_plan(plan))?)
    }

    async fn delete_vm(&self, vm: VmRef) -> Result<()> {
        done("delete_vm", self.answer("delete_vm", of_vm(vm))?)
    }

    async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState> {
        state("power_vm", self.answer("power_vm", format!("{action:?} {}", of_vm(vm)))?)
    }

    async fn take_snapshot(&self, vm: VmRef, plan: &SnapshotPlan) -> Result<VmState> {
        state("take_snapshot", self.answer("take_snapshot", of_snapshot(plan.id, vm))?)
    }

    async fn revert_snapshot(&self, vm: VmRef, revert: &Revert) -> Result<VmState> {
        state("revert_snapshot", self.answer("revert_snapshot", of_snapshot(revert.snapshot, vm))?)
    }

    async fn remove_snapshots(
        &self,
        vm: VmRef,
        which: Option<Id<Snapshot>>,
    ) -> Result<Option<VmState>> {
        seen("remove_snapshots", self.answer("remove_snapshots", of_snapshots(which, vm))?)
    }

    /// Says what the script says, and ends; what is written to it is forgotten.
    async fn console(&self, vm: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
        match self.answer("console", format!("{kind:?} {}", of_vm(vm)))? {
            Reply::Says(bytes) => Ok(Box::new(io::join(Cursor::new(bytes), io::sink()))),
            other => Err(misfit("console", &other)),
        }
    }

    async fn vm(&self, vm: VmRef) -> Result<Option<VmState>> {
        seen("vm", self.answer("vm", of_vm(vm))?)
    }

    async fn vms(&self, vdc: Id<Vdc>) -> Result<Vec<(Id<Vm>, VmState)>> {
        match self.answer("vms", vdc.to_string())? {
            Reply::List(list) => Ok(list),
            other => Err(misfit("vms", &other)),
        }
    }

    fn watch(&self) -> BoxStream<'static, VmEvent> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        stream::unfold(
            receiver,
            |mut receiver| async move { Some((receiver.recv().await?, receiver)) },
        )
        .boxed()
    }
}
