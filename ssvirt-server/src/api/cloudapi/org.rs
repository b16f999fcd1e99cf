//! `/cloudapi/1.0.0/orgs`.

use poem_openapi::{Object, OpenApi, param::Path, param::Query, types::Example};
use serde::{Deserialize, Serialize};
use ssvirt_core::{
    Id, model,
    query::{Row, Subject},
    service::{NewOrg, OrgChange},
};

use super::{
    EntityRef, Headers, Kind,
    answer::{Answered, Given, Made, Started, change_error},
    list::{self, Cells, List, Listing, page_of, same},
    removal,
};
use crate::{context::Ctx, error::VcdError};

pub struct OrgsApi;

/// An organization.
#[serde_with::skip_serializing_none]
#[derive(Default, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", example, skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Org {
    /// The URN.
    id: Option<String>,
    /// The name in URLs and logins.
    #[oai(validator(max_length = 128, pattern = r"^[a-zA-Z0-9_\-.!'(),$]+$"))]
    name: Option<String>,
    /// The name for people.
    #[oai(validator(max_length = 128))]
    display_name: Option<String>,
    /// Free text.
    #[oai(validator(max_length = 256))]
    description: Option<String>,
    /// Whether its users may log in.
    is_enabled: Option<bool>,
    /// VDCs.
    org_vdc_count: Option<i64>,
    /// Catalogs.
    catalog_count: Option<i64>,
    /// vApps.
    vapp_count: Option<i64>,
    /// VMs that run.
    #[oai(rename = "runningVMCount")]
    #[serde(rename = "runningVMCount")]
    running_vm_count: Option<i64>,
    /// Users.
    user_count: Option<i64>,
    /// Independent disks.
    disk_count: Option<i64>,
    /// Whether it may publish catalogs to other organizations.
    can_publish: Option<bool>,
    /// Whether it manages other organizations.
    can_manage_orgs: Option<bool>,
    /// Who manages it.
    managed_by: Option<EntityRef>,
}

impl Example for Org {
    fn example() -> Self {
        Self {
            name: Some("acme".to_owned()),
            display_name: Some("Acme Corporation".to_owned()),
            description: Some("Makes everything".to_owned()),
            is_enabled: Some(true),
            can_publish: Some(false),
            ..Self::default()
        }
    }
}

page_of! {
    /// A page of organizations.
    Orgs(Org)
}

const LIST: List = List {
    model: "Orgs",
    subject: Subject::Organization,
    names: &[
        ("id", "id"),
        ("name", "name"),
        ("displayName", "displayName"),
        ("description", "description"),
        ("isEnabled", "isEnabled"),
        ("orgVdcCount", "numberOfVdcs"),
        ("catalogCount", "numberOfCatalogs"),
        ("vappCount", "numberOfVApps"),
        ("runningVMCount", "numberOfRunningVMs"),
        ("userCount", "numberOfUsers"),
        ("diskCount", "numberOfDisks"),
        ("canPublish", "canPublishCatalogs"),
    ],
    wanted: &[
        "name",
        "displayName",
        "description",
        "isEnabled",
        "numberOfVdcs",
        "numberOfCatalogs",
        "numberOfVApps",
        "numberOfRunningVMs",
        "numberOfUsers",
        "numberOfDisks",
        "canPublishCatalogs",
        "objectVersion",
    ],
    search: &["name", "displayName", "description"],
    order: "name",
    value: same,
};

/// An organization, and its version.
fn view(row: Row) -> (Org, i64) {
    let mut cells = Cells::of(row);
    let id = cells.urn(Kind::Org);
    let org = Org {
        can_manage_orgs: Some(id == model::Org::SYSTEM.urn()),
        managed_by: Some(EntityRef::new("System", model::Org::SYSTEM.urn())),
        id: Some(id),
        name: Some(cells.text()),
        display_name: Some(cells.text()),
        description: Some(cells.text()),
        is_enabled: Some(cells.flag()),
        org_vdc_count: Some(cells.int()),
        catalog_count: Some(cells.int()),
        vapp_count: Some(cells.int()),
        running_vm_count: Some(cells.int()),
        user_count: Some(cells.int()),
        disk_count: Some(cells.int()),
        can_publish: Some(cells.flag()),
    };
    (org, cells.int())
}

async fn show<const STATUS: u16>(
    ctx: &Ctx,
    id: Id<model::Org>,
) -> Result<Answered<Org, STATUS>, VcdError> {
    let (org, version) = view(list::one(ctx, &LIST, id.uuid()).await?);
    Ok(Answered::new(org).tagged(version))
}

async fn change(
    ctx: &Ctx,
    id: &str,
    headers: &Headers,
    org: Org,
) -> Result<Answered<Org>, VcdError> {
    let id = Id::parse(id)?;
    let version = headers.if_match()?;
    let change = OrgChange {
        name: org.name,
        full_name: org.display_name,
        description: org.description,
        enabled: org.is_enabled,
        can_publish: org.can_publish,
        version,
    };
    ctx.cloud.change_org(&ctx.caller, id, change).await.map_err(change_error(version))?;
    show(ctx, id).await
}

#[OpenApi(tag = "crate::api::Tag::Organizations")]
impl OrgsApi {
    /// The organizations that the caller sees
    #[oai(path = "/cloudapi/1.0.0/orgs", method = "get", operation_id = "queryOrgs")]
    async fn list(&self, ctx: Ctx, listing: Listing) -> Result<Answered<Orgs>, VcdError> {
        let page = list::page(&ctx, &LIST, listing, None).await?;
        Ok(Orgs::answer(page.map(|row| view(row).0)))
    }

    /// Make an organization
    #[oai(path = "/cloudapi/1.0.0/orgs", method = "post", operation_id = "createOrg")]
    async fn create(&self, ctx: Ctx, body: Given<Org>) -> Result<Made<Org>, VcdError> {
        let org = body.0;
        let name = org.name.unwrap_or_default();
        let new = NewOrg {
            full_name: org.display_name.unwrap_or_else(|| name.clone()),
            name,
            description: org.description.unwrap_or_default(),
            enabled: org.is_enabled.unwrap_or(false),
            can_publish: org.can_publish.unwrap_or(false),
            ..NewOrg::default()
        };
        let org = ctx.cloud.create_org(&ctx.caller, new).await?;
        show(&ctx, org.id).await
    }

    /// An organization
    #[oai(path = "/cloudapi/1.0.0/orgs/:id", method = "get", operation_id = "getCloudApiOrg")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Result<Answered<Org>, VcdError> {
        show(&ctx, Id::parse(&id)?).await
    }

    /// Change an organization; what is left out stays
    #[oai(path = "/cloudapi/1.0.0/orgs/:id", method = "put", operation_id = "updateOrg")]
    async fn put(
        &self,
        ctx: Ctx,
        id: Path<String>,
        headers: Headers,
        body: Given<Org>,
    ) -> Result<Answered<Org>, VcdError> {
        change(&ctx, &id, &headers, body.0).await
    }

    /// Change some of an organization
    #[oai(path = "/cloudapi/1.0.0/orgs/:id", method = "patch", operation_id = "patchOrg")]
    async fn patch(
        &self,
        ctx: Ctx,
        id: Path<String>,
        headers: Headers,
        body: Given<Org>,
    ) -> Result<Answered<Org>, VcdError> {
        change(&ctx, &id, &headers, body.0).await
    }

    /// Delete a disabled organization
    ///
    /// With `recursive=true` what is in it goes too, with `force=true` whatever its state.
    #[oai(path = "/cloudapi/1.0.0/orgs/:id", method = "delete", operation_id = "deleteOrg")]
    async fn delete(
        &self,
        ctx: Ctx,
        id: Path<String>,
        recursive: Query<Option<String>>,
        force: Query<Option<String>>,
    ) -> Result<Started, VcdError> {
        let removal = removal(recursive.0, force.0);
        let task = ctx.cloud.delete_org(&ctx.caller, Id::parse(&id)?, removal).await?;
        Ok(Started::new(&ctx, &task))
    }
}
