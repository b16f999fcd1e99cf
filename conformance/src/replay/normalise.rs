//! From an answer to what a case says of it.

use super::{
    bind::{Bindings, id_at, mac_at, time_at, unescaped},
    tree::Node,
};

/// Values, by element and attribute, that are the business of whoever runs the server, or of the guest.
const FREE: [(&str, Option<&str>); 5] = [
    ("location", None),
    ("sessionIdleTimeoutMinutes", None),
    // Of the guest's agent: its version, and what it calls the system.
    ("VMWareTools", Some("version")),
    ("VmToolsVersion", None),
    ("VMRecord", Some("guestOs")),
];

/// Undoes what one server may do and another not: escapes in hrefs.
pub fn straighten(node: &mut Node) {
    node.change_values(&mut |_, name, value| {
        if name == Some("href") && value.contains('%') {
            *value = unescaped(value);
        }
    });
}

/// Puts placeholders in place of what differs from run to run. Ids that no variable is bound to get one.
pub fn generalise(node: &mut Node, bindings: &mut Bindings, root: &str) {
    let error =
        node.name == "Error" || node.children.iter().any(|child| child.name == "minorErrorCode");
    node.change_values(&mut |element, name, value| {
        if FREE.contains(&(element, name)) {
            *value = "{any}".to_owned();
        } else {
            *value = general_text(value, bindings, root);
            if error && name.unwrap_or(element) == "message" && value.starts_with("[ ") {
                // The request's id, which clients may choose.
                if let Some(end) = value.find(" ] ") {
                    value.replace_range(..end, "[ {any}");
                }
            }
        }
    });
}

/// The text with placeholders for ids, times, MAC addresses and the server's address. Ids that no variable is
/// bound to get one.
pub fn general_text(text: &str, bindings: &mut Bindings, root: &str) -> String {
    placeholders(text, root, &mut |kind, id| Some(bindings.name(kind, id)))
}

/// The same of what a client sends. Ids that no variable is bound to are the client's own, and stay.
pub fn general_request(text: &str, bindings: &Bindings, root: &str) -> String {
    placeholders(text, root, &mut |_, id| bindings.variable_of(id).map(str::to_owned))
}

/// `variable` names the variable of an id of this kind; none where it stays.
fn placeholders(
    text: &str,
    root: &str,
    variable: &mut dyn FnMut(&str, &str) -> Option<String>,
) -> String {
    let mut general = String::with_capacity(text.len());
    let mut rest = text;
    let escapes = [(root.to_owned(), "{root}")]
        .into_iter()
        .chain([
            (super::bind::escaped(root, ""), "{root:query}"),
            (super::bind::escaped(root, "/"), "{root:path}"),
        ])
        .collect::<Vec<_>>();
    while let Some(c) = rest.chars().next() {
        let inside = general.chars().next_back().is_some_and(|c| c.is_ascii_alphanumeric())
            && !ends_escaped(&general);
        let length = if let Some((root, name)) =
            escapes.iter().find(|(root, _)| rest.starts_with(root.as_str()))
        {
            general.push_str(name);
            root.len()
        } else if let Some(length) = id_at(rest).filter(|_| !inside).filter(|_| is_random(rest)) {
            match variable(kind_of(&general), &rest[..length]) {
                Some(variable) => general.push_str(&format!("{{{variable}}}")),
                None => general.push_str(&rest[..length]),
            }
            length
        } else if let Some(length) = time_at(rest) {
            general.push_str("{time}");
            length
        } else if let Some(length) = mac_at(rest).filter(|_| !inside) {
            general.push_str("{mac}");
            length
        } else {
            general.push(c);
            c.len_utf8()
        };
        rest = &rest[length..];
    }
    general
}

/// The random UUIDs in a text.
pub fn ids(text: &str) -> impl Iterator<Item = &str> {
    let at = |at: usize| text.get(at..).and_then(|rest| id_at(rest).map(|length| &rest[..length]));
    (0..text.len()).filter_map(at).filter(|id| is_random(id))
}

/// Whether the text ends with an escape such as `%2F`.
fn ends_escaped(text: &str) -> bool {
    let end = text.len().checked_sub(3).and_then(|at| text.as_bytes().get(at..));
    end.is_some_and(|end| end[0] == b'%' && end[1..].iter().all(u8::is_ascii_hexdigit))
}

/// Whether the UUID at the start is a random one. Those made from names, as of rights and roles, are the
/// same everywhere, and stay.
fn is_random(text: &str) -> bool {
    text.as_bytes().get(14) == Some(&b'4')
}

/// What kind of object the id behind this text is of: `.../api/vApp/vm-` and `urn:vcloud:vm:` say `vm`.
fn kind_of(before: &str) -> &'static str {
    const KINDS: [(&str, &str); 16] = [
        ("vappTemplate-", "template"),
        ("vapptemplate", "template"),
        ("vapp-", "vapp"),
        ("vapp", "vapp"),
        ("vm-", "vm"),
        ("vm", "vm"),
        ("task", "task"),
        ("org", "org"),
        ("vdc", "vdc"),
        ("catalog", "catalog"),
        ("atalogItem", "item"),
        ("atalogitem", "item"),
        ("network", "network"),
        ("user", "user"),
        ("torageProfile", "profile"),
        ("session", "session"),
    ];
    let plain = before.trim_end_matches(['/', ':']);
    // Escaped, as JavaScript does it, or with digits in lower case.
    let escaped = plain.len().checked_sub(3).and_then(|at| plain.split_at_checked(at));
    let plain = match escaped {
        Some((kind, escape)) if ["%2F", "%3A"].iter().any(|it| escape.eq_ignore_ascii_case(it)) => {
            kind
        }
        _ => plain,
    };
    KINDS
        .into_iter()
        .find(|(end, _)| before.ends_with(end) || plain.ends_with(end))
        .map_or("id", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_becomes_a_placeholder() {
        let mut bindings = Bindings::new("");
        let root = "https://127.0.0.1:1";
        let mut general = |text: &str| general_text(text, &mut bindings, root);
        let vm = "a4baea59-a1ce-496d-afd7-ad1d6298280d";
        assert_eq!(
            general(&format!("{root}/api/vApp/vm-{vm}/metadata")),
            "{root}/api/vApp/vm-{vm.1}/metadata"
        );
        assert_eq!(general(&format!("Updated web({vm})")), "Updated web({vm.1})");
        assert_eq!(
            general("urn:vcloud:org:6b48b093-5548-47bf-b3b4-9189e37641fb"),
            "urn:vcloud:org:{org.1}"
        );
        assert_eq!(general("x 2026-11-21T09:05:21.059Z"), "x {time}");
        assert_eq!(general("00:50:56:01:00:1f"), "{mac}");
        assert_eq!(
            general("catalog==https%3A%2F%2F127.0.0.1%3A1%2Fapi"),
            "catalog=={root:query}%2Fapi"
        );
        assert_eq!(general(&format!("urn%3Avcloud%3Avm%3A{vm}")), "urn%3Avcloud%3Avm%3A{vm.1}");
        assert_eq!(general(&format!("urn%3avcloud%3avm%3a{vm}")), "urn%3avcloud%3avm%3a{vm.1}");
        let right = "00af13e7-a334-5918-9bdf-6f15dcbdfaf9";
        assert_eq!(general(right), right);
        let mine = "e2b0c0de-0000-4000-8000-000000000000";
        let body = format!(r#"{{"id":"urn:vcloud:vm:{vm}","own":"{mine}"}}"#);
        let expected = format!(r#"{{"id":"urn:vcloud:vm:{{vm.1}}","own":"{mine}"}}"#);
        assert_eq!(general_request(&body, &bindings, root), expected);
    }
}
