//! Sections and items of the OVF standard.

use super::{Link, Resource};
use crate::VcdType;

/// Text that can be translated.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(ns = "ovf")]
pub struct Msg {
    #[vcd(attr)]
    pub msgid: Option<String>,
    #[vcd(text)]
    pub value: String,
}

impl From<&str> for Msg {
    fn from(text: &str) -> Self {
        Self { msgid: None, value: text.to_owned() }
    }
}

/// The virtual hardware of a VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "ovf:VirtualHardwareSection",
    ns = "ovf",
    media = "application/vnd.vmware.vcloud.virtualHardwareSection",
    ignored("Config")
)]
pub struct VirtualHardwareSection {
    #[vcd(attr)]
    pub transport: Option<String>,
    #[vcd(attr)]
    pub required: Option<bool>,
    #[vcd(attr, name = "vcloud:type")]
    pub r#type: Option<String>,
    #[vcd(attr, name = "vcloud:href")]
    pub href: Option<String>,
    #[vcd(default)]
    pub info: Msg,
    pub system: Option<VirtualSystem>,
    pub item: Vec<RasdItem>,
    #[vcd(name = "vmw:ExtraConfig")]
    pub extra_config: Vec<ExtraConfig>,
    #[vcd(name = "vcloud:Link")]
    pub link: Vec<Link>,
}

/// An advanced setting of a VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "vmw:ExtraConfig", ns = "vmw")]
pub struct ExtraConfig {
    #[vcd(attr)]
    pub key: String,
    #[vcd(attr)]
    pub value: String,
    #[vcd(attr, name = "ovf:required")]
    pub required: Option<bool>,
}

/// What the virtual hardware is as a whole.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "ovf:System",
    ns = "vssd",
    type_name = "VSSDType",
    ignored(
        "AutomaticRecoveryAction",
        "AutomaticShutdownAction",
        "AutomaticStartupAction",
        "AutomaticStartupActionDelay",
        "AutomaticStartupActionSequenceNumber",
        "Caption",
        "ChangeableType",
        "ConfigurationDataRoot",
        "ConfigurationFile",
        "ConfigurationID",
        "ConfigurationName",
        "CreationTime",
        "Description",
        "Generation",
        "LogDataRoot",
        "Notes",
        "RecoveryFile",
        "SnapshotDataRoot",
        "SuspendDataRoot",
        "SwapFileDataRoot"
    )
)]
pub struct VirtualSystem {
    #[vcd(default)]
    pub element_name: String,
    #[vcd(name = "vssd:InstanceID", default)]
    pub instance_id: String,
    pub virtual_system_identifier: Option<String>,
    pub virtual_system_type: Option<String>,
}

/// A piece of virtual hardware. As a document the root is the vCloud element `Item`, inside a hardware section
/// the element is `ovf:Item`.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "Item",
    ns = "rasd",
    type_name = "RASDType",
    media = "application/vnd.vmware.vcloud.rasdItem",
    ignored(
        "Caption",
        "ChangeableType",
        "ConfigurationName",
        "Generation",
        "MappingBehavior",
        "PoolID",
        "Config"
    )
)]
pub struct RasdItem {
    #[vcd(attr, name = "ovf:bound")]
    pub bound: Option<String>,
    #[vcd(attr, name = "vcloud:type")]
    pub r#type: Option<String>,
    #[vcd(attr, name = "vcloud:href")]
    pub href: Option<String>,
    pub address: Option<String>,
    pub address_on_parent: Option<String>,
    pub allocation_units: Option<String>,
    pub automatic_allocation: Option<bool>,
    pub automatic_deallocation: Option<bool>,
    pub connection: Vec<RasdConnection>,
    pub consumer_visibility: Option<i32>,
    pub description: Option<String>,
    #[vcd(default)]
    pub element_name: String,
    pub host_resource: Vec<RasdHostResource>,
    #[vcd(name = "rasd:InstanceID", default)]
    pub instance_id: String,
    pub limit: Option<i64>,
    pub other_resource_type: Option<String>,
    pub parent: Option<String>,
    pub reservation: Option<i64>,
    pub resource_sub_type: Option<String>,
    pub resource_type: Option<i32>,
    pub virtual_quantity: Option<i64>,
    pub virtual_quantity_units: Option<String>,
    pub weight: Option<i64>,
    #[vcd(name = "vmw:CoresPerSocket")]
    pub cores_per_socket: Option<CoresPerSocket>,
    #[vcd(name = "vcloud:Link")]
    pub link: Vec<Link>,
}

/// The cores in each socket, on a processor item.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "vmw:CoresPerSocket", ns = "vmw")]
pub struct CoresPerSocket {
    #[vcd(attr, name = "ovf:required")]
    pub required: Option<bool>,
    #[vcd(text)]
    pub value: i32,
}

/// The network of an adapter.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "rasd:Connection", ns = "rasd", type_name = "CimString")]
pub struct RasdConnection {
    #[vcd(attr, name = "vcloud:ipAddress")]
    pub ip_address: Option<String>,
    #[vcd(attr, name = "vcloud:ipAddressingMode")]
    pub ip_addressing_mode: Option<String>,
    #[vcd(attr, name = "vcloud:primaryNetworkConnection")]
    pub primary_network_connection: Option<bool>,
    #[vcd(text)]
    pub value: String,
}

/// What a disk or medium is on the host.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "rasd:HostResource", ns = "rasd", type_name = "CimString")]
pub struct RasdHostResource {
    #[vcd(attr, name = "vcloud:storageProfileHref")]
    pub storage_profile_href: Option<String>,
    #[vcd(attr, name = "vcloud:busType")]
    pub bus_type: Option<i32>,
    #[vcd(attr, name = "vcloud:busSubType")]
    pub bus_sub_type: Option<String>,
    #[vcd(attr, name = "vcloud:capacity")]
    pub capacity: Option<i64>,
    #[vcd(attr, name = "vcloud:iops")]
    pub iops: Option<i64>,
    #[vcd(attr, name = "vcloud:storageProfileOverrideVmDefault")]
    pub storage_profile_override_vm_default: Option<bool>,
    #[vcd(attr, name = "vcloud:disk")]
    pub disk: Option<String>,
    #[vcd(text)]
    pub value: String,
}

/// A list of hardware items as a document.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.rasdItemsList")]
pub struct RasdItemsList {
    #[vcd(base)]
    pub resource: Resource,
    #[vcd(name = "Item")]
    pub item: Vec<RasdItem>,
}

/// The guest system of a VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "ovf:OperatingSystemSection",
    ns = "ovf",
    media = "application/vnd.vmware.vcloud.operatingSystemSection"
)]
pub struct OperatingSystemSection {
    #[vcd(attr)]
    pub id: i32,
    #[vcd(attr)]
    pub version: Option<String>,
    #[vcd(attr)]
    pub required: Option<bool>,
    #[vcd(attr, name = "vcloud:type")]
    pub r#type: Option<String>,
    #[vcd(attr, name = "vcloud:href")]
    pub href: Option<String>,
    #[vcd(attr, name = "vmw:osType")]
    pub os_type: Option<String>,
    #[vcd(default)]
    pub info: Msg,
    pub description: Option<Msg>,
    #[vcd(name = "vcloud:Link")]
    pub link: Vec<Link>,
}

/// In which order the VMs of a vApp start.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "ovf:StartupSection",
    ns = "ovf",
    media = "application/vnd.vmware.vcloud.startupSection"
)]
pub struct StartupSection {
    #[vcd(attr)]
    pub required: Option<bool>,
    #[vcd(attr, name = "vcloud:type")]
    pub r#type: Option<String>,
    #[vcd(attr, name = "vcloud:href")]
    pub href: Option<String>,
    #[vcd(default)]
    pub info: Msg,
    pub item: Vec<StartupItem>,
    #[vcd(name = "vcloud:Link")]
    pub link: Vec<Link>,
}

/// How one VM of a vApp starts.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "ovf:Item", ns = "ovf", type_name = "ItemType")]
pub struct StartupItem {
    #[vcd(attr)]
    pub id: String,
    #[vcd(attr)]
    pub order: i32,
    #[vcd(attr)]
    pub start_delay: Option<i32>,
    #[vcd(attr)]
    pub waiting_for_guest: Option<bool>,
    #[vcd(attr)]
    pub stop_delay: Option<i32>,
    #[vcd(attr)]
    pub start_action: Option<String>,
    #[vcd(attr)]
    pub stop_action: Option<String>,
}

/// The networks of a vApp by name.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "ovf:NetworkSection",
    ns = "ovf",
    media = "application/vnd.vmware.vcloud.networkSection"
)]
pub struct NetworkSection {
    #[vcd(attr)]
    pub required: Option<bool>,
    #[vcd(attr, name = "vcloud:type")]
    pub r#type: Option<String>,
    #[vcd(attr, name = "vcloud:href")]
    pub href: Option<String>,
    #[vcd(default)]
    pub info: Msg,
    pub network: Vec<OvfNetwork>,
    #[vcd(name = "vcloud:Link")]
    pub link: Vec<Link>,
}

/// A network by name.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "ovf:Network", ns = "ovf", type_name = "NetworkType")]
pub struct OvfNetwork {
    #[vcd(attr)]
    pub name: String,
    pub description: Option<Msg>,
}

/// The product sections of a vApp or VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.productSections")]
pub struct ProductSectionList {
    #[vcd(base)]
    pub resource: Resource,
    #[vcd(name = "ovf:ProductSection")]
    pub product_section: Vec<ProductSection>,
}

/// A product and its guest properties.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "ovf:ProductSection", ns = "ovf", ignored("Icon"))]
pub struct ProductSection {
    #[vcd(attr)]
    pub class: Option<String>,
    #[vcd(attr)]
    pub instance: Option<String>,
    #[vcd(attr)]
    pub required: Option<bool>,
    #[vcd(default)]
    pub info: Msg,
    pub product: Option<Msg>,
    pub vendor: Option<Msg>,
    pub version: Option<String>,
    pub full_version: Option<String>,
    pub product_url: Option<String>,
    pub vendor_url: Option<String>,
    pub app_url: Option<String>,
    pub category: Vec<Msg>,
    pub property: Vec<ProductProperty>,
    #[vcd(name = "vcloud:Link")]
    pub link: Vec<Link>,
}

/// A guest property.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "ovf:Property", ns = "ovf", type_name = "PropertyType")]
pub struct ProductProperty {
    #[vcd(attr)]
    pub key: String,
    #[vcd(attr)]
    pub r#type: String,
    #[vcd(attr)]
    pub qualifiers: Option<String>,
    #[vcd(attr)]
    pub user_configurable: Option<bool>,
    /// The attribute `ovf:value`, the default; what the user set is in the elements [`Self::value`].
    #[vcd(attr, name = "ovf:value", json = "defaultValue")]
    pub default_value: Option<String>,
    #[vcd(attr)]
    pub password: Option<bool>,
    pub label: Option<Msg>,
    pub description: Option<Msg>,
    pub value: Vec<PropertyValue>,
}

/// The value of a guest property.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "ovf:Value", ns = "ovf", type_name = "PropertyConfigurationValueType")]
pub struct PropertyValue {
    #[vcd(attr)]
    pub value: String,
    #[vcd(attr)]
    pub configuration: Option<String>,
}
