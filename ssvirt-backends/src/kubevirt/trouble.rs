//! Why a VM does not come to run, for the tenant: the cluster's reason, without its nodes, addresses and namespaces.

use kube::{Api, api::ListParams};
use ssvirt_core::{Error, ErrorKind, Result, backend::VmRef};

use super::{
    call::call,
    labels,
    resources::{
        DataVolume,
        shared::{Condition, ConditionStatus},
        vm::PrintableStatus,
    },
    vms::{Found, Vms, what},
};

/// How often CDI's importer is started again before an image counts as one that cannot be got.
const RESTARTS: i32 = 3;

impl Vms {
    /// Why a VM that was told to start will not.
    pub(super) async fn trouble(&self, target: VmRef, found: &Found) -> Result<Option<Error>> {
        if let Some(why) = shown(found) {
            let message = format!("{} cannot be started: {why}.", what(target));
            return Ok(Some(Error::invalid_state(message)));
        }
        if let Some(refused) = refused(target, found) {
            return Ok(Some(refused));
        }
        // It has an instance once its disks are filled.
        match found.instance {
            Some(_) => Ok(None),
            None => self.unfilled(target, found).await,
        }
    }

    async fn unfilled(&self, target: VmRef, found: &Found) -> Result<Option<Error>> {
        let what = what(target);
        let volumes: Api<DataVolume> = Api::namespaced(self.client.clone(), &found.namespace);
        let ours = format!("{}={}", labels::VM_ID, target.vm.uuid());
        let ours = ListParams::default().labels(&ours);
        let listed = call(&what, volumes.list(&ours)).await?;
        let troubles =
            listed.items.iter().filter(|volume| volume.metadata.deletion_timestamp.is_none());
        Ok(troubles.filter_map(|volume| of_volume(&what, volume)).next())
    }
}

fn of_volume(what: &str, volume: &DataVolume) -> Option<Error> {
    let status = volume.status.as_ref()?;
    let condition = |kind: &str| Condition::find(&status.conditions, kind);
    let reason = |condition: &Condition| condition.reason.clone().unwrap_or_default();
    if condition("Bound").is_some_and(|bound| reason(bound) == "ErrExceededQuota") {
        return Some(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "{what} would exceed a quota of the virtual datacenter: there is no room for its disks."
            ),
        ));
    }
    let running = condition("Running")?;
    let failed = running.status == ConditionStatus::False
        && !matches!(reason(running).as_str(), "" | "Completed")
        && status.restart_count.unwrap_or_default() >= RESTARTS;
    failed.then(|| {
        Error::bad_request(format!(
            "{what} cannot be started: the image of one of its disks is not found, or cannot be read."
        ))
    })
}

/// What keeps its pod from being made.
fn refused(target: VmRef, found: &Found) -> Option<Error> {
    let status = found.instance.as_ref()?.status.as_ref()?;
    let refused = status.conditions.iter().find(|condition| {
        condition.type_ == "Synchronized"
            && condition.status == ConditionStatus::False
            && condition.reason.as_deref() == Some("FailedCreate")
    })?;
    let message = refused.message.as_deref().unwrap_or_default();
    let what = what(target);
    Some(match message.split_once("exceeded quota: ") {
        Some((_, quota)) => Error::new(
            ErrorKind::LimitExceeded,
            format!("{what} would exceed a quota of the virtual datacenter: {quota}."),
        ),
        None => Error::bad_request(format!("{what} is refused by the cluster's rules for pods.")),
    })
}

fn shown(found: &Found) -> Option<&'static str> {
    Some(match found.vm.status.as_ref()?.printable_status.as_ref()? {
        PrintableStatus::ErrorUnschedulable => "no node of the cluster has room for it",
        PrintableStatus::ErrImagePull | PrintableStatus::ImagePullBackOff => {
            "its image cannot be got"
        }
        PrintableStatus::ErrorPvcNotFound => "one of its disks is not there",
        PrintableStatus::CrashLoopBackOff => "it ends as soon as it is started",
        _ => return None,
    })
}
