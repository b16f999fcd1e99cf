//! Power: KubeVirt's subresources, each asked for only where it would do something, and waited for.

use http::{Method, Request};
use serde_json::{Value, json};
use ssvirt_core::{
    Error, Result,
    backend::{PowerAction, VmRef},
    model::{PowerState, VmState},
};
use tokio::time::{Instant, sleep};

use super::{
    call::raw,
    error::error,
    resources::vm::PrintableStatus,
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
                asked = self.put(target, &found, &ask).await?;
            }
            if let Some(why) = failure(&found).filter(|_| goal(action) == PowerState::On) {
                return Err(Error::invalid_state(format!(
                    "{} cannot be started: {why}.",
                    what(target)
                )));
            }
            if Instant::now() > until {
                return Err(Error::unavailable(format!("{} takes its time.", what(target))));
            }
            sleep(POLL).await;
        }
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

/// Why a VM will not run, for the tenant.
fn failure(found: &Found) -> Option<&'static str> {
    Some(match shown(found)? {
        PrintableStatus::ErrorUnschedulable => "no node of the cluster has room for it",
        PrintableStatus::ErrImagePull | PrintableStatus::ImagePullBackOff => {
            "its image cannot be got"
        }
        PrintableStatus::ErrorPvcNotFound => "one of its disks is not there",
        PrintableStatus::DataVolumeError => "one of its disks cannot be filled",
        PrintableStatus::CrashLoopBackOff => "it ends as soon as it is started",
        _ => return None,
    })
}
