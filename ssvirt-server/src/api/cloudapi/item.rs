//! `/cloudapi/1.0.0/catalogs/{id}/catalogItems`, and the same of all catalogs.

use poem_openapi::{Object, OpenApi, param::Path};
use serde::Serialize;
use ssvirt_core::{
    Error, Id, model,
    query::{Row, Subject},
};

use super::{
    EntityRef, Kind,
    answer::Answered,
    list::{self, Cells, List, Listing, is, page_of, same},
    reference,
};
use crate::{context::Ctx, error::VcdError};

pub struct CatalogItemsApi;

/// An item of a catalog: a vApp template.
#[serde_with::skip_serializing_none]
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct CatalogItem {
    /// The URN.
    id: String,
    /// The name.
    name: String,
    /// Free text.
    description: String,
    /// The catalog.
    catalog_entity_ref: Option<EntityRef>,
    /// The template.
    entity: ItemEntity,
    /// Whether it is a vApp template.
    is_vapp_template: bool,
    /// How far the template is, such as `RESOLVED`.
    status: String,
    /// Who owns it.
    owner: Option<EntityRef>,
    /// Whether other organizations may use it.
    is_published: bool,
    /// When it was made.
    creation_date: String,
    /// When it was last changed.
    modification_date: String,
    /// Raised with every change.
    version_number: i64,
    /// VMs of the template.
    #[oai(rename = "numberOfVMs")]
    #[serde(rename = "numberOfVMs")]
    number_of_vms: i64,
    /// The operating system of the template's first VM.
    #[oai(rename = "os_type")]
    #[serde(rename = "os_type")]
    os_type: String,
    /// vCPUs of the template.
    #[oai(rename = "cpu_count")]
    #[serde(rename = "cpu_count")]
    cpu_count: i64,
    /// Memory of the template in MiB.
    #[oai(rename = "memory_mb")]
    #[serde(rename = "memory_mb")]
    memory_mb: i64,
    /// Disks of the template in GiB, rounded up.
    #[oai(rename = "disk_size_gb")]
    #[serde(rename = "disk_size_gb")]
    disk_size_gb: i64,
    /// The catalog's URN.
    #[oai(rename = "catalog_id")]
    #[serde(rename = "catalog_id")]
    catalog_id: Option<String>,
}

/// What an item stands for.
#[serde_with::skip_serializing_none]
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ItemEntity {
    /// The template's name.
    name: String,
    /// The template's URN.
    id: Option<String>,
    /// Free text.
    description: String,
}

page_of! {
    /// A page of catalog items.
    CatalogItems(CatalogItem)
}

const LIST: List = List {
    model: "CatalogItems",
    subject: Subject::CatalogItem,
    names: &[
        ("id", "id"),
        ("name", "name"),
        ("description", "description"),
        ("catalogEntityRef.id", "catalog"),
        ("catalogEntityRef.name", "catalogName"),
        ("entity.name", "entityName"),
        ("status", "status"),
        ("owner.id", "owner"),
        ("owner.name", "ownerName"),
        ("isPublished", "isPublished"),
        ("creationDate", "creationDate"),
        ("modificationDate", "modificationDate"),
        ("versionNumber", "versionNumber"),
        ("numberOfVMs", "numberOfVMs"),
        ("os_type", "guestOs"),
        ("cpu_count", "numberOfCpus"),
        ("memory_mb", "memoryMB"),
    ],
    wanted: &[
        "name",
        "description",
        "catalog",
        "catalogName",
        "entity",
        "entityName",
        "status",
        "owner",
        "ownerName",
        "isPublished",
        "creationDate",
        "modificationDate",
        "versionNumber",
        "numberOfVMs",
        "guestOs",
        "numberOfCpus",
        "memoryMB",
        "storageMB",
    ],
    search: &["name", "description"],
    order: "name",
    value: same,
};

fn view(row: Row) -> CatalogItem {
    let mut cells = Cells::of(row);
    let (id, name, description) = (cells.urn(Kind::CatalogItem), cells.text(), cells.text());
    let catalog = reference(cells.reference(Kind::Catalog), cells.some_text());
    let (template, template_name) = (cells.reference(Kind::Template), cells.text());
    CatalogItem {
        id,
        name,
        catalog_id: catalog.as_ref().and_then(|catalog| catalog.id.clone()),
        catalog_entity_ref: catalog,
        entity: ItemEntity { name: template_name, id: template, description: description.clone() },
        description,
        is_vapp_template: true,
        status: cells.text(),
        owner: reference(cells.reference(Kind::User), cells.some_text()),
        is_published: cells.flag(),
        creation_date: cells.time(),
        modification_date: cells.time(),
        version_number: cells.int(),
        number_of_vms: cells.int(),
        os_type: cells.text(),
        cpu_count: cells.int(),
        memory_mb: cells.int(),
        disk_size_gb: (cells.int() + 1023) / 1024,
    }
}

/// The item that a path names, in this catalog if one is named too.
async fn show(
    ctx: &Ctx,
    catalog: Option<&str>,
    id: &str,
) -> Result<Answered<CatalogItem>, VcdError> {
    let id = Id::<model::CatalogItem>::parse(id)?;
    let item = view(list::one(ctx, &LIST, id.uuid()).await?);
    if let Some(catalog) = catalog {
        let catalog = Id::<model::Catalog>::parse(catalog)?;
        if item.catalog_id != Some(catalog.urn()) {
            return Err(Error::no_access(id).into());
        }
    }
    Ok(Answered::new(item))
}

#[OpenApi(tag = "crate::api::Tag::Catalogs")]
impl CatalogItemsApi {
    /// The items of a catalog
    #[oai(
        path = "/cloudapi/1.0.0/catalogs/:id/catalogItems",
        method = "get",
        operation_id = "queryCatalogItemsOfCatalog"
    )]
    async fn of_catalog(
        &self,
        ctx: Ctx,
        id: Path<String>,
        listing: Listing,
    ) -> Result<Answered<CatalogItems>, VcdError> {
        let id = Id::<model::Catalog>::parse(&id)?;
        ctx.cloud.find_catalog(&ctx.caller, id).await?;
        let page = list::page(&ctx, &LIST, listing, Some(is("catalog", id))).await?;
        Ok(CatalogItems::answer(page.map(view)))
    }

    /// An item of a catalog
    #[oai(
        path = "/cloudapi/1.0.0/catalogs/:id/catalogItems/:item",
        method = "get",
        operation_id = "getCatalogItemOfCatalog"
    )]
    async fn get_of_catalog(
        &self,
        ctx: Ctx,
        id: Path<String>,
        item: Path<String>,
    ) -> Result<Answered<CatalogItem>, VcdError> {
        show(&ctx, Some(&id), &item).await
    }

    /// The items of all catalogs that the caller sees
    #[oai(
        path = "/cloudapi/1.0.0/catalogItems",
        method = "get",
        operation_id = "queryCatalogItems"
    )]
    async fn list(&self, ctx: Ctx, listing: Listing) -> Result<Answered<CatalogItems>, VcdError> {
        Ok(CatalogItems::answer(list::page(&ctx, &LIST, listing, None).await?.map(view)))
    }

    /// A catalog item
    #[oai(
        path = "/cloudapi/1.0.0/catalogItems/:id",
        method = "get",
        operation_id = "getCloudApiCatalogItem"
    )]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Result<Answered<CatalogItem>, VcdError> {
        show(&ctx, None, &id).await
    }
}
