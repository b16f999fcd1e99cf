//! What sections of vApps and VMs keep, hide and refuse.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;

use common::{ADMIN, App, Client, Element, Setup, USER, body};
use serde_json::{Value, json};
use ssvirt_backends::{memory::Simulator, sql::SqlStore};
use ssvirt_core::{
    Id, TenancyStore as _,
    env::SystemClock,
    model::{Vm, VmState},
    service::{Caller, NewTemplate},
};

/// A VM of the demo in a vApp of its own, switched off.
async fn vm(client: &Client<'_>, name: &str) -> String {
    let vapp = client.instantiate(name, "ubuntu-24.04", false).await;
    client.vms_of(&vapp).await.remove(0)
}

fn nics(content: &str) -> String {
    let primary = "<PrimaryNetworkConnectionIndex>0</PrimaryNetworkConnectionIndex>";
    body::root("NetworkConnectionSection", "", &format!("<ovf:Info/>{primary}{content}"))
}

fn nic(index: usize, mode: &str, ip: &str, mac: &str) -> String {
    format!(
        "<NetworkConnection network=\"demo-net\"><NetworkConnectionIndex>{index}</NetworkConnectionIndex>{ip}\
         <IsConnected>true</IsConnected>{mac}<IpAddressAllocationMode>{mode}</IpAddressAllocationMode>\
         </NetworkConnection>"
    )
}

fn manual(index: usize, last: u8) -> String {
    nic(index, "MANUAL", &format!("<IpAddress>192.168.100.{last}</IpAddress>"), "")
}

async fn texts(client: &Client<'_>, vm: &str, what: &str) -> Vec<String> {
    let section = client.get(&format!("{vm}/networkConnectionSection/")).await.ok().xml();
    section.all("NetworkConnection").map(|nic| nic.child(what).text.clone()).collect()
}

#[test]
fn an_address_is_given_once() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let (first, second) = (vm(&client, "first").await, vm(&client, "second").await);
        let put = async |vm: &str, content: &str| {
            client.put(&format!("{vm}/networkConnectionSection/"), &nics(content)).await
        };
        // An address that is asked for is not given to the NIC before it.
        let both = nic(0, "POOL", "", "") + &manual(1, 10);
        client.done(put(&first, &both).await).await;
        let given = texts(&client, &first, "IpAddress").await;
        assert_eq!(given[1], "192.168.100.10");
        assert_ne!(given[0], given[1]);
        // Its own addresses are free for a VM.
        client.done(put(&first, &both).await).await;
        assert_eq!(texts(&client, &first, "IpAddress").await, given);
        let before = app.stored().await;
        for (content, address) in
            [(manual(0, 10), 10), (manual(0, 1), 1), (manual(0, 77) + &manual(1, 77), 77)]
        {
            let answer = put(&second, &content).await;
            let wanted = format!("The address 192.168.100.{address} is already in use.");
            assert!(answer.message().ends_with(&wanted), "{answer:?}");
            answer.refused(400, "BAD_REQUEST");
        }
        assert_eq!(before, app.stored().await);
    });
}

/// Where the networks choose, what is shown is what they have chosen, and no other address is promised.
#[test]
fn an_address_that_cannot_be_given_is_not() {
    common::run(async {
        let clock = Arc::new(SystemClock);
        let simulator = Simulator::builder(clock).addresses(false).build();
        let app = Setup::new().simulator(simulator).start().await;
        let client = app.user(ADMIN).await;
        let vm = vm(&client, "vm").await;
        let put = async |content: &str| {
            client.put(&format!("{vm}/networkConnectionSection/"), &nics(content)).await
        };
        let before = app.stored().await;
        put(&manual(0, 10)).await.refused(400, "NOT_SUPPORTED");
        assert_eq!(before, app.stored().await);

        client.done(put(&nic(0, "POOL", "", "")).await).await;
        let section = client.get(&format!("{vm}/networkConnectionSection/")).await.ok().xml();
        assert!(section.child("NetworkConnection").find("IpAddress").is_none());
        client.done(client.post(&format!("{vm}/power/action/powerOn"), "").await).await;
        let chosen = texts(&client, &vm, "IpAddress").await;
        assert!(!chosen[0].starts_with("192.168.100."), "{chosen:?}");
        // What was seen is sent back by those who change something else.
        let seen = nic(0, "POOL", &format!("<IpAddress>{}</IpAddress>", chosen[0]), "");
        client.done(put(&seen).await).await;
        assert_eq!(texts(&client, &vm, "IpAddress").await, chosen);
        let listed = client.query("type=vm&filter=isVAppTemplate==false").await;
        assert_eq!(listed[0].attr("ipAddress"), chosen[0]);
    });
}

/// What is shown of a VM before and after its backend has told something of it: in words in its section, and in JSON.
async fn told(tell: impl FnOnce(&mut VmState)) -> [(String, Value); 2] {
    let store = Arc::new(SqlStore::memory().await.unwrap());
    let app = Setup::new().store(store.clone()).start().await;
    let client = app.user(ADMIN).await;
    let vm = vm(&client, "vm").await;
    let id = vm.rsplit("vm-").next().unwrap();
    let shown = async || {
        let seen = client.get(&vm).await.ok().xml();
        let info = seen.child("RuntimeInfoSection").child("Info").text.clone();
        (info, client.get_json(&format!("/cloudapi/1.0.0/vms/urn:vcloud:vm:{id}")).await)
    };
    let before = shown().await;
    let mut tx = store.begin().await.unwrap();
    let mut row: Vm = tx.require(Id::new(id.parse().unwrap())).await.unwrap();
    tell(&mut row.state);
    tx.update(&mut row).await.unwrap();
    tx.commit().await.unwrap();
    [before, shown().await]
}

#[test]
fn a_vm_that_waits_for_a_restart_says_so() {
    common::run(async {
        let [before, after] = told(|state| state.restart_required = true).await;
        let seen = |(info, json): &(String, Value)| {
            (info.contains("powered off and on"), json["restartRequired"].clone())
        };
        assert_eq!(seen(&before), (false, Value::Null));
        assert_eq!(seen(&after), (true, true.into()));
    });
}

#[test]
fn what_somebody_has_changed_in_the_backend_is_named() {
    common::run(async {
        let [before, after] = told(|state| state.hardware.as_mut().unwrap().memory_mib += 1).await;
        let seen = |(info, json): &(String, Value)| {
            (info.ends_with("Changed in the backend: memory"), json["drift"].clone())
        };
        assert_eq!(seen(&before), (false, Value::Null));
        assert_eq!(seen(&after), (true, json!(["memory"])));
    });
}

#[test]
fn a_mac_address_is_one() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vm = vm(&client, "mac").await;
        let put = async |mac: &str| {
            let mac = format!("<MACAddress>{mac}</MACAddress>");
            let content = nics(&nic(0, "POOL", "", &mac));
            client.put(&format!("{vm}/networkConnectionSection/"), &content).await
        };
        client.done(put("00:50:56:AB:CD:0e").await).await;
        assert_eq!(texts(&client, &vm, "MACAddress").await, ["00:50:56:ab:cd:0e"]);
        for wrong in ["00:50:56:ab:cd", "00:50:56:ab:cd:0g", "0:50:56:ab:cd:0e", "mac"] {
            put(wrong).await.refused(400, "BAD_REQUEST");
        }
    });
}

const GUEST: &str = "<ovf:Info/><Enabled>true</Enabled><JoinDomainEnabled>true</JoinDomainEnabled>\
    <DomainName>example.org</DomainName><DomainUserName>joiner</DomainUserName>\
    <DomainUserPassword>d0main</DomainUserPassword><MachineObjectOU>OU=vms</MachineObjectOU>\
    <AdminPasswordEnabled>true</AdminPasswordEnabled><AdminPasswordAuto>false</AdminPasswordAuto>\
    <AdminPassword>s3cret</AdminPassword><ComputerName>guest</ComputerName>";

#[test]
fn a_guest_section_is_kept_whole() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let made = body::created("made", "")
            .replace("<ovf:Info/><ComputerName>made</ComputerName>", GUEST);
        let vapp = client.compose(&body::compose("guests", &made)).await;
        let made = client.vms_of(&vapp).await.remove(0);
        let path = format!("{made}/guestCustomizationSection/");
        let check = |section: &Element| {
            for (name, text) in [
                ("Enabled", "true"),
                ("DomainUserName", "joiner"),
                ("MachineObjectOU", "OU=vms"),
                ("AdminPassword", "s3cret"),
                ("ComputerName", "guest"),
            ] {
                assert_eq!(section.child(name).text, text);
            }
            assert!(section.find("DomainUserPassword").is_none());
        };
        check(&client.get(&path).await.ok().xml());
        // A client that sends back what it saw does not take the password away.
        let seen = GUEST.replace("<DomainUserPassword>d0main</DomainUserPassword>", "");
        let seen = seen.replace("<AdminPassword>s3cret</AdminPassword>", "");
        let seen = body::root("GuestCustomizationSection", "", &seen);
        client.done(client.put(&path, &seen).await).await;
        check(&client.get(&path).await.ok().xml());
        let id = Id::parse(&made).unwrap();
        let stored = app.cloud.vm(&Caller::system(), id).await.unwrap().vm.spec.guest;
        assert_eq!(stored.domain_user_password.as_deref(), Some("d0main"));
        assert!(client.get(&vapp).await.ok().body.contains("s3cret"));
        assert!(!client.get(&vapp).await.ok().body.contains("d0main"));
    });
}

#[test]
fn passwords_in_templates_are_not_shown() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let mut spec = ssvirt_fixtures::specs::vm("ubuntu64Guest", 1, 512, 1024);
        spec.guest.admin_password = Some("s3cret".to_owned());
        let catalog = client.find("catalog", "templates").await;
        let new = NewTemplate {
            name: "secret".to_owned(),
            description: String::new(),
            vms: vec![("vm".to_owned(), spec)],
        };
        let catalog = Id::parse(&catalog).unwrap();
        app.cloud.create_template(&Caller::system(), catalog, new).await.unwrap();
        let template = client.find("vAppTemplate", "secret").await;
        for login in [ADMIN, USER] {
            let answer = app.user(login).await.get(&template).await.ok();
            assert!(answer.body.contains("AdminPasswordEnabled"), "{answer:?}");
            assert!(!answer.body.contains("s3cret"), "{answer:?}");
        }
    });
}

#[test]
fn half_of_a_section_leaves_the_other() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vapp = client.instantiate("halves", "ubuntu-24.04", false).await;
        let path = format!("{vapp}/leaseSettingsSection/");
        let lease =
            |days: &str| body::root("LeaseSettingsSection", "", &format!("<ovf:Info/>{days}"));
        let deployment = "<DeploymentLeaseInSeconds>7200</DeploymentLeaseInSeconds>";
        let storage = "<StorageLeaseInSeconds>86400</StorageLeaseInSeconds>";
        client.done(client.put(&path, &lease(deployment)).await).await;
        client.done(client.put(&path, &lease(storage)).await).await;
        let section = client.get(&path).await.ok().xml();
        assert_eq!(section.child("DeploymentLeaseInSeconds").text, "7200");
        assert_eq!(section.child("StorageLeaseInSeconds").text, "86400");
        let vm = client.vms_of(&vapp).await.remove(0);
        for flag in ["CpuHotAddEnabled", "MemoryHotAddEnabled"] {
            let flag = format!("<VmCapabilities><{flag}>true</{flag}></VmCapabilities>");
            let body = body::root("Vm", "name=\"\"", &flag);
            client.done(client.post(&format!("{vm}/action/reconfigureVm"), &body).await).await;
        }
        let flags = client.get(&format!("{vm}/vmCapabilities/")).await.ok().xml();
        assert_eq!(flags.child("CpuHotAddEnabled").text, "true");
        assert_eq!(flags.child("MemoryHotAddEnabled").text, "true");
    });
}
