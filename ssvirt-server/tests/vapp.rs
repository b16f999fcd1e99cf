//! What VCD does with vApps and VMs, as its clients rely on it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{ADMIN, ADMINISTRATOR, AUTHOR, App, Client, EVERYONE, Element, TENANTS, USER, body};

const FORBIDDEN: &str = "ACCESS_TO_RESOURCE_IS_FORBIDDEN";
const XML: Option<&str> = Some("application/xml");

fn undeploy(action: &str) -> String {
    let action = format!("<UndeployPowerAction>{action}</UndeployPowerAction>");
    body::root("UndeployVAppParams", "", &action)
}

/// `status` and `deployed` of an object.
async fn state(client: &Client<'_>, href: &str) -> (String, String) {
    let element = client.get(href).await.ok().xml();
    (element.attr("status").to_owned(), element.attr("deployed").to_owned())
}

/// Both, of a vApp and its first VM, at versions before and from 37.0 on; and in the query records.
async fn states(client: &Client<'_>, vapp: &str, old: &str, new: &str, deployed: &str) {
    let vm = client.vms_of(vapp).await.remove(0);
    for (version, status) in [("36.0", old), ("36.3", old), ("37.0", new), ("39.1", new)] {
        let client = client.clone().at(version);
        for href in [vapp, &vm] {
            let (is, was) = state(&client, href).await;
            assert_eq!((is.as_str(), was.as_str()), (status, deployed), "{href} at {version}");
        }
        let name = match status {
            "3" => "SUSPENDED",
            "4" => "POWERED_ON",
            "8" => "POWERED_OFF",
            _ => "PARTIALLY_POWERED_OFF",
        };
        for kind in ["vApp", "vm"] {
            let rows = client.query(&format!("type={kind}&filter=status=={name}")).await;
            let row = rows.iter().find(|row| [vapp, &vm].contains(&row.attr("href")));
            let row = row.unwrap_or_else(|| panic!("no {kind} is {name} at {version}"));
            assert_eq!((row.attr("status"), row.attr("isDeployed")), (name, deployed));
        }
    }
}

#[test]
fn states_follow_the_power() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vapp = client.instantiate("states", "ubuntu-24.04", true).await;
        let act = async |path: &str, body: &str| {
            client.done(client.post(&format!("{vapp}/{path}"), body).await).await;
        };
        states(&client, &vapp, "4", "4", "true").await;
        act("power/action/powerOff", "").await;
        states(&client, &vapp, "8", "20", "true").await;
        act("action/undeploy", &undeploy("powerOff")).await;
        states(&client, &vapp, "8", "8", "false").await;
        let deploy = body::root("DeployVAppParams", "powerOn=\"false\"", "");
        act("action/deploy", &deploy).await;
        states(&client, &vapp, "8", "20", "true").await;
        act("power/action/powerOn", "").await;
        states(&client, &vapp, "4", "4", "true").await;
        act("power/action/suspend", "").await;
        states(&client, &vapp, "3", "3", "true").await;
        act("action/discardSuspendedState", "").await;
        states(&client, &vapp, "8", "20", "true").await;
        act("action/deploy", &body::root("DeployVAppParams", "powerOn=\"true\"", "")).await;
        act("power/action/reset", "").await;
        act("power/action/reboot", "").await;
        act("power/action/shutdown", "").await;
        states(&client, &vapp, "8", "20", "true").await;
        act("power/action/powerOn", "").await;
        act("action/undeploy", &undeploy("suspend")).await;
        assert_eq!(state(&client, &vapp).await, ("3".to_owned(), "false".to_owned()));
    });
}

#[test]
fn links_follow_the_state() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vapp = client.instantiate("links", "ubuntu-24.04", true).await;
        let vm = client.vms_of(&vapp).await.remove(0);
        let rels = async |href: &str| {
            let element = client.get(href).await.ok().xml();
            element.rels().into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        for href in [&vapp, &vm] {
            let on = rels(href).await;
            for rel in [
                "power:powerOff",
                "power:reset",
                "power:reboot",
                "power:shutdown",
                "power:suspend",
                "undeploy",
            ] {
                assert!(on.contains(&rel.to_owned()), "{rel}: {on:?}");
            }
            for rel in ["power:powerOn", "deploy", "remove", "discardState"] {
                assert!(!on.contains(&rel.to_owned()), "{rel}: {on:?}");
            }
        }
        client
            .done(client.post(&format!("{vapp}/action/undeploy"), &undeploy("powerOff")).await)
            .await;
        for href in [&vapp, &vm] {
            let off = rels(href).await;
            for rel in ["power:powerOn", "deploy", "remove"] {
                assert!(off.contains(&rel.to_owned()), "{rel}: {off:?}");
            }
            assert!(
                !off.iter().any(|rel| rel.starts_with("power:") && rel != "power:powerOn"),
                "{off:?}"
            );
        }
        // Clients take two links of one rel and type for an error, unless they have names.
        for href in [&vapp, &vm] {
            let element = client.get(href).await.ok().xml();
            let mut seen = std::collections::BTreeSet::new();
            for link in element.all("Link") {
                let key = (link.attr("rel"), link.attr("type"), link.attr("name"));
                assert!(seen.insert(key), "{key:?} twice in {href}");
            }
        }
    });
}

#[test]
fn an_empty_vapp_is_resolved() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vapp =
            client.compose(&body::compose("empty", "<Description>nothing</Description>")).await;
        let element = client.get(&vapp).await.ok().xml();
        assert_eq!((element.attr("status"), element.attr("deployed")), ("1", "false"));
        assert_eq!(element.child("Description").text, "nothing");
        assert!(element.find("Children").is_none());
        client.done(client.delete(&vapp).await).await;
        client.get(&vapp).await.refused(403, FORBIDDEN);
    });
}

#[test]
fn what_does_not_run_is_not_undeployed() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vapp = client.instantiate("off", "ubuntu-24.04", false).await;
        let empty = client.compose(&body::compose("empty", "")).await;
        let vm = client.vms_of(&vapp).await.remove(0);
        let before = app.stored().await;
        for href in [&vapp, &vm, &empty] {
            let answer =
                client.post(&format!("{href}/action/undeploy"), &undeploy("powerOff")).await;
            // The words that Terraform looks for.
            let message = answer.message();
            assert!(
                message.contains("The requested operation could not be executed since "),
                "{message}"
            );
            assert!(message.contains("is not running"), "{message}");
            answer.refused(400, "INVALID_STATE");
        }
        for action in ["powerOff", "suspend", "reset", "reboot", "shutdown"] {
            client
                .post(&format!("{vapp}/power/action/{action}"), "")
                .await
                .refused(400, "INVALID_STATE");
        }
        client
            .post(&format!("{vapp}/action/undeploy"), &undeploy("explode"))
            .await
            .refused(400, "BAD_REQUEST");
        assert_eq!(before, app.stored().await);
    });
}

#[test]
fn a_running_vapp_is_deleted_by_force_only() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vapp = client.instantiate("running", "two-tier", true).await;
        let vms = client.vms_of(&vapp).await;
        let before = app.stored().await;
        for query in ["", "?force=false", "?force=False&recursive=False", "?recursive=True"] {
            client.delete(&format!("{vapp}{query}")).await.refused(400, "INVALID_STATE");
        }
        client.delete(&vms[0]).await.refused(400, "INVALID_STATE");
        let delete = body::recompose(&format!("<DeleteItem href=\"{}\"/>", vms[0]));
        client
            .post(&format!("{vapp}/action/recomposeVApp"), &delete)
            .await
            .refused(400, "INVALID_STATE");
        assert_eq!(before, app.stored().await, "something was touched");
        states(&client, &vapp, "4", "4", "true").await;
        client.done(client.delete(&format!("{vapp}?force=True&recursive=False")).await).await;
        for href in vms.iter().chain([&vapp]) {
            client.get(href).await.refused(403, FORBIDDEN);
        }
        // The name is free again.
        client.instantiate("running", "two-tier", false).await;
    });
}

#[test]
fn names_are_taken_once() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let author = app.user(AUTHOR).await;
        let vapp = client.instantiate("taken", "ubuntu-24.04", false).await;
        let vdc = client.find("orgVdc", "demo-vdc").await;
        let template = client.find("vAppTemplate", "ubuntu-24.04").await;
        let before = app.stored().await;
        for other in [&client, &author] {
            // The author does not see the vApp, but its name is taken all the same.
            let answer =
                other.post(&format!("{vdc}/action/composeVApp"), &body::compose("taken", "")).await;
            assert!(answer.message().contains("taken"), "{answer:?}");
            answer.refused(400, "DUPLICATE_NAME");
            let instantiate = body::instantiate("taken", &template, None, false);
            let path = format!("{vdc}/action/instantiateVAppTemplate");
            other.post(&path, &instantiate).await.refused(400, "DUPLICATE_NAME");
        }
        let again = body::recompose(&body::created("ubuntu-24.04", ""));
        client
            .post(&format!("{vapp}/action/recomposeVApp"), &again)
            .await
            .refused(400, "DUPLICATE_NAME");
        for name in ["", " padded", "x".repeat(129).as_str()] {
            let answer =
                client.post(&format!("{vdc}/action/composeVApp"), &body::compose(name, "")).await;
            answer.refused(400, "BAD_REQUEST");
        }
        assert_eq!(before, app.stored().await);
        client.done(client.delete(&vapp).await).await;
        client.compose(&body::compose("taken", "")).await;
    });
}

#[test]
fn recompose_changes_what_it_names() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vapp = client.instantiate("before", "two-tier", false).await;
        let path = format!("{vapp}/action/recomposeVApp");
        let names = async || {
            let element = client.get(&vapp).await.ok().xml();
            let children = element.child("Children").children.iter();
            let mut names: Vec<String> = children.map(|vm| vm.attr("name").to_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(names().await, ["db", "web"]);
        let template = client.find("vAppTemplate", "debian-13").await;
        let template = client.get(&template).await.ok().xml();
        let source = template.child("Children").child("Vm").attr("href").to_owned();
        let content =
            format!("{}{}", body::sourced(&source, "added", ""), body::created("made", ""));
        client.done(client.post(&path, &body::recompose(&content)).await).await;
        assert_eq!(names().await, ["added", "db", "made", "web"]);
        let made = client.query("type=vm&filter=name==made").await.remove(0);
        assert_eq!((made.attr("numberOfCpus"), made.attr("memoryMB")), ("1", "512"));
        let gone = client.query("type=vm&filter=name==db;isVAppTemplate==false").await.remove(0);
        let delete = format!("<DeleteItem href=\"{}\"/>", gone.attr("href"));
        client.done(client.post(&path, &body::recompose(&delete)).await).await;
        assert_eq!(names().await, ["added", "made", "web"]);
        let rename =
            body::root("RecomposeVAppParams", "name=\"after\"", "<Description>new</Description>");
        client.done(client.post(&path, &rename).await).await;
        let element = client.get(&vapp).await.ok().xml();
        assert_eq!(element.attr("name"), "after");
        assert_eq!(element.child("Description").text, "new");
        assert_eq!(names().await, ["added", "made", "web"]);
        let vm = client.vms_of(&vapp).await.remove(0);
        client.post(&format!("{vm}/action/recomposeVApp"), &rename).await.refused(404, "NOT_FOUND");
    });
}

fn nics(content: &str) -> String {
    let primary = "<PrimaryNetworkConnectionIndex>0</PrimaryNetworkConnectionIndex>";
    body::root("NetworkConnectionSection", "", &format!("<ovf:Info/>{primary}{content}"))
}

fn nic(index: u8, network: &str, mode: &str) -> String {
    format!(
        "<NetworkConnection network=\"{network}\"><NetworkConnectionIndex>{index}</NetworkConnectionIndex>\
         <IsConnected>true</IsConnected><IpAddressAllocationMode>{mode}</IpAddressAllocationMode>\
         <NetworkAdapterType>VMXNET3</NetworkAdapterType></NetworkConnection>"
    )
}

/// The addresses of a VM's NICs.
async fn addresses(client: &Client<'_>, vm: &str) -> Vec<String> {
    let section = client.get(&format!("{vm}/networkConnectionSection/")).await.ok().xml();
    let address =
        |nic: &Element| nic.find("IpAddress").map(|ip| ip.text.clone()).unwrap_or_default();
    section.all("NetworkConnection").map(address).collect()
}

#[test]
fn nics_are_exactly_those_of_the_list() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vapp = client.instantiate("nics", "ubuntu-24.04", false).await;
        let vm = client.vms_of(&vapp).await.remove(0);
        let path = format!("{vm}/networkConnectionSection/");
        let set = async |content: &str| {
            client.done(client.put(&path, &nics(content)).await).await;
        };
        set(&nic(0, "demo-net", "POOL")).await;
        assert_eq!(addresses(&client, &vm).await, ["192.168.100.10"]);
        // The address stays while others come and go.
        set(&format!("{}{}", nic(0, "demo-net", "POOL"), nic(1, "demo-net", "POOL"))).await;
        assert_eq!(addresses(&client, &vm).await, ["192.168.100.10", "192.168.100.11"]);
        let section = client.get(&path).await.ok().xml();
        let macs: Vec<_> = section
            .all("NetworkConnection")
            .map(|nic| nic.child("MACAddress").text.clone())
            .collect();
        assert_ne!(macs[0], macs[1]);
        let manual = nic(1, "demo-net", "MANUAL")
            .replace("<IsConnected>", "<IpAddress>192.168.100.77</IpAddress><IsConnected>");
        set(&manual).await;
        assert_eq!(addresses(&client, &vm).await, ["192.168.100.77"]);
        // Another VM gets the address that is free again.
        let other = client.instantiate("others", "ubuntu-24.04", false).await;
        let other = client.vms_of(&other).await.remove(0);
        let answer = client
            .put(&format!("{other}/networkConnectionSection"), &nics(&nic(0, "demo-net", "POOL")))
            .await;
        client.done(answer).await;
        assert_eq!(addresses(&client, &other).await, ["192.168.100.10"]);
        set("").await;
        assert!(addresses(&client, &vm).await.is_empty());
        let before = app.stored().await;
        let outside = manual.replace("192.168.100.77", "10.0.0.1");
        for bad in [
            nic(0, "no-net", "POOL"),
            outside,
            nic(0, "demo-net", "MANUAL"),
            nic(0, "demo-net", "SOMEHOW"),
        ] {
            client.put(&path, &nics(&bad)).await.is(400);
        }
        let twice = format!("{}{}", nic(0, "none", "NONE"), nic(0, "none", "NONE"));
        client.put(&path, &nics(&twice)).await.is(400);
        client
            .put(&format!("{vapp}/networkConnectionSection"), &nics(""))
            .await
            .refused(404, "NOT_FOUND");
        assert_eq!(before, app.stored().await);
    });
}

#[test]
fn addresses_are_given_out_of_the_pool_across_vapps_and_users() {
    common::run(async {
        let app = App::start().await;
        let mut seen = Vec::new();
        for login in TENANTS {
            let client = app.user(login).await;
            let vapp = client.instantiate(&format!("pool-{login}"), "ubuntu-24.04", false).await;
            let vm = client.vms_of(&vapp).await.remove(0);
            let section = nics(&nic(0, "demo-net", "POOL"));
            client
                .done(client.put(&format!("{vm}/networkConnectionSection/"), &section).await)
                .await;
            seen.extend(addresses(&client, &vm).await);
        }
        assert_eq!(seen, ["192.168.100.10", "192.168.100.11", "192.168.100.12"]);
    });
}

#[test]
fn what_vm_capabilities_leave_out_is_off() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vapp = client.instantiate("hot", "ubuntu-24.04", false).await;
        let vm = client.vms_of(&vapp).await.remove(0);
        let path = format!("{vm}/vmCapabilities/");
        let flags = async || {
            let element = client.get(&path).await.ok().xml();
            let flag = |name: &str| element.child(name).text == "true";
            (flag("CpuHotAddEnabled"), flag("MemoryHotAddEnabled"))
        };
        let cpu = "<CpuHotAddEnabled>true</CpuHotAddEnabled>";
        let memory = "<MemoryHotAddEnabled>true</MemoryHotAddEnabled>";
        for (content, expected) in [
            (format!("{memory}{cpu}"), (true, true)),
            (memory.to_owned(), (false, true)),
            (cpu.to_owned(), (true, false)),
            (String::new(), (false, false)),
        ] {
            let body = body::root("VmCapabilities", "", &content);
            client.done(client.put(&path, &body).await).await;
            assert_eq!(flags().await, expected);
        }
    });
}

#[test]
fn reconfigure_changes_the_sections_that_are_there() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vapp = client.instantiate("reconfigured", "ubuntu-24.04", false).await;
        let vm = client.vms_of(&vapp).await.remove(0);
        let path = format!("{vm}/action/reconfigureVm");
        let before = client.get(&vm).await.ok().xml();
        let act = async |content: &str| {
            let body = body::root("Vm", "name=\"renamed\"", content);
            client.done(client.post(&path, &body).await).await;
            client.get(&vm).await.ok().xml()
        };
        let after = act("").await;
        assert_eq!(after.attr("name"), "renamed");
        for section in [
            "VmSpecSection",
            "NetworkConnectionSection",
            "Description",
            "VmCapabilities",
            "BootOptions",
        ] {
            let text = |vm: &Element| format!("{:?}", vm.child(section));
            assert_eq!(text(&before), text(&after));
        }
        let spec =
            "<VmSpecSection Modified=\"true\"><ovf:Info/><NumCpus>4</NumCpus></VmSpecSection>";
        let after = act(&format!("<Description>new</Description>{spec}")).await;
        assert_eq!(after.child("Description").text, "new");
        let section = after.child("VmSpecSection");
        assert_eq!(section.child("NumCpus").text, "4");
        assert_eq!(section.child("MemoryResourceMb").child("Configured").text, "2048");
        assert_eq!(section.child("DiskSection").all("DiskSettings").count(), 1);
        // Hardware that is there can be changed by its item too.
        let hardware = format!("{vm}/virtualHardwareSection");
        let item = client.get(&format!("{hardware}/memory")).await.ok();
        let doubled = item.body.replace(">2048<", ">4096<");
        client.done(client.put(&format!("{hardware}/memory"), &doubled).await).await;
        let section = client.get(&vm).await.ok().xml();
        let section = section.child("VmSpecSection");
        assert_eq!(section.child("MemoryResourceMb").child("Configured").text, "4096");
        let stored = app.stored().await;
        for spec in [
            "<NumCpus>0</NumCpus>",
            "<NumCpus>3</NumCpus><NumCoresPerSocket>2</NumCoresPerSocket>",
            "<MemoryResourceMb><Configured>0</Configured></MemoryResourceMb>",
            "<Firmware>magic</Firmware>",
        ] {
            let spec =
                format!("<VmSpecSection Modified=\"true\"><ovf:Info/>{spec}</VmSpecSection>");
            client.post(&path, &body::root("Vm", "name=\"renamed\"", &spec)).await.is(400);
        }
        assert_eq!(stored, app.stored().await);
    });
}

#[test]
fn metadata_is_kept_by_key_and_domain() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let provider = app.user(ADMINISTRATOR).await;
        let vapp = client.instantiate("annotated", "ubuntu-24.04", false).await;
        let vm = client.vms_of(&vapp).await.remove(0);
        let catalog = client.find("catalog", "templates").await;
        let template = client.find("vAppTemplate", "debian-13").await;
        for href in [&vapp, &vm, &catalog, &template] {
            let all = format!("{href}/metadata");
            let keys = async |client: &Client<'_>| {
                let metadata = client.get(&all).await.ok().xml();
                assert_eq!(metadata.name, "Metadata");
                let entries = metadata.all("MetadataEntry");
                let mut keys: Vec<String> =
                    entries.map(|entry| entry.child("Key").text.clone()).collect();
                keys.sort();
                keys
            };
            assert!(keys(&client).await.is_empty());
            client.done(client.post(&all, &body::metadata("one", "first")).await).await;
            client.done(client.post(&all, &body::metadata("two", "2nd")).await).await;
            client.done(client.post(&all, &body::metadata("one", "again")).await).await;
            assert_eq!(keys(&client).await, ["one", "two"]);
            let one = format!("{all}/one");
            let value = async |path: &str| {
                let value = client.get(path).await.ok().xml();
                assert_eq!(value.name, "MetadataValue");
                value.child("TypedValue").child("Value").text.clone()
            };
            assert_eq!(value(&one).await, "again");
            assert_eq!(value(&format!("{all}/GENERAL/one")).await, "again");
            client.done(client.put(&one, &body::metadata_value("third", "")).await).await;
            assert_eq!(value(&one).await, "third");
            client.done(client.delete(&one).await).await;
            client.get(&one).await.refused(404, "NOT_FOUND");
            client.delete(&one).await.refused(404, "NOT_FOUND");
            assert_eq!(keys(&client).await, ["two"]);

            // The SYSTEM domain is the provider's.
            let system = format!("{all}/SYSTEM/three");
            let of = |visibility: &str| {
                let domain = format!("<Domain visibility=\"{visibility}\">SYSTEM</Domain>");
                body::metadata_value("theirs", &domain)
            };
            client.put(&system, &of("READWRITE")).await.refused(403, FORBIDDEN);
            provider.done(provider.put(&system, &of("PRIVATE")).await).await;
            assert_eq!(keys(&client).await, ["two"]);
            assert_eq!(keys(&provider).await, ["three", "two"]);
            client.get(&system).await.refused(404, "NOT_FOUND");
            provider.done(provider.put(&system, &of("READONLY")).await).await;
            assert_eq!(keys(&client).await, ["three", "two"]);
            assert_eq!(value(&system).await, "theirs");
            client.put(&system, &of("READONLY")).await.refused(403, FORBIDDEN);
            client.delete(&system).await.refused(403, FORBIDDEN);
            provider.done(provider.delete(&system).await).await;
            client.get(&format!("{all}/NOWHERE/two")).await.refused(400, "BAD_REQUEST");
        }
        let rows = client.query("type=vApp&filter=metadata:two==STRING:2nd").await;
        assert_eq!(rows.len(), 1);
        // It goes with the object.
        client.done(client.delete(&vapp).await).await;
        client.get(&format!("{vapp}/metadata")).await.refused(403, FORBIDDEN);
    });
}

#[test]
fn roles_allow_what_they_name() {
    common::run(async {
        let app = App::start().await;
        let user = app.user(USER).await;
        let vdc = user.find("orgVdc", "demo-vdc").await;
        let links = user.get(&vdc).await.ok().xml();
        let types: Vec<&str> = links.all("Link").map(|link| link.attr("type")).collect();
        let compose = "application/vnd.vmware.vcloud.composeVAppParams+xml";
        let instantiate = "application/vnd.vmware.vcloud.instantiateVAppTemplateParams+xml";
        assert!(!types.contains(&compose) && types.contains(&instantiate), "{types:?}");
        let before = app.stored().await;
        let answer =
            user.post(&format!("{vdc}/action/composeVApp"), &body::compose("new", "")).await;
        assert!(answer.message().contains("vApp: Create / Reconfigure"), "{answer:?}");
        answer.refused(403, FORBIDDEN);
        assert_eq!(before, app.stored().await);
        let vapp = user.instantiate("of-user", "ubuntu-24.04", false).await;
        let vm = user.vms_of(&vapp).await.remove(0);
        let spec =
            "<VmSpecSection Modified=\"true\"><ovf:Info/><NumCpus>8</NumCpus></VmSpecSection>";
        let reconfigure = body::root("Vm", "name=\"same\"", spec);
        user.post(&format!("{vm}/action/reconfigureVm"), &reconfigure)
            .await
            .refused(403, FORBIDDEN);
        let cpu = format!("{vm}/virtualHardwareSection/cpu");
        let shown = user.get(&cpu).await.ok();
        assert!(!shown.xml().rels().contains(&"edit"), "{shown:?}");
        user.put(
            &cpu,
            &shown.body.replace(">2</rasd:VirtualQuantity>", ">4</rasd:VirtualQuantity>"),
        )
        .await
        .refused(403, FORBIDDEN);
        let add = body::recompose(&body::created("new", ""));
        user.post(&format!("{vapp}/action/recomposeVApp"), &add).await.refused(403, FORBIDDEN);
        let template = user.find("vAppTemplate", "debian-13").await;
        let metadata = body::metadata("key", "value");
        user.post(&format!("{template}/metadata"), &metadata).await.refused(403, FORBIDDEN);
        user.done(user.post(&format!("{vapp}/power/action/powerOn"), "").await).await;
        // Nobody but the provider disables a VDC.
        let admin_vdc = vdc.replace("/api/", "/api/admin/");
        for login in TENANTS {
            let client = app.user(login).await;
            client.post(&format!("{admin_vdc}/action/disable"), "").await.refused(403, FORBIDDEN);
        }
        let provider = app.user(ADMINISTRATOR).await;
        provider.post(&format!("{admin_vdc}/action/disable"), "").await.is(204);
        let author = app.user(AUTHOR).await;
        author
            .post(&format!("{vdc}/action/composeVApp"), &body::compose("new", ""))
            .await
            .refused(400, "INVALID_STATE");
        provider.post(&format!("{admin_vdc}/action/enable"), "").await.is(204);
        author.compose(&body::compose("new", "")).await;
    });
}

#[test]
fn every_record_type_answers_in_every_format() {
    common::run(async {
        let app = App::start().await;
        for login in TENANTS {
            let client = app.user(login).await;
            let vapp = client.instantiate(&format!("q-{login}"), "two-tier", true).await;
            client.post(&format!("{vapp}/power/action/powerOn"), "").await;
        }
        let all: Vec<&str> =
            ssvirt_core::query::RecordType::ALL.iter().map(|record| record.name()).collect();
        for login in EVERYONE {
            let client = app.user(login).await;
            let list = client.get("/api/query").await.ok().xml();
            let linked =
                |name: &str| list.all("Link").filter(|link| link.attr("name") == name).count();
            let (mut rows, mut refused) = (0, Vec::new());
            for name in &all {
                let formats = ["records", "idrecords", "references"];
                let first = client
                    .get(&format!("/api/query?type={name}&format=records&pageSize=128"))
                    .await;
                if first.code() == 403 {
                    assert_eq!(linked(name), 0, "{name} is linked for {login}");
                    refused.push(*name);
                    first.refused(403, FORBIDDEN);
                    continue;
                }
                assert_eq!(linked(name), 3, "{name} is not linked for {login}");
                let root = first.ok().xml();
                assert_eq!(root.name, "QueryResultRecords");
                for format in formats {
                    let path = format!("/api/query?type={name}&format={format}&pageSize=128");
                    let other = client.get(&path).await.ok().xml();
                    assert_eq!(other.attr("total"), root.attr("total"), "{path}");
                    assert_eq!(other.attr("name"), *name);
                    let records: Vec<_> =
                        other.children.iter().filter(|row| row.name != "Link").collect();
                    let shown = root.attr("total").parse::<usize>().unwrap().min(128);
                    assert_eq!(records.len(), shown, "{path}");
                    for record in records {
                        assert!(record.attr("href").starts_with(common::ROOT), "{record:?}");
                        assert!(
                            record.get("name").is_some() || name.ends_with("ask"),
                            "{record:?}"
                        );
                        rows += 1;
                    }
                    let json = client.get_json(&path).await;
                    let of = if format == "references" { "reference" } else { "record" };
                    let length = json[of].as_array().map_or(0, Vec::len);
                    assert_eq!(length, shown, "{path}: {json}");
                }
            }
            println!("{login}: {rows} rows; refused: {refused:?}");
            let admins = all.iter().filter(|name| name.starts_with("admin")).count();
            match login {
                ADMINISTRATOR => assert!(refused.is_empty(), "{refused:?}"),
                ADMIN => assert_eq!(refused.len(), admins, "{refused:?}"),
                _ => assert_eq!(refused.len(), admins + 1, "{refused:?}"),
            }
        }
    });
}

#[test]
fn queries_are_sorted_and_paged() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let mut expected = Vec::new();
        for n in 0..7 {
            let name = format!("page-{n}");
            client.compose(&body::compose(&name, "")).await;
            expected.push(name);
        }
        let names = |rows: &[Element]| -> Vec<String> {
            rows.iter().map(|row| row.attr("name").to_owned()).collect()
        };
        assert_eq!(names(&client.query("type=vApp&sortAsc=name").await), expected);
        let mut down = expected.clone();
        down.reverse();
        assert_eq!(names(&client.query("type=vApp&sortDesc=name").await), down);
        let (mut seen, mut next) =
            (Vec::new(), Some("/api/query?type=vApp&sortAsc=name&pageSize=3".to_owned()));
        let mut pages = 0;
        while let Some(path) = next {
            let page = client.get(&path).await.ok().xml();
            assert_eq!((page.attr("total"), page.attr("pageSize")), ("7", "3"));
            pages += 1;
            assert_eq!(page.attr("page"), pages.to_string());
            let records: Vec<Element> = page.all("VAppRecord").cloned().collect();
            seen.extend(names(&records));
            assert_eq!(page.rels().contains(&"previousPage"), pages > 1);
            assert_eq!(page.rels().contains(&"lastPage"), pages < 3);
            next = page.rels().contains(&"nextPage").then(|| page.link("nextPage").to_owned());
        }
        assert_eq!((seen, pages), (expected, 3));
        assert!(client.query("type=vApp&page=9&pageSize=3").await.is_empty());
        let fields = client.query("type=vApp&fields=name,status&pageSize=1").await.remove(0);
        let mut attrs: Vec<&str> = fields.attrs.iter().map(|(name, _)| name.as_str()).collect();
        attrs.sort_unstable();
        assert_eq!(attrs, ["href", "id", "name", "status"]);
        let some = client.query("type=vApp&filter=(name==page-1,name==page-2);name!=page-2").await;
        assert_eq!(names(&some), ["page-1"]);
        assert_eq!(client.query("type=vApp&filter=name==page-*;").await.len(), 7);
        let vdc = client.find("orgVdc", "demo-vdc").await;
        assert_eq!(
            client.query(&format!("type=vApp&filter=vdc=={vdc};name==page-3")).await.len(),
            1
        );
    });
}

#[test]
fn tasks_tell_what_was_done() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vapp = client.instantiate("worked-on", "ubuntu-24.04", false).await;
        let answer = client.post(&format!("{vapp}/power/action/powerOn"), "").await;
        let task = client.done(answer).await;
        let task = client.get(task.attr("href")).await.ok().xml();
        assert_eq!(task.attr("operationName"), "vappPowerOn");
        assert_eq!(task.attr("status"), "success");
        assert!(task.get("endTime").is_some());
        assert_eq!(task.child("Owner").attr("href"), vapp);
        assert!(task.child("Owner").attr("id").starts_with("urn:vcloud:vapp:"));
        assert_eq!(task.child("User").attr("name"), "admin");
        assert_eq!(task.child("Progress").text, "100");
        let cancel = format!("{}/action/cancel", task.attr("href"));
        client.post(&cancel, "").await.refused(400, "INVALID_STATE");
        let uuid = &vapp[vapp.len() - 36..];
        for object in [vapp.clone(), format!("urn:vcloud:vapp:{uuid}"), uuid.to_owned()] {
            let rows = client.query(&format!("type=task&filter=object=={object}")).await;
            assert_eq!(rows.len(), 2, "{object}");
        }
        let user = app.user(USER).await;
        user.get(task.attr("href")).await.refused(403, FORBIDDEN);
        let media = client.send("POST", &cancel, XML, "").await;
        assert_eq!(media.code(), 400);
    });
}
