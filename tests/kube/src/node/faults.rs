//! What is played how fast, and what goes wrong.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How often it is looked whether something that does not end was allowed to.
const POLL: Duration = Duration::from_millis(100);

/// A step that takes time, and that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// A DataVolume gets its content. Failed: it is tried again and again, as CDI does.
    Import,
    /// A node is found for an instance. Failed: unschedulable.
    Schedule,
    /// The images of an instance are pulled. Failed: `ErrImagePull`, then `ImagePullBackOff`.
    Pull,
    /// The guest is started. Failed: the instance has failed, which shows as a crash loop.
    Launch,
    /// The guest agent connects. Failed or never: there is none.
    Agent,
    /// A running instance is moved, so that it gets what it was given. Failed: it is tried again and again.
    Migrate,
    /// The guest shuts down. Failed or never: it is ended after its grace period.
    Shutdown,
    /// A snapshot is taken. Failed: it has failed for good.
    Snapshot,
    /// A snapshot is restored.
    Restore,
    /// The objects of a template are made. Failed: it has failed for good.
    Instantiate,
}

/// How a step goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// With KubeVirt's own message.
    Fail,
    /// With a message.
    FailWith(String),
    /// It does not end until the rule is taken away.
    Never,
}

/// Where a step goes wrong: in all namespaces, and for all machines, where none is named.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The namespace.
    pub namespace: Option<String>,
    /// The VirtualMachine, or the object itself where there is none.
    pub machine: Option<String>,
    /// The step.
    pub step: Step,
    /// What happens.
    pub fault: Fault,
}

/// How fast it goes.
#[derive(Clone, Debug)]
pub struct Options {
    /// What each step takes; [`Options::step`] where there is none.
    pub delays: BTreeMap<Step, Duration>,
    /// What a step takes.
    pub step: Duration,
    /// How long a second of a grace period takes.
    pub second: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            delays: BTreeMap::new(),
            step: Duration::from_millis(20),
            second: Duration::from_millis(20),
        }
    }
}

/// Whose step it is.
pub struct Who<'a> {
    /// The object's own id: a step of another object of that name is another step.
    pub uid: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// The VirtualMachine, or the object.
    pub machine: &'a str,
}

/// Where a step is.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// It takes that long still.
    Later(Duration),
    /// It is done.
    Done,
    /// It has failed, with the rule's message if that has one.
    Failed(Option<String>),
}

/// The steps that are under way, and the rules.
pub struct Play {
    state: Mutex<State>,
}

struct State {
    options: Options,
    rules: Vec<(u64, Rule)>,
    last_rule: u64,
    begun: HashMap<(String, Step), Instant>,
}

impl Play {
    pub fn new(options: Options) -> Self {
        let state = State { options, rules: Vec::new(), last_rule: 0, begun: HashMap::new() };
        Self { state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn change(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.state().options);
    }

    pub fn inject(&self, rule: Rule) -> u64 {
        let mut state = self.state();
        state.last_rule += 1;
        let id = state.last_rule;
        state.rules.push((id, rule));
        id
    }

    pub fn heal(&self, id: u64) {
        self.state().rules.retain(|(other, _)| id != *other);
    }

    /// Where a step of an object is, that begins with the first time it is asked for.
    pub fn turn(&self, who: &Who<'_>, step: Step) -> Turn {
        let mut state = self.state();
        let left = state.left(who, step, None);
        match state.fault(who, step) {
            Some(Fault::Never) => Turn::Later(POLL),
            _ if !left.is_zero() => Turn::Later(left),
            Some(Fault::Fail) => Turn::Failed(None),
            Some(Fault::FailWith(message)) => Turn::Failed(Some(message)),
            None => {
                state.begun.remove(&(who.uid.to_owned(), step));
                Turn::Done
            }
        }
    }

    /// How long a machine waits until it is started again, in seconds of a cluster, after an instance failed.
    pub fn backoff(&self, failed: &str, seconds: u32) -> Duration {
        let mut state = self.state();
        let taken = state.options.second * seconds;
        let uid = format!("{failed}/again");
        state.left(&Who { uid: &uid, namespace: "", machine: "" }, Step::Launch, Some(taken))
    }

    /// How long a guest that was told to end still runs, of a grace period in its own seconds.
    pub fn shutdown(&self, who: &Who<'_>, grace: u32) -> Duration {
        let mut state = self.state();
        let whole = state.options.second * grace;
        let is_deaf = state.fault(who, Step::Shutdown).is_some();
        let taken = if is_deaf { whole } else { whole.min(state.delay(Step::Shutdown)) };
        let left = state.left(who, Step::Shutdown, Some(taken));
        if left.is_zero() {
            state.begun.remove(&(who.uid.to_owned(), Step::Shutdown));
        }
        left
    }
}

impl State {
    fn delay(&self, step: Step) -> Duration {
        self.options.delays.get(&step).copied().unwrap_or(self.options.step)
    }

    fn left(&mut self, who: &Who<'_>, step: Step, taken: Option<Duration>) -> Duration {
        let taken = taken.unwrap_or_else(|| self.delay(step));
        let begun = *self.begun.entry((who.uid.to_owned(), step)).or_insert_with(Instant::now);
        taken.saturating_sub(begun.elapsed())
    }

    fn fault(&self, who: &Who<'_>, step: Step) -> Option<Fault> {
        let is_it = |named: &Option<String>, name: &str| named.as_ref().is_none_or(|n| n == name);
        let mut rules = self.rules.iter().map(|(_, rule)| rule);
        let rule = rules.find(|rule| {
            rule.step == step
                && is_it(&rule.namespace, who.namespace)
                && is_it(&rule.machine, who.machine)
        });
        rule.map(|rule| rule.fault.clone())
    }
}
