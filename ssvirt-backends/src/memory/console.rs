//! Consoles of simulated VMs: a serial port at which a guest asks who is there, and a screen for VNC clients.
//!
//! ```text
//!   whoever opened it <- pipe -> converse -> a guest (serial, screen)
//!                                   ^ whether it has booted
//!                        events -> life: ends the session when the VM does not run any more
//! ```

mod picture;
mod screen;
mod serial;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ssvirt_core::{
    Error, Result,
    backend::{ConsoleKind, ConsoleStream, VmEvent, VmRef},
    model::PowerState,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    sync::{broadcast, broadcast::error::RecvError, watch},
};

use self::{screen::Screen, serial::Serial};
use super::{shared::Shared, simulator::no_such_vm, watch::Message};

/// Bytes on their way, each way. Whoever does not read what is said is not heard either.
const PIPE: usize = 1 << 16;
/// Bytes taken from the pipe at a time.
const CHUNK: usize = 4096;

/// The other end of a session.
trait Guest: Send {
    /// What it says, if anything, now that it has booted, or that it boots. Asked before all else.
    fn see(&mut self, has_booted: bool) -> Vec<u8>;

    /// Takes in the beginning of what was written to it.
    fn hear(&mut self, written: &[u8]) -> Heard;
}

/// What came of what a guest has heard.
#[derive(Debug, Default)]
struct Heard {
    /// How many bytes it has taken in; with none it waits for more.
    used: usize,
    /// What it says to that.
    says: Vec<u8>,
    /// Whether it has hung up.
    over: bool,
}

/// Opens a session.
pub(super) fn open(
    shared: &Arc<Shared>,
    target: VmRef,
    kind: ConsoleKind,
) -> Result<ConsoleStream> {
    // What happens from now on is heard of, what has happened is seen.
    let life = Life { target, events: shared.events.subscribe() };
    let (guest, has_booted): (Box<dyn Guest>, bool) = {
        let (now, kept) = (shared.options.clock.now(), shared.lock());
        let vm = kept.world.get(target).ok_or_else(|| no_such_vm(target))?;
        if vm.power != PowerState::On {
            return Err(Error::invalid_state("The virtual machine does not run."));
        }
        let has_booted = vm.booted(now, shared.options.boot_time);
        match kind {
            ConsoleKind::Serial => (Box::new(Serial::new(&vm.plan)), has_booted),
            ConsoleKind::Screen => (Box::new(Screen::new(&vm.plan.name)), has_booted),
        }
    };
    let (ours, theirs) = duplex(PIPE);
    tokio::spawn(session(ours, guest, has_booted, life));
    Ok(Box::new(theirs))
}

async fn session(pipe: DuplexStream, guest: Box<dyn Guest>, has_booted: bool, mut life: Life) {
    let (tell, told) = watch::channel(has_booted);
    let lives = async {
        while let Some(has_booted) = life.next().await {
            tell.send_replace(has_booted);
        }
    };
    tokio::select! {
        () = converse(pipe, guest, told) => {}
        () = lives => {}
    }
}

/// Goes on until either side hangs up.
async fn converse(
    mut pipe: DuplexStream,
    mut guest: Box<dyn Guest>,
    mut has_booted: watch::Receiver<bool>,
) {
    let mut written = Vec::new();
    let mut chunk = [0; CHUNK];
    loop {
        let booted = *has_booted.borrow_and_update();
        if pipe.write_all(&guest.see(booted)).await.is_err() {
            return;
        }
        tokio::select! {
            read = pipe.read(&mut chunk) => match read {
                Ok(read @ 1..) => written.extend_from_slice(&chunk[..read]),
                Ok(0) | Err(_) => return,
            },
            _ = has_booted.changed() => continue,
        }
        loop {
            let heard = guest.hear(&written);
            written.drain(..heard.used);
            if pipe.write_all(&heard.says).await.is_err() || heard.over {
                return;
            }
            if heard.used == 0 {
                break;
            }
        }
    }
}

/// Follows a VM that runs.
struct Life {
    target: VmRef,
    events: broadcast::Receiver<Message>,
}

impl Life {
    /// Waits for the next change: whether the guest is up. None when the VM does not run any more.
    async fn next(&mut self) -> Option<bool> {
        loop {
            match self.events.recv().await {
                Ok(Some(VmEvent::Seen(vm, state))) if vm == self.target => {
                    let runs = state.power == PowerState::On;
                    return runs.then_some(state.tools_version.is_some());
                }
                Ok(Some(VmEvent::Gone(vm))) if vm == self.target => return None,
                Ok(Some(_)) => {}
                // The simulator was stopped, or what has become of the VM was missed.
                Ok(None) | Err(RecvError::Closed | RecvError::Lagged(_)) => return None,
            }
        }
    }
}
