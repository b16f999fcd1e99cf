//! Users, roles and rights, as administrators see them.

use poem_openapi::{OpenApi, param::Path};
use ssvirt_core::{
    Error, Id,
    model::{Right, Role, User},
    rights,
};
use ssvirt_vcd::{mt, types};

use super::{Answer, view};
use crate::{context::Ctx, links::reference, wire::Vcd};

pub struct UserApi;

#[OpenApi]
impl UserApi {
    /// A user
    #[oai(path = "/api/admin/user/:id", method = "get", operation_id = "getUser")]
    async fn user(&self, ctx: Ctx, id: Path<String>) -> Answer<types::User> {
        let (user, role) = ctx.cloud.user_with_role(&ctx.caller, Id::parse(&id)?).await?;
        Ok(Vcd(user_view(&ctx, &user, &role)))
    }

    /// A role
    #[oai(path = "/api/admin/role/:id", method = "get", operation_id = "getRole")]
    async fn role(&self, ctx: Ctx, id: Path<String>) -> Answer<types::Role> {
        let role = ctx.cloud.role(&ctx.caller, Id::parse(&id)?).await?;
        let right = |name: &String| {
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
                right_reference: role.rights.iter().map(right).collect(),
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

fn user_view(ctx: &Ctx, user: &User, role: &Role) -> types::User {
    types::User {
        entity: view::entity(
            &user.name,
            user.id.any(),
            ctx.links.user(user.id),
            mt::ADMIN_USER,
            &user.description,
        ),
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
