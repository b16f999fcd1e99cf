//! What operators see: log lines and health reports.

pub(crate) mod health;
pub(crate) mod log;
