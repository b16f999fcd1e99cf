//! [`Simulator`]: the backend.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use ssvirt_core::{
    Error, Id, Result, VmBackend,
    backend::{
        BackendStatus, Capabilities, ConsoleKind, ConsoleStream, KnownVm, Place, PowerAction,
        Reach, Revert, SnapshotPlan, VmEvent, VmPlan, VmRef,
    },
    env::Clock,
    model::{PowerState, Snapshot, Vdc, Vm, VmState},
};
use tokio::sync::broadcast;

use super::{
    SimulatorBuilder, console,
    faults::Faults,
    file,
    rules::{self, Outcome},
    shared::{Options, Shared},
    watch,
    world::World,
};

/// A backend whose virtual machines are made up. Clones share one world, so that a test keeps a handle.
#[derive(Clone)]
pub struct Simulator(Arc<Shared>);

impl Simulator {
    /// Sets the options of a simulator that goes by `clock`.
    pub fn builder(clock: Arc<dyn Clock>) -> SimulatorBuilder {
        SimulatorBuilder::new(clock)
    }

    pub(super) fn new(options: Options, faults: Faults) -> Self {
        let (events, _) = broadcast::channel(watch::BACKLOG);
        Self(Arc::new(Shared {
            options,
            faults,
            reach: Mutex::default(),
            world: Mutex::default(),
            events,
        }))
    }

    /// The rules by which calls fail; they may be changed at any time.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Makes the simulator go away, as a cluster does: calls fail, and it is known why. It comes back with
    /// [`Reach::Here`]. What its VMs do meanwhile nobody hears of before that.
    pub fn set_reach(&self, reach: Reach) {
        self.0.set_reach(reach);
    }

    /// Makes a VM vanish, as if somebody had deleted it behind our back; false when there is none.
    ///
    /// # Errors
    /// `Unavailable` when the world file cannot be written.
    pub fn lose_vm(&self, id: Id<Vm>) -> Result<bool> {
        self.0.change(|kept, _| {
            let lost = kept.world.find(id).filter(|vm| kept.world.remove(*vm));
            Ok((lost.is_some(), lost.map(VmEvent::Gone).into_iter().collect()))
        })
    }

    /// Makes a VM go off by itself, as if its guest had failed; false when none runs under this id.
    ///
    /// # Errors
    /// `Unavailable` when the world file cannot be written.
    pub fn crash_vm(&self, id: Id<Vm>) -> Result<bool> {
        self.0.change(|kept, now| {
            let target = kept.world.find(id);
            let running = target
                .and_then(|vm| kept.world.get_mut(vm))
                .filter(|vm| vm.power != PowerState::Off);
            let Some(vm) = running else { return Ok((false, Vec::new())) };
            vm.apply(Outcome::Becomes(PowerState::Off), now);
            let event = VmEvent::Seen(vm.plan.target, vm.state(now, self.0.options.boot_time));
            Ok((true, vec![event]))
        })
    }

    /// The ids of all VMs, in order.
    pub fn vm_ids(&self) -> Vec<Id<Vm>> {
        let mut ids: Vec<_> = self.0.lock().world.all().map(|vm| vm.plan.target.vm).collect();
        ids.sort();
        ids
    }

    /// Whether there is no VM at all.
    pub fn is_empty(&self) -> bool {
        self.0.lock().world.all().next().is_none()
    }

    /// The VDCs that have a place, in order.
    pub fn place_ids(&self) -> Vec<Id<Vdc>> {
        self.0.lock().world.places()
    }

    /// What a VM was last asked to be like.
    pub fn plan(&self, id: Id<Vm>) -> Option<VmPlan> {
        let kept = self.0.lock();
        kept.world.find(id).and_then(|vm| kept.world.get(vm)).map(|vm| vm.plan.clone())
    }

    /// Tells watchers what the clock alone has changed: guests that have booted. A running simulator does
    /// so by itself; a test that moves a manual clock calls this.
    pub fn settle(&self) {
        self.0.settle();
    }
}

pub(super) fn no_such_vm(vm: VmRef) -> Error {
    Error::invalid_state(format!("The backend has no virtual machine {} in VDC {}.", vm.vm, vm.vdc))
}

#[async_trait]
impl VmBackend for Simulator {
    fn name(&self) -> &'static str {
        "simulator"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            suspend: true,
            reset: true,
            guest_power: true,
            hot_change: true,
            addresses: self.0.options.addresses,
            snapshots: true,
            snapshot_memory: true,
            console: true,
        }
    }

    async fn start(&self, known: Vec<KnownVm>) -> Result<()> {
        let shared = &self.0;
        let stored = match &shared.options.file {
            Some(path) => file::load(path)?,
            None => None,
        };
        let now = shared.options.clock.now();
        let booting = {
            let mut kept = shared.lock();
            kept.dirty = stored.is_none();
            kept.world = stored.unwrap_or_else(|| World::rebuilt(known, now));
            shared.save(&mut kept)?;
            kept.world.all().any(|vm| vm.booting_since.is_some())
        };
        if booting {
            shared.settle_later();
        }
        Ok(())
    }

    async fn stop(&self) {
        let _ = self.0.events.send(None);
    }

    async fn health(&self) -> Result<()> {
        self.0.enter("health", "").await
    }

    fn status(&self) -> BackendStatus {
        BackendStatus { reach: self.0.reach(), ..BackendStatus::default() }
    }

    async fn ensure_place(&self, place: &Place) -> Result<()> {
        self.0.enter("ensure_place", &place.vdc_name).await?;
        self.0.change(|kept, _| {
            kept.dirty |= kept.world.ensure_place(place);
            Ok(((), Vec::new()))
        })?;
        self.0.leave("ensure_place", &place.vdc_name)
    }

    async fn remove_place(&self, vdc: Id<Vdc>) -> Result<()> {
        self.0.enter("remove_place", "").await?;
        self.0.change(|kept, _| {
            let removed = kept.world.remove_place(vdc);
            kept.dirty |= removed.is_some();
            Ok(((), removed.into_iter().flatten().map(VmEvent::Gone).collect()))
        })?;
        self.0.leave("remove_place", "")
    }

    async fn create_vm(&self, plan: &VmPlan) -> Result<VmState> {
        self.0.enter("create_vm", &plan.name).await?;
        let state = self.0.change(|kept, now| {
            let created = kept.world.create(plan)?;
            let vm = kept.world.get(plan.target).ok_or_else(|| no_such_vm(plan.target))?;
            let state = self.0.state(vm, now);
            let event = created.then(|| VmEvent::Seen(plan.target, state.clone()));
            Ok((state, event.into_iter().collect()))
        })?;
        self.0.leave("create_vm", &plan.name)?;
        Ok(state)
    }

    async fn change_vm(&self, plan: &VmPlan) -> Result<VmState> {
        self.0.enter("change_vm", &plan.name).await?;
        let state = self.0.change(|kept, now| {
            let vm = kept.world.get(plan.target).ok_or_else(|| no_such_vm(plan.target))?;
            rules::changeable(vm, plan)?;
            if vm.power == PowerState::On {
                self.0.admit(&kept.world, plan)?;
            }
            let vm = kept.world.get_mut(plan.target).ok_or_else(|| no_such_vm(plan.target))?;
            let changed = vm.plan != *plan;
            vm.plan = plan.clone();
            let state = self.0.state(vm, now);
            let event = changed.then(|| VmEvent::Seen(plan.target, state.clone()));
            Ok((state, event.into_iter().collect()))
        })?;
        self.0.leave("change_vm", &plan.name)?;
        Ok(state)
    }

    async fn delete_vm(&self, vm: VmRef) -> Result<()> {
        let name = self.0.name_of(vm);
        self.0.enter("delete_vm", &name).await?;
        self.0.change(|kept, _| {
            let gone = kept.world.remove(vm).then_some(VmEvent::Gone(vm));
            Ok(((), gone.into_iter().collect()))
        })?;
        self.0.leave("delete_vm", &name)
    }

    async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState> {
        let name = self.0.name_of(vm);
        self.0.enter("power_vm", &name).await?;
        let (state, boots) = self.0.change(|kept, now| {
            let Some(sim) = kept.world.get(vm) else {
                return match action {
                    // What is gone does not run: a task that stops and then deletes gets through.
                    PowerAction::Off | PowerAction::Shutdown => Ok((
                        (VmState { power: PowerState::Lost, ..VmState::default() }, false),
                        Vec::new(),
                    )),
                    _ => Err(no_such_vm(vm)),
                };
            };
            let outcome = rules::outcome(sim.power, action)?;
            if matches!(outcome, Outcome::Boots | Outcome::Resumes) {
                self.0.admit(&kept.world, &sim.plan)?;
            }
            let sim = kept.world.get_mut(vm).ok_or_else(|| no_such_vm(vm))?;
            let changed = sim.apply(outcome, now);
            let state = self.0.state(sim, now);
            let event = changed.then(|| VmEvent::Seen(vm, state.clone()));
            Ok(((state, outcome == Outcome::Boots), event.into_iter().collect()))
        })?;
        if boots {
            self.0.settle_later();
        }
        self.0.leave("power_vm", &name)?;
        Ok(state)
    }

    async fn take_snapshot(&self, vm: VmRef, plan: &SnapshotPlan) -> Result<VmState> {
        self.0.take_snapshot(vm, plan).await
    }

    async fn revert_snapshot(&self, vm: VmRef, revert: &Revert) -> Result<VmState> {
        self.0.revert_snapshot(vm, revert).await
    }

    async fn remove_snapshots(
        &self,
        vm: VmRef,
        which: Option<Id<Snapshot>>,
    ) -> Result<Option<VmState>> {
        self.0.remove_snapshots(vm, which).await
    }

    async fn console(&self, vm: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
        let name = self.0.name_of(vm);
        self.0.enter("console", &name).await?;
        let stream = console::open(&self.0, vm, kind)?;
        self.0.leave("console", &name)?;
        Ok(stream)
    }

    async fn vm(&self, vm: VmRef) -> Result<Option<VmState>> {
        self.0.enter("vm", &self.0.name_of(vm)).await?;
        let now = self.0.options.clock.now();
        Ok(self.0.lock().world.get(vm).map(|vm| self.0.state(vm, now)))
    }

    async fn vms(&self, vdc: Id<Vdc>) -> Result<Vec<(Id<Vm>, VmState)>> {
        self.0.enter("vms", "").await?;
        let now = self.0.options.clock.now();
        Ok(self
            .0
            .lock()
            .world
            .of_place(vdc)
            .map(|vm| (vm.plan.target.vm, self.0.state(vm, now)))
            .collect())
    }

    fn watch(&self) -> BoxStream<'static, VmEvent> {
        let receiver = self.0.events.subscribe();
        let shared = Arc::downgrade(&self.0);
        watch::events(receiver, Box::new(move || shared.upgrade().map(|shared| shared.snapshot())))
    }
}
