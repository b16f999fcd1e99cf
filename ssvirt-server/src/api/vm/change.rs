//! Changes of VMs, read from what clients send.

use std::net::Ipv4Addr;

use ssvirt_core::{
    Id,
    model::{
        BootOptions, ComputePolicy, DiskAdapter, Firmware, GuestCustomization, IpMode, Product,
        Property, StorageProfile, VmSpec,
    },
    service::{DiskRequest, HardwareChange, NicRequest, VmChange},
};
use ssvirt_vcd::types;

use crate::{api::vdc::hardware, error::VcdError};

/// reconfigureVm, and the VM to be made of a CreateItem: what is present changes, the rest stays as in
/// `before`.
pub fn reconfigure(vm: types::Vm, before: &VmSpec) -> Result<VmChange, VcdError> {
    let mut change = VmChange {
        name: Some(vm.entity.name).filter(|name| !name.is_empty()),
        description: vm.entity.description,
        storage_profile: profile(vm.storage_profile.as_ref())?,
        sizing_policy: policy(vm.compute_policy.as_ref())?,
        guest: vm.guest_customization_section.map(|given| guest_settings(given, &before.guest)),
        products: (!vm.product_section.is_empty()).then(|| products(vm.product_section)),
        nested_hypervisor: vm.nested_hypervisor_enabled,
        ..VmChange::default()
    };
    if let Some(section) = vm.vm_spec_section {
        change.hardware = spec(section)?;
    }
    if let Some(section) = vm.network_connection_section {
        change.nics = nics(section)?.nics;
    }
    if let Some(section) = vm.virtual_hardware_section {
        hardware_section(&mut change, section)?;
    }
    if let Some(given) = vm.vm_capabilities {
        let said = given.cpu_hot_add_enabled.is_some() || given.memory_hot_add_enabled.is_some();
        change.hot_add = said.then(|| {
            (
                given.cpu_hot_add_enabled.unwrap_or(before.cpu_hot_add),
                given.memory_hot_add_enabled.unwrap_or(before.memory_hot_add),
            )
        });
    }
    change.boot = vm.boot_options.and_then(boot_options);
    Ok(change)
}

/// A hardware section: vCPUs, memory, sizes of disks that are there, extra configuration. What a
/// specification says goes before.
pub fn hardware_section(
    change: &mut VmChange,
    section: types::VirtualHardwareSection,
) -> Result<(), VcdError> {
    let hardware = &mut change.hardware;
    for item in section.item {
        let Some(quantity) = item.virtual_quantity else { continue };
        match item.resource_type {
            Some(3) => {
                hardware.cpus = hardware.cpus.or(Some(cpus(quantity)?));
                let cores = item.cores_per_socket.map(|cores| cores.value);
                hardware.cores_per_socket = hardware.cores_per_socket.or(cores);
            }
            Some(4) => hardware.memory_mib = hardware.memory_mib.or(Some(quantity)),
            Some(17) => {
                let capacity = item.host_resource.first().and_then(|resource| resource.capacity);
                hardware
                    .disk_sizes
                    .insert(item.instance_id, capacity.unwrap_or(quantity / (1024 * 1024)));
            }
            _ => {}
        }
    }
    change
        .extra_config
        .extend(section.extra_config.into_iter().map(|entry| (entry.key, entry.value)));
    Ok(())
}

fn cpus(quantity: i64) -> Result<i32, VcdError> {
    i32::try_from(quantity).map_err(|_| {
        VcdError::bad_request(format!("Bad request: {quantity} vCPUs are not possible."))
    })
}

/// Boot options; an empty element keeps them.
fn boot_options(given: types::BootOptions) -> Option<BootOptions> {
    let millis =
        |value: Option<i64>| value.and_then(|value| i32::try_from(value).ok()).unwrap_or(0);
    let options = BootOptions {
        boot_delay: millis(given.boot_delay),
        enter_bios_setup: given.enter_bios_setup.unwrap_or(false),
        boot_retry_enabled: given.boot_retry_enabled.unwrap_or(false),
        boot_retry_delay: millis(given.boot_retry_delay),
        efi_secure_boot: given.efi_secure_boot_enabled.unwrap_or(false),
        network_boot_protocol: given.network_boot_protocol,
    };
    let said = given.boot_delay.is_some()
        || given.enter_bios_setup.is_some()
        || given.boot_retry_enabled.is_some()
        || given.boot_retry_delay.is_some()
        || given.efi_secure_boot_enabled.is_some()
        || options.network_boot_protocol.is_some();
    said.then_some(options)
}

/// A storage profile reference.
pub fn profile(
    reference: Option<&types::Reference>,
) -> Result<Option<Id<StorageProfile>>, VcdError> {
    Ok(reference
        .filter(|given| !given.href.is_empty())
        .map(|given| Id::parse(&given.href))
        .transpose()?)
}

/// A sizing policy reference, by id or href.
pub fn policy(given: Option<&types::ComputePolicy>) -> Result<Option<Id<ComputePolicy>>, VcdError> {
    let reference = given.and_then(|given| given.vm_sizing_policy.as_ref());
    let text = reference
        .map(|given| given.id.as_deref().unwrap_or(&given.href))
        .filter(|text| !text.is_empty());
    Ok(text.map(Id::parse).transpose()?)
}

/// A specification.
pub fn spec(section: types::VmSpecSection) -> Result<HardwareChange, VcdError> {
    // What is not there stays as it is.
    let shares = |given: Option<&types::ComputeResource>| {
        given.map(|given| (given.reservation.unwrap_or(0), given.limit.filter(|limit| *limit >= 0)))
    };
    let cpu_shares = shares(section.cpu_resource_mhz.as_ref());
    let memory_shares = shares(section.memory_resource_mb.as_ref());
    let firmware = match section.firmware.as_deref() {
        None | Some("") => None,
        Some("bios") => Some(Firmware::Bios),
        Some("efi") => Some(Firmware::Efi),
        Some(other) => {
            return Err(VcdError::bad_request(format!(
                "Bad request: \"{other}\" is not a Firmware."
            )));
        }
    };
    let hardware_version =
        section.hardware_version.map(|given| given.value).filter(|text| !text.is_empty());
    if let Some(name) = hardware_version.as_deref().filter(|name| hardware::number(name).is_none())
    {
        return Err(VcdError::bad_request(format!(
            "Bad request: \"{name}\" is not a virtual hardware version."
        )));
    }
    if section
        .media_section
        .is_some_and(|media| media.media_settings.iter().any(|one| one.media_image.is_some()))
    {
        return Err(ssvirt_core::Error::not_supported("media in a VM").into());
    }
    let disks =
        section.disk_section.map(|section| section.disk_settings.into_iter().map(disk).collect());
    Ok(HardwareChange {
        os_type: section.os_type.filter(|text| !text.is_empty()),
        firmware,
        cpus: section.num_cpus,
        cores_per_socket: section.num_cores_per_socket,
        memory_mib: section.memory_resource_mb.map(|given| given.configured),
        hardware_version,
        cpu_type: section.virtual_cpu_type.filter(|text| !text.is_empty()),
        cpu_shares,
        memory_shares,
        disks: disks.transpose()?,
        ..HardwareChange::default()
    })
}

fn disk(given: types::DiskSettings) -> Result<DiskRequest, VcdError> {
    if given.disk.is_some() {
        return Err(ssvirt_core::Error::not_supported("independent disks").into());
    }
    let adapter = DiskAdapter::from_code(&given.adapter_type).ok_or_else(|| {
        VcdError::bad_request(format!(
            "Bad request: \"{}\" is not an AdapterType.",
            given.adapter_type
        ))
    })?;
    let id = given.disk_id.filter(|id| !id.is_empty());
    // A new disk without a place of its own is sent with both numbers 0.
    let placed = id.is_some() || given.bus_number != 0 || given.unit_number != 0;
    Ok(DiskRequest {
        id,
        size_mib: given.size_mb,
        adapter: Some(adapter),
        bus: Some(given.bus_number),
        unit: placed.then_some(given.unit_number),
        storage_profile: match given.override_vm_default {
            Some(false) => None,
            _ => profile(given.storage_profile.as_ref())?,
        },
    })
}

/// A NIC section: exactly these NICs.
pub fn nics(section: types::NetworkConnectionSection) -> Result<VmChange, VcdError> {
    let nics = section.network_connection.into_iter().map(nic).collect::<Result<Vec<_>, _>>()?;
    let primary = section.primary_network_connection_index.unwrap_or(0);
    Ok(VmChange { nics: Some((primary, nics)), ..VmChange::default() })
}

fn nic(given: types::NetworkConnection) -> Result<NicRequest, VcdError> {
    let text = given.ip_address_allocation_mode.as_deref().unwrap_or("NONE");
    let mode = IpMode::from_name(text).ok_or_else(|| {
        VcdError::bad_request(format!("Bad request: \"{text}\" is not an IpAddressAllocationMode."))
    })?;
    let ip = match (mode, given.ip_address.as_deref()) {
        (IpMode::Manual, Some(text)) => Some(text.parse::<Ipv4Addr>().map_err(|_| {
            VcdError::bad_request(format!("Bad request: \"{text}\" is not an IPv4 address."))
        })?),
        // In the other modes the address is the server's to choose; clients repeat the one they saw, or `any`.
        _ => None,
    };
    Ok(NicRequest {
        index: given.network_connection_index,
        network: Some(given.network).filter(|name| !name.is_empty()),
        connected: given.is_connected,
        mode,
        ip,
        mac: given.mac_address,
        adapter: given.network_adapter_type.filter(|text| !text.is_empty()),
    })
}

/// A guest section on its own.
pub fn guest(section: types::GuestCustomizationSection, before: &VmSpec) -> VmChange {
    VmChange { guest: Some(guest_settings(section, &before.guest)), ..VmChange::default() }
}

/// A guest section. Passwords that clients are not shown stay where they are not sent but still wanted.
pub fn guest_settings(
    section: types::GuestCustomizationSection,
    before: &GuestCustomization,
) -> GuestCustomization {
    let join_domain = section.join_domain_enabled.unwrap_or(false);
    let admin_password_enabled = section.admin_password_enabled.unwrap_or(false);
    let admin_password_auto = section.admin_password_auto.unwrap_or(false);
    let kept = |wanted: bool, password: &Option<String>| password.clone().filter(|_| wanted);
    GuestCustomization {
        enabled: section.enabled.unwrap_or(false),
        change_sid: section.change_sid.unwrap_or(false),
        join_domain,
        use_org_settings: section.use_org_settings.unwrap_or(false),
        domain_name: section.domain_name,
        domain_user: section.domain_user_name,
        domain_user_password: section
            .domain_user_password
            .or_else(|| kept(join_domain, &before.domain_user_password)),
        machine_object_ou: section.machine_object_ou,
        admin_password_enabled,
        admin_password_auto,
        admin_password: section.admin_password.or_else(|| {
            kept(admin_password_enabled && !admin_password_auto, &before.admin_password)
        }),
        admin_auto_logon: section.admin_auto_logon_enabled.unwrap_or(false),
        admin_auto_logon_count: section.admin_auto_logon_count.unwrap_or(0),
        reset_password_required: section.reset_password_required.unwrap_or(false),
        script: section.customization_script,
        computer_name: section.computer_name.filter(|name| !name.is_empty()),
    }
}

/// Whether OVF qualifiers ask for a value: `MinLen(1)` and more.
fn has_min_length(qualifiers: &str) -> bool {
    let least = qualifiers.split_once("MinLen(").and_then(|(_, rest)| rest.split_once(')'));
    least.and_then(|(least, _)| least.trim().parse::<u32>().ok()).is_some_and(|least| least > 0)
}

/// OVF properties.
pub fn products(sections: Vec<types::ProductSection>) -> Vec<Product> {
    let property = |given: types::ProductProperty| Property {
        key: given.key,
        kind: given.r#type,
        user_configurable: given.user_configurable.unwrap_or(false),
        password: given.password.unwrap_or(false),
        required: given.qualifiers.as_deref().is_some_and(has_min_length),
        default: given.default_value,
        value: given.value.into_iter().next().map(|value| value.value),
        label: given.label.map(|text| text.value),
        description: given.description.map(|text| text.value),
    };
    let one = |given: types::ProductSection| Product {
        class: given.class,
        instance: given.instance,
        info: given.info.value,
        properties: given.property.into_iter().map(property).collect(),
    };
    sections.into_iter().map(one).collect()
}

/// `virtualHardwareSection/cpu` or `/memory`.
pub fn hardware_item(part: &str, item: &types::RasdItem) -> Result<VmChange, VcdError> {
    let quantity = item
        .virtual_quantity
        .ok_or_else(|| VcdError::bad_request("Bad request: VirtualQuantity is missing."))?;
    let hardware = match part {
        "cpu" => HardwareChange {
            cpus: Some(cpus(quantity)?),
            cores_per_socket: item.cores_per_socket.as_ref().map(|cores| cores.value),
            ..HardwareChange::default()
        },
        "memory" => HardwareChange { memory_mib: Some(quantity), ..HardwareChange::default() },
        _ => return Err(VcdError::no_route(part)),
    };
    Ok(VmChange { hardware, ..VmChange::default() })
}
