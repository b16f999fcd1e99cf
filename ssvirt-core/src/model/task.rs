//! Tasks: the long-running operations that clients poll.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Org, User};
use crate::{
    id::{Id, Urn},
    task::Step,
};

/// How far a task is, by VCD's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TaskStatus {
    /// Nobody works on it yet.
    Queued,
    /// Someone works on it.
    Running,
    /// It is done.
    Success,
    /// It failed, and what it had done was undone.
    Error,
    /// It was cancelled, and what it had done was undone.
    Canceled,
}

impl TaskStatus {
    /// As it stands on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Success => "success",
            Self::Error => "error",
            Self::Canceled => "canceled",
        }
    }

    /// Whether it is over.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Error | Self::Canceled)
    }
}

/// Why a task failed, as its `Error` element says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFailure {
    /// HTTP-like status.
    pub major: i32,
    /// VCD's code.
    pub minor: String,
    /// The text.
    pub message: String,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: Id<Task>,
    /// The organization that sees it.
    pub org: Id<Org>,
    /// Who started it.
    pub user: Id<User>,
    /// Their name then.
    pub user_name: String,
    /// What it works on.
    pub owner: Urn,
    /// The object's name then.
    pub owner_name: String,
    /// VCD's operation name, such as `vdcInstantiateVapp`.
    pub operation_name: String,
    /// The operation for people.
    pub operation: String,
    /// How far it is.
    pub status: TaskStatus,
    /// Percent done.
    pub progress: i32,
    /// Why it failed.
    pub failure: Option<TaskFailure>,
    /// Whether someone asked for it to stop.
    pub cancel_requested: bool,
    /// Whether its done steps are being undone.
    pub undoing: bool,
    /// When it was made.
    pub started: Timestamp,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// The request that started it.
    pub request_id: String,
    /// See the module.
    pub version: i64,
}

/// A stored step of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskStep {
    /// Its place, from 0.
    pub seq: i32,
    /// What it does.
    pub step: Step,
    /// Whether it is done. An undone step is not done.
    pub done: bool,
}
