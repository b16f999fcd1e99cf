//! Whether the node simulator plays KubeVirt as KubeVirt was recorded, on a real API server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod consoles;
mod life;
mod live;
mod many;
mod networks;
mod refusals;
mod snapshots;
mod troubles;
mod world;
