//! The wire format of the VMware Cloud Director API.
//!
//! # The picture
//!
//! There is **one definition per VCD type**: a plain struct in [`types`] with `#[derive(VcdType)]`. From it come
//!
//! * the XML writer and the writer of VCD's own JSON ([`write`](mod@write)), both streaming into a string;
//! * the strict reader of both forms ([`read`]);
//! * a static description, [`shape::Shape`], from which the server makes its API document.
//!
//! ```
//! use ssvirt_vcd::types::{Link, OrgList, Reference};
//! use ssvirt_vcd::{ApiVersion, from_xml, to_xml};
//!
//! let list = OrgList { org: vec![Reference::new("https://vcd/api/org/1").named("acme")], ..OrgList::default() };
//! let xml = to_xml(&list, ApiVersion::NEWEST);
//! assert_eq!(from_xml::<OrgList>(&xml), Ok(list));
//! ```
//!
//! Fields are named after the XSD in snake case; element order is the XSD's. Types keep at most one level of
//! base type: [`types::Resource`] (links, `href`, `type`) or [`types::Entity`] (that, `id`, `name`, description
//! and open tasks), flattened on the wire.
//!
//! Around it: [`ApiVersion`] and the list of served versions, [`media`] for `Accept` and `Content-Type`,
//! [`link`] for relations and the media types of links, and [`error`] for the codes of error documents. The types
//! know the versions that have a field (`since`, `until`); a caller only says which version it writes.

// The derive names this crate as its users do.
extern crate self as ssvirt_vcd;

pub mod error;
pub mod leaf;
pub mod link;
pub mod media;
mod ns;
pub mod read;
pub mod shape;
pub mod types;
mod vcd_type;
mod version;
pub mod write;

pub use link::mt;
pub use media::Format;
pub use ns::Ns;
pub use read::{ReadError, from_json, from_xml};
pub use shape::Shape;
pub use ssvirt_vcd_derive::VcdType;
pub use vcd_type::VcdType;
pub use version::{ApiVersion, ParseVersionError, Served};
pub use write::{Render, to_json, to_xml};
