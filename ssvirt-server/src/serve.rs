//! `ssvirt serve`: puts everything together, runs it, and takes it apart again.

mod banner;
mod cluster;
mod logins;

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use poem::{Endpoint, Response, Server};
use ssvirt_backends::{
    memory::Simulator,
    sql::{self, SqlOptions, SqlStore},
};
use ssvirt_core::{
    Cloud,
    env::{Clock, SystemClock},
    model::ProviderVdc,
};
use tokio::net::TcpListener;

use crate::{
    AppConfig, Ui, app,
    cli::Failure,
    config::{Backend, Config},
    data_dir::DataDir,
    listen::Gate,
    observe::metrics,
    ready::ReadyFile,
    secrets, tls,
};

/// How long requests that are under way have when the server stops.
const DRAIN: Duration = Duration::from_secs(10);
/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(180);
/// The database's name in the data folder.
const DATABASE: &str = "ssvirt.db";

/// Runs the server until it is told to stop.
///
/// # Errors
/// Says why it could not start.
pub async fn run(config: Config) -> Result<(), Failure> {
    run_with(config, app).await
}

/// As [`run`], with the routes that `routes` makes.
async fn run_with<E>(config: Config, routes: impl FnOnce(AppConfig) -> E) -> Result<(), Failure>
where
    E: Endpoint<Output = Response> + 'static,
{
    tls::install_provider();
    let clock = Arc::new(SystemClock);
    // Before anything is ready, so that no signal finds the default handler.
    let stop = stop_signal()?;
    let ready_file = ReadyFile::new(config.ready_file.clone())?;
    let ui = config.ui.as_deref().map(Ui::open).transpose()?;
    let data_dir = open_data_dir(&config)?;
    let jwt_key = secrets::jwt_key(&config, data_dir.as_ref())?;
    let acceptor = tls::acceptor(&config, data_dir.as_ref(), clock.now())?;
    // Before passwords are made that are printed only once: a port in use must not lose them.
    let (listener, local) = bind(&config.listen).await?;
    let gate =
        Gate::new(listener, acceptor).map_err(|error| Failure::of("cannot listen", &error))?;

    let store = open_store(&config, data_dir.as_ref()).await?;
    let cloud = cloud(&config, &store, clock).await?;
    let metrics = match &config.metrics_listen {
        Some(listen) => Some(metrics::serve(listen, &cloud).await?),
        None => None,
    };
    cloud.start().await.map_err(|error| Failure::of("the cloud cannot be started", &error))?;
    let refresh = config.cluster.kubevirt.placement.refresh_seconds;
    cloud.start_syncing(Duration::from_secs(refresh.into()));
    let logins = logins::ensure(&config, &cloud).await?;

    // Whoever is told that the server is ready may rely on it: all that can still fail comes before.
    let app = routes(AppConfig {
        cloud: cloud.clone(),
        public_url: config.public_url.as_ref().map(|url| url.root.clone()),
        plain_http: config.plain_http,
        jwt_key,
        ui,
    });

    let root = root_url(&config, local);
    tracing::info!(listen = %local, url = root, backend = config.backend.name(), "ready");
    banner::print(&banner::Banner {
        config: &config,
        root: &root,
        data_dir: data_dir.as_ref(),
        logins,
    });
    // The listener takes in connections already; they are answered in a moment.
    ready_file.announce(&root)?;
    let served = Server::new_with_acceptor(gate)
        .idle_timeout(IDLE)
        .run_with_graceful_shutdown(app, stop, Some(DRAIN))
        .await;
    drop(ready_file);
    drop(metrics);
    cloud.stop().await;
    store.close().await;
    tracing::info!("stopped");
    served.map_err(|error| Failure::of("the server failed", &error))
}

/// The data folder, where something is kept in it. A server that is given a PostgreSQL database, a key and a
/// certificate needs none, nor a disk that can be written.
fn open_data_dir(config: &Config) -> Result<Option<DataDir>, Failure> {
    let certificate = !config.plain_http && config.tls.is_none();
    let needed = on_sqlite(config) || config.jwt_secret.is_none() || certificate;
    needed.then(|| DataDir::open(config.data_dir.as_deref())).transpose()
}

/// Whether the database is a file that one process at a time may use.
pub(crate) fn on_sqlite(config: &Config) -> bool {
    config.database.as_ref().is_none_or(|url| url.expose().starts_with("sqlite:"))
}

/// The database, at this version's schema.
pub(crate) async fn open_store(
    config: &Config,
    data_dir: Option<&DataDir>,
) -> Result<SqlStore, Failure> {
    let url = match (&config.database, data_dir) {
        (Some(url), _) => url.expose().to_owned(),
        // Made here, because SQLite would make it readable by all; its side files take after it.
        (None, Some(data_dir)) => sqlite_url(&data_dir.private_file(DATABASE)?),
        (None, None) => return Err(Failure::new("there is neither a database nor a data folder")),
    };
    let options =
        SqlOptions { max_connections: config.database_max_connections, ..SqlOptions::default() };
    let failed = |error| Failure::of("the database cannot be used", &error);
    let store = sql::connect(&url, options).await.map_err(failed)?;
    store.migrate().await.map_err(failed)?;
    Ok(store)
}

/// The URL of a file, whose path may have characters that mean something in a URL.
fn sqlite_url(path: &Path) -> String {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');
    format!("sqlite://{}", utf8_percent_encode(&path.to_string_lossy(), PLAIN))
}

async fn cloud(config: &Config, store: &SqlStore, clock: Arc<dyn Clock>) -> Result<Cloud, Failure> {
    let builder = Cloud::builder(Arc::new(store.clone()))
        .clock(Arc::clone(&clock))
        .session_length(config.session_length);
    let builder = match config.backend {
        Backend::None => builder,
        // Without a world of its own: the store says what there is, so that a restart shows the VMs as they
        // were.
        Backend::Memory => {
            builder.backend(ProviderVdc::DEFAULT, Arc::new(Simulator::builder(clock).build()))
        }
        Backend::Kubevirt => cluster::add(builder, &config.cluster).await?,
    };
    Ok(builder.build())
}

async fn bind(listen: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |error| Failure::of(&format!("cannot listen on {listen}"), &error);
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}

/// The URL that clients are told: the public one, else the address. One that means every address is told as
/// this machine's own.
fn root_url(config: &Config, local: SocketAddr) -> String {
    if let Some(url) = &config.public_url {
        return url.root.clone();
    }
    let scheme = if config.plain_http { "http" } else { "https" };
    let port = local.port();
    match local {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => format!("{scheme}://127.0.0.1:{port}"),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => format!("{scheme}://[::1]:{port}"),
        _ => format!("{scheme}://{local}"),
    }
}

/// Ends when the process is told to stop.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error| Failure::of("signals cannot be received", &error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping");
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use super::*;
    use crate::config;

    #[tokio::test]
    async fn the_ready_file_comes_after_all_that_can_fail() {
        let folder = std::env::temp_dir().join(format!("ssvirt-{}-ready", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("ready");
        let given = BTreeMap::from([
            ("listen", "127.0.0.1:0".to_owned()),
            ("data_dir", folder.join("data").display().to_string()),
            ("ready_file", path.display().to_string()),
        ]);
        let config = config::load([], given).unwrap();
        let (early, seen) = std::sync::mpsc::channel();
        let watched = path.clone();
        let server = tokio::spawn(run_with(config, move |config| {
            early.send(watched.exists()).unwrap();
            app(config)
        }));
        while !path.exists() {
            assert!(!server.is_finished(), "{:?}", server.await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!seen.recv().unwrap(), "ready before there were routes");
        assert!(fs::read_to_string(&path).unwrap().starts_with("https://127.0.0.1:"));
        server.abort();
        fs::remove_dir_all(folder).unwrap();
    }
}
