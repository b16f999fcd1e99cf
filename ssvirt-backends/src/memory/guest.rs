//! What is seen of a simulated VM from outside: its addresses and its guest agent.

use std::{net::Ipv4Addr, time::Duration};

use jiff::Timestamp;
use ssvirt_core::{
    Id,
    model::{HardwareState, IpMode, NicSpec, NicState, PowerState, Vm, VmState},
};

use super::{snapshots::SimSnapshot, world::SimVm};

/// The version that the simulated guest agent reports: open-vm-tools 12.4.5's, as VCD shows it.
const TOOLS_VERSION: &str = "12389";

impl SimVm {
    /// Whether its guest is up at `now`.
    pub fn booted(&self, now: Timestamp, boot_time: Duration) -> bool {
        let boot_millis = i64::try_from(boot_time.as_millis()).unwrap_or(i64::MAX);
        self.power == PowerState::On
            && self.booting_since.is_none_or(|since| {
                now.as_millisecond().saturating_sub(since.as_millisecond()) >= boot_millis
            })
    }

    /// What a backend reports of it at `now`.
    pub fn state(&self, now: Timestamp, boot_time: Duration) -> VmState {
        let booted = self.booted(now, boot_time);
        let seen = |nic: &NicSpec| NicState {
            index: nic.index,
            ip: if booted { self.address(nic) } else { None },
        };
        VmState {
            power: self.power,
            nics: self.plan.spec.nics.iter().map(seen).collect(),
            guest_os: booted.then(|| pretty_name(&self.plan.spec.os_type)),
            tools_version: booted.then(|| TOOLS_VERSION.to_owned()),
            // Its guests take every change that is allowed while they run.
            restart_required: false,
            snapshot: self.snapshot.as_ref().map(SimSnapshot::seen),
            hardware: Some(Box::new(HardwareState::of(&self.plan.spec))),
        }
    }

    fn address(&self, nic: &NicSpec) -> Option<Ipv4Addr> {
        let leased = || {
            let known = self.leases.get(&nic.index).copied();
            known.unwrap_or_else(|| lease(self.plan.target.vm, nic.index))
        };
        match nic.mode {
            IpMode::None => None,
            IpMode::Pool | IpMode::Manual if nic.ip.is_some() => nic.ip,
            // Without one of a pool it has one of its network.
            IpMode::Pool | IpMode::Manual if nic.network.is_none() => None,
            _ => nic.connected.then(leased),
        }
    }
}

/// The address that the simulated DHCP server gives: always the same for the same NIC.
fn lease(vm: Id<Vm>, index: i32) -> Ipv4Addr {
    let bytes = vm.uuid().into_bytes().into_iter().chain(index.to_be_bytes());
    // FNV-1a: the standard library's hashes may differ from one release to the next.
    let hash = bytes
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let [a, b, ..] = hash.to_be_bytes();
    // .0, .1 and .255 are never a guest's.
    Ipv4Addr::new(192, 168, a, 2 + b % 253)
}

/// The name that the guest agent of such a system gives.
pub(super) fn pretty_name(os_type: &str) -> String {
    const NAMES: [(&str, &str); 10] = [
        ("ubuntu", "Ubuntu Linux"),
        ("debian", "Debian GNU/Linux"),
        ("centos", "CentOS"),
        ("rhel", "Red Hat Enterprise Linux"),
        ("fedora", "Fedora Linux"),
        ("sles", "SUSE Linux Enterprise"),
        ("coreos", "CoreOS Linux"),
        ("vmwarePhoton", "VMware Photon OS"),
        ("windows", "Microsoft Windows"),
        ("other", "Other"),
    ];
    let name = NAMES
        .iter()
        .find(|(prefix, _)| os_type.starts_with(prefix))
        .map_or(os_type, |(_, name)| *name);
    if os_type.contains("64") { format!("{name} (64-bit)") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_stable_and_plausible() {
        let id = Id::new(uuid::Uuid::from_u128(7));
        assert_eq!(lease(id, 0), lease(id, 0));
        assert_ne!(lease(id, 0), lease(id, 1));
        for n in 0..1000 {
            let last = lease(Id::new(uuid::Uuid::from_u128(n)), 0).octets()[3];
            assert!((2..=254).contains(&last));
        }
    }

    #[test]
    fn guests_have_names() {
        assert_eq!(pretty_name("ubuntu64Guest"), "Ubuntu Linux (64-bit)");
        assert_eq!(pretty_name("debian12_64Guest"), "Debian GNU/Linux (64-bit)");
        assert_eq!(pretty_name("solaris11"), "solaris11");
    }
}
