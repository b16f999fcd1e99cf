//! # ssvirt-conformance
//!
//! Holds implementations against what they must do: [`suite`] for the traits of `ssvirt-core`.
//! [`replay`] sends recorded requests and compares the answers.
//! [`recorder`] writes down what clients and servers say to each other, which becomes such requests.
//! [`postgres`] gives tests PostgreSQL databases of their own.

pub mod postgres;
pub mod recorder;
pub mod replay;
pub mod suite;
pub mod target;
pub mod tls;
