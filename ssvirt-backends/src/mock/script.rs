//! What a mock expects and answers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ssvirt_core::{
    Error, ErrorKind, Id, Result,
    catalog::SourceItem,
    model::{PowerState, Vm, VmState},
};

use crate::{decorate::Call, memory::faults::fits};

/// What a mock answers. It must fit the call: `create_vm` answers a state, `delete_vm` just that it is done.
#[derive(Clone, Debug)]
pub enum Reply {
    /// It is done.
    Done,
    /// A VM's state.
    State(VmState),
    /// A VM's state, or none.
    Seen(Option<VmState>),
    /// The VMs of a place.
    List(Vec<(Id<Vm>, VmState)>),
    /// A console that says this.
    Says(Vec<u8>),
    /// A source's items.
    Items(Vec<SourceItem>),
    /// A source's item, or none.
    Item(Option<SourceItem>),
    /// An error.
    Fail(ErrorKind, String),
}

macro_rules! replies {
    ($($from:ty => |$value:ident| $reply:expr;)*) => {
        $(impl From<$from> for Reply {
            fn from($value: $from) -> Self {
                $reply
            }
        })*
    };
}

replies! {
    () => |_done| Self::Done;
    VmState => |state| Self::State(state);
    PowerState => |power| Self::State(VmState { power, ..VmState::default() });
    Option<VmState> => |seen| Self::Seen(seen);
    Vec<(Id<Vm>, VmState)> => |list| Self::List(list);
    &str => |said| Self::Says(said.into());
    Vec<SourceItem> => |items| Self::Items(items);
    Option<SourceItem> => |item| Self::Item(item);
}

#[derive(Debug)]
struct Entry {
    op: String,
    about: String,
    reply: Reply,
    /// How many times more; none is always.
    left: Option<u64>,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    calls: Vec<Call>,
    unexpected: Vec<Call>,
}

/// The script and what became of it.
#[derive(Debug, Default)]
pub(super) struct Script(Mutex<State>);

/// A line of the script that is being written; it counts once a reply is given.
#[must_use = "an expectation without a reply is not in the script"]
#[derive(Debug)]
pub struct Expectation<'a> {
    script: &'a Script,
    op: String,
    about: String,
    left: Option<u64>,
}

impl Expectation<'_> {
    /// Only a call whose arguments, as [`Call::args`] shows them, fit `pattern`.
    pub fn about(mut self, pattern: impl Into<String>) -> Self {
        self.about = pattern.into();
        self
    }

    /// This many such calls; one unless said.
    pub fn times(mut self, n: u64) -> Self {
        self.left = Some(n);
        self
    }

    /// Any number of such calls, also none.
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }

    /// Answers this.
    pub fn reply(self, reply: impl Into<Reply>) {
        let entry = Entry { op: self.op, about: self.about, reply: reply.into(), left: self.left };
        self.script.lock().entries.push(entry);
    }

    /// Answers an error.
    pub fn fail(self, kind: ErrorKind, message: impl Into<String>) {
        let message = message.into();
        self.reply(Reply::Fail(kind, message));
    }
}

impl Script {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn expect(&self, op: &str) -> Expectation<'_> {
        Expectation { script: self, op: op.to_owned(), about: "*".to_owned(), left: Some(1) }
    }

    /// The answer of the first line that fits and is not used up; `otherwise` when none does.
    pub fn answer(&self, call: Call, otherwise: Option<Reply>) -> Result<Reply> {
        let mut state = self.lock();
        state.calls.push(call.clone());
        let entry = state.entries.iter_mut().find(|entry| {
            fits(&entry.op, call.op) && fits(&entry.about, &call.args) && entry.left != Some(0)
        });
        let reply = match entry {
            Some(entry) => {
                entry.left = entry.left.map(|left| left - 1);
                entry.reply.clone()
            }
            None => match otherwise {
                Some(reply) => reply,
                None => {
                    let error = Error::internal(format!("the script does not expect {call}"));
                    state.unexpected.push(call);
                    return Err(error);
                }
            },
        };
        match reply {
            Reply::Fail(kind, message) => Err(Error::new(kind, message)),
            reply => Ok(reply),
        }
    }

    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// Whether everything that was expected came, and nothing else.
    pub fn verify(&self) -> Result<(), String> {
        let state = self.lock();
        let unexpected = state.unexpected.iter().map(|call| format!("not in the script: {call}"));
        let missing =
            state.entries.iter().filter(|entry| entry.left.is_some_and(|left| left > 0)).map(
                |entry| {
                    format!(
                        "did not come: {}({}), {} times more",
                        entry.op,
                        entry.about,
                        entry.left.unwrap_or_default()
                    )
                },
            );
        let complaints: Vec<String> = unexpected.chain(missing).collect();
        if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
    }
}

/// The error for a reply that the call cannot answer.
pub(super) fn misfit(op: &str, reply: &Reply) -> Error {
    Error::internal(format!("the script's reply does not fit {op}: {reply:?}"))
}
