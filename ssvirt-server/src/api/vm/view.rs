//! A VM as clients see it.

use ssvirt_core::{model::ComputePolicy, rights::right, service::VmDetails};
use ssvirt_vcd::{link::rel, mt, types};

use super::sections;
use crate::{
    api::{vapp::view as vapp, view},
    context::Ctx,
    links::{action, link},
};

/// A VM with everything in it.
pub fn vm(ctx: &Ctx, details: &VmDetails) -> types::Vm {
    let row = &details.vm;
    let href = ctx.links.vm(row.id);
    let mut entity = view::entity(&row.name, row.id.any(), href, mt::VM, &row.description);
    entity.tasks = view::tasks(ctx, &details.tasks);
    entity.link = links(ctx, details);
    let status = if ctx.modern_status() { row.status() } else { row.status().legacy() };
    let source = sections::Source::vm(ctx, details);
    types::Vm {
        entity,
        status: Some(status.code()),
        deployed: Some(row.deployed),
        needs_customization: Some(false),
        nested_hypervisor_enabled: Some(row.spec.nested_hypervisor),
        virtual_hardware_section: Some(sections::hardware(ctx, &source)),
        operating_system_section: Some(sections::operating_system(&source)),
        network_connection_section: Some(sections::network_connection(&source)),
        guest_customization_section: Some(sections::guest_customization(ctx, &source)),
        product_section: sections::product_elements(&row.products),
        runtime_info_section: Some(runtime(details)),
        snapshot_section: None,
        vm_spec_section: Some(sections::spec(ctx, &source)),
        date_created: Some(view::time(row.created)),
        vapp_scoped_local_id: Some(row.id.to_string()),
        vm_capabilities: Some(capabilities(ctx, details)),
        storage_profile: view::home_profile(ctx, details),
        compute_policy: Some(compute_policy(ctx, details)),
        is_compute_policy_compliant: Some(
            details.policy().is_none_or(|policy| policy.is_met_by(&row.spec)),
        ),
        boot_options: Some(boot_options(details)),
        ..types::Vm::default()
    }
}

/// The links of a VM: what its state and the caller's rights allow.
fn links(ctx: &Ctx, details: &VmDetails) -> Vec<types::Link> {
    let row = &details.vm;
    let href = ctx.links.vm(row.id);
    let mut all = Vec::new();
    if ctx.caller.has(right::VAPP_POWER) {
        all.extend(vapp::power_links(&href, &[row.state.power]));
        if row.deployed {
            all.push(link(
                rel::UNDEPLOY,
                format!("{href}/action/undeploy"),
                mt::UNDEPLOY_VAPP_PARAMS,
            ));
        } else {
            all.push(link(rel::DEPLOY, format!("{href}/action/deploy"), mt::DEPLOY_VAPP_PARAMS));
        }
    }
    if ctx.caller.has(right::VM_EDIT) {
        all.push(
            link(rel::RECONFIGURE_VM, format!("{href}/action/reconfigureVm"), mt::VM)
                .named(&row.name),
        );
    }
    if ctx.caller.has(right::VAPP_DELETE) && !row.deployed {
        all.push(action(rel::REMOVE, href.clone()));
    }
    all.push(link(rel::UP, ctx.links.vapp(row.vapp), mt::VAPP));
    all.push(link(rel::DOWN, format!("{href}/metadata"), mt::METADATA));
    all.push(link(rel::DOWN, format!("{href}/productSections"), mt::PRODUCT_SECTIONS));
    all
}

fn runtime(details: &VmDetails) -> types::RuntimeInfoSection {
    let version = details.vm.state.tools_version.clone().unwrap_or_else(|| "0".to_owned());
    // VCD has no elements for these, but the words are free.
    let mut info = "Specifies Runtime info".to_owned();
    if details.vm.state.restart_required {
        info.push_str(". The VM has to be powered off and on for changes to take effect");
    }
    let drift = details.drift();
    if !drift.is_empty() {
        info = format!("{info}. Changed in the backend: {}", drift.join(", "));
    }
    types::RuntimeInfoSection {
        info: info.as_str().into(),
        vmware_tools: Some(types::VmwareTools { version }),
        ..types::RuntimeInfoSection::default()
    }
}

/// What can be changed while it runs.
pub fn capabilities(ctx: &Ctx, details: &VmDetails) -> types::VmCapabilities {
    let href = format!("{}/vmCapabilities/", ctx.links.vm(details.vm.id));
    types::VmCapabilities {
        href: Some(href.clone()),
        r#type: Some(mt::VM_CAPABILITIES.to_owned()),
        link: vec![link(rel::EDIT, href, mt::VM_CAPABILITIES)],
        memory_hot_add_enabled: Some(details.vm.spec.memory_hot_add),
        cpu_hot_add_enabled: Some(details.vm.spec.cpu_hot_add),
    }
}

fn compute_policy(ctx: &Ctx, details: &VmDetails) -> types::ComputePolicy {
    let (id, name) = match details.policy() {
        Some(policy) => (policy.id, policy.name.as_str()),
        None => (ComputePolicy::SYSTEM_DEFAULT, ComputePolicy::SYSTEM_DEFAULT_NAME),
    };
    let policy = types::Reference::new(ctx.links.compute_policy(id)).with_id(id.urn()).named(name);
    types::ComputePolicy {
        vm_sizing_policy: Some(policy),
        vm_sizing_policy_final: Some(false),
        ..types::ComputePolicy::default()
    }
}

fn boot_options(details: &VmDetails) -> types::BootOptions {
    let boot = &details.vm.spec.boot;
    types::BootOptions {
        boot_delay: Some(i64::from(boot.boot_delay)),
        enter_bios_setup: Some(boot.enter_bios_setup),
        boot_retry_enabled: Some(boot.boot_retry_enabled),
        boot_retry_delay: Some(i64::from(boot.boot_retry_delay)),
        efi_secure_boot_enabled: Some(boot.efi_secure_boot),
        network_boot_protocol: boot.network_boot_protocol.clone(),
        ..types::BootOptions::default()
    }
}
