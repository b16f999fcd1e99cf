//! # ssvirt-conformance
//!
//! Holds implementations against what they must do: [`suite`] for the traits of `ssvirt-core`.
//! [`replay`] sends recorded requests and compares the answers.
//! [`postgres`] gives tests PostgreSQL databases of their own.

pub mod postgres;
pub mod replay;
pub mod suite;
