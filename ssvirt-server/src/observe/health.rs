//! Whether the server lives, whether it can do its work, and which server it is.

use std::time::Duration;

use futures_util::future::{join, join_all};
use poem::{Response, handler, http::StatusCode, web::Data};
use serde::Serialize;
use ssvirt_core::{
    Cloud, Id, Result,
    backend::{BackendStatus, Reach, WatchStatus},
    model::ProviderVdc,
};
use ssvirt_vcd::ApiVersion;

/// How long store and backends have for their answer: probes usually give up after a second or two more.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a watch may see less than all before that is worth a word: it begins anew in less.
const STALE: Duration = Duration::from_secs(30);

/// What is asked by [`readyz`].
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    /// What can be read is read, and what is to be done waits.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    degraded: bool,
    store: StoreHealth,
    backends: Vec<BackendHealth>,
}

#[derive(Debug, Serialize)]
struct StoreHealth {
    name: &'static str,
    ok: bool,
}

#[derive(Debug, Serialize)]
struct BackendHealth {
    provider: String,
    name: &'static str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reach: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    breaker: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watch: Option<WatchHealth>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WatchHealth {
    fresh: bool,
    stale_for_seconds: u64,
}

impl From<WatchStatus> for WatchHealth {
    fn from(status: WatchStatus) -> Self {
        Self { fresh: status.fresh, stale_for_seconds: status.stale_for.as_secs() }
    }
}

impl BackendHealth {
    fn new(provider: String, name: &'static str, ok: bool, status: BackendStatus) -> Self {
        Self {
            provider,
            name,
            ok,
            reach: word(status.reach),
            breaker: status.breaker,
            watch: status.watch.map(WatchHealth::from),
        }
    }

    /// One that is known to be away is looked after: without it there is less, and not nothing. Taking the server
    /// out of service would take away what there is.
    fn is_ready(&self) -> bool {
        self.ok || self.reach.is_some()
    }

    fn is_degraded(&self) -> bool {
        let is_stale = |watch: &WatchHealth| watch.stale_for_seconds > STALE.as_secs();
        self.reach.is_some() || self.watch.as_ref().is_some_and(is_stale)
    }
}

/// How far away it is; none where it is not.
const fn word(reach: Reach) -> Option<&'static str> {
    match reach {
        Reach::Here => None,
        Reach::NotYet => Some("not-yet"),
        Reach::Lost => Some("lost"),
    }
}

/// Whether the process lives. Nothing is asked: a database that is away is no reason to be restarted.
#[handler]
pub(crate) fn healthz() -> Response {
    json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
}

/// Whether database and backends answer, really asked. A server whose cluster is away is ready, and degraded.
#[handler]
pub(crate) async fn readyz(Data(cloud): Data<&Cloud>) -> Response {
    let readiness = readiness(cloud, PATIENCE).await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &readiness)
}

/// Which server this is, and what it speaks.
#[handler]
pub(crate) fn version() -> Response {
    let versions: Vec<String> =
        ApiVersion::SERVED.iter().map(|served| served.version.to_string()).collect();
    let body = serde_json::json!({
        "name": "ssvirt",
        "version": env!("CARGO_PKG_VERSION"),
        "apiVersions": versions,
    });
    json(StatusCode::OK, &body)
}

async fn readiness(cloud: &Cloud, patience: Duration) -> Readiness {
    let store = in_time(patience, cloud.store().health());
    let backends = cloud.backends().iter().map(|(provider, backend)| async move {
        let ok = in_time(patience, backend.health()).await;
        (*provider, backend.name(), ok, backend.status())
    });
    let (store_ok, backends) = join(store, join_all(backends)).await;
    // Which provider VDC is called what is the store's to know.
    let names = match store_ok {
        true => tokio::time::timeout(patience, provider_names(cloud)).await.ok(),
        false => None,
    };
    let names = names.and_then(Result::ok).unwrap_or_default();
    let backends: Vec<BackendHealth> = backends
        .into_iter()
        .map(|(provider, name, ok, status)| {
            BackendHealth::new(name_of(provider, &names), name, ok, status)
        })
        .collect();
    Readiness {
        ready: store_ok && backends.iter().all(BackendHealth::is_ready),
        degraded: backends.iter().any(BackendHealth::is_degraded),
        store: StoreHealth { name: cloud.store().name(), ok: store_ok },
        backends,
    }
}

async fn in_time(patience: Duration, check: impl Future<Output = Result<()>>) -> bool {
    matches!(tokio::time::timeout(patience, check).await, Ok(Ok(())))
}

async fn provider_names(cloud: &Cloud) -> Result<Vec<ProviderVdc>> {
    cloud.store().read().await?.select(&[]).await
}

/// A provider VDC's name, as far as it is known.
pub(super) fn name_of(provider: Id<ProviderVdc>, known: &[ProviderVdc]) -> String {
    match known.iter().find(|row| row.id == provider) {
        Some(row) => row.name.clone(),
        None if provider == ProviderVdc::DEFAULT => "default".to_owned(),
        None => provider.to_string(),
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => Response::builder().status(status).content_type("application/json").body(body),
        Err(_) => Response::builder().status(StatusCode::INTERNAL_SERVER_ERROR).finish(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ssvirt_backends::{
        memory::{Fault, Simulator},
        sql::SqlStore,
    };
    use ssvirt_core::env::SystemClock;

    use super::*;

    async fn cloud(simulator: &Simulator) -> (Cloud, SqlStore) {
        let store = SqlStore::memory().await.unwrap();
        let cloud = Cloud::builder(Arc::new(store.clone()))
            .backend(ProviderVdc::DEFAULT, Arc::new(simulator.clone()))
            .build();
        cloud.start().await.unwrap();
        (cloud, store)
    }

    fn simulator(fault: Option<Fault>) -> Simulator {
        let builder = Simulator::builder(Arc::new(SystemClock));
        match fault {
            Some(fault) => builder.fault(fault).build(),
            None => builder.build(),
        }
    }

    async fn report(cloud: &Cloud) -> serde_json::Value {
        serde_json::to_value(readiness(cloud, Duration::from_millis(200)).await).unwrap()
    }

    #[tokio::test]
    async fn ready_when_all_answer() {
        let (cloud, store) = cloud(&simulator(None)).await;
        let expected = serde_json::json!({
            "ready": true,
            "store": { "name": "sqlite", "ok": true },
            "backends": [{ "provider": "default", "name": "simulator", "ok": true }],
        });
        assert_eq!(report(&cloud).await, expected);
        store.close().await;
        let away = report(&cloud).await;
        assert_eq!(away["ready"], false);
        assert_eq!(away["store"]["ok"], false);
        assert_eq!(away["backends"][0]["provider"], "default");
    }

    #[tokio::test]
    async fn not_ready_when_a_backend_does_not_answer() {
        let (failing, _store) = cloud(&simulator(Some(Fault::on("health")))).await;
        assert_eq!(report(&failing).await["backends"][0]["ok"], false);
        let hung = Simulator::builder(Arc::new(SystemClock))
            .delay_of("health", Duration::from_secs(60))
            .build();
        let (hung, _store) = cloud(&hung).await;
        let report = report(&hung).await;
        assert_eq!(report["ready"], false);
        assert_eq!(report["store"]["ok"], true);
    }

    #[tokio::test]
    async fn ready_and_degraded_while_a_backend_is_known_to_be_away() {
        let simulator = simulator(None);
        let (cloud, _store) = cloud(&simulator).await;
        for (reach, word) in [(Reach::NotYet, "not-yet"), (Reach::Lost, "lost")] {
            simulator.set_reach(reach);
            let report = report(&cloud).await;
            assert_eq!((&report["ready"], &report["degraded"]), (&true.into(), &true.into()));
            let backend = &report["backends"][0];
            assert_eq!((&backend["ok"], &backend["reach"]), (&false.into(), &word.into()));
        }
        simulator.set_reach(Reach::Here);
        assert_eq!(report(&cloud).await["degraded"], serde_json::Value::Null);
    }

    #[test]
    fn what_a_backend_knows_of_itself_is_told() {
        let health = |stale| {
            let watch = WatchStatus { fresh: stale == 0, stale_for: Duration::from_secs(stale) };
            let status = BackendStatus {
                breaker: Some("closed"),
                watch: Some(watch),
                ..BackendStatus::default()
            };
            BackendHealth::new("default".to_owned(), "kubevirt", true, status)
        };
        let expected = serde_json::json!({
            "provider": "default", "name": "kubevirt", "ok": true, "breaker": "closed",
            "watch": { "fresh": false, "staleForSeconds": 7 },
        });
        assert_eq!(serde_json::to_value(health(7)).unwrap(), expected);
        assert!(!health(7).is_degraded() && health(31).is_degraded() && health(31).is_ready());
    }
}
