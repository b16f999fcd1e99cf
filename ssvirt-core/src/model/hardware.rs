//! What a VM has, beside what it should have.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Firmware, VmSpec};

/// The hardware that a VM has, as its backend has it written down: what it starts with next, if it does not run with
/// it already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HardwareState {
    /// vCPUs.
    pub cpus: i32,
    /// Cores a socket.
    pub cores_per_socket: i32,
    /// Memory in MiB.
    pub memory_mib: i64,
    /// The firmware that it starts with.
    pub firmware: Firmware,
    /// The sizes of its disks in MiB, by their ids.
    pub disks: BTreeMap<String, i64>,
    /// The NICs that are on a network, by their indexes.
    pub nics: BTreeSet<i32>,
}

impl HardwareState {
    /// That of a VM which is as it should be.
    pub fn of(spec: &VmSpec) -> Self {
        let attached = spec.nics.iter().filter(|nic| nic.network.is_some());
        Self {
            cpus: spec.cpus.max(1),
            cores_per_socket: spec.cores_per_socket.max(1),
            memory_mib: spec.memory_mib,
            firmware: spec.firmware,
            disks: spec.disks.iter().map(|disk| (disk.id.clone(), disk.size_mib)).collect(),
            nics: attached.map(|nic| nic.index).collect(),
        }
    }

    /// In which of its fields a VM is not as it should be: somebody else has changed it. The next change of the VM
    /// makes it so again.
    pub fn drift(&self, spec: &VmSpec) -> Vec<&'static str> {
        let wanted = Self::of(spec);
        [
            ("numCpus", self.cpus != wanted.cpus),
            ("numCoresPerSocket", self.cores_per_socket != wanted.cores_per_socket),
            ("memory", self.memory_mib != wanted.memory_mib),
            ("firmware", self.firmware != wanted.firmware),
            ("disks", self.disks != wanted.disks),
            ("networkConnections", self.nics != wanted.nics),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_that_differs_is_named() {
        let spec = VmSpec { cpus: 2, cores_per_socket: 1, memory_mib: 512, ..VmSpec::default() };
        let as_it_should_be = HardwareState::of(&spec);
        assert!(as_it_should_be.drift(&spec).is_empty());
        let other = HardwareState {
            cpus: 3,
            cores_per_socket: 3,
            memory_mib: 256,
            firmware: Firmware::Efi,
            disks: [("2000".to_owned(), 1)].into(),
            nics: [0].into(),
        };
        let fields =
            ["numCpus", "numCoresPerSocket", "memory", "firmware", "disks", "networkConnections"];
        assert_eq!(other.drift(&spec), fields);
        assert_eq!(HardwareState { memory_mib: 1, ..as_it_should_be }.drift(&spec), ["memory"]);
    }
}
