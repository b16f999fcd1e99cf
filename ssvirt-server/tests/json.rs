//! Every body that is taken in XML is taken in VCD's JSON, and does the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{ADMIN, ADMINISTRATOR, App, Client, Element, body, openapi};
use ssvirt_core::id::parse_any;
use ssvirt_vcd::{ApiVersion, VcdType, from_xml, to_json, types};

/// A server that is driven by bodies of one format.
struct Driver<'a> {
    client: Client<'a>,
    provider: Client<'a>,
    json: bool,
    /// What each operation left behind.
    left: Vec<(String, String)>,
    operations: BTreeSet<String>,
}

/// The name of an operation, its method and path, and its body in XML.
struct Request<'a> {
    operation: &'a str,
    method: &'a str,
    path: &'a str,
    xml: &'a str,
}

impl Driver<'_> {
    /// Sends a body, and waits for what it does. Answers the href of what the answer is about.
    async fn send<T: VcdType>(&mut self, request: Request<'_>) -> String {
        let Request { operation, method, path, xml } = request;
        // The domain SYSTEM is the provider's.
        let system = operation == "putDomainMetadataValue";
        let client = if system { &self.provider } else { &self.client };
        let media = T::shape().media;
        let answer = if self.json {
            let value = from_xml::<T>(xml).unwrap_or_else(|error| panic!("{operation}: {error}"));
            let text = to_json(&value, ApiVersion::NEWEST);
            let media = match media {
                "" => "application/json".to_owned(),
                media => format!("{media}+json"),
            };
            client.send(method, path, Some(&media), &text).await
        } else {
            client.send(method, path, Some("application/xml"), xml).await
        };
        assert!(matches!(answer.code(), 200..=202), "{operation}: {answer:?}");
        self.operations.insert(operation.to_owned());
        if answer.code() == 200 {
            return answer.xml().attr("href").to_owned();
        }
        client.done(answer).await.attr("href").to_owned()
    }

    /// Notes what is there now, without what differs from server to server.
    async fn look(&mut self, what: &str, href: &str) {
        let shown = self.client.get(href).await.ok().xml();
        self.left.push((what.to_owned(), format!("{:#?}", plain(&shown))));
    }
}

/// A text without ids, times and MAC addresses.
fn plain_text(text: &str) -> String {
    if text.parse::<jiff::Timestamp>().is_ok() {
        return "{time}".to_owned();
    }
    if text.len() == 17 && text.split(':').filter(|part| part.len() == 2).count() == 6 {
        return "{mac}".to_owned();
    }
    let segments = text.split(['/', ':']).map(|part| match parse_any(part) {
        Some(_) => "{id}",
        None => part,
    });
    segments.collect::<Vec<_>>().join("/")
}

fn plain(element: &Element) -> Element {
    Element {
        name: element.name.clone(),
        attrs: element.attrs.iter().map(|(k, v)| (k.clone(), plain_text(v))).collect(),
        text: plain_text(&element.text),
        children: element.children.iter().map(plain).collect(),
    }
}

async fn drive(driver: &mut Driver<'_>) {
    let client = driver.client.clone();
    let vdc = client.find("orgVdc", "demo-vdc").await;
    let network = client.find("orgVdcNetwork", "demo-net").await;
    let template = client.find("vAppTemplate", "ubuntu-24.04").await;
    let source = client.get(&template).await.ok().xml();
    let source = source.child("Children").child("Vm").attr("href").to_owned();
    let profile = client.find("orgVdcStorageProfile", "fast").await;
    let profile = format!("<StorageProfile href=\"{profile}\"/>");
    macro_rules! send {
        ($type:ident, $operation:literal, $method:literal, $path:expr, $xml:expr) => {
            driver
                .send::<types::$type>(Request {
                    operation: $operation,
                    method: $method,
                    path: &$path,
                    xml: &$xml,
                })
                .await
        };
    }

    let networks = format!(
        "<InstantiationParams>{}</InstantiationParams>",
        body::networks("demo-net", &network)
    );
    let items = body::sourced(&source, "copied", &profile) + &body::created("made", &profile);
    let compose =
        body::compose("composed", &format!("<Description>c</Description>{networks}{items}"));
    let path = format!("{vdc}/action/composeVApp");
    let composed = send!(ComposeVAppParams, "composeVApp", "POST", path, compose);
    driver.look("composed", &composed).await;

    let path = format!("{vdc}/action/instantiateVAppTemplate");
    let new = body::instantiate("instantiated", &template, Some(&network), false);
    let vapp = send!(InstantiateVAppTemplateParams, "instantiateVAppTemplate", "POST", path, new);
    driver.look("instantiated", &vapp).await;

    let vm = client.vms_of(&composed).await.remove(0);
    let change = format!(
        "<Description>recomposed</Description>{}<DeleteItem href=\"{vm}\"/>",
        body::created("added", "")
    );
    let path = format!("{composed}/action/recomposeVApp");
    send!(RecomposeVAppParams, "recomposeVApp", "POST", path, body::recompose(&change));
    let path = format!("{composed}/vms");
    let add = body::recompose(&body::sourced(&source, "another", ""));
    send!(RecomposeVAppParams, "addVms", "POST", path, add);
    let alone = body::alone("SourcedItem", &source);
    send!(SourcedItem, "addVms", "POST", path, alone);
    driver.look("recomposed", &composed).await;

    let vm = client.vms_of(&vapp).await.remove(0);
    let shown = client.get(&vm).await.ok().body;
    let whole = shown.replace("<NumCpus>2</NumCpus>", "<NumCpus>4</NumCpus>");
    assert_ne!(whole, shown);
    let path = format!("{vm}/action/reconfigureVm");
    send!(Vm, "reconfigureVm", "POST", path, whole);
    driver.look("reconfigured", &vm).await;
    let path = vm.replace("/api/vApp/", "/api/vm/");
    let guest = "<GuestCustomizationSection><ovf:Info/><ComputerName>host</ComputerName>\
                 <CustomizationScript>#!/bin/sh\necho \"a\" &gt; 'b' &amp;&amp; exit</CustomizationScript>\
                 </GuestCustomizationSection>";
    let products = "<ovf:ProductSection><ovf:Info>p</ovf:Info><ovf:Property ovf:key=\"key\" ovf:type=\"string\" \
                    ovf:value=\"value\" ovf:userConfigurable=\"true\"><ovf:Label>l</ovf:Label></ovf:Property>\
                    </ovf:ProductSection>";
    let put = body::root(
        "Vm",
        "name=\"renamed\"",
        &format!("<Description>d</Description>{guest}{products}"),
    );
    send!(Vm, "putVm", "PUT", path, put);
    driver.look("put", &vm).await;

    // Each section, changed.
    let section = async |href: &str, from: &str, to: &str| {
        let shown = client.get(href).await.ok().body;
        let changed = shown.replace(from, to);
        assert_ne!(shown, changed, "{href}: {shown}");
        changed
    };
    let path = format!("{vapp}/leaseSettingsSection");
    let lease = body::root(
        "LeaseSettingsSection",
        "",
        "<ovf:Info/><DeploymentLeaseInSeconds>7200</DeploymentLeaseInSeconds>",
    );
    send!(LeaseSettingsSection, "putVAppLeaseSettings", "PUT", path, lease);
    let path = format!("{vapp}/networkConfigSection");
    let changed = section(&path, "</NetworkConfig>", "</NetworkConfig><NetworkConfig networkName=\"inner\"><Configuration><IpScopes><IpScope><IsInherited>false</IsInherited><Gateway>10.1.0.1</Gateway><Netmask>255.255.255.0</Netmask><IpRanges><IpRange><StartAddress>10.1.0.10</StartAddress><EndAddress>10.1.0.20</EndAddress></IpRange></IpRanges></IpScope></IpScopes><FenceMode>isolated</FenceMode></Configuration></NetworkConfig>").await;
    send!(NetworkConfigSection, "putVAppNetworkConfig", "PUT", path, changed);
    let path = format!("{vapp}/productSections");
    let list = body::root("ProductSectionList", "", products);
    send!(ProductSectionList, "putProductSections", "PUT", path, list);
    driver.look("sections of the vApp", &vapp).await;

    let path = format!("{vm}/networkConnectionSection");
    let nic = "<NetworkConnection network=\"inner\"><NetworkConnectionIndex>0</NetworkConnectionIndex>\
               <IpAddress>10.1.0.12</IpAddress><IsConnected>true</IsConnected><IpAddressAllocationMode>MANUAL\
               </IpAddressAllocationMode><NetworkAdapterType>VMXNET3</NetworkAdapterType></NetworkConnection>";
    let nics = body::root(
        "NetworkConnectionSection",
        "",
        &format!(
            "<ovf:Info/><PrimaryNetworkConnectionIndex>0</PrimaryNetworkConnectionIndex>{nic}"
        ),
    );
    send!(NetworkConnectionSection, "putNetworkConnections", "PUT", path, nics);
    let path = format!("{vm}/guestCustomizationSection");
    let changed = section(&path, "<ComputerName>host<", "<ComputerName>renamed<").await;
    send!(GuestCustomizationSection, "putGuestCustomization", "PUT", path, changed);
    let path = format!("{vm}/vmCapabilities");
    let hot = body::root("VmCapabilities", "", "<CpuHotAddEnabled>true</CpuHotAddEnabled>");
    send!(VmCapabilities, "putVmCapabilities", "PUT", path, hot);
    let path = format!("{vm}/virtualHardwareSection");
    let changed =
        section(&path, ">2048</rasd:VirtualQuantity>", ">4096</rasd:VirtualQuantity>").await;
    send!(VirtualHardwareSection, "putVirtualHardware", "PUT", path, changed);
    let path = format!("{vm}/virtualHardwareSection/cpu");
    let changed = section(&path, ">4</rasd:VirtualQuantity>", ">8</rasd:VirtualQuantity>").await;
    send!(RasdItem, "putHardwareItem", "PUT", path, changed);
    driver.look("sections of the VM", &vm).await;

    let path = format!("{vapp}/metadata");
    let entries = body::metadata("key", "value").replace(
        "</Metadata>",
        "<MetadataEntry><Domain visibility=\"READWRITE\">GENERAL</Domain><Key>number</Key><TypedValue \
         xsi:type=\"MetadataNumberValue\"><Value>-7</Value></TypedValue></MetadataEntry><MetadataEntry><Key>flag\
         </Key><TypedValue xsi:type=\"MetadataBooleanValue\"><Value>true</Value></TypedValue></MetadataEntry>\
         <MetadataEntry><Key>date</Key><TypedValue xsi:type=\"MetadataDateTimeValue\"><Value>2026-01-02T03:04:05Z\
         </Value></TypedValue></MetadataEntry></Metadata>",
    );
    send!(Metadata, "mergeMetadata", "POST", path, entries);
    let value = body::metadata_value("a \"value\"", "");
    send!(MetadataValue, "putMetadataValue", "PUT", format!("{path}/put"), value);
    let domain = "<Domain visibility=\"READONLY\">SYSTEM</Domain>";
    let value = body::metadata_value("shown", domain);
    send!(MetadataValue, "putDomainMetadataValue", "PUT", format!("{path}/SYSTEM/put"), value);
    driver.look("metadata", &path).await;

    let user = client.find("user", "user").await;
    let role = client.find("role", "vApp%20Author").await;
    let changed = body::root(
        "User",
        "name=\"renamed\"",
        &format!(
            "<Description>d</Description><FullName>A User</FullName><EmailAddress>a@example.com</EmailAddress>\
             <IsEnabled>false</IsEnabled><StoredVmQuota>3</StoredVmQuota><DeployedVmQuota>2</DeployedVmQuota>\
             <Role href=\"{role}\"/><Password>another password</Password>"
        ),
    );
    send!(User, "putUser", "PUT", user, changed);
    driver.look("user", &user).await;

    let path = format!("{vapp}/action/deploy");
    let deploy = body::root("DeployVAppParams", "powerOn=\"true\"", "");
    send!(DeployVAppParams, "deployVApp", "POST", path, deploy);
    driver.look("deployed", &vapp).await;
    let path = format!("{vapp}/action/undeploy");
    let action = "<UndeployPowerAction>suspend</UndeployPowerAction>";
    let undeploy = body::root("UndeployVAppParams", "", action);
    send!(UndeployVAppParams, "undeployVApp", "POST", path, undeploy);
    driver.look("undeployed", &vapp).await;
}

#[test]
fn bodies_in_json_do_what_those_in_xml_do() {
    common::run(async {
        let mut seen: BTreeMap<bool, Vec<(String, String)>> = BTreeMap::new();
        for json in [false, true] {
            let app = App::start().await;
            let (client, provider) = (app.user(ADMIN).await, app.user(ADMINISTRATOR).await);
            let mut driver =
                Driver { client, provider, json, left: Vec::new(), operations: BTreeSet::new() };
            drive(&mut driver).await;
            // There is no body that is taken in XML and was not tried.
            let with_body = openapi::routes().into_iter().filter(|route| route.body && route.xml);
            let taken: BTreeSet<_> = with_body.map(|route| route.operation).collect();
            assert_eq!(taken, driver.operations);
            println!("{} operations with a body", taken.len());
            seen.insert(json, driver.left);
        }
        for ((what, by_xml), (_, by_json)) in seen[&false].iter().zip(&seen[&true]) {
            let lines = by_xml.lines().zip(by_json.lines()).filter(|(a, b)| a != b);
            let lines: Vec<_> = lines.take(20).map(|(a, b)| format!("{a} | {b}")).collect();
            assert_eq!(by_xml.len(), by_json.len(), "{what}: {lines:?}");
            assert!(lines.is_empty(), "{what}: {lines:?}");
        }
    });
}
