//! Tasks.

use poem_openapi::{OpenApi, param::Path};
use ssvirt_core::{
    Id,
    model::{Org, Task, TaskStatus},
};
use ssvirt_vcd::{link::rel, mt, types};

use super::{Answer, view as common};
use crate::{
    context::Ctx,
    error::VcdError,
    links::{action, media_of},
    wire::{NoContent, Vcd},
};

pub struct TaskApi;

#[OpenApi(tag = "super::Tag::Tasks")]
impl TaskApi {
    /// A task
    #[oai(path = "/api/task/:id", method = "get", operation_id = "getTask")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Answer<types::Task> {
        let task = ctx.cloud.task(&ctx.caller, Id::parse(&id)?).await?;
        Ok(Vcd(view(&ctx, &task)))
    }

    /// Ask a task to stop
    #[oai(path = "/api/task/:id/action/cancel", method = "post", operation_id = "cancelTask")]
    async fn cancel(&self, ctx: Ctx, id: Path<String>) -> Result<NoContent, VcdError> {
        ctx.cloud.cancel_task(&ctx.caller, Id::parse(&id)?).await?;
        Ok(NoContent)
    }

    /// The newest tasks of an organization
    #[oai(path = "/api/tasksList/:id", method = "get", operation_id = "getTasksList")]
    async fn list(&self, ctx: Ctx, id: Path<String>) -> Answer<types::TasksList> {
        let org = Id::<Org>::parse(&id)?;
        let tasks = ctx.cloud.tasks(&ctx.caller, org).await?;
        let entity = types::Entity {
            name: "Tasks Lists".to_owned(),
            href: Some(ctx.links.tasks_list(org)),
            r#type: Some(mt::TASKS_LIST.to_owned()),
            ..types::Entity::default()
        };
        Ok(Vcd(types::TasksList {
            entity,
            task: tasks.iter().map(|task| view(&ctx, task)).collect(),
        }))
    }
}

/// A task as a client sees it.
pub fn view(ctx: &Ctx, task: &Task) -> types::Task {
    let href = ctx.links.task(task.id);
    let mut entity = types::Entity {
        name: "task".to_owned(),
        id: Some(task.id.urn()),
        href: Some(href.clone()),
        r#type: Some(mt::TASK.to_owned()),
        description: Some(String::new()),
        ..types::Entity::default()
    };
    if !task.status.is_final() {
        entity.link.push(action(rel::TASK_CANCEL, format!("{href}/action/cancel")));
    }
    let owner = ctx.links.entity(task.owner, false).map(|href| types::Reference {
        href,
        id: Some(task.owner.to_string()),
        r#type: media_of(task.owner.kind, false).map(str::to_owned),
        name: Some(task.owner_name.clone()),
    });
    types::Task {
        entity,
        status: task.status.name().to_owned(),
        operation: Some(operation(task)),
        operation_name: Some(task.operation_name.clone()),
        service_namespace: Some("com.vmware.vcloud".to_owned()),
        start_time: Some(common::time(task.started)),
        end_time: task.ended.map(common::time),
        // Tasks are kept; VCD shows a date all the same.
        expiry_time: Some(common::time(task.started + jiff::SignedDuration::from_hours(90 * 24))),
        cancel_requested: Some(task.cancel_requested),
        owner,
        error: task.failure.as_ref().filter(|_| task.status == TaskStatus::Error).map(|failure| {
            types::Error {
                major_error_code: failure.major,
                minor_error_code: failure.minor.clone(),
                message: failure.message.clone(),
                ..types::Error::default()
            }
        }),
        // The server itself cannot be looked at.
        user: (!task.user.uuid().is_nil()).then(|| {
            types::Reference::new(ctx.links.user(task.user))
                .with_id(task.user.urn())
                .named(&task.user_name)
                .typed(mt::ADMIN_USER)
        }),
        organization: Some(
            types::Reference::new(ctx.links.org(task.org)).with_id(task.org.urn()).typed(mt::ORG),
        ),
        progress: Some(task.progress),
        details: Some(
            task.failure.as_ref().map(|failure| failure.message.clone()).unwrap_or_default(),
        ),
        result: None,
    }
}

/// "Creating" becomes "Created" when it is done, as VCD writes it.
fn operation(task: &Task) -> String {
    const DONE: &[(&str, &str)] = &[
        ("Creating ", "Created "),
        ("Composing ", "Composed "),
        ("Recomposing ", "Recomposed "),
        ("Deleting ", "Deleted "),
        ("Updating ", "Updated "),
        ("Starting ", "Started "),
        ("Stopping ", "Stopped "),
        ("Powering off ", "Powered off "),
        ("Suspending ", "Suspended "),
        ("Resetting ", "Reset "),
        ("Deploying ", "Deployed "),
    ];
    if task.status != TaskStatus::Success {
        return task.operation.clone();
    }
    let done = DONE.iter().find_map(|(doing, done)| {
        task.operation.strip_prefix(doing).map(|rest| format!("{done}{rest}"))
    });
    done.unwrap_or_else(|| task.operation.clone())
}
