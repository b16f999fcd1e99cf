//! The XML writer.

use crate::leaf::Leaf;
use crate::{ApiVersion, Ns, VcdType};

/// Writes XML.
#[derive(Debug)]
pub struct XmlWriter {
    out: String,
    version: ApiVersion,
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// The prefixes declared on each root.
const PREFIXES: [(&str, Ns); 7] = [
    ("vcloud", Ns::Vcloud),
    ("ovf", Ns::Ovf),
    ("vssd", Ns::Vssd),
    ("rasd", Ns::Rasd),
    ("vmw", Ns::Vmw),
    ("vmext", Ns::Vmext),
    ("xsi", Ns::Xsi),
];

impl XmlWriter {
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

    /// Writes the declaration and the root element.
    pub fn root<T: VcdType>(&mut self, value: &T) {
        self.out.push_str(DECLARATION);
        let name = value.root_element();
        self.out.push('<');
        self.out.push_str(name);
        if T::shape().ns == Ns::Versions {
            self.declare("", Ns::Versions);
        } else {
            self.declare("", Ns::Vcloud);
            for (prefix, ns) in PREFIXES {
                self.declare(prefix, ns);
            }
        }
        self.rest(name, value);
    }

    fn declare(&mut self, prefix: &str, ns: Ns) {
        self.out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
        self.out.push_str(prefix);
        self.out.push_str("=\"");
        self.out.push_str(ns.uri());
        self.out.push('"');
    }

    /// Attributes, content and end of an element that is open.
    fn rest<T: VcdType>(&mut self, name: &str, value: &T) {
        value.write_attrs(self);
        self.out.push('>');
        let start = self.out.len();
        value.write_content(self);
        self.close(name, start);
    }

    fn close(&mut self, name: &str, start: usize) {
        if self.out.len() == start {
            self.out.pop();
            self.out.push_str("/>");
        } else {
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
    }

    /// An attribute.
    pub fn attr_one<T: Leaf>(&mut self, name: &str, value: &T) {
        value.with_text(|text| self.attr_str(name, text));
    }

    /// An attribute given as text.
    pub fn attr_str(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        push_escaped(&mut self.out, value, true);
        self.out.push('"');
    }

    /// An attribute that may be absent.
    pub fn attr_opt<T: Leaf>(&mut self, name: &str, value: &Option<T>) {
        if let Some(value) = value {
            self.attr_one(name, value);
        }
    }

    /// The text of the open element.
    pub fn text<T: Leaf>(&mut self, value: &T) {
        value.with_text(|text| push_escaped(&mut self.out, text, false));
    }

    /// A simple element.
    pub fn leaf_one<T: Leaf>(&mut self, name: &str, value: &T) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
        let start = self.out.len();
        self.text(value);
        self.close(name, start);
    }

    /// A simple element that may be absent.
    pub fn leaf_opt<T: Leaf>(&mut self, name: &str, value: &Option<T>) {
        if let Some(value) = value {
            self.leaf_one(name, value);
        }
    }

    /// A repeated simple element.
    pub fn leaf_vec<T: Leaf>(&mut self, name: &str, values: &[T]) {
        for value in values {
            self.leaf_one(name, value);
        }
    }

    /// A nested element.
    pub fn nested_one<T: VcdType>(&mut self, name: &str, value: &T) {
        self.out.push('<');
        self.out.push_str(name);
        self.rest(name, value);
    }

    /// A nested element that may be absent.
    pub fn nested_opt<T: VcdType>(&mut self, name: &str, value: &Option<T>) {
        if let Some(value) = value {
            self.nested_one(name, value);
        }
    }

    /// A repeated nested element.
    pub fn nested_vec<T: VcdType>(&mut self, name: &str, values: &[T]) {
        for value in values {
            self.nested_one(name, value);
        }
    }
}

/// Whether XML 1.0 can carry the character at all.
pub(crate) const fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// Appends text with its markup escaped. Characters XML cannot carry become U+FFFD.
fn push_escaped(out: &mut String, text: &str, attribute: bool) {
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let escape = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '\r' => "&#13;",
            '"' if attribute => "&quot;",
            '\n' if attribute => "&#10;",
            '\t' if attribute => "&#9;",
            c if !is_xml_char(c) => "\u{FFFD}",
            _ => continue,
        };
        out.push_str(text.get(plain..at).unwrap_or_default());
        out.push_str(escape);
        plain = at + c.len_utf8();
    }
    out.push_str(text.get(plain..).unwrap_or_default());
}
