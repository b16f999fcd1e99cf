//! `/cloudapi/1.0.0/rights` and `rightsCategories`.

use poem_openapi::{Object, OpenApi, param::Path};
use serde::Serialize;
use ssvirt_core::{Error, Id, model, query::Subject, rights};

use super::{
    Kind,
    answer::Answered,
    list::{self, Cells, List, Listing, page_of, same},
};
use crate::{context::Ctx, error::VcdError};

pub struct RightsApi;

/// A right.
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Right {
    /// The name.
    name: String,
    /// The URN.
    id: String,
    /// The URN of its category.
    category: String,
    /// Whose it is.
    service_namespace: String,
    /// `VIEW` or `MODIFY`.
    right_type: String,
}

page_of! {
    /// A page of rights.
    Rights(Right)
}

/// A category of rights.
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct RightsCategory {
    /// The name.
    name: String,
    /// The key for its translated name.
    bundle_key: String,
    /// The URN.
    id: String,
}

page_of! {
    /// A page of categories.
    RightsCategories(RightsCategory)
}

const LIST: List = List {
    model: "Rights",
    subject: Subject::Right,
    names: &[("id", "id"), ("name", "name")],
    wanted: &["name"],
    search: &["name"],
    order: "name",
    value: same,
};

/// A right as clients see it.
pub fn view(id: String, name: &str) -> Right {
    let looks = name.contains("View") || name.contains("view");
    Right {
        name: name.to_owned(),
        id,
        category: rights::category_id(rights::category(name)).urn(),
        service_namespace: "com.vmware.vcloud".to_owned(),
        right_type: if looks { "VIEW" } else { "MODIFY" }.to_owned(),
    }
}

fn category(name: &str) -> RightsCategory {
    RightsCategory {
        name: name.to_owned(),
        bundle_key: rights::category_key(name),
        id: rights::category_id(name).urn(),
    }
}

#[OpenApi(tag = "crate::api::Tag::Users")]
impl RightsApi {
    /// The rights that roles can have
    #[oai(path = "/cloudapi/1.0.0/rights", method = "get", operation_id = "queryRights")]
    async fn list(&self, ctx: Ctx, listing: Listing) -> Result<Answered<Rights>, VcdError> {
        let page = list::page(&ctx, &LIST, listing, None).await?;
        Ok(Rights::answer(page.map(|row| {
            let mut cells = Cells::of(row);
            view(cells.urn(Kind::Right), &cells.text())
        })))
    }

    /// A right
    #[oai(path = "/cloudapi/1.0.0/rights/:id", method = "get", operation_id = "getCloudApiRight")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Result<Answered<Right>, VcdError> {
        let id = Id::<model::Right>::parse(&id)?;
        let mut cells = Cells::of(list::one(&ctx, &LIST, id.uuid()).await?);
        Ok(Answered::new(view(id.urn(), &cells.text())))
    }

    /// The categories that rights are in
    #[oai(
        path = "/cloudapi/1.0.0/rightsCategories",
        method = "get",
        operation_id = "queryRightsCategories"
    )]
    async fn categories(
        &self,
        ctx: Ctx,
        listing: Listing,
    ) -> Result<Answered<RightsCategories>, VcdError> {
        let all = rights::CATEGORIES.iter().copied();
        let page = list::paged(&ctx, "RightsCategories", listing, all, category)?;
        Ok(RightsCategories::answer(page))
    }

    /// A category
    #[oai(
        path = "/cloudapi/1.0.0/rightsCategories/:id",
        method = "get",
        operation_id = "getRightsCategory"
    )]
    async fn category(
        &self,
        _ctx: Ctx,
        id: Path<String>,
    ) -> Result<Answered<RightsCategory>, VcdError> {
        let id = Id::<model::RightsCategory>::parse(&id)?;
        let known = rights::CATEGORIES.iter().find(|name| rights::category_id(name) == id);
        let name = known.ok_or_else(|| Error::no_access(id))?;
        Ok(Answered::new(category(name)))
    }
}
