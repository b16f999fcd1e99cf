//! From a URN to the object.

use super::{
    Caller, Cloud,
    catalog::{visible_catalog, visible_template},
    vapp::visible_vapp,
    vdc::visible_vdc,
    vm::visible_vm,
};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{EntityKind, Id, Urn},
    model::{Org, TemplateVm},
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
            EntityKind::Network => match self.network(caller, Id::new(uuid)).await {
                Ok(network) => (network.name, network.org, false),
                Err(error) if error.kind() == ErrorKind::Forbidden => self
                    .vapp_network(caller, Id::new(uuid))
                    .await
                    .map(|(net, vapp)| (net.name, vapp.org, false))?,
                Err(error) => return Err(error),
            },
            EntityKind::Vdc => visible_vdc(&mut self.read().await?, caller, Id::new(uuid))
                .await
                .map(|v| (v.name, v.org, false))?,
            EntityKind::Catalog => visible_catalog(&mut self.read().await?, caller, Id::new(uuid))
                .await
                .map(|catalog| (catalog.name, catalog.org, false))?,
            EntityKind::Template => {
                visible_template(&mut self.read().await?, caller, Id::new(uuid))
                    .await
                    .map(|(template, _)| (template.name, template.org, false))?
            }
            EntityKind::VApp => visible_vapp(&mut self.read().await?, caller, Id::new(uuid))
                .await
                .map(|v| (v.name, v.org, false))?,
            EntityKind::Vm => {
                // On its own line: the other look-up must not wait for this one's connection.
                let vm = visible_vm(&mut self.read().await?, caller, Id::new(uuid)).await;
                match vm {
                    Ok((vm, _)) => (vm.name, vm.org, false),
                    Err(error) if error.kind() == ErrorKind::Forbidden => {
                        let id: Id<TemplateVm> = Id::new(uuid);
                        let template = self.template_of_vm(caller, id).await?;
                        let name = template.vm(id).map(|vm| vm.name.clone()).unwrap_or_default();
                        (name, template.org, true)
                    }
                    Err(error) => return Err(error),
                }
            }
            _ => return Err(Error::no_access_to(urn)),
        };
        Ok(Resolved { urn, name, org, in_template })
    }
}
