//! Organizations, as tenants see them.

use poem_openapi::{OpenApi, param::Path};
use ssvirt_core::{
    Id,
    model::{Org, Vdc},
    service::OrgContents,
    store::gather::Named,
};
use ssvirt_vcd::{link::rel, mt, types};

use super::{Answer, view};
use crate::{
    context::Ctx,
    links::{link, reference},
    wire::Vcd,
};

pub struct OrgApi;

#[OpenApi(tag = "super::Tag::Organizations")]
impl OrgApi {
    /// The organizations that the caller sees
    #[oai(path = "/api/org", method = "get", operation_id = "listOrgs")]
    async fn list(&self, ctx: Ctx) -> Answer<types::OrgList> {
        let orgs = ctx.cloud.orgs(&ctx.caller).await?;
        Ok(Vcd(types::OrgList {
            resource: types::Resource {
                href: Some(ctx.links.path("/api/org/")),
                r#type: Some(mt::ORG_LIST.to_owned()),
                link: Vec::new(),
            },
            org: orgs.iter().map(|org| view::org_reference(&ctx, org.id, &org.name)).collect(),
        }))
    }

    /// An organization
    #[oai(path = "/api/org/:id", method = "get", operation_id = "getOrg")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Answer<types::Org> {
        let id = Id::<Org>::parse(&id)?;
        let contents = ctx.cloud.org_contents(&ctx.caller, id).await?;
        Ok(Vcd(org_view(&ctx, &contents)))
    }
}

fn org_view(ctx: &Ctx, contents: &OrgContents) -> types::Org {
    let (org, links) = (&contents.org, &ctx.links);
    let mut entity =
        view::entity(&org.name, org.id.any(), links.org(org.id), mt::ORG, &org.description);
    let all = &mut entity.link;
    all.extend(contents.vdcs.iter().map(|vdc| {
        link(rel::DOWN, links.vdc(vdc.id), mt::VDC).named(&vdc.name).with_id(vdc.id.urn())
    }));
    all.push(link(rel::DOWN, links.tasks_list(org.id), mt::TASKS_LIST));
    all.extend(contents.catalogs.iter().map(|row| {
        link(rel::DOWN, links.catalog(row.id), mt::CATALOG).named(&row.name).with_id(row.id.urn())
    }));
    all.extend(contents.networks.iter().map(|row| {
        link(rel::DOWN, links.network(row.id), mt::ORG_NETWORK)
            .named(&row.name)
            .with_id(row.id.urn())
    }));
    for record in ["orgVdc", "catalog"] {
        all.push(link(
            rel::DOWN,
            links.path(&format!("/api/query?type={record}&format=records")),
            mt::QUERY_RECORDS,
        ));
    }
    all.push(link(rel::DOWN, format!("{}/metadata", links.org(org.id)), mt::METADATA));
    types::Org { entity, full_name: org.full_name.clone(), is_enabled: Some(org.enabled) }
}

/// References to VDCs.
pub fn vdc_references(ctx: &Ctx, vdcs: &[Named<Vdc>], admin: bool) -> Vec<types::Reference> {
    let one = |vdc: &Named<Vdc>| match admin {
        true => reference(ctx.links.admin_vdc(vdc.id), vdc.id.urn(), &vdc.name, mt::ADMIN_VDC),
        false => reference(ctx.links.vdc(vdc.id), vdc.id.urn(), &vdc.name, mt::VDC),
    };
    vdcs.iter().map(one).collect()
}
