//! Networks.

use super::{Entity, Link, Reference};
use crate::VcdType;

/// A network of an organisation VDC.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    media = "application/vnd.vmware.vcloud.orgVdcNetwork",
    ignored("ServiceConfig", "VimPortGroupRef")
)]
pub struct OrgVdcNetwork {
    #[vcd(base)]
    pub entity: Entity,
    #[vcd(attr)]
    pub status: Option<i32>,
    pub configuration: Option<NetworkConfiguration>,
    pub provider_info: Option<String>,
    pub edge_gateway: Option<Reference>,
    pub is_shared: Option<bool>,
}

/// A network of a vApp.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    element = "VAppNetwork",
    type_name = "VAppNetworkType",
    media = "application/vnd.vmware.vcloud.vAppNetwork"
)]
pub struct VAppNetwork {
    #[vcd(base)]
    pub entity: Entity,
    #[vcd(attr)]
    pub deployed: Option<bool>,
    pub configuration: Option<NetworkConfiguration>,
}

/// How a network is set up.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(ignored("IpScope", "ServiceInterface"))]
pub struct NetworkConfiguration {
    pub backward_compatibility_mode: Option<bool>,
    pub ip_scopes: Option<IpScopes>,
    pub parent_network: Option<Reference>,
    pub fence_mode: String,
    pub retain_net_info_across_deployments: Option<bool>,
    pub features: Option<NetworkFeatures>,
    pub syslog_server_settings: Option<SyslogServerSettings>,
    pub router_info: Option<RouterInfo>,
    pub advanced_networking_enabled: Option<bool>,
    pub sub_interface: Option<bool>,
    pub distributed_interface: Option<bool>,
    pub guest_vlan_allowed: Option<bool>,
    pub connected: Option<bool>,
    pub dual_stack_network: Option<bool>,
}

/// The address ranges of a network.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct IpScopes {
    pub ip_scope: Vec<IpScope>,
}

/// A subnet.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(ignored("SubAllocations"))]
pub struct IpScope {
    pub is_inherited: bool,
    pub gateway: Option<String>,
    pub netmask: Option<String>,
    pub subnet_prefix_length: Option<i32>,
    pub dns1: Option<String>,
    pub dns2: Option<String>,
    pub dns_suffix: Option<String>,
    pub is_enabled: Option<bool>,
    pub ip_ranges: Option<IpRanges>,
    pub allocated_ip_addresses: Option<IpAddresses>,
}

/// Single addresses.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct IpAddresses {
    pub ip_address: Vec<String>,
}

/// Ranges of addresses.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct IpRanges {
    pub ip_range: Vec<IpRange>,
}

/// A range of addresses.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct IpRange {
    pub start_address: String,
    pub end_address: String,
}

/// The services of a network; only DHCP is kept.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(
    plain,
    ignored(
        "NetworkService",
        "FirewallService",
        "NatService",
        "StaticRoutingService",
        "IpsecVpnService",
        "LoadBalancerService",
        "GatewayDhcpService",
        "GatewayIpsecVpnService"
    )
)]
pub struct NetworkFeatures {
    pub dhcp_service: Option<DhcpService>,
}

/// The DHCP service of a network.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct DhcpService {
    pub is_enabled: Option<bool>,
    pub default_lease_time: Option<i32>,
    pub max_lease_time: Option<i32>,
    pub ip_range: Option<IpRange>,
    pub router_ip: Option<String>,
    pub sub_mask: Option<String>,
    pub primary_name_server: Option<String>,
    pub secondary_name_server: Option<String>,
    pub domain_name: Option<String>,
}

/// Where a network logs to.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(plain)]
pub struct SyslogServerSettings {
    pub syslog_server_ip1: Option<String>,
    pub syslog_server_ip2: Option<String>,
}

/// The router of a network.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(plain)]
pub struct RouterInfo {
    pub external_ip: String,
}

/// A network of a vApp as its configuration section lists it.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(type_name = "VAppNetworkConfigurationType")]
pub struct NetworkConfig {
    #[vcd(attr)]
    pub network_name: String,
    #[vcd(attr)]
    pub href: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    pub link: Vec<Link>,
    pub description: Option<String>,
    pub configuration: NetworkConfiguration,
    pub is_deployed: Option<bool>,
}
