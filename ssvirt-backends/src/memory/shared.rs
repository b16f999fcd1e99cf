//! What the clones of a simulator share: the world under its lock, its file, its watchers.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use ssvirt_core::{
    Error, Result,
    backend::{Reach, VmEvent, VmPlan, VmRef},
    env::Clock,
    model::VmState,
};
use tokio::sync::broadcast;

use super::{
    faults::{Faults, Side},
    file,
    rules::Capacity,
    watch::Message,
    world::{Load, SimVm, World},
};

/// See [`SimulatorBuilder`].
pub(super) struct Options {
    pub clock: Arc<dyn Clock>,
    pub delay: Duration,
    pub delays: BTreeMap<&'static str, Duration>,
    pub boot_time: Duration,
    pub addresses: bool,
    pub capacity: Capacity,
    pub file: Option<PathBuf>,
}

/// The world with all that goes with it.
pub(super) struct Shared {
    pub options: Options,
    pub faults: Faults,
    pub reach: Mutex<Reach>,
    pub world: Mutex<Kept>,
    pub events: broadcast::Sender<Message>,
}

/// The world, and whether its file is behind.
#[derive(Default)]
pub(super) struct Kept {
    pub world: World,
    pub dirty: bool,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, Kept> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn reach(&self) -> Reach {
        *self.reach.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_reach(&self, reach: Reach) {
        *self.reach.lock().unwrap_or_else(PoisonError::into_inner) = reach;
    }

    /// Changes the world, writes its file, tells watchers; in that order, and before the call answers.
    pub fn change<T>(
        &self,
        change: impl FnOnce(&mut Kept, Timestamp) -> Result<(T, Vec<VmEvent>)>,
    ) -> Result<T> {
        let mut kept = self.lock();
        let (answer, events) = change(&mut kept, self.options.clock.now())?;
        kept.dirty |= !events.is_empty();
        self.save(&mut kept)?;
        for event in events {
            // Nobody watches: that is no error.
            let _ = self.events.send(Some(event));
        }
        Ok(answer)
    }

    /// Written under the lock, so that files follow each other as the changes did. A write that failed is
    /// made up for by the next call, which the caller repeats anyway.
    pub fn save(&self, kept: &mut Kept) -> Result<()> {
        if let Some(path) = self.options.file.as_deref().filter(|_| kept.dirty) {
            file::save(path, &kept.world)?;
        }
        kept.dirty = false;
        Ok(())
    }

    pub fn state(&self, vm: &SimVm, now: Timestamp) -> VmState {
        vm.state(now, self.options.boot_time)
    }

    pub fn snapshot(&self) -> Vec<VmEvent> {
        let now = self.options.clock.now();
        self.lock()
            .world
            .all()
            .map(|vm| VmEvent::Seen(vm.plan.target, self.state(vm, now)))
            .collect()
    }

    pub fn settle(&self) {
        let now = self.options.clock.now();
        let boot_time = self.options.boot_time;
        let mut kept = self.lock();
        for vm in kept.world.all_mut() {
            if vm.booting_since.is_some() && vm.booted(now, boot_time) {
                vm.booting_since = None;
                let _ =
                    self.events.send(Some(VmEvent::Seen(vm.plan.target, vm.state(now, boot_time))));
            }
        }
    }

    /// What every operation does first: fail where a rule says so, and take its time.
    pub async fn enter(&self, op: &'static str, name: &str) -> Result<()> {
        if self.reach() != Reach::Here {
            return Err(Error::unavailable("The simulator is away."));
        }
        self.faults.check(Side::Before, op, name)?;
        // Asking takes no time unless it was said.
        let usual = if matches!(op, "health" | "console" | "vm" | "vms") {
            Duration::ZERO
        } else {
            self.options.delay
        };
        let delay = self.options.delays.get(op).copied().unwrap_or(usual);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if !self.options.boot_time.is_zero() {
            self.settle();
        }
        Ok(())
    }

    pub fn name_of(&self, vm: VmRef) -> String {
        self.lock().world.get(vm).map(|vm| vm.plan.name.clone()).unwrap_or_default()
    }

    /// What an operation does last: lose its answer where a rule says so.
    pub fn leave(&self, op: &'static str, name: &str) -> Result<()> {
        self.faults.check(Side::After, op, name)
    }

    pub fn admit(&self, world: &World, plan: &VmPlan) -> Result<()> {
        let capacity = self.options.capacity;
        if capacity.is_unlimited() {
            return Ok(());
        }
        capacity.admit(world.load(plan.target.vm), Load::of(plan))
    }

    /// Lets watchers know when a guest has booted.
    pub fn settle_later(self: &Arc<Self>) {
        let boot_time = self.options.boot_time;
        if boot_time.is_zero() {
            return;
        }
        let shared = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(boot_time).await;
            if let Some(shared) = shared.upgrade() {
                shared.settle();
            }
        });
    }
}
