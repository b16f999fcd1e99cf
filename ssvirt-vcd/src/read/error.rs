//! Why a document was refused.

/// Why a document was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Not well-formed.
    #[error("the document is not well-formed: {0}")]
    Malformed(String),
    /// A document type declaration.
    #[error("document type declarations are not allowed")]
    Doctype,
    /// A processing instruction.
    #[error("processing instructions are not allowed")]
    ProcessingInstruction,
    /// An entity that is not one of the five predefined ones.
    #[error("entity '{0}' is not allowed")]
    Entity(String),
    /// Nested too deeply.
    #[error("the document is nested too deeply")]
    TooDeep,
    /// Too many elements or bytes.
    #[error("the document is too large")]
    TooLarge,
    /// The root element is another one.
    #[error("expected the element '{expected}', found '{found}'")]
    UnexpectedRoot {
        /// The element the operation takes.
        expected: &'static str,
        /// The element that came.
        found: String,
    },
    /// An element that does not belong where it stands, or stands there once too often.
    #[error("unexpected element '{name}' in '{parent}'")]
    UnknownElement {
        /// The element.
        name: String,
        /// Where it stands.
        parent: String,
    },
    /// A required element or attribute is absent.
    #[error("'{name}' is missing in '{parent}'")]
    Missing {
        /// What is absent.
        name: String,
        /// From where.
        parent: String,
    },
    /// A value that does not have the right form.
    #[error("'{value}' is not a valid value of '{name}'")]
    BadValue {
        /// The element or attribute.
        name: String,
        /// Its value.
        value: String,
    },
}
