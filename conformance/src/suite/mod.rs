//! What every implementation of a trait of `ssvirt-core` must do, as public functions.

pub mod backend;
pub mod catalog;
pub mod store;
