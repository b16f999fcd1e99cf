//! A `VirtualMachine` as the hardware that it was given, whoever has written it.

use std::mem::take;

use ssvirt_core::model::{Firmware, HardwareState};

use super::{disk_id, nic_index};
use crate::kubevirt::{
    catalog::instantiate::is_of_template,
    disks::size_mib,
    resources::{
        VirtualMachine,
        data_volume::{ClaimSpec, DataVolumeSpec},
        domain::{Cpu, Devices, Disk, Domain, Interface},
        instance::VirtualMachineInstanceSpec,
        quantity,
        shared::{Resources, TemplateMeta},
        vm::{DataVolumeTemplate, InstanceTemplate},
    },
};

/// What a VM has. None where it is not a plan of ours that says so: an instance type, or a template of the cluster's.
#[must_use]
pub fn hardware(vm: &VirtualMachine) -> Option<HardwareState> {
    if is_of_template(vm) || vm.spec.instancetype.is_some() {
        return None;
    }
    let domain = &vm.spec.template.spec.domain;
    let name = vm.metadata.name.as_deref()?;
    let cpu = domain.cpu.as_ref()?;
    let memory = domain.memory.as_ref()?.guest.as_ref()?;
    let bootloader = domain.firmware.as_ref().and_then(|firmware| firmware.bootloader.as_ref());
    let disks = domain.devices.disks.iter().filter_map(|disk| {
        let volume = format!("{name}-{}", disk.name);
        let of_disk =
            |template: &&DataVolumeTemplate| template.metadata.name.as_ref() == Some(&volume);
        let template = vm.spec.data_volume_templates.iter().find(of_disk)?;
        Some((disk_id(&disk.name)?.to_owned(), size_mib(template)?))
    });
    let nics = domain.devices.interfaces.iter().filter_map(|nic| nic_index(&nic.name));
    Some(HardwareState {
        cpus: i32::try_from(cpu.count()).ok()?,
        cores_per_socket: i32::try_from(cpu.cores.unwrap_or(1)).ok()?,
        memory_mib: quantity::bytes(memory)? >> 20,
        firmware: match bootloader.is_some_and(|bootloader| bootloader.efi.is_some()) {
            true => Firmware::Efi,
            false => Firmware::Bios,
        },
        disks: disks.collect(),
        nics: nics.collect(),
    })
}

/// Leaves of a VM's spec what [`hardware`] looks at, and what says whether it is to run.
pub fn trim(vm: &mut VirtualMachine) {
    let domain = take(&mut vm.spec.template.spec.domain);
    let disk = |disk: Disk| Disk { name: disk.name, ..Disk::default() };
    let nic = |nic: Interface| Interface { name: nic.name, ..Interface::default() };
    let cpu = |cpu: Cpu| Cpu {
        sockets: cpu.sockets,
        cores: cpu.cores,
        threads: cpu.threads,
        ..Cpu::default()
    };
    let devices = Devices {
        disks: domain.devices.disks.into_iter().map(disk).collect(),
        interfaces: domain.devices.interfaces.into_iter().map(nic).collect(),
        ..Devices::default()
    };
    let domain = Domain {
        cpu: domain.cpu.map(cpu),
        memory: domain.memory,
        firmware: domain.firmware,
        devices,
        ..Domain::default()
    };
    let spec = VirtualMachineInstanceSpec { domain, ..VirtualMachineInstanceSpec::default() };
    vm.spec.template = InstanceTemplate { metadata: None, spec };
    for template in &mut vm.spec.data_volume_templates {
        let requests = |claim: ClaimSpec| ClaimSpec {
            resources: claim.resources.map(|resources| Resources {
                requests: resources.requests,
                ..Resources::default()
            }),
            ..ClaimSpec::default()
        };
        let spec = take(&mut template.spec);
        template.spec = DataVolumeSpec {
            storage: spec.storage.map(requests),
            pvc: spec.pvc.map(requests),
            ..DataVolumeSpec::default()
        };
        template.metadata =
            TemplateMeta { name: template.metadata.name.take(), ..TemplateMeta::default() };
    }
}
