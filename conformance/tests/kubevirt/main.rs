//! The KubeVirt backend on a real Kubernetes API server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod catalog;
mod consistency;
mod consoles;
mod disks;
mod faults;
mod faults_away;
mod faults_clock;
mod faults_token;
mod guests;
mod hot;
mod manifests;
mod networks;
mod observed;
mod places;
mod scale;
mod scene;
mod snapshots;
mod suite;
mod troubles;
mod vms;
mod who_may;
