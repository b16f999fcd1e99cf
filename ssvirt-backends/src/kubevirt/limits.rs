//! How many calls the API server is asked at once, and whose.
//!
//! A VDC's calls wait for each other before they wait among all: a tenant's burst holds no more of the places, and
//! no more of the queue for them, than `per_namespace`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many calls are under way at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitOptions {
    /// In all. 64 by default: API servers take some hundreds, of all their clients.
    pub total: usize,
    /// About one namespace, which is a VDC. 8 by default.
    pub per_namespace: usize,
}

impl Default for LimitOptions {
    fn default() -> Self {
        Self { total: 64, per_namespace: 8 }
    }
}

/// Namespaces that are forgotten together, once nobody asks about them.
const SPARE: usize = 64;

/// A place among the calls that are under way, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _total: Option<OwnedSemaphorePermit>,
    _namespace: Option<OwnedSemaphorePermit>,
}

/// See the module.
#[derive(Debug)]
pub struct Limits {
    per_namespace: usize,
    total: Arc<Semaphore>,
    namespaces: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Limits {
    /// Of nobody's calls yet.
    #[must_use]
    pub fn new(options: &LimitOptions) -> Self {
        Self {
            per_namespace: options.per_namespace.max(1),
            total: Arc::new(Semaphore::new(options.total.max(1))),
            namespaces: Mutex::default(),
        }
    }

    /// Waits for a place. None is the namespace of what is in none.
    pub async fn turn(&self, namespace: Option<&str>) -> Turn {
        // Neither is ever closed.
        let namespace = match namespace {
            Some(name) => self.of(name).acquire_owned().await.ok(),
            None => None,
        };
        let total = Arc::clone(&self.total).acquire_owned().await.ok();
        Turn { _total: total, _namespace: namespace }
    }

    fn of(&self, name: &str) -> Arc<Semaphore> {
        let mut all = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = all.get(name).and_then(Weak::upgrade) {
            return found;
        }
        if all.len() >= SPARE && all.len() == all.capacity() {
            all.retain(|_, places| places.strong_count() > 0);
        }
        let made = Arc::new(Semaphore::new(self.per_namespace));
        all.insert(name.to_owned(), Arc::downgrade(&made));
        made
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn limits(total: usize, per_namespace: usize) -> Limits {
        Limits::new(&LimitOptions { total, per_namespace })
    }

    #[tokio::test]
    async fn a_burst_of_one_leaves_room_for_another() {
        let limits = limits(4, 2);
        let held = [limits.turn(Some("loud")).await, limits.turn(Some("loud")).await];
        let mut third = Box::pin(limits.turn(Some("loud")));
        assert!((&mut third).now_or_never().is_none());
        let quiet = limits.turn(Some("quiet")).now_or_never();
        assert!(quiet.is_some());
        drop(held);
        assert!(third.now_or_never().is_some());
    }

    #[tokio::test]
    async fn those_who_wait_among_all_are_served_in_turn_and_few_of_each() {
        let limits = limits(1, 2);
        let held = limits.turn(None).await;
        // Ten of one tenant come before the first of another.
        let mut loud: Vec<_> = (0..10).map(|_| Box::pin(limits.turn(Some("loud")))).collect();
        for waiting in &mut loud {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        let mut quiet = Box::pin(limits.turn(Some("quiet")));
        assert!(quiet.as_mut().now_or_never().is_none());
        drop(held);
        // Two are before it, and not ten.
        for waiting in loud.iter_mut().take(2) {
            assert!(quiet.as_mut().now_or_never().is_none());
            assert!(waiting.as_mut().now_or_never().is_some());
        }
        assert!(quiet.as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn namespaces_are_forgotten() {
        let limits = limits(4, 2);
        for n in 0..10_000 {
            limits.turn(Some(&format!("vdc-{n}"))).await;
        }
        assert!(limits.namespaces.lock().unwrap().len() < 1_000);
    }
}
