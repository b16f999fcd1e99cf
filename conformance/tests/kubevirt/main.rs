//! The KubeVirt backend on a real Kubernetes API server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod catalog;
mod guests;
mod places;
mod suite;
mod troubles;
mod vms;
