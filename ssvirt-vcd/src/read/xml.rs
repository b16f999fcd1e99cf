//! Taking values out of an XML element.

use super::ReadError;
use super::tree::{Attr, Node};
use crate::Ns;
use crate::leaf::Leaf;
use crate::shape::Name;

/// Clients that use no namespaces at all are understood too.
fn matches(node: &Node, name: &Name) -> bool {
    node.local == name.local && (node.ns == name.ns || node.ns == Ns::None)
}

fn attr_matches(attr: &Attr, name: &Name) -> bool {
    attr.local == name.local
        && (attr.ns == name.ns
            || attr.ns == Ns::None
            || (name.ns == Ns::None && attr.ns == Ns::Vcloud))
}

fn bad(name: &str, value: &str) -> ReadError {
    ReadError::BadValue { name: name.to_owned(), value: value.chars().take(80).collect() }
}

/// An attribute; one in exactly the right namespace wins.
pub(super) fn attr<T: Leaf>(node: &Node, name: &Name) -> Result<Option<T>, ReadError> {
    let exact = node.attrs.iter().find(|a| a.local == name.local && a.ns == name.ns);
    let found = exact.or_else(|| node.attrs.iter().find(|a| attr_matches(a, name)));
    found.map(|a| T::parse(&a.value).ok_or_else(|| bad(name.local, &a.value))).transpose()
}

/// The element's own text.
pub(super) fn text<T: Leaf>(node: &Node) -> Result<T, ReadError> {
    T::parse(&node.text).ok_or_else(|| bad(&node.local, &node.text))
}

/// The local name in `xsi:type`.
pub(super) fn xsi_type(node: &Node) -> Option<String> {
    let attr = node.attrs.iter().find(|a| a.ns == Ns::Xsi && a.local == "type")?;
    let name = attr.value.trim_ascii();
    Some(name.split_once(':').map_or(name, |(_, local)| local).to_owned())
}

/// Takes the first element of this name that has a value.
pub(super) fn take(node: &mut Node, name: &Name) -> Option<Node> {
    for slot in &mut node.children {
        if slot.as_ref().is_some_and(|child| matches(child, name)) {
            let child = slot.take();
            if child.as_ref().is_some_and(|child| !child.is_nil()) {
                return child;
            }
        }
    }
    None
}

/// Takes every element of this name that has a value, in one pass.
pub(super) fn take_all(node: &mut Node, name: &Name) -> Vec<Node> {
    node.children
        .iter_mut()
        .filter_map(|slot| slot.take_if(|child| matches(child, name)))
        .filter(|child| !child.is_nil())
        .collect()
}

/// The value of a simple element.
pub(super) fn leaf<T: Leaf>(node: Node) -> Result<T, ReadError> {
    if let Some(child) = node.children.into_iter().flatten().next() {
        return Err(ReadError::UnknownElement { name: child.local, parent: node.local });
    }
    T::parse(&node.text).ok_or_else(|| bad(&node.local, &node.text))
}
