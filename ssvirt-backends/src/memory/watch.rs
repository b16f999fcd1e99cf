//! The stream of changes, also for watchers that are slower than the changes.

use std::collections::{BTreeSet, VecDeque};

use futures_util::{StreamExt, stream, stream::BoxStream};
use ssvirt_core::backend::{VmEvent, VmRef};
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// What goes over the channel; none ends the streams.
pub(super) type Message = Option<VmEvent>;

/// Events that a watcher may be behind before it is told the whole world anew.
pub(super) const BACKLOG: usize = 1024;

/// Tells what there is now; none when the simulator is gone.
pub(super) type Snapshot = Box<dyn Fn() -> Option<Vec<VmEvent>> + Send>;

struct Watcher {
    receiver: Receiver<Message>,
    snapshot: Snapshot,
    /// The VMs that the watcher believes in.
    known: BTreeSet<VmRefKey>,
    pending: VecDeque<VmEvent>,
}

/// `VmRef` has no order.
type VmRefKey = (ssvirt_core::Id<ssvirt_core::model::Vdc>, ssvirt_core::Id<ssvirt_core::model::Vm>);

/// The events of `receiver`. After an overflow the lost ones are made up for: everything that is there is
/// reported as seen, everything that is no longer there as gone.
pub(super) fn events(
    receiver: Receiver<Message>,
    snapshot: Snapshot,
) -> BoxStream<'static, VmEvent> {
    let known = snapshot().unwrap_or_default().iter().filter_map(seen).collect();
    let watcher = Watcher { receiver, snapshot, known, pending: VecDeque::new() };
    stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((event, watcher))
    })
    .boxed()
}

fn seen(event: &VmEvent) -> Option<VmRefKey> {
    match event {
        VmEvent::Seen(vm, _) => Some((vm.vdc, vm.vm)),
        VmEvent::Gone(_) => None,
    }
}

impl Watcher {
    async fn next(&mut self) -> Option<VmEvent> {
        loop {
            let event = match self.pending.pop_front() {
                Some(event) => event,
                None => match self.receiver.recv().await {
                    Ok(message) => message?,
                    Err(RecvError::Closed) => return None,
                    Err(RecvError::Lagged(_)) => {
                        self.catch_up()?;
                        continue;
                    }
                },
            };
            match &event {
                VmEvent::Seen(vm, _) => self.known.insert((vm.vdc, vm.vm)),
                VmEvent::Gone(vm) => self.known.remove(&(vm.vdc, vm.vm)),
            };
            return Some(event);
        }
    }

    fn catch_up(&mut self) -> Option<()> {
        // What is still in the channel is older than the snapshot. An event between the two is told twice.
        self.receiver = self.receiver.resubscribe();
        let now = (self.snapshot)()?;
        let there: BTreeSet<VmRefKey> = now.iter().filter_map(seen).collect();
        let gone = self.known.difference(&there).map(|&(vdc, vm)| VmEvent::Gone(VmRef { vm, vdc }));
        self.pending = gone.collect();
        self.pending.extend(now);
        Some(())
    }
}
