//! What SSVirt remembers: plain types, one file per resource.
//!
//! CPU is in MHz, memory and storage in MiB throughout. Every stored type carries a `version` that the
//! store raises with each update: an update from an older version is a conflict.

mod catalog;
mod event;
mod hardware;
mod metadata;
mod network;
mod org;
mod session;
mod task;
mod template;
mod user;
mod vapp;
mod vdc;
mod vm;

pub use catalog::{Catalog, CatalogItem, ItemSource};
pub use event::{Event, Outcome};
pub use hardware::HardwareState;
pub use metadata::{MetadataDomain, MetadataEntry, MetadataType, MetadataValue, Visibility};
pub use network::{FenceMode, IpRange, IpScope, Network};
pub use org::{LeaseDefaults, Org};
pub use session::Session;
pub use task::{Task, TaskFailure, TaskStatus, TaskStep};
pub use template::{Template, TemplateStatus, TemplateVm};
pub use user::{Notifications, Preferences, Role, User};
pub use vapp::{Lease, Phase, Product, Property, VApp, VAppNetwork};
pub use vdc::{AllocationModel, ComputePolicy, ProviderVdc, StorageProfile, Vdc};
pub use vm::{
    BootOptions, DiskAdapter, DiskSpec, Firmware, GuestCustomization, IpMode, NicSpec, NicState,
    PowerState, Shares, Snapshot, Vm, VmSpec, VmState,
};

use crate::id::{Entity, EntityKind};

macro_rules! entity {
    ($($type:ident),* $(,)?) => {
        $(impl Entity for $type { const KIND: EntityKind = EntityKind::$type; })*
    };
}

entity!(
    Org,
    User,
    Role,
    Session,
    ProviderVdc,
    Vdc,
    StorageProfile,
    ComputePolicy,
    Network,
    Catalog,
    CatalogItem,
    Template,
    VApp,
    Vm,
    Task,
    Event,
);

/// A right of a role; rights are data, see [`crate::rights`].
#[derive(Clone, Copy, Debug)]
pub struct Right;
impl Entity for Right {
    const KIND: EntityKind = EntityKind::Right;
}

/// A group of rights; categories are data, see [`crate::rights`].
#[derive(Clone, Copy, Debug)]
pub struct RightsCategory;
impl Entity for RightsCategory {
    const KIND: EntityKind = EntityKind::RightsCategory;
}

/// A virtual machine inside a template.
impl Entity for TemplateVm {
    const KIND: EntityKind = EntityKind::Vm;
}
