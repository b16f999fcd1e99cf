//! VDCs, storage profiles, hardware versions.

use poem_openapi::{OpenApi, param::Path};
use ssvirt_core::{
    Id,
    model::{ComputePolicy, StorageProfile},
    rights::right,
    service::VdcDetails,
};
use ssvirt_vcd::{link::rel, mt, types};

use super::{Answer, vapp::params, view};
use crate::{
    context::Ctx,
    error::VcdError,
    links::{link, reference, switch},
    wire::{Body, Created, NoContent, Vcd},
};

pub mod hardware;

pub struct VdcApi;

#[OpenApi(tag = "super::Tag::Vdcs")]
impl VdcApi {
    /// A VDC
    #[oai(path = "/api/vdc/:id", method = "get", operation_id = "getVdc")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Answer<types::Vdc> {
        let details = ctx.cloud.vdc_details(&ctx.caller, Id::parse(&id)?).await?;
        Ok(Vcd(vdc_view(&ctx, &details)))
    }

    /// A VDC, as an administrator sees it
    #[oai(path = "/api/admin/vdc/:id", method = "get", operation_id = "getAdminVdc")]
    async fn get_admin(&self, ctx: Ctx, id: Path<String>) -> Answer<types::AdminVdc> {
        let details = ctx.cloud.vdc_details(&ctx.caller, Id::parse(&id)?).await?;
        Ok(Vcd(admin_view(&ctx, &details)))
    }

    /// Allow new work in a VDC again
    #[oai(path = "/api/admin/vdc/:id/action/enable", method = "post", operation_id = "enableVdc")]
    async fn enable(&self, ctx: Ctx, id: Path<String>) -> Result<NoContent, VcdError> {
        ctx.cloud.set_vdc_enabled(&ctx.caller, Id::parse(&id)?, true).await?;
        Ok(NoContent)
    }

    /// Refuse new work in a VDC
    #[oai(path = "/api/admin/vdc/:id/action/disable", method = "post", operation_id = "disableVdc")]
    async fn disable(&self, ctx: Ctx, id: Path<String>) -> Result<NoContent, VcdError> {
        ctx.cloud.set_vdc_enabled(&ctx.caller, Id::parse(&id)?, false).await?;
        Ok(NoContent)
    }

    /// Make a vApp from VMs, templates or nothing
    #[oai(path = "/api/vdc/:id/action/composeVApp", method = "post", operation_id = "composeVApp")]
    async fn compose(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Body<types::ComposeVAppParams>,
    ) -> VAppAnswer {
        let new = params::compose(body.0)?;
        let (vapp, task) = ctx.cloud.create_vapp(&ctx.caller, Id::parse(&id)?, new).await?;
        super::vapp::created(&ctx, vapp, task).await
    }

    /// Make a vApp from a template
    #[oai(
        path = "/api/vdc/:id/action/instantiateVAppTemplate",
        method = "post",
        operation_id = "instantiateVAppTemplate"
    )]
    async fn instantiate(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Body<types::InstantiateVAppTemplateParams>,
    ) -> VAppAnswer {
        let new = params::instantiate(body.0)?;
        let (vapp, task) = ctx.cloud.create_vapp(&ctx.caller, Id::parse(&id)?, new).await?;
        super::vapp::created(&ctx, vapp, task).await
    }

    /// A virtual hardware version
    #[oai(path = "/api/vdc/:id/hwv/:version", method = "get", operation_id = "getHardwareVersion")]
    async fn hardware(
        &self,
        ctx: Ctx,
        id: Path<String>,
        version: Path<String>,
    ) -> Answer<types::VirtualHardwareVersion> {
        let vdc = ctx.cloud.vdc(&ctx.caller, Id::parse(&id)?).await?;
        let href = format!("{}/hwv/{}", ctx.links.vdc(vdc.id), version.0);
        hardware::version(&version, href).map(Vcd).ok_or_else(|| VcdError::no_route(&version))
    }

    /// A storage profile of a VDC
    #[oai(
        path = "/api/vdcStorageProfile/:id",
        method = "get",
        operation_id = "getVdcStorageProfile"
    )]
    async fn storage(&self, ctx: Ctx, id: Path<String>) -> Answer<types::VdcStorageProfile> {
        let (profile, used) = ctx.cloud.storage_profile(&ctx.caller, Id::parse(&id)?).await?;
        Ok(Vcd(storage_view(&ctx, &profile, used)))
    }
}

/// What making a vApp answers.
pub type VAppAnswer = Result<Created<types::VApp>, VcdError>;

fn vdc_view(ctx: &Ctx, details: &VdcDetails) -> types::Vdc {
    let (vdc, links) = (&details.vdc, &ctx.links);
    let href = links.vdc(vdc.id);
    let mut entity = view::entity(&vdc.name, vdc.id.any(), href.clone(), mt::VDC, &vdc.description);
    entity.tasks = view::tasks(ctx, &details.tasks);
    entity.link = vec![
        link(rel::UP, links.org(vdc.org), mt::ORG),
        link(rel::DOWN, format!("{href}/metadata"), mt::METADATA),
        link(rel::DOWN, format!("{href}/controlAccess"), mt::CONTROL_ACCESS),
        link(rel::ORG_VDC_NETWORKS, query_of(ctx, "orgVdcNetwork", details), mt::QUERY_RECORDS),
    ];
    if ctx.caller.has(right::VAPP_CREATE) {
        entity.link.push(link(
            rel::ADD,
            format!("{href}/action/composeVApp"),
            mt::COMPOSE_VAPP_PARAMS,
        ));
    }
    if ctx.caller.has(right::TEMPLATE_CHECKOUT) {
        let href = format!("{href}/action/instantiateVAppTemplate");
        entity.link.push(link(rel::ADD, href, mt::INSTANTIATE_VAPP_TEMPLATE_PARAMS));
    }
    types::Vdc {
        entity,
        status: Some(1),
        allocation_model: Some(vdc.allocation_model.name().to_owned()),
        compute_capacity: Some(capacity(details)),
        resource_entities: Some(resource_entities(ctx, details)),
        available_networks: Some(types::AvailableNetworks {
            network: details
                .networks
                .iter()
                .map(|row| {
                    reference(links.network(row.id), row.id.urn(), &row.name, mt::ORG_VDC_NETWORK)
                })
                .collect(),
        }),
        capabilities: Some(types::Capabilities {
            supported_hardware_versions: Some(hardware::supported(&href)),
        }),
        nic_quota: Some(vdc.nic_quota),
        network_quota: Some(vdc.network_quota),
        used_network_count: Some(i32::try_from(details.networks.len()).unwrap_or(i32::MAX)),
        vm_quota: Some(vdc.vm_quota),
        is_enabled: Some(vdc.enabled),
        vdc_storage_profiles: Some(types::VdcStorageProfiles {
            vdc_storage_profile: details
                .profiles
                .iter()
                .map(|row| {
                    reference(
                        links.storage_profile(row.id),
                        row.id.urn(),
                        &row.name,
                        mt::VDC_STORAGE_PROFILE,
                    )
                })
                .collect(),
        }),
        default_compute_policy: Some(default_policy(ctx)),
        vcpu_in_mhz2: Some(vdc.vcpu_mhz),
        ..types::Vdc::default()
    }
}

fn admin_view(ctx: &Ctx, details: &VdcDetails) -> types::AdminVdc {
    let (row, links) = (&details.vdc, &ctx.links);
    let href = links.admin_vdc(row.id);
    let mut vdc = vdc_view(ctx, details);
    vdc.entity.href = Some(href.clone());
    vdc.entity.r#type = Some(mt::ADMIN_VDC.to_owned());
    vdc.entity.link = vec![
        link(rel::UP, links.admin_org(row.org), mt::ADMIN_ORG),
        link(rel::ALTERNATE, links.vdc(row.id), mt::VDC),
        link(rel::DOWN, format!("{}/metadata", links.vdc(row.id)), mt::METADATA),
    ];
    if ctx.caller.is_provider() {
        vdc.entity.link.push(switch(row.enabled, &href));
    }
    types::AdminVdc {
        vdc,
        resource_guaranteed_memory: Some(0.0),
        resource_guaranteed_cpu: Some(0.0),
        vcpu_in_mhz: Some(row.vcpu_mhz),
        is_thin_provision: Some(true),
        uses_fast_provisioning: Some(false),
        ..types::AdminVdc::default()
    }
}

fn query_of(ctx: &Ctx, record: &str, details: &VdcDetails) -> String {
    ctx.links
        .path(&format!("/api/query?type={record}&format=records&filter=vdc=={}", details.vdc.id))
}

fn capacity(details: &VdcDetails) -> types::ComputeCapacity {
    let one = |units: &str, limit: i64, used: i64| types::CapacityWithUsage {
        units: units.to_owned(),
        allocated: Some(limit),
        limit,
        reserved: Some(0),
        used: Some(used),
        overhead: Some(0),
        ..types::CapacityWithUsage::default()
    };
    let (vdc, usage) = (&details.vdc, &details.usage);
    types::ComputeCapacity {
        cpu: one("MHz", vdc.cpu_limit_mhz, usage.cpus * vdc.vcpu_mhz),
        memory: one("MB", vdc.memory_limit_mib, usage.memory_mib),
    }
}

fn resource_entities(ctx: &Ctx, details: &VdcDetails) -> types::ResourceEntities {
    let entry = |reference| types::ResourceReference { reference, status: None };
    let templates = details.templates.iter().filter(|_| ctx.caller.has(right::TEMPLATE_VIEW));
    let templates = templates.map(|row| {
        reference(ctx.links.template(row.id), row.id.urn(), &row.name, mt::VAPP_TEMPLATE)
    });
    let vapps = details
        .vapps
        .iter()
        .map(|row| reference(ctx.links.vapp(row.id), row.id.urn(), &row.name, mt::VAPP));
    types::ResourceEntities { resource_entity: templates.chain(vapps).map(entry).collect() }
}

/// The sizing policy that VMs have unless told otherwise.
pub fn default_policy(ctx: &Ctx) -> types::Reference {
    let id = ComputePolicy::SYSTEM_DEFAULT;
    types::Reference::new(ctx.links.compute_policy(id))
        .with_id(id.urn())
        .named(ComputePolicy::SYSTEM_DEFAULT_NAME)
}

fn storage_view(ctx: &Ctx, profile: &StorageProfile, used: i64) -> types::VdcStorageProfile {
    let href = ctx.links.storage_profile(profile.id);
    let mut entity =
        view::entity(&profile.name, profile.id.any(), href.clone(), mt::VDC_STORAGE_PROFILE, "");
    entity.link = vec![
        link(rel::UP, ctx.links.vdc(profile.vdc), mt::VDC),
        link(rel::DOWN, format!("{href}/metadata"), mt::METADATA),
    ];
    types::VdcStorageProfile {
        entity,
        enabled: Some(profile.enabled),
        units: "MB".to_owned(),
        limit: profile.limit_mib,
        default: profile.default,
        iops_settings: Some(types::VdcStorageProfileIopsSettings::default()),
        inherit_pvdc_default_settings: Some(true),
        storage_used_mb: Some(used),
        iops_allocated: Some(0),
    }
}
