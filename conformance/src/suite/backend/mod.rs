//! What every [`VmBackend`] must do: one public function a behaviour.
//!
//! A backend of another crate is held against all of them like this:
//!
//! ```
//! use std::sync::Arc;
//! use ssvirt_conformance::suite;
//! # use ssvirt_backends::memory::Simulator;
//! # use ssvirt_core::{VmBackend, env::SystemClock};
//! # fn new_backend() -> Simulator { Simulator::builder(Arc::new(SystemClock)).build() }
//!
//! # async fn test() {
//! // In a test of yours, #[tokio::test]:
//! let make = || async { Arc::new(new_backend()) as Arc<dyn VmBackend> };
//! suite::backend::run(make).await.assert_passed();
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test());
//! ```
//!
//! `make` gives a backend that was not started yet; the suite starts and stops it. Behaviours use VDCs of
//! their own with random ids and remove them afterwards, so a shared cluster will do. Which behaviours
//! apply is decided by [`Capabilities`]; the others are reported as not claimed. Creating, deleting,
//! powering on and off and watching are never optional.

pub mod change;
pub mod console;
pub mod create;
pub mod delete;
pub mod places;
pub mod power;
pub mod read;
mod report;
mod run;
mod scene;
pub mod snapshot;
pub mod start;
pub mod watch;

use futures_util::future::BoxFuture;
use ssvirt_core::{VmBackend, backend::Capabilities};

pub use report::{Outcome, Report};
pub use run::{Options, run, run_with};
pub(crate) use scene::ensure;

/// What a behaviour comes to: nothing, or what was wrong.
pub type Check = Result<(), String>;

/// A capability that behaviours depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// None: the behaviour is mandatory.
    Nothing,
    /// [`Capabilities::suspend`].
    Suspend,
    /// [`Capabilities::reset`].
    Reset,
    /// [`Capabilities::guest_power`].
    GuestPower,
    /// [`Capabilities::hot_change`].
    HotChange,
    /// [`Capabilities::addresses`].
    Addresses,
    /// [`Capabilities::snapshots`].
    Snapshots,
    /// [`Capabilities::snapshot_memory`].
    SnapshotMemory,
    /// [`Capabilities::console`].
    Console,
}

impl Need {
    /// Whether it is claimed.
    pub fn met(self, claimed: Capabilities) -> bool {
        match self {
            Self::Nothing => true,
            Self::Suspend => claimed.suspend,
            Self::Reset => claimed.reset,
            Self::GuestPower => claimed.guest_power,
            Self::HotChange => claimed.hot_change,
            Self::Addresses => claimed.addresses,
            Self::Snapshots => claimed.snapshots,
            Self::SnapshotMemory => claimed.snapshot_memory,
            Self::Console => claimed.console,
        }
    }

    /// The capability's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Suspend => "suspend",
            Self::Reset => "reset",
            Self::GuestPower => "guest_power",
            Self::HotChange => "hot_change",
            Self::Addresses => "addresses",
            Self::Snapshots => "snapshots",
            Self::SnapshotMemory => "snapshot_memory",
            Self::Console => "console",
        }
    }
}

/// The names of all behaviours, in their order.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|behaviour| behaviour.name)
}

/// How a behaviour is checked.
#[derive(Clone, Copy)]
pub enum Run {
    /// On a backend that was started.
    Started(for<'a> fn(&'a dyn VmBackend) -> BoxFuture<'a, Check>),
    /// On a backend that was started, and another one that takes over when the first was stopped.
    Restart(for<'a> fn(&'a dyn VmBackend, &'a dyn VmBackend) -> BoxFuture<'a, Check>),
}

/// A behaviour.
#[derive(Clone, Copy)]
pub struct Behaviour {
    /// Its name: module and function.
    pub name: &'static str,
    /// What it depends on.
    pub needs: Need,
    /// Checks it.
    pub run: Run,
}

macro_rules! behaviours {
    (
        started { $($module:ident::$name:ident $(: $need:ident)?;)* }
        restart { $($restart_module:ident::$restart_name:ident $(: $restart_need:ident)?;)* }
    ) => {
        /// Every behaviour.
        pub const ALL: &[Behaviour] = &[
            $(Behaviour {
                name: concat!(stringify!($module), "::", stringify!($name)),
                needs: behaviours!(@need $($need)?),
                run: Run::Started(|backend| Box::pin($module::$name(backend))),
            },)*
            $(Behaviour {
                name: concat!(stringify!($restart_module), "::", stringify!($restart_name)),
                needs: behaviours!(@need $($restart_need)?),
                run: Run::Restart(|first, second| Box::pin($restart_module::$restart_name(first, second))),
            },)*
        ];
    };
    (@need) => { Need::Nothing };
    (@need $need:ident) => { Need::$need };
}

behaviours! {
    started {
        start::a_started_backend_is_healthy;
        places::ensure_is_idempotent;
        places::ensure_keeps_what_is_there;
        places::remove_takes_its_vms;
        places::remove_leaves_other_places;
        places::remove_is_idempotent;
        create::a_new_vm_is_off;
        create::a_new_vm_is_listed_once;
        create::is_idempotent;
        create::leaves_a_running_vm_alone;
        create::vms_stay;
        create::vms_of_one_name_are_different;
        create::at_the_same_time;
        delete::the_vm_is_gone;
        delete::is_idempotent;
        delete::takes_a_running_vm;
        delete::leaves_the_others;
        delete::the_id_is_free_again;
        read::an_unknown_vm_is_none;
        read::an_unknown_place_is_empty;
        read::places_are_apart;
        read::list_and_single_agree;
        power::on_runs;
        power::on_is_idempotent;
        power::off_stops;
        power::off_is_idempotent;
        power::on_after_off;
        power::others_are_left_alone;
        power::an_unknown_vm_does_not_start;
        power::what_is_not_claimed_is_refused;
        power::suspend_and_resume: Suspend;
        power::suspend_is_idempotent: Suspend;
        power::suspend_needs_a_running_vm: Suspend;
        power::discard_suspended_is_off: Suspend;
        power::off_ends_suspension: Suspend;
        power::reset_goes_on: Reset;
        power::reset_needs_a_running_vm: Reset;
        power::reboot_goes_on: GuestPower;
        power::shutdown_stops: GuestPower;
        power::shutdown_is_idempotent: GuestPower;
        change::a_new_nic_is_seen;
        change::a_new_address_is_seen: Addresses;
        change::is_idempotent;
        change::keeps_power;
        change::an_unknown_vm_is_refused;
        change::a_running_vm_keeps_its_size;
        change::hot_add: HotChange;
        change::the_hardware_is_that_of_the_plan;
        snapshot::one_of_a_vm_that_is_off: Snapshots;
        snapshot::one_of_a_vm_that_runs: Snapshots;
        snapshot::take_is_idempotent: Snapshots;
        snapshot::a_new_one_replaces: Snapshots;
        snapshot::revert_brings_back: Snapshots;
        snapshot::revert_stops: Snapshots;
        snapshot::revert_is_idempotent: Snapshots;
        snapshot::revert_needs_the_snapshot: Snapshots;
        snapshot::remove_is_idempotent: Snapshots;
        snapshot::an_unknown_vm_has_none: Snapshots;
        snapshot::goes_with_its_vm: Snapshots;
        snapshot::with_memory: SnapshotMemory;
        snapshot::what_is_not_claimed_is_refused;
        console::serial_answers: Console;
        console::screen_greets: Console;
        console::opens_again: Console;
        console::a_vm_that_is_off_is_refused: Console;
        console::an_unknown_vm_is_refused: Console;
        console::power_off_ends_it: Console;
        console::deletion_ends_it: Console;
        console::what_is_not_claimed_is_refused;
        watch::reports_power;
        watch::reports_a_new_vm;
        watch::reports_a_deleted_vm;
        watch::reports_to_all_watchers;
        watch::reports_snapshots: Snapshots;
    }
    restart {
        start::a_restart_shows_the_vms_as_they_were;
        start::a_restart_brings_back_no_deleted_vm;
        snapshot::a_restart_shows_it: Snapshots;
    }
}
