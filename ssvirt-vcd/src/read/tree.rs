//! The XML tree and its builder.

use super::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_NODES, ReadError};
use crate::Ns;
use crate::write::is_xml_char;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// An element.
#[derive(Debug)]
pub(crate) struct Node {
    pub ns: Ns,
    pub local: String,
    pub attrs: Vec<Attr>,
    pub text: String,
    pub children: Vec<Option<Node>>,
}

/// An attribute.
#[derive(Debug)]
pub(crate) struct Attr {
    pub ns: Ns,
    pub local: String,
    pub value: String,
}

impl Node {
    /// Whether the element is marked as having no value.
    pub fn is_nil(&self) -> bool {
        self.attrs.iter().any(|a| {
            a.ns == Ns::Xsi && a.local == "nil" && matches!(a.value.as_str(), "true" | "1")
        })
    }
}

/// Builds the tree of a document.
pub(crate) fn parse(text: &str) -> Result<Node, ReadError> {
    if let Some(bad) = text.chars().find(|c| !is_xml_char(*c)) {
        return Err(malformed(format_args!("character U+{:04X}", u32::from(bad))));
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut builder = Builder::default();
    let mut first = true;
    loop {
        match reader.read_event().map_err(malformed)? {
            Event::Decl(_) if first => {}
            Event::Decl(_) | Event::PI(_) => return Err(ReadError::ProcessingInstruction),
            Event::DocType(_) => return Err(ReadError::Doctype),
            Event::Comment(_) => {}
            Event::Start(tag) => builder.open(&tag)?,
            Event::Empty(tag) => {
                builder.open(&tag)?;
                builder.close()?;
            }
            Event::End(_) => builder.close()?,
            Event::Text(text) => builder.text(&text.xml10_content())?,
            Event::CData(data) => builder.cdata(&data.xml10_content())?,
            Event::GeneralRef(reference) => {
                let c = entity(&reference.into_inner())?;
                builder.cdata(c.encode_utf8(&mut [0; 4]))?;
            }
            Event::Eof => return builder.finish(),
        }
        first = false;
    }
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    /// Open elements, each with the number of prefixes in scope before it.
    open: Vec<(Node, usize)>,
    scope: Vec<(String, Ns)>,
    nodes: usize,
}

impl Builder {
    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), ReadError> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(malformed("more than one root element"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(ReadError::TooDeep);
        }
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(ReadError::TooLarge);
        }
        let before = self.scope.len();
        let mut raw = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(malformed)?;
            if raw.len() >= MAX_ATTRIBUTES || self.scope.len() >= MAX_ATTRIBUTES {
                return Err(ReadError::TooLarge);
            }
            let key = attribute.key.as_ref();
            let value = unescape(&attribute.value)?;
            if key == "xmlns" {
                self.scope.push((String::new(), Ns::of_uri(&value)));
            } else if let Some(prefix) = key.strip_prefix("xmlns:") {
                self.scope.push((prefix.to_owned(), Ns::of_uri(&value)));
            } else {
                raw.push((key.to_owned(), value));
            }
        }
        let mut attrs = Vec::with_capacity(raw.len());
        for (key, value) in raw {
            let (ns, local) = match key.split_once(':') {
                Some((prefix, local)) => (self.resolve(prefix)?, local.to_owned()),
                None => (Ns::None, key),
            };
            attrs.push(Attr { ns, local, value });
        }
        let name = tag.name();
        let name: &str = name.as_ref();
        let (ns, local) = match name.split_once(':') {
            Some((prefix, local)) => (self.resolve(prefix)?, local),
            None => (self.lookup("").unwrap_or(Ns::None), name),
        };
        let node =
            Node { ns, local: local.to_owned(), attrs, text: String::new(), children: Vec::new() };
        self.open.push((node, before));
        Ok(())
    }

    fn lookup(&self, prefix: &str) -> Option<Ns> {
        self.scope.iter().rev().find(|(p, _)| p == prefix).map(|(_, ns)| *ns)
    }

    fn resolve(&self, prefix: &str) -> Result<Ns, ReadError> {
        self.lookup(prefix)
            .or_else(|| Ns::of_customary_prefix(prefix))
            .ok_or_else(|| malformed(format_args!("prefix '{prefix}' is not declared")))
    }

    fn close(&mut self) -> Result<(), ReadError> {
        let Some((node, before)) = self.open.pop() else {
            return Err(malformed("end tag without start tag"));
        };
        self.scope.truncate(before);
        match self.open.last_mut() {
            Some((parent, _)) => parent.children.push(Some(node)),
            None => self.root = Some(node),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), ReadError> {
        if self.open.is_empty() && text.trim_ascii().is_empty() {
            return Ok(());
        }
        self.cdata(text)
    }

    fn cdata(&mut self, text: &str) -> Result<(), ReadError> {
        let Some((node, _)) = self.open.last_mut() else {
            return Err(malformed("text outside the root element"));
        };
        node.text.push_str(text);
        Ok(())
    }

    fn finish(self) -> Result<Node, ReadError> {
        match self.root {
            Some(root) if self.open.is_empty() => Ok(root),
            _ => Err(malformed("the document ends early")),
        }
    }
}

fn malformed(what: impl core::fmt::Display) -> ReadError {
    ReadError::Malformed(what.to_string())
}

/// The character a reference stands for, given the text between `&` and `;`.
fn entity(name: &str) -> Result<char, ReadError> {
    let refuse = || ReadError::Entity(name.chars().take(40).collect());
    Ok(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let digits = name.strip_prefix('#').ok_or_else(refuse)?;
            let (digits, radix) = digits.strip_prefix('x').map_or((digits, 10), |hex| (hex, 16));
            if !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return Err(refuse());
            }
            let code = u32::from_str_radix(digits, radix).map_err(|_| refuse())?;
            char::from_u32(code).filter(|c| is_xml_char(*c)).ok_or_else(refuse)?
        }
    })
}

/// The value of an attribute: references resolved, white space normalised.
fn unescape(raw: &str) -> Result<String, ReadError> {
    if raw.contains('<') {
        return Err(malformed("'<' in an attribute"));
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\n', '\t', '\r']) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        if let Some(reference) = special.strip_prefix('&') {
            let (name, after) =
                reference.split_once(';').ok_or_else(|| malformed("'&' without ';'"))?;
            out.push(entity(name)?);
            rest = after;
        } else {
            out.push(' ');
            rest = special.strip_prefix("\r\n").or_else(|| special.get(1..)).unwrap_or_default();
        }
    }
    out.push_str(rest);
    Ok(out)
}
