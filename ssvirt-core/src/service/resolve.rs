//! From a URN to the object.

use uuid::Uuid;

use super::{
    AnyNetwork, Caller, Cloud,
    catalog::{seen_template_of_vm, visible_catalog},
    vapp::visible_vapp,
    vm::seen_vm,
};
use crate::{
    error::{Error, Result},
    id::{EntityKind, Id, Urn},
    model::{Org, TemplateVm, Vm},
    store::{
        By,
        gather::{first, one},
    },
};

/// An object that a URN names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Its URN.
    pub urn: Urn,
    /// Its name.
    pub name: String,
    /// The organization it belongs to.
    pub org: Id<Org>,
    /// Whether it is a VM inside a template.
    pub in_template: bool,
}

impl Cloud {
    /// The object that a URN names, if the caller sees it.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn resolve(&self, caller: &Caller, urn: Urn) -> Result<Resolved> {
        let uuid = urn.uuid;
        let (name, org, in_template) = match urn.kind {
            EntityKind::Org => {
                self.org(caller, Id::new(uuid)).await.map(|org| (org.name, org.id, false))?
            }
            EntityKind::User => {
                self.user(caller, Id::new(uuid)).await.map(|user| (user.name, user.org, false))?
            }
            EntityKind::Role => self
                .role(caller, Id::new(uuid))
                .await
                .map(|role| (role.name, role.org.unwrap_or(Org::SYSTEM), false))?,
            EntityKind::StorageProfile => self
                .storage_profile(caller, Id::new(uuid))
                .await
                .map(|(row, _)| (row.name, row.org, false))?,
            EntityKind::Task => {
                self.task(caller, Id::new(uuid)).await.map(|t| (t.owner_name, t.org, false))?
            }
            EntityKind::CatalogItem => self
                .catalog_item(caller, Id::new(uuid))
                .await
                .map(|(item, _)| (item.name, item.org, false))?,
            EntityKind::Network => match self.any_network(caller, Id::new(uuid)).await? {
                AnyNetwork::Vdc(network) => (network.name, network.org, false),
                AnyNetwork::VApp(network, vapp) => (network.name, vapp.org, false),
            },
            EntityKind::Vdc => {
                self.vdc(caller, Id::new(uuid)).await.map(|vdc| (vdc.name, vdc.org, false))?
            }
            EntityKind::Catalog => {
                visible_catalog(&mut self.glance().await?, caller, Id::new(uuid))
                    .await
                    .map(|catalog| (catalog.name, catalog.org, false))?
            }
            EntityKind::Template => self
                .template(caller, Id::new(uuid))
                .await
                .map(|(template, ..)| (template.name, template.org, false))?,
            EntityKind::VApp => visible_vapp(&mut self.glance().await?, caller, Id::new(uuid))
                .await
                .map(|v| (v.name, v.org, false))?,
            EntityKind::Vm => self.resolve_vm(caller, uuid).await?,
            _ => return Err(Error::no_access_to(urn)),
        };
        Ok(Resolved { urn, name, org, in_template })
    }
    /// A VM, or one in a template: name, organization, and whether it is in a template.
    async fn resolve_vm(&self, caller: &Caller, uuid: Uuid) -> Result<(String, Id<Org>, bool)> {
        let (id, in_template) = (Id::<Vm>::new(uuid), Id::<TemplateVm>::new(uuid));
        let parts = (
            one(id),
            first([By::Of(id.any())]),
            first([By::TemplateVm(in_template)]),
            first([By::OfTemplateVm(in_template)]),
        );
        let (vm, vapp, template, catalog) = self.glance().await?.gather(parts).await?;
        if let Ok((vm, _)) = seen_vm(caller, id, vm, vapp) {
            return Ok((vm.name, vm.org, false));
        }
        let template = seen_template_of_vm(caller, in_template, template, catalog)?;
        let name = template.vm(in_template).map(|vm| vm.name.clone()).unwrap_or_default();
        Ok((name, template.org, true))
    }
}
