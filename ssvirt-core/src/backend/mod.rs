//! [`VmBackend`]: where virtual machines run.
//!
//! # Adding a backend
//! 1. Implement [`VmBackend`]. Every call is idempotent: the task engine repeats a call whose answer it
//!    did not live to see, so creating what exists, deleting what is gone and stopping what is stopped
//!    succeed. Objects are found again by the ids in the call, never by name.
//! 2. State in [`Capabilities`] what it can do; callers are told "not supported" for the rest, before
//!    anything is touched.
//! 3. Hold it against `ssvirt_conformance::suite::backend`.
//!
//! Errors that may pass ([`Error::unavailable`](crate::Error::unavailable)) are retried; any other ends
//! the task, and what the task had done is undone.

mod console;
mod snapshot;
mod status;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream, stream::BoxStream};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    id::Id,
    model::{Org, Product, Snapshot, StorageProfile, VApp, Vdc, Vm, VmSpec, VmState},
};

pub use console::{Console, ConsoleKind, ConsoleStream};
pub use snapshot::{Revert, SnapshotPlan};
pub use status::{BackendStatus, Reach, VmNote, WatchStatus};

/// What a backend can do beyond creating, deleting, changing, powering on and off, and watching.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Suspend, resume and discard the suspended state.
    pub suspend: bool,
    /// Reset.
    pub reset: bool,
    /// Ask the guest to shut down or reboot.
    pub guest_power: bool,
    /// Change vCPUs and memory of a running VM.
    pub hot_change: bool,
    /// Give a NIC the address that it is to have, and show that one. Without, it gets one from the network that it
    /// is on, and that is shown.
    pub addresses: bool,
    /// Take, revert to and remove snapshots.
    pub snapshots: bool,
    /// Take a snapshot with the memory of a VM that runs.
    pub snapshot_memory: bool,
    /// Open consoles.
    pub console: bool,
}

/// Something to do to a VM's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PowerAction {
    /// Start it, or go on where it was suspended.
    On,
    /// Pull the plug.
    Off,
    /// Pause it and keep its memory.
    Suspend,
    /// Press the reset button.
    Reset,
    /// Ask the guest to reboot.
    Reboot,
    /// Ask the guest to shut down; it is off when the call returns.
    Shutdown,
    /// Forget the memory of a suspended VM.
    DiscardSuspended,
}

/// Where the VMs of a VDC live: what a backend needs to make room for them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The VDC.
    pub vdc: Id<Vdc>,
    /// Its name.
    pub vdc_name: String,
    /// Its organization.
    pub org: Id<Org>,
    /// The organization's name.
    pub org_name: String,
    /// The organization's name for people.
    #[serde(default)]
    pub org_full_name: String,
    /// The organization's description.
    #[serde(default)]
    pub org_description: String,
    /// The VDC's description.
    #[serde(default)]
    pub vdc_description: String,
    /// CPU limit in MHz; 0 is unlimited.
    pub cpu_limit_mhz: i64,
    /// Speed of a vCPU in MHz.
    pub vcpu_mhz: i64,
    /// Memory limit in MiB; 0 is unlimited.
    pub memory_limit_mib: i64,
    /// Most VMs; 0 is unlimited.
    #[serde(default)]
    pub vm_quota: i32,
    /// Its storage profiles.
    #[serde(default)]
    pub storage: Vec<PlaceStorage>,
}

/// A storage profile of a VDC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlaceStorage {
    /// The profile.
    pub profile: Id<StorageProfile>,
    /// Its name.
    pub name: String,
    /// Limit in MiB; 0 is unlimited.
    pub limit_mib: i64,
}

/// Which VM is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VmRef {
    /// The VM.
    pub vm: Id<Vm>,
    /// Where it lives.
    pub vdc: Id<Vdc>,
}

/// A VM as it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VmPlan {
    /// Which one.
    pub target: VmRef,
    /// Its vApp.
    pub vapp: Id<VApp>,
    /// Its name.
    pub name: String,
    /// What it should be like.
    pub spec: VmSpec,
    /// OVF properties for its guest.
    pub products: Vec<Product>,
}

impl VmPlan {
    /// The plan of a stored VM.
    pub fn of(vm: &Vm) -> Self {
        Self {
            target: VmRef { vm: vm.id, vdc: vm.vdc },
            vapp: vm.vapp,
            name: vm.name.clone(),
            spec: vm.spec.clone(),
            products: vm.products.clone(),
        }
    }
}

/// A VM that the store knows, told to a backend at its start.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownVm {
    /// As it should be.
    pub plan: VmPlan,
    /// As it was last seen.
    pub state: VmState,
}

/// A change that a backend saw.
#[derive(Clone, Debug, PartialEq)]
pub enum VmEvent {
    /// The VM is there and like this.
    Seen(VmRef, VmState),
    /// The VM is gone.
    Gone(VmRef),
}

/// Runs virtual machines. See the module for the rules that every implementation keeps.
#[async_trait]
pub trait VmBackend: Send + Sync + 'static {
    /// What it is called in health reports, such as `simulator`.
    fn name(&self) -> &'static str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Called once before any other call, with the VMs that should be there.
    ///
    /// # Errors
    /// Only what no later attempt could mend; a cluster that is away is not an error.
    async fn start(&self, known: Vec<KnownVm>) -> Result<()>;

    /// Called once after the last call.
    async fn stop(&self);

    /// Asks the backend whether it answers.
    ///
    /// # Errors
    /// `Unavailable` when it does not.
    async fn health(&self) -> Result<()>;

    /// What it knows of itself, at once and without asking.
    fn status(&self) -> BackendStatus {
        BackendStatus::default()
    }

    /// Makes room for a VDC, or brings its limits up to date.
    ///
    /// # Errors
    /// `Unavailable`, or what the backend refuses for good.
    async fn ensure_place(&self, place: &Place) -> Result<()>;

    /// Removes a VDC's place with everything in it.
    ///
    /// # Errors
    /// `Unavailable`, or what the backend refuses for good.
    async fn remove_place(&self, vdc: Id<Vdc>) -> Result<()>;

    /// Creates a VM, powered off. One that exists is left as it is.
    ///
    /// # Errors
    /// `LimitExceeded` when there is no room; `Unavailable`.
    async fn create_vm(&self, plan: &VmPlan) -> Result<VmState>;

    /// Makes a VM like the plan.
    ///
    /// # Errors
    /// `InvalidState` for what cannot be changed while it runs; `Unavailable`.
    async fn change_vm(&self, plan: &VmPlan) -> Result<VmState>;

    /// Deletes a VM with all that was made for it.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn delete_vm(&self, vm: VmRef) -> Result<()>;

    /// Changes a VM's power and answers when it has changed.
    ///
    /// # Errors
    /// `NotSupported` where the capability is missing; `LimitExceeded` when there is no room; `Unavailable`.
    async fn power_vm(&self, vm: VmRef, action: PowerAction) -> Result<VmState>;

    /// Takes a snapshot of a VM, and answers when it is the only one that the VM has: the older one is kept until there
    /// is this one. The VM stays as it is, on or off.
    ///
    /// # Errors
    /// `NotSupported` where a capability is missing, or the VM's storage cannot do it; `InvalidState` when the VM is
    /// not there, or no snapshot could be taken, and then none is left behind; `Unavailable`.
    async fn take_snapshot(&self, vm: VmRef, plan: &SnapshotPlan) -> Result<VmState> {
        let _ = (vm, plan);
        Err(Error::not_supported("snapshots"))
    }

    /// Makes a VM what it was when its snapshot was taken: disks and hardware, not its name. Whoever asks for it gives it the
    /// rest by [`change_vm`](Self::change_vm): what its plan has of newer things, and what no snapshot has, such as what a
    /// guest is set up from. It is off afterwards, also if it ran before; with its memory in
    /// the snapshot it goes on from there. The snapshot stays.
    ///
    /// # Errors
    /// `NotSupported` where the capability is missing; `InvalidState` when there is no such VM or snapshot, or it could
    /// not be gone back to; `LimitExceeded` when there is no room for what goes on; `Unavailable`.
    async fn revert_snapshot(&self, vm: VmRef, revert: &Revert) -> Result<VmState> {
        let _ = (vm, revert);
        Err(Error::not_supported("snapshots"))
    }

    /// Removes one snapshot of a VM, or all. One that is gone is no error. What is seen of the VM afterwards; none when
    /// it is not there.
    ///
    /// # Errors
    /// `NotSupported` where the capability is missing; `Unavailable`.
    async fn remove_snapshots(
        &self,
        vm: VmRef,
        which: Option<Id<Snapshot>>,
    ) -> Result<Option<VmState>> {
        let _ = (vm, which);
        Err(Error::not_supported("snapshots"))
    }

    /// Says what was done to a VM where people look who know the backend and not SSVirt. At once: nobody waits for
    /// it, and it may be forgotten.
    fn note(&self, vm: VmRef, note: VmNote) {
        // Not every backend has such a place.
        drop((vm, note));
    }

    /// VDCs whose places somebody else has removed, or made another than they were made. They are ensured again.
    fn watch_places(&self) -> BoxStream<'static, Id<Vdc>> {
        stream::pending().boxed()
    }

    /// Opens a console of a VM that runs. The session ends when the stream is dropped, and when the VM is powered
    /// off or deleted. A backend may end it sooner, as when the VM is suspended, and leaves it to its caller to open the next: where a VM has one
    /// session of a kind at a time, whoever comes ends the one before.
    ///
    /// # Errors
    /// `NotSupported` where the capability is missing; `InvalidState` for a VM that is not there, does not run, or has
    /// no such console; `Unavailable`.
    async fn console(&self, vm: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
        let _ = vm;
        Err(Error::not_supported(kind))
    }

    /// What is seen of a VM; none when it is not there.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn vm(&self, vm: VmRef) -> Result<Option<VmState>>;

    /// All VMs of a place.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn vms(&self, vdc: Id<Vdc>) -> Result<Vec<(Id<Vm>, VmState)>>;

    /// Changes from now on, also those that nobody here asked for.
    fn watch(&self) -> BoxStream<'static, VmEvent>;
}
