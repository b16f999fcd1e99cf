//! The simulator: virtual machines that exist only in this process, or in a file of its own.
//!
//! [`Simulator`] keeps every rule that a real backend keeps: places, power states, addresses that appear
//! when a guest has booted, a capacity that can run out, and faults on demand. [`FixedCatalog`] offers
//! templates to go with it. With the feature `sqlite`, `cloud` puts a whole cloud together.
//!
//! ```
//! # use std::sync::Arc;
//! # use ssvirt_backends::memory::{Fault, Simulator};
//! # use ssvirt_core::{VmBackend, env::SystemClock};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> ssvirt_core::Result<()> {
//! let simulator = Simulator::builder(Arc::new(SystemClock))
//!     .capacity_vcpus(64)
//!     .fault(Fault::on("power_vm").about("web-*").times(1))
//!     .build();
//! simulator.start(Vec::new()).await?;
//! assert!(simulator.is_empty());
//! # Ok(()) }
//! ```

mod builder;
mod catalog;
#[cfg(feature = "sqlite")]
mod cloud;
mod console;
pub mod faults;
mod file;
mod guest;
#[cfg(test)]
mod model_test;
mod rules;
mod shared;
mod simulator;
mod snapshots;
#[cfg(test)]
pub(crate) mod tests;
mod watch;
mod world;

pub use builder::SimulatorBuilder;
pub use catalog::FixedCatalog;
#[cfg(feature = "sqlite")]
pub use cloud::cloud;
pub use faults::{Fault, Faults};
pub use simulator::Simulator;
