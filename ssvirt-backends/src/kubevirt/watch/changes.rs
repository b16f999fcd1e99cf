//! Changes on their way to those who listen.
//!
//! Of each VM the last one waits: whoever is slow misses what was true in between, and nothing else.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use futures_util::{
    StreamExt as _,
    stream::{BoxStream, unfold},
};
use ssvirt_core::backend::{VmEvent, VmRef};
use tokio::sync::Notify;

/// Tells all who listen. They hear of its end too.
#[derive(Default)]
pub struct Changes(Mutex<Vec<Weak<Listener>>>);

#[derive(Default)]
struct Listener {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Default)]
struct Waiting {
    /// Who has changed, the first one first.
    order: VecDeque<VmRef>,
    last: HashMap<VmRef, VmEvent>,
    over: bool,
}

impl Changes {
    /// Tells all who listen.
    pub fn tell(&self, event: &VmEvent) {
        let (VmEvent::Seen(target, _) | VmEvent::Gone(target)) = event;
        self.each(|waiting| {
            if waiting.last.insert(*target, event.clone()).is_none() {
                waiting.order.push_back(*target);
            }
        });
    }

    /// What is told from now on.
    pub fn listen(&self) -> BoxStream<'static, VmEvent> {
        let listener = Arc::new(Listener::default());
        self.all().push(Arc::downgrade(&listener));
        unfold(listener, |listener| async move {
            let event = listener.next().await?;
            Some((event, listener))
        })
        .boxed()
    }

    fn each(&self, change: impl Fn(&mut Waiting)) {
        self.all().retain(|listener| {
            let Some(listener) = listener.upgrade() else { return false };
            change(&mut listener.waiting());
            listener.news.notify_one();
            true
        });
    }

    fn all(&self) -> MutexGuard<'_, Vec<Weak<Listener>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.each(|waiting| waiting.over = true);
    }
}

impl Listener {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn next(&self) -> Option<VmEvent> {
        loop {
            {
                let mut waiting = self.waiting();
                if let Some(target) = waiting.order.pop_front() {
                    return waiting.last.remove(&target);
                }
                if waiting.over {
                    return None;
                }
            }
            self.news.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use ssvirt_core::{
        Id,
        model::{PowerState, VmState},
    };
    use uuid::Uuid;

    use super::*;

    fn seen(vm: u128, power: PowerState) -> VmEvent {
        let target = VmRef { vm: Id::new(Uuid::from_u128(vm)), vdc: Id::new(Uuid::from_u128(9)) };
        VmEvent::Seen(target, VmState { power, ..VmState::default() })
    }

    #[tokio::test]
    async fn who_is_slow_hears_of_every_vm_what_is_true_now() {
        let changes = Changes::default();
        let mut heard = changes.listen();
        drop(changes.listen());
        for round in 0..10_000 {
            let power = if round % 2 == 0 { PowerState::On } else { PowerState::Off };
            changes.tell(&seen(1, power));
            changes.tell(&seen(2, power));
        }
        assert_eq!(heard.next().await, Some(seen(1, PowerState::Off)));
        assert_eq!(heard.next().await, Some(seen(2, PowerState::Off)));
        assert!(heard.next().now_or_never().is_none());
        assert_eq!(changes.all().len(), 1, "who has gone is forgotten");
        changes.tell(&seen(1, PowerState::On));
        drop(changes);
        assert_eq!(heard.next().await, Some(seen(1, PowerState::On)));
        assert_eq!(heard.next().await, None);
    }
}
