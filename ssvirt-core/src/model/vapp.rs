//! vApps.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FenceMode, IpScope, Network, Org, User, Vdc};
use crate::id::Id;

/// How far a vApp or VM is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// A task is making it.
    Creating,
    /// It exists.
    #[default]
    Ready,
    /// It could not be made, nor fully be unmade.
    Failed,
}

impl Phase {
    /// As it is stored in the query columns.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

/// A group of virtual machines with their networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VApp {
    /// Its id.
    pub id: Id<VApp>,
    /// Whose it is.
    pub org: Id<Org>,
    /// Where it is.
    pub vdc: Id<Vdc>,
    /// Who owns it.
    pub owner: Id<User>,
    /// The name; unique in the organization.
    pub name: String,
    /// Free text.
    pub description: String,
    /// How far it is.
    pub phase: Phase,
    /// Its networks.
    pub networks: Vec<VAppNetwork>,
    /// How long it lives.
    pub lease: Lease,
    /// OVF properties that its guests are given.
    pub products: Vec<Product>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed; none is when it was made.
    #[serde(default)]
    pub modified: Option<Timestamp>,
    /// See the module.
    pub version: i64,
}

/// Lease lengths in seconds; 0 never expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// How long it may run.
    pub deployment_seconds: i32,
    /// How long it is kept when stopped.
    pub storage_seconds: i32,
}

/// A network inside a vApp.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VAppNetwork {
    /// Its id.
    pub id: Id<Network>,
    /// The name that NICs refer to.
    pub name: String,
    /// Free text.
    pub description: String,
    /// How it is connected to its parent.
    pub fence_mode: FenceMode,
    /// The organization network it is connected to.
    pub parent: Option<Id<Network>>,
    /// Its addressing.
    pub scopes: Vec<IpScope>,
    /// Whether addresses survive a stop.
    pub retain_net_info: bool,
}

/// An OVF product section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// `ovf:class`.
    pub class: Option<String>,
    /// `ovf:instance`.
    pub instance: Option<String>,
    /// `ovf:Info`.
    pub info: String,
    /// Its properties.
    pub properties: Vec<Property>,
}

/// An OVF property.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// `ovf:key`.
    pub key: String,
    /// `ovf:type`.
    pub kind: String,
    /// `ovf:userConfigurable`.
    pub user_configurable: bool,
    /// `ovf:password`.
    pub password: bool,
    /// Whether it must have a value when a copy is made.
    #[serde(default)]
    pub required: bool,
    /// The `ovf:value` attribute: the default.
    pub default: Option<String>,
    /// The value chosen.
    pub value: Option<String>,
    /// `ovf:Label`.
    pub label: Option<String>,
    /// `ovf:Description`.
    pub description: Option<String>,
}
