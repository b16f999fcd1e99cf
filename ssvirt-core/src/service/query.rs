//! The query service for a caller.

use uuid::Uuid;

use super::{Caller, Cloud};
use crate::{
    error::{Error, Result},
    filter::{Comparison, Filter, Op, Pattern},
    id::Urn,
    model::Catalog,
    page::Page,
    query::{FieldKind, Query, RecordType, Row, Scope, Subject},
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

    /// What limits a query of a type to the rows that belong to one object, such as the vApps of a VDC.
    ///
    /// # Errors
    /// `Forbidden` for an object that the caller does not see; `BadRequest` for a type whose rows do not
    /// refer to objects of its kind.
    pub async fn within(&self, caller: &Caller, record: RecordType, parent: Urn) -> Result<Filter> {
        self.resolve(caller, parent).await?;
        let refers = |kind| kind == FieldKind::Ref(parent.kind);
        let field = record.fields().iter().find(|field| refers(field.kind)).ok_or_else(|| {
            let (name, kind) = (record.name(), parent.kind.label());
            Error::bad_request(format!("The type {name} has no {kind} to be limited to."))
        })?;
        Ok(Filter::Compare(Comparison {
            field: field.name.to_owned(),
            op: Op::Eq,
            value: Pattern::literal(parent.uuid.to_string()),
        }))
    }
}

impl Cloud {
    /// The row of one object, whatever organization a provider acts in; the query says of what type, and
    /// with which fields. One's own user is seen by everyone.
    ///
    /// # Errors
    /// `Forbidden` for what does not exist or is not the caller's to see.
    pub async fn query_one(&self, caller: &Caller, id: Uuid, mut query: Query) -> Result<Row> {
        let no_access = || Error::no_access_to(Urn { kind: query.record.subject.kind(), uuid: id });
        let oneself = query.record.subject == Subject::User && id == caller.user.uuid();
        if !oneself && !may_query(caller, query.record) {
            return Err(no_access());
        }
        let hidden = unpublished(caller, query.record);
        let is = Filter::Compare(Comparison {
            field: "id".to_owned(),
            op: Op::Eq,
            value: Pattern::literal(id.to_string()),
        });
        query.filter = Some(Filter::all([is].into_iter().chain(hidden).collect()));
        let scope = if caller.is_provider() { Scope::default() } else { caller.scope() };
        let page = self.glance().await?.query(scope, &query).await?;
        page.items.into_iter().next().ok_or_else(no_access)
    }
}

/// What keeps from a caller without the right to it what other organizations publish. What the provider shares with
/// all is for all.
fn unpublished(caller: &Caller, record: RecordType) -> Option<Filter> {
    let shared = matches!(
        record.subject,
        Subject::Catalog | Subject::CatalogItem | Subject::VAppTemplate | Subject::Vm
    );
    let hidden = shared && !caller.has(right::CATALOG_VIEW_PUBLISHED);
    let is = |field: &str, id: String| {
        let value = Pattern::from_pieces(vec![id]);
        Filter::Compare(Comparison { field: field.to_owned(), op: Op::Eq, value })
    };
    hidden.then(|| {
        let own = is("org", caller.acting_org().to_string());
        let shared = match record.subject {
            Subject::Catalog => "id",
            Subject::CatalogItem | Subject::VAppTemplate => "catalog",
            _ => return own,
        };
        Filter::Or(vec![own, is(shared, Catalog::SHARED.to_string())])
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
