//! Options of the simulator.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use ssvirt_core::env::Clock;

use super::{Fault, Faults, rules::Capacity, shared::Options, simulator::Simulator};

/// Builds a [`Simulator`].
pub struct SimulatorBuilder {
    options: Options,
    faults: Vec<Fault>,
}

impl SimulatorBuilder {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let options = Options {
            clock,
            delay: Duration::ZERO,
            delays: BTreeMap::new(),
            boot_time: Duration::ZERO,
            capacity: Capacity::default(),
            addresses: true,
            file: None,
        };
        Self { options, faults: Vec::new() }
    }

    /// How long every operation that changes something takes; 0 unless said.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.options.delay = delay;
        self
    }

    /// How long the operation called `op` (a method of the trait, such as `power_vm`) takes.
    #[must_use]
    pub fn delay_of(mut self, op: &'static str, delay: Duration) -> Self {
        self.options.delays.insert(op, delay);
        self
    }

    /// How long a guest boots, by the clock: its addresses and its agent appear then; 0 unless said.
    #[must_use]
    pub fn boot_time(mut self, boot_time: Duration) -> Self {
        self.options.boot_time = boot_time;
        self
    }

    /// Whether NICs have the addresses that they are given; they have unless said. Else the networks choose, as on
    /// clusters.
    #[must_use]
    pub fn addresses(mut self, addresses: bool) -> Self {
        self.options.addresses = addresses;
        self
    }

    /// How many vCPUs can run at once; unlimited unless said.
    #[must_use]
    pub fn capacity_vcpus(mut self, vcpus: i64) -> Self {
        self.options.capacity.vcpus = Some(vcpus);
        self
    }

    /// How many MiB of memory VMs that run can have together; unlimited unless said.
    #[must_use]
    pub fn capacity_memory_mib(mut self, memory_mib: i64) -> Self {
        self.options.capacity.memory_mib = Some(memory_mib);
        self
    }

    /// Adds a rule by which calls fail; see also [`Simulator::faults`].
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Keeps the world in this file: it is written before a call that changed something answers, so that
    /// the world outlives a process that is killed. Where the file exists, it and not the store says at
    /// the start which VMs there are.
    #[must_use]
    pub fn world_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.file = Some(path.into());
        self
    }

    /// The simulator.
    pub fn build(self) -> Simulator {
        Simulator::new(self.options, Faults::new(self.faults))
    }
}
