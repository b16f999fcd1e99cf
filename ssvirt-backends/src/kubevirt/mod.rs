//! VMs on KubeVirt: a VDC is a namespace, a VM a `VirtualMachine`.
//!
//! ```text
//!   backend -> place, vms, power, watch -> call -> the API server
//!
//!   place (namespace, quota, limits, policies)   names, labels   error (what a refusal means)
//!   catalog (boot images, templates, VMs made of templates)
//!   vm (object, hardware, state)                 resources (KubeVirt's kinds as types)
//! ```

mod backend;
mod call;
pub mod catalog;
mod error;
pub mod labels;
pub mod names;
pub mod place;
mod power;
pub mod resources;
pub mod vm;
mod vms;
mod watch;

pub use backend::KubeVirt;

/// Who owns the fields that are applied from here.
pub const FIELD_MANAGER: &str = "ssvirt";
