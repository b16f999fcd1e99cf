//! The writer of VCD's JSON.

use crate::leaf::Leaf;
use crate::{ApiVersion, VcdType};
use core::fmt::Write as _;

/// Writes VCD's JSON.
#[derive(Debug)]
pub struct JsonWriter {
    out: String,
    version: ApiVersion,
}

impl JsonWriter {
    /// A writer for one version.
    #[must_use]
    pub fn new(version: ApiVersion) -> Self {
        Self { out: String::with_capacity(2048), version }
    }

    /// The document.
    #[must_use]
    pub fn finish(self) -> String {
        self.out
    }

    /// Whether fields with this gate are written.
    #[must_use]
    pub fn in_version(&self, since: Option<ApiVersion>, until: Option<ApiVersion>) -> bool {
        crate::shape::in_version(self.version, since, until)
    }

    /// A comma, unless this is the first item of an object or array.
    fn comma(&mut self) {
        if !matches!(self.out.as_bytes().last(), None | Some(b'{' | b'[')) {
            self.out.push(',');
        }
    }

    fn key(&mut self, name: &str) {
        self.comma();
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    /// An object.
    pub fn object<T: VcdType>(&mut self, value: &T) {
        self.out.push('{');
        value.write_members(self);
        self.out.push('}');
    }

    /// An object of a polymorphic array.
    pub fn typed_object<T: VcdType>(&mut self, type_name: &str, value: &T) {
        self.comma();
        self.out.push('{');
        self.type_member(type_name);
        value.write_members(self);
        self.out.push('}');
    }

    /// The member `_type`.
    pub fn type_member(&mut self, type_name: &str) {
        self.key("_type");
        push_json_string(&mut self.out, type_name);
    }

    /// The member `otherAttributes`, always empty.
    pub fn other_attributes(&mut self) {
        self.key("otherAttributes");
        self.out.push_str("{}");
    }

    /// The member `vCloudExtension`, always empty.
    pub fn extension(&mut self) {
        self.key("vCloudExtension");
        self.out.push_str("[]");
    }

    /// A simple member.
    pub fn leaf_one<T: Leaf>(&mut self, name: &str, value: &T) {
        self.key(name);
        value.push_json(&mut self.out);
    }

    /// A simple member, null when absent.
    pub fn leaf_opt<T: Leaf>(&mut self, name: &str, value: &Option<T>) {
        match value {
            Some(value) => self.leaf_one(name, value),
            None => self.null(name),
        }
    }

    /// An array of simple values.
    pub fn leaf_vec<T: Leaf>(&mut self, name: &str, values: &[T]) {
        self.begin_array(name);
        for value in values {
            self.comma();
            value.push_json(&mut self.out);
        }
        self.end_array();
    }

    /// A nested member.
    pub fn nested_one<T: VcdType>(&mut self, name: &str, value: &T) {
        self.key(name);
        self.object(value);
    }

    /// A nested member, null when absent.
    pub fn nested_opt<T: VcdType>(&mut self, name: &str, value: &Option<T>) {
        match value {
            Some(value) => self.nested_one(name, value),
            None => self.null(name),
        }
    }

    /// An array of nested values.
    pub fn nested_vec<T: VcdType>(&mut self, name: &str, values: &[T]) {
        self.begin_array(name);
        for value in values {
            self.comma();
            self.object(value);
        }
        self.end_array();
    }

    /// A null member.
    pub fn null(&mut self, name: &str) {
        self.key(name);
        self.out.push_str("null");
    }

    /// Opens an array member.
    pub fn begin_array(&mut self, name: &str) {
        self.key(name);
        self.out.push('[');
    }

    /// Closes an array.
    pub fn end_array(&mut self) {
        self.out.push(']');
    }

    /// Opens the array of sections.
    pub fn begin_sections(&mut self) {
        self.begin_array("section");
    }

    /// Closes the array of sections.
    pub fn end_sections(&mut self) {
        self.end_array();
    }

    /// One section.
    pub fn section_one<T: VcdType>(&mut self, value: &T) {
        self.typed_object(T::shape().type_name, value);
    }

    /// A section that may be absent.
    pub fn section_opt<T: VcdType>(&mut self, value: &Option<T>) {
        if let Some(value) = value {
            self.section_one(value);
        }
    }

    /// Repeated sections.
    pub fn section_vec<T: VcdType>(&mut self, values: &[T]) {
        for value in values {
            self.section_one(value);
        }
    }
}

/// Appends a JSON string.
pub(crate) fn push_json_string(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(text.get(plain..at).unwrap_or_default());
        if escape.is_empty() {
            let _infallible = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
        plain = at + 1;
    }
    out.push_str(text.get(plain..).unwrap_or_default());
    out.push('"');
}
