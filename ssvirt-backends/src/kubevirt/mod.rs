//! VMs on KubeVirt: a VDC is a namespace, a VM a `VirtualMachine`.
//!
//! ```text
//!   place (namespace, quota, limits, policies)   names, labels   error (what a refusal means)
//!   vm (hardware, state)                         resources (KubeVirt's kinds as types)
//! ```

mod error;
pub mod labels;
pub mod names;
pub mod place;
pub mod resources;
pub mod vm;

/// Who owns the fields that are applied from here.
pub const FIELD_MANAGER: &str = "ssvirt";
