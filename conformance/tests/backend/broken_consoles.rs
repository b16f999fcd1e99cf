//! Broken backends: consoles that are none, and what finds them out.

use std::sync::Arc;

use async_trait::async_trait;
use ssvirt_backends::memory::Simulator;
use ssvirt_core::{
    Error, Result, VmBackend,
    backend::{Capabilities, ConsoleKind, ConsoleStream, VmRef},
    model::PowerState,
};
use tokio::io;

use super::{
    simulator,
    twist::{Broken, Twist, broken},
};

/// Says nothing, hears nothing, and has no end.
fn deaf() -> ConsoleStream {
    let (ours, theirs) = io::duplex(64);
    // Whoever is forgotten does not hang up.
    std::mem::forget(ours);
    Box::new(theirs)
}

broken! {
    /// Nobody is there.
    DeafConsole deaf_console ["console::serial_answers", "console::screen_greets", "console::power_off_ends_it"] {
        async fn console(&self, vm: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
            self.0.console(vm, kind).await.map(|_| deaf())
        }
    }

    /// A session ends as soon as it is opened.
    EndingConsole ending_console ["console::serial_answers", "console::screen_greets"] {
        async fn console(&self, vm: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
            self.0.console(vm, kind).await.map(|_| Box::new(io::join(io::empty(), io::sink())) as _)
        }
    }

    /// The one kind is taken for the other.
    ConfusedConsole confused_console ["console::screen_greets"] {
        async fn console(&self, vm: VmRef, _kind: ConsoleKind) -> Result<ConsoleStream> {
            self.0.console(vm, ConsoleKind::Serial).await
        }
    }

    /// A VM that is off, or is not there, has one too.
    ConsoleOfAnything console_of_anything ["console::a_vm_that_is_off_is_refused", "console::an_unknown_vm_is_refused"] {
        async fn console(&self, vm: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
            self.0.console(vm, kind).await.or_else(|_| Ok(deaf()))
        }
    }

    /// A VM that is off is said to have one later.
    PromisingConsole promising_console ["console::a_vm_that_is_off_is_refused", "console::an_unknown_vm_is_refused"] {
        async fn console(&self, vm: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
            self.0.console(vm, kind).await.map_err(|_| Error::unavailable("later"))
        }
    }

    /// A session goes on at a VM that was powered off, or deleted.
    EndlessConsole endless_console ["console::power_off_ends_it", "console::deletion_ends_it"] {
        async fn console(&self, vm: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
            let mut inner = self.0.console(vm, kind).await?;
            let (mut ours, theirs) = io::duplex(4096);
            tokio::spawn(async move {
                let _ = io::copy(&mut inner, &mut ours).await;
                std::future::pending::<()>().await;
            });
            Ok(Box::new(theirs))
        }
    }

    /// Whatever happens to any VM ends the session.
    JealousConsole jealous_console ["console::power_off_ends_it"] {
        async fn console(&self, vm: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
            let (mut inner, mut all) = (self.0.console(vm, kind).await?, self.0.watch());
            let (mut ours, theirs) = io::duplex(4096);
            tokio::spawn(async move {
                tokio::select! {
                    _ = io::copy_bidirectional(&mut inner, &mut ours) => {}
                    _ = futures_util::StreamExt::next(&mut all) => {}
                }
            });
            Ok(Box::new(theirs))
        }
    }

    /// A VM that was looked at is not the same any more.
    HarmfulConsole harmful_console ["console::opens_again"] {
        async fn console(&self, vm: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
            let stream = self.0.console(vm, kind).await?;
            if self.0.vm(vm).await?.is_some_and(|state| state.power == PowerState::On) {
                self.0.crash_vm(vm.vm)?;
            }
            Ok(stream)
        }
    }

    /// Consoles are there and not claimed.
    UnclaimedConsole unclaimed_console ["console::what_is_not_claimed_is_refused"] {
        fn capabilities(&self) -> Capabilities {
            Capabilities { console: false, ..self.0.capabilities() }
        }
    }
}
