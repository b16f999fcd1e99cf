//! # ssvirt-kube-bed
//!
//! A real Kubernetes API server for tests: etcd, kube-apiserver and kube-controller-manager on loopback, with
//! RBAC, without nodes. `cargo xtask kube up` starts one for people.
//!
//! ```text
//!   assets (found, or built) -> control_plane (pki, programs, ready) -> crds -> node -> client
//! ```

pub mod assets;
pub mod control_plane;
pub mod crds;
pub mod node;
mod pki;
pub mod program;
pub mod shared;

pub use control_plane::ControlPlane;

/// Or what went wrong, for a person to read.
pub type Anything<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
