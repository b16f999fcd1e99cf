//! The recorder between a client and a server, both with TLS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

#[path = "record/flow.rs"]
mod flow;
#[path = "record/pass_on.rs"]
mod pass_on;
#[path = "record/process.rs"]
mod process;
#[path = "record/scene.rs"]
mod scene;
#[path = "record/stop.rs"]
mod stop;
