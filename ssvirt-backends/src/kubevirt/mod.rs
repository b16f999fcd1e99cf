//! VMs on KubeVirt: a VDC is a namespace, a VM a `VirtualMachine`.
//!
//! ```text
//!   backend -> place, vms, power, snapshots, console, watch -> call -> cluster (limits, breaker, retry) -> the API server
//!
//!   place (namespace, quota, limits, policies)   names, labels   error (what a refusal means)
//!   catalog (boot images, templates, VMs made of templates)
//!   vm (object, hardware, state)                 resources (KubeVirt's kinds as types)
//! ```

mod backend;
pub mod breaker;
mod call;
pub mod catalog;
pub mod cluster;
mod connect;
mod console;
mod disks;
mod error;
mod hot;
pub mod labels;
pub mod limits;
pub mod names;
mod notes;
pub mod place;
mod power;
pub mod resources;
mod retry;
pub mod rights;
mod room;
mod snapshots;
mod trouble;
pub mod vm;
mod vms;
mod watch;

pub use backend::KubeVirt;
pub use cluster::{Cluster, ClusterOptions};
pub use connect::connect;
pub use retry::RetryOptions;

/// Who owns the fields that are applied from here.
pub const FIELD_MANAGER: &str = "ssvirt";
