//! What clients ask for, read into what the domain makes.

use ssvirt_core::{
    Error, ErrorKind, Id,
    id::{EntityKind, parse_uuid},
    model::{GuestCustomization, Lease, Network, Template, VmSpec},
    service::{HardwareChange, NewVApp, NewVm, Recompose, VAppNetworkRequest, VmChange, VmSource},
};
use ssvirt_vcd::types;

use super::new_vms::NewVms;
use crate::{
    api::{
        network::{parse_fence_mode, parse_scope},
        vm::change,
    },
    error::VcdError,
};

/// VMs of one request.
const MAX_VMS: usize = 128;
/// Networks of a vApp.
const MAX_NETWORKS: usize = 32;

/// composeVApp.
pub fn compose(params: types::ComposeVAppParams) -> Result<NewVApp, VcdError> {
    let mut new = header(params.name, params.description, params.instantiation_params)?;
    (new.deploy, new.power_on) = start(params.deploy, params.power_on);
    new.vms = items(params.sourced_item, params.create_item)?;
    Ok(new)
}

/// instantiateVAppTemplate.
pub fn instantiate(params: types::InstantiateVAppTemplateParams) -> Result<NewVApp, VcdError> {
    let params = params.params;
    let mut new = header(params.name, params.description, params.instantiation_params)?;
    (new.deploy, new.power_on) = start(params.deploy, params.power_on);
    new.template = Some(Id::<Template>::parse(&params.source.href)?);
    new.vms = items(params.sourced_item, Vec::new())?;
    limit(new.vms.len() + params.sourced_vm_instantiation_params.len(), MAX_VMS, "VMs")?;
    for extra in params.sourced_vm_instantiation_params {
        let source = source(&extra.source.href)?;
        let change = VmChange {
            storage_profile: change::profile(extra.storage_profile.as_ref())?,
            hardware: extra.hardware_customization.map(hardware).unwrap_or_default(),
            ..VmChange::default()
        };
        new.vms.push(NewVm { name: None, description: None, source, change });
    }
    Ok(new)
}

/// Whether the VMs of a new vApp are deployed, and switched on: both unless the client says otherwise. What is
/// not deployed is not switched on, unless the client says so.
fn start(deploy: Option<bool>, power_on: Option<bool>) -> (bool, bool) {
    let deploy = deploy.unwrap_or(true);
    (deploy, power_on.unwrap_or(deploy))
}

fn limit(count: usize, most: usize, what: &str) -> Result<(), VcdError> {
    if count <= most {
        return Ok(());
    }
    let message = format!("A request has at most {most} {what}.");
    Err(Error::new(ErrorKind::LimitExceeded, message).into())
}

/// recomposeVApp. Unlike those of a new vApp, added VMs are started only if the client says so.
pub fn recompose(params: types::RecomposeVAppParams) -> Result<Recompose, VcdError> {
    if !params.reconfigure_item.is_empty() {
        return Err(Error::not_supported("ReconfigureItem; use reconfigureVm").into());
    }
    let compose = params.compose;
    let section = compose.instantiation_params.and_then(|given| given.network_config_section);
    let networks = section.as_ref().map(networks).transpose()?;
    let delete = params.delete_item.iter().map(|item| Ok(Id::parse(&item.href)?));
    Ok(Recompose {
        name: compose.name.filter(|name| !name.is_empty()),
        description: compose.description,
        add: items(compose.sourced_item, compose.create_item)?,
        delete: delete.collect::<Result<_, VcdError>>()?,
        networks,
        deploy: compose.deploy.unwrap_or(false),
        power_on: compose.power_on.unwrap_or(false),
    })
}

/// A recomposition, or one that does nothing but add this VM.
pub fn added(body: NewVms) -> Result<Recompose, VcdError> {
    let add = match body {
        NewVms::Recompose(params) => return recompose(*params),
        NewVms::Sourced(item) => sourced_item(*item)?,
        NewVms::Created(item) => created_item(item.vm)?,
    };
    Ok(Recompose { add: vec![add], ..Recompose::default() })
}

fn header(
    name: Option<String>,
    description: Option<String>,
    params: Option<types::InstantiationParams>,
) -> Result<NewVApp, VcdError> {
    let params = params.unwrap_or_default();
    Ok(NewVApp {
        name: name.unwrap_or_default(),
        description: description.unwrap_or_default(),
        networks: params
            .network_config_section
            .as_ref()
            .map(networks)
            .transpose()?
            .unwrap_or_default(),
        lease: params
            .lease_settings_section
            .as_ref()
            .map(|section| lease(section, Lease { deployment_seconds: 0, storage_seconds: 0 }))
            .transpose()?,
        products: change::products(params.product_section),
        ..NewVApp::default()
    })
}

/// A lease section: what it leaves out stays as in `before`.
pub fn lease(section: &types::LeaseSettingsSection, before: Lease) -> Result<Lease, VcdError> {
    let lease = Lease {
        deployment_seconds: section
            .deployment_lease_in_seconds
            .unwrap_or(before.deployment_seconds),
        storage_seconds: section.storage_lease_in_seconds.unwrap_or(before.storage_seconds),
    };
    if lease.deployment_seconds < 0 || lease.storage_seconds < 0 {
        return Err(VcdError::bad_request("Bad request: a lease cannot be negative."));
    }
    Ok(lease)
}

/// A network section: exactly these networks.
pub fn networks(
    section: &types::NetworkConfigSection,
) -> Result<Vec<VAppNetworkRequest>, VcdError> {
    limit(section.network_config.len(), MAX_NETWORKS, "vApp networks")?;
    // `none` is the name of not being connected.
    section
        .network_config
        .iter()
        .filter(|config| config.network_name != "none")
        .map(network)
        .collect()
}

fn network(config: &types::NetworkConfig) -> Result<VAppNetworkRequest, VcdError> {
    let given = &config.configuration;
    let parent = given
        .parent_network
        .as_ref()
        .map(|parent| Id::<Network>::parse(&parent.href))
        .transpose()?;
    let scopes = given.ip_scopes.iter().flat_map(|scopes| &scopes.ip_scope);
    // A network with a parent has the parent's addresses, whatever a client repeats of them.
    let scopes = if parent.is_some() {
        Vec::new()
    } else {
        scopes.map(parse_scope).collect::<Result<_, _>>()?
    };
    Ok(VAppNetworkRequest {
        name: config.network_name.clone(),
        description: config.description.clone().unwrap_or_default(),
        fence_mode: Some(parse_fence_mode(&given.fence_mode)?),
        parent,
        scopes,
        retain_net_info: given.retain_net_info_across_deployments.unwrap_or(false),
    })
}

fn items(
    sourced: Vec<types::SourcedItem>,
    created: Vec<types::Vm>,
) -> Result<Vec<NewVm>, VcdError> {
    limit(sourced.len() + created.len(), MAX_VMS, "VMs")?;
    let sourced = sourced.into_iter().map(sourced_item);
    let created = created.into_iter().map(created_item);
    sourced.chain(created).collect()
}

fn sourced_item(item: types::SourcedItem) -> Result<NewVm, VcdError> {
    let general = item.vm_general_params.unwrap_or_default();
    let params = item.instantiation_params.unwrap_or_default();
    let mut change = VmChange {
        storage_profile: change::profile(item.storage_profile.as_ref())?,
        sizing_policy: change::policy(item.compute_policy.as_ref())?,
        guest: params
            .guest_customization_section
            .map(|section| change::guest_settings(section, &GuestCustomization::default())),
        products: (!params.product_section.is_empty())
            .then(|| change::products(params.product_section)),
        ..VmChange::default()
    };
    if let Some(spec) = params.vm_spec_section {
        change.hardware = change::spec(spec)?;
    }
    if let Some(section) = params.virtual_hardware_section {
        change::hardware_section(&mut change, section)?;
    }
    if let Some(section) = params.network_connection_section {
        change.nics = change::nics(section)?.nics;
    }
    if let Some(capabilities) = item.vm_capabilities {
        change.hot_add = Some((
            capabilities.cpu_hot_add_enabled.unwrap_or(false),
            capabilities.memory_hot_add_enabled.unwrap_or(false),
        ));
    }
    Ok(NewVm {
        // Terraform names the new VM in the reference to its source, others in the parameters.
        name: general
            .name
            .filter(|name| !name.is_empty())
            .or(item.source.name.filter(|name| !name.is_empty())),
        description: general.description,
        source: source(&item.source.href)?,
        change,
    })
}

fn created_item(item: types::Vm) -> Result<NewVm, VcdError> {
    let name = Some(item.entity.name.clone());
    let description = item.entity.description.clone();
    let spec = Box::<VmSpec>::default();
    let mut change = change::reconfigure(item, &spec)?;
    change.name = None;
    change.description = None;
    Ok(NewVm { name, description, source: VmSource::Empty(spec), change })
}

/// What an href names as the source of a VM.
fn source(href: &str) -> Result<VmSource, VcdError> {
    if href.contains("/vAppTemplate/vm-") {
        return Ok(VmSource::Template(Id::parse(href)?));
    }
    if href.contains("/vAppTemplate/") {
        return Ok(VmSource::WholeTemplate(Id::parse(href)?));
    }
    if parse_uuid(EntityKind::Vm, href).is_some() && href.contains("/vm-") {
        return Ok(VmSource::Copy(Id::parse(href)?));
    }
    Err(VcdError::bad_request(format!("Bad request: \"{href}\" cannot be the source of a VM.")))
}

fn hardware(given: types::HardwareCustomization) -> HardwareChange {
    HardwareChange {
        cpus: given.number_of_cpus,
        cores_per_socket: given.cores_per_socket,
        memory_mib: given.memory_size,
        ..HardwareChange::default()
    }
}
