//! The query service for a caller.

use super::{Caller, Cloud};
use crate::{
    error::{Error, Result},
    filter::{Comparison, Filter, Op, Pattern},
    page::Page,
    query::{Query, RecordType, Row, Subject},
    rights::right,
};

impl Cloud {
    /// A page of the rows of a type that the caller sees.
    ///
    /// # Errors
    /// `BadRequest` for an unknown field; `Forbidden` for types that the caller may not ask for.
    pub async fn query(&self, caller: &Caller, mut query: Query) -> Result<Page<Row>> {
        if !may_query(caller, query.record) {
            return Err(Error::missing_right(right::ADMIN_QUERIES));
        }
        let hidden = unpublished(caller, query.record);
        query.filter = match (query.filter, hidden) {
            (Some(filter), Some(hidden)) => Some(Filter::And(vec![filter, hidden])),
            (filter, hidden) => filter.or(hidden),
        };
        self.glance().await?.query(caller.scope(), &query).await
    }
}

/// What keeps from a caller without the right to it what other organizations publish.
fn unpublished(caller: &Caller, record: RecordType) -> Option<Filter> {
    let shared = matches!(
        record.subject,
        Subject::Catalog | Subject::CatalogItem | Subject::VAppTemplate | Subject::Vm
    );
    let hidden = shared && !caller.has(right::CATALOG_VIEW_PUBLISHED);
    hidden.then(|| {
        Filter::Compare(Comparison {
            field: "org".to_owned(),
            op: Op::Eq,
            value: Pattern::from_pieces(vec![caller.acting_org().to_string()]),
        })
    })
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
