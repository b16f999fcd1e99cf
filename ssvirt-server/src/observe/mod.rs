//! What operators see: log lines, health reports, metrics.

pub(crate) mod health;
pub(crate) mod log;
pub mod metrics;
