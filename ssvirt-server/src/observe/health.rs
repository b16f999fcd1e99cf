//! Whether the server lives, whether it can do its work, and which server it is.

use std::time::Duration;

use futures_util::future::{join, join_all};
use poem::{Response, handler, http::StatusCode, web::Data};
use serde::Serialize;
use ssvirt_core::{Cloud, Id, Result, model::ProviderVdc};
use ssvirt_vcd::ApiVersion;

/// How long store and backends have for their answer: probes usually give up after a second or two more.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is asked by [`readyz`].
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
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
}

/// Whether the process lives. Nothing is asked: a database that is away is no reason to be restarted.
#[handler]
pub(crate) fn healthz() -> Response {
    json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
}

/// Whether database and backends answer, really asked.
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
        (*provider, backend.name(), in_time(patience, backend.health()).await)
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
        .map(|(provider, name, ok)| BackendHealth { provider: name_of(provider, &names), name, ok })
        .collect();
    Readiness {
        ready: store_ok && backends.iter().all(|backend| backend.ok),
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

fn name_of(provider: Id<ProviderVdc>, known: &[ProviderVdc]) -> String {
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
}
