//! Who an object is shared with.

use poem_openapi::{OpenApi, param::Path};
use ssvirt_core::{Id, model::VApp};
use ssvirt_vcd::types;

use super::Answer;
use crate::{context::Ctx, wire::Vcd};

pub struct AccessApi;

#[OpenApi(tag = "super::Tag::Access")]
impl AccessApi {
    /// Who sees a vApp: its owner, and administrators
    #[oai(
        path = "/api/vApp/:id/controlAccess",
        method = "get",
        operation_id = "getVAppControlAccess"
    )]
    async fn vapp(&self, ctx: Ctx, id: Path<String>) -> Answer<types::ControlAccessParams> {
        ctx.cloud.vapp(&ctx.caller, Id::<VApp>::parse(&id)?).await?;
        Ok(Vcd(types::ControlAccessParams { is_shared_to_everyone: false, ..Default::default() }))
    }

    /// Who sees a catalog: everyone in its organization
    #[oai(
        path = "/api/catalog/:id/controlAccess",
        method = "get",
        operation_id = "getCatalogControlAccess"
    )]
    async fn catalog(&self, ctx: Ctx, id: Path<String>) -> Answer<types::ControlAccessParams> {
        ctx.cloud.catalog(&ctx.caller, Id::parse(&id)?).await?;
        Ok(Vcd(everyone()))
    }

    /// Who sees a VDC: everyone in its organization
    #[oai(
        path = "/api/vdc/:id/controlAccess",
        method = "get",
        operation_id = "getVdcControlAccess"
    )]
    async fn vdc(&self, ctx: Ctx, id: Path<String>) -> Answer<types::ControlAccessParams> {
        ctx.cloud.vdc(&ctx.caller, Id::parse(&id)?).await?;
        Ok(Vcd(everyone()))
    }
}

fn everyone() -> types::ControlAccessParams {
    types::ControlAccessParams {
        is_shared_to_everyone: true,
        everyone_access_level: Some("ReadOnly".to_owned()),
        access_settings: None,
    }
}
