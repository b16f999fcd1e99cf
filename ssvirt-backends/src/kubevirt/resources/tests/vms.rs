//! VMs, their instances and disks.

use serde_json::json;

use super::{
    super::{
        DataVolume, VirtualMachine, VirtualMachineInstance,
        data_volume::{ClaimSpec, DataVolumePhase, DataVolumeSource, DataVolumeSpec, HttpSource},
        domain::{Cpu, Devices, Disk, DiskBus, DiskTarget, Domain, Interface, Memory},
        instance::{EvictionStrategy, InstancePhase, VirtualMachineInstanceSpec},
        quantity::{Quantity, bytes},
        shared::{Condition, ConditionStatus, Empty, LocalRef, Resources, TemplateMeta},
        vm::{
            DataVolumeTemplate, InstanceTemplate, PrintableStatus, RunStrategy, VirtualMachineSpec,
        },
        volume::{CloudInit, DataVolumeVolume, Network, PodNetwork, Volume},
    },
    assert_part, condition, recorded, time,
};

/// What `web-1` was applied as.
fn web_1() -> VirtualMachine {
    let disk = |name: &str| Disk {
        name: name.to_owned(),
        disk: Some(DiskTarget { bus: Some(DiskBus::Virtio), readonly: None }),
        ..Disk::default()
    };
    let domain = Domain {
        cpu: Some(Cpu { sockets: Some(2), cores: Some(1), threads: Some(1), ..Cpu::default() }),
        memory: Some(Memory { guest: Some(Quantity("2Gi".to_owned())), max_guest: None }),
        devices: Devices {
            disks: vec![disk("disk-0"), disk("cloudinit")],
            interfaces: vec![Interface {
                name: "default".to_owned(),
                masquerade: Some(Empty {}),
                ..Interface::default()
            }],
            ..Devices::default()
        },
        ..Domain::default()
    };
    let spec = VirtualMachineInstanceSpec {
        domain,
        networks: vec![Network {
            name: "default".to_owned(),
            pod: Some(PodNetwork::default()),
            multus: None,
        }],
        volumes: vec![
            Volume {
                name: "disk-0".to_owned(),
                data_volume: Some(DataVolumeVolume {
                    name: "web-1-disk-0".to_owned(),
                    hotpluggable: None,
                }),
                ..Volume::default()
            },
            Volume {
                name: "cloudinit".to_owned(),
                cloud_init_no_cloud: Some(CloudInit {
                    secret_ref: Some(LocalRef { name: "web-1-cloudinit".to_owned() }),
                    network_data_secret_ref: None,
                }),
                ..Volume::default()
            },
        ],
        ..VirtualMachineInstanceSpec::default()
    };
    let disk_0 = DataVolumeSpec {
        source: Some(DataVolumeSource {
            http: Some(HttpSource {
                url: "http://images.example/ubuntu-24.04.img".to_owned(),
                ..HttpSource::default()
            }),
            ..DataVolumeSource::default()
        }),
        storage: Some(ClaimSpec {
            storage_class_name: Some("bed-rwx".to_owned()),
            resources: Some(Resources {
                requests: [("storage".to_owned(), Quantity("20Gi".to_owned()))].into(),
                ..Resources::default()
            }),
            ..ClaimSpec::default()
        }),
        ..DataVolumeSpec::default()
    };
    let mut vm = VirtualMachine::new(
        "web-1",
        VirtualMachineSpec {
            run_strategy: Some(RunStrategy::Halted),
            template: InstanceTemplate {
                metadata: Some(TemplateMeta {
                    labels: [("vm.kubevirt.io/name".to_owned(), "web-1".to_owned())].into(),
                    ..TemplateMeta::default()
                }),
                spec,
            },
            data_volume_templates: vec![DataVolumeTemplate {
                metadata: TemplateMeta {
                    name: Some("web-1-disk-0".to_owned()),
                    ..TemplateMeta::default()
                },
                spec: disk_0,
            }],
            ..VirtualMachineSpec::default()
        },
    );
    vm.metadata.namespace = Some("vdc-demo-demo-vdc".to_owned());
    vm.metadata.labels =
        Some([("app.kubernetes.io/managed-by".to_owned(), "ssvirt".to_owned())].into());
    vm
}

#[test]
fn a_vm_is_applied_with_its_own_fields_alone() {
    let written = serde_json::to_value(web_1()).unwrap();
    assert_eq!(
        written,
        json!({
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachine",
            "metadata": {
                "name": "web-1",
                "namespace": "vdc-demo-demo-vdc",
                "labels": { "app.kubernetes.io/managed-by": "ssvirt" },
            },
            "spec": {
                "runStrategy": "Halted",
                "template": {
                    "metadata": { "labels": { "vm.kubevirt.io/name": "web-1" } },
                    "spec": {
                        "domain": {
                            "cpu": { "sockets": 2, "cores": 1, "threads": 1 },
                            "memory": { "guest": "2Gi" },
                            "devices": {
                                "disks": [
                                    { "name": "disk-0", "disk": { "bus": "virtio" } },
                                    { "name": "cloudinit", "disk": { "bus": "virtio" } },
                                ],
                                "interfaces": [{ "name": "default", "masquerade": {} }],
                            },
                        },
                        "networks": [{ "name": "default", "pod": {} }],
                        "volumes": [
                            { "name": "disk-0", "dataVolume": { "name": "web-1-disk-0" } },
                            {
                                "name": "cloudinit",
                                "cloudInitNoCloud": { "secretRef": { "name": "web-1-cloudinit" } },
                            },
                        ],
                    },
                },
                "dataVolumeTemplates": [{
                    "metadata": { "name": "web-1-disk-0" },
                    "spec": {
                        "source": { "http": { "url": "http://images.example/ubuntu-24.04.img" } },
                        "storage": {
                            "storageClassName": "bed-rwx",
                            "resources": { "requests": { "storage": "20Gi" } },
                        },
                    },
                }],
            },
        })
    );
    // KubeVirt stored it with additions of its own and nothing else.
    let stored = serde_json::from_str(include_str!("../testdata/web-1-vm-halted.json")).unwrap();
    assert_part("", &written, &stored);
}

#[test]
fn a_halted_vm() {
    let vm: VirtualMachine = recorded(include_str!("../testdata/web-1-vm-halted.json"));
    assert_eq!(vm.metadata.generation, Some(1));
    let ours = web_1();
    assert_eq!(vm.spec.run_strategy, Some(RunStrategy::Halted));
    assert_eq!(vm.spec.running, None);
    assert_eq!(vm.spec.instancetype, None);
    assert_eq!(vm.spec.data_volume_templates, ours.spec.data_volume_templates);
    let (spec, our) = (&vm.spec.template.spec, &ours.spec.template.spec);
    assert_eq!(spec.networks, our.networks);
    assert_eq!(spec.volumes, our.volumes);
    assert_eq!(spec.domain.cpu, our.domain.cpu);
    assert_eq!(spec.domain.memory, our.domain.memory);
    assert_eq!(spec.domain.devices, our.domain.devices);
    // What the webhook filled in.
    assert_eq!(spec.architecture.as_deref(), Some("amd64"));
    let firmware = spec.domain.firmware.as_ref().unwrap();
    assert_eq!(firmware.uuid.as_deref(), Some("ef889108-1124-45bd-8515-9f13dc8d35a2"));
    assert_eq!(firmware.serial.as_deref(), Some("5873abd4-29c3-4bc7-854e-a75aa0985d4f"));
    assert_eq!(firmware.bootloader, None);
    assert_eq!(spec.domain.machine.as_ref().unwrap().type_.as_deref(), Some("q35"));
    assert_eq!(spec.domain.resources, Some(Resources::default()));

    let status = vm.status.unwrap();
    assert_eq!(status.printable_status, Some(PrintableStatus::Stopped));
    assert_eq!((status.created, status.ready), (None, None));
    assert_eq!(
        status.conditions,
        [Condition {
            type_: "Ready".to_owned(),
            status: ConditionStatus::False,
            reason: Some("VMINotExists".to_owned()),
            message: Some("VMI does not exist".to_owned()),
            last_transition_time: time("2026-11-21T07:36:47Z"),
        }]
    );
    let [disk, cloudinit] = &status.volume_snapshot_statuses[..] else { panic!("two volumes") };
    assert_eq!((disk.name.as_str(), disk.enabled, &disk.reason), ("disk-0", true, &None));
    assert_eq!((cloudinit.name.as_str(), cloudinit.enabled), ("cloudinit", false));
    assert!(cloudinit.reason.as_ref().unwrap().contains("not supported"));
}

#[test]
fn a_running_a_paused_and_a_stopped_vm() {
    let vm: VirtualMachine = recorded(include_str!("../testdata/web-1-vm-running.json"));
    let status = vm.status.unwrap();
    assert_eq!(status.printable_status, Some(PrintableStatus::Running));
    assert_eq!((status.created, status.ready), (Some(true), Some(true)));
    assert_eq!(status.run_strategy, Some(RunStrategy::Always));
    assert_eq!((status.desired_generation, status.observed_generation), (Some(2), Some(2)));
    assert!(Condition::holds(&status.conditions, "AgentConnected"));
    assert!(!Condition::holds(&status.conditions, "Paused"));
    assert_eq!(condition(&status.conditions, "DataVolumesReady").last_transition_time, None);

    let vm: VirtualMachine = recorded(include_str!("../testdata/web-1-vm-paused.json"));
    let status = vm.status.unwrap();
    assert_eq!(status.printable_status, Some(PrintableStatus::Paused));
    assert_eq!((status.created, status.ready), (Some(true), None));
    assert!(Condition::holds(&status.conditions, "Paused"));
    assert!(!Condition::holds(&status.conditions, "Ready"));
    let paused = condition(&status.conditions, "Paused");
    assert_eq!(paused.reason.as_deref(), Some("PausedByUser"));

    let vm: VirtualMachine = recorded(include_str!("../testdata/web-1-vm-stopped.json"));
    let status = vm.status.unwrap();
    assert_eq!(vm.spec.run_strategy, Some(RunStrategy::Halted));
    assert_eq!(status.printable_status, Some(PrintableStatus::Stopped));
    assert_eq!(status.run_strategy, Some(RunStrategy::Halted));
    assert_eq!(status.created, None);
}

#[test]
fn a_vm_with_an_instance_type() {
    let vm: VirtualMachine = recorded(include_str!("../testdata/web-2-vm-running.json"));
    assert_eq!(vm.spec.instancetype.unwrap().name.as_deref(), Some("u1.medium"));
    assert_eq!(vm.spec.preference.unwrap().name.as_deref(), Some("ubuntu"));
    let spec = vm.spec.template.spec;
    assert_eq!(spec.domain.cpu, None);
    assert_eq!(spec.domain.memory, None);
    assert_eq!(spec.domain.devices, Devices::default());
    let disk = spec.volumes[0].container_disk.as_ref().unwrap();
    assert_eq!(disk.image, "quay.io/containerdisks/ubuntu:24.04");
    let status = vm.status.unwrap();
    let kept = status.instancetype_ref.unwrap();
    assert_eq!(kept.name.as_deref(), Some("u1.medium"));
    assert!(kept.controller_revision_ref.unwrap().name.starts_with("web-2-u1.medium-v1beta1-"));
    assert_eq!(status.preference_ref.unwrap().name.as_deref(), Some("ubuntu"));
    let migratable = condition(&status.conditions, "LiveMigratable");
    assert_eq!(migratable.status, ConditionStatus::False);
    assert_eq!(migratable.reason.as_deref(), Some("InterfaceNotLiveMigratable"));
}

#[test]
fn a_running_instance() {
    let vmi: VirtualMachineInstance = recorded(include_str!("../testdata/web-1-vmi-running.json"));
    assert_eq!(vmi.metadata.owner_references.as_ref().unwrap()[0].name, "web-1");
    let cpu = vmi.spec.domain.cpu.as_ref().unwrap();
    assert_eq!((cpu.sockets, cpu.cores, cpu.threads), (Some(2), Some(1), Some(1)));
    assert_eq!(cpu.max_sockets, Some(8));
    assert_eq!(cpu.model.as_deref(), Some("host-model"));
    let memory = vmi.spec.domain.memory.as_ref().unwrap();
    assert_eq!(memory.max_guest.as_ref().and_then(bytes), Some(8 << 30));
    assert_eq!(vmi.spec.eviction_strategy, Some(EvictionStrategy::None));
    let acpi = vmi.spec.domain.features.as_ref().unwrap().acpi.as_ref().unwrap();
    assert_eq!(acpi.enabled, Some(true));

    let status = vmi.status.unwrap();
    assert_eq!(status.phase, Some(InstancePhase::Running));
    let phases: Vec<_> =
        status.phase_transition_timestamps.iter().filter_map(|at| at.phase.clone()).collect();
    let (pending, scheduling) = (InstancePhase::Pending, InstancePhase::Scheduling);
    assert_eq!(phases, [pending, scheduling, InstancePhase::Scheduled, InstancePhase::Running]);
    assert_eq!(
        status.phase_transition_timestamps[3].phase_transition_timestamp,
        time("2026-11-21T07:36:53Z")
    );
    assert_eq!(status.node_name.as_deref(), Some("bed-node-2"));
    assert!(Condition::holds(&status.conditions, "Ready"));

    let [interface] = &status.interfaces[..] else { panic!("one interface") };
    assert_eq!(interface.name.as_deref(), Some("default"));
    assert_eq!(interface.mac.as_deref(), Some("02:22:11:42:55:25"));
    assert_eq!(interface.ip_address.as_deref(), Some("10.244.78.157"));
    assert_eq!(interface.ip_addresses, ["10.244.78.157"]);
    assert_eq!(interface.interface_name.as_deref(), Some("eth0"));
    assert_eq!(interface.info_source.as_deref(), Some("domain, guest-agent"));
    assert_eq!(interface.link_state.as_deref(), Some("up"));

    let guest = status.guest_os_info.unwrap();
    assert_eq!(guest.id.as_deref(), Some("fedora"));
    assert_eq!(guest.name.as_deref(), Some("Fedora Linux"));
    assert_eq!(guest.pretty_name.as_deref(), Some("Fedora Linux 42 (Cloud Edition)"));
    assert_eq!(guest.version.as_deref(), Some("42 (Cloud Edition)"));
    assert_eq!(guest.version_id.as_deref(), Some("42"));
    assert_eq!(guest.kernel_release.as_deref(), Some("6.14.0-63.fc42.x86_64"));
    assert_eq!(guest.kernel_version.as_deref(), Some("#1 SMP PREEMPT_DYNAMIC"));
    assert_eq!(guest.machine.as_deref(), Some("x86_64"));

    let topology = status.current_cpu_topology.unwrap();
    assert_eq!((topology.sockets, topology.cores, topology.threads), (Some(2), Some(1), Some(1)));
    let memory = status.memory.unwrap();
    assert_eq!(memory.guest_current, Some(Quantity("2Gi".to_owned())));
    assert_eq!(memory.guest_at_boot, memory.guest_requested);
    assert_eq!(status.machine.unwrap().type_.as_deref(), Some("pc-q35-rhel9.6.0"));

    let [cloudinit, disk] = &status.volume_status[..] else { panic!("two volumes") };
    assert_eq!((cloudinit.name.as_str(), cloudinit.target.as_str()), ("cloudinit", "vda"));
    assert_eq!(cloudinit.persistent_volume_claim_info, None);
    assert_eq!((disk.name.as_str(), disk.target.as_str()), ("disk-0", "vdb"));
    let claim = disk.persistent_volume_claim_info.as_ref().unwrap();
    assert_eq!(claim.claim_name.as_deref(), Some("web-1-disk-0"));
    assert_eq!(claim.capacity.get("storage").and_then(bytes), Some(20 << 30));
    assert_eq!(claim.requests, claim.capacity);
}

#[test]
fn an_instance_with_what_its_type_and_preference_set() {
    let vmi: VirtualMachineInstance = recorded(include_str!("../testdata/web-2-vmi-running.json"));
    let domain = vmi.spec.domain;
    assert_eq!(domain.memory.unwrap().guest.as_ref().and_then(bytes), Some(4 << 30));
    assert_eq!(domain.devices.disks[0].disk.as_ref().unwrap().bus, Some(DiskBus::Virtio));
    assert_eq!(domain.devices.interfaces[0].bridge, Some(Empty {}));
    assert_eq!(domain.devices.interfaces[0].model.as_deref(), Some("virtio"));
    assert_eq!(domain.devices.rng, Some(Empty {}));
    let disk = vmi.spec.volumes[0].container_disk.as_ref().unwrap();
    assert_eq!(disk.image_pull_policy.as_deref(), Some("IfNotPresent"));
    assert_eq!(vmi.status.unwrap().volume_status[0].target, "vda");
}

#[test]
fn a_data_volume() {
    let dv: DataVolume = recorded(include_str!("../testdata/web-1-dv.json"));
    // A VM's data volume is as its template in the VM says.
    assert_eq!(dv.spec, web_1().spec.data_volume_templates[0].spec);
    let status = dv.status.unwrap();
    assert_eq!(status.phase, Some(DataVolumePhase::Succeeded));
    assert_eq!(status.progress.as_deref(), Some("100.0%"));
    assert_eq!(status.claim_name.as_deref(), Some("web-1-disk-0"));
    assert_eq!(status.restart_count, None);
    assert!(Condition::holds(&status.conditions, "Ready"));
    assert_eq!(condition(&status.conditions, "Running").reason.as_deref(), Some("Completed"));
}

#[test]
fn one_vm_of_a_later_version_does_not_break_a_list() {
    let list: kube::api::ObjectList<VirtualMachine> = serde_json::from_value(json!({
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineList",
        "metadata": {},
        "items": [{
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachine",
            "metadata": { "name": "bare" },
            "spec": { "template": {} },
        }, {
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachine",
            "metadata": { "name": "later" },
            "spec": {
                "runStrategy": "OnDemand",
                "template": {
                    "spec": {
                        "domain": {
                            "devices": { "disks": [{ "name": "d", "disk": { "bus": "nvme" } }] },
                            "memory": { "guest": 1073741824 },
                        },
                        "volumes": [
                            { "name": "d", "tape": {} },
                            { "name": "c", "cloudInitNoCloud": { "secretRef": {} } },
                        ],
                    },
                },
                "dataVolumeTemplates": [{ "spec": {} }],
            },
            "status": { "printableStatus": "Hibernated", "conditions": [
                { "type": "Ready", "status": "Perhaps", "lastTransitionTime": null },
            ] },
        }],
    }))
    .unwrap();
    let [_, vm] = &list.items[..] else { panic!("two VMs") };
    assert_eq!(vm.spec.run_strategy, Some(RunStrategy::Other("OnDemand".to_owned())));
    let status = vm.status.as_ref().unwrap();
    assert_eq!(status.printable_status.as_ref().unwrap().to_string(), "Hibernated");
    let memory = vm.spec.template.spec.domain.memory.as_ref().unwrap();
    assert_eq!(memory.guest.as_ref().and_then(bytes), Some(1 << 30));
    assert_eq!(
        vm.spec.template.spec.volumes[0],
        Volume { name: "d".to_owned(), ..Volume::default() }
    );
}
