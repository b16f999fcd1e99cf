//! `/cloudapi/1.0.0/roles`.

use poem_openapi::{Object, OpenApi, param::Path};
use serde::Serialize;
use ssvirt_core::{
    Id,
    query::{Row, Subject},
    rights,
};

use super::{
    Kind,
    answer::Answered,
    list::{self, Cells, List, Listing, page_of, same},
    right::{self, Rights},
};
use crate::{context::Ctx, error::VcdError};

pub struct RolesApi;

/// A role.
#[serde_with::skip_serializing_none]
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// The name.
    name: String,
    /// The URN.
    id: String,
    /// Free text.
    description: String,
    /// The key of a standard role's translated name.
    bundle_key: Option<String>,
    /// Whether it cannot be changed.
    read_only: bool,
}

page_of! {
    /// A page of roles.
    Roles(Role)
}

const LIST: List = List {
    model: "Roles",
    subject: Subject::Role,
    names: &[
        ("id", "id"),
        ("name", "name"),
        ("description", "description"),
        ("readOnly", "isReadOnly"),
    ],
    wanted: &["name", "description", "isReadOnly"],
    search: &["name", "description"],
    order: "name",
    value: same,
};

fn view(row: Row) -> Role {
    let mut cells = Cells::of(row);
    let (id, name) = (cells.urn(Kind::Role), cells.text());
    // Only the standard roles have names that are translated.
    let standard = rights::role_id(&name).urn() == id;
    let bundle_key = rights::bundle_key(&name).filter(|_| standard).map(str::to_owned);
    Role { name, id, description: cells.text(), bundle_key, read_only: cells.flag() }
}

#[OpenApi(tag = "crate::api::Tag::Users")]
impl RolesApi {
    /// The roles that users can have
    #[oai(path = "/cloudapi/1.0.0/roles", method = "get", operation_id = "queryRoles")]
    async fn list(&self, ctx: Ctx, listing: Listing) -> Result<Answered<Roles>, VcdError> {
        Ok(Roles::answer(list::page(&ctx, &LIST, listing, None).await?.map(view)))
    }

    /// A role
    #[oai(path = "/cloudapi/1.0.0/roles/:id", method = "get", operation_id = "getCloudApiRole")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Result<Answered<Role>, VcdError> {
        let id = Id::<ssvirt_core::model::Role>::parse(&id)?;
        Ok(Answered::new(view(list::one(&ctx, &LIST, id.uuid()).await?)))
    }

    /// The rights of a role
    #[oai(
        path = "/cloudapi/1.0.0/roles/:id/rights",
        method = "get",
        operation_id = "queryRoleRights"
    )]
    async fn rights(
        &self,
        ctx: Ctx,
        id: Path<String>,
        listing: Listing,
    ) -> Result<Answered<Rights>, VcdError> {
        let role = ctx.cloud.role(&ctx.caller, Id::parse(&id)?).await?;
        // All there are, where the role has all.
        let all = role.id == rights::role_id(rights::role::SYSTEM_ADMINISTRATOR);
        let has = |name: &str| all || role.rights.iter().any(|right| right == name);
        let names = rights::TENANT.iter().copied().filter(|name| has(name));
        let view = |name| right::view(rights::id(name).urn(), name);
        Ok(Rights::answer(list::paged(&ctx, "Rights", listing, names, view)?))
    }
}
