//! The size of a VM that runs: KubeVirt adds sockets and memory to a guest by moving it to a launcher that has room for
//! them, as far as it kept places for them when the guest was started.
//!
//! See <https://kubevirt.io/user-guide/compute/cpu_hotplug/> and
//! <https://kubevirt.io/user-guide/compute/memory_hotplug/>.

use ssvirt_core::{
    Error, Result,
    backend::{VmPlan, VmRef},
    model::{PowerState, VmSpec, VmState},
};
use tokio::time::{Instant, sleep};

use super::{
    resources::{
        VirtualMachine, VirtualMachineInstance,
        domain::{Cpu, Memory, count},
        quantity::{self, Quantity},
        shared::Condition,
    },
    vms::{Found, PATIENCE, POLL, Vms, what},
};

/// The least memory that a guest must have so that more can be added, in MiB.
const LEAST_MIB: i64 = 1024;
/// What its memory grows by, in MiB.
const STEP_MIB: i64 = 2;

/// vCPUs, and MiB of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    cpus: i64,
    memory_mib: i64,
}

impl Size {
    fn of(cpu: Option<&Cpu>, memory: Option<&Memory>) -> Option<Self> {
        Some(Self { cpus: cpu?.count(), memory_mib: mib(memory?.guest.as_ref())? })
    }

    fn of_plan(spec: &VmSpec) -> Self {
        Self { cpus: i64::from(spec.cpus), memory_mib: spec.memory_mib }
    }

    fn of_vm(vm: &VirtualMachine) -> Option<Self> {
        let domain = &vm.spec.template.spec.domain;
        Self::of(domain.cpu.as_ref(), domain.memory.as_ref())
    }

    /// What the guest has, and not what it is to have.
    fn of_guest(instance: &VirtualMachineInstance) -> Option<Self> {
        let status = instance.status.as_ref()?;
        let cpus = status.current_cpu_topology.as_ref()?.count();
        Some(Self { cpus, memory_mib: mib(status.memory.as_ref()?.guest_requested.as_ref())? })
    }
}

fn mib(quantity: Option<&Quantity>) -> Option<i64> {
    quantity.and_then(quantity::bytes).map(|bytes| bytes >> 20)
}

/// Whether a plan changes the size of a VM.
pub(super) fn is_resized(plan: &VmPlan, found: &Found) -> bool {
    Size::of_vm(&found.vm) != Some(Size::of_plan(&plan.spec))
}

/// Makes sure that a VM can be given the size of its plan as it is now.
///
/// # Errors
/// `InvalidState`, with why KubeVirt could not do it while the VM runs.
pub(super) fn check(plan: &VmPlan, found: &Found) -> Result<()> {
    let state = found.state();
    let why = match state.power {
        PowerState::Off => None,
        PowerState::On => found
            .instance
            .as_ref()
            .map_or(Some(NOT_YET.to_owned()), |instance| refusal(&plan.spec, instance))
            // Until then KubeVirt tells the guest nothing.
            .or_else(|| {
                state.restart_required.then(|| "another change waits for a restart".to_owned())
            }),
        _ => Some("it is suspended".to_owned()),
    };
    let Some(why) = why else { return Ok(()) };
    Err(Error::invalid_state(format!(
        "The number of CPUs and the memory of VM \"{}\" cannot be changed so while it runs: {why}.",
        plan.name
    )))
}

const NOT_YET: &str = "it is being started";

/// What KubeVirt could not do to a running guest.
fn refusal(spec: &VmSpec, instance: &VirtualMachineInstance) -> Option<String> {
    let Some(has) = Size::of_guest(instance) else { return Some(NOT_YET.to_owned()) };
    let wanted = Size::of_plan(spec);
    if wanted == has {
        // A change that did not come to its end is taken back.
        return None;
    }
    let domain = &instance.spec.domain;
    let cpus =
        (wanted.cpus != has.cpus).then(|| cpu_refusal(spec, has, domain.cpu.as_ref())).flatten();
    let memory = (wanted.memory_mib != has.memory_mib)
        .then(|| memory_refusal(spec, has, domain.memory.as_ref()))
        .flatten();
    let conditions = instance.status.as_ref().map(|status| &status.conditions[..]);
    let is_movable = Condition::holds(conditions.unwrap_or_default(), "LiveMigratable");
    let stuck =
        || (!is_movable).then(|| "it cannot be moved to where there is room for it".to_owned());
    cpus.or(memory).or_else(stuck)
}

fn cpu_refusal(spec: &VmSpec, has: Size, cpu: Option<&Cpu>) -> Option<String> {
    let cores = cpu.map_or(1, |cpu| count(None, cpu.cores, cpu.threads));
    let most = cpu.and_then(|cpu| cpu.max_sockets).map_or(has.cpus, |max| i64::from(max) * cores);
    match i64::from(spec.cpus) {
        _ if !spec.cpu_hot_add => Some("CPU hot add is off".to_owned()),
        cpus if cpus < has.cpus => Some("CPUs can only be added".to_owned()),
        cpus if cpus % cores != 0 || i64::from(spec.cores_per_socket) != cores => {
            Some(format!("CPUs are added by the socket, of {cores}"))
        }
        cpus if cpus > most => Some(format!("it was started with places for {most} CPUs")),
        _ => None,
    }
}

fn memory_refusal(spec: &VmSpec, has: Size, memory: Option<&Memory>) -> Option<String> {
    let most = memory.and_then(|memory| mib(memory.max_guest.as_ref())).unwrap_or(has.memory_mib);
    match spec.memory_mib {
        _ if !spec.memory_hot_add => Some("memory hot add is off".to_owned()),
        wanted if wanted < has.memory_mib => Some("memory can only be added".to_owned()),
        _ if has.memory_mib < LEAST_MIB => {
            Some(format!("memory can be added from {LEAST_MIB} MB up"))
        }
        wanted if wanted % STEP_MIB != 0 => {
            Some(format!("memory is added in steps of {STEP_MIB} MB"))
        }
        wanted if wanted > most => Some(format!("it was started with room for {most} MB")),
        _ => None,
    }
}

impl Vms {
    /// Waits until a running guest has the size of its plan, or is known not to get it before its next start.
    pub(super) async fn wait_for_size(&self, target: VmRef, spec: &VmSpec) -> Result<VmState> {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.get(target).await?;
            let state = found.state();
            let has = found.instance.as_ref().and_then(Size::of_guest);
            if state.power != PowerState::On
                || state.restart_required
                || has.is_none_or(|has| has == Size::of_plan(spec))
            {
                return Ok(state);
            }
            if Instant::now() > until {
                let what = what(target);
                return Err(Error::unavailable(format!("{what} is being given its new size.")));
            }
            sleep(POLL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn instance(max_guest: Value, movable: &str) -> VirtualMachineInstance {
        let instance = json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
            "metadata": { "name": "web" },
            "spec": { "domain": {
                "cpu": { "sockets": 2, "cores": 2, "threads": 1, "maxSockets": 8 },
                "memory": { "guest": "2048Mi", "maxGuest": max_guest },
                "devices": {},
            } },
            "status": {
                "phase": "Running",
                "currentCPUTopology": { "sockets": 2, "cores": 2, "threads": 1 },
                "memory": { "guestAtBoot": "2Gi", "guestCurrent": "2Gi", "guestRequested": "2Gi" },
                "conditions": [{ "type": "LiveMigratable", "status": movable }],
            },
        });
        serde_json::from_value(instance).unwrap()
    }

    fn spec(cpus: i32, memory_mib: i64) -> VmSpec {
        VmSpec {
            cpus,
            cores_per_socket: 2,
            memory_mib,
            cpu_hot_add: true,
            memory_hot_add: true,
            ..VmSpec::default()
        }
    }

    #[test]
    fn what_kubevirt_can_add_is_added_and_the_rest_says_why_not() {
        let movable = instance(json!("8Gi"), "True");
        for (cpus, memory) in [(4, 2048), (16, 2048), (4, 8192), (6, 2050)] {
            assert_eq!(refusal(&spec(cpus, memory), &movable), None, "{cpus} {memory}");
        }
        for (wanted, why) in [
            (spec(2, 2048), "CPUs can only be added"),
            (spec(5, 2048), "CPUs are added by the socket, of 2"),
            (VmSpec { cores_per_socket: 1, ..spec(8, 2048) }, "CPUs are added by the socket, of 2"),
            (spec(18, 2048), "it was started with places for 16 CPUs"),
            (VmSpec { cpu_hot_add: false, ..spec(6, 2048) }, "CPU hot add is off"),
            (spec(4, 1024), "memory can only be added"),
            (spec(4, 2049), "memory is added in steps of 2 MB"),
            (spec(4, 8194), "it was started with room for 8192 MB"),
            (VmSpec { memory_hot_add: false, ..spec(4, 4096) }, "memory hot add is off"),
        ] {
            assert_eq!(refusal(&wanted, &movable).as_deref(), Some(why));
        }
        let stuck = instance(json!("8Gi"), "False");
        let why = "it cannot be moved to where there is room for it";
        assert_eq!(refusal(&spec(6, 2048), &stuck).as_deref(), Some(why));
        assert_eq!(refusal(&spec(4, 2048), &stuck), None, "what it has");
        let full = instance(Value::Null, "True");
        let why = "it was started with room for 2048 MB";
        assert_eq!(refusal(&spec(4, 4096), &full).as_deref(), Some(why));
    }
}
