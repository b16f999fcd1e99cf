//! What VMs are added to a vApp by: a whole recomposition, or one item of it.

use poem::{Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaRequest, Registry},
};
use serde_json::{Map, Value};
use ssvirt_vcd::{Format, ReadError, VcdType as _, from_json, from_xml, types};

use crate::{
    error::VcdError,
    wire::{self, MAX_BODY},
};

/// A body that adds VMs to a vApp.
pub enum NewVms {
    /// RecomposeVAppParams.
    Recompose(Box<types::RecomposeVAppParams>),
    /// A SourcedItem.
    Sourced(Box<types::SourcedItem>),
    /// A CreateItem.
    Created(Box<types::CreateItem>),
}

impl NewVms {
    /// The root element says which one it is.
    fn from_xml(text: &[u8]) -> Result<Self, ReadError> {
        match from_xml(text).map(Box::new).map(Self::Recompose) {
            Err(ReadError::UnexpectedRoot { found, .. }) if found == "SourcedItem" => {
                from_xml(text).map(Box::new).map(Self::Sourced)
            }
            Err(ReadError::UnexpectedRoot { found, .. }) if found == "CreateItem" => {
                from_xml(text).map(Box::new).map(Self::Created)
            }
            read => read,
        }
    }

    /// JSON has no root element: its media type, the lists of a recomposition or a source say which one it
    /// is.
    fn from_json(text: &[u8], media: &str) -> Result<Self, ReadError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let members: Map<String, Value> = serde_json::from_slice(text)
            .map_err(|error| ReadError::Malformed(error.to_string()))?;
        let lists = ["sourcedItem", "createItem", "deleteItem", "reconfigureItem"];
        let has_list = lists.into_iter().any(|name| members.contains_key(name));
        if has_list || media == types::RecomposeVAppParams::shape().media {
            from_json(text).map(Box::new).map(Self::Recompose)
        } else if members.contains_key("source") {
            from_json(text).map(Box::new).map(Self::Sourced)
        } else {
            from_json(text).map(Box::new).map(Self::Created)
        }
    }
}

impl<'a> ApiExtractor<'a> for NewVms {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        wire::register::<types::RecomposeVAppParams>(registry);
        wire::register::<types::SourcedItem>(registry);
        wire::register::<types::CreateItem>(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let mut content = wire::media_types::<types::RecomposeVAppParams>();
        content.extend(wire::media_types::<types::SourcedItem>());
        content.extend(wire::media_types::<types::Vm>());
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let possible =
            [types::RecomposeVAppParams::shape(), types::SourcedItem::shape(), types::Vm::shape()];
        let (format, named) = wire::body_format(request, &possible)?;
        let bytes = body.take()?.into_bytes_limit(MAX_BODY).await?;
        let value = match format {
            Format::Xml => Self::from_xml(&bytes),
            Format::Json => Self::from_json(&bytes, named.map_or("", |shape| shape.media)),
        };
        Ok(value.map_err(VcdError::from)?)
    }
}
