//! Power: KubeVirt's subresources, each asked for only where it would do something, and waited for.

use http::{Method, Request};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use ssvirt_core::{
    Error, Result,
    backend::{PowerAction, VmRef},
    model::{PowerState, VmState},
};
use tokio::time::{Instant, sleep};

use super::{
    FIELD_MANAGER,
    call::{call_opt, raw},
    error::error,
    resources::{VirtualMachine, vm::PrintableStatus},
    room,
    vms::{Found, PATIENCE, POLL, Vms, what},
};

/// What is asked of KubeVirt: of the VM or its instance, by which name, with what.
struct Ask {
    kind: &'static str,
    name: &'static str,
    body: Value,
}

const VM: &str = "virtualmachines";
const INSTANCE: &str = "virtualmachineinstances";

/// What makes a VM do this, by what it does now; none where it does so already.
///
/// # Errors
/// `InvalidState` for what cannot be done with a VM that is off.
fn ask(action: PowerAction, power: PowerState) -> Result<Option<Ask>> {
    let ask = |kind, name, body| Ok(Some(Ask { kind, name, body }));
    let off = power == PowerState::Off;
    let pull_the_plug = || ask(VM, "stop", json!({ "gracePeriod": 0 }));
    match action {
        PowerAction::On if power == PowerState::Suspended => ask(INSTANCE, "unpause", json!({})),
        PowerAction::On if off => ask(VM, "start", json!({})),
        PowerAction::On => Ok(None),
        PowerAction::Off | PowerAction::DiscardSuspended | PowerAction::Shutdown if off => Ok(None),
        PowerAction::Off => pull_the_plug(),
        PowerAction::DiscardSuspended if power == PowerState::Suspended => pull_the_plug(),
        PowerAction::DiscardSuspended => {
            Err(Error::invalid_state("The virtual machine is not suspended."))
        }
        PowerAction::Shutdown => ask(VM, "stop", json!({})),
        PowerAction::Suspend | PowerAction::Reset | PowerAction::Reboot if off => {
            Err(Error::invalid_state("The virtual machine does not run."))
        }
        PowerAction::Suspend if power == PowerState::Suspended => Ok(None),
        PowerAction::Suspend => ask(INSTANCE, "pause", json!({})),
        PowerAction::Reset => ask(INSTANCE, "reset", Value::Null),
        PowerAction::Reboot => ask(INSTANCE, "softreboot", Value::Null),
    }
}

/// What a VM does once it has done this.
fn goal(action: PowerAction) -> PowerState {
    match action {
        PowerAction::On | PowerAction::Reset | PowerAction::Reboot => PowerState::On,
        PowerAction::Off | PowerAction::Shutdown | PowerAction::DiscardSuspended => PowerState::Off,
        PowerAction::Suspend => PowerState::Suspended,
    }
}

impl Vms {
    /// Changes a VM's power, and answers when it has changed.
    pub async fn power(&self, target: VmRef, action: PowerAction) -> Result<VmState> {
        let until = Instant::now() + PATIENCE;
        let mut asked = false;
        loop {
            let found = self.get(target).await?;
            let state = found.state();
            let reached = state.power == goal(action) && is_settled(&found);
            let wanted = ask(action, state.power)?;
            // Reset and reboot are done once they are asked for: they end where they began.
            if reached && (asked || wanted.is_none()) {
                return Ok(state);
            }
            if let Some(ask) = wanted.filter(|_| !asked) {
                if ask.name == "start" {
                    let needs = room::of_running(&found.vm);
                    room::check(&self.client, &found.namespace, &what(target), &needs).await?;
                }
                asked = self.put(target, &found, &ask).await?;
            }
            if goal(action) == PowerState::On
                && let Some(why) = self.trouble(target, &found).await?
            {
                self.halt(target, &found).await?;
                return Err(why);
            }
            if Instant::now() > until {
                return Err(Error::unavailable(format!("{} takes its time.", what(target))));
            }
            sleep(POLL).await;
        }
    }

    /// What could not be started is not to start by itself later, when nobody waits for it any more.
    async fn halt(&self, target: VmRef, found: &Found) -> Result<()> {
        let machines: Api<VirtualMachine> = Api::namespaced(self.client.clone(), &found.namespace);
        let patch = Patch::Merge(json!({ "spec": { "runStrategy": "Halted" } }));
        let by_us =
            PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        call_opt(&what(target), machines.patch(&found.name(), &by_us, &patch)).await.map(drop)
    }

    /// Whether KubeVirt took it. It refuses what it does already, and what it cannot do just now: both are seen
    /// when it is looked at again.
    async fn put(&self, target: VmRef, found: &Found, ask: &Ask) -> Result<bool> {
        let path = format!(
            "/apis/subresources.kubevirt.io/v1/namespaces/{}/{}/{}/{}",
            found.namespace,
            ask.kind,
            found.name(),
            ask.name
        );
        let body = if ask.body.is_null() { Vec::new() } else { serde_json::to_vec(&ask.body)? };
        let request = Request::builder()
            .method(Method::PUT)
            .uri(path)
            .header("content-type", "application/json")
            .body(body)
            .map_err(Error::internal)?;
        match raw(self.client.request_text(request)).await? {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status))
                if matches!(status.code, 404 | 409)
                    // What it says, as an error of its own, while an earlier request is not done.
                    || status.message.contains("already underway") =>
            {
                Ok(false)
            }
            Err(cause) => Err(error(&what(target), cause)),
        }
    }
}

/// Whether nothing is on its way: an instance that is being removed still runs, one that is new does not yet.
fn is_settled(found: &Found) -> bool {
    let Some(instance) = &found.instance else {
        return !matches!(
            shown(found),
            Some(PrintableStatus::Starting | PrintableStatus::Provisioning)
        );
    };
    use super::resources::instance::InstancePhase::{Failed, Running, Succeeded};
    let phase = instance.status.as_ref().and_then(|status| status.phase.as_ref());
    instance.metadata.deletion_timestamp.is_none()
        && matches!(phase, Some(Running | Succeeded | Failed))
}

fn shown(found: &Found) -> Option<&PrintableStatus> {
    found.vm.status.as_ref()?.printable_status.as_ref()
}
