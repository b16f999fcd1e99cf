//! # ssvirt-core
//!
//! A VMware Cloud Director without its surfaces: organizations, users and their rights, VDCs, catalogs,
//! vApps and virtual machines, tasks. No HTTP, no XML, no SQL, no Kubernetes.
//!
//! ```text
//!   Cloud (use cases, authorization)  ->  TenancyStore   what is remembered
//!     |                                   VmBackend      where virtual machines run
//!     v                                   CatalogSource  where templates come from
//!   Engine (durable tasks)
//! ```
//!
//! [`Cloud`] is what a server or an embedding service calls; every call takes a
//! [`Caller`](service::Caller) and finds only what that caller may see. Writes that take time answer with
//! a task. See [`backend`], [`catalog`] and [`store`] for how to add your own, and
//! `ssvirt-backends/examples/embed.rs` for a program that drives a whole cloud.

pub mod backend;
pub mod catalog;
pub mod env;
mod error;
pub mod filter;
pub mod id;
pub mod measure;
pub mod model;
pub mod page;
pub mod query;
pub mod rights;
pub mod service;
pub mod status;
pub mod store;
pub mod task;

pub use backend::VmBackend;
pub use catalog::CatalogSource;
pub use error::{Error, ErrorKind, Result};
pub use id::Id;
pub use service::Cloud;
pub use store::TenancyStore;
