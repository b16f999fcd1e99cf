//! The query service.

use percent_encoding::percent_decode_str;
use poem::Request;
use poem_openapi::{ApiResponse, OpenApi};
use ssvirt_core::{
    filter::{self, Filter},
    id::{EntityKind, Urn},
    page::{Page, PageRequest},
    query::{Field, FieldKind, Query, RecordType, Row, Subject, Value},
    service::may_query,
    status::Status,
};
use ssvirt_vcd::{Render, link::rel, mt, types};

use super::view;
use crate::{
    context::Ctx,
    error::VcdError,
    links::{Links, link, media_of},
    wire::{Rendered, Vcd},
};

pub struct QueryApi;

/// What a query answers: records or references, and where `LISTS` the list of queries.
pub struct QueryAnswer<const LISTS: bool = false>(Rendered);

impl<const LISTS: bool> QueryAnswer<LISTS> {
    fn of<T: Render + Send + Sync + 'static>(value: T) -> Self {
        Self(Rendered(std::sync::Arc::new(value)))
    }
}

impl<const LISTS: bool> poem::IntoResponse for QueryAnswer<LISTS> {
    fn into_response(self) -> poem::Response {
        let mut response = poem::http::StatusCode::OK.into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}

impl<const LISTS: bool> ApiResponse for QueryAnswer<LISTS> {
    fn meta() -> poem_openapi::registry::MetaResponses {
        let mut meta = Vcd::<types::QueryResultRecords>::meta();
        if let (true, Some(response)) = (LISTS, meta.responses.first_mut()) {
            response.content.extend(crate::wire::media_types::<types::QueryList>());
        }
        meta
    }

    fn register(registry: &mut poem_openapi::registry::Registry) {
        Vcd::<types::QueryResultRecords>::register(registry);
        if LISTS {
            Vcd::<types::QueryList>::register(registry);
        }
    }
}

#[OpenApi(tag = "super::Tag::Queries")]
impl QueryApi {
    /// Query typed records; without `type` the list of types
    ///
    /// Parameters: type, format (records, idrecords, references), filter, filterEncoded, sortAsc, sortDesc,
    /// fields, page, pageSize, links.
    #[oai(path = "/api/query", method = "get", operation_id = "query")]
    async fn query(&self, ctx: Ctx, request: &Request) -> Result<QueryAnswer<true>, VcdError> {
        let params = Params::parse(request.uri().query().unwrap_or_default())?;
        let Some(name) = &params.record else { return Ok(QueryAnswer::of(list(&ctx))) };
        let record = RecordType::from_name(name).ok_or_else(|| {
            VcdError::bad_request(format!("Bad request: the query type \"{name}\" is not valid."))
        })?;
        let place = ctx.links.path(&format!("/api/query?type={}&", record.name()));
        answer(&ctx, record, &params, &place, None).await
    }
}

/// The rows of a type that belong to one object, asked for at the object's own `{word}/query` with all
/// parameters of a query but the type.
pub async fn contents(
    ctx: &Ctx,
    record: RecordType,
    parent: Urn,
    word: &str,
    request: &Request,
) -> Result<QueryAnswer, VcdError> {
    let params = Params::parse(request.uri().query().unwrap_or_default())?;
    let within = ctx.cloud.within(&ctx.caller, record, parent).await?;
    let href = ctx.links.entity(parent, false).ok_or_else(VcdError::internal)?;
    answer(ctx, record, &params, &format!("{href}/{word}/query?"), Some(within)).await
}

/// Asks, and answers in the format that is wanted. `place` is what the hrefs of pages begin with.
async fn answer<const LISTS: bool>(
    ctx: &Ctx,
    record: RecordType,
    params: &Params,
    place: &str,
    within: Option<Filter>,
) -> Result<QueryAnswer<LISTS>, VcdError> {
    let columns = Columns::of(record, params);
    let asked = params.filter.as_deref().map(filter::parse).transpose()?.flatten();
    let filters: Vec<_> = asked.into_iter().chain(within).collect();
    let query = Query {
        filter: (!filters.is_empty()).then(|| Filter::all(filters)),
        sort: params.sort.clone(),
        page: params.page,
        modern_status: ctx.modern_status(),
        fields: Some(columns.fields.iter().map(|field| field.name).collect()),
        ..Query::new(record)
    };
    let page = ctx.cloud.query(&ctx.caller, query).await?;
    let container = container(record, params, place, &page);
    Ok(match params.format {
        QueryFormat::References => {
            QueryAnswer::of(references(ctx, record, container, &columns, &page))
        }
        _ => QueryAnswer::of(records(ctx, record, container, &columns, &page)),
    })
}

/// The fields that an answer is made from: first those that it shows, in the schema's order.
struct Columns {
    fields: Vec<&'static Field>,
    shown: usize,
}

impl Columns {
    fn of(record: RecordType, params: &Params) -> Self {
        let shown = |field: &&'static Field| {
            if params.format == QueryFormat::References {
                return field.name == "name";
            }
            let wanted = |fields: &Vec<String>| fields.iter().any(|name| name == field.name);
            // The id is the row's own.
            field.name != "id"
                && field.shown.is_in(record.admin)
                && params.fields.as_ref().is_none_or(wanted)
        };
        let mut fields: Vec<_> = record.fields().iter().filter(shown).collect();
        let shown = fields.len();
        // The href of a VM depends on it.
        let unseen = fields.iter().all(|field| field.name != IN_TEMPLATE);
        fields.extend(record.field(IN_TEMPLATE).filter(|_| unseen).map(|(_, field)| field));
        Self { fields, shown }
    }

    /// Whether a row is a VM inside a template.
    fn is_in_template(&self, row: &Row) -> bool {
        let place = self.fields.iter().position(|field| field.name == IN_TEMPLATE);
        place.is_some_and(|place| row.values.get(place) == Some(&Value::Bool(true)))
    }

    /// The values that are shown.
    fn of_row<'a>(&self, row: &'a Row) -> impl Iterator<Item = (&'static Field, &'a Value)> {
        self.fields.iter().copied().zip(&row.values).take(self.shown)
    }
}

/// The field that tells VMs of templates from others.
const IN_TEMPLATE: &str = "isVAppTemplate";

/// Fields that can be sorted by at once.
const MAX_SORT: usize = 8;

#[derive(Clone, Copy, PartialEq)]
enum QueryFormat {
    Records,
    IdRecords,
    References,
}

impl QueryFormat {
    const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Records, "records", mt::QUERY_RECORDS),
        (Self::IdRecords, "idrecords", mt::QUERY_IDRECORDS),
        (Self::References, "references", mt::QUERY_REFERENCES),
    ];

    fn row(self) -> (&'static str, &'static str) {
        Self::ALL
            .into_iter()
            .find(|row| row.0 == self)
            .map_or(("records", mt::QUERY_RECORDS), |row| (row.1, row.2))
    }
}

struct Params {
    record: Option<String>,
    format: QueryFormat,
    filter: Option<String>,
    sort: Vec<(String, bool)>,
    fields: Option<Vec<String>>,
    page: PageRequest,
}

impl Params {
    /// Reads a query string by VCD's rules: `&` separates, `;` does not; cut at the first `=`; `+` is a
    /// space; unknown parameters are ignored.
    fn parse(query: &str) -> Result<Self, VcdError> {
        let mut params = Self {
            record: None,
            format: QueryFormat::Records,
            filter: None,
            sort: Vec::new(),
            fields: None,
            page: PageRequest::default(),
        };
        let (mut filter, mut filter_encoded) = (None, false);
        let (mut page, mut size) = (1, PageRequest::DEFAULT_SIZE);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, raw) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(raw)?;
            match name {
                "type" => params.record = Some(value),
                "format" => {
                    let known =
                        QueryFormat::ALL.into_iter().find(|row| row.1.eq_ignore_ascii_case(&value));
                    params.format = known
                        .ok_or_else(|| {
                            VcdError::bad_request(format!(
                                "Bad request: \"{value}\" is not a query format."
                            ))
                        })?
                        .0;
                }
                "filter" => filter = Some((raw, value)),
                "filterEncoded" => filter_encoded = is_true(&value),
                "sortAsc" => params.sort.extend(fields_of(&value).map(|field| (field, false))),
                "sortDesc" => params.sort.extend(fields_of(&value).map(|field| (field, true))),
                "fields" => params.fields = Some(fields_of(&value).collect()),
                "page" => page = number(&value)?,
                "pageSize" => size = number(&value)?,
                _ => {}
            }
        }
        params.page = PageRequest::new(page, size)?;
        if params.sort.len() > MAX_SORT {
            return Err(VcdError::bad_request(format!(
                "Bad request: at most {MAX_SORT} fields can be sorted by."
            )));
        }
        params.filter = match filter {
            Some((raw, value)) if filter_encoded => Some(decode_filter(raw, value)?),
            filter => filter.map(|(_, value)| value),
        };
        Ok(params)
    }
}

pub(super) fn decode(text: &str) -> Result<String, VcdError> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| VcdError::bad_request("Bad request: the query string is not UTF-8."))
}

/// A filter whose values are encoded on their own, as its client says: once, when the rest of it stands as
/// it is, or once more beneath the encoding of the whole.
fn decode_filter(raw: &str, decoded: String) -> Result<String, VcdError> {
    let once = ["==", "!=", "=gt=", "=ge=", "=lt=", "=le="].iter().any(|op| raw.contains(op));
    // A star is a wildcard however a client encodes it once.
    let filter = if once { decode_values(&raw.replace('+', " "), ";,()")? } else { decoded };
    if filter.contains('%') { decode_values(&filter, ";,()*\\") } else { Ok(filter) }
}

/// Decodes what is still encoded in a filter's values; characters that would mean something to the filter
/// language are kept from doing so by a backslash.
fn decode_values(filter: &str, special: &str) -> Result<String, VcdError> {
    let bytes = filter.as_bytes();
    let (mut out, mut plain, mut at) = (String::with_capacity(filter.len()), 0, 0);
    while at < bytes.len() {
        if bytes[at] != b'%' {
            at += 1;
            continue;
        }
        // A run of escapes is decoded at once: a character may take several.
        let start = at;
        while at + 2 < bytes.len()
            && bytes[at] == b'%'
            && bytes[at + 1..at + 3].iter().all(u8::is_ascii_hexdigit)
        {
            at += 3;
        }
        if at == start {
            at += 1;
            continue;
        }
        out.push_str(&filter[plain..start]);
        for c in decode(&filter[start..at])?.chars() {
            if special.contains(c) {
                out.push('\\');
            }
            out.push(c);
        }
        plain = at;
    }
    out.push_str(&filter[plain..]);
    Ok(out)
}

pub(super) fn fields_of(value: &str) -> impl Iterator<Item = String> {
    value.split(',').map(str::trim).filter(|field| !field.is_empty()).map(str::to_owned)
}

fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}

pub(super) fn number(value: &str) -> Result<u32, VcdError> {
    value.parse().map_err(|_| {
        VcdError::bad_request(format!("Bad request: \"{value}\" is not a page number."))
    })
}

/// Every query type in every format, for clients that look for a link.
fn list(ctx: &Ctx) -> types::QueryList {
    let types = RecordType::ALL.iter().filter(|record| may_query(&ctx.caller, **record));
    let link = types.flat_map(|record| {
        QueryFormat::ALL.into_iter().map(|(_, format, media)| {
            let href =
                ctx.links.path(&format!("/api/query?type={}&format={format}", record.name()));
            link(rel::DOWN, href, media).named(record.name())
        })
    });
    types::QueryList {
        container: types::Container {
            resource: types::Resource {
                href: Some(ctx.links.path("/api/query")),
                r#type: Some(mt::QUERY_LIST.to_owned()),
                link: link.collect(),
            },
            ..types::Container::default()
        },
    }
}

fn container(
    record: RecordType,
    params: &Params,
    place: &str,
    page: &Page<Row>,
) -> types::Container {
    let (format, media) = params.format.row();
    let href = |number: u64| {
        let size = page.request.size();
        let mut href = format!("{place}page={number}&pageSize={size}&format={format}");
        if let Some(filter) = &params.filter {
            let encoded =
                percent_encoding::utf8_percent_encode(filter, percent_encoding::NON_ALPHANUMERIC);
            href.push_str(&format!("&filter={encoded}"));
        }
        for (field, descending) in &params.sort {
            href.push_str(&format!(
                "&{}={field}",
                if *descending { "sortDesc" } else { "sortAsc" }
            ));
        }
        if let Some(fields) = &params.fields {
            href.push_str(&format!("&fields={}", fields.join(",")));
        }
        href
    };
    let number = u64::from(page.request.page());
    let last = page.page_count();
    let mut links = Vec::new();
    if number > 1 {
        links.push(link(rel::FIRST_PAGE, href(1), media));
        links.push(link(rel::PREVIOUS_PAGE, href(number - 1), media));
    }
    if number < last {
        links.push(link(rel::NEXT_PAGE, href(number + 1), media));
        links.push(link(rel::LAST_PAGE, href(last), media));
    }
    types::Container {
        resource: types::Resource {
            href: Some(href(number)),
            r#type: Some(media.to_owned()),
            link: links,
        },
        name: Some(record.name().to_owned()),
        page: i32::try_from(number).ok(),
        page_size: i32::try_from(page.request.size()).ok(),
        total: i64::try_from(page.total).ok(),
    }
}

fn records(
    ctx: &Ctx,
    record: RecordType,
    container: types::Container,
    columns: &Columns,
    page: &Page<Row>,
) -> types::QueryResultRecords {
    let one = |row: &Row| {
        let urn = Urn { kind: record.subject.kind(), uuid: row.id };
        let in_template = columns.is_in_template(row);
        let mut attrs = Vec::with_capacity(columns.shown + 2);
        if let Some(href) = href_of(&ctx.links, record, urn, in_template) {
            attrs.push(("href".into(), href.into()));
        }
        // VCD writes ids in idrecords; clients read them in records too.
        attrs.push(("id".into(), urn.to_string().into()));
        for (field, value) in columns.of_row(row) {
            if let Some(scalar) = scalar(ctx, record, field.kind, value, in_template) {
                attrs.push((field.name.into(), scalar));
            }
        }
        types::Record {
            element: record.element(),
            json_type: record.schema_type(),
            attrs,
            link: Vec::new(),
            metadata: None,
        }
    };
    types::QueryResultRecords { container, record: page.items.iter().map(one).collect() }
}

fn references(
    ctx: &Ctx,
    record: RecordType,
    container: types::Container,
    columns: &Columns,
    page: &Page<Row>,
) -> types::QueryReferences {
    let one = |row: &Row| {
        let urn = Urn { kind: record.subject.kind(), uuid: row.id };
        let name = match columns.of_row(row).next() {
            Some((_, Value::Text(name))) => Some(name.clone()),
            _ => None,
        };
        let media = match record.subject {
            Subject::VAppNetwork => Some(mt::VAPP_NETWORK),
            _ => media_of(urn.kind, record.admin),
        };
        Some(types::Reference {
            href: href_of(&ctx.links, record, urn, columns.is_in_template(row))?,
            id: Some(urn.to_string()),
            r#type: media.map(str::to_owned),
            name,
        })
    };
    let (element, reference_element) = reference_elements(record);
    types::QueryReferences {
        element,
        reference_element,
        container,
        reference: page.items.iter().filter_map(one).collect(),
    }
}

/// The elements of the references format: the schema has a pair for each subject, and for a few of the
/// administrator's forms.
fn reference_elements(record: RecordType) -> (&'static str, &'static str) {
    match (record.subject, record.admin) {
        (Subject::OrgVdc, true) => ("AdminVdcReferences", "AdminVdcReference"),
        (Subject::Disk, true) => ("AdminDiskReferences", "AdminDiskReference"),
        (Subject::OrgVdcStorageProfile, true) => {
            ("AdminOrgVdcStorageProfileReferences", "AdminOrgVdcStorageProfileReference")
        }
        (Subject::Organization, _) => ("OrgReferences", "OrgReference"),
        (Subject::OrgVdc, _) => ("OrgVdcReferences", "OrgVdcReference"),
        (Subject::Catalog, _) => ("CatalogReferences", "CatalogReference"),
        (Subject::CatalogItem, _) => ("CatalogItemReferences", "CatalogItemReference"),
        (Subject::VAppTemplate, _) => ("VAppTemplateReferences", "VAppTemplateReference"),
        (Subject::VApp, _) => ("VAppReferences", "VAppReference"),
        (Subject::Vm, _) => ("VMReferences", "VMReference"),
        (Subject::Task, _) => ("TaskReferences", "TaskReference"),
        (Subject::User, _) => ("UserReferences", "UserReference"),
        (Subject::Role, _) => ("RoleReferences", "RoleReference"),
        (Subject::Right, _) => ("RightReferences", "RightReference"),
        (Subject::Media, _) => ("MediaReferences", "MediaReference"),
        (Subject::Disk, _) => ("DiskReferences", "DiskReference"),
        (Subject::OrgVdcStorageProfile, _) => {
            ("OrgVdcStorageProfileReferences", "OrgVdcStorageProfileReference")
        }
        (Subject::OrgVdcNetwork, _) => ("OrgVdcNetworkReferences", "OrgVdcNetworkReference"),
        (Subject::VAppNetwork, _) => ("VAppNetworkReferences", "VAppNetworkReference"),
    }
}

/// The href of a record: VMs of templates and the networks of vApps have their own forms.
fn href_of(links: &Links, record: RecordType, urn: Urn, in_template: bool) -> Option<String> {
    match record.subject {
        Subject::Vm if in_template => Some(links.template_vm(ssvirt_core::Id::new(urn.uuid))),
        // The administrator's form is that of VDC networks only.
        Subject::VAppNetwork => links.entity(urn, false),
        _ => links.entity(urn, record.admin),
    }
}

fn scalar(
    ctx: &Ctx,
    record: RecordType,
    kind: FieldKind,
    value: &Value,
    in_template: bool,
) -> Option<types::Scalar> {
    Some(match (kind, value) {
        (_, Value::Null) => return None,
        // The server itself, which did what has no user, cannot be looked at.
        (FieldKind::Ref(EntityKind::User), Value::Ref(uuid)) if uuid.is_nil() => return None,
        // The container of a VM inside a template is the template.
        (FieldKind::Ref(EntityKind::VApp), Value::Ref(uuid)) if in_template => {
            ctx.links.template(ssvirt_core::Id::new(*uuid)).into()
        }
        (FieldKind::Ref(kind), Value::Ref(uuid)) => {
            ctx.links.entity(Urn { kind, uuid: *uuid }, record.admin)?.into()
        }
        (FieldKind::Urn(kind), Value::Ref(uuid)) => Urn { kind, uuid: *uuid }.to_string().into(),
        (FieldKind::Status, Value::Int(code)) => {
            let status = i32::try_from(*code).ok().and_then(Status::from_code);
            status.map_or("UNKNOWN", Status::name).into()
        }
        (FieldKind::Time, Value::Time(at) | Value::Int(at)) => view::time_millis(*at).into(),
        (_, Value::Text(text)) => text.as_str().into(),
        (_, Value::Int(number) | Value::Time(number)) => (*number).into(),
        (_, Value::Bool(flag)) => (*flag).into(),
        (_, Value::Ref(uuid)) => uuid.to_string().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_strings_as_clients_write_them() {
        let params =
            Params::parse("&type=vm&filter=a==b%20c;d==e+f&filterEncoded=true&page=2&x=1").unwrap();
        assert_eq!(params.record.as_deref(), Some("vm"));
        assert_eq!(params.filter.as_deref(), Some("a==b c;d==e f"));
        assert_eq!(params.page.page(), 2);
        let params = Params::parse(
            "type=vm&filter=vdc==https%253A%252F%252Fh%252Fx%253By&filterEncoded=true",
        )
        .unwrap();
        assert_eq!(params.filter.as_deref(), Some(r"vdc==https://h/x\;y"));
        let filter = |query: &str| Params::parse(query).unwrap().filter.unwrap();
        assert_eq!(
            filter("filter=name==VM+%28a%2Cb%29*%2A;id==x&filterEncoded=true"),
            r"name==VM \(a\,b\)**;id==x"
        );
        assert_eq!(
            filter("filter=name%3D%3Da%253Bb%3Bid%3D%3Dx&filterEncoded=true"),
            r"name==a\;b;id==x"
        );
        assert_eq!(filter("filter=name==a%5C%28b%5C%29%3Bid==x"), r"name==a\(b\);id==x");
        assert!(Params::parse("type=vm&page=0").is_err());
        assert!(Params::parse("type=vm&page=x").is_err());
        assert!(Params::parse("type=vm&filter=%ff").is_err());
    }
}
