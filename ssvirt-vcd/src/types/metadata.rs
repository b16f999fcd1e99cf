//! Metadata.

use super::Resource;
use crate::read::{ReadError, Source};
use crate::shape::{Field, FieldType, LeafKind, Name, Place, Shape};
use crate::write::{JsonWriter, XmlWriter};
use crate::{Ns, VcdType};

/// The metadata of an object.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.metadata")]
pub struct Metadata {
    #[vcd(base)]
    pub resource: Resource,
    pub metadata_entry: Vec<MetadataEntry>,
}

/// A key with its value.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct MetadataEntry {
    #[vcd(base)]
    pub resource: Resource,
    pub domain: Option<MetadataDomain>,
    pub key: String,
    pub value: Option<String>,
    pub typed_value: Option<TypedValue>,
}

/// The value of one key.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.metadata.value")]
pub struct MetadataValue {
    #[vcd(base)]
    pub resource: Resource,
    pub domain: Option<MetadataDomain>,
    pub value: Option<String>,
    pub typed_value: Option<TypedValue>,
}

/// The domain of an entry, `SYSTEM` or `GENERAL`, and who sees it.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(type_name = "MetadataDomainTagType", plain)]
pub struct MetadataDomain {
    #[vcd(attr)]
    pub visibility: String,
    #[vcd(text)]
    pub value: String,
}

/// A typed value.
#[derive(Clone, Debug, PartialEq)]
pub enum TypedValue {
    /// Text.
    String(String),
    /// A number.
    Number(i64),
    /// A boolean.
    Boolean(bool),
    /// A date and time.
    DateTime(String),
}

impl Default for TypedValue {
    fn default() -> Self {
        Self::String(String::new())
    }
}

impl TypedValue {
    /// The XSD type: `MetadataStringValue` and so on.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => "MetadataStringValue",
            Self::Number(_) => "MetadataNumberValue",
            Self::Boolean(_) => "MetadataBooleanValue",
            Self::DateTime(_) => "MetadataDateTimeValue",
        }
    }

    /// The lexical form of the value.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::String(text) | Self::DateTime(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Boolean(flag) => flag.to_string(),
        }
    }
}

const VALUE: Name = Name { ns: Ns::Vcloud, local: "Value", xml: "Value", json: "value" };
const TYPE: Name = Name { ns: Ns::Xsi, local: "type", xml: "xsi:type", json: "_type" };

impl VcdType for TypedValue {
    fn shape() -> &'static Shape {
        const fn field(name: Name, place: Place) -> Field {
            let ty = FieldType::Leaf(LeafKind::Str);
            Field { name, place, list: false, required: true, since: None, until: None, ty }
        }
        static SHAPE: Shape = Shape {
            type_name: "MetadataTypedValue",
            element: "TypedValue",
            ns: Ns::Vcloud,
            local: "TypedValue",
            media: "",
            fields: &[field(TYPE, Place::Attr), field(VALUE, Place::Element)],
            ignored: &[],
        };
        &SHAPE
    }

    fn write_attrs(&self, w: &mut XmlWriter) {
        w.attr_str(TYPE.xml, self.type_name());
    }

    fn write_content(&self, w: &mut XmlWriter) {
        w.leaf_one(VALUE.xml, &self.text());
    }

    fn write_members(&self, w: &mut JsonWriter) {
        w.type_member(self.type_name());
        match self {
            Self::String(text) | Self::DateTime(text) => w.leaf_one(VALUE.json, text),
            Self::Number(number) => w.leaf_one(VALUE.json, number),
            Self::Boolean(flag) => w.leaf_one(VALUE.json, flag),
        }
    }

    fn read(source: &mut Source) -> Result<Self, ReadError> {
        let name = source.type_name();
        Ok(match name.as_deref() {
            Some("MetadataNumberValue") => Self::Number(source.leaf_one(&VALUE)?),
            Some("MetadataBooleanValue") => Self::Boolean(source.leaf_one(&VALUE)?),
            Some("MetadataDateTimeValue") => Self::DateTime(source.leaf_one(&VALUE)?),
            Some("MetadataStringValue") | None => Self::String(source.leaf_one(&VALUE)?),
            Some(other) => {
                return Err(ReadError::BadValue {
                    name: "xsi:type".to_owned(),
                    value: other.to_owned(),
                });
            }
        })
    }
}
