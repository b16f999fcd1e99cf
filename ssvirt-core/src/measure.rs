//! What is measured, by name. Where it goes is the server's business; without one that listens it goes nowhere.
//!
//! Labels have few values, all of them ours: never a tenant's name, nor an id.

/// Tasks that ended. Labels: `operation`, VCD's name of it; `outcome`, as [`TaskStatus`](crate::model::TaskStatus)
/// is called.
pub const TASKS: &str = "ssvirt_tasks_total";
/// How long tasks took, in seconds, from the request to the end. Label: `outcome`.
pub const TASK_DURATION: &str = "ssvirt_task_duration_seconds";
/// Tasks that were put back into the queue, because their backend was away.
pub const TASKS_POSTPONED: &str = "ssvirt_tasks_postponed_total";
/// VMs whose hardware was found to be another than it should be. Label: `field`, as [`HardwareState::drift`] names it.
///
/// [`HardwareState::drift`]: crate::model::HardwareState::drift
pub const DRIFT: &str = "ssvirt_vm_drift_total";
/// How long changes that a backend tells of take until they are written down, in seconds. Changes that a task works
/// on wait for its end.
pub const WATCH_LAG: &str = "ssvirt_watch_lag_seconds";
