//! The circuit breaker round the cluster.
//!
//! ```text
//!            `failures` calls fail, and none succeeds in between
//!   closed --------------------------------------------------------> open <---------+
//!      ^                                                              | `open_for`   | a call fails
//!      |             `probes` calls succeed                           v              |
//!      +-------------------------------------------------------- half-open ----------+
//!                                                          one call at a time
//! ```
//!
//! What it is told of is whether the cluster answers, not whether it likes what it was asked: a refusal is an
//! answer. Time is passed in.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

/// When the breaker opens and closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerOptions {
    /// Calls that fail one after the other, after which it opens. 5 by default.
    pub failures: u32,
    /// How long it is open before a call is let through to see whether the cluster is back. 5 seconds by default.
    pub open_for: Duration,
    /// Calls that have to succeed then, one after the other, before it closes. 2 by default.
    pub probes: u32,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self { failures: 5, open_for: Duration::from_secs(5), probes: 2 }
    }
}

/// Whether calls are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// All are.
    Closed,
    /// None is.
    Open,
    /// One at a time is, to see whether the cluster is back.
    HalfOpen,
}

impl BreakerState {
    /// As operators are told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// Leave to make a call. What comes of it is told with it; one that is told of nothing has been given up.
#[derive(Debug)]
pub struct Pass {
    /// Counts the changes of state: what was let through before the last one says nothing about now.
    era: u64,
}

#[derive(Debug)]
enum Phase {
    Closed { failed: u32 },
    Open { until: Instant },
    HalfOpen { passed: u32, probing: bool },
}

#[derive(Debug)]
struct Inner {
    era: u64,
    phase: Phase,
}

/// A circuit breaker. See the module.
#[derive(Debug)]
pub struct Breaker {
    options: BreakerOptions,
    inner: Mutex<Inner>,
    state: watch::Sender<BreakerState>,
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new(options: BreakerOptions) -> Self {
        let inner = Mutex::new(Inner { era: 0, phase: Phase::Closed { failed: 0 } });
        Self { options, inner, state: watch::Sender::new(BreakerState::Closed) }
    }

    /// Whether calls are let through.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        *self.state.borrow()
    }

    /// The state, and when it changes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<BreakerState> {
        self.state.subscribe()
    }

    /// Asks for leave to make a call.
    pub fn admit(&self, now: Instant) -> Option<Pass> {
        let mut inner = self.inner();
        if let Phase::Open { until } = inner.phase
            && now >= until
        {
            self.enter(&mut inner, Phase::HalfOpen { passed: 0, probing: false });
        }
        let era = inner.era;
        match &mut inner.phase {
            Phase::Closed { .. } => Some(Pass { era }),
            Phase::HalfOpen { probing, .. } if !*probing => {
                *probing = true;
                Some(Pass { era })
            }
            Phase::HalfOpen { .. } | Phase::Open { .. } => None,
        }
    }

    /// The cluster has answered.
    pub fn succeeded(&self, pass: &Pass) {
        let mut inner = self.inner();
        if pass.era != inner.era {
            return;
        }
        match &mut inner.phase {
            Phase::Closed { failed } => *failed = 0,
            Phase::HalfOpen { passed, probing } => {
                *probing = false;
                *passed += 1;
                if *passed >= self.options.probes {
                    self.enter(&mut inner, Phase::Closed { failed: 0 });
                }
            }
            Phase::Open { .. } => {}
        }
    }

    /// The cluster has not answered. Whether that has opened it.
    pub fn failed(&self, pass: &Pass, now: Instant) -> bool {
        let mut inner = self.inner();
        if pass.era != inner.era {
            return false;
        }
        let opens = match &mut inner.phase {
            Phase::Closed { failed } => {
                *failed += 1;
                *failed >= self.options.failures
            }
            Phase::HalfOpen { .. } => true,
            Phase::Open { .. } => false,
        };
        if opens {
            self.open(&mut inner, now);
        }
        opens
    }

    /// Nobody waits for the answer any more: nothing is known of the cluster.
    pub fn given_up(&self, pass: &Pass) {
        let mut inner = self.inner();
        if pass.era == inner.era
            && let Phase::HalfOpen { probing, .. } = &mut inner.phase
        {
            *probing = false;
        }
    }

    /// Opens it: it is known by other means that nobody is there. Whether it was closed.
    pub fn trip(&self, now: Instant) -> bool {
        let mut inner = self.inner();
        let opens = matches!(inner.phase, Phase::Closed { .. });
        if opens {
            self.open(&mut inner, now);
        }
        opens
    }

    fn open(&self, inner: &mut Inner, now: Instant) {
        self.enter(inner, Phase::Open { until: now + self.options.open_for });
    }

    fn enter(&self, inner: &mut Inner, phase: Phase) {
        let state = match phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        };
        inner.era += 1;
        inner.phase = phase;
        self.state.send_replace(state);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN_FOR: Duration = Duration::from_secs(5);

    fn breaker() -> (Breaker, Instant) {
        let options = BreakerOptions { failures: 3, open_for: OPEN_FOR, probes: 2 };
        (Breaker::new(options), Instant::now())
    }

    fn fail(breaker: &Breaker, now: Instant) {
        let pass = breaker.admit(now).unwrap();
        let opened = breaker.failed(&pass, now);
        assert_eq!(opened, breaker.state() == BreakerState::Open);
    }

    fn succeed(breaker: &Breaker, now: Instant) {
        let pass = breaker.admit(now).unwrap();
        breaker.succeeded(&pass);
    }

    fn opened() -> (Breaker, Instant) {
        let (breaker, now) = breaker();
        for _ in 0..3 {
            fail(&breaker, now);
        }
        assert_eq!(breaker.state(), BreakerState::Open);
        (breaker, now)
    }

    #[test]
    fn it_opens_after_failures_that_nothing_interrupts() {
        let (breaker, now) = breaker();
        for _ in 0..2 {
            fail(&breaker, now);
            fail(&breaker, now);
            succeed(&breaker, now);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        for _ in 0..3 {
            fail(&breaker, now);
        }
        assert_eq!(breaker.state(), BreakerState::Open);
        assert!(breaker.admit(now).is_none());
        assert!(breaker.admit(now + OPEN_FOR - Duration::from_millis(1)).is_none());
    }

    #[test]
    fn half_open_one_call_at_a_time_goes_through_until_it_closes() {
        let (breaker, now) = opened();
        let later = now + OPEN_FOR;
        let first = breaker.admit(later).unwrap();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(breaker.admit(later).is_none());
        breaker.succeeded(&first);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        succeed(&breaker, later);
        assert_eq!(breaker.state(), BreakerState::Closed);
        let both = (breaker.admit(later), breaker.admit(later));
        assert!(both.0.is_some() && both.1.is_some());
    }

    #[test]
    fn a_probe_that_fails_opens_it_for_the_whole_time_again() {
        let (breaker, now) = opened();
        let later = now + OPEN_FOR;
        succeed(&breaker, later);
        fail(&breaker, later);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert!(breaker.admit(later + OPEN_FOR / 2).is_none());
        // What succeeded before does not count.
        succeed(&breaker, later + OPEN_FOR);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }

    #[test]
    fn a_probe_that_is_given_up_makes_room_for_the_next() {
        let (breaker, now) = opened();
        let later = now + OPEN_FOR;
        let probe = breaker.admit(later).unwrap();
        breaker.given_up(&probe);
        assert!(breaker.admit(later).is_some());
    }

    #[test]
    fn what_was_let_through_before_says_nothing_about_now() {
        let (breaker, now) = breaker();
        let late: Vec<Pass> = (0..4).map(|_| breaker.admit(now).unwrap()).collect();
        for _ in 0..3 {
            fail(&breaker, now);
        }
        breaker.succeeded(&late[0]);
        assert_eq!(breaker.state(), BreakerState::Open);
        let probe = breaker.admit(now + OPEN_FOR).unwrap();
        assert!(!breaker.failed(&late[1], now + OPEN_FOR));
        breaker.succeeded(&late[2]);
        breaker.given_up(&late[3]);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(breaker.admit(now + OPEN_FOR).is_none(), "the probe is under way");
        breaker.succeeded(&probe);
        succeed(&breaker, now + OPEN_FOR);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn it_can_be_opened_and_tells_of_every_change() {
        let (breaker, now) = breaker();
        let mut changes = breaker.subscribe();
        assert!(breaker.trip(now));
        assert_eq!(*changes.borrow_and_update(), BreakerState::Open);
        assert!(!breaker.trip(now + OPEN_FOR));
        assert!(!changes.has_changed().unwrap(), "it was open");
        assert!(breaker.admit(now + OPEN_FOR).is_some());
        assert_eq!(changes.borrow_and_update().name(), "half-open");
    }
}
