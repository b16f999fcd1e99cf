//! Wire names from Rust names, and JSON names from wire names.

/// `vm_spec_section` to `VmSpecSection`, `vapp_parent` to `VAppParent`.
pub(crate) fn pascal(snake: &str) -> String {
    let mut out = String::new();
    for part in snake.split('_').filter(|p| !p.is_empty()) {
        if part == "vapp" {
            out.push_str("VApp");
            continue;
        }
        let mut chars = part.chars();
        if let Some(first) = chars.next() {
            out.extend(first.to_uppercase());
            out.push_str(chars.as_str());
        }
    }
    out
}

/// `needs_customization` to `needsCustomization`.
pub(crate) fn camel(snake: &str) -> String {
    lower_first_word(&pascal(snake))
}

/// The JSON name of a local name. VCD's JSON comes from the JAXB variable names, so the first *word* is lowered:
/// `NumCpus` to `numCpus`, `VAppParent` to `vAppParent`, `MACAddress` to `macAddress`.
pub(crate) fn lower_first_word(local: &str) -> String {
    let chars: Vec<char> = local.chars().collect();
    let run = chars.iter().take_while(|c| c.is_ascii_uppercase()).count();
    let lowered = match chars.get(run) {
        // The last capital of a longer run begins the next word.
        Some(next) if next.is_ascii_lowercase() && run > 1 => run - 1,
        _ => run,
    };
    chars
        .iter()
        .enumerate()
        .map(|(i, c)| if i < lowered { c.to_ascii_lowercase() } else { *c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_xsd() {
        assert_eq!(pascal("vm_spec_section"), "VmSpecSection");
        assert_eq!(pascal("vapp_parent"), "VAppParent");
        assert_eq!(camel("needs_customization"), "needsCustomization");
        assert_eq!(camel("vapp"), "vApp");
        for (xml, json) in [
            ("NumCpus", "numCpus"),
            ("VAppParent", "vAppParent"),
            ("VCloudExtension", "vCloudExtension"),
            ("MACAddress", "macAddress"),
            ("IM", "im"),
            ("VMWareTools", "vmWareTools"),
            ("x64", "x64"),
            ("href", "href"),
        ] {
            assert_eq!(lower_first_word(xml), json);
        }
    }
}
