//! The steps that tasks are made of.

use serde::{Deserialize, Serialize};

use crate::{
    backend::{Place, PowerAction, VmRef},
    id::{Id, Urn},
    model::{Org, ProviderVdc, StorageProfile, VApp, Vdc, Vm},
};

/// One idempotent piece of work. The forward and the backward way of each stand side by side in
/// `task/run.rs`. The variants are stored: they are only ever added to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
pub enum Step {
    /// The rows of a new vApp and its VMs were stored with the task. Backward: they go.
    Record {
        /// The vApp, if it is new too.
        vapp: Option<Id<VApp>>,
        /// The VMs.
        vms: Vec<Id<Vm>>,
    },
    /// Creates a VM in the backend. Backward: deletes it there.
    CreateVm {
        /// Which one.
        vm: VmRef,
    },
    /// The new VMs and vApp are ready to be used.
    Settle {
        /// The vApp, if it is new too.
        vapp: Option<Id<VApp>>,
        /// The VMs.
        vms: Vec<Id<Vm>>,
    },
    /// Makes the VM in the backend like its row, which was changed with the task. Backward: the row and
    /// the backend get what was there before.
    ChangeVm {
        /// Which one.
        vm: VmRef,
        /// The row before the change.
        before: Box<Vm>,
    },
    /// The vApp's row was changed with the task. Backward: it gets what was there before.
    ChangeVApp {
        /// The row before the change.
        before: Box<VApp>,
    },
    /// Changes a VM's power, and what the row says of its being deployed.
    Power {
        /// Which one.
        vm: VmRef,
        /// How.
        action: PowerAction,
        /// Whether it is deployed afterwards.
        deployed: bool,
        /// Whether it was deployed before, where the row was changed with the task so that what it will
        /// use is counted already. Backward: it gets that again.
        #[serde(default)]
        before: Option<bool>,
    },
    /// Deletes a VM in the backend. There is no way back: the rest of the task can only be repeated.
    DeleteVm {
        /// Which one.
        vm: VmRef,
    },
    /// Removes the rows of VMs and their vApp.
    Forget {
        /// The vApp, if it goes too.
        vapp: Option<Id<VApp>>,
        /// The VMs.
        vms: Vec<Id<Vm>>,
    },
    /// Makes the backend's place for a VDC. Backward: removes it.
    EnsurePlace {
        /// Where.
        provider: Id<ProviderVdc>,
        /// The place.
        place: Box<Place>,
    },
    /// Removes the backend's place.
    RemovePlace {
        /// Where.
        provider: Id<ProviderVdc>,
        /// Whose.
        vdc: Id<Vdc>,
    },
    /// Brings the backend's place for a VDC to new limits; the VDC's row was changed with the task.
    /// Backward: row and place get what was there before.
    ChangeVdc {
        /// Where.
        provider: Id<ProviderVdc>,
        /// The place as it is to be.
        place: Box<Place>,
        /// The place before the change.
        place_before: Box<Place>,
        /// The row before the change.
        before: Box<Vdc>,
        /// Its storage profiles before the change.
        profiles: Vec<StorageProfile>,
    },
    /// Removes the rows of a VDC.
    ForgetVdc {
        /// Which one.
        vdc: Id<Vdc>,
    },
    /// Removes the rows of an organization, its users, roles and catalogs; its VDCs are gone.
    ForgetOrg {
        /// Which one.
        org: Id<Org>,
    },
    /// Everything was done with the task itself; clients are shown a task because VCD shows one.
    Done,
}

impl Step {
    /// What it is called in logs, where what is in it must not appear: changes hold guests' passwords.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Record { .. } => "record",
            Self::CreateVm { .. } => "createVm",
            Self::Settle { .. } => "settle",
            Self::ChangeVm { .. } => "changeVm",
            Self::ChangeVApp { .. } => "changeVApp",
            Self::Power { .. } => "power",
            Self::DeleteVm { .. } => "deleteVm",
            Self::Forget { .. } => "forget",
            Self::EnsurePlace { .. } => "ensurePlace",
            Self::RemovePlace { .. } => "removePlace",
            Self::ChangeVdc { .. } => "changeVdc",
            Self::ForgetVdc { .. } => "forgetVdc",
            Self::ForgetOrg { .. } => "forgetOrg",
            Self::Done => "done",
        }
    }

    /// Whether a task may be cancelled before this step. Where the step only writes down what was done
    /// already, cancelling would leave the rows and the backend in disagreement.
    pub(super) const fn may_be_cancelled(&self) -> bool {
        !matches!(
            self,
            Self::Forget { .. } | Self::ForgetVdc { .. } | Self::ForgetOrg { .. } | Self::Done
        )
    }
}

/// A task to be stored.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// The organization that sees it.
    pub org: Id<Org>,
    /// What it works on.
    pub owner: Urn,
    /// The object's name.
    pub owner_name: String,
    /// VCD's operation name, such as `vdcInstantiateVapp`.
    pub operation_name: &'static str,
    /// The operation for people.
    pub operation: String,
    /// What it does.
    pub steps: Vec<Step>,
    /// How many of the steps are done in the transaction that stores it.
    pub done: usize,
    /// What nothing else may work on meanwhile.
    pub locks: Vec<Urn>,
}
