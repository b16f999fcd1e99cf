//! VMs on KubeVirt: a VDC is a namespace, a VM a `VirtualMachine`.
//!
//! ```text
//!   place (namespace, quota, limits, policies)   names, labels   error (what a refusal means)
//! ```

mod error;
pub mod labels;
pub mod names;
pub mod place;

/// Who owns the fields that are applied from here.
pub const FIELD_MANAGER: &str = "ssvirt";
