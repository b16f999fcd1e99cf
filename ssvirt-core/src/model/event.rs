//! The audit log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Org, User};
use crate::id::{Id, Urn};

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It was accepted; a task carries it out.
    Accepted,
    /// It was done.
    Success,
    /// It failed.
    Failure,
}

/// Who did what to what, and how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its id.
    pub id: Id<Event>,
    /// When.
    pub at: Timestamp,
    /// In which organization.
    pub org: Id<Org>,
    /// Who; none is the system itself.
    pub user: Option<Id<User>>,
    /// What, by VCD's operation names such as `vdcInstantiateVapp`.
    pub operation: String,
    /// To what.
    pub entity: Urn,
    /// The object's name then.
    pub entity_name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The request's id.
    pub request_id: String,
    /// See the module.
    pub version: i64,
}
