//! The entity resolver: from a URN to hrefs.

use poem_openapi::{OpenApi, param::Path};
use ssvirt_core::{
    Error,
    id::{EntityKind, Urn},
};
use ssvirt_vcd::{link::rel, mt, types};

use super::Answer;
use crate::{
    context::Ctx,
    error::VcdError,
    links::{link, media_of},
    wire::Vcd,
};

pub struct EntityApi;

#[OpenApi(tag = "super::Tag::Entities")]
impl EntityApi {
    /// The resolver itself: a URN belongs behind it
    #[oai(path = "/api/entity", method = "get", operation_id = "entityResolver")]
    async fn root(&self, _ctx: Ctx) -> Answer<types::Entity> {
        Err(VcdError::bad_request("Bad request: the URN of an entity belongs behind this path."))
    }

    /// The object that a URN names
    #[oai(path = "/api/entity/:urn", method = "get", operation_id = "resolveEntity")]
    async fn resolve(&self, ctx: Ctx, urn: Path<String>) -> Answer<types::Entity> {
        let urn = Urn::parse(&urn).ok_or_else(|| {
            VcdError::bad_request(format!("Bad request: \"{}\" is not a URN.", urn.0))
        })?;
        let found = ctx.cloud.resolve(&ctx.caller, urn).await?;
        let href = if found.in_template {
            Some(ctx.links.template_vm(ssvirt_core::Id::new(urn.uuid)))
        } else {
            ctx.links.entity(urn, false)
        };
        let href = href.ok_or_else(|| Error::no_access_to(urn))?;
        let media = if found.in_template {
            mt::VM
        } else {
            media_of(urn.kind, false).unwrap_or(mt::ENTITY)
        };
        let mut all = vec![link(rel::ALTERNATE, href, media)];
        let twin = matches!(
            urn.kind,
            EntityKind::Org | EntityKind::Vdc | EntityKind::Catalog | EntityKind::Network
        );
        if twin
            && let (Some(href), Some(media)) =
                (ctx.links.entity(urn, true), media_of(urn.kind, true))
        {
            all.push(link(rel::ALTERNATE, href, media));
        }
        Ok(Vcd(types::Entity {
            name: found.name,
            id: Some(urn.to_string()),
            href: Some(ctx.links.path(&format!("/api/entity/{urn}"))),
            r#type: Some(mt::ENTITY.to_owned()),
            link: all,
            ..types::Entity::default()
        }))
    }
}
