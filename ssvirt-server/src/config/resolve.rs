//! From what was given to what holds: defaults filled in, values checked.

use std::{fs, path::PathBuf, time::Duration};

use poem::http::Uri;

use super::{Backend, ConfigError, KubevirtSettings, LogFormat, ProviderVdcSettings, Settings};
use crate::secrets::Secret;

/// The configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ADDR:PORT` to listen on; port 0 takes a free one.
    pub listen: String,
    /// Where the server keeps its files; none is the user's data folder.
    pub data_dir: Option<PathBuf>,
    /// The database; none is SQLite in the data folder.
    pub database: Option<Secret>,
    /// Most connections to it.
    pub database_max_connections: Option<u32>,
    /// What runs the virtual machines.
    pub backend: Backend,
    /// Whether the demo is seeded.
    pub demo: bool,
    /// What clients reach the server under.
    pub public_url: Option<PublicUrl>,
    /// Whether plain HTTP is spoken.
    pub plain_http: bool,
    /// The certificate; none is a self-made one in the data folder.
    pub tls: Option<TlsFiles>,
    /// Where the root URL is written when the server is ready.
    pub ready_file: Option<PathBuf>,
    /// The folder of a user interface; none has a start page instead.
    pub ui: Option<PathBuf>,
    /// The key that tokens are signed with; none is a random one in the data folder.
    pub jwt_secret: Option<Secret>,
    /// How long a login lasts.
    pub session_length: Duration,
    /// How much is logged.
    pub log_level: String,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// The password of the first administrator; none is a random one.
    pub admin_password: Option<Secret>,
    /// The password of all users of the demo; none are random ones.
    pub demo_password: Option<Secret>,
    /// `ADDR:PORT` that metrics are served at; none serves none.
    pub metrics_listen: Option<String>,
    /// The cluster, for the backend `kubevirt`.
    pub cluster: Cluster,
}

/// A cluster, and how it is used.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// How it is reached; none is from within it.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; none is the one that it names as the current one.
    pub context: Option<String>,
    /// The name space that SSVirt itself lives in.
    pub namespace: String,
    /// How VDCs and virtual machines are made in it.
    pub kubevirt: KubevirtSettings,
}

/// A root URL, without the `/api` that clients add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// The URL, without a slash at its end.
    pub root: String,
    /// The host in it.
    pub host: String,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, PEM.
    pub cert: PathBuf,
    /// The key, PEM.
    pub key: PathBuf,
}

/// Shorter keys could be guessed from a token.
const MIN_JWT_KEY: usize = 32;

impl Config {
    /// Checks and completes what was given.
    ///
    /// # Errors
    /// Names the key whose value cannot be used.
    pub fn resolve(settings: Settings) -> Result<Self, ConfigError> {
        let demo = settings.demo.unwrap_or(false);
        let provider = provider_vdc(settings.provider_vdc)?;
        let given = match (settings.backend, provider.as_ref().and_then(|vdc| vdc.backend)) {
            (Some(one), Some(other)) if one != other => {
                let why =
                    format!("is {}, but that of provider_vdc is {}", one.name(), other.name());
                return wrong("backend", why);
            }
            (one, other) => one.or(other),
        };
        let plain_http = settings.http.unwrap_or(false);
        let context = provider.and_then(|vdc| vdc.context);
        if context.is_some() && settings.kubeconfig.is_none() {
            return wrong("provider_vdc", "names a context, but there is no kubeconfig");
        }
        Ok(Self {
            listen: listen(settings.listen)?,
            data_dir: settings.data_dir,
            database: settings.database_url,
            database_max_connections: match settings.database_max_connections {
                Some(0) => return wrong("database_max_connections", "must be at least 1"),
                count => count,
            },
            backend: backend(given, demo)?,
            demo,
            public_url: settings.public_url.as_deref().map(public_url).transpose()?,
            plain_http,
            tls: tls_files(settings.api_tls_cert_file, settings.api_tls_key_file, plain_http)?,
            ready_file: settings.ready_file,
            ui: settings.ui,
            jwt_secret: match settings.jwt_secret_key {
                Some(key) if key.expose().len() < MIN_JWT_KEY => {
                    return wrong(
                        "jwt_secret_key",
                        format!("has {} bytes; it needs {MIN_JWT_KEY}", key.expose().len()),
                    );
                }
                key => key,
            },
            session_length: session_length(settings.jwt_token_expiry.as_deref().unwrap_or("24h"))?,
            log_level: settings.log_level.unwrap_or_else(|| "info".to_owned()),
            log_format: settings.log_format.unwrap_or_default(),
            admin_password: match settings.admin_password_file {
                Some(file) => Some(password_in("admin_password_file", &file)?),
                None => settings.admin_password,
            },
            demo_password: settings.demo_password,
            metrics_listen: settings
                .metrics_listen
                .map(|given| address("metrics_listen", given))
                .transpose()?,
            cluster: Cluster {
                kubeconfig: settings.kubeconfig,
                context,
                namespace: settings.kubernetes_namespace.unwrap_or_else(|| "ssvirt".to_owned()),
                kubevirt: kubevirt(settings.kubevirt, settings.template_namespace)?,
            },
        })
    }
}

fn wrong<T>(key: &str, why: impl std::fmt::Display) -> Result<T, ConfigError> {
    Err(ConfigError(format!("{key} {why}")))
}

fn listen(listen: Option<String>) -> Result<String, ConfigError> {
    address("listen", listen.unwrap_or_else(|| "127.0.0.1:8443".to_owned()))
}

fn address(key: &str, given: String) -> Result<String, ConfigError> {
    match given.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(given),
        _ => wrong(key, format!("\"{given}\" is not ADDR:PORT, such as 127.0.0.1:8443")),
    }
}

/// The name space of templates has a key of its own, which wins.
fn kubevirt(
    mut given: KubevirtSettings,
    template_namespace: Option<String>,
) -> Result<KubevirtSettings, ConfigError> {
    given.catalog.template_namespace =
        template_namespace.unwrap_or(given.catalog.template_namespace);
    if given.placement.refresh_seconds == 0 {
        return wrong("kubevirt.placement.refresh_seconds", "must be at least 1");
    }
    match given.calls.zero() {
        Some(key) => wrong(&format!("kubevirt.calls.{key}"), "must be at least 1"),
        None => Ok(given),
    }
}

/// The one provider VDC that there can be until now.
fn provider_vdc(
    given: Vec<ProviderVdcSettings>,
) -> Result<Option<ProviderVdcSettings>, ConfigError> {
    if given.len() > 1 {
        return wrong("provider_vdc", "may be there once: several clusters are not supported yet");
    }
    match given.into_iter().next() {
        Some(vdc) if vdc.name != "default" => {
            wrong("provider_vdc", format!("\"{}\" must be named \"default\"", vdc.name))
        }
        vdc => Ok(vdc),
    }
}

fn backend(given: Option<Backend>, demo: bool) -> Result<Backend, ConfigError> {
    match (given, demo) {
        (Some(Backend::None), true) => {
            wrong("backend", "none does not go with the demo, which needs virtual machines")
        }
        (Some(backend), _) => Ok(backend),
        (None, true) => Ok(Backend::Memory),
        (None, false) => Ok(Backend::None),
    }
}

fn public_url(given: &str) -> Result<PublicUrl, ConfigError> {
    let root = given.trim_end_matches('/');
    // Clients are told the URL with /api, so that is what people have at hand.
    let root = root.strip_suffix("/api").unwrap_or(root).trim_end_matches('/');
    let parts = root
        .parse::<Uri>()
        .ok()
        .filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none());
    match parts.as_ref().and_then(Uri::host).filter(|host| !host.is_empty()) {
        Some(host) => Ok(PublicUrl {
            root: root.to_owned(),
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        }),
        None => wrong(
            "public_url",
            format!("\"{given}\" is not a URL such as https://cloud.example.com"),
        ),
    }
}

fn tls_files(
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    plain_http: bool,
) -> Result<Option<TlsFiles>, ConfigError> {
    match (cert, key) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) if plain_http => {
            wrong("api_tls_cert_file", "does not go with plain HTTP")
        }
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key })),
        (Some(_), None) => wrong("api_tls_key_file", "is needed beside api_tls_cert_file"),
        (None, Some(_)) => wrong("api_tls_cert_file", "is needed beside api_tls_key_file"),
    }
}

/// Reads what Go's `time.ParseDuration` takes, such as `24h`, `30m`, `1h30m`; days are understood too.
fn session_length(text: &str) -> Result<Duration, ConfigError> {
    const DAY: u64 = 24 * 3600;
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok());
    let length = match days {
        Some(days) => Some(Duration::from_secs(days.saturating_mul(DAY))),
        None => text
            .parse::<jiff::SignedDuration>()
            .ok()
            .and_then(|length| Duration::try_from(length).ok()),
    };
    match length {
        Some(length) if (60..=366 * DAY).contains(&length.as_secs()) => Ok(length),
        Some(_) => wrong("jwt_token_expiry", format!("\"{text}\" is not between 1m and 366d")),
        None => wrong("jwt_token_expiry", format!("\"{text}\" is not a time such as 24h or 30m")),
    }
}

/// The password in a file, such as a mounted secret: its first line.
pub(crate) fn password_in(key: &str, file: &std::path::Path) -> Result<Secret, ConfigError> {
    let text = fs::read_to_string(file)
        .or_else(|error| wrong(key, format!("{} cannot be read: {error}", file.display())))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret::new(line)),
        _ => wrong(key, format!("{} has no password in its first line", file.display())),
    }
}
