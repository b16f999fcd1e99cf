//! Operating systems: VMware's identifiers for what KubeVirt's preferences and templates call them.

/// VMware's identifier of an operating system, by the first of these names that says which one it is, such as
/// `rhel.9` or `windows2k22`.
#[must_use]
pub fn os_type<'a>(names: impl IntoIterator<Item = &'a str>) -> &'static str {
    names.into_iter().find_map(known).unwrap_or("otherGuest64")
}

/// The beginnings of names, the longer ones first.
const KNOWN: [(&str, &str); 26] = [
    ("alpine", "otherLinux64Guest"),
    ("centos.stream10", "centos9_64Guest"),
    ("centos.stream9", "centos9_64Guest"),
    ("centos.stream8", "centos8_64Guest"),
    ("centos-stream9", "centos9_64Guest"),
    ("centos-stream8", "centos8_64Guest"),
    ("centos7", "centos7_64Guest"),
    ("centos.7", "centos7_64Guest"),
    ("centos", "centos9_64Guest"),
    ("debian", "debian12_64Guest"),
    ("fedora", "fedora64Guest"),
    ("opensuse", "opensuse64Guest"),
    ("oraclelinux", "oracleLinux9_64Guest"),
    ("rhel.7", "rhel7_64Guest"),
    ("rhel7", "rhel7_64Guest"),
    ("rhel.8", "rhel8_64Guest"),
    ("rhel8", "rhel8_64Guest"),
    ("rhel", "rhel9_64Guest"),
    ("sles", "sles15_64Guest"),
    ("ubuntu", "ubuntu64Guest"),
    ("windows.10", "windows9_64Guest"),
    ("windows10", "windows9_64Guest"),
    ("windows.11", "windows11_64Guest"),
    ("windows11", "windows11_64Guest"),
    ("windows", "windows2019srv_64Guest"),
    ("linux", "otherLinux64Guest"),
];

fn known(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    KNOWN.iter().find(|(begin, _)| name.starts_with(begin)).map(|(_, known)| *known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_preferences_and_templates_are_known() {
        for (name, known) in [
            ("fedora", "fedora64Guest"),
            ("rhel.9.realtime", "rhel9_64Guest"),
            ("rhel8.6", "rhel8_64Guest"),
            ("windows.2k22.virtio", "windows2019srv_64Guest"),
            ("Ubuntu", "ubuntu64Guest"),
            ("beos", "otherGuest64"),
        ] {
            assert_eq!(os_type([name]), known, "{name}");
        }
        assert_eq!(os_type(["server", "debian"]), "debian12_64Guest");
    }
}
