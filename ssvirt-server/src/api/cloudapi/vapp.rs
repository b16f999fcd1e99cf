//! `/cloudapi/1.0.0/vapps`, and the vApps of a VDC.

use poem_openapi::{Object, OpenApi, param::Path, param::Query};
use serde::Serialize;
use ssvirt_core::{
    Id,
    filter::Filter,
    model,
    query::{Row, Subject},
    service::Deletion,
};

use super::{
    EntityRef, Kind,
    answer::{Answered, Started},
    list::{self, Cells, List, Listing, is, page_of},
    reference, status_name, status_value, vm,
};
use crate::{context::Ctx, error::VcdError};

pub struct VAppsApi;

/// A vApp.
#[serde_with::skip_serializing_none]
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct VApp {
    /// The URN.
    id: String,
    /// The name.
    name: String,
    /// Free text.
    description: String,
    /// VCD's status, `INSTANTIATING` while it is made, `FAILED` if it could not be.
    status: String,
    /// The VDC's URN.
    vdc_id: Option<String>,
    /// The VDC.
    vdc: Option<EntityRef>,
    /// The organization.
    org: Option<EntityRef>,
    /// Who owns it.
    owner: Option<EntityRef>,
    /// When it was made.
    created_at: String,
    /// When it was last changed.
    updated_at: String,
    /// Whether it holds resources.
    is_deployed: bool,
    /// Its VMs.
    #[oai(rename = "numberOfVMs")]
    #[serde(rename = "numberOfVMs")]
    number_of_vms: i64,
    /// Its VMs.
    vms: Vec<VmRef>,
    /// Where `/api` has it.
    href: String,
}

/// A VM of a vApp.
#[derive(Object, Serialize)]
pub struct VmRef {
    /// The URN.
    id: String,
    /// The name.
    name: String,
    /// VCD's status.
    status: String,
    /// Where `/api` has it.
    href: String,
}

page_of! {
    /// A page of vApps.
    VApps(VApp)
}

const LIST: List = List {
    model: "VApps",
    subject: Subject::VApp,
    names: &[
        ("id", "id"),
        ("name", "name"),
        ("description", "description"),
        ("status", "status"),
        ("vdcId", "vdc"),
        ("vdc.id", "vdc"),
        ("vdc.name", "vdcName"),
        ("org.id", "org"),
        ("owner.id", "owner"),
        ("owner.name", "ownerName"),
        ("createdAt", "creationDate"),
        ("updatedAt", "modificationDate"),
        ("isDeployed", "isDeployed"),
        ("numberOfVMs", "numberOfVMs"),
    ],
    wanted: &[
        "name",
        "description",
        "status",
        "vdc",
        "vdcName",
        "org",
        "orgName",
        "owner",
        "ownerName",
        "creationDate",
        "modificationDate",
        "isDeployed",
        "numberOfVMs",
    ],
    search: &["name", "description"],
    order: "name",
    value: status_value,
};

/// The VMs of vApps, as far as these show them.
const VMS: List = List { wanted: &["container", "name", "status"], ..vm::LIST };

/// A vApp without its VMs.
fn view(ctx: &Ctx, row: Row) -> VApp {
    let href = ctx.links.vapp(Id::new(row.id));
    let mut cells = Cells::of(row);
    let (id, name, description) = (cells.urn(Kind::VApp), cells.text(), cells.text());
    let status = status_name(cells.int()).to_owned();
    let vdc = reference(cells.reference(Kind::Vdc), cells.some_text());
    VApp {
        id,
        name,
        description,
        status,
        vdc_id: vdc.as_ref().and_then(|vdc| vdc.id.clone()),
        vdc,
        org: reference(cells.reference(Kind::Org), cells.some_text()),
        owner: reference(cells.reference(Kind::User), cells.some_text()),
        created_at: cells.time(),
        updated_at: cells.time(),
        is_deployed: cells.flag(),
        number_of_vms: cells.int(),
        vms: Vec::new(),
        href,
    }
}

/// Puts the VMs into vApps.
async fn with_vms<'a>(
    ctx: &Ctx,
    vapps: impl Iterator<Item = &'a mut VApp>,
) -> Result<(), VcdError> {
    let mut vapps: Vec<&mut VApp> = vapps.filter(|vapp| vapp.number_of_vms > 0).collect();
    if vapps.is_empty() {
        return Ok(());
    }
    let any = Filter::Or(vapps.iter().map(|vapp| is("container", &vapp.id)).collect());
    for row in list::all(ctx, &VMS, any).await? {
        let href = ctx.links.vm(Id::new(row.id));
        let mut cells = Cells::of(row);
        let (id, vapp) = (cells.urn(Kind::Vm), cells.reference(Kind::VApp));
        let vm =
            VmRef { id, name: cells.text(), status: status_name(cells.int()).to_owned(), href };
        if let Some(vapp) = vapps.iter_mut().find(|known| Some(&known.id) == vapp.as_ref()) {
            vapp.vms.push(vm);
        }
    }
    Ok(())
}

/// A vApp with its VMs.
pub async fn show(ctx: &Ctx, id: Id<model::VApp>) -> Result<VApp, VcdError> {
    let mut vapp = view(ctx, list::one(ctx, &LIST, id.uuid()).await?);
    with_vms(ctx, std::iter::once(&mut vapp)).await?;
    Ok(vapp)
}

async fn pages(
    ctx: &Ctx,
    listing: Listing,
    within: Option<Filter>,
) -> Result<Answered<VApps>, VcdError> {
    let mut page = list::page(ctx, &LIST, listing, within).await?.map(|row| view(ctx, row));
    with_vms(ctx, page.page.items.iter_mut()).await?;
    Ok(VApps::answer(page))
}

#[OpenApi(tag = "crate::api::Tag::VApps")]
impl VAppsApi {
    /// The vApps that the caller sees
    #[oai(path = "/cloudapi/1.0.0/vapps", method = "get", operation_id = "queryVApps")]
    async fn list(&self, ctx: Ctx, listing: Listing) -> Result<Answered<VApps>, VcdError> {
        pages(&ctx, listing, None).await
    }

    /// The vApps of a VDC that the caller sees
    #[oai(
        path = "/cloudapi/1.0.0/vdcs/:id/vapps",
        method = "get",
        operation_id = "queryCloudApiVAppsOfVdc"
    )]
    async fn of_vdc(
        &self,
        ctx: Ctx,
        id: Path<String>,
        listing: Listing,
    ) -> Result<Answered<VApps>, VcdError> {
        let id = Id::<model::Vdc>::parse(&id)?;
        let answer = pages(&ctx, listing, Some(is("vdc", id))).await?;
        if answer.body().is_empty() {
            // Rows there are only in a VDC that the caller sees.
            ctx.cloud.vdc(&ctx.caller, id).await?;
        }
        Ok(answer)
    }

    /// A vApp
    #[oai(path = "/cloudapi/1.0.0/vapps/:id", method = "get", operation_id = "getCloudApiVApp")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Result<Answered<VApp>, VcdError> {
        Ok(Answered::new(show(&ctx, Id::parse(&id)?).await?))
    }

    /// Delete a vApp with its VMs
    ///
    /// One whose VMs are not all off only with `force=true`.
    #[oai(
        path = "/cloudapi/1.0.0/vapps/:id",
        method = "delete",
        operation_id = "deleteCloudApiVApp"
    )]
    async fn delete(
        &self,
        ctx: Ctx,
        id: Path<String>,
        force: Query<Option<String>>,
    ) -> Result<Started, VcdError> {
        let forced = super::removal(None, force.0).force;
        // The web console has no way to undeploy.
        let deletion = if forced { Deletion::Forced } else { Deletion::Stopped };
        let task = ctx.cloud.delete_vapp(&ctx.caller, Id::parse(&id)?, deletion).await?;
        Ok(Started::new(&ctx, &task))
    }
}
