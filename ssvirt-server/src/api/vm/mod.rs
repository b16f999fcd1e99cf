//! Virtual machines: how they are shown, how changes are read, and `/api/vm`, where they are without the
//! prefix that they have in `/api/vApp`.

pub mod change;
pub mod sections;
pub mod view;

use poem_openapi::{OpenApi, param::Path};
use ssvirt_core::{Id, backend::PowerAction, model::Vm, service::Deletion};
use ssvirt_vcd::types;

use super::{
    Answer, TaskAnswer, accepted,
    vapp::{Target, power},
};
use crate::{
    context::Ctx,
    wire::{Body, Vcd},
};

pub struct VmApi;

#[OpenApi(tag = "super::Tag::VApps")]
impl VmApi {
    /// A VM
    #[oai(path = "/api/vm/:id", method = "get", operation_id = "getVm")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Answer<types::Vm> {
        Ok(Vcd(view::vm(&ctx, &ctx.cloud.vm(&ctx.caller, Id::parse(&id)?).await?)))
    }

    /// Change a VM: what the body leaves out stays as it is
    #[oai(path = "/api/vm/:id", method = "put", operation_id = "putVm")]
    async fn put(&self, ctx: Ctx, id: Path<String>, body: Body<types::Vm>) -> TaskAnswer {
        reconfigure(&ctx, Id::parse(&id)?, body.0).await
    }

    /// Delete a VM
    #[oai(path = "/api/vm/:id", method = "delete", operation_id = "deleteVm")]
    async fn delete(&self, ctx: Ctx, id: Path<String>) -> TaskAnswer {
        accepted(
            &ctx,
            &ctx.cloud.delete_vm(&ctx.caller, Id::parse(&id)?, Deletion::Undeployed).await?,
        )
    }

    /// Power a VM on
    #[oai(path = "/api/vm/:id/power/action/powerOn", method = "post", operation_id = "powerOnVm")]
    async fn power_on(&self, ctx: Ctx, id: Path<String>) -> TaskAnswer {
        power(&ctx, Target::Vm(Id::parse(&id)?), PowerAction::On).await
    }

    /// Power a VM off
    #[oai(path = "/api/vm/:id/power/action/powerOff", method = "post", operation_id = "powerOffVm")]
    async fn power_off(&self, ctx: Ctx, id: Path<String>) -> TaskAnswer {
        power(&ctx, Target::Vm(Id::parse(&id)?), PowerAction::Off).await
    }

    /// Suspend a VM
    #[oai(path = "/api/vm/:id/power/action/suspend", method = "post", operation_id = "suspendVm")]
    async fn suspend(&self, ctx: Ctx, id: Path<String>) -> TaskAnswer {
        power(&ctx, Target::Vm(Id::parse(&id)?), PowerAction::Suspend).await
    }

    /// Reset a VM
    #[oai(path = "/api/vm/:id/power/action/reset", method = "post", operation_id = "resetVm")]
    async fn reset(&self, ctx: Ctx, id: Path<String>) -> TaskAnswer {
        power(&ctx, Target::Vm(Id::parse(&id)?), PowerAction::Reset).await
    }
}

/// Changes a VM by what is present in a VM's body.
pub async fn reconfigure(ctx: &Ctx, id: Id<Vm>, body: types::Vm) -> TaskAnswer {
    let before = ctx.cloud.vm(&ctx.caller, id).await?.vm.spec;
    let change = change::reconfigure(body, &before)?;
    accepted(ctx, &ctx.cloud.change_vm(&ctx.caller, id, "vappUpdateVm", change).await?)
}
