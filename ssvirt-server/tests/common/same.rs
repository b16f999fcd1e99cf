//! Whether a document in VCD's JSON has the content of one in XML.
//!
//! The rules are those of JAXB: a member for each attribute and element, its first word in lower case; lists
//! where elements repeat; the text of an element that has attributes is `value`; sections and records are
//! told apart by `_type`; what is absent is null or an empty list.

use serde_json::{Map, Value};

use super::Element;

/// The JSON name of an attribute or element: its first word in lower case.
pub fn json_name(name: &str) -> String {
    let capitals = name.chars().take_while(char::is_ascii_uppercase).count();
    let next_is_small = name.chars().nth(capitals).is_some_and(|c| c.is_ascii_lowercase());
    // The last of several capitals begins the second word.
    let first_word = if capitals > 1 && next_is_small { capitals - 1 } else { capitals };
    let (first, rest) = name.split_at(first_word);
    first.to_ascii_lowercase() + rest
}

/// What differs, a line each.
pub fn differences(xml: &Element, json: &Value) -> Vec<String> {
    let mut found = Vec::new();
    element(&xml.name, xml, json, &mut found);
    found
}

fn element(path: &str, xml: &Element, json: &Value, found: &mut Vec<String>) {
    match json {
        Value::Object(members) => object(path, xml, members.clone(), found),
        _ if xml.attrs.is_empty() && xml.children.is_empty() => leaf(path, &xml.text, json, found),
        _ => found.push(format!("{path} is {json} in JSON")),
    }
}

fn leaf(path: &str, text: &str, json: &Value, found: &mut Vec<String>) {
    let same = match json {
        Value::String(value) => value.trim() == text,
        Value::Bool(flag) => text.parse() == Ok(*flag),
        Value::Number(number) => number.to_string() == text || number.as_f64() == text.parse().ok(),
        _ => false,
    };
    if !same {
        found.push(format!("{path}: \"{text}\" is {json} in JSON"));
    }
}

fn object(path: &str, xml: &Element, mut members: Map<String, Value>, found: &mut Vec<String>) {
    for (name, value) in xml.attrs.iter().filter(|(name, _)| name != "schemaLocation") {
        let place = format!("{path}/@{name}");
        match members.remove(&json_name(name)) {
            Some(json) => leaf(&place, value, &json, found),
            // `xsi:type`
            None if members.get("_type").and_then(Value::as_str) == Some(value) => {}
            None => found.push(format!("{place} is not in JSON")),
        }
    }
    if !xml.text.is_empty() {
        match members.remove("value") {
            Some(json) => leaf(path, &xml.text, &json, found),
            None => found.push(format!("the text of {path} is not in JSON")),
        }
    }
    let mut names: Vec<&str> = Vec::new();
    for child in &xml.children {
        if !names.contains(&child.name.as_str()) {
            names.push(&child.name);
        }
    }
    for name in names {
        let children: Vec<&Element> = xml.all(name).collect();
        let place = format!("{path}/{name}");
        let items = match members.remove(&json_name(name)) {
            Some(Value::Array(items)) => items,
            Some(one) => vec![one],
            None => take_typed(&mut members, name),
        };
        if items.len() != children.len() {
            found.push(format!("{place}: {} in XML, {} in JSON", children.len(), items.len()));
        }
        for (child, item) in children.into_iter().zip(&items) {
            element(&place, child, item, found);
        }
    }
    for (name, value) in members {
        let nothing = match &value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(_) => name == "otherAttributes",
            Value::String(text) => name == "_type" || (name == "value" && text.is_empty()),
            _ => false,
        };
        if !nothing {
            found.push(format!("{path}: {name} is {value} in JSON and not in XML"));
        }
    }
}

/// The entries of lists whose elements have different names, such as `section` and `record`, that stand for
/// elements of this name.
fn take_typed(members: &mut Map<String, Value>, name: &str) -> Vec<Value> {
    let lists = members.iter_mut().filter_map(|(key, list)| Some((key, list.as_array_mut()?)));
    for (key, list) in lists {
        let named = json_name(name).to_ascii_lowercase().ends_with(&key.to_ascii_lowercase());
        let stands = |item: &Value| match item.get("_type").and_then(Value::as_str) {
            Some(kind) => kind.contains(name),
            None => item.is_object() && named,
        };
        let (taken, left): (Vec<Value>, Vec<Value>) = list.drain(..).partition(stands);
        *list = left;
        if !taken.is_empty() {
            return taken;
        }
    }
    Vec::new()
}
