//! The VCD types, one file per family of the schema.
//!
//! Fields are the XSD's elements and attributes in snake case, in the XSD's order.
#![allow(missing_docs, reason = "field names are the XSD's own names")]

mod access;
mod catalog;
mod common;
mod metadata;
mod network;
mod org;
mod org_settings;
mod ovf;
mod params;
mod query;
mod sections;
mod session;
mod storage;
mod task;
mod template;
mod user;
mod vapp;
mod vdc;
mod vm_spec;

pub use access::*;
pub use catalog::*;
pub use common::*;
pub use metadata::*;
pub use network::*;
pub use org::*;
pub use org_settings::*;
pub use ovf::*;
pub use params::*;
pub use query::*;
pub use sections::*;
pub use session::*;
pub use storage::*;
pub use task::*;
pub use template::*;
pub use user::*;
pub use vapp::*;
pub use vdc::*;
pub use vm_spec::*;
