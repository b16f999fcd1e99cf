//! A VM's object as the change that makes the one that is there like it.

use serde_json::Value;
use ssvirt_core::Result;

use crate::kubevirt::resources::VirtualMachine;

/// What one VM has and another has not.
const OPTIONAL: [&str; 10] = [
    "/spec/dataVolumeTemplates",
    "/spec/template/spec/volumes",
    "/spec/template/spec/networks",
    "/spec/template/spec/domain/devices/disks",
    "/spec/template/spec/domain/devices/interfaces",
    "/spec/template/spec/domain/cpu/maxSockets",
    "/spec/template/spec/domain/cpu/features",
    "/spec/template/spec/domain/features/smm",
    "/spec/template/spec/domain/firmware/bootloader/bios",
    "/spec/template/spec/domain/firmware/bootloader/efi",
];

/// A merge patch: what the object does not have of what is ours goes, what others have added stays.
///
/// Server-side apply would not do: it takes away only what nobody else has written, and those who have are we, when the
/// VM was made, and KubeVirt, when it went back to a snapshot.
///
/// # Errors
/// None that is known: an object of ours can be written as JSON.
pub fn patch(wanted: &VirtualMachine) -> Result<Value> {
    let mut patch = serde_json::to_value(wanted)?;
    for path in OPTIONAL {
        let Some((parent, key)) = path.rsplit_once('/') else { continue };
        if let Some(parent) = patch.pointer_mut(parent).and_then(Value::as_object_mut) {
            parent.entry(key).or_insert(Value::Null);
        }
    }
    Ok(patch)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use ssvirt_core::{
        Id,
        backend::{VmPlan, VmRef},
        model::{BootOptions, DiskAdapter, DiskSpec, Firmware, IpMode, NicSpec, VmSpec},
    };
    use uuid::Uuid;

    use super::*;
    use crate::kubevirt::vm::object::{Site, changed};

    fn object(spec: VmSpec) -> VirtualMachine {
        let id = Uuid::from_u128(1);
        let plan = VmPlan {
            target: VmRef { vm: Id::new(id), vdc: Id::new(id) },
            vapp: Id::new(id),
            name: "web".to_owned(),
            spec,
            products: Vec::new(),
        };
        let site = Site { namespace: "vdc".to_owned(), ..Site::default() };
        changed(&plan, &site, "web-00000001").unwrap()
    }

    /// As the API server merges.
    fn merge(into: &mut Value, patch: &Value) {
        let Some(patch) = patch.as_object() else { return into.clone_from(patch) };
        if !into.is_object() {
            *into = json!({});
        }
        let into = into.as_object_mut().unwrap();
        for (key, value) in patch {
            if value.is_null() {
                into.remove(key);
            } else {
                merge(into.entry(key.as_str()).or_insert(Value::Null), value);
            }
        }
    }

    fn specs() -> impl Strategy<Value = VmSpec> {
        (0_i32..3, 0_i32..3, any::<[bool; 4]>()).prop_map(|(disks, nics, on)| {
            let adapter = DiskAdapter::Paravirtual;
            let disk = |unit| DiskSpec {
                id: DiskSpec::device_key(adapter, 0, unit),
                size_mib: 1,
                adapter,
                bus: 0,
                unit,
                storage_profile: None,
            };
            let [hot, nested_hypervisor, efi, efi_secure_boot] = on;
            let nic = |index| NicSpec {
                index,
                network: Some("net".to_owned()),
                parent: None,
                connected: true,
                mode: IpMode::Dhcp,
                ip: None,
                mac: String::new(),
                adapter: String::new(),
            };
            VmSpec {
                disks: (0..disks).map(disk).collect(),
                cpu_hot_add: hot,
                nested_hypervisor,
                firmware: if efi { Firmware::Efi } else { Firmware::Bios },
                boot: BootOptions { efi_secure_boot, ..BootOptions::default() },
                nics: (0..nics).map(nic).collect(),
                ..VmSpec::default()
            }
        })
    }

    proptest! {
        #[test]
        fn whatever_a_vm_was_it_is_like_its_plan(before in specs(), after in specs()) {
            let mut merged = serde_json::to_value(object(before)).unwrap();
            let mut wanted = serde_json::to_value(object(after.clone())).unwrap();
            for vm in [&mut merged, &mut wanted] {
                // Somebody else's.
                vm["spec"]["template"]["spec"]["nodeSelector"] = json!({ "a": "b" });
            }
            merge(&mut merged, &patch(&object(after)).unwrap());
            prop_assert_eq!(merged, wanted);
        }
    }
}
