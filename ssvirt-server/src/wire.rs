//! VCD types as poem-openapi payloads: described by their shape, rendered by the negotiation layer.

use std::sync::Arc;

use poem::{
    IntoResponse, Request, RequestBody, Response,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    registry::{
        MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef,
        Registry,
    },
};
use ssvirt_vcd::{
    Format, Render, VcdType, from_json, from_xml, media,
    shape::{FieldType, LeafKind, Place, Shape},
};

use crate::{
    document::{has_field, intern},
    error::VcdError,
};

/// The largest body of an API request, in bytes. Uploads go elsewhere.
pub const MAX_BODY: usize = 2 * 1024 * 1024;

/// What a handler answers; the negotiation layer writes it in the format and version asked for.
#[derive(Clone)]
pub struct Rendered(pub Arc<dyn Render + Send + Sync>);

/// An answer with a VCD type as its body.
pub struct Vcd<T, const STATUS: u16 = 200>(pub T);

/// An answer of 202: accepted, see the task in the body.
pub type Accepted<T> = Vcd<T, 202>;

/// An answer of 201: made.
pub type Created<T> = Vcd<T, 201>;

impl<T: Render + Send + Sync + 'static, const STATUS: u16> IntoResponse for Vcd<T, STATUS> {
    fn into_response(self) -> Response {
        let mut response = StatusCode::from_u16(STATUS).unwrap_or(StatusCode::OK).into_response();
        response.extensions_mut().insert(Rendered(Arc::new(self.0)));
        response
    }
}

impl<T: VcdType, const STATUS: u16> ApiResponse for Vcd<T, STATUS> {
    fn meta() -> MetaResponses {
        let response = MetaResponse {
            description: "Success",
            status: Some(STATUS),
            status_range: None,
            content: media_types::<T>(),
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        register::<T>(registry);
    }
}

/// An answer of 204.
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        let response = MetaResponse {
            description: "Success, without a body",
            status: Some(204),
            status_range: None,
            content: Vec::new(),
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_registry: &mut Registry) {}
}

/// A request body with a VCD type, in XML or JSON.
pub struct Body<T>(pub T);

impl<'a, T: VcdType + Send> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register::<T>(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest { description: None, content: media_types::<T>(), required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let (format, _) = body_format(request, &[T::shape()])?;
        let bytes = body.take()?.into_bytes_limit(MAX_BODY).await?;
        let value = match format {
            Format::Xml => from_xml(&bytes),
            Format::Json => from_json(&bytes),
        };
        Ok(Self(value.map_err(VcdError::from)?))
    }
}

/// The format of a body, by its Content-Type, and which of the possible types that names, if any. Some clients
/// send none with XML; one that names another VCD type than these is refused.
pub fn body_format(
    request: &Request,
    possible: &[&'static Shape],
) -> Result<(Format, Option<&'static Shape>), VcdError> {
    let unsupported = || {
        let names: Vec<_> = possible.iter().map(|shape| shape.element).collect();
        VcdError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ssvirt_vcd::error::UNSUPPORTED_MEDIA_TYPE,
            format!("The request body must be a {}.", names.join(" or a ")),
        )
    };
    let Some(header) = request.header(header::CONTENT_TYPE) else { return Ok((Format::Xml, None)) };
    let content = media::parse_content_type(header).ok_or_else(unsupported)?;
    let generic = matches!(
        content.media.as_str(),
        "application/xml" | "text/xml" | "application/json" | "application/*"
    ) || matches!(content.media.as_str(), "application" | "text");
    let named = possible
        .iter()
        .copied()
        .find(|shape| !shape.media.is_empty() && content.media.eq_ignore_ascii_case(shape.media));
    if !generic && named.is_none() && possible.iter().any(|shape| !shape.media.is_empty()) {
        return Err(unsupported());
    }
    Ok((content.format.ok_or_else(unsupported)?, named))
}

/// The XML and the JSON media type of a VCD type.
pub fn media_types<T: VcdType>() -> Vec<MetaMediaType> {
    let shape = T::shape();
    let media = if shape.media.is_empty() { "application/*" } else { shape.media };
    ["+xml", "+json"]
        .into_iter()
        .map(|suffix| MetaMediaType {
            content_type: intern(&format!("{media}{suffix}")),
            schema: MetaSchemaRef::Reference(shape.type_name.to_owned()),
        })
        .collect()
}

/// Registers the schema of a VCD type and of all it contains, in its JSON form: the fields that the version of
/// the document at hand has.
pub fn register<T: VcdType>(registry: &mut Registry) {
    register_shape(registry, T::shape());
}

fn register_shape(registry: &mut Registry, shape: &'static Shape) {
    // The registry asks for a Rust type to tell schemas of one name apart; the names here are VCD's own.
    registry.create_schema::<(), _>(shape.type_name.to_owned(), |registry| {
        let mut schema = MetaSchema::new("object");
        add_fields(registry, shape, &mut schema);
        schema
    });
}

fn add_fields(registry: &mut Registry, shape: &'static Shape, schema: &mut MetaSchema) {
    for field in shape.fields.iter().filter(|field| has_field(field)) {
        if let (Place::Base, FieldType::Nested(base)) = (field.place, field.ty) {
            add_fields(registry, base(), schema);
            continue;
        }
        let one = match field.ty {
            FieldType::Leaf(kind) => MetaSchemaRef::Inline(Box::new(MetaSchema::new(match kind {
                LeafKind::Str => "string",
                LeafKind::Bool => "boolean",
                LeafKind::I32 | LeafKind::I64 => "integer",
                LeafKind::F64 => "number",
            }))),
            FieldType::Nested(nested) => {
                register_shape(registry, nested());
                MetaSchemaRef::Reference(nested().type_name.to_owned())
            }
        };
        let property = if field.list {
            MetaSchemaRef::Inline(Box::new(MetaSchema {
                items: Some(Box::new(one)),
                ..MetaSchema::new("array")
            }))
        } else {
            one
        };
        if field.required {
            schema.required.push(field.name.json);
        }
        schema.properties.push((field.name.json, property));
    }
}

/// A header value from text that cannot contain anything else than visible characters.
pub fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
