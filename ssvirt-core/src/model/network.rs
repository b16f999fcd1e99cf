//! Organization VDC networks.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{Org, Vdc};
use crate::id::Id;

/// How a network is connected to its parent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FenceMode {
    /// Not at all.
    #[default]
    Isolated,
    /// Directly.
    Bridged,
    /// Through a router.
    NatRouted,
}

impl FenceMode {
    /// As it stands on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Isolated => "isolated",
            Self::Bridged => "bridged",
            Self::NatRouted => "natRouted",
        }
    }

    /// Reads the wire form.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Isolated, Self::Bridged, Self::NatRouted]
            .into_iter()
            .find(|mode| mode.name() == name)
    }

    /// The `linkType` of query records: 0 direct, 1 routed, 2 isolated.
    pub const fn link_type(self) -> i64 {
        match self {
            Self::Bridged => 0,
            Self::NatRouted => 1,
            Self::Isolated => 2,
        }
    }
}

/// Addresses from `start` to `end`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpRange {
    /// The first.
    pub start: Ipv4Addr,
    /// The last.
    pub end: Ipv4Addr,
}

impl IpRange {
    /// The addresses in order.
    pub fn addresses(self) -> impl Iterator<Item = Ipv4Addr> {
        (u32::from(self.start)..=u32::from(self.end)).map(Ipv4Addr::from)
    }
}

/// The addressing of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpScope {
    /// Whether it is the parent network's.
    #[serde(default)]
    pub inherited: bool,
    /// The gateway's address.
    pub gateway: Ipv4Addr,
    /// Length of the prefix in bits.
    pub prefix: u8,
    /// First name server.
    pub dns1: Option<String>,
    /// Second name server.
    pub dns2: Option<String>,
    /// Domain suffix.
    pub dns_suffix: Option<String>,
    /// The static pool.
    pub ranges: Vec<IpRange>,
}

impl IpScope {
    /// The prefix as a dotted mask.
    pub fn netmask(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0))
    }

    /// The length of a dotted mask, if it is one.
    pub fn prefix_of(netmask: Ipv4Addr) -> Option<u8> {
        let bits = u32::from(netmask);
        let prefix = bits.leading_ones();
        (bits.count_ones() == prefix).then_some(prefix as u8)
    }

    /// Whether the address lies in the network.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        let mask = u32::from(self.netmask());
        u32::from(address) & mask == u32::from(self.gateway) & mask
    }

    /// The first address of the static pool that `used` does not say is taken.
    pub fn free_address(&self, used: impl Fn(Ipv4Addr) -> bool) -> Option<Ipv4Addr> {
        self.ranges
            .iter()
            .flat_map(|range| range.addresses())
            .find(|a| *a != self.gateway && !used(*a))
    }
}

/// A network of a VDC that vApps connect to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Its id.
    pub id: Id<Network>,
    /// The organization.
    pub org: Id<Org>,
    /// The VDC.
    pub vdc: Id<Vdc>,
    /// The name; unique in the VDC.
    pub name: String,
    /// Free text.
    pub description: String,
    /// How it is connected.
    pub fence_mode: FenceMode,
    /// Its addressing.
    pub scope: IpScope,
    /// Whether the organization's other VDCs may use it.
    pub shared: bool,
    /// See the module.
    pub version: i64,
}
