//! What a backend knows of itself without asking anybody, and what it may be told for others to read.

use std::time::Duration;

/// Whether the backend can be used at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reach {
    /// It answers, or nothing is known to the contrary. Backends that do not look after that say so always: then
    /// a call that fails is repeated for a while, and then its task has failed.
    #[default]
    Here,
    /// It has not answered since the start. What makes, changes or powers virtual machines is refused, as where
    /// there is no backend; tasks that are there already wait.
    NotYet,
    /// It answered once, and will again. Tasks wait.
    Lost,
}

/// What is known of the watch on changes that others make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchStatus {
    /// Whether all that was there when it began has been seen, and it goes on.
    pub fresh: bool,
    /// How long it has not been.
    pub stale_for: Duration,
}

/// What a backend knows of itself: for health reports, and for those who would wait for it in vain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendStatus {
    /// Whether it can be used.
    pub reach: Reach,
    /// The state of its circuit breaker, where it has one: `closed`, `open` or `half-open`.
    pub breaker: Option<&'static str>,
    /// Its watch, where it is known to have one.
    pub watch: Option<WatchStatus>,
}

/// What was done to a VM, for people who look at the backend itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmNote {
    /// VCD's operation name, such as `vappDeploy`.
    pub operation: String,
    /// The request that it was done for.
    pub request_id: String,
    /// Why it was not done, as the tenant is told; none where it was.
    pub failure: Option<String>,
}
