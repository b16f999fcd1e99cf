//! A vApp as clients see it.

use ssvirt_core::{
    backend::PowerAction,
    model::{Phase, PowerState, VApp},
    rights::right,
    service::{VAppDetails, allowed},
    status::Status,
};
use ssvirt_vcd::{link::rel, mt, types};

use crate::{
    api::{network, view, vm},
    context::Ctx,
    links::{action, link},
};

/// A vApp with everything in it.
pub fn vapp(ctx: &Ctx, details: &VAppDetails) -> types::VApp {
    let row = &details.vapp;
    let href = ctx.links.vapp(row.id);
    let mut entity = view::entity(&row.name, row.id.any(), href, mt::VAPP, &row.description);
    entity.tasks = view::tasks(ctx, &details.tasks);
    entity.link = links(ctx, details);
    let children: Vec<types::Vm> =
        details.vms.iter().map(|details| vm::view::vm(ctx, details)).collect();
    types::VApp {
        entity,
        status: Some(status(ctx, details).code()),
        deployed: Some(details.vms.iter().any(|details| details.vm.deployed)),
        ovf_descriptor_uploaded: Some(true),
        lease_settings_section: Some(lease(ctx, details)),
        startup_section: (!details.vms.is_empty()).then(|| startup(details)),
        network_section: Some(network_section(details)),
        network_config_section: Some(network_config(ctx, details)),
        snapshot_section: None,
        product_section: vm::sections::product_elements(&row.products),
        date_created: Some(view::time(row.created)),
        owner: Some(view::owner(
            ctx,
            row.owner,
            details.owner.as_ref().map(|user| user.name.as_str()),
        )),
        auto_nature: Some(false),
        in_maintenance_mode: Some(false),
        children: (!children.is_empty()).then_some(types::VAppChildren { vm: children }),
        ..types::VApp::default()
    }
}

/// A vApp that its task has taken away again.
pub fn vanished(ctx: &Ctx, row: &VApp) -> types::VApp {
    types::VApp {
        entity: view::entity(
            &row.name,
            row.id.any(),
            ctx.links.vapp(row.id),
            mt::VAPP,
            &row.description,
        ),
        status: Some(Status::FailedCreation.code()),
        deployed: Some(false),
        ..types::VApp::default()
    }
}

fn status(ctx: &Ctx, details: &VAppDetails) -> Status {
    let vms = details.vms.iter().map(|details| details.vm.status());
    match details.vapp.phase {
        Phase::Creating => Status::Unresolved,
        Phase::Failed => Status::FailedCreation,
        Phase::Ready if ctx.modern_status() => Status::of_vapp(vms),
        Phase::Ready => Status::of_vapp(vms.map(Status::legacy)),
    }
}

/// The links of a vApp: what its state and the caller's rights allow.
fn links(ctx: &Ctx, details: &VAppDetails) -> Vec<types::Link> {
    let row = &details.vapp;
    let href = ctx.links.vapp(row.id);
    let mut all = Vec::new();
    if ctx.caller.has(right::VAPP_POWER) {
        let states: Vec<PowerState> =
            details.vms.iter().map(|details| details.vm.state.power).collect();
        all.extend(power_links(&href, &states));
        if details.vms.iter().any(|details| !details.vm.deployed) {
            all.push(link(rel::DEPLOY, format!("{href}/action/deploy"), mt::DEPLOY_VAPP_PARAMS));
        }
        if details.vms.iter().any(|details| details.vm.deployed) {
            all.push(link(
                rel::UNDEPLOY,
                format!("{href}/action/undeploy"),
                mt::UNDEPLOY_VAPP_PARAMS,
            ));
        }
    }
    for network in &row.networks {
        all.push(
            link(rel::DOWN, ctx.links.network(network.id), mt::VAPP_NETWORK).named(&network.name),
        );
    }
    all.push(link(rel::DOWN, format!("{href}/controlAccess"), mt::CONTROL_ACCESS));
    if ctx.caller.has(right::VAPP_EDIT) {
        all.push(link(
            rel::RECOMPOSE,
            format!("{href}/action/recomposeVApp"),
            mt::RECOMPOSE_VAPP_PARAMS,
        ));
    }
    all.push(link(rel::UP, ctx.links.vdc(row.vdc), mt::VDC));
    if ctx.caller.has(right::VAPP_DELETE) && details.vms.iter().all(|details| !details.vm.deployed)
    {
        all.push(action(rel::REMOVE, href.clone()));
    }
    all.push(link(rel::DOWN, format!("{href}/metadata"), mt::METADATA));
    all.push(link(rel::DOWN, format!("{href}/productSections"), mt::PRODUCT_SECTIONS));
    all
}

/// The power links that at least one of these states takes.
pub fn power_links(href: &str, states: &[PowerState]) -> Vec<types::Link> {
    const ACTIONS: [(PowerAction, &str, &str); 6] = [
        (PowerAction::On, rel::POWER_ON, "powerOn"),
        (PowerAction::Off, rel::POWER_OFF, "powerOff"),
        (PowerAction::Reboot, rel::POWER_REBOOT, "reboot"),
        (PowerAction::Reset, rel::POWER_RESET, "reset"),
        (PowerAction::Shutdown, rel::POWER_SHUTDOWN, "shutdown"),
        (PowerAction::Suspend, rel::POWER_SUSPEND, "suspend"),
    ];
    let possible = |what: PowerAction| states.iter().any(|state| allowed(what, *state));
    let mut all: Vec<types::Link> = ACTIONS
        .into_iter()
        .filter(|row| possible(row.0))
        .map(|(_, rel, verb)| action(rel, format!("{href}/power/action/{verb}")))
        .collect();
    if possible(PowerAction::DiscardSuspended) {
        all.push(action(rel::DISCARD_STATE, format!("{href}/action/discardSuspendedState")));
    }
    all
}

/// How long it lives.
pub fn lease(ctx: &Ctx, details: &VAppDetails) -> types::LeaseSettingsSection {
    let href = format!("{}/leaseSettingsSection/", ctx.links.vapp(details.vapp.id));
    types::LeaseSettingsSection {
        href: Some(href.clone()),
        r#type: Some(mt::LEASE_SETTINGS_SECTION.to_owned()),
        required: Some(false),
        info: "Lease settings section".into(),
        link: vec![link(rel::EDIT, href, mt::LEASE_SETTINGS_SECTION)],
        deployment_lease_in_seconds: Some(details.vapp.lease.deployment_seconds),
        storage_lease_in_seconds: Some(details.vapp.lease.storage_seconds),
        ..types::LeaseSettingsSection::default()
    }
}

fn startup(details: &VAppDetails) -> types::StartupSection {
    types::StartupSection {
        info: "VApp startup section".into(),
        item: details
            .vms
            .iter()
            .map(|details| types::StartupItem {
                id: details.vm.name.clone(),
                order: 0,
                start_delay: Some(0),
                stop_delay: Some(0),
                start_action: Some("powerOn".to_owned()),
                stop_action: Some("powerOff".to_owned()),
                ..types::StartupItem::default()
            })
            .collect(),
        ..types::StartupSection::default()
    }
}

fn network_section(details: &VAppDetails) -> types::NetworkSection {
    types::NetworkSection {
        info: "The list of logical networks".into(),
        network: details
            .vapp
            .networks
            .iter()
            .map(|network| types::OvfNetwork {
                name: network.name.clone(),
                description: Some(network.description.as_str().into()),
            })
            .collect(),
        ..types::NetworkSection::default()
    }
}

/// Its networks.
pub fn network_config(ctx: &Ctx, details: &VAppDetails) -> types::NetworkConfigSection {
    let href = format!("{}/networkConfigSection/", ctx.links.vapp(details.vapp.id));
    let one = |row: &ssvirt_core::model::VAppNetwork| types::NetworkConfig {
        network_name: row.name.clone(),
        // The id of a vApp network is the last UUID in this link: clients look for it there.
        link: vec![link(rel::DOWN, ctx.links.network(row.id), mt::VAPP_NETWORK)],
        description: Some(row.description.clone()),
        configuration: network::configuration(ctx, row, &details.networks),
        is_deployed: Some(details.vms.iter().any(|details| details.vm.deployed)),
        ..types::NetworkConfig::default()
    };
    types::NetworkConfigSection {
        href: Some(href.clone()),
        r#type: Some(mt::NETWORK_CONFIG_SECTION.to_owned()),
        required: Some(false),
        info: "The configuration parameters for logical networks".into(),
        link: vec![link(rel::EDIT, href, mt::NETWORK_CONFIG_SECTION)],
        network_config: details.vapp.networks.iter().map(one).collect(),
    }
}
