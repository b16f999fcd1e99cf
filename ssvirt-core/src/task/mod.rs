//! Tasks: durable, leased, made of idempotent steps, resumed after a kill, undone on failure.
//!
//! [`Step`] is what a task consists of. The task row, its steps and the change that they carry out are
//! stored in one transaction; [`Engine`] does the rest.

mod engine;
mod run;
mod step;

pub use engine::{Engine, EngineConfig};
pub(crate) use run::{forget_catalog, no_backend};
pub use step::{NewTask, Step};
