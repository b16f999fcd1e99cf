//! The one road to the API server.
//!
//! ```text
//!   call -> limits (a place) -> breaker (leave) -> an answer in time -> breaker (told) -> retry, or the answer
//! ```
//!
//! It is a layer below kube's client, so that whatever is built on that client goes through it: nothing goes past.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{Request, Response, StatusCode};
use kube::{Client, client::Body};
use ssvirt_core::backend::Reach;
use tokio::time::{Instant, sleep, timeout};
use tower::{BoxError, service_fn};

use super::{
    breaker::{Breaker, BreakerOptions, BreakerState, Pass},
    limits::{LimitOptions, Limits},
    retry::{Ask, RetryOptions},
};

/// How long calls to clusters take, each try for itself, in seconds. Labels: `verb`, Kubernetes' word for what is
/// done, or `connect` or `action` for a subresource of KubeVirt; `outcome`: `ok`, `refused` (4xx), `failed`, `late`
/// (no answer in time) or `given_up` (nobody waits for it any more).
pub const CALLS: &str = "ssvirt_cluster_call_duration_seconds";
/// Calls that were not made, because the breaker was open. Label: `verb`.
pub const CALLS_NOT_MADE: &str = "ssvirt_cluster_calls_not_made_total";
/// Calls that were made again. Label: `verb`.
pub const RETRIES: &str = "ssvirt_cluster_retries_total";
/// How often breakers have opened.
pub const OPENED: &str = "ssvirt_breaker_opened_total";
/// Consoles that are open, by `kind`.
pub const CONSOLES: &str = "ssvirt_console_sessions";

/// How often an open breaker is tried to be closed, beyond its own times.
/// How long a node has to open a console. A person waits for it, in a place that others wait for too.
/// Nodes that are away are not answered for at all.
const CONNECT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(250);

/// How a cluster is dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterOptions {
    /// When it is taken to be away.
    pub breaker: BreakerOptions,
    /// How much is asked of it at once.
    pub limits: LimitOptions,
    /// What is asked again.
    pub retry: RetryOptions,
    /// How long it has to begin an answer. 15 seconds by default.
    pub answer: Duration,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            breaker: BreakerOptions::default(),
            limits: LimitOptions::default(),
            retry: RetryOptions::default(),
            answer: Duration::from_secs(15),
        }
    }
}

/// A cluster behind a circuit breaker. Cheap to clone: all clones share what they know.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    road: Arc<Road>,
}

impl Cluster {
    /// The cluster that `client` reaches, as whom it is. To be called within a Tokio runtime.
    ///
    /// A client that repeats requests by itself hides from the breaker that they fail: [`Cluster::connect`] makes
    /// one that does not.
    #[must_use]
    pub fn new(client: Client, options: ClusterOptions) -> Self {
        let namespace = client.default_namespace().to_owned();
        let road = Arc::new_cyclic(|me| Road {
            me: me.clone(),
            client,
            breaker: Breaker::new(options.breaker.clone()),
            was_there: AtomicBool::new(false),
            limits: Limits::new(&options.limits),
            options,
        });
        let sent = Arc::clone(&road);
        let service = service_fn(move |request| {
            let road = Arc::clone(&sent);
            async move { road.send(request).await }
        });
        Self { client: Client::new(service, namespace), road }
    }

    /// The cluster of this configuration.
    ///
    /// # Errors
    /// Where the configuration names files or programs that are not there, or not what they should be.
    pub fn connect(mut config: kube::Config, options: ClusterOptions) -> kube::Result<Self> {
        config.default_retry = false;
        Ok(Self::new(Client::try_from(config)?, options))
    }

    /// The client of all who deal with the cluster.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Whether calls are let through, and when that changes.
    #[must_use]
    pub fn breaker(&self) -> &Breaker {
        &self.road.breaker
    }

    /// Whether the cluster can be asked for anything.
    #[must_use]
    pub fn reach(&self) -> Reach {
        match self.road.breaker.state() {
            BreakerState::Closed => Reach::Here,
            _ if self.road.was_there.load(Ordering::Relaxed) => Reach::Lost,
            _ => Reach::NotYet,
        }
    }

    /// Asks whether the cluster is there, once and at most this long. It is taken to be away where it is not.
    pub async fn find(&self, patience: Duration) -> bool {
        let reached = async {
            let Some(pass) = self.road.breaker.admit(Instant::now()) else { return false };
            matches!(self.road.once("get", ready(), pass).await, Ok(answer) if is_answer(answer.status()))
        };
        let reached = timeout(patience, reached).await.unwrap_or(false);
        if !reached {
            self.road.trip();
        }
        reached
    }
}

struct Road {
    me: Weak<Self>,
    client: Client,
    breaker: Breaker,
    was_there: AtomicBool,
    limits: Limits,
    options: ClusterOptions,
}

impl Road {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let ask = Ask::of(&request);
        let mut waits = self.options.retry.waits();
        let mut next = request;
        loop {
            let again = copy(&next);
            let answered = {
                let _turn = self.limits.turn(ask.namespace.as_deref()).await;
                let Some(pass) = self.breaker.admit(Instant::now()) else {
                    metrics::counter!(CALLS_NOT_MADE, "verb" => ask.verb).increment(1);
                    return Err(Away.into());
                };
                self.once(ask.verb, next, pass).await
            };
            let status = answered.as_ref().ok().map(Response::status);
            let (Some(again), true) = (again, ask.is_worth_another(status)) else {
                return answered;
            };
            let Some(wait) = waits.next() else { return answered };
            let named = answered.as_ref().ok().map(Response::headers);
            let wait = named.and_then(|headers| self.options.retry.named(headers)).unwrap_or(wait);
            tracing::debug!(verb = ask.verb, ?status, ?wait, "a call to the cluster is repeated");
            metrics::counter!(RETRIES, "verb" => ask.verb).increment(1);
            sleep(wait).await;
            next = again;
        }
    }

    async fn once(
        &self,
        verb: &'static str,
        request: Request<Body>,
        pass: Pass,
    ) -> Result<Response<Body>, BoxError> {
        let mut told =
            Told { breaker: &self.breaker, pass, verb, start: Instant::now(), outcome: "given_up" };
        let is_console = verb == "connect";
        let patience =
            if is_console { self.options.answer.min(CONNECT) } else { self.options.answer };
        let answered = timeout(patience, self.client.send(request)).await;
        let (is_there, outcome) = match &answered {
            Ok(Ok(answer))
                if is_console && answer.status() == StatusCode::INTERNAL_SERVER_ERROR =>
            {
                (None, "failed")
            }
            Ok(Ok(answer)) if !is_answer(answer.status()) => (Some(false), "failed"),
            Ok(Ok(answer)) if answer.status().is_client_error() => (Some(true), "refused"),
            Ok(Ok(_)) => (Some(true), "ok"),
            Ok(Err(_)) => (Some(false), "failed"),
            Err(_) => ((!is_console).then_some(false), "late"),
        };
        told.outcome = outcome;
        match is_there {
            Some(true) => {
                self.was_there.store(true, Ordering::Relaxed);
                self.breaker.succeeded(&told.pass);
            }
            Some(false) if self.breaker.failed(&told.pass, Instant::now()) => self.attend(),
            Some(false) => {}
            // A console is opened at a node: where that is away, nothing is known of the cluster, and whoever asks again
            // and again for it must not keep all others from it.
            None => self.breaker.given_up(&told.pass),
        }
        answered.map_err(|_| BoxError::from(Late))?.map_err(BoxError::from)
    }

    fn trip(&self) {
        if self.breaker.trip(Instant::now()) {
            self.attend();
        }
    }

    /// Sees to it that the breaker, which has just opened, closes when the cluster is back, though nobody asks
    /// anything of it. Where it opens again, somebody else attends.
    fn attend(&self) {
        tracing::warn!("the cluster is away: its circuit breaker is open");
        metrics::counter!(OPENED).increment(1);
        let (me, open_for) = (self.me.clone(), self.options.breaker.open_for);
        tokio::spawn(async move {
            sleep(open_for).await;
            while let Some(road) = me.upgrade() {
                if road.breaker.state() == BreakerState::Closed {
                    tracing::info!("the cluster is back: its circuit breaker is closed");
                    return;
                }
                let Some(pass) = road.breaker.admit(Instant::now()) else {
                    drop(road);
                    sleep(POLL).await;
                    continue;
                };
                let answered = road.once("get", ready(), pass).await;
                if !answered.is_ok_and(|answer| is_answer(answer.status())) {
                    return;
                }
            }
        });
    }
}

/// Measures a call, and tells the breaker also of one that nobody waits for any more: by then it is told of all
/// others, and hears no more of them.
struct Told<'a> {
    breaker: &'a Breaker,
    pass: Pass,
    verb: &'static str,
    start: Instant,
    outcome: &'static str,
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if self.outcome == "given_up" {
            self.breaker.given_up(&self.pass);
        }
        let taken = metrics::histogram!(CALLS, "verb" => self.verb, "outcome" => self.outcome);
        taken.record(self.start.elapsed());
    }
}

/// Whether the cluster has answered. One that does not know us any more (401) is of no more use than one that is
/// away: an expired token is no tenant's fault, and what they want waits for the next one.
fn is_answer(status: StatusCode) -> bool {
    let is_away = matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
    );
    !status.is_server_error() && !is_away
}

/// Asks whether the API server can do its work, which is more than being there: etcd must answer too.
fn ready() -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = http::Uri::from_static("/readyz");
    request
}

/// None of one whose body is a stream.
fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}

/// The breaker is open.
#[derive(Debug)]
struct Away;

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the circuit breaker is open")
    }
}

impl std::error::Error for Away {}

/// There was no answer.
#[derive(Debug)]
struct Late;

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the API server did not answer in time")
    }
}

impl std::error::Error for Late {}

#[cfg(test)]
mod tests;
