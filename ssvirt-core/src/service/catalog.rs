//! Catalogs, their items and templates.

mod sync;

use super::{Caller, Cloud, Removal, check_name, check_version, found, referred};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{Entity, Id},
    model::{
        Catalog, CatalogItem, ItemSource, Org, Outcome, Task, Template, TemplateStatus, TemplateVm,
        User, VmSpec,
    },
    rights::right,
    store::{
        By, Tx,
        gather::{first, one, rows},
    },
    task::{NewTask, forget_catalog},
};

/// A catalog to be made.
#[derive(Clone, Debug, Default)]
pub struct NewCatalog {
    /// The name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Whether other organizations may read it.
    pub published: bool,
}

/// What is to be different in a catalog; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct CatalogChange {
    /// The name.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Whether other organizations may read it.
    pub published: Option<bool>,
    /// The version that the change was made from; none overwrites any.
    pub version: Option<i64>,
}

/// A template to be put into the catalog database.
#[derive(Clone, Debug, Default)]
pub struct NewTemplate {
    /// The name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Its virtual machines: name and what a copy is made like.
    pub vms: Vec<(String, VmSpec)>,
}

/// A catalog with what clients see beside it.
#[derive(Clone, Debug)]
pub struct CatalogContents {
    /// The catalog.
    pub catalog: Catalog,
    /// Its organization.
    pub org: Org,
    /// Who owns it; none when the user is gone.
    pub owner: Option<User>,
    /// Its items.
    pub items: Vec<CatalogItem>,
}

impl Cloud {
    /// The catalogs of an organization that the caller sees, by name.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn catalogs(&self, caller: &Caller, org: Id<Org>) -> Result<Vec<Catalog>> {
        if !caller.sees_org(org) {
            return Err(Error::no_access(org));
        }
        if !may_read(caller) {
            return Ok(Vec::new());
        }
        self.glance().await?.select(&[By::Org(org)]).await
    }

    /// A catalog alone.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn find_catalog(&self, caller: &Caller, id: Id<Catalog>) -> Result<Catalog> {
        visible_catalog(&mut self.glance().await?, caller, id).await
    }

    /// A catalog with its items.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn catalog(&self, caller: &Caller, id: Id<Catalog>) -> Result<CatalogContents> {
        let of = || [By::Of(id.any())];
        let parts = (one(id), first(of()), first(of()), rows([By::Catalog(id)]));
        let (catalog, org, owner, items) = self.glance().await?.gather(parts).await?;
        let catalog = seen_catalog(caller, id, catalog)?;
        Ok(CatalogContents { org: referred(org, catalog.org)?, owner, items, catalog })
    }

    /// A catalog item with its catalog.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn catalog_item(
        &self,
        caller: &Caller,
        id: Id<CatalogItem>,
    ) -> Result<(CatalogItem, Catalog)> {
        let parts = (one(id), first([By::Of(id.any())]));
        let (item, catalog) = self.glance().await?.gather(parts).await?;
        let item: CatalogItem = found(item, id)?;
        let catalog = seen_catalog(caller, item.catalog, catalog).map_err(hidden(id))?;
        Ok((item, catalog))
    }

    /// A template, with its catalog and owner.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn template(
        &self,
        caller: &Caller,
        id: Id<Template>,
    ) -> Result<(Template, Catalog, Option<User>)> {
        let of = || [By::Of(id.any())];
        let parts = (one(id), first(of()), first(of()));
        let (template, catalog, owner) = self.glance().await?.gather(parts).await?;
        let template: Template = found(template, id)?;
        let catalog = seen_catalog(caller, template.catalog, catalog).map_err(hidden(id))?;
        Ok((template, catalog, owner))
    }

    /// The template that has this VM.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn template_of_vm(&self, caller: &Caller, id: Id<TemplateVm>) -> Result<Template> {
        let parts = (first([By::TemplateVm(id)]), first([By::OfTemplateVm(id)]));
        let (template, catalog) = self.glance().await?.gather(parts).await?;
        seen_template_of_vm(caller, id, template, catalog)
    }

    /// Makes a catalog.
    ///
    /// # Errors
    /// `DuplicateName`, `BadRequest`, `Forbidden`.
    pub async fn create_catalog(
        &self,
        caller: &Caller,
        org: Id<Org>,
        new: NewCatalog,
    ) -> Result<Catalog> {
        if !caller.sees_org(org) {
            return Err(Error::no_access(org));
        }
        caller.require(right::CATALOG_CREATE)?;
        check_name(&new.name)?;
        let mut tx = self.begin().await?;
        let owner = found(tx.get(org).await?, org)?;
        if new.published {
            check_publishing(caller, &owner)?;
        }
        let catalog = Catalog {
            id: self.id(),
            org,
            owner: caller.user,
            name: new.name,
            description: new.description,
            published: new.published,
            readers: None,
            revision: 1,
            created: self.now(),
            version: 0,
        };
        tx.insert(&catalog).await?;
        self.audit(
            caller,
            &mut tx,
            "catalogCreate",
            (catalog.id.any(), &catalog.name),
            Outcome::Success,
        )
        .await?;
        tx.commit().await?;
        Ok(catalog)
    }

    /// Changes a catalog.
    ///
    /// # Errors
    /// `DuplicateName`, `BadRequest`, `Conflict`, `Forbidden`; `InvalidState` for publishing where the
    /// organization may not.
    pub async fn change_catalog(
        &self,
        caller: &Caller,
        id: Id<Catalog>,
        change: CatalogChange,
    ) -> Result<Catalog> {
        let mut tx = self.begin().await?;
        let mut catalog = own_catalog(&mut tx, caller, id).await?;
        caller.require(right::CATALOG_EDIT)?;
        check_version(catalog.version, change.version)?;
        let before = catalog.clone();
        catalog.name = change.name.unwrap_or(catalog.name);
        catalog.description = change.description.unwrap_or(catalog.description);
        catalog.published = change.published.unwrap_or(catalog.published);
        check_name(&catalog.name)?;
        if catalog.published && !before.published {
            check_publishing(caller, &tx.require(catalog.org).await?)?;
        }
        tx.update(&mut catalog).await?;
        let entity = (id.any(), catalog.name.as_str());
        self.audit(caller, &mut tx, "catalogUpdate", entity, Outcome::Success).await?;
        tx.commit().await?;
        Ok(catalog)
    }

    /// Deletes a catalog. What a catalog source put into it goes with it: the source still has it.
    ///
    /// # Errors
    /// `InvalidState` when it has other items, unless these are to go too; `Forbidden`.
    pub async fn delete_catalog(
        &self,
        caller: &Caller,
        id: Id<Catalog>,
        removal: Removal,
    ) -> Result<Task> {
        let mut tx = self.begin().await?;
        let catalog = own_catalog(&mut tx, caller, id).await?;
        caller.require(right::CATALOG_CREATE)?;
        let items: Vec<CatalogItem> = tx.select(&[By::Catalog(id)]).await?;
        if !removal.contents() && items.iter().any(|item| item.source.is_none()) {
            return Err(Error::invalid_state(format!(
                "The catalog \"{}\" still has items.",
                catalog.name
            )));
        }
        forget_catalog(&mut tx, id).await?;
        let task = NewTask {
            org: catalog.org,
            owner: id.any(),
            owner_name: catalog.name.clone(),
            operation_name: "catalogDelete",
            operation: format!("Deleting Catalog {}({})", catalog.name, catalog.id),
            steps: Vec::new(),
            done: 0,
            locks: vec![id.any()],
        };
        self.run_done(caller, tx, task).await
    }

    /// Puts a template into a catalog.
    ///
    /// # Errors
    /// `DuplicateName`, `BadRequest`, `Forbidden`.
    pub async fn create_template(
        &self,
        caller: &Caller,
        catalog: Id<Catalog>,
        new: NewTemplate,
    ) -> Result<Template> {
        caller.require(right::CATALOG_EDIT)?;
        check_name(&new.name)?;
        let mut tx = self.begin().await?;
        let mut catalog = own_catalog(&mut tx, caller, catalog).await?;
        let vms = new
            .vms
            .into_iter()
            .map(|(name, spec)| TemplateVm {
                id: self.id(),
                name,
                description: String::new(),
                spec,
                products: Vec::new(),
            })
            .collect();
        let (item, template) = self.new_rows(
            &catalog,
            caller.user,
            (self.id(), self.id()),
            (new.name, new.description),
            vms,
            None,
        );
        tx.insert(&template).await?;
        tx.insert(&item).await?;
        catalog.revision += 1;
        tx.update(&mut catalog).await?;
        self.audit(
            caller,
            &mut tx,
            "catalogAddItem",
            (template.id.any(), &template.name),
            Outcome::Success,
        )
        .await?;
        tx.commit().await?;
        Ok(template)
    }

    fn new_rows(
        &self,
        catalog: &Catalog,
        owner: Id<User>,
        (item, template): (Id<CatalogItem>, Id<Template>),
        (name, description): (String, String),
        vms: Vec<TemplateVm>,
        source: Option<ItemSource>,
    ) -> (CatalogItem, Template) {
        let created = self.now();
        let row = CatalogItem {
            id: item,
            catalog: catalog.id,
            org: catalog.org,
            name: name.clone(),
            description: description.clone(),
            template,
            source,
            created,
            modified: None,
            version: 0,
        };
        let template = Template {
            id: template,
            org: catalog.org,
            catalog: catalog.id,
            item,
            owner,
            name,
            description,
            status: TemplateStatus::Ready,
            not_ready: None,
            vms,
            storage_lease_seconds: 0,
            created,
            version: 0,
        };
        (row, template)
    }
}

/// Refuses to publish for those who may not, and in organizations that may not.
fn check_publishing(caller: &Caller, org: &Org) -> Result<()> {
    caller.require(right::CATALOG_PUBLISH)?;
    if org.can_publish {
        return Ok(());
    }
    Err(Error::invalid_state(format!(
        "The organization \"{}\" may not publish catalogs to other organizations.",
        org.name
    )))
}

pub(super) fn may_read(caller: &Caller) -> bool {
    caller.has(right::CATALOG_VIEW) || caller.has(right::TEMPLATE_VIEW)
}

/// Names `id` where access was refused to what it belongs to; other errors stay what they are.
fn hidden<K: Entity>(id: Id<K>) -> impl FnOnce(Error) -> Error {
    move |error| match error.kind() {
        ErrorKind::Forbidden => Error::no_access(id),
        _ => error,
    }
}

/// The catalog, if the caller sees it: the organization's own, or one that is published.
pub(super) async fn visible_catalog(
    tx: &mut Tx,
    caller: &Caller,
    id: Id<Catalog>,
) -> Result<Catalog> {
    seen_catalog(caller, id, tx.get(id).await?)
}

/// The same for a row that was read.
fn seen_catalog(caller: &Caller, id: Id<Catalog>, row: Option<Catalog>) -> Result<Catalog> {
    let catalog = found(row, id)?;
    let readable = catalog.readers.as_ref().is_none_or(|readers| readers.contains(&caller.org));
    let published = catalog.published && readable && caller.has(right::CATALOG_VIEW_PUBLISHED);
    let visible = (caller.sees_org(catalog.org) || published) && may_read(caller);
    if visible { Ok(catalog) } else { Err(Error::no_access(id)) }
}

/// The catalog, if it is of an organization that the caller acts for.
async fn own_catalog(tx: &mut Tx, caller: &Caller, id: Id<Catalog>) -> Result<Catalog> {
    let catalog = visible_catalog(tx, caller, id).await?;
    if caller.sees_org(catalog.org) { Ok(catalog) } else { Err(Error::no_access(id)) }
}

/// The template with its catalog, if the caller sees it.
pub(super) async fn visible_template(
    tx: &mut Tx,
    caller: &Caller,
    id: Id<Template>,
) -> Result<(Template, Catalog)> {
    let template = found(tx.get(id).await?, id)?;
    let catalog = visible_catalog(tx, caller, template.catalog).await.map_err(hidden(id))?;
    Ok((template, catalog))
}

/// The template that has this VM, if the caller sees it.
pub(super) async fn template_of_vm(
    tx: &mut Tx,
    caller: &Caller,
    id: Id<TemplateVm>,
) -> Result<Template> {
    let template = tx.find::<Template>(&[By::TemplateVm(id)]).await?;
    let template = template.ok_or_else(|| Error::no_access(id))?;
    visible_catalog(tx, caller, template.catalog).await.map_err(hidden(id))?;
    Ok(template)
}

/// The same for rows that were read.
pub(super) fn seen_template_of_vm(
    caller: &Caller,
    id: Id<TemplateVm>,
    template: Option<Template>,
    catalog: Option<Catalog>,
) -> Result<Template> {
    let template = template.ok_or_else(|| Error::no_access(id))?;
    seen_catalog(caller, template.catalog, catalog).map_err(hidden(id))?;
    Ok(template)
}
