//! The trait that `#[derive(VcdType)]` implements.

use crate::read::{ReadError, Source};
use crate::shape::Shape;
use crate::write::{JsonWriter, XmlWriter};

/// A type of the VCD schema.
pub trait VcdType: Sized {
    /// The static description.
    fn shape() -> &'static Shape;

    /// Writes the XML attributes.
    fn write_attrs(&self, w: &mut XmlWriter);

    /// Writes the XML content.
    fn write_content(&self, w: &mut XmlWriter);

    /// Writes the members of the JSON object.
    fn write_members(&self, w: &mut JsonWriter);

    /// Reads what the type knows.
    ///
    /// # Errors
    /// Something required is missing or has the wrong form.
    fn read(source: &mut Source) -> Result<Self, ReadError>;

    /// Whether the reader drops an element of this local name.
    fn ignores(local: &str) -> bool {
        let _ = local;
        false
    }

    /// The root element, for types where it is data.
    fn root_element(&self) -> &str {
        Self::shape().element
    }

    /// The media type without `+xml` or `+json`.
    fn root_media(&self) -> &'static str {
        Self::shape().media
    }
}
