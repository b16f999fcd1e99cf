//! What the generated code reads from.

use super::ReadError;
use super::json::lower_first_word;
use super::tree::Node;
use super::xml;
use crate::VcdType;
use crate::leaf::Leaf;
use crate::shape::Name;
use serde_json::{Map, Value};

/// One element or object that is being taken apart.
#[derive(Debug)]
pub struct Source {
    kind: Kind,
    parent: String,
}

#[derive(Debug)]
enum Kind {
    Xml(Node),
    Json { members: Map<String, Value>, sections: Option<Vec<Value>> },
}

pub(super) fn read_xml<T: VcdType>(node: Node) -> Result<T, ReadError> {
    let parent = node.local.clone();
    let mut source = Source { kind: Kind::Xml(node), parent };
    let value = T::read(&mut source)?;
    source.finish(T::ignores)?;
    Ok(value)
}

pub(super) fn read_json<T: VcdType>(value: Value, name: &str) -> Result<T, ReadError> {
    let Value::Object(members) = value else {
        return Err(bad(name, &value));
    };
    let mut source =
        Source { kind: Kind::Json { members, sections: None }, parent: name.to_owned() };
    let value = T::read(&mut source)?;
    source.finish(T::ignores)?;
    Ok(value)
}

impl Source {
    fn missing(&self, name: &Name) -> ReadError {
        ReadError::Missing { name: name.local.to_owned(), parent: self.parent.clone() }
    }

    fn require<T>(&self, name: &Name, value: Option<T>) -> Result<T, ReadError> {
        value.ok_or_else(|| self.missing(name))
    }

    /// A required attribute.
    pub fn attr_one<T: Leaf>(&mut self, name: &Name) -> Result<T, ReadError> {
        let value = self.attr_opt(name)?;
        self.require(name, value)
    }

    /// An attribute.
    pub fn attr_opt<T: Leaf>(&mut self, name: &Name) -> Result<Option<T>, ReadError> {
        match &mut self.kind {
            Kind::Xml(node) => xml::attr(node, name),
            Kind::Json { members, .. } => json_leaf(members, name.json),
        }
    }

    /// The text of a type with simple content.
    pub fn text<T: Leaf + Default>(&mut self) -> Result<T, ReadError> {
        match &mut self.kind {
            Kind::Xml(node) => xml::text(node),
            Kind::Json { members, .. } => Ok(json_leaf(members, "value")?.unwrap_or_default()),
        }
    }

    /// The type that `xsi:type` or `_type` names, without a prefix.
    pub fn type_name(&mut self) -> Option<String> {
        match &mut self.kind {
            Kind::Xml(node) => xml::xsi_type(node),
            Kind::Json { members, .. } => match members.get("_type") {
                Some(Value::String(name)) => Some(name.clone()),
                _ => None,
            },
        }
    }

    /// A required simple element.
    pub fn leaf_one<T: Leaf>(&mut self, name: &Name) -> Result<T, ReadError> {
        let value = self.leaf_opt(name)?;
        self.require(name, value)
    }

    /// A simple element.
    pub fn leaf_opt<T: Leaf>(&mut self, name: &Name) -> Result<Option<T>, ReadError> {
        match &mut self.kind {
            Kind::Xml(node) => xml::take(node, name).map(xml::leaf).transpose(),
            Kind::Json { members, .. } => json_leaf(members, name.json),
        }
    }

    /// A repeated simple element.
    pub fn leaf_vec<T: Leaf>(&mut self, name: &Name) -> Result<Vec<T>, ReadError> {
        match &mut self.kind {
            Kind::Xml(node) => xml::take_all(node, name).into_iter().map(xml::leaf).collect(),
            Kind::Json { members, .. } => json_array(members, name.json)?
                .iter()
                .map(|value| T::from_json(value).ok_or_else(|| bad(name.json, value)))
                .collect(),
        }
    }

    /// A required nested element.
    pub fn nested_one<T: VcdType>(&mut self, name: &Name) -> Result<T, ReadError> {
        let value = self.nested_opt(name)?;
        self.require(name, value)
    }

    /// A nested element.
    pub fn nested_opt<T: VcdType>(&mut self, name: &Name) -> Result<Option<T>, ReadError> {
        match &mut self.kind {
            Kind::Xml(node) => xml::take(node, name).map(read_xml).transpose(),
            Kind::Json { members, .. } => match members.remove(name.json) {
                None | Some(Value::Null) => Ok(None),
                Some(value) => read_json(value, name.local).map(Some),
            },
        }
    }

    /// A repeated nested element.
    pub fn nested_vec<T: VcdType>(&mut self, name: &Name) -> Result<Vec<T>, ReadError> {
        match &mut self.kind {
            Kind::Xml(node) => xml::take_all(node, name).into_iter().map(read_xml).collect(),
            Kind::Json { members, .. } => json_array(members, name.json)?
                .into_iter()
                .map(|value| read_json(value, name.local))
                .collect(),
        }
    }

    /// A required section.
    pub fn section_one<T: VcdType>(&mut self, name: &Name) -> Result<T, ReadError> {
        let value = self.section_opt(name)?;
        self.require(name, value)
    }

    /// A section.
    pub fn section_opt<T: VcdType>(&mut self, name: &Name) -> Result<Option<T>, ReadError> {
        match &mut self.kind {
            Kind::Xml(_) => self.nested_opt(name),
            Kind::Json { .. } => {
                let sections = self.sections()?;
                let found = sections.iter().position(|s| is_type(s, T::shape().type_name));
                found.map(|at| read_json(sections.remove(at), name.local)).transpose()
            }
        }
    }

    /// Repeated sections.
    pub fn section_vec<T: VcdType>(&mut self, name: &Name) -> Result<Vec<T>, ReadError> {
        match &mut self.kind {
            Kind::Xml(_) => self.nested_vec(name),
            Kind::Json { .. } => {
                let sections = self.sections()?;
                let type_name = T::shape().type_name;
                sections
                    .extract_if(.., |section| is_type(section, type_name))
                    .map(|section| read_json(section, name.local))
                    .collect()
            }
        }
    }

    fn sections(&mut self) -> Result<&mut Vec<Value>, ReadError> {
        match &mut self.kind {
            Kind::Json { members, sections: sections @ None } => {
                Ok(sections.insert(json_array(members, "section")?))
            }
            Kind::Json { sections: Some(sections), .. } => Ok(sections),
            Kind::Xml(node) => Err(ReadError::Malformed(node.local.clone())),
        }
    }

    /// Checks that nothing unknown is left.
    fn finish(self, ignores: fn(&str) -> bool) -> Result<(), ReadError> {
        let unknown = match &self.kind {
            Kind::Xml(node) => node
                .children
                .iter()
                .flatten()
                .find(|child| child.local != "VCloudExtension" && !ignores(&child.local))
                .map(|child| child.local.clone()),
            Kind::Json { members, sections } => members
                .iter()
                .find(|(name, value)| !json_harmless(name, value) && !json_ignored(name, ignores))
                .map(|(name, _)| name.clone())
                .or_else(|| sections.iter().flatten().find_map(|s| unknown_section(s, ignores))),
        };
        match unknown {
            Some(name) => Err(ReadError::UnknownElement { name, parent: self.parent }),
            None => Ok(()),
        }
    }
}

fn bad(name: &str, value: &Value) -> ReadError {
    ReadError::BadValue {
        name: name.to_owned(),
        value: value.to_string().chars().take(80).collect(),
    }
}

fn json_leaf<T: Leaf>(
    members: &mut Map<String, Value>,
    name: &str,
) -> Result<Option<T>, ReadError> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => T::from_json(&value).map(Some).ok_or_else(|| bad(name, &value)),
    }
}

fn json_array(members: &mut Map<String, Value>, name: &str) -> Result<Vec<Value>, ReadError> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => Ok(items),
        Some(value) => Err(bad(name, &value)),
    }
}

fn is_type(value: &Value, type_name: &str) -> bool {
    value.get("_type").and_then(Value::as_str) == Some(type_name)
}

/// Members that mean nothing: absent values, and what the JSON form adds by itself.
fn json_harmless(name: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) if items.is_empty() => true,
        _ => matches!(name, "_type" | "otherAttributes" | "vCloudExtension"),
    }
}

/// Whether an ignored element has this JSON name.
fn json_ignored(name: &str, ignores: fn(&str) -> bool) -> bool {
    if ignores(name) {
        return true;
    }
    // The JSON name determines the XML name but for the case of the leading letters.
    let mut chars: Vec<char> = name.chars().collect();
    for at in 0..chars.len().min(5) {
        let Some(c) = chars.get_mut(at) else { break };
        c.make_ascii_uppercase();
        let candidate: String = chars.iter().collect();
        if lower_first_word(&candidate) == name && ignores(&candidate) {
            return true;
        }
    }
    false
}

fn unknown_section(section: &Value, ignores: fn(&str) -> bool) -> Option<String> {
    let name = section.get("_type").and_then(Value::as_str).unwrap_or("section");
    (!ignores(name.strip_suffix("Type").unwrap_or(name))).then(|| name.to_owned())
}
