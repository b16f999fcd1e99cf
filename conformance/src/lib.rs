//! # ssvirt-conformance
//!
//! Holds implementations against what they must do: [`suite`] for the traits of `ssvirt-core`.
//! [`postgres`] gives tests PostgreSQL databases of their own.

pub mod postgres;
pub mod suite;
