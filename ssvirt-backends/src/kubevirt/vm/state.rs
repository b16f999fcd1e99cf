//! What KubeVirt says of a VM.
//!
//! A VM runs where it has an instance that has not ended; on its way to that it may have none yet. What
//! `printableStatus` says is for people, and is asked only where the instance does not say enough.

use std::net::Ipv4Addr;

use ssvirt_core::model::{NicState, PowerState, VmState};

use super::{nic_index, seen};
use crate::kubevirt::resources::{
    VirtualMachine, VirtualMachineInstance,
    instance::{InstancePhase, InterfaceStatus},
    shared::Condition,
    vm::{PrintableStatus, RunStrategy, StateChange},
};

/// The state of a VM and of its instance, if there is one.
#[must_use]
pub fn state(vm: &VirtualMachine, instance: Option<&VirtualMachineInstance>) -> VmState {
    let status = instance.and_then(|instance| instance.status.as_ref());
    let guest = status.and_then(|status| status.guest_os_info.as_ref());
    VmState {
        power: power(vm, instance),
        nics: status.map(|status| nics(&status.interfaces)).unwrap_or_default(),
        guest_os: guest.and_then(|guest| guest.pretty_name.clone().or_else(|| guest.name.clone())),
        // An instance says that an agent answers, but not which version of it.
        tools_version: None,
        restart_required: vm
            .status
            .as_ref()
            .is_some_and(|status| Condition::holds(&status.conditions, "RestartRequired")),
        // It is an object of its own.
        snapshot: None,
        hardware: seen::hardware(vm).map(Box::new),
    }
}

fn power(vm: &VirtualMachine, instance: Option<&VirtualMachineInstance>) -> PowerState {
    let shown = vm.status.as_ref().and_then(|status| status.printable_status.as_ref());
    let Some(instance) = instance else {
        return match shown {
            Some(
                PrintableStatus::Starting
                | PrintableStatus::Provisioning
                | PrintableStatus::WaitingForVolumeBinding,
            ) if is_wanted(vm) => PowerState::On,
            _ => PowerState::Off,
        };
    };
    let status = instance.status.as_ref();
    if status.is_some_and(|status| Condition::holds(&status.conditions, "Paused")) {
        return PowerState::Suspended;
    }
    match status.and_then(|status| status.phase.as_ref()) {
        Some(InstancePhase::Succeeded | InstancePhase::Failed) => PowerState::Off,
        // The node that it runs on does not answer.
        Some(InstancePhase::Unknown | InstancePhase::Other(_)) => PowerState::Unknown,
        _ => PowerState::On,
    }
}

/// Whether the VM is to run. One that is not is shown as provisioning too, while its disks are filled.
fn is_wanted(vm: &VirtualMachine) -> bool {
    match &vm.spec.run_strategy {
        None | Some(RunStrategy::Halted) => false,
        Some(RunStrategy::Manual) => vm.status.as_ref().is_some_and(|status| {
            status.state_change_requests.iter().any(|request| request.action == StateChange::Start)
        }),
        Some(_) => true,
    }
}

/// The NICs that are ours: a guest may have made interfaces of its own.
fn nics(interfaces: &[InterfaceStatus]) -> Vec<NicState> {
    let nic = |interface: &InterfaceStatus| {
        let index = nic_index(interface.name.as_deref()?)?;
        let addresses = interface.ip_address.iter().chain(&interface.ip_addresses);
        let ip = addresses.filter_map(|ip| ip.parse::<Ipv4Addr>().ok()).next();
        Some(NicState { index, ip })
    };
    let mut nics: Vec<NicState> = interfaces.iter().filter_map(nic).collect();
    nics.sort_by_key(|nic| nic.index);
    nics
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kubevirt::resources::vm::StateChangeRequest;

    fn vm(strategy: &str, shown: &str) -> VirtualMachine {
        let template = json!({ "spec": { "domain": { "devices": {} } } });
        let vm = json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": { "name": "web" },
            "spec": { "runStrategy": strategy, "template": template },
            "status": { "printableStatus": shown },
        });
        serde_json::from_value(vm).unwrap()
    }

    fn instance(status: Value) -> VirtualMachineInstance {
        let instance = json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
            "metadata": { "name": "web" }, "spec": { "domain": { "devices": {} } }, "status": status,
        });
        serde_json::from_value(instance).unwrap()
    }

    #[test]
    fn without_an_instance_a_vm_is_off_unless_it_is_about_to_have_one() {
        for (shown, power) in [
            ("Stopped", PowerState::Off),
            ("Provisioning", PowerState::On),
            ("Starting", PowerState::On),
            ("WaitingForVolumeBinding", PowerState::On),
            ("DataVolumeError", PowerState::Off),
            ("CrashLoopBackOff", PowerState::Off),
            ("Terminating", PowerState::Off),
            ("SomethingNew", PowerState::Off),
        ] {
            assert_eq!(state(&vm("Always", shown), None).power, power, "{shown}");
            // While the disks of a new VM are filled.
            assert_eq!(state(&vm("Halted", shown), None).power, PowerState::Off, "{shown}");
        }
        let mut manual = vm("Manual", "Provisioning");
        assert_eq!(state(&manual, None).power, PowerState::Off);
        let asked = StateChangeRequest { action: StateChange::Start, uid: None };
        manual.status.as_mut().unwrap().state_change_requests.push(asked);
        assert_eq!(state(&manual, None).power, PowerState::On);
    }

    #[test]
    fn an_instance_says_more_than_the_vm() {
        let paused = json!([{ "type": "Paused", "status": "True" }]);
        for (status, power) in [
            (json!({}), PowerState::On),
            (json!({ "phase": "Scheduling" }), PowerState::On),
            (json!({ "phase": "Running" }), PowerState::On),
            (json!({ "phase": "Running", "conditions": paused }), PowerState::Suspended),
            (json!({ "phase": "Succeeded" }), PowerState::Off),
            (json!({ "phase": "Failed" }), PowerState::Off),
            (json!({ "phase": "Unknown" }), PowerState::Unknown),
            (json!({ "phase": "SomethingNew" }), PowerState::Unknown),
        ] {
            let seen = instance(status.clone());
            assert_eq!(state(&vm("Always", "Starting"), Some(&seen)).power, power, "{status}");
        }
    }

    #[test]
    fn addresses_are_those_of_our_nics() {
        let seen = instance(json!({
            "phase": "Running",
            "guestOSInfo": { "name": "Fedora Linux", "prettyName": "Fedora Linux 42" },
            "interfaces": [
                { "name": "nic-1", "ipAddress": "fd00::1", "ipAddresses": ["fd00::1", "10.0.0.7"] },
                { "interfaceName": "docker0", "ipAddress": "172.17.0.1" },
                { "name": "nic-0", "ipAddress": "10.0.0.5" },
                { "name": "nic-2" },
            ],
        }));
        let seen = state(&vm("Always", "Running"), Some(&seen));
        let ip = |last| Some(Ipv4Addr::new(10, 0, 0, last));
        let nics = [(0, ip(5)), (1, ip(7)), (2, None)].map(|(index, ip)| NicState { index, ip });
        assert_eq!(seen.nics, nics);
        assert_eq!(seen.guest_os.as_deref(), Some("Fedora Linux 42"));
    }
}
