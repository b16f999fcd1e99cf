//! What each stored type repeats in columns, one file per resource.

mod catalog;
mod event;
mod network;
mod org;
mod session;
mod task;
mod template;
mod user;
mod vapp;
mod vdc;
mod vm;

/// The parts of [`Record`](super::record::Record) that every stored type has in the same way.
macro_rules! identity {
    (named) => {
        identity!();
        fn label(&self) -> &str {
            &self.name
        }
    };
    () => {
        fn id(&self) -> uuid::Uuid {
            self.id.uuid()
        }
        fn version(&self) -> i64 {
            self.version
        }
        fn set_version(&mut self, version: i64) {
            self.version = version;
        }
    };
}
use identity;

/// The number in a hardware version such as `vmx-19`.
fn hardware_number(version: &str) -> Option<i64> {
    version.rsplit('-').next()?.parse().ok()
}
