//! The administrator's view of the installation and of organizations.

use poem_openapi::{OpenApi, param::Path};
use ssvirt_core::{
    Id,
    model::{Org, Role},
    rights,
    service::OrgAdministration,
};
use ssvirt_vcd::{link::rel, mt, types};

use super::{Answer, org::vdc_references, view};
use crate::{
    context::Ctx,
    error::VcdError,
    links::{link, reference, switch},
    wire::{NoContent, Vcd},
};

pub struct AdminApi;

#[OpenApi(tag = "super::Tag::Administration")]
impl AdminApi {
    /// The installation: organizations, rights, roles
    #[oai(path = "/api/admin", method = "get", operation_id = "getVCloud")]
    async fn vcloud(&self, ctx: Ctx) -> Answer<types::VCloud> {
        let orgs = ctx.cloud.orgs(&ctx.caller).await?;
        let roles = ctx.cloud.roles(&ctx.caller, ctx.caller.org).await?;
        let mut entity = types::Entity {
            name: "ssvirt".to_owned(),
            href: Some(ctx.links.path("/api/admin/")),
            r#type: Some(mt::ADMIN_VCLOUD.to_owned()),
            // Clients read four numbers and a date out of this text.
            description: Some(BUILD.to_owned()),
            ..types::Entity::default()
        };
        entity.link.push(link(rel::DOWN, ctx.links.path("/api/query"), mt::QUERY_LIST));
        let org = |org: &Org| {
            reference(ctx.links.admin_org(org.id), org.id.urn(), &org.name, mt::ADMIN_ORG)
        };
        Ok(Vcd(types::VCloud {
            entity,
            organization_references: Some(types::OrganizationReferences {
                organization_reference: orgs.iter().map(org).collect(),
            }),
            provider_vdc_references: None,
            right_references: Some(types::RightReferences {
                right_reference: right_references(&ctx),
            }),
            role_references: Some(types::RoleReferences {
                role_reference: role_references(
                    &ctx,
                    roles.iter().map(|role| (role.id, role.name.as_str())),
                ),
            }),
            networks: None,
        }))
    }

    /// An organization, as its administrator sees it
    #[oai(path = "/api/admin/org/:id", method = "get", operation_id = "getAdminOrg")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Answer<types::AdminOrg> {
        let id = Id::<Org>::parse(&id)?;
        let all = ctx.cloud.org_administration(&ctx.caller, id).await?;
        Ok(Vcd(org_view(&ctx, &all)))
    }

    /// Let an organization's users log in again
    #[oai(path = "/api/admin/org/:id/action/enable", method = "post", operation_id = "enableOrg")]
    async fn enable(&self, ctx: Ctx, id: Path<String>) -> Result<NoContent, VcdError> {
        ctx.cloud.set_org_enabled(&ctx.caller, Id::parse(&id)?, true).await?;
        Ok(NoContent)
    }

    /// End an organization's sessions, and refuse new ones
    #[oai(path = "/api/admin/org/:id/action/disable", method = "post", operation_id = "disableOrg")]
    async fn disable(&self, ctx: Ctx, id: Path<String>) -> Result<NoContent, VcdError> {
        ctx.cloud.set_org_enabled(&ctx.caller, Id::parse(&id)?, false).await?;
        Ok(NoContent)
    }
}

/// In the form of a VCD build: clients parse it.
const BUILD: &str = "10.6.1.24532678 Mon Jan 06 10:00:00 UTC 2025";

fn org_view(ctx: &Ctx, all: &OrgAdministration) -> types::AdminOrg {
    let (contents, links) = (&all.contents, &ctx.links);
    let org = &contents.org;
    let mut entity = view::entity(
        &org.name,
        org.id.any(),
        links.admin_org(org.id),
        mt::ADMIN_ORG,
        &org.description,
    );
    entity.link = vec![
        link(rel::DOWN, links.tasks_list(org.id), mt::TASKS_LIST),
        link(rel::DOWN, format!("{}/metadata", links.org(org.id)), mt::METADATA),
        link(rel::ALTERNATE, links.org(org.id), mt::ORG),
    ];
    if ctx.caller.is_provider() && !org.is_system() {
        entity.link.push(switch(org.enabled, &links.admin_org(org.id)));
    }
    let named = |href, urn, name: &str, media| reference(href, urn, name, media);
    types::AdminOrg {
        entity,
        full_name: org.full_name.clone(),
        is_enabled: Some(org.enabled),
        settings: settings(org),
        users: Some(types::UsersList {
            user_reference: all
                .users
                .iter()
                .map(|row| named(links.user(row.id), row.id.urn(), &row.name, mt::ADMIN_USER))
                .collect(),
        }),
        groups: Some(types::GroupsList::default()),
        catalogs: Some(types::CatalogsList {
            catalog_reference: contents
                .catalogs
                .iter()
                .map(|row| {
                    named(links.admin_catalog(row.id), row.id.urn(), &row.name, mt::ADMIN_CATALOG)
                })
                .collect(),
        }),
        vdcs: Some(types::Vdcs { vdc: vdc_references(ctx, &contents.vdcs, true) }),
        networks: Some(types::Networks {
            network: contents
                .networks
                .iter()
                .map(|row| {
                    named(links.admin_network(row.id), row.id.urn(), &row.name, mt::ADMIN_NETWORK)
                })
                .collect(),
        }),
        right_references: Some(types::OrganizationRights {
            right_reference: right_references(ctx),
            ..types::OrganizationRights::default()
        }),
        role_references: Some(types::OrganizationRoles {
            role_reference: role_references(
                ctx,
                all.roles.iter().map(|role| (role.id, role.name.as_str())),
            ),
            ..types::OrganizationRoles::default()
        }),
        role_template_references: None,
    }
}

fn settings(org: &Org) -> types::OrgSettings {
    types::OrgSettings {
        org_general_settings: Some(types::OrgGeneralSettings {
            can_publish_catalogs: Some(org.can_publish),
            deployed_vm_quota: Some(0),
            stored_vm_quota: Some(0),
            use_server_boot_sequence: Some(false),
            delay_after_power_on_seconds: Some(0),
            ..types::OrgGeneralSettings::default()
        }),
        vapp_lease_settings: Some(types::OrgLeaseSettings {
            delete_on_storage_lease_expiration: Some(false),
            deployment_lease_seconds: Some(org.leases.deployment_seconds),
            storage_lease_seconds: Some(org.leases.storage_seconds),
            power_off_on_runtime_lease_expiration: Some(false),
            ..types::OrgLeaseSettings::default()
        }),
        vapp_template_lease_settings: Some(types::OrgVAppTemplateLeaseSettings {
            delete_on_storage_lease_expiration: Some(false),
            storage_lease_seconds: Some(org.leases.template_storage_seconds),
            ..types::OrgVAppTemplateLeaseSettings::default()
        }),
        org_ldap_settings: Some(types::OrgLdapSettings {
            org_ldap_mode: Some("NONE".to_owned()),
            ..types::OrgLdapSettings::default()
        }),
        org_password_policy_settings: Some(types::OrgPasswordPolicySettings {
            account_lockout_enabled: false,
            ..types::OrgPasswordPolicySettings::default()
        }),
        ..types::OrgSettings::default()
    }
}

fn right_references(ctx: &Ctx) -> Vec<types::Reference> {
    let one = |name: &&str| {
        let id = rights::id(name);
        reference(ctx.links.right(id.uuid()), id.urn(), name, mt::ADMIN_RIGHT)
    };
    rights::TENANT.iter().map(one).collect()
}

fn role_references<'a>(
    ctx: &Ctx,
    roles: impl Iterator<Item = (Id<Role>, &'a str)>,
) -> Vec<types::Reference> {
    roles.map(|(id, name)| reference(ctx.links.role(id), id.urn(), name, mt::ADMIN_ROLE)).collect()
}
