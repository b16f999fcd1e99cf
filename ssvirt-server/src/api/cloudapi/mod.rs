//! `/cloudapi` and the other routes in JSON that the web console uses. One file a resource: what it looks
//! like, the list it is a row of, its routes.

pub mod answer;
mod catalog;
mod instantiate;
mod item;
mod json;
pub mod list;
mod org;
mod policy;
mod profile;
mod right;
mod role;
mod user;
mod vapp;
mod vdc;
mod vm;

use poem::http::HeaderMap;
use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use ssvirt_core::{
    Id,
    id::{Entity, EntityKind},
};

use crate::error::VcdError;

/// All of them.
pub type Apis = (
    org::OrgsApi,
    user::UsersApi,
    role::RolesApi,
    right::RightsApi,
    vdc::VdcsApi,
    catalog::CatalogsApi,
    item::CatalogItemsApi,
    vapp::VAppsApi,
    vm::VmsApi,
    instantiate::InstantiateApi,
    profile::ProfileApi,
    policy::CloudApi,
);

/// All of them.
pub const fn apis() -> Apis {
    (
        org::OrgsApi,
        user::UsersApi,
        role::RolesApi,
        right::RightsApi,
        vdc::VdcsApi,
        catalog::CatalogsApi,
        item::CatalogItemsApi,
        vapp::VAppsApi,
        vm::VmsApi,
        instantiate::InstantiateApi,
        profile::ProfileApi,
        policy::CloudApi,
    )
}

/// A reference to an object: clients name it by its id, its name, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Object, Serialize, Deserialize)]
#[oai(skip_serializing_if_is_none)]
#[serde(default)]
pub struct EntityRef {
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The URN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl EntityRef {
    /// A reference to something that has both.
    pub fn new(name: impl Into<String>, id: impl Into<String>) -> Self {
        Self { name: Some(name.into()), id: Some(id.into()) }
    }

    /// The id, if one is given.
    ///
    /// # Errors
    /// 400 for one of another kind.
    pub fn id<K: Entity>(&self) -> Result<Option<Id<K>>, VcdError> {
        let given = self.id.as_deref().filter(|id| !id.is_empty());
        Ok(given.map(Id::parse).transpose()?)
    }
}

/// A reference by id and name, where the query service has both.
fn reference(id: Option<String>, name: Option<String>) -> Option<EntityRef> {
    id.map(|id| EntityRef { name, id: Some(id) })
}

/// Reads `?recursive=` and `?force=` as VCD does: what is not `true` is not said.
fn removal(recursive: Option<String>, force: Option<String>) -> ssvirt_core::service::Removal {
    let says = |flag: Option<String>| flag.is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
    ssvirt_core::service::Removal { recursive: says(recursive), force: says(force), enabled: false }
}

/// The headers of a request, for handlers that look at some.
pub struct Headers(HeaderMap);

impl<'a> poem::FromRequest<'a> for Headers {
    async fn from_request(
        request: &'a poem::Request,
        _body: &mut poem::RequestBody,
    ) -> poem::Result<Self> {
        Ok(Self(request.headers().clone()))
    }
}

impl Headers {
    /// The version in `If-Match`.
    fn if_match(&self) -> Result<Option<i64>, VcdError> {
        answer::if_match(&self.0)
    }
}

/// VCD's status of a vApp or VM, with the words that the web console knows for one that is being made or
/// could not be.
fn status_name(code: i64) -> &'static str {
    use ssvirt_core::status::Status;
    let status = i32::try_from(code).ok().and_then(Status::from_code).unwrap_or(Status::Unknown);
    match status {
        Status::Unresolved => "INSTANTIATING",
        Status::FailedCreation => "FAILED",
        other => other.name(),
    }
}

/// The other way round, for filters.
fn status_value(field: &str, value: &str) -> Option<String> {
    match (field, value) {
        ("status", "INSTANTIATING") => Some("UNRESOLVED".to_owned()),
        ("status", "FAILED") => Some("FAILED_CREATION".to_owned()),
        _ => None,
    }
}

/// The kinds of ids, under a short name.
use EntityKind as Kind;
