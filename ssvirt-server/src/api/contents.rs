//! What an object contains: the query service, limited to that object.
//!
//! A System Administrator gets the records in the tenant's form here, as everyone does; the `admin...`
//! types are asked for at `/api/query`.

use poem::Request;
use poem_openapi::{OpenApi, param::Path};
use ssvirt_core::{
    Id,
    model::{Catalog, Org, VApp, Vdc},
    query::{RecordType, Subject},
};

use super::query::{QueryAnswer, contents};
use crate::{context::Ctx, error::VcdError};

pub struct ContentsApi;

#[OpenApi(tag = "super::Tag::Queries")]
impl ContentsApi {
    /// Query the VDCs of an organization
    ///
    /// The query `orgVdc` with all its parameters but the type.
    #[oai(path = "/api/org/:id/vdcs/query", method = "get", operation_id = "queryVdcsOfOrg")]
    async fn vdcs(
        &self,
        ctx: Ctx,
        id: Path<String>,
        request: &Request,
    ) -> Result<QueryAnswer, VcdError> {
        let org = Id::<Org>::parse(&id)?.any();
        contents(&ctx, tenant(Subject::OrgVdc), org, "vdcs", request).await
    }

    /// Query the catalogs of an organization
    ///
    /// The query `catalog` with all its parameters but the type.
    #[oai(
        path = "/api/org/:id/catalogs/query",
        method = "get",
        operation_id = "queryCatalogsOfOrg"
    )]
    async fn catalogs(
        &self,
        ctx: Ctx,
        id: Path<String>,
        request: &Request,
    ) -> Result<QueryAnswer, VcdError> {
        let org = Id::<Org>::parse(&id)?.any();
        contents(&ctx, tenant(Subject::Catalog), org, "catalogs", request).await
    }

    /// Query the items of a catalog
    ///
    /// The query `catalogItem` with all its parameters but the type.
    #[oai(
        path = "/api/catalog/:id/catalogItems/query",
        method = "get",
        operation_id = "queryItemsOfCatalog"
    )]
    async fn items(
        &self,
        ctx: Ctx,
        id: Path<String>,
        request: &Request,
    ) -> Result<QueryAnswer, VcdError> {
        let catalog = Id::<Catalog>::parse(&id)?.any();
        contents(&ctx, tenant(Subject::CatalogItem), catalog, "catalogItems", request).await
    }

    /// Query the vApps of a VDC
    ///
    /// The query `vApp` with all its parameters but the type.
    #[oai(path = "/api/vdc/:id/vApps/query", method = "get", operation_id = "queryVAppsOfVdc")]
    async fn vapps(
        &self,
        ctx: Ctx,
        id: Path<String>,
        request: &Request,
    ) -> Result<QueryAnswer, VcdError> {
        let vdc = Id::<Vdc>::parse(&id)?.any();
        contents(&ctx, tenant(Subject::VApp), vdc, "vApps", request).await
    }

    /// Query the VMs of a vApp
    ///
    /// The query `vm` with all its parameters but the type.
    #[oai(path = "/api/vApp/:id/vms/query", method = "get", operation_id = "queryVmsOfVApp")]
    async fn vms(
        &self,
        ctx: Ctx,
        id: Path<String>,
        request: &Request,
    ) -> Result<QueryAnswer, VcdError> {
        let vapp = Id::<VApp>::parse(&id)?.any();
        contents(&ctx, tenant(Subject::Vm), vapp, "vms", request).await
    }
}

/// The tenant's form of a subject's records.
fn tenant(subject: Subject) -> RecordType {
    RecordType { subject, admin: false }
}
