//! Catalogs and catalog items.

use poem_openapi::{OpenApi, param::Path};
use ssvirt_core::{
    Id,
    model::{Catalog, CatalogItem},
    service::CatalogContents,
};
use ssvirt_vcd::{link::rel, mt, types};

use super::{Answer, view};
use crate::{
    context::Ctx,
    links::{link, reference},
    wire::Vcd,
};

pub struct CatalogApi;

#[OpenApi(tag = "super::Tag::Catalogs")]
impl CatalogApi {
    /// A catalog
    #[oai(path = "/api/catalog/:id", method = "get", operation_id = "getCatalog")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Answer<types::Catalog> {
        let contents = ctx.cloud.catalog(&ctx.caller, Id::parse(&id)?).await?;
        Ok(Vcd(catalog_view(&ctx, &contents, false)))
    }

    /// A catalog, as an administrator sees it
    #[oai(path = "/api/admin/catalog/:id", method = "get", operation_id = "getAdminCatalog")]
    async fn get_admin(&self, ctx: Ctx, id: Path<String>) -> Answer<types::AdminCatalog> {
        let contents = ctx.cloud.catalog(&ctx.caller, Id::parse(&id)?).await?;
        let catalog = catalog_view(&ctx, &contents, true);
        Ok(Vcd(types::AdminCatalog { catalog, catalog_storage_profiles: None }))
    }

    /// A catalog item
    #[oai(path = "/api/catalogItem/:id", method = "get", operation_id = "getCatalogItem")]
    async fn item(&self, ctx: Ctx, id: Path<String>) -> Answer<types::CatalogItem> {
        let (item, catalog) = ctx.cloud.catalog_item(&ctx.caller, Id::parse(&id)?).await?;
        Ok(Vcd(item_view(&ctx, &item, &catalog)))
    }
}

fn catalog_view(ctx: &Ctx, contents: &CatalogContents, admin: bool) -> types::Catalog {
    let (catalog, links) = (&contents.catalog, &ctx.links);
    let tenant = links.catalog(catalog.id);
    let (href, media) = if admin {
        (links.admin_catalog(catalog.id), mt::ADMIN_CATALOG)
    } else {
        (tenant.clone(), mt::CATALOG)
    };
    let mut entity =
        view::entity(&catalog.name, catalog.id.any(), href, media, &catalog.description);
    entity.link = vec![
        if admin {
            link(rel::UP, links.admin_org(catalog.org), mt::ADMIN_ORG)
        } else {
            link(rel::UP, links.org(catalog.org), mt::ORG)
        },
        if admin {
            link(rel::ALTERNATE, tenant.clone(), mt::CATALOG)
        } else {
            link(rel::ALTERNATE, links.admin_catalog(catalog.id), mt::ADMIN_CATALOG)
        },
        link(rel::DOWN, format!("{tenant}/metadata"), mt::METADATA),
        link(rel::DOWN, format!("{tenant}/controlAccess"), mt::CONTROL_ACCESS),
    ];
    let item = |item: &CatalogItem| {
        reference(links.catalog_item(item.id), item.id.urn(), &item.name, mt::CATALOG_ITEM)
    };
    types::Catalog {
        entity,
        owner: Some(view::owner(
            ctx,
            catalog.owner,
            contents.owner.as_ref().map(|user| user.name.as_str()),
        )),
        catalog_items: Some(types::CatalogItems {
            catalog_item: contents.items.iter().map(item).collect(),
        }),
        is_published: Some(catalog.published),
        date_created: Some(view::time(catalog.created)),
        version_number: Some(catalog.revision),
    }
}

fn item_view(ctx: &Ctx, item: &CatalogItem, catalog: &Catalog) -> types::CatalogItem {
    let links = &ctx.links;
    let href = links.catalog_item(item.id);
    let mut base =
        view::entity(&item.name, item.id.any(), href.clone(), mt::CATALOG_ITEM, &item.description);
    base.link = vec![
        link(rel::UP, links.catalog(catalog.id), mt::CATALOG),
        link(rel::DOWN, format!("{href}/metadata"), mt::METADATA),
    ];
    types::CatalogItem {
        base,
        size: Some(0),
        entity: reference(
            links.template(item.template),
            item.template.urn(),
            &item.name,
            mt::VAPP_TEMPLATE,
        ),
        property: Vec::new(),
        date_created: Some(view::time(item.created)),
        version_number: Some(1),
    }
}
