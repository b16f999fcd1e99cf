//! Faults on demand: which call fails, how often, and with what.
//!
//! The simulator asks its [`Faults`] before every operation, and [`Faulty`](crate::decorate::Faulty) puts
//! the same rules around any backend, store or catalog source.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use ssvirt_core::{Error, ErrorKind, Result};

/// Whether `text` fits `pattern`, where `*` stands for any text.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(head) else { return false };
    let mut rest = rest;
    while let Some((part, later)) = rest.split_once('*') {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
        rest = later;
    }
    left.ends_with(rest)
}

/// On which of the calls that fit a rule it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Always,
    First(u64),
    Nth(u64),
    Every(u64),
    FirstOfEach,
}

/// On which side of the call's effect a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Nothing has happened when the call fails.
    Before,
    /// All has happened, only the answer is lost.
    After,
}

/// A rule: the calls that fit it fail.
#[derive(Clone, Debug)]
pub struct Fault {
    op: String,
    about: String,
    when: When,
    side: Side,
    kind: ErrorKind,
    message: String,
    seen: u64,
    done: BTreeSet<(&'static str, String)>,
}

impl Fault {
    /// Every call of operations that fit `op` fails with `Unavailable`; `*` stands for any text. The
    /// operations of a backend are called as its methods, such as `power_vm`.
    pub fn on(op: impl Into<String>) -> Self {
        Self {
            op: op.into(),
            about: "*".to_owned(),
            when: When::Always,
            side: Side::Before,
            kind: ErrorKind::Unavailable,
            message: "A fault was injected; the call may be repeated.".to_owned(),
            seen: 0,
            done: BTreeSet::new(),
        }
    }

    /// Only calls about what fits `pattern`: the VM's name in the simulator, the arguments as
    /// [`Call::args`](crate::decorate::Call::args) shows them in a decorator.
    #[must_use]
    pub fn about(mut self, pattern: impl Into<String>) -> Self {
        self.about = pattern.into();
        self
    }

    /// Only the first `n` calls that fit.
    #[must_use]
    pub fn times(mut self, n: u64) -> Self {
        self.when = When::First(n);
        self
    }

    /// Only the `n`-th call that fits, counted from 1.
    #[must_use]
    pub fn nth(mut self, n: u64) -> Self {
        self.when = When::Nth(n);
        self
    }

    /// Every `k`-th call that fits; none for 0.
    #[must_use]
    pub fn every(mut self, k: u64) -> Self {
        self.when = When::Every(k);
        self
    }

    /// The first of each different call (operation and arguments); its repetition passes.
    #[must_use]
    pub fn each_once(mut self) -> Self {
        self.when = When::FirstOfEach;
        self
    }

    /// Fails with an error that no repetition mends.
    #[must_use]
    pub fn permanent(self) -> Self {
        self.error(ErrorKind::Internal, "A permanent fault was injected.")
    }

    /// Fails with this error.
    #[must_use]
    pub fn error(mut self, kind: ErrorKind, message: impl Into<String>) -> Self {
        self.kind = kind;
        self.message = message.into();
        self
    }

    /// Strikes after the call took effect: the answer is lost, the change is not.
    #[must_use]
    pub fn lost_answer(mut self) -> Self {
        self.side = Side::After;
        self
    }

    fn strikes(&mut self, side: Side, op: &'static str, about: &str) -> bool {
        if self.side != side || !fits(&self.op, op) || !fits(&self.about, about) {
            return false;
        }
        self.seen += 1;
        match self.when {
            When::Always => true,
            When::First(n) => self.seen <= n,
            When::Nth(n) => self.seen == n,
            When::Every(k) => k > 0 && self.seen.is_multiple_of(k),
            When::FirstOfEach => self.done.insert((op, about.to_owned())),
        }
    }
}

/// A set of rules that may change at any time.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<Vec<Fault>>,
    struck: std::sync::atomic::AtomicU64,
}

impl Faults {
    /// These rules.
    pub fn new(rules: impl IntoIterator<Item = Fault>) -> Self {
        Self { rules: Mutex::new(rules.into_iter().collect()), struck: Default::default() }
    }

    /// Adds a rule.
    pub fn add(&self, fault: Fault) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    /// Removes all rules: everything works again.
    pub fn clear(&self) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many calls have failed by a rule so far.
    pub fn struck(&self) -> u64 {
        self.struck.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Counts the call; fails where a rule says so.
    ///
    /// # Errors
    /// What the first rule that strikes says.
    pub fn check(&self, side: Side, op: &'static str, about: &str) -> Result<()> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failure = None;
        // Every rule counts the call, also when an earlier one has struck.
        for rule in rules.iter_mut() {
            if rule.strikes(side, op, about) && failure.is_none() {
                failure = Some(Error::new(rule.kind, rule.message.clone()));
            }
        }
        match failure {
            None => Ok(()),
            Some(error) => {
                self.struck.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern_of(fault: Fault, calls: usize) -> String {
        let faults = Faults::new([fault]);
        (0..calls)
            .map(
                |_| if faults.check(Side::Before, "power_vm", "web-1").is_ok() { '.' } else { 'x' },
            )
            .collect()
    }

    #[test]
    fn patterns_fit() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("web-*", "web-1", true),
            ("web-*", "db-1", false),
            ("*-1", "web-1", true),
            ("w*-*1", "web-11", true),
            ("w*-*2", "web-11", false),
            ("power_vm", "power_vm", true),
            ("power_vm", "power_vm2", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn rules_strike_when_they_say() {
        assert_eq!(pattern_of(Fault::on("*"), 3), "xxx");
        assert_eq!(pattern_of(Fault::on("power_vm").times(2), 4), "xx..");
        assert_eq!(pattern_of(Fault::on("power_vm").nth(2), 4), ".x..");
        assert_eq!(pattern_of(Fault::on("power_vm").every(2), 5), ".x.x.");
        assert_eq!(pattern_of(Fault::on("power_vm").every(0), 2), "..");
        assert_eq!(pattern_of(Fault::on("power_vm").each_once(), 3), "x..");
        assert_eq!(pattern_of(Fault::on("create_vm"), 3), "...");
        assert_eq!(pattern_of(Fault::on("*").about("db-*"), 3), "...");
        assert_eq!(pattern_of(Fault::on("*").lost_answer(), 2), "..");
    }

    #[test]
    fn retriable_or_permanent() {
        let kind = |fault| Faults::new([fault]).check(Side::Before, "vm", "").unwrap_err();
        assert!(kind(Fault::on("*")).is_retriable());
        assert!(!kind(Fault::on("*").permanent()).is_retriable());
        assert_eq!(kind(Fault::on("*").error(ErrorKind::LimitExceeded, "full")).message(), "full");
    }
}
