use ssvirt_core::{
    Id,
    backend::VmRef,
    model::{IpMode, NicSpec, VmSpec},
};
use uuid::Uuid;

use super::*;

fn plan(disks: &[(usize, i64)]) -> VmPlan {
    let id = |last| Id::new(Uuid::from_u128(last));
    let disks = disks.iter().map(|(place, size)| size::disk(*place, *size)).collect();
    VmPlan {
        target: VmRef { vm: Id::new(Uuid::from_u128(7)), vdc: Id::new(Uuid::from_u128(8)) },
        vapp: id(9),
        name: "web".to_owned(),
        spec: VmSpec { cpus: 2, memory_mib: 1024, disks, ..VmSpec::default() },
        products: Vec::new(),
    }
}

/// As in a template: an instance type, a disk from an image, and cloud-init.
fn vm() -> Value {
    json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
        "metadata": { "name": "${NAME}", "labels": { "theirs": "stays" } },
        "spec": {
            "running": true,
            "instancetype": { "name": "u1.medium" },
            "dataVolumeTemplates": [{
                "metadata": { "name": "${NAME}" },
                "spec": {
                    "sourceRef": { "kind": "DataSource", "name": "fedora", "namespace": "images" },
                    "storage": { "resources": { "requests": { "storage": "30Gi" } } },
                },
            }],
            "template": { "spec": {
                "domain": {
                    "cpu": { "model": "host-model" },
                    "resources": { "requests": { "memory": "2Gi" } },
                    "devices": { "disks": [{ "name": "root", "disk": { "bus": "virtio" } }, { "name": "init" }] },
                },
                "volumes": [
                    { "name": "root", "persistentVolumeClaim": { "claimName": "${NAME}" } },
                    { "name": "init", "cloudInitNoCloud": { "userData": "password: ${PASSWORD}" } },
                ],
            } },
        },
    })
}

fn site() -> Site {
    Site { namespace: "vdc-a".to_owned(), ..Site::default() }
}

fn shaped(plan: &VmPlan) -> Value {
    let mut vm = vm();
    begin(&mut vm, "web-1");
    shape(&mut vm, plan, &site(), "web-1").unwrap();
    vm
}

#[test]
fn what_is_planned_is_the_plans_and_the_rest_the_templates() {
    let vm = shaped(&plan(&[(0, 40960), (1, 1024)]));
    let spec = &vm["spec"]["template"]["spec"];
    assert_eq!(
        (&vm["metadata"]["name"], &vm["metadata"]["labels"]["theirs"]),
        (&"web-1".into(), &"stays".into())
    );
    assert_eq!(vm["metadata"]["labels"]["ssvirt.io/vm-id"], "00000000-0000-0000-0000-000000000007");
    assert_eq!(
        (&vm["spec"]["runStrategy"], &vm["spec"]["running"]),
        (&"Halted".into(), &Value::Null)
    );
    assert_eq!(vm["spec"]["instancetype"], Value::Null);
    let expected =
        json!({ "model": "host-model", "sockets": 2, "cores": 1, "threads": 1, "maxSockets": 2 });
    assert_eq!(spec["domain"]["cpu"], expected);
    assert_eq!(spec["domain"]["memory"]["guest"], "1024Mi");
    assert_eq!(spec["domain"]["resources"]["requests"], json!({}));
    let disks = vm["spec"]["dataVolumeTemplates"].as_array().unwrap();
    let names: Vec<&Value> = disks.iter().map(|disk| &disk["metadata"]["name"]).collect();
    assert_eq!(names, ["web-1-disk-2000", "web-1-disk-2001"]);
    assert_eq!(disks[0]["spec"]["sourceRef"]["name"], "fedora");
    assert_eq!(disks[0].pointer(SIZES[0]), Some(&"40960Mi".into()));
    assert_eq!(disks[1]["spec"]["source"], json!({ "blank": {} }));
    let expected = json!([
        { "name": "root", "dataVolume": { "name": "web-1-disk-2000" } },
        { "name": "init", "cloudInitNoCloud": { "userData": "password: ${PASSWORD}" } },
        { "name": "disk-2001", "dataVolume": { "name": "web-1-disk-2001" } },
    ]);
    assert_eq!(spec["volumes"], expected);
    let devices: Vec<&Value> = spec["domain"]["devices"]["disks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|disk| &disk["name"])
        .collect();
    assert_eq!(devices, ["root", "init", "disk-2001"]);
    assert_eq!(spec["networks"], Value::Null);
}

#[test]
fn a_guest_that_is_customized_is_set_up_by_the_plan_alone() {
    let mut custom = plan(&[(0, 40960)]);
    custom.spec.guest.enabled = true;
    let mut vm = shaped(&custom);
    let names = |vm: &Value| -> Vec<String> {
        let named = |item: &Value| item["name"].as_str().unwrap_or_default().to_owned();
        parts::volumes(vm).iter().map(named).collect()
    };
    assert_eq!(names(&vm), ["root", "customization"]);
    let volume = &parts::volumes(&vm)[1];
    assert_eq!(volume["cloudInitNoCloud"]["secretRef"]["name"], "web-1-guest");
    let disks = vm.pointer(&format!("{DOMAIN}/devices/disks")).unwrap().as_array().unwrap();
    assert_eq!(disks.len(), 2);
    let before = vm.clone();
    shape(&mut vm, &custom, &site(), "web-1").unwrap();
    assert_eq!(vm, before);
    shape(&mut vm, &plan(&[(0, 40960)]), &site(), "web-1").unwrap();
    assert_eq!(names(&vm), ["root"]);
}

#[test]
fn a_second_time_changes_nothing_and_another_plan_what_it_says() {
    let first = shaped(&plan(&[(0, 40960), (1, 1024)]));
    let mut again = first.clone();
    shape(&mut again, &plan(&[(0, 40960), (1, 1024)]), &site(), "web-1").unwrap();
    assert_eq!(again, first);

    let mut other = plan(&[(1, 1024)]);
    other.spec.nics.push(NicSpec {
        index: 0,
        network: Some("net".to_owned()),
        parent: None,
        connected: true,
        mode: IpMode::Dhcp,
        ip: None,
        mac: String::new(),
        adapter: "VMXNET3".to_owned(),
    });
    shape(&mut again, &other, &site(), "web-1").unwrap();
    let spec = &again["spec"]["template"]["spec"];
    assert_eq!(again["spec"]["dataVolumeTemplates"].as_array().unwrap().len(), 1);
    let volumes: Vec<&Value> =
        spec["volumes"].as_array().unwrap().iter().map(|volume| &volume["name"]).collect();
    assert_eq!(volumes, ["init", "disk-2001"]);
    assert_eq!(spec["networks"], json!([{ "name": "nic-0", "pod": {} }]));
}
