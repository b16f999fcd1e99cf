//! Configuration: file < environment < flags.
//!
//! All three give the same keys. In a file (TOML or YAML) they are written as in [`Settings`]; in the
//! environment as `SSVIRT_<KEY>`, and those of [`PLAIN_NAMES`] also without the prefix, as the deployments
//! that SSVirt comes from have them.

mod kubevirt;
pub(crate) mod resolve;
mod value;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use figment::{
    Figment, Metadata, Profile, Provider,
    error::Kind,
    providers::{Format as _, Serialized, Toml, Yaml},
    value::{Dict, Map},
};
use serde::Deserialize;

use crate::secrets::Secret;

pub use kubevirt::{KubevirtSettings, PlacementSettings};
pub use resolve::{Cluster, Config, PublicUrl, TlsFiles};

/// What runs the virtual machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The simulator: virtual machines are made up.
    Memory,
    /// A Kubernetes cluster with KubeVirt, such as OpenShift Virtualization.
    Kubevirt,
    /// Nothing: organizations, VDCs and catalogs can be managed, but no virtual machine can be made.
    None,
}

impl Backend {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Kubevirt => "kubevirt",
            Self::None => "none",
        }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The keys, as they were given: nothing is checked against anything else yet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `ADDR:PORT` to listen on.
    pub listen: Option<String>,
    /// A port to listen on, on all addresses; `listen` wins.
    #[serde(default, deserialize_with = "value::parsed")]
    pub api_port: Option<u16>,
    /// Where the server keeps its files.
    pub data_dir: Option<PathBuf>,
    /// The database: `sqlite://PATH` or `postgres://...`.
    pub database_url: Option<Secret>,
    /// Most connections to the database.
    #[serde(default, deserialize_with = "value::parsed")]
    pub database_max_connections: Option<u32>,
    /// What runs the virtual machines.
    pub backend: Option<Backend>,
    /// Whether the demo is seeded.
    #[serde(default, deserialize_with = "value::parsed")]
    pub demo: Option<bool>,
    /// The root URL that clients reach the server under.
    pub public_url: Option<String>,
    /// Whether plain HTTP is spoken.
    #[serde(default, deserialize_with = "value::parsed")]
    pub http: Option<bool>,
    /// The certificate chain, PEM.
    pub api_tls_cert_file: Option<PathBuf>,
    /// The certificate's key, PEM.
    pub api_tls_key_file: Option<PathBuf>,
    /// Where the root URL is written when the server is ready.
    pub ready_file: Option<PathBuf>,
    /// The folder of a user interface.
    pub ui: Option<PathBuf>,
    /// The key that tokens are signed with.
    pub jwt_secret_key: Option<Secret>,
    /// How long a login lasts, such as `24h`.
    pub jwt_token_expiry: Option<String>,
    /// How much is logged.
    pub log_level: Option<String>,
    /// How log lines are written.
    pub log_format: Option<LogFormat>,
    /// The password of the first administrator.
    pub admin_password: Option<Secret>,
    /// A file that holds it.
    pub admin_password_file: Option<PathBuf>,
    /// The password of all users of the demo.
    pub demo_password: Option<Secret>,
    /// How to reach the cluster.
    pub kubeconfig: Option<PathBuf>,
    /// The name space that SSVirt itself lives in.
    pub kubernetes_namespace: Option<String>,
    /// The name space that templates come from.
    pub template_namespace: Option<String>,
    /// `ADDR:PORT` that metrics are served at.
    pub metrics_listen: Option<String>,
    /// The provider VDCs.
    #[serde(default)]
    pub provider_vdc: Vec<ProviderVdcSettings>,
    /// How VDCs and virtual machines are made in a cluster.
    #[serde(default)]
    pub kubevirt: KubevirtSettings,
}

/// A provider VDC.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderVdcSettings {
    /// Its name.
    pub name: String,
    /// What runs its virtual machines.
    pub backend: Option<Backend>,
    /// The context of the kubeconfig; none is the one that it names as the current one.
    pub context: Option<String>,
}

/// The keys that a file alone can have: they are no scalars. Kept beside [`Settings`] by a test.
pub const FILE_KEYS: [&str; 2] = ["provider_vdc", "kubevirt"];

/// Every other key. Kept beside [`Settings`] by a test.
pub const KEYS: [&str; 25] = [
    "listen",
    "api_port",
    "data_dir",
    "database_url",
    "database_max_connections",
    "backend",
    "demo",
    "public_url",
    "http",
    "api_tls_cert_file",
    "api_tls_key_file",
    "ready_file",
    "ui",
    "jwt_secret_key",
    "jwt_token_expiry",
    "log_level",
    "log_format",
    "admin_password",
    "admin_password_file",
    "demo_password",
    "kubeconfig",
    "kubernetes_namespace",
    "template_namespace",
    "metrics_listen",
    "config",
];

/// The keys whose environment variable needs no `SSVIRT_` in front.
pub const PLAIN_NAMES: [&str; 12] = [
    "database_url",
    "database_max_connections",
    "kubeconfig",
    "kubernetes_namespace",
    "api_port",
    "api_tls_cert_file",
    "api_tls_key_file",
    "jwt_secret_key",
    "jwt_token_expiry",
    "log_level",
    "log_format",
    "template_namespace",
];

/// Values by key, as text: what environment and flags give.
pub type Given = BTreeMap<&'static str, String>;

/// What is wrong with the configuration, for a person to read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct ConfigError(pub(crate) String);

/// Reads the configuration. `environment` is the process's, `flags` what the command line says; either may
/// name the file under the key `config`.
///
/// # Errors
/// Says which key of which source is wrong.
pub fn load(
    environment: impl IntoIterator<Item = (String, String)>,
    flags: Given,
) -> Result<Config, ConfigError> {
    let environment = from_environment(environment);
    let path = flags.get("config").or_else(|| environment.get("config")).map(PathBuf::from);
    let mut all = Figment::new();
    if let Some(path) = &path {
        all = all.merge(with_port(file(path)?));
    }
    for (name, mut given) in [("the environment", environment), ("the command line", flags)] {
        given.remove("config");
        all = all.merge(with_port(Figment::from(Layer { name, given })));
    }
    let settings: Settings = all.extract().map_err(|error| explain(error, path.as_deref()))?;
    Config::resolve(settings)
}

/// The keys that the environment gives. An empty variable counts as none: that is how compose files and
/// charts leave something out.
fn from_environment(environment: impl IntoIterator<Item = (String, String)>) -> Given {
    let mut plain = Given::new();
    let mut prefixed = Given::new();
    for (name, value) in environment.into_iter().filter(|(_, value)| !value.is_empty()) {
        let key_of = |name: &str| KEYS.into_iter().find(|key| key.to_ascii_uppercase() == name);
        if let Some(key) = name.strip_prefix("SSVIRT_").and_then(key_of) {
            prefixed.insert(key, value);
        } else if let Some(key) = key_of(&name).filter(|key| PLAIN_NAMES.contains(key)) {
            plain.insert(key, value);
        }
    }
    plain.extend(prefixed);
    plain
}

fn file(path: &Path) -> Result<Figment, ConfigError> {
    let wrong = |why: &dyn std::fmt::Display| {
        ConfigError(format!("the configuration file {} {why}", path.display()))
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| wrong(&format_args!("cannot be read: {error}")))?;
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Ok(Figment::from(Toml::string(&text))),
        Some("yaml" | "yml") => Ok(Figment::from(Yaml::string(&text))),
        _ => Err(wrong(&"must be named .toml, .yaml or .yml")),
    }
}

/// `api_port` is a way to say `listen`, and a weaker one; but only within one layer: `API_PORT` in the
/// environment wins over `listen` in the file.
fn with_port(layer: Figment) -> Figment {
    match (layer.find_value("listen"), layer.find_value("api_port")) {
        (Err(_), Ok(port)) => {
            let port = value::text(&port);
            layer.merge(Serialized::default("listen", format!("0.0.0.0:{port}")))
        }
        _ => layer,
    }
}

/// Environment or flags.
struct Layer {
    name: &'static str,
    given: Given,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        let dict: Dict = self
            .given
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone().into()))
            .collect();
        Ok(Profile::Default.collect(dict))
    }
}

/// A sentence that names the key and where it stands.
fn explain(error: figment::Error, file: Option<&Path>) -> ConfigError {
    let place = match (&error.metadata, file) {
        (Some(source), _) if source.name.starts_with("the ") => source.name.to_string(),
        (_, Some(file)) => file.display().to_string(),
        _ => "the configuration".to_owned(),
    };
    let key = error.path.join(".");
    let message = match &error.kind {
        // Only a file can have one.
        Kind::UnknownField(name, known) => {
            format!("{place}: unknown key \"{name}\"; the keys are {}", known.join(", "))
        }
        kind if key.is_empty() => format!("{place}: {kind}"),
        kind => format!("{place}: {key}: {kind}"),
    };
    ConfigError(message)
}

#[cfg(test)]
mod tests;
