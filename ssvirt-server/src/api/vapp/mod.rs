//! `/api/vApp`: vApps and virtual machines, told apart by `vapp-` and `vm-` before the id, or by the kind in
//! a URN.

pub mod new_vms;
pub mod params;
pub mod view;

use poem_openapi::{ApiResponse, OpenApi, param::Path, param::Query};
use ssvirt_core::{
    ErrorKind, Id,
    backend::PowerAction,
    id::{EntityKind, Urn},
    model::{Task, VApp, Vm},
    service::{Deletion, Undeploy},
};
use ssvirt_vcd::types;

use super::{
    Answer, TaskAnswer, accepted,
    vm::{self, change, sections},
};
use crate::{
    context::Ctx,
    error::VcdError,
    wire::{Body, Created, Vcd},
};

use new_vms::NewVms;

pub struct VAppApi;

/// What an id in `/api/vApp` names.
pub enum Target {
    /// A vApp.
    VApp(Id<VApp>),
    /// A VM.
    Vm(Id<Vm>),
}

impl Target {
    /// Where both can be meant a bare UUID is a vApp's, as the path says.
    fn parse(text: &str) -> Result<Self, VcdError> {
        Ok(match said_kind(text) {
            Some(EntityKind::Vm) => Self::Vm(Id::parse(text)?),
            _ => Self::VApp(Id::parse(text)?),
        })
    }
}

/// Whether an id in `/api/vApp` says that it is a vApp's or a VM's.
pub fn said_kind(text: &str) -> Option<EntityKind> {
    if let Some(urn) = Urn::parse(text) {
        return Some(urn.kind);
    }
    let kinds = [("vapp-", EntityKind::VApp), ("vm-", EntityKind::Vm)];
    kinds.into_iter().find(|(prefix, _)| text.starts_with(prefix)).map(|(_, kind)| kind)
}

/// The VM that a path names; vApps do not have what is asked for.
fn vm_id(text: &str) -> Result<Id<Vm>, VcdError> {
    match said_kind(text) {
        Some(EntityKind::VApp) => Err(VcdError::no_route(text)),
        _ => Ok(Id::parse(text)?),
    }
}

/// The vApp that a path names; VMs do not have what is asked for.
fn vapp_id(text: &str) -> Result<Id<VApp>, VcdError> {
    match said_kind(text) {
        Some(EntityKind::Vm) => Err(VcdError::no_route(text)),
        _ => Ok(Id::parse(text)?),
    }
}

/// A vApp or a VM.
pub enum VAppOrVm {
    /// A vApp.
    VApp(Box<types::VApp>),
    /// A VM.
    Vm(Box<types::Vm>),
}

impl poem::IntoResponse for VAppOrVm {
    fn into_response(self) -> poem::Response {
        match self {
            Self::VApp(vapp) => Vcd::<_, 200>(*vapp).into_response(),
            Self::Vm(vm) => Vcd::<_, 200>(*vm).into_response(),
        }
    }
}

impl ApiResponse for VAppOrVm {
    fn meta() -> poem_openapi::registry::MetaResponses {
        let mut meta = Vcd::<types::VApp>::meta();
        if let Some(response) = meta.responses.first_mut() {
            response.content.extend(crate::wire::media_types::<types::Vm>());
        }
        meta
    }

    fn register(registry: &mut poem_openapi::registry::Registry) {
        Vcd::<types::VApp>::register(registry);
        Vcd::<types::Vm>::register(registry);
    }
}

/// The answer of making a vApp: the vApp with the task inside. Clients take the task from there, finished or
/// not.
pub async fn created(ctx: &Ctx, vapp: VApp, task: Task) -> Result<Created<types::VApp>, VcdError> {
    let mut element = match ctx.cloud.vapp(&ctx.caller, vapp.id).await {
        Ok(details) => view::vapp(ctx, &details),
        // The task has failed already and taken the vApp with it: what is left to show is the task.
        Err(error) if error.kind() == ErrorKind::Forbidden => view::vanished(ctx, &vapp),
        Err(error) => return Err(error.into()),
    };
    element.entity.tasks = super::view::tasks(ctx, &[task]);
    Ok(Vcd(element))
}

#[OpenApi(tag = "super::Tag::VApps")]
impl VAppApi {
    /// A vApp or VM
    #[oai(path = "/api/vApp/:id", method = "get", operation_id = "getVApp")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Result<VAppOrVm, VcdError> {
        Ok(match Target::parse(&id)? {
            Target::VApp(id) => {
                VAppOrVm::VApp(Box::new(view::vapp(&ctx, &ctx.cloud.vapp(&ctx.caller, id).await?)))
            }
            Target::Vm(id) => {
                VAppOrVm::Vm(Box::new(vm::view::vm(&ctx, &ctx.cloud.vm(&ctx.caller, id).await?)))
            }
        })
    }

    /// Delete a vApp or VM
    #[oai(path = "/api/vApp/:id", method = "delete", operation_id = "deleteVApp")]
    async fn delete(&self, ctx: Ctx, id: Path<String>, force: Query<Option<String>>) -> TaskAnswer {
        let forced = force.0.is_some_and(|force| force.eq_ignore_ascii_case("true"));
        let deletion = if forced { Deletion::Forced } else { Deletion::Undeployed };
        let task = match Target::parse(&id)? {
            Target::VApp(id) => ctx.cloud.delete_vapp(&ctx.caller, id, deletion).await?,
            Target::Vm(id) => ctx.cloud.delete_vm(&ctx.caller, id, Deletion::Undeployed).await?,
        };
        accepted(&ctx, &task)
    }

    /// Add and delete VMs of a vApp, rename it
    #[oai(
        path = "/api/vApp/:id/action/recomposeVApp",
        method = "post",
        operation_id = "recomposeVApp"
    )]
    async fn recompose(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Body<types::RecomposeVAppParams>,
    ) -> TaskAnswer {
        let change = params::recompose(body.0)?;
        let task = ctx.cloud.recompose_vapp(&ctx.caller, vapp_id(&id)?, change).await?;
        accepted(&ctx, &task)
    }

    /// Add VMs to a vApp
    ///
    /// RecomposeVAppParams as in recomposeVApp, or only a SourcedItem or a CreateItem of it.
    #[oai(path = "/api/vApp/:id/vms", method = "post", operation_id = "addVms")]
    async fn add_vms(&self, ctx: Ctx, id: Path<String>, body: NewVms) -> TaskAnswer {
        let change = params::added(body)?;
        let task = ctx.cloud.recompose_vapp(&ctx.caller, vapp_id(&id)?, change).await?;
        accepted(&ctx, &task)
    }

    /// Deploy a vApp or VM
    #[oai(path = "/api/vApp/:id/action/deploy", method = "post", operation_id = "deployVApp")]
    async fn deploy(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Body<types::DeployVAppParams>,
    ) -> TaskAnswer {
        let power_on = body.0.power_on.unwrap_or(true);
        let task = match Target::parse(&id)? {
            Target::VApp(id) => ctx.cloud.deploy_vapp(&ctx.caller, id, power_on).await?,
            Target::Vm(id) => ctx.cloud.deploy_vm(&ctx.caller, id, power_on).await?,
        };
        accepted(&ctx, &task)
    }

    /// Undeploy a vApp or VM
    #[oai(path = "/api/vApp/:id/action/undeploy", method = "post", operation_id = "undeployVApp")]
    async fn undeploy(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Body<types::UndeployVAppParams>,
    ) -> TaskAnswer {
        let how = match body.0.undeploy_power_action.as_deref() {
            None | Some("powerOff" | "default" | "force") => Undeploy::PowerOff,
            Some("suspend") => Undeploy::Suspend,
            Some("shutdown") => Undeploy::Shutdown,
            Some(other) => {
                return Err(VcdError::bad_request(format!(
                    "Bad request: \"{other}\" is not an UndeployPowerAction."
                )));
            }
        };
        let task = match Target::parse(&id)? {
            Target::VApp(id) => ctx.cloud.undeploy_vapp(&ctx.caller, id, how).await?,
            Target::Vm(id) => ctx.cloud.undeploy_vm(&ctx.caller, id, how).await?,
        };
        accepted(&ctx, &task)
    }

    /// Power a vApp or VM on
    #[oai(path = "/api/vApp/:id/power/action/powerOn", method = "post", operation_id = "powerOn")]
    async fn power_on(&self, ctx: Ctx, id: Path<String>) -> TaskAnswer {
        power(&ctx, Target::parse(&id)?, PowerAction::On).await
    }

    /// Power a vApp or VM off
    #[oai(path = "/api/vApp/:id/power/action/powerOff", method = "post", operation_id = "powerOff")]
    async fn power_off(&self, ctx: Ctx, id: Path<String>) -> TaskAnswer {
        power(&ctx, Target::parse(&id)?, PowerAction::Off).await
    }

    /// Suspend a vApp or VM
    #[oai(path = "/api/vApp/:id/power/action/suspend", method = "post", operation_id = "suspend")]
    async fn suspend(&self, ctx: Ctx, id: Path<String>) -> TaskAnswer {
        power(&ctx, Target::parse(&id)?, PowerAction::Suspend).await
    }

    /// Reset a vApp or VM
    #[oai(path = "/api/vApp/:id/power/action/reset", method = "post", operation_id = "reset")]
    async fn reset(&self, ctx: Ctx, id: Path<String>) -> TaskAnswer {
        power(&ctx, Target::parse(&id)?, PowerAction::Reset).await
    }

    /// Ask the guests to reboot
    #[oai(path = "/api/vApp/:id/power/action/reboot", method = "post", operation_id = "reboot")]
    async fn reboot(&self, ctx: Ctx, id: Path<String>) -> TaskAnswer {
        power(&ctx, Target::parse(&id)?, PowerAction::Reboot).await
    }

    /// Ask the guests to shut down
    #[oai(path = "/api/vApp/:id/power/action/shutdown", method = "post", operation_id = "shutdown")]
    async fn shutdown(&self, ctx: Ctx, id: Path<String>) -> TaskAnswer {
        power(&ctx, Target::parse(&id)?, PowerAction::Shutdown).await
    }

    /// Forget the memory of suspended VMs
    #[oai(
        path = "/api/vApp/:id/action/discardSuspendedState",
        method = "post",
        operation_id = "discardSuspended"
    )]
    async fn discard(&self, ctx: Ctx, id: Path<String>) -> TaskAnswer {
        power(&ctx, Target::parse(&id)?, PowerAction::DiscardSuspended).await
    }

    /// Change a VM
    #[oai(
        path = "/api/vApp/:id/action/reconfigureVm",
        method = "post",
        operation_id = "reconfigureVm"
    )]
    async fn reconfigure(&self, ctx: Ctx, id: Path<String>, body: Body<types::Vm>) -> TaskAnswer {
        vm::reconfigure(&ctx, vm_id(&id)?, body.0).await
    }

    /// How long a vApp lives
    #[oai(
        path = "/api/vApp/:id/leaseSettingsSection",
        method = "get",
        operation_id = "getVAppLeaseSettings"
    )]
    async fn lease(&self, ctx: Ctx, id: Path<String>) -> Answer<types::LeaseSettingsSection> {
        let details = ctx.cloud.vapp(&ctx.caller, vapp_id(&id)?).await?;
        Ok(Vcd(view::lease(&ctx, &details)))
    }

    /// Set how long a vApp lives
    #[oai(
        path = "/api/vApp/:id/leaseSettingsSection",
        method = "put",
        operation_id = "putVAppLeaseSettings"
    )]
    async fn set_lease(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Body<types::LeaseSettingsSection>,
    ) -> TaskAnswer {
        let id = vapp_id(&id)?;
        let before = ctx.cloud.vapp(&ctx.caller, id).await?.vapp.lease;
        let lease = params::lease(&body.0, before)?;
        let task = ctx.cloud.set_vapp_lease(&ctx.caller, id, lease).await?;
        accepted(&ctx, &task)
    }

    /// The networks of a vApp
    #[oai(
        path = "/api/vApp/:id/networkConfigSection",
        method = "get",
        operation_id = "getVAppNetworkConfig"
    )]
    async fn networks(&self, ctx: Ctx, id: Path<String>) -> Answer<types::NetworkConfigSection> {
        let details = ctx.cloud.vapp(&ctx.caller, vapp_id(&id)?).await?;
        Ok(Vcd(view::network_config(&ctx, &details)))
    }

    /// Set the networks of a vApp
    #[oai(
        path = "/api/vApp/:id/networkConfigSection",
        method = "put",
        operation_id = "putVAppNetworkConfig"
    )]
    async fn set_networks(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Body<types::NetworkConfigSection>,
    ) -> TaskAnswer {
        let wanted = params::networks(&body.0)?;
        let task = ctx.cloud.set_vapp_networks(&ctx.caller, vapp_id(&id)?, wanted).await?;
        accepted(&ctx, &task)
    }

    /// The OVF properties of a vApp or VM
    #[oai(
        path = "/api/vApp/:id/productSections",
        method = "get",
        operation_id = "getProductSections"
    )]
    async fn products(&self, ctx: Ctx, id: Path<String>) -> Answer<types::ProductSectionList> {
        let (href, products) = match Target::parse(&id)? {
            Target::VApp(id) => {
                (ctx.links.vapp(id), ctx.cloud.vapp(&ctx.caller, id).await?.vapp.products.clone())
            }
            Target::Vm(id) => (ctx.links.vm(id), ctx.cloud.vm(&ctx.caller, id).await?.vm.products),
        };
        Ok(Vcd(sections::products(&href, &products)))
    }

    /// Set the OVF properties of a vApp or VM
    #[oai(
        path = "/api/vApp/:id/productSections",
        method = "put",
        operation_id = "putProductSections"
    )]
    async fn set_products(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Body<types::ProductSectionList>,
    ) -> TaskAnswer {
        let products = change::products(body.0.product_section);
        let task = match Target::parse(&id)? {
            Target::VApp(id) => ctx.cloud.set_vapp_products(&ctx.caller, id, products).await?,
            Target::Vm(id) => {
                let change = ssvirt_core::service::VmChange {
                    products: Some(products),
                    ..Default::default()
                };
                ctx.cloud.change_vm(&ctx.caller, id, "vappUpdateProductSections", change).await?
            }
        };
        accepted(&ctx, &task)
    }

    /// The NICs of a VM
    #[oai(
        path = "/api/vApp/:id/networkConnectionSection",
        method = "get",
        operation_id = "getNetworkConnections"
    )]
    async fn nics(&self, ctx: Ctx, id: Path<String>) -> Answer<types::NetworkConnectionSection> {
        let details = ctx.cloud.vm(&ctx.caller, vm_id(&id)?).await?;
        Ok(Vcd(sections::network_connection(&sections::Source::vm(&ctx, &details))))
    }

    /// Set the NICs of a VM
    #[oai(
        path = "/api/vApp/:id/networkConnectionSection",
        method = "put",
        operation_id = "putNetworkConnections"
    )]
    async fn set_nics(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Body<types::NetworkConnectionSection>,
    ) -> TaskAnswer {
        let change = change::nics(body.0)?;
        let task = ctx
            .cloud
            .change_vm(&ctx.caller, vm_id(&id)?, "vappUpdateVmNetworkConnection", change)
            .await?;
        accepted(&ctx, &task)
    }

    /// What the guest of a VM is set up with
    #[oai(
        path = "/api/vApp/:id/guestCustomizationSection",
        method = "get",
        operation_id = "getGuestCustomization"
    )]
    async fn guest(&self, ctx: Ctx, id: Path<String>) -> Answer<types::GuestCustomizationSection> {
        let details = ctx.cloud.vm(&ctx.caller, vm_id(&id)?).await?;
        Ok(Vcd(sections::guest_customization(&ctx, &sections::Source::vm(&ctx, &details))))
    }

    /// Set what the guest of a VM is set up with
    #[oai(
        path = "/api/vApp/:id/guestCustomizationSection",
        method = "put",
        operation_id = "putGuestCustomization"
    )]
    async fn set_guest(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Body<types::GuestCustomizationSection>,
    ) -> TaskAnswer {
        let id = vm_id(&id)?;
        let before = ctx.cloud.vm(&ctx.caller, id).await?.vm.spec;
        let change = change::guest(body.0, &before);
        let task =
            ctx.cloud.change_vm(&ctx.caller, id, "vappUpdateGuestCustomization", change).await?;
        accepted(&ctx, &task)
    }

    /// The virtual hardware of a VM
    #[oai(
        path = "/api/vApp/:id/virtualHardwareSection",
        method = "get",
        operation_id = "getVirtualHardware"
    )]
    async fn hardware(&self, ctx: Ctx, id: Path<String>) -> Answer<types::VirtualHardwareSection> {
        let details = ctx.cloud.vm(&ctx.caller, vm_id(&id)?).await?;
        Ok(Vcd(sections::hardware(&ctx, &sections::Source::vm(&ctx, &details))))
    }

    /// Set the virtual hardware of a VM: vCPUs, memory, sizes of disks, extra configuration
    #[oai(
        path = "/api/vApp/:id/virtualHardwareSection",
        method = "put",
        operation_id = "putVirtualHardware"
    )]
    async fn set_hardware(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Body<types::VirtualHardwareSection>,
    ) -> TaskAnswer {
        let mut change = ssvirt_core::service::VmChange::default();
        change::hardware_section(&mut change, body.0)?;
        let task = ctx.cloud.change_vm(&ctx.caller, vm_id(&id)?, "vappUpdateVm", change).await?;
        accepted(&ctx, &task)
    }

    /// One kind of virtual hardware: cpu, memory
    #[oai(
        path = "/api/vApp/:id/virtualHardwareSection/:part",
        method = "get",
        operation_id = "getHardwareItem"
    )]
    async fn hardware_item(
        &self,
        ctx: Ctx,
        id: Path<String>,
        part: Path<String>,
    ) -> Result<Rasd, VcdError> {
        let details = ctx.cloud.vm(&ctx.caller, vm_id(&id)?).await?;
        sections::part(&ctx, &sections::Source::vm(&ctx, &details), &part)
            .ok_or_else(|| VcdError::no_route(&part))
    }

    /// Set the vCPUs or the memory of a VM
    #[oai(
        path = "/api/vApp/:id/virtualHardwareSection/:part",
        method = "put",
        operation_id = "putHardwareItem"
    )]
    async fn set_hardware_item(
        &self,
        ctx: Ctx,
        id: Path<String>,
        part: Path<String>,
        body: Body<types::RasdItem>,
    ) -> TaskAnswer {
        let change = change::hardware_item(&part, &body.0)?;
        let task = ctx.cloud.change_vm(&ctx.caller, vm_id(&id)?, "vappUpdateVm", change).await?;
        accepted(&ctx, &task)
    }

    /// What can be changed while a VM runs
    #[oai(
        path = "/api/vApp/:id/vmCapabilities",
        method = "get",
        operation_id = "getVmCapabilities"
    )]
    async fn capabilities(&self, ctx: Ctx, id: Path<String>) -> Answer<types::VmCapabilities> {
        let details = ctx.cloud.vm(&ctx.caller, vm_id(&id)?).await?;
        Ok(Vcd(vm::view::capabilities(&ctx, &details)))
    }

    /// Set what can be changed while a VM runs
    #[oai(
        path = "/api/vApp/:id/vmCapabilities",
        method = "put",
        operation_id = "putVmCapabilities"
    )]
    async fn set_capabilities(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Body<types::VmCapabilities>,
    ) -> TaskAnswer {
        // What is left out is off.
        let hot_add = Some((
            body.0.cpu_hot_add_enabled.unwrap_or(false),
            body.0.memory_hot_add_enabled.unwrap_or(false),
        ));
        let change = ssvirt_core::service::VmChange { hot_add, ..Default::default() };
        let task = ctx
            .cloud
            .change_vm(&ctx.caller, vm_id(&id)?, "vappUpdateVmCapabilities", change)
            .await?;
        accepted(&ctx, &task)
    }
}

/// One hardware item, or several of a kind.
pub enum Rasd {
    /// One.
    Item(Box<types::RasdItem>),
    /// Several.
    List(Box<types::RasdItemsList>),
}

impl poem::IntoResponse for Rasd {
    fn into_response(self) -> poem::Response {
        match self {
            Self::Item(item) => Vcd::<_, 200>(*item).into_response(),
            Self::List(list) => Vcd::<_, 200>(*list).into_response(),
        }
    }
}

impl ApiResponse for Rasd {
    fn meta() -> poem_openapi::registry::MetaResponses {
        let mut meta = Vcd::<types::RasdItem>::meta();
        if let Some(response) = meta.responses.first_mut() {
            response.content.extend(crate::wire::media_types::<types::RasdItemsList>());
        }
        meta
    }

    fn register(registry: &mut poem_openapi::registry::Registry) {
        Vcd::<types::RasdItem>::register(registry);
        Vcd::<types::RasdItemsList>::register(registry);
    }
}

/// Changes the power of a vApp or VM.
pub async fn power(ctx: &Ctx, target: Target, action: PowerAction) -> TaskAnswer {
    let task = match target {
        Target::VApp(id) => ctx.cloud.power_vapp(&ctx.caller, id, action).await?,
        Target::Vm(id) => ctx.cloud.power_vm(&ctx.caller, id, action).await?,
    };
    accepted(ctx, &task)
}
