//! What is too much, or not possible, is refused; what a client leaves out has its default.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{ADMIN, App, USER, body};

const LIMIT: &str = "OPERATION_LIMITS_EXCEEDED";

#[test]
fn requests_are_bounded() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vapp = client.compose(&body::compose("bounded", &body::created("vm", ""))).await;
        let vm = client.vms_of(&vapp).await.remove(0);
        let before = app.stored().await;
        let items: String = (0..129).map(|n| body::created(&format!("n{n}"), "")).collect();
        let vdc = client.find("orgVdc", "demo-vdc").await;
        let compose = body::compose("many", &items);
        client.post(&format!("{vdc}/action/composeVApp"), &compose).await.refused(400, LIMIT);
        let recompose = body::recompose(&items);
        client.post(&format!("{vapp}/action/recomposeVApp"), &recompose).await.refused(400, LIMIT);
        let one = |n| {
            format!(
                "<NetworkConfig networkName=\"n{n}\"><Configuration><FenceMode>isolated</FenceMode>\
                 </Configuration></NetworkConfig>"
            )
        };
        let networks: String = (0..33).map(one).collect();
        let networks = body::root("NetworkConfigSection", "", &format!("<ovf:Info/>{networks}"));
        client.put(&format!("{vapp}/networkConfigSection/"), &networks).await.refused(400, LIMIT);
        let one = |n| {
            format!(
                "<NetworkConnection network=\"none\"><NetworkConnectionIndex>{n}</NetworkConnectionIndex>\
                 <IsConnected>false</IsConnected></NetworkConnection>"
            )
        };
        let nics: String = (0..11).map(one).collect();
        let nics = body::root("NetworkConnectionSection", "", &format!("<ovf:Info/>{nics}"));
        client.put(&format!("{vm}/networkConnectionSection/"), &nics).await.refused(400, LIMIT);
        for key in ["k".repeat(257), "\u{e9}".repeat(129)] {
            let metadata = body::metadata(&key, "value");
            client.post(&format!("{vm}/metadata"), &metadata).await.refused(400, "BAD_REQUEST");
        }
        let sort = ["name"; 9].join(",");
        client.get(&format!("/api/query?type=vm&sortAsc={sort}")).await.refused(400, "BAD_REQUEST");
        client.get(&format!("/api/query?type=vm&sortAsc={}", &sort[5..])).await.ok();
        assert_eq!(before, app.stored().await);
    });
}

#[test]
fn impossible_hardware_is_refused() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vapp = client.compose(&body::compose("hardware", &body::created("vm", ""))).await;
        let vm = client.vms_of(&vapp).await.remove(0);
        let act = async |content: &str| {
            let body = body::root("Vm", "name=\"vm\"", content);
            client.post(&format!("{vm}/action/reconfigureVm"), &body).await
        };
        let version = |name: &str| {
            format!(
                "<VmSpecSection Modified=\"true\"><ovf:Info/><HardwareVersion>{name}</HardwareVersion>\
                 </VmSpecSection>"
            )
        };
        for name in ["vmx-9", "vmx-99", "vmx-019", "vmx", "virtual"] {
            let answer = act(&version(name)).await;
            assert!(answer.message().contains("is not a virtual hardware version"), "{answer:?}");
            answer.refused(400, "BAD_REQUEST");
        }
        client.done(act(&version("vmx-14")).await).await;
        let section = client.get(&vm).await.ok().xml();
        let href = section.child("VmSpecSection").child("HardwareVersion").attr("href").to_owned();
        client.get(&href).await.ok();
        // More vCPUs than a number holds are not left alone silently.
        let rasd = "xmlns:rasd=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData\"";
        let section = format!(
            "<ovf:Info/><ovf:Item {rasd}><rasd:ElementName>cpu</rasd:ElementName>\
             <rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType>\
             <rasd:VirtualQuantity>4294967297</rasd:VirtualQuantity></ovf:Item>"
        );
        let section = body::root("ovf:VirtualHardwareSection", "", &section);
        let answer = client.put(&format!("{vm}/virtualHardwareSection/"), &section).await;
        assert!(answer.message().contains("4294967297 vCPUs"), "{answer:?}");
        answer.refused(400, "BAD_REQUEST");
        let lease = body::compose(
            "lease",
            "<InstantiationParams><LeaseSettingsSection><ovf:Info/>\
             <StorageLeaseInSeconds>-1</StorageLeaseInSeconds></LeaseSettingsSection></InstantiationParams>",
        );
        let vdc = client.find("orgVdc", "demo-vdc").await;
        let answer = client.post(&format!("{vdc}/action/composeVApp"), &lease).await;
        assert!(answer.message().contains("a lease cannot be negative"), "{answer:?}");
        answer.refused(400, "BAD_REQUEST");
    });
}

#[test]
fn new_vapps_are_switched_on_unless_said_otherwise() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        for (name, attributes, status, deployed) in [
            ("plain", "", "4", "true"),
            ("stored", "deploy=\"false\"", "8", "false"),
            ("deployed", "powerOn=\"false\"", "20", "true"),
        ] {
            let attributes = format!("name=\"{name}\" {attributes}");
            let vapp = body::root("ComposeVAppParams", &attributes, &body::created("vm", ""));
            let vapp = client.compose(&vapp).await;
            let vapp = client.get(&vapp).await.ok().xml();
            assert_eq!((vapp.attr("status"), vapp.attr("deployed")), (status, deployed), "{name}");
        }
        let empty = body::root("ComposeVAppParams", "name=\"empty\"", "");
        let empty = client.compose(&empty).await;
        assert_eq!(client.get(&empty).await.ok().xml().attr("status"), "1");
    });
}

#[test]
fn old_clients_see_no_mixture_of_off_and_off() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let items = body::created("one", "") + &body::created("two", "");
        let vapp = client.compose(&body::compose("mixed", &items)).await;
        let vm = client.vms_of(&vapp).await.remove(0);
        let deploy = body::root("DeployVAppParams", "powerOn=\"false\"", "");
        client.done(client.post(&format!("{vm}/action/deploy"), &deploy).await).await;
        for (version, code, name) in [("36.3", "8", "POWERED_OFF"), ("37.0", "10", "MIXED")] {
            let client = client.clone().at(version);
            assert_eq!(client.get(&vapp).await.ok().xml().attr("status"), code);
            let rows = client.query("type=vApp&filter=name==mixed").await;
            assert_eq!(rows[0].attr("status"), name);
        }
    });
}

#[test]
fn a_users_tasks_are_not_pushed_out_by_others() {
    common::run(async {
        let app = App::start().await;
        let (admin, user) = (app.user(ADMIN).await, app.user(USER).await);
        let vapp = user.instantiate("mine", "ubuntu-24.04", false).await;
        for n in 0..55 {
            let metadata = body::metadata("key", &n.to_string());
            admin.done(admin.post(&format!("{vapp}/metadata"), &metadata).await).await;
        }
        let org = user.find("organization", "demo").await;
        let id = org.rsplit('/').next().unwrap();
        let list = user.get(&format!("/api/tasksList/{id}")).await.ok().xml();
        assert_eq!(list.all("Task").count(), 1);
        assert_eq!(list.child("Task").attr("operationName"), "vdcInstantiateVapp");
    });
}
