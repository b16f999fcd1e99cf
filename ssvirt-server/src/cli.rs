//! The command line.

mod password;

use std::{error::Error as StdError, fmt, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use ssvirt_backends::sql::SqlStore;
use ssvirt_vcd::ApiVersion;

use crate::{
    config::{self, Backend, Config, ConfigError, Given},
    data_dir::DataDir,
    document::{Document, Part},
    observe, serve,
};

/// A VMware Cloud Director API server.
///
/// Terraform's vcd provider, vcd-cli and other clients of VMware Cloud Director work with it unchanged.
/// To look at it, with nothing else installed:
///
///   ssvirt serve --demo
#[derive(Parser)]
#[command(name = "ssvirt", version, verbatim_doc_comment, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    ///
    /// Every option can also stand in the file named by --config (TOML or YAML; data_dir = "..." for
    /// --data-dir) or in the environment (SSVIRT_DATA_DIR for --data-dir). Flags win over the environment,
    /// and the environment wins over the file. Without a flag, but with a key and a variable:
    ///
    ///   API_PORT                   port on 0.0.0.0, unless --listen is given
    ///   API_TLS_CERT_FILE, API_TLS_KEY_FILE
    ///                              certificate chain and key, PEM; without, the server makes its own
    ///   DATABASE_MAX_CONNECTIONS   default 16 to PostgreSQL, to SQLite one a core
    ///   JWT_SECRET_KEY             key that logins are signed with, at least 32 bytes; needed where several
    ///                              servers share a PostgreSQL database; without, a random one is kept in the
    ///                              data folder
    ///   JWT_TOKEN_EXPIRY           how long a login lasts, default 24h
    ///   LOG_LEVEL                  off, error, warn, info (default), debug, trace, or directives such as
    ///                              info,ssvirt_core=debug
    ///   LOG_FORMAT                 text (default) or json
    ///   SSVIRT_ADMIN_PASSWORD      password of the first administrator; random otherwise
    ///   SSVIRT_DEMO_PASSWORD       password of all users of the demo; random otherwise
    ///
    /// The server stops on Ctrl+C and SIGTERM, once the requests that are under way are answered.
    #[command(verbatim_doc_comment, about = "Run the server")]
    Serve(Box<ServeArgs>),
    /// Bring the database to this version's schema, and do nothing else.
    ///
    /// `ssvirt serve` does so by itself; this is for deployments that want it as a step of its own. Several
    /// may run at once.
    Migrate(StoreArgs),
    /// Manage users without logging in.
    #[command(subcommand)]
    User(UserCommand),
    /// Print an OpenAPI document of the API.
    ///
    /// Without options it is the one of everything, as the server has it at /openapi.json.
    Openapi {
        /// Which part of the API. [default: all]
        #[arg(long, value_enum, value_name = "PART")]
        surface: Option<Part>,
        /// In which version, such as 39.1. [default: the newest; all versions without --surface]
        #[arg(long, value_name = "VERSION", value_parser = served_version)]
        api_version: Option<ApiVersion>,
    },
}

#[derive(Subcommand)]
enum UserCommand {
    /// Set the password of a user, and end the user's logins.
    ///
    /// The new password is the first line of --password-file, else SSVIRT_PASSWORD, else asked for (or read
    /// from standard input, where that is no terminal). A server on SQLite must be stopped first; with
    /// PostgreSQL it may run.
    SetPassword {
        /// Who, such as admin@demo or administrator@System.
        #[arg(value_name = "USER@ORG")]
        user: String,
        /// A file whose first line is the new password.
        #[arg(long, value_name = "PATH")]
        password_file: Option<PathBuf>,
        #[command(flatten)]
        store: StoreArgs,
    },
}

/// Where everything is kept.
#[derive(Args)]
struct StoreArgs {
    /// Configuration file, TOML or YAML.
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Folder for the database, keys and the certificate; one server at a time uses it. By default `ssvirt`
    /// in the user's data folder.
    #[arg(long, value_name = "PATH")]
    data_dir: Option<PathBuf>,
    /// Database: sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME. By default SQLite in the data folder.
    /// Also DATABASE_URL, which other users of the machine cannot see.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

#[derive(Args)]
struct ServeArgs {
    /// Seed a demo: organization "demo" with a VDC, templates, a network and users. Implies --backend memory, where no
    /// other is given.
    /// What is there already is left as it is.
    #[arg(long)]
    demo: bool,
    /// Address and port to listen on; port 0 takes a free one. [default: 127.0.0.1:8443]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    /// What runs the virtual machines. [default: none, or memory with --demo]
    #[arg(long, value_enum)]
    backend: Option<Backend>,
    /// Root URL that clients reach the server under, where that is not its own address: behind a proxy, or by
    /// a name. By default links follow the request's Host header.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Speak plain HTTP: for use behind a proxy that does TLS. Most clients insist on https.
    #[arg(long)]
    http: bool,
    /// File that is written when the server is ready, with its root URL, and removed when it stops.
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
    /// Address and port that metrics for Prometheus are served at, at /metrics. By default there are none.
    #[arg(long, value_name = "ADDR:PORT")]
    metrics_listen: Option<String>,
    /// Folder of a built web user interface (any single-page application), to be served at /.
    #[arg(long, value_name = "DIR")]
    ui: Option<PathBuf>,
    /// File whose first line is the password of the first administrator.
    #[arg(long, value_name = "PATH")]
    admin_password_file: Option<PathBuf>,
}

impl StoreArgs {
    fn given(&self) -> Result<Given, ConfigError> {
        let mut given = Given::new();
        put_path(&mut given, "config", self.config.as_ref())?;
        put_path(&mut given, "data_dir", self.data_dir.as_ref())?;
        put(&mut given, "database_url", self.database.as_ref());
        Ok(given)
    }
}

impl ServeArgs {
    fn given(&self) -> Result<Given, ConfigError> {
        let mut given = self.store.given()?;
        put(&mut given, "listen", self.listen.as_ref());
        put(&mut given, "backend", self.backend.map(Backend::name));
        put(&mut given, "public_url", self.public_url.as_ref());
        put(&mut given, "metrics_listen", self.metrics_listen.as_ref());
        put(&mut given, "demo", self.demo.then_some("true"));
        put(&mut given, "http", self.http.then_some("true"));
        put_path(&mut given, "ready_file", self.ready_file.as_ref())?;
        put_path(&mut given, "ui", self.ui.as_ref())?;
        put_path(&mut given, "admin_password_file", self.admin_password_file.as_ref())?;
        Ok(given)
    }
}

fn put(given: &mut Given, key: &'static str, value: Option<impl ToString>) {
    given.extend(value.map(|value| (key, value.to_string())));
}

fn put_path(
    given: &mut Given,
    key: &'static str,
    path: Option<&PathBuf>,
) -> Result<(), ConfigError> {
    let Some(path) = path else { return Ok(()) };
    let text = path.to_str().ok_or_else(|| {
        ConfigError(format!("{key}: {} is not a path that can be used", path.display()))
    })?;
    put(given, key, Some(text));
    Ok(())
}

/// Why a command failed, for the person who gave it.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// What failed, with all that is known of why.
    pub(crate) fn of(what: &str, error: &dyn StdError) -> Self {
        let mut message = format!("{what}: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Many errors repeat what they come from.
            if !message.ends_with(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = error.source();
        }
        Self(message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self(error.to_string())
    }
}

/// Runs the command that the process was started with. 0 is success, 1 a failure, 2 a wrong command line.
pub fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ssvirt: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => {
            let config = load(args.given()?)?;
            wait(serve::run(config))
        }
        Command::Migrate(args) => {
            let config = load(args.given()?)?;
            wait(migrate(&config))
        }
        Command::User(UserCommand::SetPassword { user, password_file, store }) => {
            let config = load(store.given()?)?;
            wait(password::set(&config, &user, password_file.as_deref()))
        }
        Command::Openapi { surface, api_version } => {
            let document = Document {
                part: surface.unwrap_or(Part::All),
                version: api_version.or_else(|| surface.map(|_| ApiVersion::NEWEST)),
            };
            say(format_args!("{}", document.render("/").trim_end()));
            Ok(())
        }
    }
}

fn served_version(text: &str) -> Result<ApiVersion, String> {
    let version = text.parse::<ApiVersion>().ok().filter(|version| version.is_served());
    version
        .ok_or_else(|| format!("the versions are {} to {}", ApiVersion::OLDEST, ApiVersion::NEWEST))
}

/// Configuration and log.
fn load(given: Given) -> Result<Config, Failure> {
    // Variables that are not Unicode are none of ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config = config::load(environment, given)?;
    observe::log::init(&config.log_level, config.log_format)?;
    Ok(config)
}

fn wait<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::of("no threads can be started", &error))?;
    let result = runtime.block_on(work);
    // A password hash that is being made must not hold up the end.
    runtime.shutdown_background();
    result
}

async fn migrate(config: &Config) -> Result<(), Failure> {
    let (store, _data_dir) = open_store(config).await?;
    store.close().await;
    say(format_args!("The database is up to date."));
    Ok(())
}

/// The database at this version's schema; of SQLite with the data folder, which is locked.
async fn open_store(config: &Config) -> Result<(SqlStore, Option<DataDir>), Failure> {
    let data_dir = match serve::on_sqlite(config) {
        true => Some(DataDir::open(config.data_dir.as_deref())?),
        false => None,
    };
    let store = serve::open_store(config, data_dir.as_ref()).await?;
    Ok((store, data_dir))
}

/// Prints a line on stdout. Nobody reading it is no reason to fail.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
