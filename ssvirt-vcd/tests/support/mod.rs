//! Sample documents made from the shapes of the types, in exactly the form the XML writer gives them.

use ssvirt_vcd::Ns;
use ssvirt_vcd::shape::{Field, FieldType, LeafKind, Place, Shape};

/// Decides what a sample contains.
pub trait Choices {
    /// How often a field occurs, given how often it may.
    fn count(&mut self, field: &Field) -> usize;
    /// The value of a simple field.
    fn value(&mut self, field: &Field, kind: LeafKind) -> String;
}

/// Everything once, with values the schema accepts.
pub struct Everything;

impl Choices for Everything {
    fn count(&mut self, _: &Field) -> usize {
        1
    }

    fn value(&mut self, field: &Field, kind: LeafKind) -> String {
        match kind {
            LeafKind::Bool => "true",
            LeafKind::I32 | LeafKind::I64 => "7",
            LeafKind::F64 => "0.5",
            LeafKind::Str => text(field.name.local),
        }
        .to_owned()
    }
}

fn text(local: &str) -> &'static str {
    match local {
        "startTime" | "endTime" | "expiryTime" | "created" | "DateCreated" => {
            "2024-05-06T07:08:09.123Z"
        }
        name if name.ends_with("Expiration") => "2024-05-06T07:08:09.123Z",
        "IpType" | "SecondaryIpType" => "IPV4",
        "SharesLevel" => "NORMAL",
        "MediaType" => "ISO",
        "MediaState" => "DISCONNECTED",
        "VirtualCpuType" => "VM64",
        "visibility" => "READONLY",
        "Dns1" | "Dns2" | "RouterIp" | "ExternalIp" => "10.0.0.1",
        "Gateway" | "Netmask" | "SubMask" | "StartAddress" | "EndAddress" | "IpAddress"
        | "ExternalIpAddress" | "SyslogServerIp1" | "SyslogServerIp2" => "10.0.0.2",
        "AddressOnParent" | "Address" | "InstanceID" => "3",
        _ => "some",
    }
}

/// A document of the type; members that would recurse are left out.
pub fn sample(shape: &'static Shape, choices: &mut dyn Choices) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut declarations = String::new();
    if shape.ns == Ns::Versions {
        declarations.push_str(&format!(" xmlns=\"{}\"", Ns::Versions.uri()));
    } else {
        for (prefix, ns) in [
            ("", Ns::Vcloud),
            (":vcloud", Ns::Vcloud),
            (":ovf", Ns::Ovf),
            (":vssd", Ns::Vssd),
            (":rasd", Ns::Rasd),
            (":vmw", Ns::Vmw),
            (":vmext", Ns::Vmext),
            (":xsi", Ns::Xsi),
        ] {
            declarations.push_str(&format!(" xmlns{prefix}=\"{}\"", ns.uri()));
        }
    }
    let mut writer = Writer { out: &mut out, choices, stack: Vec::new() };
    writer.element(shape.element, shape, &declarations);
    out
}

struct Writer<'a> {
    out: &'a mut String,
    choices: &'a mut dyn Choices,
    stack: Vec<&'static str>,
}

impl Writer<'_> {
    fn element(&mut self, name: &str, shape: &'static Shape, extra: &str) {
        self.stack.push(shape.type_name);
        self.out.push_str(&format!("<{name}{extra}"));
        let mut fields = Vec::new();
        flatten(shape, &mut fields);
        for field in fields.iter().filter(|f| f.place == Place::Attr) {
            for _ in 0..self.count(field) {
                let value = escape(&self.value(field), true);
                self.out.push_str(&format!(" {}=\"{value}\"", field.name.xml));
            }
        }
        let tag = self.out.len();
        self.out.push('>');
        let start = self.out.len();
        for field in &fields {
            self.content(field);
        }
        if self.out.len() == start {
            self.out.truncate(tag);
            self.out.push_str("/>");
        } else {
            self.out.push_str(&format!("</{name}>"));
        }
        self.stack.pop();
    }

    fn content(&mut self, field: &Field) {
        let xml = field.name.xml;
        match (field.place, field.ty) {
            (Place::Text, _) => {
                let value = self.value(field);
                self.out.push_str(&escape(&value, false));
            }
            (Place::Element | Place::Section, FieldType::Leaf(_)) => {
                for _ in 0..self.count(field) {
                    let value = escape(&self.value(field), false);
                    self.out.push_str(&if value.is_empty() {
                        format!("<{xml}/>")
                    } else {
                        format!("<{xml}>{value}</{xml}>")
                    });
                }
            }
            (Place::Element | Place::Section, FieldType::Nested(nested)) => {
                let nested = nested();
                if field.required || !self.stack.contains(&nested.type_name) {
                    for _ in 0..self.count(field) {
                        self.element(xml, nested, "");
                    }
                }
            }
            _ => {}
        }
    }

    /// `required` is false for fields with a default, but the writer always writes those.
    fn count(&mut self, field: &Field) -> usize {
        let always = matches!(field.name.local, "Info" | "ElementName" | "InstanceID" | "Settings");
        if field.required && !field.list || always {
            return 1;
        }
        let count = self.choices.count(field);
        if field.list { count } else { count.min(1) }
    }

    fn value(&mut self, field: &Field) -> String {
        match field.ty {
            FieldType::Leaf(_) if field.name.xml == "xsi:type" => "MetadataStringValue".to_owned(),
            FieldType::Leaf(kind) => self.choices.value(field, kind),
            FieldType::Nested(_) => String::new(),
        }
    }
}

fn flatten(shape: &'static Shape, out: &mut Vec<Field>) {
    for field in shape.fields {
        match (field.place, field.ty) {
            (Place::Base, FieldType::Nested(base)) => flatten(base(), out),
            _ => out.push(*field),
        }
    }
}

fn escape(text: &str, attribute: bool) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let text = text.replace('\r', "&#13;");
    if !attribute {
        return text;
    }
    text.replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}
