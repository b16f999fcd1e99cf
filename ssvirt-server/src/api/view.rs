//! What all views need.

use jiff::Timestamp;
use ssvirt_core::{
    id::{Id, Urn},
    model::{Org, StorageProfile, Task, User},
    service::VmDetails,
};
use ssvirt_vcd::{mt, types};

use super::task;
use crate::{context::Ctx, links::reference};

/// A point in time as VCD writes it: ISO 8601 with milliseconds, in UTC.
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Milliseconds since 1970 as VCD writes them.
pub fn time_millis(at: i64) -> String {
    Timestamp::from_millisecond(at).map(time).unwrap_or_default()
}

/// The attributes and elements that all named objects have.
pub fn entity(name: &str, urn: Urn, href: String, media: &str, description: &str) -> types::Entity {
    types::Entity {
        name: name.to_owned(),
        id: Some(urn.to_string()),
        href: Some(href),
        r#type: Some(media.to_owned()),
        description: Some(description.to_owned()),
        ..types::Entity::default()
    }
}

/// An owner element.
pub fn owner(ctx: &Ctx, id: Id<User>, name: Option<&str>) -> types::Owner {
    types::Owner {
        resource: types::Resource {
            r#type: Some(mt::OWNER.to_owned()),
            ..types::Resource::default()
        },
        user: reference(ctx.links.user(id), id.urn(), name.unwrap_or("system"), mt::ADMIN_USER),
    }
}

/// A reference to an organization.
pub fn org_reference(ctx: &Ctx, id: Id<Org>, name: &str) -> types::Reference {
    reference(ctx.links.org(id), id.urn(), name, mt::ORG)
}

/// The unfinished tasks of an object; none when there are none.
pub fn tasks(ctx: &Ctx, tasks: &[Task]) -> Option<types::TasksInProgress> {
    (!tasks.is_empty()).then(|| types::TasksInProgress {
        task: tasks.iter().map(|row| task::view(ctx, row)).collect(),
    })
}

/// A reference to a storage profile of a VM's VDC.
pub fn profile_reference(
    ctx: &Ctx,
    profiles: &[StorageProfile],
    id: Option<Id<StorageProfile>>,
) -> Option<types::Reference> {
    let profile = match id {
        Some(id) => profiles.iter().find(|profile| profile.id == id)?,
        None => profiles.iter().find(|profile| profile.default)?,
    };
    let href = ctx.links.storage_profile(profile.id);
    Some(reference(href, profile.id.urn(), &profile.name, mt::VDC_STORAGE_PROFILE))
}

/// The storage profile of a VM's home.
pub fn home_profile(ctx: &Ctx, details: &VmDetails) -> Option<types::Reference> {
    profile_reference(ctx, &details.profiles, details.vm.spec.storage_profile)
}
