//! Boot images: a `DataSource` with the instance type and preference that its VMs have, and images that are
//! configured.

use kube::ResourceExt as _;
use ssvirt_core::{
    catalog::{SourceItem, SourceVm},
    model::VmSpec,
};

use super::{
    CatalogOptions, Image, guest,
    seen::{Reason, Seen},
    size,
};
use crate::kubevirt::{
    resources::{
        DataSource,
        data_source::{DEFAULT_INSTANCETYPE, DEFAULT_PREFERENCE},
    },
    vm::image::{claim, data_source},
};

/// What metadata says of a VM whose size the image does not tell.
pub const ASSUMED: &str = "assumedSize";

/// The item of a data source.
pub fn item(options: &CatalogOptions, seen: &Seen, source: &DataSource) -> SourceItem {
    let name = source.name_any();
    let key = (source.namespace().unwrap_or_default(), name.clone());
    let label = |key: &str| source.labels().get(key).map(String::as_str);
    let (instancetype, preference) = (label(DEFAULT_INSTANCETYPE), label(DEFAULT_PREFERENCE));
    let mut item = SourceItem {
        external_id: format!("datasource:{}/{}", key.0, key.1),
        name: name.clone(),
        ..SourceItem::default()
    };
    let mut say = |key: &str, value: &str| {
        item.metadata.insert(key.to_owned(), value.to_owned());
    };
    let preferred = preference.and_then(|name| seen.preferences.get(name));
    for (key, name) in [("instancetype", instancetype), ("preference", preference)] {
        if let Some(name) = name {
            say(key, name);
        }
    }
    for (key, annotation) in super::template::ANNOTATIONS {
        if let Some(text) = preferred.and_then(|found| found.annotations().get(annotation)) {
            say(key, text);
        }
    }
    let mut spec = VmSpec {
        os_type: guest::os_type(preference.into_iter().chain([name.as_str()])).to_owned(),
        image: Some(format!("datasource:{}/{}", key.0, key.1)),
        ..VmSpec::default()
    };
    let mut wrong: Option<Reason> = None;
    match instancetype {
        Some(name) => wrong = size::of_instancetype(seen, name, &mut spec).err(),
        None => {
            (spec.cpus, spec.memory_mib) = options.assumed_size;
            say(ASSUMED, "CPU and memory");
        }
    }
    if let Some(preferred) = preferred {
        size::require(&preferred.spec, &mut spec);
        size::prefer(&preferred.spec, &mut spec);
    } else if preference.is_some() {
        wrong = wrong.or_else(|| Some("Its preference is not there.".to_owned()));
    }
    match seen.image_size(&key) {
        Ok(mib) => spec.disks.push(size::disk(0, mib)),
        Err(reason) => wrong = Some(reason),
    }
    item.description = preferred
        .and_then(|found| found.annotations().get(super::template::DISPLAY_NAME))
        .cloned()
        .unwrap_or_default();
    item.vms.push(SourceVm { name, spec, ..SourceVm::default() });
    item.not_ready = wrong;
    item
}

/// The item of an image that is configured.
pub fn configured(seen: &Seen, image: &Image) -> SourceItem {
    let key = |(namespace, name): (&str, &str)| (namespace.to_owned(), name.to_owned());
    let source = data_source(&image.image).map(key);
    let mut not_ready = source.and_then(|key| seen.image_size(&key).err());
    if claim(&image.image).map(key).is_some_and(|key| !seen.has_claim(&key)) {
        not_ready = Some("Its volume is not there.".to_owned());
    }
    let mut spec = VmSpec {
        os_type: guest::os_type([image.os.as_str(), image.name.as_str()]).to_owned(),
        cpus: image.cpus,
        memory_mib: image.memory_mib,
        disks: vec![size::disk(0, image.size_mib)],
        image: Some(image.image.clone()),
        ..VmSpec::default()
    };
    match &image.instancetype {
        Some(name) => {
            not_ready = size::of_instancetype(seen, name, &mut spec).err().or(not_ready);
        }
        None if spec.cpus < 1 || spec.memory_mib < 1 => {
            not_ready = Some("Its size is not known.".to_owned());
        }
        None => {}
    }
    SourceItem {
        external_id: format!("image:{}", image.name),
        name: image.name.clone(),
        description: image.description.clone(),
        vms: vec![SourceVm { name: image.name.clone(), spec, ..SourceVm::default() }],
        not_ready,
        ..SourceItem::default()
    }
}
