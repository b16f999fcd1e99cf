//! Sizing policies, as clients give them to VMs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;

use common::{ADMIN, Element, Setup};
use ssvirt_backends::memory::FixedCatalog;
use ssvirt_core::catalog::Sizing;

#[test]
fn a_vm_is_given_one_and_has_its_size() {
    common::run(async {
        let source = FixedCatalog::new([]);
        source.offer_sizings([Sizing {
            external_id: "u1.large".to_owned(),
            name: "u1.large".to_owned(),
            cpus: 4,
            memory_mib: 8_192,
            ..Sizing::default()
        }]);
        let app = Setup::new().source(Arc::new(source)).start().await;
        let client = app.user(ADMIN).await;
        let vdc = client.find("orgVdc", "demo-vdc").await;
        let vdc = vdc.rsplit('/').next().unwrap();
        let path = format!("/cloudapi/2.0.0/vdcs/urn:vcloud:vdc:{vdc}/computePolicies");
        let listed = client.get_json(&path).await;
        let policies = listed["values"].as_array().unwrap();
        assert_eq!((listed["resultTotal"].as_i64(), policies.len()), (Some(2), 2));
        let policy = policies.iter().find(|policy| policy["name"] == "u1.large").unwrap();
        assert_eq!((&policy["cpuCount"], &policy["memory"]), (&4.into(), &8_192.into()));
        let id = policy["id"].as_str().unwrap();
        let alone = client.get_json(&format!("/cloudapi/2.0.0/vdcComputePolicies/{id}")).await;
        assert_eq!(alone, *policy);

        let vapp = client.instantiate("sized", "ubuntu-24.04", false).await;
        let vm = client.vms_of(&vapp).await.remove(0);
        let shown = async || client.get(&vm).await.ok();
        let policy_of = |vm: &Element| {
            let policy = vm.child("ComputePolicy").child("VmSizingPolicy");
            (policy.attr("name").to_owned(), policy.attr("id").to_owned())
        };
        let before = shown().await;
        let (name, default) = policy_of(&before.xml());
        assert_eq!(name, "System Default");
        let change =
            async |body: String| client.post(&format!("{vm}/action/reconfigureVm"), &body).await;
        client.done(change(before.body.replace(&default, id)).await).await;
        let after = shown().await;
        let seen = after.xml();
        assert_eq!(policy_of(&seen), ("u1.large".to_owned(), id.to_owned()));
        let spec = seen.child("VmSpecSection");
        assert_eq!(spec.child("NumCpus").text, "4");
        assert_eq!(spec.child("MemoryResourceMb").child("Configured").text, "8192");
        assert_eq!(seen.child("IsComputePolicyCompliant").text, "true");

        let larger = after.body.replace("<NumCpus>4</NumCpus>", "<NumCpus>8</NumCpus>");
        let refused = change(larger).await.refused(400, "BAD_REQUEST");
        assert!(refused.message().contains("sizing policy \"u1.large\""), "{refused:?}");
        // What is sent back as it was read is no change.
        client.done(change(after.body).await).await;
    });
}
