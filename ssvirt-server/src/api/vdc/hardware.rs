//! Virtual hardware versions and the guest operating systems that they know, by VMware's names.

use ssvirt_vcd::{mt, types};

/// The versions offered; the last is the default.
const VERSIONS: &[u8] = &[10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21];

/// An operating system: VMware's name, the name for people, the family, its number in CIM, whether 64-bit.
struct GuestOs(&'static str, &'static str, Family, i32, bool);

#[derive(Clone, Copy, PartialEq)]
enum Family {
    Windows,
    Linux,
    Other,
}

const FAMILIES: &[(Family, i32, &str)] = &[
    (Family::Windows, 1, "Microsoft Windows"),
    (Family::Linux, 2, "Linux"),
    (Family::Other, 3, "Other"),
];

const KNOWN: &[GuestOs] = &[
    GuestOs(
        "windows2022srvNext_64Guest",
        "Microsoft Windows Server 2025 (64-bit)",
        Family::Windows,
        112,
        true,
    ),
    GuestOs(
        "windows2019srvNext_64Guest",
        "Microsoft Windows Server 2022 (64-bit)",
        Family::Windows,
        112,
        true,
    ),
    GuestOs(
        "windows2019srv_64Guest",
        "Microsoft Windows Server 2019 (64-bit)",
        Family::Windows,
        112,
        true,
    ),
    GuestOs(
        "windows9Server64Guest",
        "Microsoft Windows Server 2016 (64-bit)",
        Family::Windows,
        112,
        true,
    ),
    GuestOs(
        "windows8Server64Guest",
        "Microsoft Windows Server 2012 (64-bit)",
        Family::Windows,
        112,
        true,
    ),
    GuestOs("windows11_64Guest", "Microsoft Windows 11 (64-bit)", Family::Windows, 1, true),
    GuestOs("windows9_64Guest", "Microsoft Windows 10 (64-bit)", Family::Windows, 1, true),
    GuestOs("ubuntu64Guest", "Ubuntu Linux (64-bit)", Family::Linux, 94, true),
    GuestOs("ubuntuGuest", "Ubuntu Linux (32-bit)", Family::Linux, 93, false),
    GuestOs("debian13_64Guest", "Debian GNU/Linux 13 (64-bit)", Family::Linux, 96, true),
    GuestOs("debian12_64Guest", "Debian GNU/Linux 12 (64-bit)", Family::Linux, 96, true),
    GuestOs("debian11_64Guest", "Debian GNU/Linux 11 (64-bit)", Family::Linux, 96, true),
    GuestOs("debian10_64Guest", "Debian GNU/Linux 10 (64-bit)", Family::Linux, 96, true),
    GuestOs("debian10Guest", "Debian GNU/Linux 10 (32-bit)", Family::Linux, 95, false),
    GuestOs("rhel9_64Guest", "Red Hat Enterprise Linux 9 (64-bit)", Family::Linux, 80, true),
    GuestOs("rhel8_64Guest", "Red Hat Enterprise Linux 8 (64-bit)", Family::Linux, 80, true),
    GuestOs("rhel7_64Guest", "Red Hat Enterprise Linux 7 (64-bit)", Family::Linux, 80, true),
    GuestOs("centos9_64Guest", "CentOS 9 (64-bit)", Family::Linux, 107, true),
    GuestOs("centos8_64Guest", "CentOS 8 (64-bit)", Family::Linux, 107, true),
    GuestOs("centos7_64Guest", "CentOS 7 (64-bit)", Family::Linux, 107, true),
    GuestOs("rockylinux_64Guest", "Rocky Linux (64-bit)", Family::Linux, 101, true),
    GuestOs("almalinux_64Guest", "AlmaLinux (64-bit)", Family::Linux, 101, true),
    GuestOs("fedora64Guest", "Red Hat Fedora (64-bit)", Family::Linux, 101, true),
    GuestOs("sles15_64Guest", "SUSE Linux Enterprise 15 (64-bit)", Family::Linux, 85, true),
    GuestOs("sles12_64Guest", "SUSE Linux Enterprise 12 (64-bit)", Family::Linux, 85, true),
    GuestOs("other5xLinux64Guest", "Other 5.x or later Linux (64-bit)", Family::Linux, 101, true),
    GuestOs("other4xLinux64Guest", "Other 4.x Linux (64-bit)", Family::Linux, 101, true),
    GuestOs("other3xLinux64Guest", "Other 3.x Linux (64-bit)", Family::Linux, 101, true),
    GuestOs("otherLinux64Guest", "Other Linux (64-bit)", Family::Linux, 101, true),
    GuestOs("otherLinuxGuest", "Other Linux (32-bit)", Family::Linux, 36, false),
    GuestOs("freebsd13_64Guest", "FreeBSD 13 (64-bit)", Family::Other, 78, true),
    GuestOs("freebsd64Guest", "FreeBSD (64-bit)", Family::Other, 78, true),
    GuestOs("otherGuest64", "Other (64-bit)", Family::Other, 102, true),
    GuestOs("otherGuest", "Other (32-bit)", Family::Other, 1, false),
];

/// The name for people and the number in CIM of a guest operating system.
pub fn guest_os(internal: &str) -> (&str, i32) {
    KNOWN.iter().find(|os| os.0 == internal).map_or((internal, 1), |os| (os.1, os.3))
}

/// The list in a VDC's capabilities.
pub fn supported(vdc_href: &str) -> types::SupportedHardwareVersions {
    let one = |number: &u8| {
        let name = format!("vmx-{number}");
        types::SupportedHardwareVersion {
            href: Some(format!("{vdc_href}/hwv/{name}")),
            default: Some(Some(number) == VERSIONS.last()),
            r#type: Some(mt::VIRTUAL_HARDWARE_VERSION.to_owned()),
            value: name.clone(),
            name: Some(name),
        }
    };
    types::SupportedHardwareVersions {
        supported_hardware_version: VERSIONS.iter().map(one).collect(),
    }
}

/// The number of a version that is offered.
pub fn number(name: &str) -> Option<u8> {
    VERSIONS.iter().copied().find(|number| format!("vmx-{number}") == name)
}

/// A version in full.
pub fn version(name: &str, href: String) -> Option<types::VirtualHardwareVersion> {
    let number = number(name)?;
    let adapter = |id: &str, legacy_id, name: &str, buses, units| types::HardDiskAdapter {
        id: id.to_owned(),
        legacy_id,
        name: name.to_owned(),
        maximum_disk_size_gb: 62 * 1024,
        bus_number_ranges: types::Ranges { range: vec![types::Range { begin: 0, end: buses }] },
        unit_number_ranges: types::Ranges { range: vec![types::Range { begin: 0, end: units }] },
    };
    Some(types::VirtualHardwareVersion {
        resource: types::Resource {
            href: Some(href),
            r#type: Some(mt::VIRTUAL_HARDWARE_VERSION.to_owned()),
            link: Vec::new(),
        },
        id: None,
        operation_key: None,
        name: name.to_owned(),
        max_cores_per_socket: 64,
        supported_operating_systems: types::SupportedOperatingSystemsInfo {
            operating_system_family_info: FAMILIES.iter().map(|row| family(row, number)).collect(),
            ..types::SupportedOperatingSystemsInfo::default()
        },
        max_memory_size_mb: 6 * 1024 * 1024,
        max_cpus: 128,
        max_nics: 10,
        supports_nested_hv: true,
        supports_hot_plug_pci: true,
        supports_hot_add: true,
        supported_memory_size_gb: vec![1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
        supported_cores_per_socket: vec![1, 2, 4, 8, 16, 32, 64],
        hard_disk_adapter: vec![
            adapter("1", 5, "IDE", 1, 1),
            adapter("3", 3, "LSI Logic Parallel (SCSI)", 3, 15),
            adapter("4", 4, "LSI Logic SAS (SCSI)", 3, 15),
            adapter("5", 5, "Paravirtual (SCSI)", 3, 15),
            adapter("6", 6, "SATA", 3, 29),
            adapter("7", 7, "NVME", 3, 14),
        ],
    })
}

fn family(
    &(family, id, name): &(Family, i32, &str),
    version: u8,
) -> types::OperatingSystemFamilyInfo {
    let one = |(number, os): (usize, &GuestOs)| types::OperatingSystemInfo {
        operating_system_id: i32::try_from(number).ok(),
        minimum_hard_disk_size_gigabytes: Some(1),
        minimum_memory_megabytes: Some(32),
        name: Some(os.1.to_owned()),
        internal_name: Some(os.0.to_owned()),
        supported: Some(true),
        support_level: "FULLY_SUPPORTED".to_owned(),
        x64: Some(os.4),
        maximum_cpu_count: Some(128),
        minimum_hardware_version: Some(i32::from(version)),
        personalization_enabled: Some(family != Family::Other),
        cim_os_id: Some(os.3),
        supported_for_create: Some(true),
        recommended_firmware: Some(if os.4 { "efi" } else { "bios" }.to_owned()),
        supported_firmware: if os.4 {
            vec!["bios".to_owned(), "efi".to_owned()]
        } else {
            vec!["bios".to_owned()]
        },
        ..types::OperatingSystemInfo::default()
    };
    types::OperatingSystemFamilyInfo {
        name: Some(name.to_owned()),
        operating_system_family_id: Some(id),
        operating_system: KNOWN
            .iter()
            .enumerate()
            .filter(|(_, os)| os.2 == family)
            .map(one)
            .collect(),
    }
}
