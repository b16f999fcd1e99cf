//! A VM's plan as the `VirtualMachine` that is sent to the cluster.

use kube::Resource as _;
use ssvirt_core::{Error, Result, backend::VmPlan, model::DiskSpec};

use super::{
    disk_name, guest,
    hardware::{Attachment, Attachments, domain, networks},
    image,
};
use crate::kubevirt::{
    labels,
    place::{Classes, VdcNetwork},
    resources::{
        VirtualMachine,
        data_volume::{
            ClaimSpec, DataSourceRef, DataVolumeSource, DataVolumeSpec, HttpSource, RegistrySource,
        },
        instance::{EvictionStrategy, VirtualMachineInstanceSpec},
        quantity,
        shared::{Empty, NamespacedRef, Resources, TemplateMeta},
        vm::{DataVolumeTemplate, InstanceTemplate, RunStrategy, VirtualMachineSpec},
        volume::{DataVolumeVolume, Volume},
    },
};

/// How long a guest that is asked to shut down has, in seconds.
pub const GRACE_SECONDS: i64 = 120;

/// Where a VM is made.
#[derive(Default)]
pub struct Site {
    /// The namespace.
    pub namespace: String,
    /// The classes of storage of its VDC.
    pub classes: Classes,
    /// What the VMs of its VDC are on.
    pub network: VdcNetwork,
}

/// The object of a VM under that name: off, as new VMs are.
///
/// # Errors
/// `BadRequest` for what KubeVirt cannot have, and for images that nobody knows.
pub fn new(plan: &VmPlan, at: &Site, name: &str) -> Result<VirtualMachine> {
    let mut vm = changed(plan, at, name)?;
    vm.spec.run_strategy = Some(RunStrategy::Halted);
    Ok(vm)
}

/// The same without saying whether it runs: that is changed by starting and stopping it alone.
///
/// # Errors
/// As [`new`].
pub fn changed(plan: &VmPlan, at: &Site, name: &str) -> Result<VirtualMachine> {
    let namespace = &at.namespace;
    let attachments = attachments(plan, at);
    let labels = labels::of_vm(plan);
    let volumes = plan.spec.disks.iter().map(|disk| Volume {
        name: disk_name(&disk.id),
        data_volume: Some(DataVolumeVolume { name: volume_name(name, disk), hotpluggable: None }),
        ..Volume::default()
    });
    let mut volumes: Vec<Volume> = volumes.collect();
    let mut domain = domain(plan.target.vm, &plan.spec, &attachments)?;
    if let Some(contents) = guest::contents(plan)? {
        let (disk, volume) = guest::disk(name, &contents);
        domain.devices.disks.push(disk);
        volumes.push(volume);
    }
    let spec = VirtualMachineInstanceSpec {
        domain,
        networks: networks(&plan.spec, &attachments),
        volumes,
        // A node can be emptied without anybody being asked, and without a stop where a move is possible.
        eviction_strategy: Some(EvictionStrategy::LiveMigrateIfPossible),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        ..VirtualMachineInstanceSpec::default()
    };
    let metadata = TemplateMeta { labels: labels.clone(), ..TemplateMeta::default() };
    let template = InstanceTemplate { metadata: Some(metadata), spec };
    let templates = plan.spec.disks.iter().enumerate();
    let data_volume_templates = templates
        .map(|(place, disk)| volume(plan, at, name, place, disk))
        .collect::<Result<_>>()?;
    let spec = VirtualMachineSpec { template, data_volume_templates, ..Default::default() };
    let mut vm = VirtualMachine::new(name, spec);
    let meta = vm.meta_mut();
    meta.namespace = Some(namespace.to_owned());
    meta.labels = Some(labels);
    meta.annotations = Some(labels::vm_annotations(plan));
    Ok(vm)
}

/// The first NIC that is on a network is on the VDC's first, all others are on its second.
fn attachments(plan: &VmPlan, at: &Site) -> Attachments {
    let first = match at.network {
        VdcNetwork::Pods => Attachment::Pod,
        VdcNetwork::UserDefined => Attachment::UserDefined,
    };
    let others = format!("{}/{}", at.namespace, at.network.of_further_nics());
    let mut attachments = Attachments::new();
    for nic in plan.spec.nics.iter().filter(|nic| nic.network.is_some()) {
        let to = match attachments.is_empty() {
            true => first.clone(),
            false => Attachment::Definition(others.clone()),
        };
        attachments.insert(nic.index, to);
    }
    attachments
}

/// The name of the volume of a disk, in the VM of that name.
pub fn volume_name(vm: &str, disk: &DiskSpec) -> String {
    format!("{vm}-{}", disk_name(&disk.id))
}

fn volume(
    plan: &VmPlan,
    at: &Site,
    name: &str,
    place: usize,
    disk: &DiskSpec,
) -> Result<DataVolumeTemplate> {
    let class = at.classes.of_disk(&plan.spec, disk).map(str::to_owned);
    let image = plan.spec.image.as_deref().filter(|_| place == 0);
    let size = [("storage".to_owned(), quantity::from_mib(disk.size_mib))].into();
    let resources = Resources { requests: size, ..Resources::default() };
    let (source, source_ref) = match image {
        None => (Some(DataVolumeSource { blank: Some(Empty {}), ..Default::default() }), None),
        Some(image) => image_source(image)?,
    };
    Ok(DataVolumeTemplate {
        metadata: TemplateMeta {
            name: Some(volume_name(name, disk)),
            labels: labels::of_vm(plan),
            ..TemplateMeta::default()
        },
        spec: DataVolumeSpec {
            source,
            source_ref,
            storage: Some(ClaimSpec {
                storage_class_name: class,
                resources: Some(resources),
                ..ClaimSpec::default()
            }),
            pvc: None,
        },
    })
}

/// Where an image comes from: `docker://registry/name:tag`, a file under http or https, or a `DataSource` as
/// `datasource:namespace/name`.
fn image_source(image: &str) -> Result<(Option<DataVolumeSource>, Option<DataSourceRef>)> {
    if image.starts_with("docker://") {
        let registry = RegistrySource { url: Some(image.to_owned()), ..RegistrySource::default() };
        return Ok((
            Some(DataVolumeSource { registry: Some(registry), ..Default::default() }),
            None,
        ));
    }
    if image.starts_with("https://") || image.starts_with("http://") {
        let http = HttpSource { url: image.to_owned(), ..HttpSource::default() };
        return Ok((Some(DataVolumeSource { http: Some(http), ..Default::default() }), None));
    }
    if let Some((namespace, name)) = image::claim(image) {
        let claim = NamespacedRef { namespace: namespace.to_owned(), name: name.to_owned() };
        return Ok((Some(DataVolumeSource { pvc: Some(claim), ..Default::default() }), None));
    }
    let (namespace, name) = image::data_source(image).ok_or_else(|| {
        Error::bad_request("The template's image is not one that the cluster could get.")
    })?;
    let source = DataSourceRef {
        kind: "DataSource".to_owned(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    };
    Ok((None, Some(source)))
}
