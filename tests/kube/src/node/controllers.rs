//! What the parts that play one kind of object have in common: they watch, and look at an object until it rests.

use std::{future::Future, mem::take, sync::Arc, time::Duration};

use super::{Stage, objects::all};
use futures_util::{Stream, StreamExt as _, stream};
use kube::{
    Client, Error,
    api::{ApiResource, DynamicObject},
    runtime::{
        Controller, WatchStreamExt as _,
        controller::Action,
        reflector::store::Writer,
        utils::Backoff,
        watcher::{self, Event, watcher},
    },
};

/// How long until an object is looked at again after something went wrong.
const AFTER_AN_ERROR: Duration = Duration::from_millis(500);

/// The same after somebody else has written meanwhile.
const AFTER_A_CONFLICT: Duration = Duration::from_millis(20);

pub(super) fn watches() -> watcher::Config {
    watcher::Config::default().streaming_lists()
}

/// A controller of all objects of a kind that a watch tells of.
pub(super) fn controller(
    client: &Client,
    resource: &ApiResource,
    config: watcher::Config,
) -> Controller<DynamicObject> {
    let writer = Writer::new(resource.clone());
    let reader = writer.as_reader();
    let events = applied(watcher(all(client, resource), config).reflect(writer));
    Controller::for_stream_with(events, reader, resource.clone()).trigger_backoff(Soon)
}

/// What was applied, and what a list names only when the list has ended: kube's store has the objects of a list
/// no sooner, and its controller drops for good what the store does not have. An object that was made while the
/// API server had just come back would be played by nobody.
fn applied<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
) -> impl Stream<Item = watcher::Result<K>> {
    let mut listed = Vec::new();
    events.flat_map(move |event| {
        let told = match event {
            Ok(Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Ok(Event::InitApply(object)) => {
                listed.push(Ok(object));
                Vec::new()
            }
            Ok(Event::InitDone) => take(&mut listed),
            Ok(Event::Apply(object)) => vec![Ok(object)],
            Ok(Event::Delete(_)) => Vec::new(),
            Err(error) => vec![Err(error)],
        };
        stream::iter(told)
    })
}

/// How long after a watch was cut the next one is begun: at once, for those who kill API servers and wait.
struct Soon;

impl Iterator for Soon {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::from_millis(500))
    }
}

impl Backoff for Soon {
    fn reset(&mut self) {}
}

/// Runs a controller until its runtime ends.
pub(super) fn run<F>(
    controller: Controller<DynamicObject>,
    reconcile: fn(Arc<DynamicObject>, Arc<Stage>) -> F,
    stage: &Arc<Stage>,
) where
    F: Future<Output = kube::Result<Action>> + Send + 'static,
{
    let stage = stage.clone();
    tokio::spawn(async move {
        controller.run(reconcile, again, stage).for_each(|_| std::future::ready(())).await;
    });
}

/// Somebody else has written meanwhile, or the API server is away: what is there is looked at again.
fn again(_: Arc<DynamicObject>, error: &Error, _: Arc<Stage>) -> Action {
    let is_conflict = matches!(error, Error::Api(status) if matches!(status.code, 404 | 409));
    Action::requeue(if is_conflict { AFTER_A_CONFLICT } else { AFTER_AN_ERROR })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_list_is_told_when_it_has_ended() {
        let events = [
            Event::Init,
            Event::InitApply("cut"),
            Event::Init,
            Event::InitApply("a"),
            Event::InitApply("b"),
            Event::InitDone,
            Event::Apply("c"),
            Event::Delete("a"),
            Event::Init,
            Event::InitApply("b"),
        ];
        let told: Vec<_> =
            applied(stream::iter(events.map(Ok))).map(Result::unwrap).collect().await;
        assert_eq!(told, ["a", "b", "c"]);
    }
}
