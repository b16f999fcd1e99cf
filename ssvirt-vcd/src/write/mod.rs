//! Writers: straight into a string, no tree in between.

mod json;
mod xml;

pub use json::JsonWriter;
pub(crate) use json::push_json_string;
pub use xml::XmlWriter;
pub(crate) use xml::is_xml_char;

use crate::media::Format;
use crate::{ApiVersion, VcdType};

/// Renders a document as XML.
#[must_use]
pub fn to_xml<T: VcdType>(value: &T, version: ApiVersion) -> String {
    let mut writer = XmlWriter::new(version);
    writer.root(value);
    writer.finish()
}

/// Renders a document as VCD's JSON.
#[must_use]
pub fn to_json<T: VcdType>(value: &T, version: ApiVersion) -> String {
    let mut writer = JsonWriter::new(version);
    writer.object(value);
    writer.finish()
}

/// A document whose format and version are chosen later; object-safe.
pub trait Render {
    /// The document in the format and version asked for.
    fn render(&self, format: Format, version: ApiVersion) -> String;
    /// The media type without `+xml` or `+json`.
    fn media(&self) -> &'static str;
}

impl<T: VcdType> Render for T {
    fn render(&self, format: Format, version: ApiVersion) -> String {
        match format {
            Format::Xml => to_xml(self, version),
            Format::Json => to_json(self, version),
        }
    }

    fn media(&self) -> &'static str {
        self.root_media()
    }
}
