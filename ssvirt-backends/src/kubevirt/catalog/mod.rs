//! Where templates come from in a cluster: OpenShift's templates, boot images, and images that are configured.
//!
//! ```text
//!   items -> seen (what the cluster has) -> boot      (DataSource, instance type, preference)
//!                                        -> template  (parameters, parts, size)
//!   create_vm -> instantiate (TemplateInstance and its Secret) -> copy -> shape (the VM as it is planned)
//! ```
//!
//! What a cluster has not is left out: on plain Kubernetes there are no templates.

mod boot;
mod copy;
mod expression;
mod failure;
pub mod guest;
pub(super) mod instantiate;
mod parameters;
mod parts;
mod seen;
mod shape;
mod size;
mod template;

use std::collections::BTreeSet;

use async_trait::async_trait;
use kube::{Api, Client, ResourceExt as _, api::ListParams};
use serde::Deserialize;
use ssvirt_core::{
    CatalogSource, Result,
    catalog::{Sizing, SourceItem},
};

use self::seen::Seen;
use super::{
    call::call_opt,
    resources::Template,
    vm::image::{claim, data_source},
};

/// What of a cluster is offered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogOptions {
    /// The namespace of the templates.
    pub template_namespace: String,
    /// Which templates, by their labels; none is all that contain a VM.
    pub template_selector: Option<String>,
    /// The namespaces of the boot images.
    pub boot_image_namespaces: BTreeSet<String>,
    /// Images beside these.
    pub images: Vec<Image>,
    /// vCPUs and memory in MiB of VMs from a boot image that names no instance type. Its item says that they
    /// are assumed (metadata `assumedSize`).
    pub assumed_size: (i32, i64),
}

impl Default for CatalogOptions {
    /// Where OpenShift and OpenShift Virtualization have them.
    fn default() -> Self {
        Self {
            template_namespace: "openshift".to_owned(),
            template_selector: None,
            boot_image_namespaces: ["openshift-virtualization-os-images".to_owned()].into(),
            images: Vec::new(),
            assumed_size: (1, 2048),
        }
    }
}

/// An image that is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The name; unique among them.
    pub name: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// Where it comes from: `datasource:namespace/name`, the volume `pvc:namespace/name`, `docker://registry/name:tag`
    /// or a file under http or https.
    pub image: String,
    /// The operating system as KubeVirt's preferences call it, such as `debian`; the name says it otherwise.
    #[serde(default)]
    pub os: String,
    /// The size of its disk in MiB.
    pub size_mib: i64,
    /// vCPUs.
    #[serde(default)]
    pub cpus: i32,
    /// Memory in MiB.
    #[serde(default)]
    pub memory_mib: i64,
    /// The instance type of the whole cluster that says both instead.
    #[serde(default)]
    pub instancetype: Option<String>,
}

/// What a cluster offers.
pub struct KubeVirtCatalog {
    client: Client,
    options: CatalogOptions,
}

impl KubeVirtCatalog {
    /// Of the cluster that `client` reaches.
    #[must_use]
    pub fn new(client: Client, options: CatalogOptions) -> Self {
        Self { client, options }
    }

    async fn templates(&self) -> Result<Vec<Template>> {
        let templates: Api<Template> =
            Api::namespaced(self.client.clone(), &self.options.template_namespace);
        let mut wanted = ListParams::default();
        if let Some(selector) = &self.options.template_selector {
            wanted = wanted.labels(selector);
        }
        let listed = call_opt(seen::WHAT, templates.list(&wanted)).await?;
        Ok(listed.map(|listed| listed.items).unwrap_or_default())
    }
}

#[async_trait]
impl CatalogSource for KubeVirtCatalog {
    fn name(&self) -> &'static str {
        "kubevirt"
    }

    async fn items(&self) -> Result<Vec<SourceItem>> {
        let options = &self.options;
        let templates = self.templates().await?;
        let others = options.images.iter().filter_map(|image| {
            let named = data_source(&image.image).or_else(|| claim(&image.image));
            named.map(|(namespace, _)| namespace.to_owned())
        });
        let others = others.chain(templates.iter().flat_map(template::namespaces)).collect();
        let seen = Seen::look(&self.client, &options.boot_image_namespaces, &others).await?;
        let is_offered = |namespace: Option<String>| {
            namespace.is_some_and(|namespace| options.boot_image_namespaces.contains(&namespace))
        };
        let sources = seen.sources.values().filter(|source| is_offered(source.namespace()));
        let mut items: Vec<SourceItem> =
            sources.map(|source| boot::item(options, &seen, source)).collect();
        items.extend(options.images.iter().map(|image| boot::configured(&seen, image)));
        items.extend(templates.iter().filter_map(|found| template::item(&seen, found)));
        items.sort_by(|one, other| one.external_id.cmp(&other.external_id));
        Ok(items)
    }

    /// By the whole list: what an item is like depends on many objects.
    async fn item(&self, external_id: &str) -> Result<Option<SourceItem>> {
        Ok(self.items().await?.into_iter().find(|item| item.external_id == external_id))
    }

    /// The instance types of the whole cluster, as far as their sizes are known.
    async fn sizings(&self) -> Result<Vec<Sizing>> {
        let types = seen::instancetypes(&self.client).await?;
        Ok(types.iter().filter_map(size::sizing).collect())
    }
}
