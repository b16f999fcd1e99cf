//! Holds an answer against what a case expects.

use std::cmp::Reverse;

use super::{bind::Bindings, tree::Node};

/// Says where the two differ, and binds the variables that are met first here.
pub fn differences(expected: &Node, live: &Node, bindings: &mut Bindings) -> Vec<String> {
    let mut found = Vec::new();
    compare(expected, live, &expected.name, bindings, &mut found);
    found
}

fn compare(
    expected: &Node,
    live: &Node,
    path: &str,
    bindings: &mut Bindings,
    found: &mut Vec<String>,
) {
    if expected.name != live.name {
        found.push(format!("{path}: expected the element {}, got {}", expected.name, live.name));
        return;
    }
    for (name, value) in &expected.attributes {
        match live.attribute(name) {
            None => found.push(format!("{path}/@{name}: expected {value:?}, got none")),
            Some(got) => compare_value(value, got, &format!("{path}/@{name}"), bindings, found),
        }
    }
    for (name, value) in &live.attributes {
        if expected.attribute(name).is_none() {
            found.push(format!("{path}/@{name}: expected none, got {value:?}"));
        }
    }
    compare_value(&expected.text, &live.text, path, bindings, found);

    let (wanted, got) = (order(expected), order(live));
    if wanted != got && same_names(&wanted, &got) {
        found.push(format!("{path}: expected the elements in the order {wanted:?}, got {got:?}"));
    }
    for name in wanted {
        compare_named(expected, live, name, path, bindings, found);
    }
    for child in &live.children {
        if expected.children.iter().all(|own| own.name != child.name) {
            found.push(format!("{path}: expected no element {}", child.name));
        }
    }
}

fn compare_value(
    expected: &str,
    got: &str,
    path: &str,
    bindings: &mut Bindings,
    found: &mut Vec<String>,
) {
    if !bindings.fits(expected, got) {
        let meant = bindings.fill(expected).ok().filter(|meant| meant != expected);
        let meant = meant.map(|meant| format!(" ({meant})")).unwrap_or_default();
        found.push(format!("{path}: expected {expected:?}{meant}, got {got:?}"));
    }
}

/// The elements of one name: each with the one of the answer that is called alike, for their order may
/// follow from their ids.
fn compare_named(
    expected: &Node,
    live: &Node,
    name: &str,
    path: &str,
    bindings: &mut Bindings,
    found: &mut Vec<String>,
) {
    let wanted: Vec<&Node> = expected.children.iter().filter(|child| child.name == name).collect();
    let mut left: Vec<&Node> = live.children.iter().filter(|child| child.name == name).collect();
    let several = wanted.len() > 1 || left.len() > 1;
    for (n, child) in wanted.iter().enumerate() {
        let path = if several {
            format!(
                "{path}/{name}[{}{}]",
                n + 1,
                called(child).map(|c| format!(" {c}")).unwrap_or_default()
            )
        } else {
            format!("{path}/{name}")
        };
        let alike =
            left.iter().enumerate().filter(|(_, other)| !several || key(other) == key(child));
        // Of several that are called alike the one whose values fit best, and of those the first.
        let best =
            alike.max_by_key(|(at, other)| (values_that_fit(child, other, bindings), Reverse(*at)));
        match best.map(|(at, _)| at) {
            Some(at) => compare(child, left.remove(at), &path, bindings, found),
            None => found.push(format!(
                "{path}: missing: {}",
                child.lines().first().map_or("", String::as_str)
            )),
        }
    }
    for child in left {
        let line = child.lines().into_iter().next().unwrap_or_default();
        found.push(format!("{path}: not expected: {line}"));
    }
}

/// Brings the elements of one name into the order in which they are expected, so that an answer which is
/// written down anew differs from the old one only where it is different.
pub fn arrange(expected: &Node, live: &mut Node, bindings: &Bindings) {
    let mut left: Vec<&Node> = expected.children.iter().collect();
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (at, child) in live.children.iter_mut().enumerate() {
        let alike = left.iter().enumerate().filter(|(_, old)| old.name == child.name);
        let alike = alike.filter(|(_, old)| key(old) == key(child));
        let best =
            alike.max_by_key(|(n, old)| (values_that_fit(old, child, bindings), Reverse(*n)));
        let old = best.map(|(n, _)| n).map(|n| left.remove(n));
        if let Some(old) = old {
            arrange(old, child, bindings);
        }
        let place =
            old.and_then(|old| expected.children.iter().position(|own| std::ptr::eq(own, old)));
        places.push((place.unwrap_or(usize::MAX), at));
    }
    let old = std::mem::take(&mut live.children);
    let mut names: Vec<String> = Vec::new();
    for child in &old {
        if !names.contains(&child.name) {
            names.push(child.name.clone());
        }
    }
    // Elements of one name stand together in all answers, and keep their place among the others.
    let name_of = |at: usize| names.iter().position(|name| *name == old[at].name);
    places.sort_by_key(|(place, at)| (name_of(*at), *place, *at));
    live.children = places.into_iter().map(|(_, at)| old[at].clone()).collect();
}

/// The names of the elements, in the order in which they come first.
fn order(node: &Node) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for child in &node.children {
        if !names.contains(&child.name.as_str()) {
            names.push(&child.name);
        }
    }
    names
}

fn same_names(one: &[&str], other: &[&str]) -> bool {
    one.len() == other.len() && one.iter().all(|name| other.contains(name))
}

/// How the element is told apart from its like.
fn key(node: &Node) -> Vec<&str> {
    ["name", "rel", "type", "objectName", "key", "network"]
        .into_iter()
        .map(|name| node.attribute(name).or_else(|| node.child_text(name)).unwrap_or_default())
        .chain(
            ["rasd:InstanceID", "DiskId", "Key", "Version"]
                .map(|name| node.child_text(name).unwrap_or_default()),
        )
        .collect()
}

fn called(node: &Node) -> Option<&str> {
    ["name", "rel"]
        .into_iter()
        .find_map(|name| node.attribute(name).or_else(|| node.child_text(name)))
        .or_else(|| node.child_text("rasd:ElementName"))
}

/// How many of the element's own values fit.
fn values_that_fit(expected: &Node, live: &Node, bindings: &Bindings) -> usize {
    let text = usize::from(bindings.would_fit(&expected.text, &live.text));
    let fits = |(name, value): &&(String, String)| {
        live.attribute(name).is_some_and(|got| bindings.would_fit(value, got))
    };
    text + expected.attributes.iter().filter(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(lines: &[&str]) -> Node {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        Node::from_lines(&lines).unwrap().unwrap()
    }

    const A: &str = "a4baea59-a1ce-496d-afd7-ad1d6298280d";
    const B: &str = "6b48b093-5548-47bf-b3b4-9189e37641fb";

    #[test]
    fn order_of_equals_does_not_matter_but_identity_does() {
        let expected = node(&[
            "VApp",
            " Vm id='{vm.1}' name='a'",
            " Vm id='{vm.2}' name='b'",
            " Up id='{vm.1}'",
        ]);
        let live = |up: &str| {
            node(&[
                "VApp",
                &format!(" Vm id='{B}' name='b'"),
                &format!(" Vm id='{A}' name='a'"),
                &format!(" Up id='{up}'"),
            ])
        };
        assert_eq!(differences(&expected, &live(A), &mut Bindings::default()), [] as [&str; 0]);
        let found = differences(&expected, &live(B), &mut Bindings::default());
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("VApp/Up/@id: expected \"{vm.1}\""), "{found:?}");
    }

    #[test]
    fn what_is_recorded_again_keeps_its_order() {
        let expected =
            node(&["R", " Vm name='b'", " Vm name='a' n='1'", " Vm name='a' n='2'", " Link"]);
        let mut live = node(&[
            "R",
            " Vm name='new'",
            " Vm name='a' n='2'",
            " Vm name='a' n='1'",
            " Vm name='b'",
            " Link",
        ]);
        arrange(&expected, &mut live, &Bindings::default());
        let lines = live.lines();
        assert!(
            lines[1].contains("'b'") && lines[2].contains("'1'") && lines[3].contains("'2'"),
            "{lines:?}"
        );
        assert!(lines[4].contains("new") && lines[5] == " Link", "{lines:?}");
    }

    #[test]
    fn every_difference_is_found() {
        let expected = node(&[
            "Vm name='a' status='8'",
            " Link rel='edit'",
            " Link rel='up'",
            " Text = 1",
            " End",
        ]);
        let live = node(&[
            "Vm name='a' other='x'",
            " End",
            " Link rel='down'",
            " Link rel='up'",
            " Text = 2",
        ]);
        let found = differences(&expected, &live, &mut Bindings::default());
        let starts = [
            "Vm/@status",
            "Vm/@other",
            "Vm: expected the elements in the order",
            "Vm/Link[1 edit]: missing",
            "Vm: not expected",
            "Vm/Text",
        ];
        assert_eq!(found.len(), starts.len(), "{found:#?}");
        for (found, start) in found.iter().zip(starts) {
            assert!(found.starts_with(start), "{found} {start}");
        }
    }
}
