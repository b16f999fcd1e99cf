//! Tasks.

use super::{Entity, Error, Reference};
use crate::VcdType;

/// An operation that runs or has run.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.task", ignored("Params", "VcTaskList", "TaskSteps"))]
pub struct Task {
    #[vcd(base)]
    pub entity: Entity,
    #[vcd(attr)]
    pub status: String,
    #[vcd(attr)]
    pub operation: Option<String>,
    #[vcd(attr)]
    pub operation_name: Option<String>,
    #[vcd(attr)]
    pub service_namespace: Option<String>,
    #[vcd(attr)]
    pub start_time: Option<String>,
    #[vcd(attr)]
    pub end_time: Option<String>,
    #[vcd(attr)]
    pub expiry_time: Option<String>,
    #[vcd(attr)]
    pub cancel_requested: Option<bool>,
    pub owner: Option<Reference>,
    pub error: Option<Error>,
    pub user: Option<Reference>,
    pub organization: Option<Reference>,
    pub progress: Option<i32>,
    pub details: Option<String>,
    pub result: Option<TaskResult>,
}

/// What a task produced.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(type_name = "ResultType", plain)]
pub struct TaskResult {
    pub result_content: Option<String>,
    pub result_reference: Option<Reference>,
}

/// The open tasks of an entity.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
pub struct TasksInProgress {
    pub task: Vec<Task>,
}

/// The tasks of an organisation.
#[derive(Clone, Debug, Default, PartialEq, VcdType)]
#[vcd(media = "application/vnd.vmware.vcloud.tasksList")]
pub struct TasksList {
    #[vcd(base)]
    pub entity: Entity,
    pub task: Vec<Task>,
}
