//! `/cloudapi/1.0.0/catalogs`.

use poem_openapi::{Object, OpenApi, param::Path, param::Query, types::Example};
use serde::{Deserialize, Serialize};
use ssvirt_core::{
    Id, model,
    query::{Row, Subject},
    service::{CatalogChange, NewCatalog},
};

use super::{
    EntityRef, Headers, Kind,
    answer::{Answered, Given, Made, Started, change_error},
    list::{self, Cells, List, Listing, page_of, same},
    reference, removal,
};
use crate::{context::Ctx, error::VcdError};

pub struct CatalogsApi;

/// A catalog.
#[serde_with::skip_serializing_none]
#[derive(Default, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", example, skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Catalog {
    /// The URN.
    id: Option<String>,
    /// The name.
    #[oai(validator(min_length = 1, max_length = 128))]
    name: Option<String>,
    /// Free text.
    description: Option<String>,
    /// Its organization.
    org: Option<EntityRef>,
    /// The organization of a new one; the caller's unless said.
    #[oai(write_only)]
    #[serde(skip_serializing)]
    org_id: Option<String>,
    /// Whether other organizations may read it.
    is_published: Option<bool>,
    /// Whether it is a copy of another's.
    is_subscribed: Option<bool>,
    /// Whether it is kept here.
    is_local: Option<bool>,
    /// When it was made.
    creation_date: Option<String>,
    /// vApp templates in it.
    #[oai(rename = "numberOfVAppTemplates")]
    #[serde(rename = "numberOfVAppTemplates")]
    number_of_vapp_templates: Option<i64>,
    /// Media in it.
    number_of_media: Option<i64>,
    /// Who owns it.
    owner: Option<EntityRef>,
    /// Raised with every change of its items.
    version: Option<i64>,
}

impl Example for Catalog {
    fn example() -> Self {
        Self {
            name: Some("images".to_owned()),
            description: Some("What machines are made from".to_owned()),
            is_published: Some(false),
            ..Self::default()
        }
    }
}

page_of! {
    /// A page of catalogs.
    Catalogs(Catalog)
}

const LIST: List = List {
    model: "Catalogs",
    subject: Subject::Catalog,
    names: &[
        ("id", "id"),
        ("name", "name"),
        ("description", "description"),
        ("org.id", "org"),
        ("org.name", "orgName"),
        ("isPublished", "isPublished"),
        ("isLocal", "isLocal"),
        ("creationDate", "creationDate"),
        ("numberOfVAppTemplates", "numberOfVAppTemplates"),
        ("numberOfMedia", "numberOfMedia"),
        ("owner.id", "owner"),
        ("owner.name", "ownerName"),
        ("version", "version"),
    ],
    wanted: &[
        "name",
        "description",
        "org",
        "orgName",
        "isPublished",
        "isLocal",
        "creationDate",
        "numberOfVAppTemplates",
        "numberOfMedia",
        "owner",
        "ownerName",
        "version",
        "objectVersion",
    ],
    search: &["name", "description"],
    order: "name",
    value: same,
};

/// A catalog, and the version of its row.
fn view(row: Row) -> (Catalog, i64) {
    let mut cells = Cells::of(row);
    let catalog = Catalog {
        id: Some(cells.urn(Kind::Catalog)),
        name: Some(cells.text()),
        description: Some(cells.text()),
        org: reference(cells.reference(Kind::Org), cells.some_text()),
        org_id: None,
        is_published: Some(cells.flag()),
        is_local: Some(cells.flag()),
        is_subscribed: Some(false),
        creation_date: Some(cells.time()),
        number_of_vapp_templates: Some(cells.int()),
        number_of_media: Some(cells.int()),
        owner: reference(cells.reference(Kind::User), cells.some_text()),
        version: Some(cells.int()),
    };
    (catalog, cells.int())
}

async fn show<const STATUS: u16>(
    ctx: &Ctx,
    id: Id<model::Catalog>,
) -> Result<Answered<Catalog, STATUS>, VcdError> {
    let (catalog, version) = view(list::one(ctx, &LIST, id.uuid()).await?);
    Ok(Answered::new(catalog).tagged(version))
}

async fn change(
    ctx: &Ctx,
    id: &str,
    headers: &Headers,
    catalog: Catalog,
) -> Result<Answered<Catalog>, VcdError> {
    let id = Id::parse(id)?;
    let version = headers.if_match()?;
    let change = CatalogChange {
        name: catalog.name,
        description: catalog.description,
        published: catalog.is_published,
        version,
    };
    ctx.cloud.change_catalog(&ctx.caller, id, change).await.map_err(change_error(version))?;
    show(ctx, id).await
}

#[OpenApi(tag = "crate::api::Tag::Catalogs")]
impl CatalogsApi {
    /// The catalogs that the caller sees
    #[oai(path = "/cloudapi/1.0.0/catalogs", method = "get", operation_id = "queryCatalogs")]
    async fn list(&self, ctx: Ctx, listing: Listing) -> Result<Answered<Catalogs>, VcdError> {
        let page = list::page(&ctx, &LIST, listing, None).await?;
        Ok(Catalogs::answer(page.map(|row| view(row).0)))
    }

    /// Make a catalog
    #[oai(path = "/cloudapi/1.0.0/catalogs", method = "post", operation_id = "createCatalog")]
    async fn create(&self, ctx: Ctx, body: Given<Catalog>) -> Result<Made<Catalog>, VcdError> {
        let catalog = body.0;
        let given = catalog.org_id.as_deref().filter(|id| !id.is_empty());
        let org = match (given, &catalog.org) {
            (Some(id), _) => Some(Id::parse(id)?),
            (None, Some(org)) => org.id()?,
            (None, None) => None,
        };
        let new = NewCatalog {
            name: catalog.name.unwrap_or_default(),
            description: catalog.description.unwrap_or_default(),
            published: catalog.is_published.unwrap_or(false),
        };
        let org = org.unwrap_or(ctx.caller.acting_org());
        let catalog = ctx.cloud.create_catalog(&ctx.caller, org, new).await?;
        show(&ctx, catalog.id).await
    }

    /// A catalog
    #[oai(
        path = "/cloudapi/1.0.0/catalogs/:id",
        method = "get",
        operation_id = "getCloudApiCatalog"
    )]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Result<Answered<Catalog>, VcdError> {
        show(&ctx, Id::parse(&id)?).await
    }

    /// Change a catalog; what is left out stays
    #[oai(path = "/cloudapi/1.0.0/catalogs/:id", method = "put", operation_id = "updateCatalog")]
    async fn put(
        &self,
        ctx: Ctx,
        id: Path<String>,
        headers: Headers,
        body: Given<Catalog>,
    ) -> Result<Answered<Catalog>, VcdError> {
        change(&ctx, &id, &headers, body.0).await
    }

    /// Change some of a catalog
    #[oai(path = "/cloudapi/1.0.0/catalogs/:id", method = "patch", operation_id = "patchCatalog")]
    async fn patch(
        &self,
        ctx: Ctx,
        id: Path<String>,
        headers: Headers,
        body: Given<Catalog>,
    ) -> Result<Answered<Catalog>, VcdError> {
        change(&ctx, &id, &headers, body.0).await
    }

    /// Delete a catalog
    ///
    /// One with items of its own only with `recursive=true` or `force=true`.
    #[oai(path = "/cloudapi/1.0.0/catalogs/:id", method = "delete", operation_id = "deleteCatalog")]
    async fn delete(
        &self,
        ctx: Ctx,
        id: Path<String>,
        recursive: Query<Option<String>>,
        force: Query<Option<String>>,
    ) -> Result<Started, VcdError> {
        let removal = removal(recursive.0, force.0);
        let task = ctx.cloud.delete_catalog(&ctx.caller, Id::parse(&id)?, removal).await?;
        Ok(Started::new(&ctx, &task))
    }
}
