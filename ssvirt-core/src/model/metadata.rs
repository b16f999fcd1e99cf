//! Metadata: keys and values that clients hang on objects.

use serde::{Deserialize, Serialize};

/// Whose metadata it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MetadataDomain {
    /// The tenant's.
    General,
    /// The provider's.
    System,
}

impl MetadataDomain {
    /// As it stands on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::General => "GENERAL",
            Self::System => "SYSTEM",
        }
    }

    /// Reads the wire form.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::General, Self::System].into_iter().find(|domain| domain.name() == name)
    }
}

/// What tenants may do with an entry of the SYSTEM domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Visibility {
    /// See and change it.
    ReadWrite,
    /// See it.
    ReadOnly,
    /// Neither.
    Private,
}

impl Visibility {
    /// As it stands on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadWrite => "READWRITE",
            Self::ReadOnly => "READONLY",
            Self::Private => "PRIVATE",
        }
    }

    /// Reads the wire form.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::ReadWrite, Self::ReadOnly, Self::Private].into_iter().find(|v| v.name() == name)
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MetadataType {
    /// Text.
    String,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A point in time.
    DateTime,
}

impl MetadataType {
    /// As filters name it: `metadata:key==STRING:value`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "STRING",
            Self::Number => "NUMBER",
            Self::Boolean => "BOOLEAN",
            Self::DateTime => "DATETIME",
        }
    }
}

/// A typed value; `text` is its canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataValue {
    /// Its type.
    pub kind: MetadataType,
    /// Its text.
    pub text: String,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataEntry {
    /// Whose it is.
    pub domain: MetadataDomain,
    /// The key; unique in object and domain.
    pub key: String,
    /// The value.
    pub value: MetadataValue,
    /// What tenants may do with it.
    pub visibility: Visibility,
}
