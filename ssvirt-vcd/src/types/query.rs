//! Answers of the query service.

use super::{Link, Metadata, Reference, Resource};
use crate::leaf::Leaf;
use crate::read::{ReadError, Source};
use crate::shape::{Field, FieldType, LeafKind, Name, Place, Shape};
use crate::write::{JsonWriter, XmlWriter};
use crate::{Ns, VcdType};
use std::borrow::Cow;

/// The list of queries.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.query.queryList")]
pub struct QueryList {
    #[vcd(base)]
    pub container: Container,
}

/// Base of pages: `ContainerType`.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct Container {
    #[vcd(base)]
    pub resource: Resource,
    #[vcd(attr)]
    pub name: Option<String>,
    #[vcd(attr)]
    pub page: Option<i32>,
    #[vcd(attr)]
    pub page_size: Option<i32>,
    #[vcd(attr)]
    pub total: Option<i64>,
}

/// The value of an attribute of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Text.
    Str(String),
    /// A number.
    Int(i64),
    /// A boolean.
    Bool(bool),
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

impl From<i64> for Scalar {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<i32> for Scalar {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}

impl From<bool> for Scalar {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

/// A record: its attributes are data, for the schema has a type of its own for each query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The element, such as `VMRecord`.
    pub element: &'static str,
    /// The type in JSON, such as `QueryResultVMRecordType`.
    pub json_type: &'static str,
    /// The attributes, `href`, `id` and `type` among them.
    pub attrs: Vec<(Cow<'static, str>, Scalar)>,
    /// The links, if they were asked for.
    pub link: Vec<Link>,
    /// The metadata, if it was asked for.
    pub metadata: Option<Metadata>,
}

/// A page of records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueryResultRecords {
    /// Name, page, links and so on.
    pub container: Container,
    /// The records.
    pub record: Vec<Record>,
}

/// A page of references. The names of the elements are data: `VMReferences` with `VMReference`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueryReferences {
    /// The root element, such as `VMReferences`.
    pub element: &'static str,
    /// The element of each reference, such as `VMReference`.
    pub reference_element: &'static str,
    /// Name, page, links and so on.
    pub container: Container,
    /// The references.
    pub reference: Vec<Reference>,
}

const fn nested(name: Name, place: Place, list: bool, ty: fn() -> &'static Shape) -> Field {
    Field {
        name,
        place,
        list,
        required: !list,
        since: None,
        until: None,
        ty: FieldType::Nested(ty),
    }
}

const fn vcloud(local: &'static str, json: &'static str) -> Name {
    Name { ns: Ns::Vcloud, local, xml: local, json }
}

/// Data-named documents are answers only; reading them back is not supported.
fn unreadable(what: &str) -> ReadError {
    ReadError::UnknownElement { name: what.to_owned(), parent: "request".to_owned() }
}

impl VcdType for Record {
    fn shape() -> &'static Shape {
        const fn attr(xml: &'static str) -> Field {
            let name = Name { ns: Ns::None, local: xml, xml, json: xml };
            let ty = FieldType::Leaf(LeafKind::Str);
            Field {
                name,
                place: Place::Attr,
                list: false,
                required: false,
                since: None,
                until: None,
                ty,
            }
        }
        static SHAPE: Shape = Shape {
            type_name: "QueryResultRecordType",
            element: "Record",
            ns: Ns::Vcloud,
            local: "Record",
            media: "",
            fields: &[
                attr("href"),
                attr("id"),
                attr("type"),
                nested(vcloud("Link", "link"), Place::Element, true, Link::shape),
                nested(vcloud("Metadata", "metadata"), Place::Element, false, Metadata::shape),
            ],
            ignored: &[],
        };
        &SHAPE
    }

    fn write_attrs(&self, w: &mut XmlWriter) {
        for (name, value) in &self.attrs {
            match value {
                Scalar::Str(text) => w.attr_str(name, text),
                Scalar::Int(number) => number.with_text(|text| w.attr_str(name, text)),
                Scalar::Bool(flag) => flag.with_text(|text| w.attr_str(name, text)),
            }
        }
    }

    fn write_content(&self, w: &mut XmlWriter) {
        w.nested_vec("Link", &self.link);
        w.nested_opt("Metadata", &self.metadata);
    }

    fn write_members(&self, w: &mut JsonWriter) {
        w.other_attributes();
        w.nested_vec("link", &self.link);
        w.nested_opt("metadata", &self.metadata);
        for (name, value) in &self.attrs {
            match value {
                Scalar::Str(text) => w.leaf_one(name, text),
                Scalar::Int(number) => w.leaf_one(name, number),
                Scalar::Bool(flag) => w.leaf_one(name, flag),
            }
        }
    }

    fn read(_: &mut Source) -> Result<Self, ReadError> {
        Err(unreadable("Record"))
    }

    fn root_element(&self) -> &str {
        self.element
    }
}

impl VcdType for QueryResultRecords {
    fn shape() -> &'static Shape {
        static SHAPE: Shape = Shape {
            type_name: "QueryResultRecordsType",
            element: "QueryResultRecords",
            ns: Ns::Vcloud,
            local: "QueryResultRecords",
            media: "application/vnd.vmware.vcloud.query.records",
            fields: &[
                nested(vcloud("Container", "container"), Place::Base, false, Container::shape),
                nested(vcloud("Record", "record"), Place::Element, true, Record::shape),
            ],
            ignored: &[],
        };
        &SHAPE
    }

    fn write_attrs(&self, w: &mut XmlWriter) {
        self.container.write_attrs(w);
    }

    fn write_content(&self, w: &mut XmlWriter) {
        self.container.write_content(w);
        for record in &self.record {
            w.nested_one(record.element, record);
        }
    }

    fn write_members(&self, w: &mut JsonWriter) {
        self.container.write_members(w);
        w.begin_array("record");
        for record in &self.record {
            w.typed_object(record.json_type, record);
        }
        w.end_array();
    }

    fn read(_: &mut Source) -> Result<Self, ReadError> {
        Err(unreadable("QueryResultRecords"))
    }
}

impl VcdType for QueryReferences {
    fn shape() -> &'static Shape {
        static SHAPE: Shape = Shape {
            type_name: "ReferencesType",
            element: "References",
            ns: Ns::Vcloud,
            local: "References",
            media: "application/vnd.vmware.vcloud.query.references",
            fields: &[
                nested(vcloud("Container", "container"), Place::Base, false, Container::shape),
                nested(vcloud("Reference", "reference"), Place::Element, true, Reference::shape),
            ],
            ignored: &[],
        };
        &SHAPE
    }

    fn write_attrs(&self, w: &mut XmlWriter) {
        self.container.write_attrs(w);
    }

    fn write_content(&self, w: &mut XmlWriter) {
        self.container.write_content(w);
        w.nested_vec(self.reference_element, &self.reference);
    }

    fn write_members(&self, w: &mut JsonWriter) {
        self.container.write_members(w);
        w.nested_vec("reference", &self.reference);
    }

    fn read(_: &mut Source) -> Result<Self, ReadError> {
        Err(unreadable("References"))
    }

    fn root_element(&self) -> &str {
        self.element
    }
}
