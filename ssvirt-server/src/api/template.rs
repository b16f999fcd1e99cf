//! vApp templates and the VMs inside them.

use poem_openapi::{OpenApi, param::Path};
use ssvirt_core::{
    Id,
    model::{Catalog, Template, TemplateVm, User},
};
use ssvirt_vcd::{link::rel, mt, types};

use super::{Answer, view, vm::sections};
use crate::{context::Ctx, error::VcdError, links::link, wire::Vcd};

pub struct TemplateApi;

#[OpenApi(tag = "super::Tag::Templates")]
impl TemplateApi {
    /// A template, or with `vm-` before the id a VM inside one
    #[oai(path = "/api/vAppTemplate/:id", method = "get", operation_id = "getVAppTemplate")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Answer<types::VAppTemplate> {
        if id.starts_with("vm-") {
            let id = parse_vm(&id)?;
            let template = ctx.cloud.template_of_vm(&ctx.caller, id).await?;
            let vm = template.vm(id).ok_or_else(|| ssvirt_core::Error::no_access(id))?;
            return Ok(Vcd(vm_view(&ctx, &template, vm)));
        }
        let (template, catalog, owner) = ctx.cloud.template(&ctx.caller, Id::parse(&id)?).await?;
        Ok(Vcd(template_view(&ctx, &template, &catalog, owner.as_ref())))
    }

    /// How long a template is kept
    #[oai(
        path = "/api/vAppTemplate/:id/leaseSettingsSection",
        method = "get",
        operation_id = "getVAppTemplateLeaseSettings"
    )]
    async fn lease(&self, ctx: Ctx, id: Path<String>) -> Answer<types::LeaseSettingsSection> {
        let (template, ..) = ctx.cloud.template(&ctx.caller, Id::parse(&id)?).await?;
        Ok(Vcd(lease_view(&ctx, &template)))
    }
}

/// The id of a VM inside a template.
pub fn parse_vm(text: &str) -> Result<Id<TemplateVm>, VcdError> {
    Ok(Id::parse(text)?)
}

fn template_view(
    ctx: &Ctx,
    template: &Template,
    catalog: &Catalog,
    owner: Option<&User>,
) -> types::VAppTemplate {
    let links = &ctx.links;
    let href = links.template(template.id);
    let mut entity = view::entity(
        &template.name,
        template.id.any(),
        href.clone(),
        mt::VAPP_TEMPLATE,
        &template.description,
    );
    entity.link = vec![
        link(rel::UP, links.catalog(catalog.id), mt::CATALOG),
        link(rel::CATALOG_ITEM, links.catalog_item(template.item), mt::CATALOG_ITEM),
        link(rel::DOWN, format!("{href}/metadata"), mt::METADATA),
    ];
    types::VAppTemplate {
        entity,
        status: Some(template.status.code()),
        ovf_descriptor_uploaded: Some(true),
        gold_master: Some(false),
        owner: Some(view::owner(ctx, template.owner, owner.map(|user| user.name.as_str()))),
        children: Some(types::VAppTemplateChildren {
            vm: template.vms.iter().map(|vm| vm_view(ctx, template, vm)).collect(),
        }),
        lease_settings_section: Some(lease_view(ctx, template)),
        customization_section: Some(types::CustomizationSection {
            info: "VApp template customization section".into(),
            customize_on_instantiate: true,
            ..types::CustomizationSection::default()
        }),
        network_section: Some(types::NetworkSection {
            info: "The list of logical networks".into(),
            ..types::NetworkSection::default()
        }),
        network_config_section: Some(types::NetworkConfigSection {
            info: "The configuration parameters for logical networks".into(),
            ..types::NetworkConfigSection::default()
        }),
        date_created: Some(view::time(template.created)),
        ..types::VAppTemplate::default()
    }
}

fn vm_view(ctx: &Ctx, template: &Template, vm: &TemplateVm) -> types::VAppTemplate {
    let href = ctx.links.template_vm(vm.id);
    let mut entity = view::entity(&vm.name, vm.id.any(), href, mt::VM, &vm.description);
    entity.link = vec![link(rel::UP, ctx.links.template(template.id), mt::VAPP_TEMPLATE)];
    types::VAppTemplate {
        entity,
        status: Some(template.status.code()),
        gold_master: Some(false),
        virtual_hardware_section: Some(sections::hardware(ctx, &sections::Source::template(vm))),
        operating_system_section: Some(sections::operating_system(&sections::Source::template(vm))),
        network_connection_section: Some(sections::network_connection(
            &sections::Source::template(vm),
        )),
        guest_customization_section: Some(sections::guest_customization(
            ctx,
            &sections::Source::template(vm),
        )),
        product_section: sections::product_elements(&vm.products),
        vm_spec_section: Some(sections::spec(ctx, &sections::Source::template(vm))),
        vapp_scoped_local_id: Some(vm.name.clone()),
        date_created: Some(view::time(template.created)),
        ..types::VAppTemplate::default()
    }
}

fn lease_view(ctx: &Ctx, template: &Template) -> types::LeaseSettingsSection {
    types::LeaseSettingsSection {
        href: Some(format!("{}/leaseSettingsSection/", ctx.links.template(template.id))),
        r#type: Some(mt::LEASE_SETTINGS_SECTION.to_owned()),
        required: Some(false),
        info: "Lease settings section".into(),
        storage_lease_in_seconds: Some(template.storage_lease_seconds),
        ..types::LeaseSettingsSection::default()
    }
}
