//! Runs the behaviours, each on a fresh backend and within a time.

use std::{
    any::Any,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{FutureExt, stream::BoxStream};
use ssvirt_core::{
    Id, Result, VmBackend,
    backend::{
        Capabilities, ConsoleKind, ConsoleStream, KnownVm, Place, PowerAction, Revert,
        SnapshotPlan, VmEvent, VmPlan, VmRef,
    },
    model::{Snapshot, Vdc, Vm, VmState},
};
use tokio::time::timeout;

use super::{ALL, Behaviour, Check, Outcome, Report, Run, scene::said};

/// How the suite is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a behaviour may take.
    pub limit: Duration,
    /// Only behaviours whose name contains this.
    pub only: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { limit: Duration::from_secs(10), only: None }
    }
}

/// Checks every behaviour on backends that `make` gives, not yet started.
pub async fn run<F, Made>(make: F) -> Report
where
    F: Fn() -> Made,
    Made: Future<Output = Arc<dyn VmBackend>>,
{
    run_with(make, &Options::default()).await
}

/// As [`run`], with options.
pub async fn run_with<F, Made>(make: F, options: &Options) -> Report
where
    F: Fn() -> Made,
    Made: Future<Output = Arc<dyn VmBackend>>,
{
    let mut report = Report { subject: make().await.name().to_owned(), results: Vec::new() };
    for behaviour in ALL {
        if options.only.as_deref().is_some_and(|only| !behaviour.name.contains(only)) {
            continue;
        }
        let first = Tidy::new(make().await);
        let outcome = if !behaviour.needs.met(first.capabilities()) {
            Outcome::NotClaimed(behaviour.needs.name())
        } else {
            let second = match behaviour.run {
                Run::Started(_) => None,
                Run::Restart(_) => Some(Tidy::new(make().await)),
            };
            check(behaviour, &first, second.as_ref(), options.limit).await
        };
        report.results.push((behaviour.name, outcome));
    }
    report
}

async fn check(
    behaviour: &Behaviour,
    first: &Tidy,
    second: Option<&Tidy>,
    limit: Duration,
) -> Outcome {
    let run = async {
        first.start(Vec::new()).await.map_err(said("start"))?;
        match (behaviour.run, second) {
            (Run::Started(run), _) => run(first).await,
            (Run::Restart(run), Some(second)) => run(first, second).await,
            (Run::Restart(_), None) => Ok(()),
        }
    };
    let outcome = match timeout(limit, AssertUnwindSafe(run).catch_unwind()).await {
        Ok(Ok(Ok(()))) => Outcome::Passed,
        Ok(Ok(Err(why))) => Outcome::Failed(why),
        Ok(Err(panic)) => Outcome::Failed(format!("panicked: {}", text_of(&*panic))),
        Err(_) => Outcome::Failed(format!("took longer than {limit:?}")),
    };
    for tidy in [Some(first), second].into_iter().flatten() {
        // What the behaviour found is the finding; trouble in cleaning up after it is none.
        let _ = timeout(limit, AssertUnwindSafe(tidy.clear()).catch_unwind()).await;
    }
    outcome
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// Passes everything on, and remembers which places were made so that they can be removed.
struct Tidy {
    inner: Arc<dyn VmBackend>,
    places: Mutex<Vec<Id<Vdc>>>,
}

impl Tidy {
    fn new(inner: Arc<dyn VmBackend>) -> Self {
        Self { inner, places: Mutex::default() }
    }

    async fn clear(&self) -> Check {
        let places =
            std::mem::take(&mut *self.places.lock().unwrap_or_else(PoisonError::into_inner));
        for place in places {
            self.inner.remove_place(place).await.map_err(said("remove_place"))?;
        }
        self.inner.stop().await;
        Ok(())
    }
}

#[async_trait]
impl VmBackend for Tidy {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn start(&self, known: Vec<KnownVm>) -> Result<()> {
        self.inner.start(known).await
    }

    async fn stop(&self) {
        self.inner.stop().await;
    }

    async fn health(&self) -> Result<()> {
        self.inner.health().await
    }

    async fn ensure_place(&self, place: &Place) -> Result<()> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).push(place.vdc);
        self.inner.ensure_place(place).await
    }

    async fn remove_place(&self, vdc: Id<Vdc>) -> Result<()> {
        self.inner.remove_place(vdc).await
    }

    async fn create_vm(&self, plan: &VmPlan) -> Result<VmState> {
        self.inner.create_vm(plan).await
    }

    async fn change_vm(&self, plan: &VmPlan) -> Result<VmState> {
        self.inner.change_vm(plan).await
    }

    async fn delete_vm(&self, vm: VmRef) -> Result<()> {
        self.inner.delete_vm(vm).await
    }

    async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState> {
        self.inner.power_vm(vm, action).await
    }

    async fn take_snapshot(&self, vm: VmRef, plan: &SnapshotPlan) -> Result<VmState> {
        self.inner.take_snapshot(vm, plan).await
    }

    async fn revert_snapshot(&self, vm: VmRef, revert: &Revert) -> Result<VmState> {
        self.inner.revert_snapshot(vm, revert).await
    }

    async fn remove_snapshots(
        &self,
        vm: VmRef,
        which: Option<Id<Snapshot>>,
    ) -> Result<Option<VmState>> {
        self.inner.remove_snapshots(vm, which).await
    }

    async fn console(&self, vm: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
        self.inner.console(vm, kind).await
    }

    async fn vm(&self, vm: VmRef) -> Result<Option<VmState>> {
        self.inner.vm(vm).await
    }

    async fn vms(&self, vdc: Id<Vdc>) -> Result<Vec<(Id<Vm>, VmState)>> {
        self.inner.vms(vdc).await
    }

    fn watch(&self) -> BoxStream<'static, VmEvent> {
        self.inner.watch()
    }

    fn watch_places(&self) -> BoxStream<'static, Id<Vdc>> {
        self.inner.watch_places()
    }
}
