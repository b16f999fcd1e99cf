//! The task engine and the limits, as the use cases show them: on SQLite in memory, the simulator and
//! faults on demand.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are not seen as tests")]

#[path = "engine/away.rs"]
mod away;
#[path = "engine/failures.rs"]
mod failures;
#[path = "engine/leases.rs"]
mod leases;
#[path = "engine/limits.rs"]
mod limits;
#[path = "engine/observed.rs"]
mod observed;
#[path = "engine/places.rs"]
mod places;
#[path = "engine/scene.rs"]
mod scene;
