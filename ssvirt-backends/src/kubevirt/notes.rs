//! Kubernetes Events on VMs: who looks at a VM in the cluster sees which request has done what to it.
//!
//! Best effort: what cannot be said soon is not said, and nothing waits for it.

use std::{sync::Arc, time::Duration};

use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use ssvirt_core::backend::{VmNote, VmRef};
use tokio::{sync::mpsc, task::JoinSet, time::sleep};

use super::watch::Watch;

/// Who says so.
const REPORTER: &str = "ssvirt.io/api-server";
/// Notes that wait; more are forgotten.
const WAITING: usize = 256;
/// How often, and how long each time, it is waited until a VM that is new is seen.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(200);
/// The longest text that an Event may have, in bytes.
const LONGEST: usize = 1024;

/// Says notes, until it is dropped.
pub struct Notes {
    waiting: mpsc::Sender<(VmRef, VmNote)>,
    _task: JoinSet<()>,
}

impl Notes {
    /// Begins to.
    pub fn start(client: Client, watch: Arc<Watch>) -> Self {
        let (waiting, mut notes) = mpsc::channel(WAITING);
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Some((vm, note)) = notes.recv().await {
                say(&client, &watch, vm, note).await;
            }
        });
        Self { waiting, _task: task }
    }

    /// To be said later, if there is room.
    pub fn add(&self, vm: VmRef, note: VmNote) {
        if self.waiting.try_send((vm, note)).is_err() {
            tracing::debug!(vm = %vm.vm, "a note on a VM was forgotten");
        }
    }
}

async fn say(client: &Client, watch: &Watch, vm: VmRef, note: VmNote) {
    let mut looks = 0;
    let object = loop {
        if let Some(object) = watch.find(vm.vm) {
            break object;
        }
        looks += 1;
        if looks > LOOKS {
            return;
        }
        sleep(LOOK).await;
    };
    // Each for itself: those that are said together have one request's id.
    let recorder = Recorder::new(client.clone(), Reporter::from(REPORTER));
    if let Err(error) = recorder.publish(&event(note), &object).await {
        tracing::debug!(vm = %vm.vm, error = &error as &dyn std::error::Error, "a note on a VM was not taken");
    }
}

fn event(note: VmNote) -> Event {
    let (type_, said) = match note.failure {
        None => (EventType::Normal, "Done".to_owned()),
        Some(failure) => (EventType::Warning, failure),
    };
    let request = match note.request_id.as_str() {
        "" => String::new(),
        id => format!(" (request {id})"),
    };
    let room = LONGEST.saturating_sub(request.len());
    let said = &said[..said.floor_char_boundary(room)];
    Event {
        type_,
        reason: note.operation.clone(),
        note: Some(format!("{said}{request}")),
        action: note.operation,
        secondary: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_say_what_was_done_for_whom() {
        let note = |request_id: &str, failure: Option<&str>| {
            let note = VmNote {
                operation: "vappDeploy".to_owned(),
                request_id: request_id.to_owned(),
                failure: failure.map(str::to_owned),
            };
            let event = event(note);
            assert_eq!(
                (event.reason.as_str(), event.action.as_str()),
                ("vappDeploy", "vappDeploy")
            );
            (event.type_, event.note.unwrap())
        };
        assert_eq!(note("a-1", None), (EventType::Normal, "Done (request a-1)".to_owned()));
        assert_eq!(note("", Some("No.")), (EventType::Warning, "No.".to_owned()));
        let long = note("a-1", Some(&"ä".repeat(1_000))).1;
        assert!(long.len() <= LONGEST && long.ends_with("ä (request a-1)"), "{long}");
    }
}
