//! The size of a VM: out of its object, its instance type and its preference.

use kube::ResourceExt as _;
use serde_json::Value;
use ssvirt_core::{
    catalog::Sizing,
    model::{DiskAdapter, DiskSpec, Firmware, VmSpec},
};

use super::seen::{Reason, Seen, mib};
use crate::kubevirt::resources::{
    VirtualMachineClusterInstancetype,
    preference::VirtualMachineClusterPreferenceSpec,
    quantity::{self, Quantity},
};

/// A number or the text of one.
fn number(value: &Value) -> Option<i32> {
    match value {
        Value::Number(number) => i32::try_from(number.as_i64()?).ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A quantity, which may be written as a number.
fn quantity_text(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        _ => None,
    }
}

/// A quantity of memory or storage in MiB.
pub fn size_mib(value: &Value) -> Option<i64> {
    quantity_text(value).and_then(|text| mib(&text)).filter(|mib| *mib > 0)
}

/// The CPUs and memory of an instance type.
///
/// # Errors
/// Where the cluster has none of that name.
pub fn of_instancetype(seen: &Seen, name: &str, spec: &mut VmSpec) -> Result<(), Reason> {
    let found = seen.instancetypes.get(name).ok_or("Its instance type is not there.")?;
    spec.cpus = i32::try_from(found.spec.cpu.guest).map_err(|_| "Its size is not known.")?;
    spec.cores_per_socket = 1;
    let memory = mib(&found.spec.memory.guest.0).filter(|mib| *mib > 0);
    spec.memory_mib = memory.ok_or("Its memory is not known.")?;
    Ok(())
}

/// An instance type as a size for VMs.
pub fn sizing(found: &VirtualMachineClusterInstancetype) -> Option<Sizing> {
    let name = found.name_any();
    let about = |key: &str| found.annotations().get(key).cloned();
    Some(Sizing {
        external_id: name.clone(),
        description: about("instancetype.kubevirt.io/description").unwrap_or_default(),
        name,
        cpus: i32::try_from(found.spec.cpu.guest).ok().filter(|cpus| *cpus > 0)?,
        memory_mib: mib(&found.spec.memory.guest.0).filter(|mib| *mib > 0)?,
    })
}

/// What a preference says of the hardware.
pub fn prefer(preference: &VirtualMachineClusterPreferenceSpec, spec: &mut VmSpec) {
    let topology = preference.cpu.as_ref().and_then(|cpu| cpu.preferred_cpu_topology.as_deref());
    if matches!(topology, Some("cores" | "preferCores")) {
        spec.cores_per_socket = spec.cpus;
    }
    let Some(firmware) = &preference.firmware else { return };
    if firmware.preferred_efi.is_some() || firmware.preferred_use_efi == Some(true) {
        spec.firmware = Firmware::Efi;
        let secure = firmware.preferred_efi.as_ref().and_then(|efi| efi.secure_boot);
        spec.boot.efi_secure_boot =
            secure.or(firmware.preferred_use_secure_boot).unwrap_or_default();
    }
}

/// What a preference asks for at least.
pub fn require(preference: &VirtualMachineClusterPreferenceSpec, spec: &mut VmSpec) {
    let Some(asked) = &preference.requirements else { return };
    if let Some(cpu) = &asked.cpu {
        spec.cpus = spec.cpus.max(i32::try_from(cpu.guest).unwrap_or(i32::MAX));
    }
    if let Some(memory) = asked.memory.as_ref().and_then(|memory| mib(&memory.guest.0)) {
        spec.memory_mib = spec.memory_mib.max(memory);
    }
}

/// The CPUs and memory that the domain of a VM's template says.
///
/// # Errors
/// Where it does not say how much memory. KubeVirt's default is one CPU.
pub fn of_domain(domain: &Value, spec: &mut VmSpec) -> Result<(), Reason> {
    let part = |name: &str| number(&domain["cpu"][name]).filter(|count| *count > 0);
    let asked = ["requests", "limits"].map(|kind| &domain["resources"][kind]);
    let (sockets, cores, threads) = (part("sockets"), part("cores"), part("threads"));
    spec.cores_per_socket = cores.unwrap_or(1) * threads.unwrap_or(1);
    spec.cpus = sockets.unwrap_or(1) * spec.cores_per_socket;
    if (sockets, cores, threads) == (None, None, None) {
        let cpu = asked.iter().find_map(|asked| quantity_text(&asked["cpu"]));
        let millis = cpu.and_then(|cpu| quantity::millicores(&Quantity(cpu)));
        let whole = millis.map(|millis| i32::try_from((millis + 999) / 1000).unwrap_or(i32::MAX));
        spec.cpus = whole.unwrap_or(1).max(1);
    }
    let memory = size_mib(&domain["memory"]["guest"]);
    let memory = memory.or_else(|| asked.iter().find_map(|asked| size_mib(&asked["memory"])));
    spec.memory_mib = memory.ok_or("It does not say how much memory its VM has.")?;
    let efi = &domain["firmware"]["bootloader"]["efi"];
    if efi.is_object() {
        spec.firmware = Firmware::Efi;
        // KubeVirt's default.
        spec.boot.efi_secure_boot = efi["secureBoot"].as_bool().unwrap_or(true);
    }
    Ok(())
}

/// The disk in that place, counted from 0.
pub fn disk(place: usize, size_mib: i64) -> DiskSpec {
    let adapter = DiskAdapter::Paravirtual;
    let (_, units) = adapter.places();
    let place = i32::try_from(place).unwrap_or(i32::MAX);
    let (bus, unit) = (place / units, place % units);
    DiskSpec {
        id: DiskSpec::device_key(adapter, bus, unit),
        size_mib,
        adapter,
        bus,
        unit,
        storage_profile: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_domain_says_is_found_wherever_it_says_it() {
        for (domain, cpus, cores, memory) in [
            (
                json!({ "cpu": { "sockets": 2, "cores": 2, "threads": 1 }, "memory": { "guest": "2Gi" } }),
                4,
                2,
                2048,
            ),
            (
                json!({ "cpu": { "cores": "4" }, "resources": { "requests": { "memory": "512M" } } }),
                4,
                4,
                489,
            ),
            (
                json!({ "resources": { "requests": { "cpu": "1500m", "memory": 1073741824_u64 } } }),
                2,
                1,
                1024,
            ),
            (json!({ "resources": { "limits": { "memory": "1Gi" } } }), 1, 1, 1024),
        ] {
            let mut spec = VmSpec::default();
            of_domain(&domain, &mut spec).unwrap();
            assert_eq!((spec.cpus, spec.cores_per_socket, spec.memory_mib), (cpus, cores, memory));
        }
        let mut spec = VmSpec::default();
        for domain in [json!({}), json!({ "memory": { "guest": "${MEMORY}" } })] {
            assert!(of_domain(&domain, &mut spec).is_err(), "{domain}");
        }
    }
}
