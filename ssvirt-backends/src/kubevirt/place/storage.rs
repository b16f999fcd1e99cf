//! Storage profiles as classes of storage.
//!
//! Which class a profile has is decided when a place is made or changed, and kept in an annotation of its namespace: a
//! VM that is made finds it there.

use std::collections::BTreeMap;

use k8s_openapi::api::{core::v1::Namespace, storage::v1::StorageClass};
use kube::{Api, Client};
use ssvirt_core::{
    Id, Result,
    backend::Place,
    model::{DiskSpec, StorageProfile, VmSpec},
};
use uuid::Uuid;

use super::PlaceOptions;
use crate::kubevirt::{call::call_opt, labels, names::dns_label};

/// The classes by profile. A profile that has none is on the cluster's default class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes(BTreeMap<Uuid, String>);

impl FromIterator<(Id<StorageProfile>, String)> for Classes {
    fn from_iter<T: IntoIterator<Item = (Id<StorageProfile>, String)>>(all: T) -> Self {
        Self(all.into_iter().map(|(profile, class)| (profile.uuid(), class)).collect())
    }
}

impl Classes {
    /// Those that were kept in a namespace.
    pub fn of_namespace(namespace: &Namespace) -> Self {
        let kept = namespace.metadata.annotations.as_ref();
        let kept = kept.and_then(|all| all.get(labels::STORAGE_CLASSES));
        Self(kept.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default())
    }

    /// Keeps them in a namespace.
    ///
    /// # Errors
    /// None that could be expected.
    pub fn keep_in(&self, namespace: &mut Namespace) -> Result<()> {
        let notes = namespace.metadata.annotations.get_or_insert_default();
        notes.insert(labels::STORAGE_CLASSES.to_owned(), serde_json::to_string(&self.0)?);
        Ok(())
    }

    /// The class of a profile.
    pub fn of(&self, profile: Id<StorageProfile>) -> Option<&str> {
        self.0.get(&profile.uuid()).map(String::as_str)
    }

    /// The class of a VM's disk.
    pub fn of_disk(&self, spec: &VmSpec, disk: &DiskSpec) -> Option<&str> {
        self.of(disk.storage_profile.or(spec.storage_profile)?)
    }
}

/// The classes of a place's profiles: those that are named for them, else those of their own names.
pub async fn classes(client: &Client, place: &Place, options: &PlaceOptions) -> Result<Classes> {
    let all: Api<StorageClass> = Api::all(client.clone());
    let mut classes = BTreeMap::new();
    for storage in &place.storage {
        let class = match options.storage_classes.get(&storage.name) {
            Some(class) => Some(class.clone()),
            None => {
                let name = dns_label(&storage.name, 63);
                let what = format!("The storage profile \"{}\"", storage.name);
                // "*", VCD's any, has no name that a class could have.
                let found = match name.as_str() {
                    "" => None,
                    name => call_opt(&what, all.get(name)).await?,
                };
                found.map(|_| name)
            }
        };
        classes.extend(class.map(|class| (storage.profile.uuid(), class)));
    }
    Ok(Classes(classes))
}
