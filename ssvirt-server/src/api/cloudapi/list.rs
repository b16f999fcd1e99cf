//! Lists of `/cloudapi`: what can be asked for, and the envelope round the rows.
//!
//! VCD's own parameters are `page`, `pageSize`, `sortAsc`, `sortDesc` and `filter` (FIQL). The web console
//! says the same in other words (`per_page`, `page_size`, `sort_by`, `sort_order`, `search`, `status`,
//! `enabled`, `role`, `organization_id`), and types plain text into `filter`.

use std::vec;

use poem::{FromRequest, Request, RequestBody};
use ssvirt_core::{
    filter::{self, Comparison, Filter, Op, Pattern, Search},
    id::{EntityKind, Urn},
    page::{Page, PageRequest},
    query::{Query, RecordType, Row, Subject, Value},
};
use uuid::Uuid;

use crate::{
    api::{query, view},
    context::Ctx,
    error::VcdError,
    links::Links,
};

/// A list: which rows, under which names their fields are filtered and sorted by.
pub struct List {
    /// The schema's name of a page of it.
    pub model: &'static str,
    /// What it is about.
    pub subject: Subject,
    /// The names of its fields on this surface, and what the query service calls them.
    pub names: &'static [(&'static str, &'static str)],
    /// What its rows are made from, in that order.
    pub wanted: &'static [&'static str],
    /// What free text is looked for in.
    pub search: &'static [&'static str],
    /// What it is sorted by unless the client says otherwise.
    pub order: &'static str,
    /// From a value of this surface to one of the query service.
    pub value: fn(&str, &str) -> Option<String>,
}

/// For lists whose values are the same everywhere.
pub fn same(_field: &str, _value: &str) -> Option<String> {
    None
}

/// What a request asks of a list.
pub struct Listing {
    place: Place,
    filter: Option<Filter>,
    search: Vec<String>,
    /// Field, and value as it is compared with.
    equal: Vec<(&'static str, String)>,
    sort: Vec<(String, bool)>,
}

/// Where in a list a request is, for links to its neighbours.
#[derive(Clone)]
struct Place {
    path: String,
    /// The query string without the page's number.
    rest: String,
    page: PageRequest,
}

/// Fields that can be sorted by at once.
const MAX_SORT: usize = 8;

impl<'a> FromRequest<'a> for Listing {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        let uri = request.uri();
        Ok(Self::parse(uri.path(), uri.query().unwrap_or_default())?)
    }
}

impl Listing {
    fn parse(path: &str, query: &str) -> Result<Self, VcdError> {
        let mut listing = Self {
            place: Place {
                path: path.to_owned(),
                rest: String::new(),
                page: PageRequest::default(),
            },
            filter: None,
            search: Vec::new(),
            equal: Vec::new(),
            sort: Vec::new(),
        };
        let (mut page, mut size) = (1, PageRequest::DEFAULT_SIZE);
        let (mut sort_by, mut descending) = (None, false);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, raw) = pair.split_once('=').unwrap_or((pair, ""));
            let value = query::decode(raw)?;
            if name != "page" {
                listing.place.rest.push('&');
                listing.place.rest.push_str(pair);
            }
            if value.is_empty() {
                continue;
            }
            match name {
                "page" => page = query::number(&value)?,
                "pageSize" | "per_page" | "page_size" => size = query::number(&value)?,
                "filter" => listing.filter_by(&value)?,
                "search" => listing.search.push(value),
                "sortAsc" => listing.sort.extend(query::fields_of(&value).map(|by| (by, false))),
                "sortDesc" => listing.sort.extend(query::fields_of(&value).map(|by| (by, true))),
                "sort_by" => sort_by = Some(value),
                "sort_order" => descending = value.eq_ignore_ascii_case("desc"),
                "status" | "enabled" => {
                    let enabled = match value.to_ascii_lowercase().as_str() {
                        "enabled" | "true" => "true",
                        "disabled" | "false" => "false",
                        _ => return Err(bad_value(name, &value)),
                    };
                    listing.equal.push(("enabled", enabled.to_owned()));
                }
                "readOnly" => listing.equal.push(("readOnly", value)),
                "role" | "roleId" => listing.equal.push(("role", value)),
                "organization_id" | "orgId" => listing.equal.push(("org", value)),
                "allocationModel" => listing.equal.push(("allocationModel", value)),
                _ => {}
            }
        }
        listing.sort.extend(sort_by.map(|by| (by, descending)));
        listing.place.page = PageRequest::new(page, size)?;
        if listing.sort.len() > MAX_SORT {
            return Err(VcdError::bad_request(format!(
                "Bad request: at most {MAX_SORT} fields can be sorted by."
            )));
        }
        Ok(listing)
    }

    /// FIQL, or what somebody typed into a search box.
    fn filter_by(&mut self, text: &str) -> Result<(), VcdError> {
        let operators = [Op::Eq, Op::Ne, Op::Gt, Op::Ge, Op::Lt, Op::Le];
        if operators.iter().any(|op| text.contains(op.name())) {
            self.filter = filter::parse(text)?;
        } else {
            self.search.push(text.to_owned());
        }
        Ok(())
    }

    /// The query for a list.
    fn query(self, list: &List, within: Option<Filter>) -> Result<Query, VcdError> {
        let mut parts: Vec<Filter> = within.into_iter().collect();
        if let Some(filter) = self.filter {
            parts.push(filter.try_map(&mut |comparison| list.comparison(comparison))?);
        }
        for (name, value) in self.equal {
            // A parameter that says nothing about this list is ignored, as any unknown one is.
            if let Some(comparison) = list.parameter(name, value)? {
                parts.push(comparison);
            }
        }
        let fields = || list.search.iter().map(|&field| field.to_owned()).collect();
        parts.extend(
            self.search.into_iter().map(|text| Filter::Search(Search { fields: fields(), text })),
        );
        let mut sort = Vec::new();
        for (name, descending) in self.sort {
            sort.push((list.field(&name)?.to_owned(), descending));
        }
        if sort.is_empty() {
            sort.push((list.order.to_owned(), false));
        }
        Ok(Query {
            filter: (!parts.is_empty()).then(|| Filter::all(parts)),
            sort,
            page: self.place.page,
            modern_status: false,
            fields: Some(list.wanted.to_vec()),
            ..Query::new(list.record())
        })
    }
}

impl Place {
    /// Links to the pages before and after, as VCD writes them into one header each.
    fn links(&self, links: &Links, model: &str, total: u64) -> Vec<String> {
        let (number, last) =
            (u64::from(self.page.page()), total.div_ceil(u64::from(self.page.size())));
        let one = |rel: &str, page: u64| {
            let href = links.path(&format!("{}?page={page}{}", self.path, self.rest));
            format!("<{href}>;rel=\"{rel}\";type=\"application/json\";model=\"{model}\"")
        };
        let mut all = Vec::new();
        if number > 1 {
            all.push(one("firstPage", 1));
            all.push(one("previousPage", (number - 1).min(last.max(1))));
        }
        if number < last {
            all.push(one("nextPage", number + 1));
            all.push(one("lastPage", last));
        }
        all
    }
}

impl List {
    fn record(&self) -> RecordType {
        RecordType { subject: self.subject, admin: false }
    }

    fn field(&self, name: &str) -> Result<&'static str, VcdError> {
        let known = self.names.iter().find(|(known, _)| *known == name);
        known.map(|(_, field)| *field).ok_or_else(|| {
            VcdError::bad_request(format!(
                "Bad request: \"{name}\" is not a field of {}.",
                self.model
            ))
        })
    }

    fn comparison(&self, comparison: Comparison) -> Result<Filter, VcdError> {
        let Comparison { field, op, value } = comparison;
        let name = self.field(&field)?;
        // Clients put values into quotes, which are no part of them.
        let value = match value.as_literal() {
            Some(text) => {
                let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
                Pattern::literal((self.value)(name, text).unwrap_or_else(|| text.to_owned()))
            }
            None => value,
        };
        Ok(Filter::Compare(Comparison { field: name.to_owned(), op, value }))
    }

    /// What a parameter of the web console means here, if anything.
    fn parameter(&self, name: &str, value: String) -> Result<Option<Filter>, VcdError> {
        let has = |name: &str| self.names.iter().any(|(known, _)| *known == name);
        let field = match name {
            "enabled" => ["isEnabled", "enabled"].into_iter().find(|name| has(name)),
            "org" => ["orgEntityRef.id", "org.id"].into_iter().find(|name| has(name)),
            // By its id or its name.
            "role" if Urn::parse(&value).is_none() && Uuid::try_parse(&value).is_err() => {
                Some("roleEntityRefs.name").filter(|name| has(name))
            }
            "role" => Some("roleEntityRefs.id").filter(|name| has(name)),
            "readOnly" => Some("readOnly").filter(|name| has(name)),
            "allocationModel" => Some("allocationModel").filter(|name| has(name)),
            _ => None,
        };
        let Some(field) = field else { return Ok(None) };
        let comparison =
            Comparison { field: field.to_owned(), op: Op::Eq, value: Pattern::literal(value) };
        self.comparison(comparison).map(Some)
    }
}

fn bad_value(name: &str, value: &str) -> VcdError {
    VcdError::bad_request(format!("Bad request: \"{value}\" is not a value for {name}."))
}

/// The rows that have this value in a field.
pub fn is(field: &str, value: impl ToString) -> Filter {
    let value = Pattern::literal(value.to_string());
    Filter::Compare(Comparison { field: field.to_owned(), op: Op::Eq, value })
}

/// A page of a list, of the rows that `within` lets through.
pub async fn page(
    ctx: &Ctx,
    list: &List,
    listing: Listing,
    within: Option<Filter>,
) -> Result<Paged<Row>, VcdError> {
    let place = listing.place.clone();
    let page = ctx.cloud.query(&ctx.caller, listing.query(list, within)?).await?;
    Ok(Paged { links: place.links(&ctx.links, list.model, page.total), page })
}

/// All rows of a list that `within` lets through, in its order: for what is shown inside other rows.
pub async fn all(ctx: &Ctx, list: &List, within: Filter) -> Result<Vec<Row>, VcdError> {
    let query = Query {
        filter: Some(within),
        sort: vec![(list.order.to_owned(), false)],
        page: PageRequest::unbounded(),
        modern_status: false,
        fields: Some(list.wanted.to_vec()),
        ..Query::new(list.record())
    };
    Ok(ctx.cloud.query(&ctx.caller, query).await?.items)
}

/// The row of one object.
pub async fn one(ctx: &Ctx, list: &List, id: Uuid) -> Result<Row, VcdError> {
    let query = Query {
        modern_status: false,
        fields: Some(list.wanted.to_vec()),
        ..Query::new(list.record())
    };
    Ok(ctx.cloud.query_one(&ctx.caller, id, query).await?)
}

/// A page with the links to its neighbours.
pub struct Paged<T> {
    /// The links, each a header's value.
    pub links: Vec<String>,
    /// The page.
    pub page: Page<T>,
}

/// An association of a row with another object.
#[derive(poem_openapi::Object, serde::Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Association {
    /// The row's object.
    entity_id: String,
    /// The other object.
    association_id: String,
}

/// The envelope of a page.
macro_rules! page_of {
    ($(#[$doc:meta])* $name:ident($row:ty)) => {
        $(#[$doc])*
        #[derive(poem_openapi::Object, serde::Serialize)]
        #[oai(rename_all = "camelCase")]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// Rows of the whole list.
            result_total: u64,
            /// Pages of the whole list.
            page_count: u64,
            /// The page, from 1.
            page: u32,
            /// Rows a page.
            page_size: u32,
            /// What is associated with the rows: nothing.
            associations: Vec<$crate::api::cloudapi::list::Association>,
            /// The rows.
            values: Vec<$row>,
        }

        impl $name {
            /// Whether it has no rows.
            #[allow(dead_code, reason = "most lists are answered, whatever is in them")]
            pub fn is_empty(&self) -> bool {
                self.values.is_empty()
            }

            /// The answer with a page.
            pub fn answer(
                paged: $crate::api::cloudapi::list::Paged<$row>,
            ) -> $crate::api::cloudapi::answer::Answered<Self> {
                let page = paged.page;
                let body = Self {
                    result_total: page.total,
                    page_count: page.page_count(),
                    page: page.request.page(),
                    page_size: page.request.size(),
                    associations: Vec::new(),
                    values: page.items,
                };
                paged.links.into_iter().fold(
                    $crate::api::cloudapi::answer::Answered::new(body),
                    |answer, link| answer.with("link", link),
                )
            }
        }
    };
}
pub(crate) use page_of;

impl Paged<Row> {
    /// The same page of what `view` makes from each row.
    pub fn map<T>(self, view: impl FnMut(Row) -> T) -> Paged<T> {
        Paged { links: self.links, page: self.page.map(view) }
    }

    /// As [`Paged::map`], where making it may fail.
    ///
    /// # Errors
    /// The first of `view`.
    pub fn try_map<T, E>(self, mut view: impl FnMut(Row) -> Result<T, E>) -> Result<Paged<T>, E> {
        let Page { items, total, request } = self.page;
        let items = items.into_iter().map(&mut view).collect::<Result<_, E>>()?;
        Ok(Paged { links: self.links, page: Page { items, total, request } })
    }
}

/// A page of a list that is no table: all of it is at hand, by name. It is filtered and sorted by the name
/// alone.
///
/// # Errors
/// 400 for another field.
pub fn paged<T>(
    ctx: &Ctx,
    model: &str,
    listing: Listing,
    all: impl IntoIterator<Item = &'static str>,
    view: impl FnMut(&'static str) -> T,
) -> Result<Paged<T>, VcdError> {
    let by_name = |field: &str| {
        let unknown = format!("Bad request: \"{field}\" is not a field of {model}.");
        if field == "name" { Ok(()) } else { Err(VcdError::bad_request(unknown)) }
    };
    if let Some(filter) = &listing.filter {
        let mut known = Ok(());
        filter.comparisons(&mut |comparison| {
            if known.is_ok() {
                known = by_name(&comparison.field);
            }
        });
        known?;
    }
    listing.sort.iter().try_for_each(|(field, _)| by_name(field))?;
    let search = listing
        .search
        .iter()
        .map(|text| Filter::Search(Search { fields: vec!["name".to_owned()], text: text.clone() }));
    let filter = Filter::And(listing.filter.iter().cloned().chain(search).collect());
    let lets = |name: &&str| filter::eval::matches(&filter, &|_| Value::Text((*name).to_owned()));
    let mut names: Vec<&'static str> = all.into_iter().filter(lets).collect();
    names.sort_unstable();
    if listing.sort.first().is_some_and(|(_, descending)| *descending) {
        names.reverse();
    }
    let (place, total) = (&listing.place, names.len() as u64);
    let skip = usize::try_from(place.page.offset()).unwrap_or(usize::MAX);
    let rows = names.into_iter().skip(skip).take(place.page.size() as usize);
    let items = rows.map(view).collect();
    Ok(Paged {
        links: place.links(&ctx.links, model, total),
        page: Page { items, total, request: place.page },
    })
}

/// The values of a row, taken in the order that its list wants them in.
pub struct Cells {
    id: Uuid,
    values: vec::IntoIter<Value>,
}

impl Cells {
    /// Of a row.
    pub fn of(row: Row) -> Self {
        Self { id: row.id, values: row.values.into_iter() }
    }

    /// The row's URN.
    pub fn urn(&self, kind: EntityKind) -> String {
        Urn { kind, uuid: self.id }.to_string()
    }

    fn next(&mut self) -> Value {
        self.values.next().unwrap_or(Value::Null)
    }

    /// Text; empty where there is none.
    pub fn text(&mut self) -> String {
        self.some_text().unwrap_or_default()
    }

    /// Text, if there is some.
    pub fn some_text(&mut self) -> Option<String> {
        match self.next() {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number; 0 where there is none.
    pub fn int(&mut self) -> i64 {
        match self.next() {
            Value::Int(number) => number,
            _ => 0,
        }
    }

    /// True or false.
    pub fn flag(&mut self) -> bool {
        self.next() == Value::Bool(true)
    }

    /// A point in time as VCD writes it.
    pub fn time(&mut self) -> String {
        match self.next() {
            Value::Time(at) => view::time_millis(at),
            _ => String::new(),
        }
    }

    /// The URN of the object referred to.
    pub fn reference(&mut self, kind: EntityKind) -> Option<String> {
        match self.next() {
            Value::Ref(uuid) => Some(Urn { kind, uuid }.to_string()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: List = List {
        model: "Users",
        subject: Subject::User,
        names: &[("username", "name"), ("enabled", "isEnabled"), ("orgEntityRef.id", "org")],
        wanted: &["name"],
        search: &["name", "fullName"],
        order: "name",
        value: same,
    };

    fn query_of(text: &str) -> Result<Query, VcdError> {
        Listing::parse("/cloudapi/1.0.0/users", text)?.query(&LIST, None)
    }

    #[test]
    fn every_dialect_means_the_same() {
        let plain = query_of("page=2&pageSize=20&sortDesc=username&filter=enabled==true").unwrap();
        let other =
            query_of("page=2&per_page=20&sort_by=username&sort_order=desc&enabled=true").unwrap();
        let third = query_of("page=2&page_size=20&sort_by=username&sort_order=desc&status=enabled")
            .unwrap();
        for query in [&other, &third] {
            assert_eq!(
                (&query.filter, &query.sort, query.page),
                (&plain.filter, &plain.sort, plain.page)
            );
        }
        assert_eq!(plain.sort, [("name".to_owned(), true)]);
    }

    #[test]
    fn what_is_typed_into_a_box_is_looked_for() {
        let search = |text: &str| query_of(text).unwrap().filter;
        assert_eq!(search("filter=ann"), search("search=ann"));
        assert!(matches!(search("search=ann"), Some(Filter::Search(_))));
        assert_eq!(search("search="), None);
    }

    #[test]
    fn quotes_round_a_value_are_no_part_of_it() {
        let id = "urn:vcloud:org:00000000-0000-0000-0000-000000000001";
        let quoted = query_of(&format!("filter=orgEntityRef.id==%22{id}%22")).unwrap().filter;
        assert_eq!(quoted, query_of(&format!("filter=orgEntityRef.id=={id}")).unwrap().filter);
        assert_eq!(quoted, query_of(&format!("organization_id={id}")).unwrap().filter);
    }

    #[test]
    fn what_is_unknown_is_refused_and_what_is_foreign_ignored() {
        assert!(query_of("filter=secret==1").is_err());
        assert!(query_of("sortAsc=secret").is_err());
        assert!(query_of("page=0").is_err() && query_of("pageSize=x").is_err());
        assert!(query_of("enabled=perhaps").is_err());
        assert!(
            query_of("readOnly=true&allocationModel=Flex&whatever=1").unwrap().filter.is_none()
        );
    }

    proptest! {
        #[test]
        fn no_query_string_is_too_much(text in ".{0,80}") {
            let _ = query_of(&text);
        }
    }
}
