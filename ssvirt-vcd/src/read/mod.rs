//! The reader: strict, bounded, and the same for XML and JSON.
//!
//! A document becomes a small tree from which the generated code *takes* what a type knows; what is
//! left over at the end is an unknown element, and that is an error, as in VCD.

mod error;
mod json;
mod source;
mod tree;
mod xml;

pub use error::ReadError;
pub use source::Source;

use crate::{Ns, VcdType};

/// Deepest nesting accepted.
pub const MAX_DEPTH: usize = 64;
/// Most elements (or JSON values) accepted in one document.
pub const MAX_NODES: usize = 200_000;
/// Most attributes accepted on one element, and most namespace prefixes in scope at once.
pub const MAX_ATTRIBUTES: usize = 256;
/// Longest document accepted, in bytes.
pub const MAX_BYTES: usize = 16 << 20;

/// Reads an XML document.
///
/// # Errors
/// The document is malformed, too large, has another root, or does not fit the type.
pub fn from_xml<T: VcdType>(input: impl AsRef<[u8]>) -> Result<T, ReadError> {
    let node = tree::parse(text(input.as_ref())?)?;
    let shape = T::shape();
    let expected = shape.local;
    if node.local != expected || !matches!(node.ns, ns if ns == shape.ns || ns == Ns::None) {
        return Err(ReadError::UnexpectedRoot { expected, found: node.local });
    }
    source::read_xml(node)
}

/// Reads a document in VCD's JSON.
///
/// # Errors
/// The document is malformed, too large, or does not fit the type.
pub fn from_json<T: VcdType>(input: impl AsRef<[u8]>) -> Result<T, ReadError> {
    let value = json::parse(text(input.as_ref())?)?;
    source::read_json(value, T::shape().local)
}

fn text(input: &[u8]) -> Result<&str, ReadError> {
    if input.len() > MAX_BYTES {
        return Err(ReadError::TooLarge);
    }
    let text = core::str::from_utf8(input)
        .map_err(|_| ReadError::Malformed("the text is not UTF-8".to_owned()))?;
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text))
}
