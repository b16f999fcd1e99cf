//! What a cluster has that images and templates refer to.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Debug,
};

use k8s_openapi::{NamespaceResourceScope, api::core::v1::PersistentVolumeClaim};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams},
};
use serde::de::DeserializeOwned;
use ssvirt_core::Result;

use crate::kubevirt::{
    call::{call_opt, raw},
    error::error,
    resources::{
        DataSource, VirtualMachineClusterInstancetype, VirtualMachineClusterPreference,
        data_source::ImageSource,
        quantity::{self, Quantity},
        shared::{Condition, NamespacedRef},
    },
};

/// How all of it is called in errors.
pub const WHAT: &str = "The catalog of the cluster";

/// Namespace and name.
pub type Key = (String, String);

/// Why something cannot be copied just now, for tenants.
pub type Reason = String;

/// Everything that was seen.
#[derive(Default)]
pub struct Seen {
    pub sources: HashMap<Key, DataSource>,
    pub instancetypes: HashMap<String, VirtualMachineClusterInstancetype>,
    pub preferences: HashMap<String, VirtualMachineClusterPreference>,
    claims: HashMap<Key, Option<i64>>,
    snapshots: HashMap<Key, Option<i64>>,
}

/// The instance types of the whole cluster.
///
/// # Errors
/// `Unavailable`.
pub async fn instancetypes(client: &Client) -> Result<Vec<VirtualMachineClusterInstancetype>> {
    all(&Api::all(client.clone())).await
}

impl Seen {
    /// What is in these namespaces, and what the cluster has for all. Kinds that the cluster does not have are
    /// none. Of namespaces in `others`, which are only referred to, what may not be read is not there.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn look(
        client: &Client,
        namespaces: &BTreeSet<String>,
        others: &BTreeSet<String>,
    ) -> Result<Self> {
        let mut seen = Self::default();
        for found in instancetypes(client).await? {
            seen.instancetypes.insert(found.name_any(), found);
        }
        let preferences = Api::<VirtualMachineClusterPreference>::all(client.clone());
        for found in all(&preferences).await? {
            seen.preferences.insert(found.name_any(), found);
        }
        for namespace in namespaces {
            seen.look_into(client, namespace, false).await?;
        }
        for namespace in others.difference(namespaces) {
            seen.look_into(client, namespace, true).await?;
        }
        Ok(seen)
    }

    async fn look_into(&mut self, client: &Client, namespace: &str, lenient: bool) -> Result<()> {
        let sources: Vec<DataSource> = within(client, namespace, lenient).await?;
        let claims: Vec<PersistentVolumeClaim> = within(client, namespace, lenient).await?;
        let kind = GroupVersionKind::gvk("snapshot.storage.k8s.io", "v1", "VolumeSnapshot");
        let snapshots: Api<DynamicObject> =
            Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk(&kind));
        let snapshots = listed(&snapshots, lenient).await?;
        let key = |name: String| (namespace.to_owned(), name);
        self.sources.extend(sources.into_iter().map(|found| (key(found.name_any()), found)));
        self.claims
            .extend(claims.into_iter().map(|found| (key(found.name_any()), claimed(&found))));
        self.snapshots.extend(snapshots.into_iter().map(|found| {
            let size = found.data.pointer("/status/restoreSize").and_then(|size| size.as_str());
            (key(found.name_any()), size.and_then(mib))
        }));
        Ok(())
    }

    /// Whether there is a claim of that name.
    pub fn has_claim(&self, key: &Key) -> bool {
        self.claims.contains_key(key)
    }

    /// The size of a `DataSource`'s image in MiB.
    ///
    /// # Errors
    /// Why there is nothing to copy.
    pub fn image_size(&self, key: &Key) -> Result<i64, Reason> {
        let source = self.sources.get(key).ok_or("Its boot image is not there.")?;
        let status = source.status.as_ref();
        if !status.is_some_and(|status| Condition::holds(&status.conditions, "Ready")) {
            return Err("Its boot image has not been imported yet.".to_owned());
        }
        let at = |source: &ImageSource| self.source_size(source);
        // CDI says in the status what is at the end of a line of data sources.
        let size = status.and_then(|status| status.source.as_ref()).and_then(at);
        size.or_else(|| at(&source.spec.source))
            .ok_or_else(|| "The size of its boot image is not known yet.".to_owned())
    }

    /// The size of an image in MiB, where it is there and its size is known.
    pub fn source_size(&self, source: &ImageSource) -> Option<i64> {
        let key = |named: &NamespacedRef| (named.namespace.clone(), named.name.clone());
        let claim = source.pvc.as_ref().and_then(|named| *self.claims.get(&key(named))?);
        claim.or_else(|| {
            let named = source.snapshot.as_ref()?;
            *self.snapshots.get(&key(named))?
        })
    }
}

/// So many MiB, rounded up; none where it is no quantity.
pub fn mib(text: &str) -> Option<i64> {
    let bytes = quantity::bytes(&Quantity(text.to_owned()))?;
    Some(bytes.checked_add((1 << 20) - 1)? >> 20)
}

fn claimed(claim: &PersistentVolumeClaim) -> Option<i64> {
    let status = claim.status.as_ref().and_then(|status| status.capacity.as_ref());
    let asked = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
    mib(&status.or(asked)?.get("storage")?.0)
}

/// All objects of a kind; none where the cluster does not have the kind.
pub async fn all<K>(api: &Api<K>) -> Result<Vec<K>>
where
    K: Clone + DeserializeOwned + Debug,
{
    let listed = call_opt(WHAT, api.list(&ListParams::default())).await?;
    Ok(listed.map(|listed| listed.items).unwrap_or_default())
}

async fn within<K>(client: &Client, namespace: &str, lenient: bool) -> Result<Vec<K>>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + Debug,
{
    listed(&Api::<K>::namespaced(client.clone(), namespace), lenient).await
}

async fn listed<K>(api: &Api<K>, lenient: bool) -> Result<Vec<K>>
where
    K: Clone + DeserializeOwned + Debug,
{
    match raw(api.list(&ListParams::default())).await? {
        Ok(listed) => Ok(listed.items),
        Err(kube::Error::Api(status)) if status.code == 404 || lenient && status.code == 403 => {
            Ok(Vec::new())
        }
        Err(cause) => Err(error(WHAT, cause)),
    }
}
