//! Every type against its own shape: documents made from the shape are read, written back byte for byte, and come
//! back the same through JSON.
//!
//! With `VCD_SAMPLES_DIR` set a full document of each type is left in its folders `36.0` and `39.1`, for a check
//! against the schema.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use proptest::prelude::*;
use ssvirt_vcd::shape::{Field, FieldType, LeafKind, Place};
use ssvirt_vcd::types::*;
use ssvirt_vcd::{ApiVersion, Shape, VcdType, from_json, from_xml, to_json, to_xml};
use support::{Choices, Everything, sample};

fn check<T: VcdType + PartialEq + core::fmt::Debug>(choices: &mut dyn Choices) -> T {
    let document = sample(T::shape(), choices);
    let name = T::shape().type_name;
    let value = from_xml::<T>(&document).unwrap_or_else(|e| panic!("{name}: {e}\n{document}"));
    let xml = to_xml(&value, ApiVersion::NEWEST);
    assert_eq!(xml, document);
    let json = to_json(&value, ApiVersion::NEWEST);
    assert_eq!(from_json::<T>(&json).as_ref(), Ok(&value), "{json}");
    value
}

fn full<T: VcdType + PartialEq + core::fmt::Debug>() {
    let value = check::<T>(&mut Everything);
    let Ok(dir) = std::env::var("VCD_SAMPLES_DIR") else { return };
    for version in [ApiVersion::OLDEST, ApiVersion::NEWEST] {
        let path = format!("{dir}/{version}/{}", T::shape().type_name);
        std::fs::write(format!("{path}.xml"), to_xml(&value, version)).unwrap();
        std::fs::write(format!("{path}.json"), to_json(&value, version)).unwrap();
    }
}

/// Takes its choices from a list of bytes, and chooses nothing when it is used up.
struct Random<'a> {
    bytes: core::slice::Iter<'a, u8>,
    texts: &'a [String],
}

impl Random<'_> {
    fn next(&mut self) -> usize {
        self.bytes.next().copied().unwrap_or_default().into()
    }
}

impl Choices for Random<'_> {
    fn count(&mut self, _: &Field) -> usize {
        match self.next() {
            0..140 => 0,
            140..220 => 1,
            _ => 2,
        }
    }

    fn value(&mut self, _: &Field, kind: LeafKind) -> String {
        let choice = self.next();
        let pick =
            |all: &[&str]| all.get(choice % all.len()).copied().unwrap_or_default().to_owned();
        match kind {
            LeafKind::Bool => pick(&["false", "true"]),
            LeafKind::I32 => pick(&["0", "-1", "2147483647", "-2147483648"]),
            LeafKind::I64 => pick(&["0", "-1", "9223372036854775807", "-9223372036854775808"]),
            LeafKind::F64 => pick(&["0.0", "0.5", "-12.25", "1e300"]),
            LeafKind::Str => self.texts.get(choice % 8).cloned().unwrap_or_default(),
        }
    }
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    let text = prop_oneof![
        "[a-z]{0,6}",
        "[ \"'&<>\r\n\t;\\\\/é漢🎈\u{7f}]{0,8}",
        "&(amp|#10|lt);",
        "\\PC{0,12}",
    ];
    proptest::collection::vec(text, 1..8)
}

macro_rules! types {
    ($($name:ident)*) => {
        #[test]
        fn full_documents_survive_a_round_trip() {
            $(full::<$name>();)*
        }

        #[test]
        fn json_names_are_unique_in_each_type() {
            $(unique($name::shape());)*
        }

        proptest! {
            #![proptest_config(ProptestConfig::with_cases(24))]

            #[test]
            fn random_documents_survive_a_round_trip(
                bytes in proptest::collection::vec(any::<u8>(), 0..300),
                texts in texts(),
            ) {
                $(check::<$name>(&mut Random { bytes: bytes.iter(), texts: &texts });)*
            }
        }
    };
}

fn unique(shape: &'static Shape) {
    fn names(shape: &'static Shape, out: &mut Vec<&'static str>) {
        for field in shape.fields {
            match (field.place, field.ty) {
                (Place::Base, FieldType::Nested(base)) => names(base(), out),
                (Place::Section, _) => {}
                _ => out.push(field.name.json),
            }
        }
    }
    let mut all = Vec::new();
    names(shape, &mut all);
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(count, all.len(), "{}: {all:?}", shape.type_name);
}

types! {
    SupportedVersions Session Entity Owner Error Task TasksList OrgList Org AdminOrg VCloud OrganizationRights
    OrganizationRoles OrgSettings OrgGeneralSettings OrgVAppTemplateLeaseSettings OrgLdapSettings OrgEmailSettings
    OrgPasswordPolicySettings User Role Right ControlAccessParams Vdc AdminVdc VdcComputePolicyReferences
    VirtualHardwareVersion VdcStorageProfile AdminVdcStorageProfile Catalog AdminCatalog CatalogItem
    PublishCatalogParams OrgVdcNetwork VAppNetwork Metadata MetadataValue VirtualHardwareSection RasdItem
    RasdItemsList OperatingSystemSection StartupSection NetworkSection ProductSectionList LeaseSettingsSection
    NetworkConfigSection SnapshotSection NetworkConnectionSection GuestCustomizationSection
    GuestCustomizationStatusSection RuntimeInfoSection CustomizationSection VmSpecSection VmCapabilities BootOptions
    VApp Vm VAppTemplate ComposeVAppParams RecomposeVAppParams InstantiateVAppTemplateParams CloneVAppParams
    CreateVmParams InstantiateVmTemplateParams DeployVAppParams UndeployVAppParams CreateSnapshotParams
    MediaInsertOrEjectParams UploadVAppTemplateParams CaptureVAppParams QueryList SourcedItem CreateItem
}
