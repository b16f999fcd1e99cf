//! Snapshots, and the kinds that the test bed could not record: those are written down here, after
//! their definitions.

use kube::core::object::HasSpec;
use serde_json::{Value, json};

use super::{
    super::{
        DataSource, NetworkAttachmentDefinition, Template, TemplateInstance, UserDefinedNetwork,
        VirtualMachineClusterInstancetype, VirtualMachineClusterPreference, VirtualMachineRestore,
        VirtualMachineSnapshot, data_source,
        domain::DiskBus,
        quantity::bytes,
        restore::{TargetReadinessPolicy, VolumeRestorePolicy},
        shared::Condition,
        snapshot::{Indication, SnapshotPhase},
        user_defined_network::{IpamLifecycle, NetworkRole, Topology},
    },
    read, recorded, time,
};

#[test]
fn a_snapshot() {
    let snapshot: VirtualMachineSnapshot =
        recorded(include_str!("../testdata/web-1-snapshot.json"));
    let source = &snapshot.spec.source;
    assert_eq!(source.api_group.as_deref(), Some("kubevirt.io"));
    assert_eq!((source.kind.as_str(), source.name.as_str()), ("VirtualMachine", "web-1"));
    assert_eq!(snapshot.spec.deletion_policy, None);
    let status = snapshot.status.unwrap();
    assert_eq!(status.phase, Some(SnapshotPhase::Succeeded));
    assert_eq!(status.ready_to_use, Some(true));
    assert_eq!(status.creation_time, time("2026-11-21T07:36:59Z"));
    assert_eq!(status.indications, [Indication::GuestAgent, Indication::Online]);
    let volumes = status.snapshot_volumes.unwrap();
    assert_eq!(volumes.included_volumes, ["disk-0"]);
    assert_eq!(volumes.excluded_volumes, ["cloudinit"]);
    assert_eq!(status.source_uid.as_deref(), Some("fded89d3-a646-4f20-86f0-e5d443dbc8dd"));
    assert_eq!(status.error, None);
    assert!(Condition::holds(&status.conditions, "Ready"));
}

#[test]
fn a_restore() {
    let restore: VirtualMachineRestore = read(&json!({
        "apiVersion": "snapshot.kubevirt.io/v1beta1",
        "kind": "VirtualMachineRestore",
        "metadata": { "name": "r1" },
        "spec": {
            "target": { "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "web-1" },
            "virtualMachineSnapshotName": "s1",
            "targetReadinessPolicy": "StopTarget",
            "volumeRestorePolicy": "InPlace",
        },
        "status": {
            "complete": true,
            "restoreTime": "2026-11-21T07:40:00Z",
            "deletedDataVolumes": ["web-1-disk-0"],
            "restores": [{
                "volumeName": "disk-0",
                "persistentVolumeClaim": "web-1-disk-0",
                "volumeSnapshotName": "vmsnapshot-1-volume-disk-0",
            }],
        },
    }));
    assert_eq!(restore.spec.target_readiness_policy, Some(TargetReadinessPolicy::StopTarget));
    assert_eq!(restore.spec.volume_restore_policy, Some(VolumeRestorePolicy::InPlace));
    let status = restore.status.unwrap();
    assert_eq!(status.complete, Some(true));
    assert_eq!(status.restores[0].persistent_volume_claim.as_deref(), Some("web-1-disk-0"));
    assert_eq!(status.deleted_data_volumes, ["web-1-disk-0"]);
}

#[test]
fn a_data_source_with_its_type_and_preference() {
    let source: DataSource = read(&json!({
        "apiVersion": "cdi.kubevirt.io/v1beta1",
        "kind": "DataSource",
        "metadata": {
            "name": "fedora",
            "namespace": "openshift-virtualization-os-images",
            "labels": {
                "instancetype.kubevirt.io/default-instancetype": "u1.medium",
                "instancetype.kubevirt.io/default-preference": "fedora",
            },
        },
        "spec": { "source": { "pvc": { "namespace": "images", "name": "fedora-42" } } },
        "status": {
            "source": { "pvc": { "namespace": "images", "name": "fedora-42" } },
            "conditions": [{
                "type": "Ready",
                "status": "True",
                "lastHeartbeatTime": "2026-11-21T07:00:00Z",
                "lastTransitionTime": "2026-11-21T07:00:00Z",
            }],
        },
    }));
    let labels = source.metadata.labels.unwrap();
    assert_eq!(labels.get(data_source::DEFAULT_INSTANCETYPE).unwrap(), "u1.medium");
    assert_eq!(labels.get(data_source::DEFAULT_PREFERENCE).unwrap(), "fedora");
    assert_eq!(source.spec.source.pvc.as_ref().unwrap().name, "fedora-42");
    let status = source.status.unwrap();
    assert!(Condition::holds(&status.conditions, "Ready"));
    assert_eq!(status.source, Some(source.spec.source));
}

#[test]
fn an_instance_type_and_a_preference() {
    let instancetype: VirtualMachineClusterInstancetype = read(&json!({
        "apiVersion": "instancetype.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClusterInstancetype",
        "metadata": { "name": "u1.medium" },
        "spec": { "cpu": { "guest": 1, "maxSockets": 4 }, "memory": { "guest": "4Gi" } },
    }));
    assert_eq!((instancetype.spec.cpu.guest, instancetype.spec.cpu.max_sockets), (1, Some(4)));
    assert_eq!(bytes(&instancetype.spec.memory.guest), Some(4 << 30));

    let preference: VirtualMachineClusterPreference = read(&json!({
        "apiVersion": "instancetype.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClusterPreference",
        "metadata": { "name": "windows.2k22" },
        "spec": {
            "cpu": { "preferredCPUTopology": "sockets" },
            "devices": {
                "preferredDiskBus": "sata",
                "preferredInterfaceModel": "e1000e",
                "preferredTPM": {},
            },
            "firmware": { "preferredEfi": { "secureBoot": true } },
            "requirements": { "cpu": { "guest": 1 }, "memory": { "guest": "2Gi" } },
            "preferredTerminationGracePeriodSeconds": 3600,
        },
    }));
    let spec = preference.spec;
    assert_eq!(spec.cpu.unwrap().preferred_cpu_topology.as_deref(), Some("sockets"));
    let devices = spec.devices.unwrap();
    assert_eq!(devices.preferred_disk_bus, Some(DiskBus::Sata));
    assert_eq!(devices.preferred_tpm.unwrap().enabled, None);
    assert_eq!(spec.firmware.unwrap().preferred_efi.unwrap().secure_boot, Some(true));
    let requirements = spec.requirements.unwrap();
    assert_eq!(requirements.cpu.unwrap().guest, 1);
    assert_eq!(bytes(&requirements.memory.unwrap().guest), Some(2 << 30));
}

#[test]
fn a_template_and_its_instance() {
    // In lists OpenShift's server leaves kind and version out.
    let listed: Template = serde_json::from_value(json!({
        "metadata": { "name": "empty" }, "objects": null, "parameters": null,
    }))
    .unwrap();
    assert!(listed.spec().objects.is_empty() && listed.spec().parameters.is_empty());

    let template = json!({
        "apiVersion": "template.openshift.io/v1",
        "kind": "Template",
        "metadata": { "name": "fedora", "annotations": { "tags": "linux,virtualmachine" } },
        "message": "${NAME} is there.",
        "objects": [{
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachine",
            "metadata": { "name": "${NAME}" },
            "spec": { "running": false, "cores": "${{CORES}}" },
        }],
        "parameters": [
            { "name": "NAME", "generate": "expression", "from": "fedora-[a-z0-9]{8}" },
            { "name": "CORES", "displayName": "CPUs", "value": "2", "required": true },
        ],
        "labels": { "app": "fedora" },
    });
    let read_template: Template = read(&template);
    let body = read_template.spec();
    assert_eq!(body.message.as_deref(), Some("${NAME} is there."));
    // Objects are whatever they are.
    assert_eq!(body.objects[0], template["objects"][0]);
    assert_eq!(body.parameters[0].generate.as_deref(), Some("expression"));
    assert_eq!(body.parameters[0].from.as_deref(), Some("fedora-[a-z0-9]{8}"));
    assert_eq!(body.parameters[1].display_name.as_deref(), Some("CPUs"));
    assert_eq!(body.parameters[1].value.as_deref(), Some("2"));
    assert_eq!(body.parameters[1].required, Some(true));
    assert_eq!(body.labels["app"], "fedora");

    let instance: TemplateInstance = read(&json!({
        "apiVersion": "template.openshift.io/v1",
        "kind": "TemplateInstance",
        "metadata": { "name": "app" },
        "spec": { "template": template, "secret": { "name": "app-params" } },
        "status": {
            "conditions": [{
                "type": "Ready",
                "status": "True",
                "lastTransitionTime": "2026-11-21T07:00:00Z",
                "reason": "Created",
                "message": "",
            }],
            "objects": [{
                "ref": {
                    "apiVersion": "kubevirt.io/v1",
                    "kind": "VirtualMachine",
                    "namespace": "vdc-demo-demo-vdc",
                    "name": "fedora-1",
                    "uid": "fded89d3-a646-4f20-86f0-e5d443dbc8dd",
                },
            }],
        },
    }));
    assert_eq!(instance.spec.template, read_template);
    assert_eq!(instance.spec.secret.unwrap().name, "app-params");
    let status = instance.status.unwrap();
    assert!(Condition::holds(&status.conditions, "Ready"));
    assert_eq!(status.objects[0].ref_.name.as_deref(), Some("fedora-1"));
}

#[test]
fn networks() {
    let network: UserDefinedNetwork = read(&json!({
        "apiVersion": "k8s.ovn.org/v1",
        "kind": "UserDefinedNetwork",
        "metadata": { "name": "vdc-network" },
        "spec": {
            "topology": "Layer2",
            "layer2": {
                "role": "Primary",
                "subnets": ["10.100.0.0/16"],
                "ipam": { "lifecycle": "Persistent" },
            },
        },
        "status": {
            "conditions": [{
                "type": "NetworkCreated",
                "status": "True",
                "reason": "NetworkAttachmentDefinitionCreated",
                "message": "",
                "lastTransitionTime": "2026-11-21T07:00:00Z",
            }],
        },
    }));
    assert_eq!(network.spec.topology, Topology::Layer2);
    let layer2 = network.spec.layer2.unwrap();
    assert_eq!(layer2.role, NetworkRole::Primary);
    assert_eq!(layer2.subnets, ["10.100.0.0/16"]);
    assert_eq!(layer2.ipam.unwrap().lifecycle, Some(IpamLifecycle::Persistent));
    assert!(Condition::holds(&network.status.unwrap().conditions, "NetworkCreated"));

    let network: UserDefinedNetwork = read(&json!({
        "apiVersion": "k8s.ovn.org/v1",
        "kind": "UserDefinedNetwork",
        "metadata": { "name": "routed" },
        "spec": {
            "topology": "Layer3",
            "layer3": {
                "role": "Secondary",
                "mtu": 1400,
                "subnets": [{ "cidr": "10.20.0.0/16", "hostSubnet": 24 }],
            },
        },
    }));
    let layer3 = network.spec.layer3.unwrap();
    assert_eq!(layer3.mtu, Some(1400));
    assert_eq!(layer3.subnets[0].host_subnet, Some(24));

    let network: NetworkAttachmentDefinition = read(&json!({
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": { "name": "vlan-7" },
        "spec": { "config": "{\"cniVersion\":\"0.3.1\",\"type\":\"bridge\"}" },
    }));
    let by_file: NetworkAttachmentDefinition = serde_json::from_value(json!({
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": { "name": "by-file" },
    }))
    .unwrap();
    assert_eq!(by_file.config(), None);
    let config: Value = serde_json::from_str(network.config().unwrap()).unwrap();
    assert_eq!(config["type"], "bridge");
}
