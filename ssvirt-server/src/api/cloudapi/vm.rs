//! `/cloudapi/1.0.0/vms`.

use poem_openapi::{Object, OpenApi, param::Path};
use serde::Serialize;
use ssvirt_core::{
    Id,
    backend::PowerAction,
    filter::Filter,
    model,
    query::{Row, Subject},
    service::{Deletion, VmDetails},
};

use super::{
    Kind,
    answer::{Answered, Started},
    list::{self, Cells, List, Listing, is, page_of},
    status_name, status_value,
};
use crate::{api::view as common, context::Ctx, error::VcdError};

pub struct VmsApi;

/// A virtual machine.
#[serde_with::skip_serializing_none]
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Vm {
    /// The URN.
    id: String,
    /// The name.
    name: String,
    /// Free text.
    description: String,
    /// VCD's status, `INSTANTIATING` while it is made, `FAILED` if it could not be.
    status: String,
    /// The vApp's URN.
    vapp_id: Option<String>,
    /// The URN of the template VM that it was made from; a single VM's answer has it.
    template_id: Option<String>,
    /// When it was made.
    created_at: String,
    /// When it was last changed.
    updated_at: String,
    /// The operating system: as the guest agent names it, else as the VM was made for.
    guest_os: String,
    /// What is known of the guest agent; nothing if none answers.
    vm_tools: Option<VmTools>,
    /// Processors and memory.
    hardware: Hardware,
    /// Where its home is.
    storage_profile: Option<Named>,
    /// Its NICs; a single VM's answer has all of them, a list's only the primary one.
    network_connections: Vec<Connection>,
    /// That it runs with other hardware than it should have until it is powered off and on, in a single VM's answer.
    restart_required: Option<bool>,
    /// The fields of its hardware that somebody has changed in the backend, such as `memory`, in a single VM's answer;
    /// the next change of the VM makes them what they should be.
    drift: Option<Vec<String>>,
    /// Where `/api` has it.
    href: String,
}

/// A guest agent.
#[serde_with::skip_serializing_none]
#[derive(Object, Serialize)]
pub struct VmTools {
    /// How it does.
    status: String,
    /// Its version.
    version: Option<String>,
}

/// Processors and memory.
#[serde_with::skip_serializing_none]
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Hardware {
    /// vCPUs.
    num_cpus: i64,
    /// Cores a socket.
    num_cores_per_socket: Option<i64>,
    /// Memory in MiB.
    #[oai(rename = "memoryMB")]
    #[serde(rename = "memoryMB")]
    memory_mb: i64,
}

/// Something that is known by its name.
#[derive(Object, Serialize)]
pub struct Named {
    /// The name.
    name: String,
}

/// A NIC.
#[serde_with::skip_serializing_none]
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// The vApp network.
    network_name: String,
    /// The address in use, or the one it was given.
    ip_address: Option<String>,
    /// The hardware address.
    mac_address: Option<String>,
    /// Whether it is connected.
    connected: Option<bool>,
}

page_of! {
    /// A page of VMs.
    Vms(Vm)
}

/// The VMs.
pub const LIST: List = List {
    model: "Vms",
    subject: Subject::Vm,
    names: &[
        ("id", "id"),
        ("name", "name"),
        ("description", "description"),
        ("status", "status"),
        ("vappId", "container"),
        ("vapp.name", "containerName"),
        ("vdc.id", "vdc"),
        ("org.id", "org"),
        ("createdAt", "dateCreated"),
        ("updatedAt", "modificationDate"),
        ("guestOs", "guestOs"),
        ("hardware.numCpus", "numberOfCpus"),
        ("hardware.memoryMB", "memoryMB"),
        ("ipAddress", "ipAddress"),
    ],
    wanted: &[
        "name",
        "description",
        "status",
        "container",
        "dateCreated",
        "modificationDate",
        "guestOs",
        "vmToolsStatus",
        "numberOfCpus",
        "memoryMB",
        "storageProfileName",
        "networkName",
        "ipAddress",
    ],
    search: &["name", "description", "ipAddress"],
    order: "name",
    value: status_value,
};

/// A VM as a list shows it.
fn row_view(ctx: &Ctx, row: Row) -> Vm {
    let href = ctx.links.vm(Id::new(row.id));
    let mut cells = Cells::of(row);
    let (id, name, description) = (cells.urn(Kind::Vm), cells.text(), cells.text());
    let (status, vapp_id) = (status_name(cells.int()), cells.reference(Kind::VApp));
    let (created_at, updated_at, guest_os) = (cells.time(), cells.time(), cells.text());
    let vm_tools = cells.some_text().map(|status| VmTools { status, version: None });
    let hardware =
        Hardware { num_cpus: cells.int(), num_cores_per_socket: None, memory_mb: cells.int() };
    let storage_profile = cells.some_text().map(|name| Named { name });
    let (network, ip_address) = (cells.some_text(), cells.some_text());
    let connection =
        |network_name| Connection { network_name, ip_address, mac_address: None, connected: None };
    Vm {
        id,
        name,
        description,
        status: status.to_owned(),
        vapp_id,
        template_id: None,
        created_at,
        updated_at,
        guest_os,
        vm_tools,
        hardware,
        storage_profile,
        network_connections: network.map(connection).into_iter().collect(),
        restart_required: None,
        drift: None,
        href,
    }
}

/// A VM as a single answer shows it.
fn view(ctx: &Ctx, details: VmDetails) -> Vm {
    let profile = common::home_profile(ctx, &details).and_then(|profile| profile.name);
    let drift = details.drift().into_iter().map(str::to_owned).collect();
    let vm = details.vm;
    let connection = |nic: &model::NicSpec| Connection {
        network_name: nic.network.clone().unwrap_or_else(|| "none".to_owned()),
        ip_address: vm.state.address_of(nic).map(|ip| ip.to_string()),
        mac_address: Some(nic.mac.clone()).filter(|mac| !mac.is_empty()),
        connected: Some(nic.connected),
    };
    let tools =
        |version: &String| VmTools { status: "RUNNING".to_owned(), version: Some(version.clone()) };
    Vm {
        status: status_name(vm.status().legacy().code().into()).to_owned(),
        vapp_id: Some(vm.vapp.urn()),
        template_id: vm.template.map(|id| id.urn()),
        created_at: common::time(vm.created),
        updated_at: common::time(vm.modified.unwrap_or(vm.created)),
        guest_os: vm.state.guest_os.clone().unwrap_or_else(|| vm.spec.os_type.clone()),
        vm_tools: vm.state.tools_version.as_ref().map(tools),
        hardware: Hardware {
            num_cpus: vm.spec.cpus.into(),
            num_cores_per_socket: Some(vm.spec.cores_per_socket.into()),
            memory_mb: vm.spec.memory_mib,
        },
        storage_profile: profile.map(|name| Named { name }),
        network_connections: vm.spec.nics.iter().map(connection).collect(),
        restart_required: vm.state.restart_required.then_some(true),
        drift: Some(drift).filter(|fields: &Vec<String>| !fields.is_empty()),
        href: ctx.links.vm(vm.id),
        id: vm.id.urn(),
        name: vm.name,
        description: vm.description,
    }
}

async fn power(ctx: &Ctx, id: &str, action: PowerAction) -> Result<Started, VcdError> {
    let task = ctx.cloud.power_vm(&ctx.caller, Id::parse(id)?, action).await?;
    Ok(Started::new(ctx, &task))
}

#[OpenApi(tag = "crate::api::Tag::VApps")]
impl VmsApi {
    /// The VMs that the caller sees, without those of templates
    #[oai(path = "/cloudapi/1.0.0/vms", method = "get", operation_id = "queryVms")]
    async fn list(&self, ctx: Ctx, listing: Listing) -> Result<Answered<Vms>, VcdError> {
        let own: Filter = is("isVAppTemplate", false);
        let page = list::page(&ctx, &LIST, listing, Some(own)).await?;
        Ok(Vms::answer(page.map(|row| row_view(&ctx, row))))
    }

    /// A VM
    #[oai(path = "/cloudapi/1.0.0/vms/:id", method = "get", operation_id = "getCloudApiVm")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Result<Answered<Vm>, VcdError> {
        let details = ctx.cloud.vm(&ctx.caller, Id::parse(&id)?).await?;
        Ok(Answered::new(view(&ctx, details)))
    }

    /// Delete a VM that is switched off
    #[oai(path = "/cloudapi/1.0.0/vms/:id", method = "delete", operation_id = "deleteCloudApiVm")]
    async fn delete(&self, ctx: Ctx, id: Path<String>) -> Result<Started, VcdError> {
        let task = ctx.cloud.delete_vm(&ctx.caller, Id::parse(&id)?, Deletion::Stopped).await?;
        Ok(Started::new(&ctx, &task))
    }

    /// Power a VM on
    #[oai(
        path = "/cloudapi/1.0.0/vms/:id/actions/powerOn",
        method = "post",
        operation_id = "powerOnCloudApiVm"
    )]
    async fn power_on(&self, ctx: Ctx, id: Path<String>) -> Result<Started, VcdError> {
        power(&ctx, &id, PowerAction::On).await
    }

    /// Power a VM off
    #[oai(
        path = "/cloudapi/1.0.0/vms/:id/actions/powerOff",
        method = "post",
        operation_id = "powerOffCloudApiVm"
    )]
    async fn power_off(&self, ctx: Ctx, id: Path<String>) -> Result<Started, VcdError> {
        power(&ctx, &id, PowerAction::Off).await
    }

    /// Suspend a VM
    #[oai(
        path = "/cloudapi/1.0.0/vms/:id/actions/suspend",
        method = "post",
        operation_id = "suspendCloudApiVm"
    )]
    async fn suspend(&self, ctx: Ctx, id: Path<String>) -> Result<Started, VcdError> {
        power(&ctx, &id, PowerAction::Suspend).await
    }

    /// Reset a VM
    #[oai(
        path = "/cloudapi/1.0.0/vms/:id/actions/reset",
        method = "post",
        operation_id = "resetCloudApiVm"
    )]
    async fn reset(&self, ctx: Ctx, id: Path<String>) -> Result<Started, VcdError> {
        power(&ctx, &id, PowerAction::Reset).await
    }

    /// Ask the guest to reboot
    #[oai(
        path = "/cloudapi/1.0.0/vms/:id/actions/reboot",
        method = "post",
        operation_id = "rebootCloudApiVm"
    )]
    async fn reboot(&self, ctx: Ctx, id: Path<String>) -> Result<Started, VcdError> {
        power(&ctx, &id, PowerAction::Reboot).await
    }

    /// Ask the guest to shut down
    #[oai(
        path = "/cloudapi/1.0.0/vms/:id/actions/shutdown",
        method = "post",
        operation_id = "shutdownCloudApiVm"
    )]
    async fn shutdown(&self, ctx: Ctx, id: Path<String>) -> Result<Started, VcdError> {
        power(&ctx, &id, PowerAction::Shutdown).await
    }
}
