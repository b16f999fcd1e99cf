//! The query service for a caller.

use super::{Caller, Cloud};
use crate::{
    error::{Error, Result},
    filter::Filter,
    page::{Page, PageRequest},
    query::{Query, RecordType, Row, Subject},
    rights::right,
};

impl Cloud {
    /// A page of the rows of a type that the caller sees.
    ///
    /// # Errors
    /// `BadRequest` for an unknown field; `Forbidden` for types that the caller may not ask for.
    pub async fn query(
        &self,
        caller: &Caller,
        record: RecordType,
        filter: Option<Filter>,
        sort: Vec<(String, bool)>,
        page: PageRequest,
        modern_status: bool,
    ) -> Result<Page<Row>> {
        if !may_query(caller, record) {
            return Err(Error::missing_right(right::ADMIN_QUERIES));
        }
        let query = Query { record, scope: caller.scope(), filter, sort, page, modern_status };
        self.read().await?.query(&query).await
    }
}

/// Whether the caller may ask for this type at all.
pub fn may_query(caller: &Caller, record: RecordType) -> bool {
    if record.admin && !caller.is_provider() {
        return false;
    }
    match record.subject {
        Subject::User => caller.has(right::USER_VIEW),
        Subject::Catalog | Subject::CatalogItem | Subject::VAppTemplate | Subject::Media => {
            caller.has(right::CATALOG_VIEW) || caller.has(right::TEMPLATE_VIEW)
        }
        _ => true,
    }
}
