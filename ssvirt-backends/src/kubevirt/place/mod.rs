//! A VDC's place: a namespace with its quota, its limits and its network policies.
//!
//! A namespace is found by the VDC's id in its labels, so its name may be any that was free. One that is
//! somebody else's is never touched, whatever it is called.

#[cfg(test)]
mod fixture;
mod network;
mod objects;
mod quota;
mod storage;

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        authentication::v1::SelfSubjectReview,
        core::v1::{LimitRange, Namespace, ResourceQuota},
        networking::v1::NetworkPolicy,
        rbac::v1::RoleBinding,
    },
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use ssvirt_core::{Error, Id, Result, backend::Place, model::Vdc};
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep},
};

pub use network::VdcNetwork;
pub use quota::QUOTA;
pub use storage::Classes;

use super::{
    FIELD_MANAGER,
    call::{call, call_opt, raw},
    error::{error, is_taken},
    labels,
    names::namespaces,
};

/// How long the end of a namespace is waited for in one call. The task comes back for the rest.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the API server has to learn of rights that are new.
const RIGHTS: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(200);

/// What all places of a server have in common.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlaceOptions {
    /// Most pods: one for a VM that runs, and one for a disk that is filled.
    pub pods: u32,
    /// Most volumes: one for a disk.
    pub persistent_volume_claims: u32,
    /// Most services.
    pub services: u32,
    /// Most secrets: one for a VM whose guest is set up.
    pub secrets: u32,
    /// Most config maps.
    pub config_maps: u32,
    /// CPU that a pod takes beside what its VM is given, in thousandths of a core.
    pub pod_cpu_millis: i64,
    /// Memory that a pod takes beside its VM's, in MiB.
    pub pod_memory_mib: i64,
    /// Whether VDCs of one organization reach each other.
    pub same_organization: bool,
    /// The networks of the cluster's pods and services (CIDR), which tenants do not reach.
    pub cluster_networks: Vec<String>,
    /// Whether a VDC that is made has a network of its own where the cluster has OVN-Kubernetes: a primary
    /// `UserDefinedNetwork`. Without, its VMs are on the pods' network.
    pub user_defined_networks: bool,
    /// The addresses of such a network (CIDR): one range, or one of IPv4 and one of IPv6. All VDCs have the same, as
    /// they do not meet; none of the cluster's own may be among them.
    pub subnets: Vec<String>,
    /// The `StorageClass` of a storage profile, by its name. Without, it is the class of the profile's own name
    /// where there is one, else the cluster's default class.
    pub storage_classes: BTreeMap<String, String>,
}

impl Default for PlaceOptions {
    fn default() -> Self {
        Self {
            pods: 50,
            persistent_volume_claims: 20,
            services: 10,
            secrets: 50,
            config_maps: 50,
            // KubeVirt's launcher with its helpers; CDI's importer asks for less.
            pod_cpu_millis: 200,
            pod_memory_mib: 300,
            same_organization: true,
            cluster_networks: Vec::new(),
            user_defined_networks: true,
            subnets: vec!["10.100.0.0/16".to_owned()],
            storage_classes: BTreeMap::new(),
        }
    }
}

/// Makes and removes places.
#[derive(Clone)]
pub struct Places {
    client: Client,
    options: PlaceOptions,
    me: Arc<OnceCell<String>>,
}

impl Places {
    /// In this cluster.
    #[must_use]
    pub fn new(client: Client, options: PlaceOptions) -> Self {
        Self { client, options, me: Arc::default() }
    }

    fn namespaces(&self) -> Api<Namespace> {
        Api::all(self.client.clone())
    }

    /// The namespace of a VDC, if there is one that stays.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn find(&self, vdc: Id<Vdc>) -> Result<Option<String>> {
        Ok(self.namespace(vdc).await?.map(|found| found.name_any()))
    }

    /// As [`Places::find`], the whole object.
    pub(super) async fn namespace(&self, vdc: Id<Vdc>) -> Result<Option<Namespace>> {
        Ok(self.all(vdc).await?.into_iter().find(|found| !is_ending(found)))
    }

    async fn all(&self, vdc: Id<Vdc>) -> Result<Vec<Namespace>> {
        let selector =
            format!("{}={},{}={}", labels::MANAGED_BY, labels::SSVIRT, labels::VDC_ID, vdc.uuid());
        let ours = ListParams::default().labels(&selector);
        Ok(call("The virtual datacenter", self.namespaces().list(&ours)).await?.items)
    }

    /// Makes a place, or brings it up to date. Its namespace's name.
    ///
    /// # Errors
    /// `Unavailable`, also while an earlier place of that name ends; what the cluster refuses.
    pub async fn ensure(&self, place: &Place) -> Result<String> {
        let found = match self.namespace(place.vdc).await? {
            Some(found) => found,
            None => self.create(place).await?,
        };
        let (name, network) = (found.name_any(), VdcNetwork::of_namespace(&found));
        let what = format!("The virtual datacenter \"{}\"", place.vdc_name);
        let classes = storage::classes(&self.client, place, &self.options).await?;
        let mut namespace = objects::namespace(place, &name, network)?;
        classes.keep_in(&mut namespace)?;
        self.apply(&what, &self.namespaces(), namespace).await?;
        let binding = objects::binding(place, &self.me().await?)?;
        self.apply(&what, &self.inside::<RoleBinding>(&name), binding).await?;
        let quota = quota::quota(place, &self.options, &classes)?;
        self.apply_soon(&what, &self.inside::<ResourceQuota>(&name), quota).await?;
        let limits = objects::limits(place, &self.options)?;
        self.apply(&what, &self.inside::<LimitRange>(&name), limits).await?;
        self.ensure_networks(&what, place, &name, network).await?;
        for policy in objects::policies(place, &self.options)? {
            self.apply(&what, &self.inside::<NetworkPolicy>(&name), policy).await?;
        }
        Ok(name)
    }

    /// A new namespace, under the first of its names that is free.
    async fn create(&self, place: &Place) -> Result<Namespace> {
        let what = format!("The virtual datacenter \"{}\"", place.vdc_name);
        let network = self.network_of_new().await?;
        let wait_until = Instant::now() + PATIENCE;
        for name in namespaces(&place.org_name, &place.vdc_name, place.vdc.uuid()) {
            loop {
                // Not applied, which would take over one that is there.
                let wanted = objects::namespace(place, &name, network)?;
                match raw(self.namespaces().create(&PostParams::default(), &wanted)).await? {
                    Ok(made) => return Ok(made),
                    Err(cause) if !is_taken(&cause) => return Err(error(&what, cause)),
                    Err(_) => {}
                }
                match call_opt(&what, self.namespaces().get(&name)).await? {
                    Some(found) if is_of(&found, place.vdc) && !is_ending(&found) => {
                        return Ok(found);
                    }
                    // One that ended between the two calls, or that is about to: its name will be free.
                    None => {}
                    Some(found) if is_ours(&found) && is_ending(&found) => {
                        if Instant::now() > wait_until {
                            return Err(Error::unavailable(format!(
                                "{what} waits for the end of an earlier one of that name."
                            )));
                        }
                        sleep(POLL).await;
                    }
                    Some(_) => break,
                }
            }
        }
        Err(Error::internal(format!("{} has no name that is free", place.vdc)))
    }

    /// Removes a place with all that is in it, and answers when it is gone. None is no error.
    ///
    /// # Errors
    /// `Unavailable`, also while it takes its time.
    pub async fn remove(&self, vdc: Id<Vdc>) -> Result<()> {
        let what = "The virtual datacenter";
        let wait_until = Instant::now() + PATIENCE;
        loop {
            let all = self.all(vdc).await?;
            if all.is_empty() {
                return Ok(());
            }
            for found in all.iter().filter(|found| !is_ending(found)) {
                let name = found.name_any();
                let all = DeleteParams::default();
                call_opt(what, self.namespaces().delete(&name, &all)).await?;
            }
            if Instant::now() > wait_until {
                return Err(Error::unavailable("The virtual datacenter is being removed."));
            }
            sleep(POLL).await;
        }
    }

    fn inside<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// As whom the API server knows us.
    async fn me(&self) -> Result<String> {
        let asked = async {
            let reviews: Api<SelfSubjectReview> = Api::all(self.client.clone());
            let review = SelfSubjectReview::default();
            let review =
                call("The server", reviews.create(&PostParams::default(), &review)).await?;
            let name = review.status.and_then(|status| status.user_info?.username);
            name.ok_or_else(|| Error::internal("the API server does not say who we are"))
        };
        self.me.get_or_try_init(|| asked).await.cloned()
    }

    /// As [`Places::apply`], in a namespace where our rights may be new: the API server learns of them a moment
    /// later.
    async fn apply_soon<K>(&self, what: &str, api: &Api<K>, wanted: K) -> Result<()>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + Debug,
    {
        let until = Instant::now() + RIGHTS;
        loop {
            let name = wanted.name_any();
            match raw(api.patch(&name, &ours(), &Patch::Apply(wanted.clone()))).await? {
                Err(kube::Error::Api(status)) if status.code == 403 && Instant::now() < until => {
                    sleep(POLL).await;
                }
                answered => return answered.map(drop).map_err(|cause| error(what, cause)),
            }
        }
    }

    /// Makes an object like this, as far as its fields are ours; others may have fields of their own in it.
    async fn apply<K>(&self, what: &str, api: &Api<K>, wanted: K) -> Result<()>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + Debug,
    {
        let name = wanted.name_any();
        call(what, api.patch(&name, &ours(), &Patch::Apply(wanted))).await.map(drop)
    }
}

/// Our fields are as we say, whoever else has changed them.
fn ours() -> PatchParams {
    PatchParams::apply(FIELD_MANAGER).force()
}

fn label<'a>(namespace: &'a Namespace, name: &str) -> Option<&'a str> {
    namespace.metadata.labels.as_ref()?.get(name).map(String::as_str)
}

fn is_ours(namespace: &Namespace) -> bool {
    label(namespace, labels::MANAGED_BY) == Some(labels::SSVIRT)
}

fn is_of(namespace: &Namespace, vdc: Id<Vdc>) -> bool {
    is_ours(namespace) && label(namespace, labels::VDC_ID) == Some(&vdc.uuid().to_string())
}

fn is_ending(namespace: &Namespace) -> bool {
    namespace.metadata.deletion_timestamp.is_some()
}
