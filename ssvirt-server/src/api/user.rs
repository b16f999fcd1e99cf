//! Users, roles and rights, as administrators see them.

use poem_openapi::{OpenApi, param::Path};
use ssvirt_core::{
    Error, Id,
    model::{Right, Role, User},
    rights::{self, right},
    service::{RoleName, UserChange},
};
use ssvirt_vcd::{link::rel, mt, types};

use super::{Answer, view};
use crate::{
    context::Ctx,
    error::VcdError,
    links::{link, reference, switch},
    wire::{Body, NoContent, Vcd},
};

pub struct UserApi;

#[OpenApi(tag = "super::Tag::Users")]
impl UserApi {
    /// A user
    #[oai(path = "/api/admin/user/:id", method = "get", operation_id = "getUser")]
    async fn user(&self, ctx: Ctx, id: Path<String>) -> Answer<types::User> {
        let (user, role) = ctx.cloud.user_with_role(&ctx.caller, Id::parse(&id)?).await?;
        Ok(Vcd(user_view(&ctx, &user, &role)))
    }

    /// Change a user: what the body leaves out stays as it is
    #[oai(path = "/api/admin/user/:id", method = "put", operation_id = "putUser")]
    async fn put(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Body<types::User>,
    ) -> Answer<types::User> {
        let user = ctx.cloud.change_user(&ctx.caller, Id::parse(&id)?, change(body.0)?).await?;
        let role = ctx.cloud.role(&ctx.caller, user.role).await?;
        Ok(Vcd(user_view(&ctx, &user, &role)))
    }

    /// Let a user log in again
    #[oai(path = "/api/admin/user/:id/action/enable", method = "post", operation_id = "enableUser")]
    async fn enable(&self, ctx: Ctx, id: Path<String>) -> Result<NoContent, VcdError> {
        ctx.cloud.set_user_enabled(&ctx.caller, Id::parse(&id)?, true).await?;
        Ok(NoContent)
    }

    /// End a user's sessions, and refuse new ones
    #[oai(
        path = "/api/admin/user/:id/action/disable",
        method = "post",
        operation_id = "disableUser"
    )]
    async fn disable(&self, ctx: Ctx, id: Path<String>) -> Result<NoContent, VcdError> {
        ctx.cloud.set_user_enabled(&ctx.caller, Id::parse(&id)?, false).await?;
        Ok(NoContent)
    }

    /// A role
    #[oai(path = "/api/admin/role/:id", method = "get", operation_id = "getRole")]
    async fn role(&self, ctx: Ctx, id: Path<String>) -> Answer<types::Role> {
        let role = ctx.cloud.role(&ctx.caller, Id::parse(&id)?).await?;
        let one = |name: &String| {
            let id = rights::id(name);
            reference(ctx.links.right(id.uuid()), id.urn(), name, mt::ADMIN_RIGHT)
        };
        Ok(Vcd(types::Role {
            entity: view::entity(
                &role.name,
                role.id.any(),
                ctx.links.role(role.id),
                mt::ADMIN_ROLE,
                &role.description,
            ),
            right_references: Some(types::RightReferences {
                right_reference: role.rights.iter().map(one).collect(),
            }),
        }))
    }

    /// A right
    #[oai(path = "/api/admin/right/:id", method = "get", operation_id = "getRight")]
    async fn right(&self, ctx: Ctx, id: Path<String>) -> Answer<types::Right> {
        let id = Id::<Right>::parse(&id)?;
        let name = rights::TENANT
            .iter()
            .find(|name| rights::id(name) == id)
            .ok_or_else(|| Error::no_access(id))?;
        Ok(Vcd(types::Right {
            entity: view::entity(name, id.any(), ctx.links.right(id.uuid()), mt::ADMIN_RIGHT, ""),
            right_type: None,
            category: rights::category(name).to_owned(),
            bundle_key: None,
            service_namespace: Some("com.vmware.vcloud".to_owned()),
        }))
    }
}

/// A user's body as a change of the user.
fn change(body: types::User) -> Result<UserChange, VcdError> {
    let role = body.role.as_ref().map(|role| Id::parse(&role.href)).transpose()?;
    Ok(UserChange {
        name: Some(body.entity.name).filter(|name| !name.is_empty()),
        full_name: body.full_name,
        email: body.email_address,
        description: body.entity.description,
        role: role.map(RoleName::Id),
        enabled: body.is_enabled,
        deployed_vm_quota: body.deployed_vm_quota,
        stored_vm_quota: body.stored_vm_quota,
        password: body.password.filter(|password| !password.is_empty()),
        ..UserChange::default()
    })
}

fn user_view(ctx: &Ctx, user: &User, role: &Role) -> types::User {
    let href = ctx.links.user(user.id);
    let mut entity =
        view::entity(&user.name, user.id.any(), href.clone(), mt::ADMIN_USER, &user.description);
    if ctx.caller.has(right::USER_MANAGE) {
        entity.link.push(link(rel::EDIT, href.clone(), mt::ADMIN_USER));
        // Nobody is offered to lock themselves out.
        if ctx.caller.user != user.id {
            entity.link.push(switch(user.enabled, &href));
        }
    }
    types::User {
        entity,
        full_name: Some(user.full_name.clone()),
        email_address: Some(user.email.clone()),
        telephone: Some(user.telephone.clone()),
        is_enabled: Some(user.enabled),
        is_locked: Some(false),
        is_external: Some(false),
        provider_type: Some("INTEGRATED".to_owned()),
        is_group_role: Some(false),
        stored_vm_quota: Some(user.stored_vm_quota),
        deployed_vm_quota: Some(user.deployed_vm_quota),
        role: Some(reference(ctx.links.role(role.id), role.id.urn(), &role.name, mt::ADMIN_ROLE)),
        ..types::User::default()
    }
}
