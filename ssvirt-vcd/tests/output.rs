//! The exact form of what is written, and the version gates.

use ssvirt_vcd::types::*;
use ssvirt_vcd::{ApiVersion, Format, Render, VcdType as _, mt, to_json, to_xml};

#[test]
fn xml_declares_namespaces_on_the_root_and_orders_by_the_schema() {
    let mut org = Org { full_name: "A & B".to_owned(), is_enabled: Some(true), ..Org::default() };
    org.entity.name = "a\"\n<b>".to_owned();
    org.entity.link.push(Link::new("down", "https://vcd/x?a=1&b=2").typed(mt::VDC));
    org.entity.description = Some(String::new());
    let xml = to_xml(&org, ApiVersion::V37_0);
    let (declaration, rest) = xml.split_once('\n').unwrap();
    assert_eq!(declaration, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    assert!(
        rest.starts_with("<Org xmlns=\"http://www.vmware.com/vcloud/v1.5\" xmlns:vcloud="),
        "{rest}"
    );
    assert!(rest.ends_with(
        " name=\"a&quot;&#10;&lt;b&gt;\"><Link rel=\"down\" href=\"https://vcd/x?a=1&amp;b=2\" \
         type=\"application/vnd.vmware.vcloud.vdc+xml\"/><Description/><FullName>A &amp; B</FullName>\
         <IsEnabled>true</IsEnabled></Org>"
    ), "{rest}");
}

#[test]
fn json_has_nulls_arrays_types_and_the_extension_members() {
    let list = OrgList { org: vec![Reference::new("h").named("o\"\u{7}")], ..OrgList::default() };
    assert_eq!(
        to_json(&list, ApiVersion::V37_0),
        "{\"otherAttributes\":{},\"vCloudExtension\":[],\"href\":null,\"type\":null,\"link\":[],\"org\":[\
         {\"otherAttributes\":{},\"vCloudExtension\":[],\"href\":\"h\",\"id\":null,\"type\":null,\"name\":\"o\\\"\\u0007\"}]}"
    );
    let vm = Vm { vm_spec_section: Some(VmSpecSection::default()), ..Vm::default() };
    let json: serde_json::Value = serde_json::from_str(&to_json(&vm, ApiVersion::NEWEST)).unwrap();
    assert_eq!(json["section"][0]["_type"], "VmSpecSectionType");
    assert_eq!(json["section"].as_array().unwrap().len(), 1);
    assert_eq!(json["name"], "");
    assert!(json["status"].is_null());
}

#[test]
fn versions_use_their_own_namespace() {
    let versions = SupportedVersions {
        version_info: vec![VersionInfo {
            deprecated: Some(false),
            version: "37.0".to_owned(),
            login_url: "https://vcd/cloudapi/1.0.0/sessions".to_owned(),
            provider_login_url: None,
        }],
        schema_root: None,
    };
    assert_eq!(
        to_xml(&versions, ApiVersion::NEWEST),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<SupportedVersions xmlns=\"http://www.vmware.com/vcloud/versions\">\
         <VersionInfo deprecated=\"false\"><Version>37.0</Version><LoginUrl>https://vcd/cloudapi/1.0.0/sessions</LoginUrl>\
         </VersionInfo></SupportedVersions>"
    );
}

#[test]
fn newer_fields_are_left_out_of_older_answers() {
    let spec = VmSpecSection { firmware: Some("efi".to_owned()), ..VmSpecSection::default() };
    for (version, present) in
        [(ApiVersion::V36_0, false), (ApiVersion::V37_1, true), (ApiVersion::V39_1, true)]
    {
        assert_eq!(
            to_xml(&spec, version).contains("<Firmware>efi</Firmware>"),
            present,
            "{version}"
        );
        assert_eq!(to_json(&spec, version).contains("\"firmware\":\"efi\""), present, "{version}");
        let field =
            VmSpecSection::shape().fields.iter().find(|f| f.name.local == "Firmware").unwrap();
        assert_eq!(field.in_version(version), present);
    }
}

#[test]
fn pages_of_records_take_their_names_from_data() {
    let page = QueryResultRecords {
        container: Container {
            name: Some("vm".to_owned()),
            total: Some(1),
            page: Some(1),
            page_size: Some(25),
            ..Container::default()
        },
        record: vec![Record {
            element: "VMRecord",
            json_type: "QueryResultVMRecordType",
            attrs: vec![
                ("href".into(), "h".into()),
                ("numberOfCpus".into(), 2.into()),
                ("isBusy".into(), false.into()),
            ],
            ..Record::default()
        }],
    };
    let xml = page.render(Format::Xml, ApiVersion::V37_0);
    assert!(xml.contains("name=\"vm\" page=\"1\" pageSize=\"25\" total=\"1\"><VMRecord href=\"h\" numberOfCpus=\"2\" isBusy=\"false\"/></QueryResultRecords>"), "{xml}");
    let json: serde_json::Value =
        serde_json::from_str(&page.render(Format::Json, ApiVersion::V37_0)).unwrap();
    assert_eq!(json["record"][0]["_type"], "QueryResultVMRecordType");
    assert_eq!(json["record"][0]["numberOfCpus"], 2);
    assert_eq!(page.media(), "application/vnd.vmware.vcloud.query.records");

    let page = QueryReferences {
        element: "VMReferences",
        reference_element: "VMReference",
        reference: vec![Reference::new("h")],
        ..QueryReferences::default()
    };
    let xml = to_xml(&page, ApiVersion::V37_0);
    assert!(
        xml.contains("<VMReferences ")
            && xml.ends_with("><VMReference href=\"h\"/></VMReferences>"),
        "{xml}"
    );
}

#[test]
fn guest_properties_and_hardware_use_the_ovf_prefixes() {
    let section = VirtualHardwareSection {
        info: "hw".into(),
        href: Some("h".to_owned()),
        item: vec![RasdItem {
            element_name: "Hard disk 1".to_owned(),
            instance_id: "2000".to_owned(),
            host_resource: vec![RasdHostResource {
                capacity: Some(40),
                ..RasdHostResource::default()
            }],
            ..RasdItem::default()
        }],
        link: vec![Link::new("down", "c")],
        ..VirtualHardwareSection::default()
    };
    let xml = to_xml(&section, ApiVersion::V37_0);
    assert!(xml.ends_with(
        " vcloud:href=\"h\"><ovf:Info>hw</ovf:Info><ovf:Item><rasd:ElementName>Hard disk 1</rasd:ElementName>\
         <rasd:HostResource vcloud:capacity=\"40\"/><rasd:InstanceID>2000</rasd:InstanceID></ovf:Item>\
         <Link rel=\"down\" href=\"c\"/></ovf:VirtualHardwareSection>"
    ), "{xml}");
}

#[test]
fn render_is_object_safe() {
    let documents: Vec<Box<dyn Render + Send + Sync>> =
        vec![Box::new(Task::default()), Box::new(Error::default())];
    assert_eq!(documents[0].media(), "application/vnd.vmware.vcloud.task");
    assert!(documents[1].render(Format::Json, ApiVersion::OLDEST).starts_with('{'));
}
