//! Bodies as clients send them, and bodies that must be refused.

use ssvirt_vcd::types::*;
use ssvirt_vcd::{ReadError, from_json, from_xml};

const NS: &str = "xmlns=\"http://www.vmware.com/vcloud/v1.5\" xmlns:ovf=\"http://schemas.dmtf.org/ovf/envelope/1\"";

#[test]
fn a_vm_is_recomposed_from_a_template() {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
        <RecomposeVAppParams {NS} name=\"web\" deploy=\"false\" powerOn=\"0\">
            <SourcedItem>
                <Source href=\"https://vcd/api/vAppTemplate/vm-1\" name=\"web1\"></Source>
                <VmGeneralParams></VmGeneralParams>
                <InstantiationParams>
                    <NetworkConnectionSection>
                        <ovf:Info></ovf:Info>
                        <PrimaryNetworkConnectionIndex> 0 </PrimaryNetworkConnectionIndex>
                    </NetworkConnectionSection>
                </InstantiationParams>
            </SourcedItem>
            <AllEULAsAccepted>true</AllEULAsAccepted>
        </RecomposeVAppParams>"
    );
    let params: RecomposeVAppParams = from_xml(body).unwrap();
    assert_eq!(params.compose.name.as_deref(), Some("web"));
    assert_eq!(params.compose.power_on, Some(false));
    assert_eq!(params.compose.all_eulas_accepted, Some(true));
    let item = &params.compose.sourced_item[0];
    assert_eq!(item.source.name.as_deref(), Some("web1"));
    assert_eq!(item.vm_general_params, Some(VmGeneralParams::default()));
    let sections = item.instantiation_params.as_ref().unwrap();
    let nics = sections.network_connection_section.as_ref().unwrap();
    assert_eq!(nics.primary_network_connection_index, Some(0));
    assert!(nics.network_connection.is_empty());
}

#[test]
fn an_empty_vm_is_created_inside_a_vapp() {
    let body = format!(
        "<RecomposeVAppParams {NS}><CreateItem name=\"db\">
            <GuestCustomizationSection><ovf:Info/><ComputerName>db</ComputerName></GuestCustomizationSection>
            <NetworkConnectionSection><ovf:Info/>
                <NetworkConnection network=\"none\">
                    <NetworkConnectionIndex>0</NetworkConnectionIndex><IpAddress>any</IpAddress>
                    <IsConnected>false</IsConnected><IpAddressAllocationMode>NONE</IpAddressAllocationMode>
                </NetworkConnection>
            </NetworkConnectionSection>
            <VmSpecSection Modified=\"true\"><ovf:Info>spec</ovf:Info>
                <OsType>otherLinuxGuest</OsType><Firmware>bios</Firmware><NumCpus>1</NumCpus>
                <MemoryResourceMb><Configured>512</Configured></MemoryResourceMb>
                <DiskSection></DiskSection><HardwareVersion href=\"\">vmx-14</HardwareVersion>
                <VirtualCpuType>VM32</VirtualCpuType>
            </VmSpecSection></CreateItem></RecomposeVAppParams>"
    );
    let params: RecomposeVAppParams = from_xml(body).unwrap();
    let vm = &params.compose.create_item[0];
    let spec = vm.vm_spec_section.as_ref().unwrap();
    assert_eq!(spec.modified, Some(true));
    assert_eq!(spec.firmware.as_deref(), Some("bios"));
    assert_eq!(spec.disk_section, Some(DiskSection::default()));
    assert_eq!(spec.media_section, None);
    assert_eq!(spec.hardware_version.as_ref().unwrap().value, "vmx-14");
    let nic = &vm.network_connection_section.as_ref().unwrap().network_connection[0];
    assert_eq!((nic.network.as_str(), nic.is_connected), ("none", false));
}

#[test]
fn a_vm_is_reconfigured_with_a_policy_and_empty_boot_options() {
    let body = format!(
        "<Vm {NS} name=\"web\"><ComputePolicy><VmSizingPolicy href=\"https://vcd/p\" id=\"urn:vcloud:vdcComputePolicy:1\" name=\"System Default\"/></ComputePolicy><BootOptions></BootOptions></Vm>"
    );
    let vm: Vm = from_xml(body).unwrap();
    assert_eq!(vm.entity.name, "web");
    assert_eq!(vm.boot_options, Some(BootOptions::default()));
    let policy = vm.compute_policy.unwrap().vm_sizing_policy.unwrap();
    assert_eq!(policy.name.as_deref(), Some("System Default"));
}

#[test]
fn small_bodies_of_terraform_are_understood() {
    let caps: VmCapabilities = from_xml(format!("<VmCapabilities {NS}></VmCapabilities>")).unwrap();
    assert_eq!(caps, VmCapabilities::default());
    let catalog: AdminCatalog =
        from_xml(format!("<AdminCatalog name=\"c\" {NS}></AdminCatalog>")).unwrap();
    assert_eq!(catalog.catalog.entity.name, "c");
    let undeploy: UndeployVAppParams = from_xml(format!(
        "<UndeployVAppParams {NS}><UndeployPowerAction>powerOff</UndeployPowerAction></UndeployVAppParams>"
    ))
    .unwrap();
    assert_eq!(undeploy.undeploy_power_action.as_deref(), Some("powerOff"));
    let upload: UploadVAppTemplateParams = from_xml(format!(
        "<UploadVAppTemplateParams {NS} name=\"t\" ><Description></Description></UploadVAppTemplateParams>"
    ))
    .unwrap();
    assert_eq!(upload.description.as_deref(), Some(""));
    let networks: NetworkConfigSection = from_xml(format!(
        "<NetworkConfigSection {NS} type=\"application/vnd.vmware.vcloud.networkconfigsection+xml\"><ovf:Info>x</ovf:Info></NetworkConfigSection>"
    ))
    .unwrap();
    assert!(networks.network_config.is_empty());
    let delete: RecomposeVAppParams =
        from_xml(format!("<RecomposeVAppParams {NS}><DeleteItem href=\"https://vcd/api/vApp/vm-1\"/></RecomposeVAppParams>"))
            .unwrap();
    assert_eq!(delete.delete_item, [Reference::new("https://vcd/api/vApp/vm-1")]);
}

#[test]
fn guest_properties_keep_their_namespaces() {
    let body = format!(
        "<ProductSectionList {NS}><ovf:ProductSection><ovf:Info>Custom properties</ovf:Info>
            <ovf:Property ovf:key=\"host\" ovf:type=\"string\" ovf:userConfigurable=\"true\">
            <ovf:Label>host</ovf:Label><ovf:Value ovf:value=\"web1\"/></ovf:Property></ovf:ProductSection></ProductSectionList>"
    );
    let list: ProductSectionList = from_xml(&body).unwrap();
    let property = &list.product_section[0].property[0];
    assert_eq!((property.key.as_str(), property.user_configurable), ("host", Some(true)));
    assert_eq!(property.value[0].value, "web1");
}

#[test]
fn hardware_items_with_nil_elements_and_foreign_prefixes_are_read() {
    let body = "<ns0:Item xmlns:ns0=\"http://www.vmware.com/vcloud/v1.5\"
            xmlns:r=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData\"
            xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" ns0:href=\"https://vcd/cpu\" ns0:type=\"t\">
        <r:Address xsi:nil=\"true\"/><r:AllocationUnits>hertz * 10^6</r:AllocationUnits>
        <r:Caption xsi:nil=\"true\"/><r:InstanceID>4</r:InstanceID><r:Reservation>0</r:Reservation>
        <r:ResourceType>3</r:ResourceType><r:VirtualQuantity>2</r:VirtualQuantity>
        <ns0:Link rel=\"edit\" href=\"https://vcd/cpu\"/></ns0:Item>";
    let item: RasdItem = from_xml(body).unwrap();
    assert_eq!(item.address, None);
    assert_eq!((item.resource_type, item.virtual_quantity), (Some(3), Some(2)));
    assert_eq!(item.href.as_deref(), Some("https://vcd/cpu"));
}

#[test]
fn documents_without_any_namespace_are_read() {
    let vm: Vm = from_xml(
        "<Vm name=\"a\"><VmSpecSection><Info>i</Info><NumCpus>2</NumCpus></VmSpecSection></Vm>",
    )
    .unwrap();
    let spec = vm.vm_spec_section.unwrap();
    assert_eq!((spec.info.value.as_str(), spec.num_cpus), ("i", Some(2)));
}

#[test]
fn metadata_keeps_its_types() {
    let body = format!(
        "<Metadata {NS} xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><MetadataEntry><Key>k</Key>
        <TypedValue xsi:type=\"MetadataNumberValue\"><Value>12</Value></TypedValue></MetadataEntry></Metadata>"
    );
    let metadata: Metadata = from_xml(body).unwrap();
    assert_eq!(metadata.metadata_entry[0].typed_value, Some(TypedValue::Number(12)));
    let json = "{\"metadataEntry\":[{\"key\":\"k\",\"typedValue\":{\"_type\":\"MetadataBooleanValue\",\"value\":true}}]}";
    let metadata: Metadata = from_json(json).unwrap();
    assert_eq!(metadata.metadata_entry[0].typed_value, Some(TypedValue::Boolean(true)));
}

#[test]
fn json_sections_are_read_from_their_array() {
    let json = "{\"name\":\"a\",\"unknownButNull\":null,\"section\":[{\"_type\":\"VmSpecSectionType\",\"numCpus\":2,
        \"info\":{\"value\":\"x\"}},{\"_type\":\"AnnotationSectionType\"}],\"otherAttributes\":{\"a\":1}}";
    let vm: Vm = from_json(json).unwrap();
    assert_eq!(vm.vm_spec_section.unwrap().num_cpus, Some(2));
    let error = from_json::<Vm>("{\"name\":\"a\",\"section\":[{\"_type\":\"FooSectionType\"}]}")
        .unwrap_err();
    assert!(matches!(error, ReadError::UnknownElement { name, .. } if name == "FooSectionType"));
    let error = from_json::<Vm>("{\"name\":\"a\",\"colour\":\"red\"}").unwrap_err();
    assert!(matches!(error, ReadError::UnknownElement { name, .. } if name == "colour"));
}

#[test]
fn what_is_ignored_is_ignored_and_the_rest_is_not() {
    let vm =
        |inner: &str| from_xml::<Vm>(format!("<Vm {NS} name=\"a\" unknown=\"1\">{inner}</Vm>"));
    assert!(
        vm("<VCloudExtension required=\"false\"><x xmlns=\"urn:x\"/></VCloudExtension>").is_ok()
    );
    assert!(vm("<TrustedPlatformModule><A/></TrustedPlatformModule>").is_ok());
    assert!(
        vm("<DateCreated>x</DateCreated><Description>order does not matter</Description>").is_ok()
    );
    let unknown = |name: &str, parent: &str| ReadError::UnknownElement {
        name: name.to_owned(),
        parent: parent.to_owned(),
    };
    assert_eq!(vm("<Colour/>"), Err(unknown("Colour", "Vm")));
    assert_eq!(
        vm("<Description>a</Description><Description>b</Description>"),
        Err(unknown("Description", "Vm"))
    );
    assert_eq!(vm("<Description><b/></Description>"), Err(unknown("b", "Description")));
    assert_eq!(vm("<VmSpecSection><Nope/></VmSpecSection>"), Err(unknown("Nope", "VmSpecSection")));
}

#[test]
fn malformed_documents_are_refused() {
    let bomb = "<!DOCTYPE a [<!ENTITY x \"xx\"><!ENTITY y \"&x;&x;\">]><Vm name=\"&y;\"/>";
    assert_eq!(from_xml::<Vm>(bomb), Err(ReadError::Doctype));
    let entity = format!("<Vm {NS} name=\"a\"><Description>&x;</Description></Vm>");
    assert_eq!(from_xml::<Vm>(entity), Err(ReadError::Entity("x".to_owned())));
    let entity = format!("<Vm {NS} name=\"&#0;\"/>");
    assert_eq!(from_xml::<Vm>(entity), Err(ReadError::Entity("#0".to_owned())));
    let deep = format!("<Vm {NS} name=\"a\">{}{}</Vm>", "<a>".repeat(5000), "</a>".repeat(5000));
    assert_eq!(from_xml::<Vm>(deep), Err(ReadError::TooDeep));
    let many = format!("<Vm {NS} name=\"a\">{}</Vm>", "<Link/>".repeat(300_000));
    assert_eq!(from_xml::<Vm>(many), Err(ReadError::TooLarge));
    for prefix in ["a", "xmlns:p"] {
        let attributes: String = (0..300).map(|i| format!(" {prefix}{i}=\"u\"")).collect();
        let wide = format!("<Vm {NS} name=\"a\"{attributes}/>");
        assert_eq!(from_xml::<Vm>(wide), Err(ReadError::TooLarge));
    }
    let wrong = ReadError::UnexpectedRoot { expected: "Vm", found: "VApp".to_owned() };
    assert_eq!(from_xml::<Vm>(format!("<VApp {NS} name=\"a\"/>")), Err(wrong));
    assert!(matches!(
        from_xml::<Vm>("<Vm xmlns=\"urn:other\" name=\"a\"/>"),
        Err(ReadError::UnexpectedRoot { .. })
    ));
    let pi = format!("<?xml version=\"1.0\"?><?php x?><Vm {NS} name=\"a\"/>");
    assert_eq!(from_xml::<Vm>(pi), Err(ReadError::ProcessingInstruction));
    let missing = ReadError::Missing { name: "name".to_owned(), parent: "Vm".to_owned() };
    assert_eq!(from_xml::<Vm>(format!("<Vm {NS}/>")), Err(missing.clone()));
    assert_eq!(from_json::<Vm>("{}"), Err(missing));
    for (inner, name) in [
        ("<IsComputePolicyCompliant>yes</IsComputePolicyCompliant>", "IsComputePolicyCompliant"),
        ("<VmSpecSection><NumCpus>two</NumCpus></VmSpecSection>", "NumCpus"),
        ("<VmSpecSection><NumCpus>3000000000</NumCpus></VmSpecSection>", "NumCpus"),
    ] {
        let error = from_xml::<Vm>(format!("<Vm {NS} name=\"a\">{inner}</Vm>")).unwrap_err();
        assert!(matches!(&error, ReadError::BadValue { name: n, .. } if n == name), "{error}");
    }
    for bad in [
        "",
        " ",
        "text",
        "<Vm",
        "<Vm name=\"a\">",
        "<Vm name=\"a\"></Vn>",
        "<Vm name=\"a\"/><Vm name=\"b\"/>",
        "<Vm name=\"a\"/>x",
        "<Vm name=\"a\" name=\"b\"/>",
        "<Vm name=\"<\"/>",
        "<Vm name=\"a & b\"/>",
        "<q:Vm name=\"a\"/>",
        "<Vm name=\"a\">\u{1}</Vm>",
        "</Vm>",
        "&amp;<Vm name=\"a\"/>",
    ] {
        assert!(
            matches!(from_xml::<Vm>(bad), Err(ReadError::Malformed(_))),
            "{bad}: {:?}",
            from_xml::<Vm>(bad)
        );
    }
    assert!(matches!(from_xml::<Vm>(b"<Vm name=\"\xff\"/>"), Err(ReadError::Malformed(_))));
    assert!(matches!(from_json::<Vm>("{\"name\":\"a\""), Err(ReadError::Malformed(_))));
    assert!(matches!(from_json::<Vm>("[]"), Err(ReadError::BadValue { .. })));
    assert!(matches!(
        from_json::<Vm>("{\"name\":\"a\",\"link\":{}}"),
        Err(ReadError::BadValue { .. })
    ));
    assert!(matches!(from_json::<Vm>("[".repeat(100_000)), Err(ReadError::Malformed(_))));
}

#[test]
fn references_and_space_in_text_are_kept() {
    let body = format!(
        "\u{FEFF}<!-- c --><Vm {NS} name=\" a&#32;&amp;&quot;b\tc\"><Description> x &lt;&amp; <![CDATA[<y>]]> &#xE9;\r\n </Description></Vm>"
    );
    let vm: Vm = from_xml(body).unwrap();
    assert_eq!(vm.entity.name, " a &\"b c");
    assert_eq!(vm.entity.description.as_deref(), Some(" x <& <y> \u{e9}\n "));
}

#[test]
fn long_lists_are_read_in_linear_time() {
    let links = "<Link rel=\"a\" href=\"b\"/>".repeat(150_000);
    let vm: Vm = from_xml(format!("<Vm {NS} name=\"a\">{links}</Vm>")).unwrap();
    assert_eq!(vm.entity.link.len(), 150_000);
    let section = "{\"_type\":\"ProductSectionType\"}";
    let sections = [section; 100_000].join(",");
    let vm: Vm = from_json(format!("{{\"name\":\"a\",\"section\":[{sections}]}}")).unwrap();
    assert_eq!(vm.product_section.len(), 100_000);
}
