//! Metrics for Prometheus, at an address of their own: they are the operator's, and not for tenants.
//!
//! What is measured is named where it is measured, in `ssvirt_core::measure` and in the backends.

use std::{net::SocketAddr, sync::OnceLock, time::Duration};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use poem::{
    EndpointExt as _, Response, Route, Server, get, handler, listener::TcpAcceptor, web::Data,
};
use ssvirt_core::{Cloud, backend::Reach, measure};
use tokio::{net::TcpListener, task::JoinHandle};

use super::health::name_of;
use crate::cli::Failure;

/// Upper bounds of what is measured in seconds: from a call that is answered out of memory to a task that waits for
/// a virtual machine.
const BUCKETS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// How often what was measured is taken in, also if nobody asks for it.
const UPKEEP: Duration = Duration::from_secs(5);

/// Whether a backend can be used. Labels: `backend`, `provider`.
const UP: &str = "ssvirt_backend_up";
/// A backend's circuit breaker: 1 for the state that it is in. Labels: `backend`, `provider`, `state`.
const BREAKER: &str = "ssvirt_breaker_state";
/// How long a backend's watch has not seen everything, in seconds; 0 where it does. Labels: `backend`, `provider`.
const WATCH_STALE: &str = "ssvirt_watch_stale_seconds";

/// The states of a breaker.
const STATES: [&str; 3] = ["closed", "open", "half-open"];

/// Metrics that are served, until this is dropped.
pub struct Served {
    address: SocketAddr,
    tasks: [JoinHandle<()>; 2],
}

impl Served {
    /// Where.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Begins to measure, and serves what was measured at `http://<listen>/metrics`.
///
/// # Errors
/// Where the address cannot be listened on, or another library measures already.
pub async fn serve(listen: &str, cloud: &Cloud) -> Result<Served, Failure> {
    let failed = |error| Failure::of(&format!("cannot listen on {listen} for metrics"), &error);
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let handle = recorder()?;
    let upkeep = {
        let handle = handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                handle.run_upkeep();
            }
        })
    };
    let routes = Route::new().at("/metrics", get(scrape)).data(handle).data(cloud.clone());
    let acceptor = TcpAcceptor::from_tokio(listener).map_err(failed)?;
    let server = tokio::spawn(async move {
        if let Err(error) = Server::new_with_acceptor(acceptor).run(routes).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "metrics are not served any more"
            );
        }
    });
    tracing::info!(listen = %address, "metrics");
    Ok(Served { address, tasks: [upkeep, server] })
}

/// What measures in this process. There is one for all servers in it.
fn recorder() -> Result<PrometheusHandle, Failure> {
    static RECORDER: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    let install = || {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
            .map_err(|error| error.to_string())?;
        let handle = builder.install_recorder().map_err(|error| error.to_string())?;
        describe();
        Ok(handle)
    };
    let installed = RECORDER.get_or_init(install);
    installed.clone().map_err(|error| Failure::new(format!("metrics cannot be measured: {error}")))
}

fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    use ssvirt_backends::kubevirt::cluster;
    describe_counter!(measure::TASKS, "Tasks that ended.");
    describe_counter!(measure::TASKS_POSTPONED, "Tasks put back because their backend was away.");
    describe_histogram!(measure::TASK_DURATION, "From the request to the end of its task.");
    describe_counter!(measure::DRIFT, "VMs whose hardware somebody else has changed.");
    describe_histogram!(measure::WATCH_LAG, "From a change that is told of until it is stored.");
    describe_histogram!(cluster::CALLS, "Calls to clusters, each try for itself.");
    describe_counter!(cluster::CALLS_NOT_MADE, "Calls not made: the breaker was open.");
    describe_counter!(cluster::RETRIES, "Calls to clusters that were made again.");
    describe_counter!(cluster::OPENED, "How often circuit breakers have opened.");
    describe_gauge!(cluster::CONSOLES, "Consoles of VMs that are open.");
    describe_gauge!(UP, "Whether a backend can be used.");
    describe_gauge!(BREAKER, "The state of a backend's circuit breaker.");
    describe_gauge!(WATCH_STALE, "How long a backend's watch has not seen everything.");
}

#[handler]
fn scrape(Data(handle): Data<&PrometheusHandle>, Data(cloud): Data<&Cloud>) -> Response {
    look(cloud);
    Response::builder()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(handle.render())
}

/// What is true now, and not a sum.
fn look(cloud: &Cloud) {
    for (provider, backend) in cloud.backends() {
        let status = backend.status();
        let labels =
            [("backend", backend.name().to_owned()), ("provider", name_of(*provider, &[]))];
        let is = |holds: bool| if holds { 1.0 } else { 0.0 };
        metrics::gauge!(UP, &labels).set(is(status.reach == Reach::Here));
        if let Some(now) = status.breaker {
            for state in STATES {
                let [backend, provider] = labels.clone();
                let labels = [backend, provider, ("state", state.to_owned())];
                metrics::gauge!(BREAKER, &labels).set(is(state == now));
            }
        }
        if let Some(watch) = status.watch {
            metrics::gauge!(WATCH_STALE, &labels).set(watch.stale_for.as_secs_f64());
        }
    }
}
