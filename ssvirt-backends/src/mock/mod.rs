//! Stand-ins that do as a script says, for tests of what calls them.
//!
//! ```
//! # use ssvirt_backends::mock::MockBackend;
//! # use ssvirt_core::{Error, ErrorKind, Id, VmBackend, backend::{PowerAction, VmRef}, model::PowerState};
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! # let vm = VmRef { vm: Id::new(uuid::Uuid::from_u128(1)), vdc: Id::new(uuid::Uuid::from_u128(2)) };
//! let mock = MockBackend::new();
//! mock.expect("power_vm").about("On *").fail(ErrorKind::Unavailable, "away");
//! mock.expect("power_vm").about("On *").reply(PowerState::On);
//!
//! assert!(mock.power_vm(vm, PowerAction::On).await.is_err());
//! assert_eq!(mock.power_vm(vm, PowerAction::On).await.unwrap().power, PowerState::On);
//! assert_eq!(mock.verify(), Ok(()));
//! assert!(mock.power_vm(vm, PowerAction::On).await.is_err(), "not in the script");
//! assert!(mock.verify().is_err());
//! # }
//! ```

mod backend;
mod catalog;
mod script;
mod store;
#[cfg(test)]
mod tests;

pub use backend::MockBackend;
pub use catalog::MockCatalog;
pub use script::{Expectation, Reply};
pub use store::MockStore;
