//! The virtual hardware of a VM: vCPUs, memory, firmware, disks and NICs.
//!
//! What VMware has and KubeVirt has not becomes what is nearest to it: IDE disks hang on SATA, all kinds of SCSI
//! controllers are virtio's, NVMe is a virtio disk. So a guest finds its disks by the names that it knows
//! (`sda`), and needs virtio's drivers for SCSI and for VMXNET3 cards.

use std::collections::BTreeMap;

use ssvirt_core::model::{DiskAdapter, Firmware as VmFirmware, NicSpec, Vm, VmSpec};
use ssvirt_core::{Error, Id, Result};

use super::{disk_name, nic_name};
use crate::kubevirt::resources::{
    domain::{
        Binding, Bootloader, Cpu, CpuFeature, CpuFeaturePolicy, Devices, Disk, DiskBus, DiskTarget,
        Domain, Efi, FeatureState, Features, Firmware, Interface, InterfaceState, Memory,
    },
    quantity,
    shared::Empty,
    volume::{MultusNetwork, Network, PodNetwork},
};

/// KubeVirt's binding of a primary user-defined network; OpenShift Virtualization brings it, elsewhere it is registered
/// in KubeVirt's settings (docs/configuration.md).
const L2_BRIDGE: &str = "l2bridge";

/// What a NIC is connected to in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// The pods' network. A VM has one NIC on it at most.
    Pod,
    /// The user-defined network that its namespace has instead. One NIC at most, too.
    UserDefined,
    /// A NetworkAttachmentDefinition, as `namespace/name`.
    Definition(String),
}

impl Attachment {
    /// Whether it is what the pods have by themselves.
    const fn is_first(&self) -> bool {
        matches!(self, Self::Pod | Self::UserDefined)
    }
}

/// What the NICs are connected to, by index. One that is not there is connected to nothing, and left out.
pub type Attachments = BTreeMap<i32, Attachment>;

/// The hardware of a VM.
///
/// # Errors
/// `BadRequest` for what KubeVirt cannot have: more than one NIC on the pods' network, vCPUs that do not fill
/// their sockets.
pub fn domain(vm: Id<Vm>, spec: &VmSpec, attachments: &Attachments) -> Result<Domain> {
    if attachments.values().filter(|to| to.is_first()).count() > 1 {
        return Err(Error::bad_request("A VM has at most one NIC on the cluster's own network."));
    }
    Ok(Domain {
        cpu: Some(cpu(spec)?),
        memory: Some(memory(spec)),
        devices: Devices {
            disks: disks(spec),
            interfaces: interfaces(spec, attachments),
            rng: Some(Empty {}),
            // Otherwise a VM without NICs would be given one.
            autoattach_pod_interface: Some(false),
            ..Devices::default()
        },
        features: Some(features(spec)),
        firmware: Some(firmware(vm, spec)),
        ..Domain::default()
    })
}

/// Whole sockets, because KubeVirt adds vCPUs to a running VM by the socket.
fn cpu(spec: &VmSpec) -> Result<Cpu> {
    let (cpus, cores) = (spec.cpus.max(1), spec.cores_per_socket.max(1));
    if cpus % cores != 0 {
        return Err(Error::bad_request(format!(
            "{cpus} virtual CPUs do not fill sockets of {cores} cores."
        )));
    }
    let number = |count: i32| count.unsigned_abs();
    let sockets = number(cpus / cores);
    // Both vendors' names for the same; a host has one of them.
    let nested = ["vmx", "svm"]
        .map(|name| CpuFeature { name: name.to_owned(), policy: Some(CpuFeaturePolicy::Optional) });
    Ok(Cpu {
        sockets: Some(sockets),
        cores: Some(number(cores)),
        threads: Some(1),
        // KubeVirt keeps room for four times as many where nothing is said.
        max_sockets: (!spec.cpu_hot_add).then_some(sockets),
        features: if spec.nested_hypervisor { nested.to_vec() } else { Vec::new() },
        ..Cpu::default()
    })
}

/// Without a most: KubeVirt takes one only for guests that memory can be plugged into, of 1 GiB and more on x86, and
/// sets one itself for those.
fn memory(spec: &VmSpec) -> Memory {
    Memory { guest: Some(quantity::from_mib(spec.memory_mib)), max_guest: None }
}

fn features(spec: &VmSpec) -> Features {
    let on = || Some(FeatureState { enabled: Some(true) });
    // The firmware's secrets are kept from the guest by it.
    Features { acpi: on(), smm: if is_secure(spec) { on() } else { None } }
}

fn is_secure(spec: &VmSpec) -> bool {
    spec.firmware == VmFirmware::Efi && spec.boot.efi_secure_boot
}

fn firmware(vm: Id<Vm>, spec: &VmSpec) -> Firmware {
    let bootloader = match spec.firmware {
        VmFirmware::Bios => Bootloader { bios: Some(Empty {}), efi: None },
        VmFirmware::Efi => Bootloader {
            bios: None,
            efi: Some(Efi { secure_boot: Some(is_secure(spec)), persistent: None }),
        },
    };
    // The same for as long as the VM lives: guests are licensed and known by it.
    let id = vm.uuid().to_string();
    Firmware { bootloader: Some(bootloader), uuid: Some(id.clone()), serial: Some(id) }
}

fn disks(spec: &VmSpec) -> Vec<Disk> {
    let disks = spec.disks.iter().zip(1..).map(|(disk, place)| Disk {
        name: disk_name(&disk.id),
        disk: Some(DiskTarget { bus: Some(bus(disk.adapter)), readonly: None }),
        boot_order: Some(place),
        serial: Some(disk.id.clone()),
        ..Disk::default()
    });
    disks.collect()
}

fn bus(adapter: DiskAdapter) -> DiskBus {
    match adapter {
        DiskAdapter::Ide | DiskAdapter::Sata => DiskBus::Sata,
        DiskAdapter::LsiLogic | DiskAdapter::LsiLogicSas | DiskAdapter::Paravirtual => {
            DiskBus::Scsi
        }
        DiskAdapter::Nvme => DiskBus::Virtio,
    }
}

fn interfaces(spec: &VmSpec, attachments: &Attachments) -> Vec<Interface> {
    let attached = spec.nics.iter().filter_map(|nic| Some((nic, attachments.get(&nic.index)?)));
    attached.map(|(nic, to)| interface(nic, to)).collect()
}

fn interface(nic: &NicSpec, to: &Attachment) -> Interface {
    let (masquerade, bridge, binding) = match to {
        // Bridged, a VM on the pods' network could not be moved to another node while it runs.
        Attachment::Pod => (Some(Empty {}), None, None),
        // The guest has the address that OVN-Kubernetes gives, and keeps it when it is moved.
        Attachment::UserDefined => (None, None, Some(Binding { name: L2_BRIDGE.to_owned() })),
        Attachment::Definition(_) => (None, Some(Empty {}), None),
    };
    Interface {
        name: nic_name(nic.index),
        model: Some(model(&nic.adapter).to_owned()),
        mac_address: (!nic.mac.is_empty()).then(|| nic.mac.to_ascii_lowercase()),
        masquerade,
        bridge,
        binding,
        state: (!nic.connected).then_some(InterfaceState::Down),
        ..Interface::default()
    }
}

fn model(adapter: &str) -> &'static str {
    match adapter.to_ascii_uppercase().as_str() {
        "E1000" => "e1000",
        "E1000E" => "e1000e",
        "PCNET32" | "VLANCE" => "pcnet",
        _ => "virtio",
    }
}

/// The networks that [`domain`]'s interfaces are on.
#[must_use]
pub fn networks(spec: &VmSpec, attachments: &Attachments) -> Vec<Network> {
    let attached = spec.nics.iter().filter_map(|nic| Some((nic, attachments.get(&nic.index)?)));
    let network = |(nic, to): (&NicSpec, &Attachment)| {
        let (pod, multus) = match to {
            Attachment::Pod | Attachment::UserDefined => (Some(PodNetwork::default()), None),
            Attachment::Definition(name) => {
                (None, Some(MultusNetwork { network_name: name.clone(), default: None }))
            }
        };
        Network { name: nic_name(nic.index), pod, multus }
    };
    attached.map(network).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ssvirt_core::{
        ErrorKind,
        model::{BootOptions, DiskSpec, IpMode},
    };
    use uuid::Uuid;

    use super::*;

    const VM: Id<Vm> = Id::new(Uuid::from_u128(7));

    fn nic(index: i32, adapter: &str, mac: &str) -> NicSpec {
        NicSpec {
            index,
            network: Some("net".to_owned()),
            parent: None,
            connected: index == 0,
            mode: IpMode::Dhcp,
            ip: None,
            mac: mac.to_owned(),
            adapter: adapter.to_owned(),
        }
    }

    fn disk(adapter: DiskAdapter, unit: i32) -> DiskSpec {
        let id = DiskSpec::device_key(adapter, 0, unit);
        DiskSpec { id, size_mib: 1024, adapter, bus: 0, unit, storage_profile: None }
    }

    #[test]
    fn a_vm_is_what_it_is_on_vmware_or_what_is_nearest() {
        let spec = VmSpec {
            cpus: 4,
            cores_per_socket: 2,
            memory_mib: 2048,
            firmware: VmFirmware::Efi,
            boot: BootOptions { efi_secure_boot: true, ..BootOptions::default() },
            disks: vec![disk(DiskAdapter::Paravirtual, 0), disk(DiskAdapter::Ide, 1)],
            nics: vec![
                nic(0, "VMXNET3", "00:50:56:AA:00:01"),
                nic(1, "E1000E", ""),
                nic(2, "E1000", ""),
            ],
            ..VmSpec::default()
        };
        let attachments = Attachments::from([
            (0, Attachment::Pod),
            (1, Attachment::Definition("vdc-a/net".to_owned())),
        ]);
        let made = serde_json::to_value(domain(VM, &spec, &attachments).unwrap()).unwrap();
        assert_eq!(
            made,
            serde_json::json!({
                "cpu": { "sockets": 2, "cores": 2, "threads": 1, "maxSockets": 2 },
                "memory": { "guest": "2048Mi" },
                "devices": {
                    "disks": [
                        { "name": "disk-2000", "disk": { "bus": "scsi" }, "bootOrder": 1, "serial": "2000" },
                        { "name": "disk-3001", "disk": { "bus": "sata" }, "bootOrder": 2, "serial": "3001" },
                    ],
                    "interfaces": [
                        { "name": "nic-0", "model": "virtio", "macAddress": "00:50:56:aa:00:01", "masquerade": {} },
                        { "name": "nic-1", "model": "e1000e", "bridge": {}, "state": "down" },
                    ],
                    "rng": {},
                    "autoattachPodInterface": false,
                },
                "features": { "acpi": { "enabled": true }, "smm": { "enabled": true } },
                "firmware": {
                    "bootloader": { "efi": { "secureBoot": true } },
                    "uuid": "00000000-0000-0000-0000-000000000007",
                    "serial": "00000000-0000-0000-0000-000000000007",
                },
            })
        );
        assert_eq!(
            serde_json::to_value(networks(&spec, &attachments)).unwrap(),
            serde_json::json!([
                { "name": "nic-0", "pod": {} },
                { "name": "nic-1", "multus": { "networkName": "vdc-a/net" } },
            ])
        );
    }

    #[test]
    fn what_kubevirt_cannot_have_is_refused_before_it_is_asked() {
        let uneven = VmSpec { cpus: 3, cores_per_socket: 2, ..VmSpec::default() };
        let two = VmSpec { nics: vec![nic(0, "", ""), nic(1, "", "")], ..VmSpec::default() };
        let pods = Attachments::from([(0, Attachment::Pod), (1, Attachment::Pod)]);
        for (spec, attachments) in [(uneven, Attachments::new()), (two, pods)] {
            let error = domain(VM, &spec, &attachments).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadRequest);
        }
    }

    proptest! {
        /// Whatever is asked for: as many vCPUs as there are sockets times cores, each disk and each interface
        /// with a name of its own, each interface on a network of its name.
        #[test]
        fn hardware_is_consistent(
            sockets in 1..64_i32, cores in 1..16_i32, units in 0..8_i32, nics in 0..6_i32, pod in 0..6_i32,
        ) {
            let spec = VmSpec {
                cpus: sockets * cores,
                cores_per_socket: cores,
                disks: (0..units).map(|unit| disk(DiskAdapter::LsiLogic, unit)).collect(),
                nics: (0..nics).map(|index| nic(index, "VMXNET3", "")).collect(),
                ..VmSpec::default()
            };
            let to = |index| match index == pod {
                true => Attachment::Pod,
                false => Attachment::Definition(format!("a/{index}")),
            };
            let attachments: Attachments = (0..nics).map(|index| (index, to(index))).collect();
            let made = domain(VM, &spec, &attachments).unwrap();
            let cpu = made.cpu.unwrap();
            prop_assert_eq!(cpu.sockets.unwrap() * cpu.cores.unwrap(), spec.cpus.unsigned_abs());
            let mut names: Vec<_> = made.devices.disks.iter().map(|disk| disk.name.clone()).collect();
            names.dedup();
            prop_assert_eq!(names.len(), spec.disks.len());
            let on: Vec<_> = networks(&spec, &attachments).into_iter().map(|n| n.name).collect();
            let cards: Vec<_> = made.devices.interfaces.iter().map(|i| i.name.clone()).collect();
            prop_assert_eq!(&on, &cards);
            for (name, nic) in cards.iter().zip(&spec.nics) {
                prop_assert_eq!(super::super::nic_index(name), Some(nic.index));
            }
        }
    }
}
