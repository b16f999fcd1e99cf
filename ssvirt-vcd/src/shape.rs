//! Static descriptions of the types, for generating documents from them.

use crate::{ApiVersion, Ns};

/// The names of a field on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The XML namespace.
    pub ns: Ns,
    /// The XML local name.
    pub local: &'static str,
    /// The XML name as written, with its prefix.
    pub xml: &'static str,
    /// The JSON name.
    pub json: &'static str,
}

/// Where a field stands in XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An attribute.
    Attr,
    /// A child element.
    Element,
    /// The element's text (`value` in JSON).
    Text,
    /// The base type, whose fields are flattened in.
    Base,
    /// An `ovf:Section`: a child element in XML, an entry of the array `section` in JSON.
    Section,
}

/// The kinds of simple values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafKind {
    /// Text.
    Str,
    /// A boolean.
    Bool,
    /// A 32 bit integer.
    I32,
    /// A 64 bit integer.
    I64,
    /// A floating point number.
    F64,
}

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub enum FieldType {
    /// A simple value.
    Leaf(LeafKind),
    /// A nested type, as a function so that types can be recursive.
    Nested(fn() -> &'static Shape),
}

/// One field of a type.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its names.
    pub name: Name,
    /// Where it stands.
    pub place: Place,
    /// Whether it repeats.
    pub list: bool,
    /// Whether it must be present.
    pub required: bool,
    /// The first version that has it.
    pub since: Option<ApiVersion>,
    /// The last version that has it.
    pub until: Option<ApiVersion>,
    /// Its type.
    pub ty: FieldType,
}

impl Field {
    /// Whether the version has this field.
    #[must_use]
    pub fn in_version(&self, version: ApiVersion) -> bool {
        in_version(version, self.since, self.until)
    }
}

pub(crate) fn in_version(
    version: ApiVersion,
    since: Option<ApiVersion>,
    until: Option<ApiVersion>,
) -> bool {
    since.is_none_or(|since| version >= since) && until.is_none_or(|until| version <= until)
}

/// One type.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The XSD type, also `_type` in JSON.
    pub type_name: &'static str,
    /// The root element with its prefix.
    pub element: &'static str,
    /// The root element's namespace.
    pub ns: Ns,
    /// The root element's local name.
    pub local: &'static str,
    /// The media type without `+xml`, empty for types that are never roots.
    pub media: &'static str,
    /// The fields in XML order.
    pub fields: &'static [Field],
    /// Elements the reader accepts and drops.
    pub ignored: &'static [&'static str],
}
