//! A simulator of which single methods are replaced by wrong ones.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use ssvirt_backends::memory::Simulator;
use ssvirt_core::{
    Error, Id, Result, VmBackend,
    backend::{
        Capabilities, ConsoleKind, ConsoleStream, KnownVm, Place, PowerAction, Revert,
        SnapshotPlan, VmEvent, VmPlan, VmRef,
    },
    model::{Snapshot, Vdc, Vm, VmState},
};

macro_rules! twist {
    ($(fn $method:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        /// As [`VmBackend`], each method as the simulator has it.
        #[async_trait]
        pub trait Twist: Send + Sync + 'static {
            /// The simulator behind it.
            fn sim(&self) -> &Simulator;

            fn capabilities(&self) -> Capabilities {
                self.sim().capabilities()
            }

            fn watch(&self) -> BoxStream<'static, VmEvent> {
                self.sim().watch()
            }

            $(async fn $method(&self, $($arg: $type),*) -> $answer {
                self.sim().$method($($arg),*).await
            })*
        }

        #[async_trait]
        impl<T: Twist> VmBackend for Broken<T> {
            fn name(&self) -> &'static str {
                "broken"
            }

            fn capabilities(&self) -> Capabilities {
                self.0.capabilities()
            }

            fn watch(&self) -> BoxStream<'static, VmEvent> {
                self.0.watch()
            }

            $(async fn $method(&self, $($arg: $type),*) -> $answer {
                self.0.$method($($arg),*).await
            })*
        }
    };
}

/// A backend with something wrong.
pub struct Broken<T>(pub T);

twist! {
    fn start(known: Vec<KnownVm>) -> Result<()>;
    fn stop() -> ();
    fn health() -> Result<()>;
    fn ensure_place(place: &Place) -> Result<()>;
    fn remove_place(vdc: Id<Vdc>) -> Result<()>;
    fn create_vm(plan: &VmPlan) -> Result<VmState>;
    fn change_vm(plan: &VmPlan) -> Result<VmState>;
    fn delete_vm(vm: VmRef) -> Result<()>;
    fn power_vm(vm: VmRef, action: PowerAction) -> Result<VmState>;
    fn take_snapshot(vm: VmRef, plan: &SnapshotPlan) -> Result<VmState>;
    fn revert_snapshot(vm: VmRef, revert: &Revert) -> Result<VmState>;
    fn remove_snapshots(vm: VmRef, which: Option<Id<Snapshot>>) -> Result<Option<VmState>>;
    fn console(vm: VmRef, kind: ConsoleKind) -> Result<ConsoleStream>;
    fn vm(vm: VmRef) -> Result<Option<VmState>>;
    fn vms(vdc: Id<Vdc>) -> Result<Vec<(Id<Vm>, VmState)>>;
}

/// Writes down a broken backend and a test that the named behaviours find it out.
macro_rules! broken {
    ($(
        #[doc = $what:literal]
        $name:ident $test:ident [$($behaviour:literal),+] { $($body:tt)* }
    )*) => {
        $(
            #[doc = $what]
            struct $name(Simulator);

            #[async_trait]
            impl Twist for $name {
                fn sim(&self) -> &Simulator {
                    &self.0
                }

                $($body)*
            }

            #[tokio::test(start_paused = true)]
            async fn $test() {
                let make = || async { Arc::new(Broken($name(simulator()))) as Arc<dyn VmBackend> };
                let report = ssvirt_conformance::suite::backend::run(make).await;
                let found: Vec<_> = report.failures().into_iter().map(|(name, _)| name).collect();
                println!("{}: {} behaviours fail: {}", stringify!($name), found.len(), found.join(", "));
                for behaviour in [$($behaviour),+] {
                    assert!(found.contains(&behaviour), "{behaviour} does not find it out:\n{report}");
                }
            }
        )*
    };
}
pub(crate) use broken;

/// A refusal that no repetition mends.
pub fn refused() -> Error {
    Error::invalid_state("no")
}

/// The state of a VM that is off.
pub fn off() -> VmState {
    VmState::default()
}
