//! What KubeVirt refuses, and what it fills in.

use kube::{
    Api, Error,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use ssvirt_kube_bed::node::{Fault, Rule, Step};

use super::world::{INSTANCETYPE, KUBEVIRT, Outcome, World, conditions, diskless, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_kubevirt_refuses_is_refused() -> Outcome {
    let Some((world, node)) = World::shared("refused").await else { return Ok(()) };
    let conflict = |kind: &str, why: &str| {
        (409, format!("Operation cannot be fulfilled on {kind}.kubevirt.io \"web-1\": {why}"))
    };
    let (vm, vmi) = ("virtualmachine", "virtualmachineinstance");
    let missing = world.refused("virtualmachines/web-1/start").await;
    assert_eq!(missing, (404, "virtualmachine.kubevirt.io \"web-1\" not found".to_owned()));

    world.create(&diskless("web-1", "Halted")).await?;
    world.until("web-1", "Stopped").await;
    for (sub, why) in [
        ("stop", "VM is not running"),
        ("restart", "RunStategy Halted does not support manual restart requests"),
    ] {
        let refused = world.refused(&format!("virtualmachines/web-1/{sub}")).await;
        assert_eq!(refused, conflict(vm, why), "{sub}");
    }
    let none = world.refused("virtualmachineinstances/web-1/pause").await;
    assert_eq!(none, (404, "virtualmachineinstance.kubevirt.io \"web-1\" not found".to_owned()));

    let agent = Rule {
        namespace: Some(world.space.to_owned()),
        machine: Some("web-1".to_owned()),
        step: Step::Agent,
        fault: Fault::Never,
    };
    let agent = node.inject(agent);
    world.put("virtualmachines/web-1/start").await;
    world.until("web-1", "Running").await;
    // As recorded.
    let status = world.call("PUT", "virtualmachines/web-1/start", "").await.unwrap_err();
    let (code, message) = conflict(vm, "VM is already running");
    assert_eq!(
        (status.code, &status.message, status.reason.as_str()),
        (code, &message, "Conflict")
    );
    let details = status.details.clone().unwrap();
    assert_eq!((&*details.name, &*details.group, &*details.kind), ("web-1", "kubevirt.io", vm));

    let silent =
        world.call("GET", "virtualmachineinstances/web-1/guestosinfo", "").await.unwrap_err();
    let expected = conflict(vmi, "VMI does not have guest agent connected");
    assert_eq!((silent.code, silent.message.clone()), expected);
    node.heal(agent);
    let unpaused = world.refused("virtualmachineinstances/web-1/unpause").await;
    assert_eq!(unpaused, conflict(vmi, "VMI is not paused"));
    world.put("virtualmachineinstances/web-1/pause").await;
    for (sub, why) in [("pause", "VMI is already paused"), ("softreboot", "VMI is paused")] {
        let refused = world.refused(&format!("virtualmachineinstances/web-1/{sub}")).await;
        assert_eq!(refused, conflict(vmi, why), "{sub}");
    }
    let restart = world.call("PUT", "virtualmachines/web-1/restart", r#"{"gracePeriodSeconds":5}"#);
    assert_eq!(restart.await.unwrap_err().code, 400);
    Ok(())
}

/// The causes of a refusal: messages by field.
fn causes(result: kube::Result<Value>) -> Vec<(String, String)> {
    let Err(Error::Api(status)) = result else { panic!("not refused: {result:?}") };
    assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"), "{status:?}");
    let denied = "admission webhook \"virtualmachine-validator.kubevirt.io\" denied the request: ";
    assert!(status.message.starts_with(denied), "{}", status.message);
    let causes = status.details.clone().unwrap().causes;
    causes.into_iter().map(|cause| (cause.field, cause.message)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_not_stored_and_what_is_unsaid_is_added() -> Outcome {
    let Some((world, _)) = World::shared("stored").await else { return Ok(()) };
    let pair = |field: &str, message: &str| (field.to_owned(), message.to_owned());
    let spec =
        |vm: &mut Value, change: &dyn Fn(&mut Value)| change(&mut vm["spec"]["template"]["spec"]);

    // As recorded, word for word.
    let mut vm = diskless("wrong", "Halted");
    vm["spec"]["running"] = false.into();
    spec(&mut vm, &|spec| {
        spec["domain"]["devices"]["disks"] = json!([{ "name": "x", "disk": {} }]);
        spec["volumes"] = json!([]);
    });
    let exclusive = "Running and RunStrategy are mutually exclusive. Note that Running is deprecated, please \
                     use RunStrategy instead";
    assert_eq!(
        causes(world.create(&vm).await),
        [
            pair(
                "spec.template.spec.domain.devices.disks[0].name",
                "spec.template.spec.domain.devices.disks[0].Name 'x' not found."
            ),
            pair("spec.running", exclusive),
        ]
    );

    let mut vm = diskless("wrong", "Halted");
    spec(&mut vm, &|spec| {
        let disk = spec["domain"]["devices"]["disks"][0].clone();
        spec["domain"]["devices"]["disks"].as_array_mut().unwrap().push(disk);
    });
    let twice = "spec.template.spec.domain.devices.disks[2] and spec.template.spec.domain.devices.disks[0] \
                 must not have the same Name.";
    let field = "spec.template.spec.domain.devices.disks[2].name";
    assert_eq!(causes(world.create(&vm).await), [pair(field, twice)]);

    for (memory, why) in [
        (
            json!({ "guest": "512Mi", "maxGuest": "512Mi" }),
            "Memory hotplug is only available for VMs with at least 1Gi of guest memory",
        ),
        (json!({ "guest": "1025Mi", "maxGuest": "4Gi" }), "Guest memory must be 2Mi aligned"),
        (
            json!({ "guest": "2Gi", "maxGuest": "1Gi" }),
            "Guest memory is greater than the configured maxGuest memory",
        ),
    ] {
        let mut vm = diskless("wrong", "Halted");
        spec(&mut vm, &|spec| spec["domain"]["memory"] = memory.clone());
        let field = "spec.template.spec.domain.memory.guest";
        assert_eq!(causes(world.create(&vm).await), [pair(field, why)]);
    }

    let mut vm = diskless("wrong", "Halted");
    vm["spec"]["instancetype"] = json!({ "name": "none" });
    let unknown = "Failure to find instancetype: \
                   virtualmachineclusterinstancetypes.instancetype.kubevirt.io \"none\" not found";
    assert_eq!(causes(world.create(&vm).await), [pair("spec.instancetype", unknown)]);

    for (kind, name, spec) in [
        (
            "VirtualMachineClusterInstancetype",
            "u1.medium",
            json!({ "cpu": { "guest": 1 }, "memory": { "guest": "4Gi" } }),
        ),
        (
            "VirtualMachineClusterPreference",
            "ubuntu",
            json!({ "devices": {
                "preferredDiskBus": "virtio", "preferredInterfaceModel": "virtio", "preferredRng": {},
            } }),
        ),
    ] {
        let object = json!({
            "apiVersion": INSTANCETYPE, "kind": kind, "metadata": { "name": name }, "spec": spec,
        });
        let resource = GroupVersionKind::gvk("instancetype.kubevirt.io", "v1beta1", kind);
        let api: Api<DynamicObject> =
            Api::all_with(world.client.clone(), &ApiResource::from_gvk(&resource));
        api.create(&PostParams::default(), &serde_json::from_value(object)?).await?;
    }
    vm["spec"]["instancetype"] = json!({ "name": "u1.medium" });
    let fields: Vec<String> = causes(world.create(&vm).await).into_iter().map(|c| c.0).collect();
    let domain = "spec.template.spec.domain";
    let expected = ["cpu.sockets", "cpu.cores", "cpu.threads", "memory"];
    assert_eq!(fields, expected.map(|field| format!("{domain}.{field}")));

    // As the second recorded machine.
    let vm = json!({
        "apiVersion": KUBEVIRT, "kind": "VirtualMachine", "metadata": { "name": "web-2" },
        "spec": {
            "runStrategy": "Always",
            "instancetype": { "name": "u1.medium" },
            "preference": { "name": "ubuntu" },
            "template": { "spec": {
                "domain": { "devices": {} },
                "volumes": [{
                    "name": "disk-0",
                    "containerDisk": { "image": "quay.io/containerdisks/ubuntu:24.04" },
                }],
            } },
        },
    });
    let params = PatchParams::apply("test");
    let apply = async || world.machines().patch("web-2", &params, &Patch::Apply(&vm)).await;
    apply().await?;
    let stored = world.until("web-2", "Running").await;
    // Nothing changes where the same is applied again.
    apply().await?;
    let again = world.vm("web-2").await;
    assert_eq!(again["metadata"]["generation"], 1);
    assert_eq!(again["spec"], stored["spec"]);
    let reference = &stored["status"]["instancetypeRef"];
    assert_eq!(reference["name"], "u1.medium");
    let revision = reference["controllerRevisionRef"]["name"].as_str().unwrap();
    assert!(revision.starts_with("web-2-u1.medium-v1beta1-"), "{revision}");
    assert_eq!(conditions(&stored)["LiveMigratable"].1, "InterfaceNotLiveMigratable");
    let vmi = world.vmi("web-2").await.unwrap();
    let domain = &vmi["spec"]["domain"];
    assert_eq!(domain["memory"], json!({ "guest": "4Gi", "maxGuest": "16Gi" }));
    assert_eq!(
        domain["devices"]["disks"],
        json!([{ "name": "disk-0", "disk": { "bus": "virtio" } }])
    );
    let interfaces = json!([{ "name": "default", "bridge": {}, "model": "virtio" }]);
    assert_eq!(domain["devices"]["interfaces"], interfaces);
    assert_eq!(vmi["spec"]["volumes"][0]["containerDisk"]["imagePullPolicy"], "IfNotPresent");
    assert_eq!(vmi["metadata"]["annotations"]["kubevirt.io/cluster-preference-name"], "ubuntu");

    // What cannot be changed while it runs takes a restart.
    let bigger =
        json!({ "spec": { "template": { "spec": { "terminationGracePeriodSeconds": 7 } } } });
    world.machines().patch("web-2", &PatchParams::default(), &Patch::Merge(bigger)).await?;
    until("the need of a restart", async || {
        conditions(&world.vm("web-2").await).contains_key("RestartRequired")
    })
    .await;
    Ok(())
}
