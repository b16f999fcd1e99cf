//! Answers as trees, whatever they are written in, and trees as lines that people can read and compare.
//!
//! A line is an element: one space for each step below the root, the name, the attributes in the order of
//! their names, and the text behind ` = `.
//!
//! ```text
//! Vm deployed='false' href='{root}/api/vApp/vm-{vm.1}' name='web' status='8'
//!  Link href='{root}/api/vApp/vm-{vm.1}/power/action/powerOn' rel='power:powerOn'
//!  ovf:VirtualHardwareSection
//!   ovf:Info = Virtual hardware requirements
//! ```
//!
//! JSON becomes such a tree too: `{}` is its root, members are elements, and so is each value of an array,
//! under the array's name and `[]`. What is no string says so: `total json='number' = 5`.

use quick_xml::{
    NsReader,
    events::{BytesStart, Event},
    name::ResolveResult,
};

/// The prefixes of namespaces in lines, whatever the answer calls them; VMware's own has none.
const PREFIXES: [(&str, &str); 8] = [
    ("http://www.vmware.com/vcloud/v1.5", ""),
    ("http://www.vmware.com/vcloud/versions", ""),
    ("http://schemas.dmtf.org/ovf/envelope/1", "ovf"),
    ("http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData", "vssd"),
    ("http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData", "rasd"),
    ("http://www.vmware.com/schema/ovf", "vmw"),
    ("http://www.vmware.com/vcloud/extension/v1.5", "vmext"),
    ("http://www.w3.org/2001/XMLSchema-instance", "xsi"),
];

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// The name, with the prefix of its namespace.
    pub name: String,
    /// The attributes, in the order of their names.
    pub attributes: Vec<(String, String)>,
    /// The text; empty where there is none.
    pub text: String,
    /// The elements in it.
    pub children: Vec<Node>,
}

impl Node {
    /// An attribute's value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The text of the first child of that name.
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.children.iter().find(|child| child.name == name).map(|child| child.text.as_str())
    }

    /// This element and all below it that fit.
    pub fn all<'a>(&'a self, fits: &dyn Fn(&Node) -> bool) -> Vec<&'a Node> {
        let mut found: Vec<&Node> = if fits(self) { vec![self] } else { Vec::new() };
        found.extend(self.children.iter().flat_map(|child| child.all(fits)));
        found
    }

    /// Calls `change` for every value, from the root down: attributes with the names of their element and
    /// of themselves, then the text with the element's name alone.
    pub fn change_values(&mut self, change: &mut impl FnMut(&str, Option<&str>, &mut String)) {
        for (name, value) in &mut self.attributes {
            change(&self.name, Some(name), value);
        }
        if !self.text.is_empty() {
            change(&self.name, None, &mut self.text);
        }
        for child in &mut self.children {
            child.change_values(change);
        }
    }

    /// The lines.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.write(0, &mut lines);
        lines
    }

    fn write(&self, depth: usize, lines: &mut Vec<String>) {
        let mut line = format!("{}{}", " ".repeat(depth), self.name);
        for (name, value) in &self.attributes {
            line.push_str(&format!(" {name}='{}'", escaped(value)));
        }
        if !self.text.is_empty() {
            line.push_str(&format!(" = {}", escaped(&self.text)));
        }
        lines.push(line);
        for child in &self.children {
            child.write(depth + 1, lines);
        }
    }

    /// The tree that [`Node::lines`] wrote; none of no lines.
    ///
    /// # Errors
    /// Says which line is none.
    pub fn from_lines(lines: &[String]) -> Result<Option<Self>, String> {
        // The elements that are still open, from the root down.
        let mut open: Vec<Self> = Vec::new();
        for line in lines {
            let depth = line.len() - line.trim_start_matches(' ').len();
            if depth > open.len() || (depth == 0 && !open.is_empty()) {
                return Err(format!("not below anything: {line}"));
            }
            close(&mut open, depth);
            open.push(
                read_line(line.trim_start_matches(' '))
                    .ok_or_else(|| format!("not a line: {line}"))?,
            );
        }
        close(&mut open, 1);
        Ok(open.pop())
    }
}

/// Puts the elements below `depth` into the elements that they belong to.
fn close(open: &mut Vec<Node>, depth: usize) {
    while open.len() > depth.max(1) || (depth == 0 && open.len() > 1) {
        let Some(done) = open.pop() else { return };
        if let Some(parent) = open.last_mut() {
            parent.children.push(done);
        }
    }
}

fn read_line(line: &str) -> Option<Node> {
    let end = line.find(' ').unwrap_or(line.len());
    let (name, mut rest) = line.split_at(end);
    let mut node = Node { name: name.to_owned(), ..Node::default() };
    while !rest.is_empty() {
        if let Some(text) = rest.strip_prefix(" = ") {
            node.text = unescaped(text);
            break;
        }
        let (name, value) = rest.strip_prefix(' ')?.split_once("='")?;
        let (value, after) = value.split_once('\'')?;
        node.attributes.push((name.to_owned(), unescaped(value)));
        rest = after;
    }
    Some(node)
}

fn escaped(value: &str) -> String {
    value
        .replace('&', "&amp;")
        .replace('\'', "&apos;")
        .replace('\n', "&#10;")
        .replace('\r', "&#13;")
}

fn unescaped(value: &str) -> String {
    value.replace("&#13;", "\r").replace("&#10;", "\n").replace("&apos;", "'").replace("&amp;", "&")
}

/// The tree of an answer; none where it is empty.
///
/// # Errors
/// Says what is wrong with it.
pub fn parse(media: &str, body: &str) -> Result<Option<Node>, String> {
    if body.trim().is_empty() {
        return Ok(None);
    }
    let essence = media.split(';').next().unwrap_or_default().trim();
    if essence.ends_with("json") {
        let value = serde_json::from_str(body).map_err(|error| format!("not JSON: {error}"))?;
        let mut nodes = Vec::new();
        of_json("{}", &value, &mut nodes);
        // An array has as many roots as values.
        return Ok(match nodes.pop() {
            Some(root) if nodes.is_empty() && root.name == "{}" => Some(root),
            last => {
                nodes.extend(last);
                Some(Node { name: "[]".to_owned(), children: nodes, ..Node::default() })
            }
        });
    }
    of_xml(body).map(Some)
}

fn of_json(name: &str, value: &serde_json::Value, nodes: &mut Vec<Node>) {
    use serde_json::Value;
    let mut node = Node { name: name.to_owned(), ..Node::default() };
    let kind = match value {
        Value::Object(members) => {
            for (name, value) in members {
                // Keys have spaces where they are headings, and names may not.
                of_json(&name.replace(' ', "_"), value, &mut node.children);
            }
            members.is_empty().then_some("object")
        }
        Value::Array(values) if values.is_empty() => Some("array"),
        Value::Array(values) => {
            for value in values {
                of_json(&format!("{name}[]"), value, nodes);
            }
            return;
        }
        Value::String(text) => {
            node.text.clone_from(text);
            None
        }
        Value::Null => Some("null"),
        Value::Bool(_) => Some("boolean"),
        Value::Number(_) => Some("number"),
    };
    if let Value::Bool(_) | Value::Number(_) = value {
        node.text = value.to_string();
    }
    node.attributes.extend(kind.map(|kind| ("json".to_owned(), kind.to_owned())));
    nodes.push(node);
}

fn of_xml(body: &str) -> Result<Node, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("not XML: {error}");
    let mut reader = NsReader::from_str(body);
    let mut open: Vec<Node> = Vec::new();
    loop {
        let event = reader.read_event().map_err(|error| wrong(&error))?;
        match event {
            Event::Start(ref start) => open.push(element(&reader, start)?),
            Event::Empty(ref start) => {
                let node = element(&reader, start)?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(node),
                    None => return Ok(node),
                }
            }
            Event::End(_) => {
                let mut node = open.pop().ok_or("not XML: an end without a start")?;
                // Space between elements means nothing; that round a text might, but no field has such.
                node.text = node.text.trim().to_owned();
                match open.last_mut() {
                    Some(parent) => parent.children.push(node),
                    None => return Ok(node),
                }
            }
            Event::Text(text) => {
                if let Some(node) = open.last_mut() {
                    node.text.push_str(&text);
                }
            }
            Event::CData(text) => {
                if let Some(node) = open.last_mut() {
                    node.text.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let entity: &str = &reference;
                let text = quick_xml::escape::unescape(&format!("&{entity};"))
                    .map_err(|error| wrong(&error))?
                    .into_owned();
                if let Some(node) = open.last_mut() {
                    node.text.push_str(&text);
                }
            }
            Event::Eof => return Err("not XML: it ends too early".to_owned()),
            _ => {}
        }
    }
}

fn element(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Node, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("not XML: {error}");
    let (namespace, local) = reader.resolver().resolve_element(start.name());
    let mut node = Node { name: prefixed(namespace, local.as_ref()), ..Node::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| wrong(&error))?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(|error| wrong(&error))?;
        node.attributes.push((prefixed_attribute(namespace, local.as_ref()), value.into_owned()));
    }
    node.attributes.sort();
    Ok(node)
}

fn prefixed(namespace: ResolveResult<'_>, local: &str) -> String {
    let ResolveResult::Bound(namespace) = namespace else { return format!("?:{local}") };
    let namespace = namespace.into_inner();
    match PREFIXES.iter().find(|(uri, _)| *uri == namespace) {
        Some((_, "")) => local.to_owned(),
        Some((_, prefix)) => format!("{prefix}:{local}"),
        None => format!("{{{namespace}}}:{local}"),
    }
}

/// An attribute without a prefix is in no namespace, which is not the same as in VMware's.
fn prefixed_attribute(namespace: ResolveResult<'_>, local: &str) -> String {
    match namespace {
        ResolveResult::Unbound => local.to_owned(),
        ResolveResult::Bound(uri) if uri.into_inner() == PREFIXES[0].0 => {
            format!("vcloud:{local}")
        }
        other => prefixed(other, local),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_ours() {
        let xml = r#"<?xml version="1.0"?><a:Vm xmlns:a="http://www.vmware.com/vcloud/v1.5" xmlns:o="http://schemas.dmtf.org/ovf/envelope/1" status="8" a:href="x" name="a &amp; 'b'">
            <o:Info>one &lt; two</o:Info><a:Description/></a:Vm>"#;
        let node = parse("application/xml", xml).unwrap().unwrap();
        let lines = node.lines();
        assert_eq!(
            lines,
            [
                "Vm name='a &amp; &apos;b&apos;' status='8' vcloud:href='x'",
                " ovf:Info = one < two",
                " Description"
            ]
        );
        assert_eq!(Node::from_lines(&lines).unwrap().unwrap(), node);
    }

    #[test]
    fn json_is_a_tree() {
        let json = r#"{"id":"x","tags":[],"roles":[{"name":"a"},{"name":"b"}],"n":3,"on":true,"off":null,"s":"3","names":["one"],"o":{},"e":""}"#;
        let node = parse("application/json;version=37.0", json).unwrap().unwrap();
        let lines = node.lines();
        assert_eq!(lines[0], "{}");
        assert_eq!(lines.iter().filter(|line| *line == " roles[]").count(), 2);
        for line in [
            " tags json='array'",
            " n json='number' = 3",
            " on json='boolean' = true",
            " off json='null'",
            " s = 3",
            " names[] = one",
            " o json='object'",
            " e",
        ] {
            assert!(lines.contains(&line.to_owned()), "{line}: {lines:#?}");
        }
        assert_eq!(Node::from_lines(&lines).unwrap().unwrap(), node);
        let list = parse("application/json", r#"[{"a":1},"b"]"#).unwrap().unwrap();
        assert_eq!(list.lines(), ["[]", " {}[]", "  a json='number' = 1", " {}[] = b"]);
        assert_eq!(Node::from_lines(&list.lines()).unwrap().unwrap(), list);
        let empty = parse("application/json", "[]").unwrap().unwrap();
        assert_eq!(empty.lines(), ["{} json='array'"]);
    }

    #[test]
    fn nothing_is_no_tree() {
        assert_eq!(parse("", " ").unwrap(), None);
        assert_eq!(Node::from_lines(&[]).unwrap(), None);
        for bad in ["<a>", "<a></b>", "text"] {
            assert!(parse("application/xml", bad).is_err(), "{bad}");
        }
        assert!(Node::from_lines(&["a".to_owned(), "  b".to_owned()]).is_err());
    }
}
