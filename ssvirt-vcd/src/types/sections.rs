//! VCD's own sections of vApps, VMs and templates.

use super::{Link, Msg, NetworkConfig};
use crate::VcdType;

/// How long a vApp may run and be kept.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.leaseSettingsSection", plain)]
pub struct LeaseSettingsSection {
    #[vcd(attr)]
    pub href: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    #[vcd(attr, name = "ovf:required")]
    pub required: Option<bool>,
    #[vcd(name = "ovf:Info", default)]
    pub info: Msg,
    pub link: Vec<Link>,
    pub deployment_lease_in_seconds: Option<i32>,
    pub storage_lease_in_seconds: Option<i32>,
    pub deployment_lease_expiration: Option<String>,
    pub storage_lease_expiration: Option<String>,
}

/// The networks of a vApp.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.networkConfigSection", plain)]
pub struct NetworkConfigSection {
    #[vcd(attr)]
    pub href: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    #[vcd(attr, name = "ovf:required")]
    pub required: Option<bool>,
    #[vcd(name = "ovf:Info", default)]
    pub info: Msg,
    pub link: Vec<Link>,
    pub network_config: Vec<NetworkConfig>,
}

/// The snapshot of a vApp or VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.snapshotSection", plain)]
pub struct SnapshotSection {
    #[vcd(attr)]
    pub href: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    #[vcd(attr, name = "ovf:required")]
    pub required: Option<bool>,
    #[vcd(name = "ovf:Info", default)]
    pub info: Msg,
    pub link: Vec<Link>,
    pub snapshot: Option<Snapshot>,
}

/// A snapshot.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct Snapshot {
    #[vcd(attr)]
    pub created: String,
    #[vcd(attr)]
    pub powered_on: bool,
    #[vcd(attr)]
    pub size: i64,
}

/// The network adapters of a VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.networkConnectionSection", plain)]
pub struct NetworkConnectionSection {
    #[vcd(attr)]
    pub href: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    #[vcd(attr, name = "ovf:required")]
    pub required: Option<bool>,
    #[vcd(name = "ovf:Info", default)]
    pub info: Msg,
    pub primary_network_connection_index: Option<i32>,
    pub network_connection: Vec<NetworkConnection>,
    pub link: Vec<Link>,
}

/// A network adapter.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct NetworkConnection {
    #[vcd(attr)]
    pub network: String,
    #[vcd(attr)]
    pub needs_customization: Option<bool>,
    pub network_connection_index: i32,
    pub ip_address: Option<String>,
    pub ip_type: Option<String>,
    pub secondary_ip_address: Option<String>,
    pub secondary_ip_type: Option<String>,
    pub external_ip_address: Option<String>,
    pub is_connected: bool,
    #[vcd(name = "MACAddress")]
    pub mac_address: Option<String>,
    pub ip_address_allocation_mode: Option<String>,
    pub secondary_ip_address_allocation_mode: Option<String>,
    pub network_adapter_type: Option<String>,
}

/// How the guest system is customised.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.guestCustomizationSection", plain)]
pub struct GuestCustomizationSection {
    #[vcd(attr)]
    pub href: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    #[vcd(attr, name = "ovf:required")]
    pub required: Option<bool>,
    #[vcd(name = "ovf:Info", default)]
    pub info: Msg,
    pub enabled: Option<bool>,
    pub change_sid: Option<bool>,
    pub virtual_machine_id: Option<String>,
    pub join_domain_enabled: Option<bool>,
    pub use_org_settings: Option<bool>,
    pub domain_name: Option<String>,
    pub domain_user_name: Option<String>,
    pub domain_user_password: Option<String>,
    #[vcd(name = "MachineObjectOU")]
    pub machine_object_ou: Option<String>,
    pub admin_password_enabled: Option<bool>,
    pub admin_password_auto: Option<bool>,
    pub admin_password: Option<String>,
    pub admin_auto_logon_enabled: Option<bool>,
    pub admin_auto_logon_count: Option<i32>,
    pub reset_password_required: Option<bool>,
    pub customization_script: Option<String>,
    pub computer_name: Option<String>,
    pub link: Vec<Link>,
}

/// The state of a guest customisation.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    media = "application/vnd.vmware.vcloud.guestCustomizationStatusSection",
    plain,
    ignored("Link")
)]
pub struct GuestCustomizationStatusSection {
    #[vcd(attr)]
    pub href: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    #[vcd(name = "ovf:Info", default)]
    pub info: Msg,
    pub guest_cust_status: String,
}

/// What is known of a running VM.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.runtimeInfoSection", plain, ignored("Link"))]
pub struct RuntimeInfoSection {
    #[vcd(attr, name = "vcloud:type")]
    pub r#type: Option<String>,
    #[vcd(attr, name = "vcloud:href")]
    pub href: Option<String>,
    #[vcd(attr, name = "ovf:required")]
    pub required: Option<bool>,
    #[vcd(name = "ovf:Info", default)]
    pub info: Msg,
    #[vcd(name = "VMWareTools")]
    pub vmware_tools: Option<VmwareTools>,
}

/// The version of the guest tools.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "VMWareTools", type_name = "VMWareTools", plain)]
pub struct VmwareTools {
    #[vcd(attr)]
    pub version: String,
}

/// Whether a template is customised when it is instantiated.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.customizationSection", plain)]
pub struct CustomizationSection {
    #[vcd(attr)]
    pub gold_master: Option<bool>,
    #[vcd(attr)]
    pub href: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    #[vcd(attr, name = "ovf:required")]
    pub required: Option<bool>,
    #[vcd(name = "ovf:Info", default)]
    pub info: Msg,
    pub customize_on_instantiate: bool,
    pub link: Vec<Link>,
}

/// The storage profile a template asks for.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(type_name = "DefaultStorageProfileSectionType", plain)]
pub struct DefaultStorageProfileSection {
    #[vcd(attr, name = "ovf:required")]
    pub required: Option<bool>,
    #[vcd(name = "ovf:Info", default)]
    pub info: Msg,
    pub storage_profile: Option<String>,
}
