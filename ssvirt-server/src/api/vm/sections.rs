//! The sections of VMs and of VMs inside templates, from the same specification.

use ssvirt_core::{
    model::{
        DiskAdapter, DiskSpec, IpMode, NicSpec, Product, Property, StorageProfile, TemplateVm,
        VmSpec, VmState,
    },
    rights::right,
    service::VmDetails,
};
use ssvirt_vcd::{link::rel, mt, types};

use crate::{
    api::{vapp::Rasd, vdc::hardware::guest_os, view::profile_reference},
    context::Ctx,
    links::link,
};

/// What sections are made from: a VM, or one inside a template, which has no hrefs and no state.
pub struct Source<'a> {
    href: Option<String>,
    vdc: Option<String>,
    uuid: String,
    name: &'a str,
    spec: &'a VmSpec,
    state: Option<&'a VmState>,
    profiles: &'a [StorageProfile],
}

impl<'a> Source<'a> {
    /// A VM.
    pub fn vm(ctx: &Ctx, details: &'a VmDetails) -> Self {
        Self {
            href: Some(ctx.links.vm(details.vm.id)),
            vdc: Some(ctx.links.vdc(details.vm.vdc)),
            uuid: details.vm.id.to_string(),
            name: &details.vm.name,
            spec: &details.vm.spec,
            state: Some(&details.vm.state),
            profiles: &details.profiles,
        }
    }

    /// A VM inside a template.
    pub fn template(vm: &'a TemplateVm) -> Self {
        Self {
            href: None,
            vdc: None,
            uuid: vm.id.to_string(),
            name: &vm.name,
            spec: &vm.spec,
            state: None,
            profiles: &[],
        }
    }

    fn section(&self, name: &str) -> Option<String> {
        self.href.as_ref().map(|href| format!("{href}/{name}/"))
    }

    fn edit(&self, name: &str, media: &str) -> Vec<types::Link> {
        self.section(name).map(|href| link(rel::EDIT, href, media)).into_iter().collect()
    }

    fn media(&self, media: &str) -> Option<String> {
        self.href.as_ref().map(|_| media.to_owned())
    }
}

const MIB: i64 = 1024 * 1024;

/// The virtual hardware, by CIM.
pub fn hardware(ctx: &Ctx, source: &Source<'_>) -> types::VirtualHardwareSection {
    let spec = source.spec;
    let mut item: Vec<types::RasdItem> =
        spec.nics.iter().map(|nic| nic_item(source, nic)).collect();
    let disks = disk_items(ctx, source, item.len());
    item.extend(disks);
    item.push(cpu_item(ctx, source));
    item.push(memory_item(ctx, source));
    for (number, item) in (1..).zip(&mut item) {
        // Disks keep their ids: clients match them with DiskSettings.
        if item.instance_id.is_empty() {
            item.instance_id = number.to_string();
        }
    }
    types::VirtualHardwareSection {
        r#type: source.media(mt::VIRTUAL_HARDWARE_SECTION),
        href: source.section("virtualHardwareSection"),
        info: "Virtual hardware requirements".into(),
        system: Some(types::VirtualSystem {
            element_name: "Virtual Hardware Family".to_owned(),
            instance_id: "0".to_owned(),
            virtual_system_identifier: Some(source.name.to_owned()),
            virtual_system_type: Some(spec.hardware_version.clone()),
        }),
        item,
        extra_config: spec
            .extra_config
            .iter()
            .map(|(key, value)| types::ExtraConfig {
                key: key.clone(),
                value: value.clone(),
                required: None,
            })
            .collect(),
        ..types::VirtualHardwareSection::default()
    }
}

/// One part of the hardware on its own.
pub fn part(ctx: &Ctx, source: &Source<'_>, name: &str) -> Option<Rasd> {
    let all = hardware(ctx, source).item;
    let list = |kinds: &[i32]| {
        let item =
            all.iter().filter(|item| item.resource_type.is_some_and(|kind| kinds.contains(&kind)));
        let resource = types::Resource {
            href: source.section("virtualHardwareSection").map(|href| format!("{href}{name}")),
            r#type: Some(mt::RASD_ITEMS_LIST.to_owned()),
            link: Vec::new(),
        };
        Rasd::List(Box::new(types::RasdItemsList { resource, item: item.cloned().collect() }))
    };
    Some(match name {
        "cpu" => Rasd::Item(Box::new(cpu_item(ctx, source))),
        "memory" => Rasd::Item(Box::new(memory_item(ctx, source))),
        "disks" => list(&[5, 6, 17, 20]),
        "networkCards" => list(&[10]),
        "media" => list(&[14, 15]),
        _ => return None,
    })
}

fn nic_item(source: &Source<'_>, nic: &NicSpec) -> types::RasdItem {
    types::RasdItem {
        address: Some(nic.mac.clone()),
        address_on_parent: Some(nic.index.to_string()),
        automatic_allocation: Some(nic.connected),
        connection: vec![types::RasdConnection {
            ip_address: address(source, nic),
            ip_addressing_mode: Some(nic.mode.name().to_owned()),
            primary_network_connection: Some(nic.index == source.spec.primary_nic),
            value: nic.network.clone().unwrap_or_else(|| "none".to_owned()),
        }],
        description: Some(format!("{} ethernet adapter", nic.adapter)),
        element_name: format!("Network adapter {}", nic.index),
        resource_sub_type: Some(nic.adapter.clone()),
        resource_type: Some(10),
        ..types::RasdItem::default()
    }
}

/// The controllers and disks; instance ids go on after `offset` others.
fn disk_items(ctx: &Ctx, source: &Source<'_>, offset: usize) -> Vec<types::RasdItem> {
    let mut controllers: Vec<(DiskAdapter, i32)> =
        source.spec.disks.iter().map(|disk| (disk.adapter, disk.bus)).collect();
    controllers.dedup();
    let mut items = Vec::new();
    for (adapter, bus) in controllers {
        let id = (offset + items.len() + 1).to_string();
        let (kind, title) = match adapter {
            DiskAdapter::Ide => (5, "IDE Controller"),
            DiskAdapter::Sata => (20, "SATA Controller"),
            DiskAdapter::Nvme => (20, "NVMe Controller"),
            _ => (6, "SCSI Controller"),
        };
        items.push(types::RasdItem {
            address: Some(bus.to_string()),
            description: Some(title.to_owned()),
            element_name: format!("{title} {bus}"),
            instance_id: id.clone(),
            resource_sub_type: Some(adapter.sub_type().to_owned()).filter(|text| !text.is_empty()),
            resource_type: Some(kind),
            ..types::RasdItem::default()
        });
        let on_it =
            source.spec.disks.iter().filter(|disk| (disk.adapter, disk.bus) == (adapter, bus));
        items.extend(
            on_it.enumerate().map(|(number, disk)| disk_item(ctx, source, disk, number + 1, &id)),
        );
    }
    items
}

fn disk_item(
    ctx: &Ctx,
    source: &Source<'_>,
    disk: &DiskSpec,
    number: usize,
    parent: &str,
) -> types::RasdItem {
    let profile = profile_reference(
        ctx,
        source.profiles,
        disk.storage_profile.or(source.spec.storage_profile),
    );
    types::RasdItem {
        address_on_parent: Some(disk.unit.to_string()),
        description: Some("Hard disk".to_owned()),
        element_name: format!("Hard disk {number}"),
        host_resource: vec![types::RasdHostResource {
            storage_profile_href: profile.map(|profile| profile.href),
            bus_type: Some(disk.adapter.bus_type()),
            bus_sub_type: Some(disk.adapter.sub_type().to_owned()),
            capacity: Some(disk.size_mib),
            storage_profile_override_vm_default: Some(disk.storage_profile.is_some()),
            ..types::RasdHostResource::default()
        }],
        instance_id: disk.id.clone(),
        parent: Some(parent.to_owned()),
        resource_type: Some(17),
        virtual_quantity: Some(disk.size_mib * MIB),
        virtual_quantity_units: Some("byte".to_owned()),
        ..types::RasdItem::default()
    }
}

fn cpu_item(ctx: &Ctx, source: &Source<'_>) -> types::RasdItem {
    let href = source.section("virtualHardwareSection").map(|href| format!("{href}cpu"));
    types::RasdItem {
        r#type: source.media(mt::RASD_ITEM),
        href: href.clone(),
        allocation_units: Some("hertz * 10^6".to_owned()),
        description: Some("Number of Virtual CPUs".to_owned()),
        element_name: format!("{} virtual CPU(s)", source.spec.cpus),
        reservation: Some(source.spec.shares.cpu_reservation_mhz),
        resource_type: Some(3),
        virtual_quantity: Some(i64::from(source.spec.cpus)),
        weight: Some(0),
        cores_per_socket: Some(types::CoresPerSocket {
            required: Some(false),
            value: source.spec.cores_per_socket,
        }),
        link: item_links(ctx, href, right::VM_CPU),
        ..types::RasdItem::default()
    }
}

fn memory_item(ctx: &Ctx, source: &Source<'_>) -> types::RasdItem {
    let href = source.section("virtualHardwareSection").map(|href| format!("{href}memory"));
    types::RasdItem {
        r#type: source.media(mt::RASD_ITEM),
        href: href.clone(),
        allocation_units: Some("byte * 2^20".to_owned()),
        description: Some("Memory Size".to_owned()),
        element_name: format!("{} MB of memory", source.spec.memory_mib),
        reservation: Some(source.spec.shares.memory_reservation_mib),
        resource_type: Some(4),
        virtual_quantity: Some(source.spec.memory_mib),
        weight: Some(0),
        link: item_links(ctx, href, right::VM_MEMORY),
        ..types::RasdItem::default()
    }
}

/// The link by which an item is changed, for those who may.
fn item_links(ctx: &Ctx, href: Option<String>, right: &str) -> Vec<types::Link> {
    let href = href.filter(|_| ctx.caller.has(right));
    href.map(|href| link(rel::EDIT, href, mt::RASD_ITEM)).into_iter().collect()
}

/// The operating system, by OVF.
pub fn operating_system(source: &Source<'_>) -> types::OperatingSystemSection {
    let (name, id) = guest_os(&source.spec.os_type);
    types::OperatingSystemSection {
        id,
        os_type: Some(source.spec.os_type.clone()),
        info: "Specifies the operating system installed".into(),
        description: Some(name.into()),
        ..types::OperatingSystemSection::default()
    }
}

fn address(source: &Source<'_>, nic: &NicSpec) -> Option<String> {
    let address = source.state.map_or(nic.ip, |state| state.address_of(nic));
    address.map(|ip| ip.to_string())
}

/// The NICs.
pub fn network_connection(source: &Source<'_>) -> types::NetworkConnectionSection {
    let one = |nic: &NicSpec| types::NetworkConnection {
        network: nic.network.clone().unwrap_or_else(|| "none".to_owned()),
        needs_customization: Some(false),
        network_connection_index: nic.index,
        ip_address: address(source, nic).filter(|_| nic.mode != IpMode::None),
        is_connected: nic.connected,
        mac_address: Some(nic.mac.clone()),
        ip_address_allocation_mode: Some(nic.mode.name().to_owned()),
        network_adapter_type: Some(nic.adapter.clone()),
        ..types::NetworkConnection::default()
    };
    types::NetworkConnectionSection {
        href: source.section("networkConnectionSection"),
        r#type: source.media(mt::NETWORK_CONNECTION_SECTION),
        required: Some(false),
        info: "Specifies the available VM network connections".into(),
        primary_network_connection_index: Some(source.spec.primary_nic),
        network_connection: source.spec.nics.iter().map(one).collect(),
        link: source.edit("networkConnectionSection", mt::NETWORK_CONNECTION_SECTION),
    }
}

/// What the guest is set up with. The administrator's password is shown to those who may set it, and never in
/// templates; the domain's to nobody.
pub fn guest_customization(ctx: &Ctx, source: &Source<'_>) -> types::GuestCustomizationSection {
    let guest = &source.spec.guest;
    let shown = source.state.is_some() && ctx.caller.has(right::VM_PASSWORD);
    types::GuestCustomizationSection {
        href: source.section("guestCustomizationSection"),
        r#type: source.media(mt::GUEST_CUSTOMIZATION_SECTION),
        required: Some(false),
        info: "Specifies Guest OS Customization Settings".into(),
        enabled: Some(guest.enabled),
        change_sid: Some(guest.change_sid),
        virtual_machine_id: Some(source.uuid.clone()),
        join_domain_enabled: Some(guest.join_domain),
        use_org_settings: Some(guest.use_org_settings),
        domain_name: guest.domain_name.clone(),
        domain_user_name: guest.domain_user.clone(),
        machine_object_ou: guest.machine_object_ou.clone(),
        admin_password_enabled: Some(guest.admin_password_enabled),
        admin_password_auto: Some(guest.admin_password_auto),
        admin_password: guest.admin_password.clone().filter(|_| shown),
        admin_auto_logon_enabled: Some(guest.admin_auto_logon),
        admin_auto_logon_count: Some(guest.admin_auto_logon_count),
        reset_password_required: Some(guest.reset_password_required),
        customization_script: guest.script.clone(),
        computer_name: Some(guest.computer_name.clone().unwrap_or_else(|| source.name.to_owned())),
        link: source.edit("guestCustomizationSection", mt::GUEST_CUSTOMIZATION_SECTION),
        ..types::GuestCustomizationSection::default()
    }
}

/// The specification.
pub fn spec(ctx: &Ctx, source: &Source<'_>) -> types::VmSpecSection {
    let spec = source.spec;
    let resource = |configured, reservation, limit: Option<i64>, shares| types::ComputeResource {
        configured,
        reservation: Some(reservation),
        limit: Some(limit.unwrap_or(-1)),
        shares_level: Some("NORMAL".to_owned()),
        shares: Some(shares),
    };
    let disk = |disk: &DiskSpec| types::DiskSettings {
        disk_id: Some(disk.id.clone()),
        size_mb: disk.size_mib,
        unit_number: disk.unit,
        bus_number: disk.bus,
        adapter_type: disk.adapter.code().to_owned(),
        thin_provisioned: Some(true),
        storage_profile: profile_reference(
            ctx,
            source.profiles,
            disk.storage_profile.or(spec.storage_profile),
        ),
        override_vm_default: Some(disk.storage_profile.is_some()),
        virtual_quantity_unit: Some("byte".to_owned()),
        virtual_quantity: Some(disk.size_mib * MIB),
        resizable: Some(true),
        ..types::DiskSettings::default()
    };
    let tools = source
        .state
        .and_then(|state| state.tools_version.clone())
        .unwrap_or_else(|| "0".to_owned());
    types::VmSpecSection {
        modified: Some(false),
        info: "Virtual Machine specification".into(),
        os_type: Some(spec.os_type.clone()),
        firmware: Some(spec.firmware.name().to_owned()),
        num_cpus: Some(spec.cpus),
        num_cores_per_socket: Some(spec.cores_per_socket),
        cpu_resource_mhz: Some(resource(
            0,
            spec.shares.cpu_reservation_mhz,
            spec.shares.cpu_limit_mhz,
            spec.cpus.saturating_mul(1000),
        )),
        memory_resource_mb: Some(resource(
            spec.memory_mib,
            spec.shares.memory_reservation_mib,
            spec.shares.memory_limit_mib,
            i32::try_from(spec.memory_mib.saturating_mul(10)).unwrap_or(i32::MAX),
        )),
        media_section: Some(types::MediaSection::default()),
        disk_section: Some(types::DiskSection {
            disk_settings: spec.disks.iter().map(disk).collect(),
        }),
        hardware_version: Some(types::HardwareVersion {
            href: Some(
                source
                    .vdc
                    .as_ref()
                    .map_or_else(String::new, |vdc| format!("{vdc}/hwv/{}", spec.hardware_version)),
            ),
            r#type: Some(mt::VIRTUAL_HARDWARE_VERSION.to_owned()),
            value: spec.hardware_version.clone(),
        }),
        vm_tools_version: Some(tools),
        virtual_cpu_type: Some(spec.cpu_type.clone()),
        time_sync_with_host: Some(false),
        ..types::VmSpecSection::default()
    }
}

/// OVF properties as a document of their own.
pub fn products(href: &str, products: &[Product]) -> types::ProductSectionList {
    let href = format!("{href}/productSections/");
    types::ProductSectionList {
        resource: types::Resource {
            href: Some(href.clone()),
            r#type: Some(mt::PRODUCT_SECTIONS.to_owned()),
            link: vec![link(rel::EDIT, href, mt::PRODUCT_SECTIONS)],
        },
        product_section: product_elements(products),
    }
}

/// OVF properties as sections.
pub fn product_elements(products: &[Product]) -> Vec<types::ProductSection> {
    let property = |property: &Property| types::ProductProperty {
        key: property.key.clone(),
        r#type: property.kind.clone(),
        user_configurable: Some(property.user_configurable),
        password: property.password.then_some(true),
        // OVF's way to say that there has to be one.
        qualifiers: property.required.then(|| "MinLen(1)".to_owned()),
        default_value: property.default.clone(),
        label: property.label.as_deref().map(Into::into),
        description: property.description.as_deref().map(Into::into),
        value: property
            .value
            .iter()
            .map(|value| types::PropertyValue { value: value.clone(), configuration: None })
            .collect(),
    };
    let one = |product: &Product| types::ProductSection {
        class: product.class.clone(),
        instance: product.instance.clone(),
        required: Some(true),
        info: product.info.as_str().into(),
        property: product.properties.iter().map(property).collect(),
        ..types::ProductSection::default()
    };
    products.iter().map(one).collect()
}
