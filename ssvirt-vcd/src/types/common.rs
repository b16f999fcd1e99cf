//! What every other family builds on.

use super::TasksInProgress;
use crate::VcdType;

/// A link to a related resource or an operation.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "Link")]
pub struct Link {
    #[vcd(attr)]
    pub rel: String,
    #[vcd(attr)]
    pub href: String,
    #[vcd(attr)]
    pub id: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    #[vcd(attr)]
    pub name: Option<String>,
    #[vcd(attr)]
    pub model: Option<String>,
}

impl Link {
    /// A link with no type.
    pub fn new(rel: impl Into<String>, href: impl Into<String>) -> Self {
        Self { rel: rel.into(), href: href.into(), ..Self::default() }
    }

    /// The same link with a media type.
    #[must_use]
    pub fn typed(mut self, media: impl Into<String>) -> Self {
        self.r#type = Some(media.into());
        self
    }

    /// The same link with a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same link with an id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
}

/// A reference to another resource.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "Reference")]
pub struct Reference {
    #[vcd(attr)]
    pub href: String,
    #[vcd(attr)]
    pub id: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    #[vcd(attr)]
    pub name: Option<String>,
}

impl Reference {
    /// A reference by href only.
    pub fn new(href: impl Into<String>) -> Self {
        Self { href: href.into(), ..Self::default() }
    }

    /// The same reference with a media type.
    #[must_use]
    pub fn typed(mut self, media: impl Into<String>) -> Self {
        self.r#type = Some(media.into());
        self
    }

    /// The same reference with a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same reference with an id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
}

/// A reference that tells the status too.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(type_name = "ResourceReferenceType")]
pub struct ResourceReference {
    #[vcd(base)]
    pub reference: Reference,
    #[vcd(attr)]
    pub status: Option<i32>,
}

/// Base of all resources: `ResourceType`.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct Resource {
    #[vcd(attr)]
    pub href: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    pub link: Vec<Link>,
}

/// Base of all named resources, `EntityType` with what it inherits; by itself the answer of the entity resolver.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "Entity", media = "application/vnd.vmware.vcloud.entity")]
pub struct Entity {
    #[vcd(attr)]
    pub name: String,
    #[vcd(attr)]
    pub id: Option<String>,
    #[vcd(attr)]
    pub operation_key: Option<String>,
    #[vcd(attr)]
    pub href: Option<String>,
    #[vcd(attr)]
    pub r#type: Option<String>,
    pub link: Vec<Link>,
    pub description: Option<String>,
    pub tasks: Option<TasksInProgress>,
}

/// Who owns a resource.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.owner")]
pub struct Owner {
    #[vcd(base)]
    pub resource: Resource,
    pub user: Reference,
}

/// What went wrong.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(element = "Error", media = "application/vnd.vmware.vcloud.error", ignored("TenantError"))]
pub struct Error {
    #[vcd(attr)]
    pub major_error_code: i32,
    #[vcd(attr)]
    pub minor_error_code: String,
    #[vcd(attr)]
    pub message: String,
    #[vcd(attr)]
    pub vendor_specific_error_code: Option<String>,
    #[vcd(attr)]
    pub stack_trace: Option<String>,
}

/// The files of a resource that is being uploaded.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(type_name = "FilesListType")]
pub struct Files {
    pub file: Vec<File>,
}

/// A file to be transferred.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct File {
    #[vcd(base)]
    pub entity: Entity,
    #[vcd(attr)]
    pub size: Option<i64>,
    #[vcd(attr)]
    pub bytes_transferred: Option<i64>,
    #[vcd(attr)]
    pub checksum: Option<String>,
}
