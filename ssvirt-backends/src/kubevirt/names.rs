//! Names that Kubernetes accepts, made from names that VCD accepts.

use uuid::Uuid;

/// The longest name of a namespace, and the longest value of a label, in characters (RFC 1123, Kubernetes'
/// "Object Names and IDs").
pub const LONGEST: usize = 63;
/// Of a namespace's name, what an organization's name takes at most, and what its VDC's name takes.
const ORG: usize = 24;
const VDC: usize = 25;
/// What a VM's name takes of its object's: there is room for `-disk-16000` behind it.
const VM: usize = 40;

/// The names that a VDC's namespace may have, the first that is free counts: `vdc-{org}-{vdc}`, and the same
/// with a part of the id, for two VDCs whose names differ only in what a namespace's name cannot hold. The last
/// has all of the id: nobody else can have it.
#[must_use]
pub fn namespaces(org: &str, vdc: &str, id: Uuid) -> [String; 3] {
    let all = id.simple().to_string();
    let parts = ["vdc".to_owned(), dns_label(org, ORG), dns_label(vdc, VDC)];
    let name = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    [name.clone(), format!("{name}-{}", &all[..8]), format!("vdc-{all}")]
}

/// The name of a VM's object: what can be kept of its name, and a part of its id, by which VMs of one name
/// differ. It stays when the VM is renamed.
#[must_use]
pub fn vm(name: &str, id: Uuid) -> String {
    let id = &id.simple().to_string()[..8];
    match dns_label(name, VM) {
        name if name.is_empty() => format!("vm-{id}"),
        name => format!("{name}-{id}"),
    }
}

/// The name of a snapshot's object. Its VM stands in it.
#[must_use]
pub fn snapshot(id: Uuid) -> String {
    format!("snapshot-{}", id.simple())
}

/// The name of the object that a VM goes back by.
#[must_use]
pub fn restore(id: Uuid) -> String {
    format!("restore-{}", id.simple())
}

/// Lower case letters, digits and single hyphens between them; at most so many characters; perhaps none.
#[must_use]
pub fn dns_label(name: &str, longest: usize) -> String {
    let mut label = String::with_capacity(longest);
    for c in name.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => label.push(c),
            _ if !label.is_empty() && !label.ends_with('-') => label.push('-'),
            _ => {}
        }
        if label.len() == longest {
            break;
        }
    }
    label.truncate(label.trim_end_matches('-').len());
    label
}

/// A value of a label: letters, digits and `-_.` between them, at most 63; perhaps none.
#[must_use]
pub fn label_value(name: &str) -> String {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let value: String = name.chars().map(|c| if known(c) { c } else { '-' }).collect();
    let ends = |c: char| !c.is_ascii_alphanumeric();
    let value = value.trim_start_matches(ends);
    let value = &value[..value.len().min(LONGEST)];
    value.trim_end_matches(ends).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);

    #[test]
    fn names_are_recognized() {
        assert_eq!(namespaces("acme", "acme-vdc", ID)[0], "vdc-acme-acme-vdc");
        assert_eq!(namespaces("ACME Inc.", "Größe 1", ID)[0], "vdc-acme-inc-gr-e-1");
        assert_eq!(namespaces("東京", "大阪", ID)[0], "vdc");
        assert_eq!(
            namespaces("東京", "a", ID)[1..],
            ["vdc-a-01234567", "vdc-0123456789abcdef0123456789abcdef"]
        );
        assert_eq!(label_value("ACME Inc."), "ACME-Inc");
        assert_eq!(label_value("..."), "");
    }

    fn is_dns_label(text: &str) -> bool {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !text.is_empty()
            && text.len() <= LONGEST
            && text.chars().all(inner)
            && !text.starts_with('-')
            && !text.ends_with('-')
    }

    proptest! {
        #[test]
        fn namespaces_are_dns_labels(org in ".{0,80}", vdc in ".{0,80}", id in any::<u128>()) {
            for name in namespaces(&org, &vdc, Uuid::from_u128(id)) {
                prop_assert!(is_dns_label(&name), "{name}");
            }
        }

        #[test]
        fn values_are_what_labels_hold(name in ".{0,130}") {
            let value = label_value(&name);
            prop_assert!(value.len() <= LONGEST);
            let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
            prop_assert!(ends(value.chars().next()) && ends(value.chars().next_back()), "{value}");
            let plain = !name.is_empty() && name.len() <= LONGEST
                && name.chars().all(|c| c.is_ascii_alphanumeric());
            prop_assert!(!plain || value == name);
        }
    }
}
