//! The query service: typed tables of rows with fields by VCD's names.
//!
//! [`RecordType`] lists the record types and their fields once; a store maps each field to an expression of
//! its own, the wire renders it by its [`FieldKind`].

mod records;

use uuid::Uuid;

pub use records::{Field, FieldKind, RecordType, Shown, Subject};

use crate::{
    error::{Error, Result},
    filter::Filter,
    id::Id,
    model::{Org, User},
    page::PageRequest,
};

/// The value of a field in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// No value; the attribute is left out.
    Null,
    /// Text.
    Text(String),
    /// A number.
    Int(i64),
    /// True or false.
    Bool(bool),
    /// Milliseconds since 1970.
    Time(i64),
    /// The object referred to.
    Ref(Uuid),
}

/// Whose rows a caller sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only this organization's (and what others publish to it); none is everything.
    pub org: Option<Id<Org>>,
    /// Of vApps, VMs, disks and tasks only this user's.
    pub owner: Option<Id<User>>,
}

/// A query.
#[derive(Clone, Debug)]
pub struct Query {
    /// What is asked for.
    pub record: RecordType,
    /// Which.
    pub filter: Option<Filter>,
    /// In which order: field and whether descending. Ties and the rest go by id.
    pub sort: Vec<(String, bool)>,
    /// Which part.
    pub page: PageRequest,
    /// Whether the client knows "powered off but deployed" (API version 37.0 on).
    pub modern_status: bool,
    /// The fields whose values are wanted, by name; none is all of them. What is not wanted costs nothing.
    pub fields: Option<Vec<&'static str>>,
}

impl Query {
    /// The first page of all rows of a type, by id, with all fields.
    pub fn new(record: RecordType) -> Self {
        Self {
            record,
            filter: None,
            sort: Vec::new(),
            page: PageRequest::default(),
            modern_status: true,
            fields: None,
        }
    }

    /// The fields that the values of the rows are of, in their order.
    ///
    /// # Errors
    /// `BadRequest` for one that the type does not have.
    pub fn columns(&self) -> Result<Vec<&'static Field>> {
        let Some(names) = &self.fields else { return Ok(self.record.fields().iter().collect()) };
        let field = |name: &&'static str| {
            self.record.field(name).map(|(_, field)| field).ok_or_else(|| {
                Error::bad_request(format!("\"{name}\" is not a field of {}.", self.record.name()))
            })
        };
        names.iter().map(field).collect()
    }
}

/// A row: the id, and the values in the order of [`Query::columns`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The object's id.
    pub id: Uuid,
    /// The values.
    pub values: Vec<Value>,
}
