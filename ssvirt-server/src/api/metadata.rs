//! Metadata of any object.

use poem_openapi::{OpenApi, param::Path};
use ssvirt_core::{
    Error, ErrorKind,
    id::{EntityKind, Urn, parse_uuid},
    model::{MetadataDomain, MetadataEntry, MetadataType, MetadataValue, Visibility},
    service::{may_annotate, may_change_entry},
};
use ssvirt_vcd::{link::rel, mt, types};

use super::{Answer, TaskAnswer, accepted, vapp};
use crate::{
    context::Ctx,
    error::VcdError,
    links::{action, link},
    wire::{Body, Vcd},
};

pub struct MetadataApi;

// One block serves every kind of object: `:kind` is a resource's word, and unknown words are a 404. The
// negotiation layer takes `admin/` out of the path, since both forms name the same object.
#[OpenApi(tag = "super::Tag::Metadata")]
impl MetadataApi {
    /// The metadata of an object
    #[oai(path = "/api/:kind/:id/metadata", method = "get", operation_id = "getMetadata")]
    async fn list(
        &self,
        ctx: Ctx,
        kind: Path<String>,
        id: Path<String>,
    ) -> Answer<types::Metadata> {
        let (urn, href) = target(&ctx, &kind, &id)?;
        let entries = ctx.cloud.metadata(&ctx.caller, urn).await?;
        let mut resource = resource(href.clone(), mt::METADATA);
        if may_annotate(&ctx.caller, changed_as(&kind, urn)) {
            resource.link.push(link(rel::ADD, href.clone(), mt::METADATA));
        }
        Ok(Vcd(types::Metadata {
            resource,
            metadata_entry: entries.iter().map(|entry| entry_view(&href, entry)).collect(),
        }))
    }

    /// Add or replace metadata of an object
    #[oai(path = "/api/:kind/:id/metadata", method = "post", operation_id = "mergeMetadata")]
    async fn merge(
        &self,
        ctx: Ctx,
        kind: Path<String>,
        id: Path<String>,
        body: Body<types::Metadata>,
    ) -> TaskAnswer {
        let (urn, _) = target(&ctx, &kind, &id)?;
        let read = |entry: types::MetadataEntry| {
            parse_entry(entry.key, entry.domain, entry.typed_value, entry.value)
        };
        let entries = body.0.metadata_entry.into_iter().map(read).collect::<Result<_, _>>()?;
        let task = ctx.cloud.put_metadata(&ctx.caller, urn, entries).await?;
        accepted(&ctx, &task)
    }

    /// One value
    #[oai(path = "/api/:kind/:id/metadata/:key", method = "get", operation_id = "getMetadataValue")]
    async fn get(
        &self,
        ctx: Ctx,
        kind: Path<String>,
        id: Path<String>,
        key: Path<String>,
    ) -> Answer<types::MetadataValue> {
        get(&ctx, &kind, &id, MetadataDomain::General, &key).await
    }

    /// Set one value
    #[oai(path = "/api/:kind/:id/metadata/:key", method = "put", operation_id = "putMetadataValue")]
    async fn put(
        &self,
        ctx: Ctx,
        kind: Path<String>,
        id: Path<String>,
        key: Path<String>,
        body: Body<types::MetadataValue>,
    ) -> TaskAnswer {
        put(&ctx, target(&ctx, &kind, &id)?.0, MetadataDomain::General, key.0, body.0).await
    }

    /// Remove one value
    #[oai(
        path = "/api/:kind/:id/metadata/:key",
        method = "delete",
        operation_id = "deleteMetadataValue"
    )]
    async fn delete(
        &self,
        ctx: Ctx,
        kind: Path<String>,
        id: Path<String>,
        key: Path<String>,
    ) -> TaskAnswer {
        let (urn, _) = target(&ctx, &kind, &id)?;
        let task =
            ctx.cloud.delete_metadata(&ctx.caller, urn, MetadataDomain::General, &key).await?;
        accepted(&ctx, &task)
    }

    /// One value of a domain
    #[oai(
        path = "/api/:kind/:id/metadata/:domain/:key",
        method = "get",
        operation_id = "getDomainMetadataValue"
    )]
    async fn get_in(
        &self,
        ctx: Ctx,
        kind: Path<String>,
        id: Path<String>,
        domain: Path<String>,
        key: Path<String>,
    ) -> Answer<types::MetadataValue> {
        get(&ctx, &kind, &id, parse_domain(&domain)?, &key).await
    }

    /// Set one value of a domain
    #[oai(
        path = "/api/:kind/:id/metadata/:domain/:key",
        method = "put",
        operation_id = "putDomainMetadataValue"
    )]
    async fn put_in(
        &self,
        ctx: Ctx,
        kind: Path<String>,
        id: Path<String>,
        domain: Path<String>,
        key: Path<String>,
        body: Body<types::MetadataValue>,
    ) -> TaskAnswer {
        put(&ctx, target(&ctx, &kind, &id)?.0, parse_domain(&domain)?, key.0, body.0).await
    }

    /// Remove one value of a domain
    #[oai(
        path = "/api/:kind/:id/metadata/:domain/:key",
        method = "delete",
        operation_id = "deleteDomainMetadataValue"
    )]
    async fn delete_in(
        &self,
        ctx: Ctx,
        kind: Path<String>,
        id: Path<String>,
        domain: Path<String>,
        key: Path<String>,
    ) -> TaskAnswer {
        let (urn, _) = target(&ctx, &kind, &id)?;
        let task =
            ctx.cloud.delete_metadata(&ctx.caller, urn, parse_domain(&domain)?, &key).await?;
        accepted(&ctx, &task)
    }
}

/// The object that a path names, and the href of its metadata.
fn target(ctx: &Ctx, word: &str, id: &str) -> Result<(Urn, String), VcdError> {
    let kind = match word {
        "org" => EntityKind::Org,
        "vdc" => EntityKind::Vdc,
        "catalog" => EntityKind::Catalog,
        "catalogItem" => EntityKind::CatalogItem,
        "network" => EntityKind::Network,
        "vdcStorageProfile" => EntityKind::StorageProfile,
        "vApp" if vapp::said_kind(id) == Some(EntityKind::Vm) => EntityKind::Vm,
        "vApp" => EntityKind::VApp,
        "vAppTemplate" if id.starts_with("vm-") => EntityKind::Vm,
        "vAppTemplate" => EntityKind::Template,
        _ => return Err(VcdError::no_route(&format!("/api/{word}/{id}/metadata"))),
    };
    let uuid = parse_uuid(kind, id).ok_or_else(|| {
        VcdError::bad_request(format!("Bad request: \"{id}\" is not a {} id.", kind.label()))
    })?;
    Ok((Urn { kind, uuid }, ctx.links.path(&format!("/api/{word}/{id}/metadata"))))
}

/// What an object is changed as: a VM inside a template is part of the template.
fn changed_as(word: &str, urn: Urn) -> EntityKind {
    if word == "vAppTemplate" { EntityKind::Template } else { urn.kind }
}

async fn get(
    ctx: &Ctx,
    word: &str,
    id: &str,
    domain: MetadataDomain,
    key: &str,
) -> Answer<types::MetadataValue> {
    let (urn, href) = target(ctx, word, id)?;
    let kind = changed_as(word, urn);
    let entries = ctx.cloud.metadata(&ctx.caller, urn).await?;
    let entry =
        entries.iter().find(|entry| entry.domain == domain && entry.key == key).ok_or_else(
            || Error::new(ErrorKind::NotFound, format!("There is no metadata with key \"{key}\".")),
        )?;
    let open = may_annotate(&ctx.caller, kind) && may_change_entry(&ctx.caller, entry);
    let entry = entry_view(&href, entry);
    let mut resource = entry.resource;
    resource.r#type = Some(mt::METADATA_VALUE.to_owned());
    let target = resource.href.clone().unwrap_or_default();
    resource.link = vec![link(rel::UP, href, mt::METADATA)];
    if open {
        resource.link.push(link(rel::EDIT, target.clone(), mt::METADATA_VALUE));
        resource.link.push(action(rel::REMOVE, target));
    }
    Ok(Vcd(types::MetadataValue {
        resource,
        domain: entry.domain,
        value: None,
        typed_value: entry.typed_value,
    }))
}

async fn put(
    ctx: &Ctx,
    urn: Urn,
    domain: MetadataDomain,
    key: String,
    value: types::MetadataValue,
) -> TaskAnswer {
    let visibility = value.domain.map(|given| given.visibility);
    let given = types::MetadataDomain {
        visibility: visibility.unwrap_or_else(|| Visibility::ReadWrite.name().to_owned()),
        value: domain.name().to_owned(),
    };
    let entry = parse_entry(key, Some(given), value.typed_value, value.value)?;
    let task = ctx.cloud.put_metadata(&ctx.caller, urn, vec![entry]).await?;
    accepted(ctx, &task)
}

fn resource(href: String, media: &str) -> types::Resource {
    types::Resource { href: Some(href), r#type: Some(media.to_owned()), link: Vec::new() }
}

fn entry_view(href: &str, entry: &MetadataEntry) -> types::MetadataEntry {
    let key = percent_encoding::utf8_percent_encode(&entry.key, percent_encoding::NON_ALPHANUMERIC);
    let href = match entry.domain {
        MetadataDomain::General => format!("{href}/{key}"),
        MetadataDomain::System => format!("{href}/SYSTEM/{key}"),
    };
    let text = entry.value.text.clone();
    types::MetadataEntry {
        resource: resource(href, mt::METADATA_VALUE),
        domain: Some(types::MetadataDomain {
            visibility: entry.visibility.name().to_owned(),
            value: entry.domain.name().to_owned(),
        }),
        key: entry.key.clone(),
        value: None,
        typed_value: Some(match entry.value.kind {
            MetadataType::String => types::TypedValue::String(text),
            MetadataType::Number => types::TypedValue::Number(text.parse().unwrap_or_default()),
            MetadataType::Boolean => types::TypedValue::Boolean(text == "true"),
            MetadataType::DateTime => types::TypedValue::DateTime(text),
        }),
    }
}

fn parse_entry(
    key: String,
    domain: Option<types::MetadataDomain>,
    typed: Option<types::TypedValue>,
    untyped: Option<String>,
) -> Result<MetadataEntry, VcdError> {
    let bad = |text: &str| {
        VcdError::bad_request(format!("Bad request: \"{text}\" is not allowed in metadata."))
    };
    let (domain, visibility) = match domain {
        None => (MetadataDomain::General, Visibility::ReadWrite),
        Some(given) => (
            parse_domain(&given.value)?,
            Visibility::from_name(&given.visibility).ok_or_else(|| bad(&given.visibility))?,
        ),
    };
    let kind = match &typed {
        None | Some(types::TypedValue::String(_)) => MetadataType::String,
        Some(types::TypedValue::Number(_)) => MetadataType::Number,
        Some(types::TypedValue::Boolean(_)) => MetadataType::Boolean,
        Some(types::TypedValue::DateTime(text)) => {
            text.parse::<jiff::Timestamp>().map_err(|_| bad(text))?;
            MetadataType::DateTime
        }
    };
    let text = typed.map(|value| value.text()).or(untyped).unwrap_or_default();
    Ok(MetadataEntry { domain, key, value: MetadataValue { kind, text }, visibility })
}

fn parse_domain(text: &str) -> Result<MetadataDomain, VcdError> {
    MetadataDomain::from_name(text).ok_or_else(|| {
        VcdError::bad_request(format!("Bad request: \"{text}\" is not a metadata domain."))
    })
}
