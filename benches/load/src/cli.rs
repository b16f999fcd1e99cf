//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use ssvirt_fixtures::Model;

/// Measures what a server costs, beside a bare "hello" in the same run.
///
/// Seeds an inventory, starts the release `ssvirt` on it as a process of its own, and drives it; or drives the
/// server that --url names. Fails where an answer is not 2xx.
#[derive(Parser)]
#[command(name = "ssvirt-load", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub load: Load,
}

#[derive(Subcommand)]
pub enum Command {
    /// The bare server that rows are compared with; prints its port.
    #[command(hide = true)]
    Hello(HelloTls),
}

/// The certificate of the bare server; none is plain HTTP.
#[derive(Args)]
pub struct HelloTls {
    /// The certificate, PEM.
    #[arg(long, requires = "key")]
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    #[arg(long)]
    pub key: Option<PathBuf>,
}

/// What is measured, and how.
#[derive(Args)]
pub struct Load {
    /// What the server keeps its rows in. PostgreSQL is the server that SSVIRT_TEST_POSTGRES_URL names, or a
    /// container, or one that is started here.
    #[arg(long, value_enum, default_value_t = Database::Sqlite)]
    pub database: Database,
    #[command(flatten)]
    pub sizes: Sizes,
    /// The `ssvirt` to measure; built when there is none given.
    #[arg(long, value_name = "PATH")]
    pub bin: Option<PathBuf>,
    /// A variable of the server's environment, which is empty otherwise; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub env: Vec<(String, String)>,
    /// TLS to the server, and to the bare one.
    #[arg(long)]
    pub tls: bool,
    /// How often the server is started to measure the time to ready; the median counts.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub starts: u32,
    #[command(flatten)]
    pub other: Other,
    #[command(flatten)]
    pub driver: Driver,
    /// Only the rows whose name has one of these words in it.
    #[arg(long, value_name = "WORD")]
    pub only: Vec<String>,
    /// A small inventory on SQLite and a few hundred requests a row, to see that everything answers. The
    /// figures mean nothing then.
    #[arg(long, conflicts_with_all = ["url", "database"])]
    pub smoke: bool,
    /// File that all figures are written to as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// How much there is of everything, all in all. Rounded up, so that every parent has as many.
#[derive(Args, Clone, Copy)]
pub struct Sizes {
    /// Organizations, with System.
    #[arg(long, default_value_t = 11)]
    pub orgs: usize,
    /// Users, with administrators.
    #[arg(long, default_value_t = 101)]
    pub users: usize,
    #[arg(long, default_value_t = 100)]
    pub vdcs: usize,
    #[arg(long, default_value_t = 500)]
    pub vapps: usize,
    #[arg(long, default_value_t = 1000)]
    pub vms: usize,
    #[arg(long, default_value_t = 100)]
    pub catalogs: usize,
    /// Templates, with one VM each.
    #[arg(long, default_value_t = 300)]
    pub templates: usize,
}

impl Sizes {
    /// For `--smoke`.
    pub const SMOKE: Self =
        Self { orgs: 3, users: 7, vdcs: 4, vapps: 8, vms: 16, catalogs: 4, templates: 8 };

    /// As many a parent as there must be at least.
    pub fn model(self) -> Model {
        let share = |all: usize, parents: usize| all.div_ceil(parents.max(1));
        let orgs = self.orgs.saturating_sub(1).max(1);
        let vdcs = share(self.vdcs, orgs).max(1);
        let catalogs = share(self.catalogs, orgs);
        // Every organization has an administrator, and so has System.
        let users = share(self.users.saturating_sub(1), orgs).saturating_sub(1);
        let vapps = share(self.vapps, orgs * vdcs).max(1);
        Model {
            orgs,
            users,
            vdcs,
            catalogs,
            templates: share(self.templates, orgs * catalogs),
            vapps,
            vms: share(self.vms, orgs * vdcs * vapps).max(1),
        }
    }
}

/// Another server than one that is started here.
#[derive(Args)]
pub struct Other {
    /// Root URL of a server that runs already, without `/api`. Nothing is seeded: the rows that need an id
    /// take the first there is.
    #[arg(long, value_name = "URL", conflicts_with_all = ["database", "bin", "env", "tls"])]
    pub url: Option<String>,
    /// Process of that server on this machine, for its CPU and memory.
    #[arg(long, requires = "url")]
    pub pid: Option<u32>,
    /// Who logs in to it.
    #[arg(long, requires = "url", default_value = "administrator")]
    pub user: String,
    /// Organization of the login; an empty one leaves `@ORG` away.
    #[arg(long, requires = "url", default_value = "System")]
    pub org: String,
    /// Password of the login.
    #[arg(long, requires = "url", env = "SSVIRT_LOAD_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// Token to use instead of a login. The row of logins is left out then.
    #[arg(long, requires = "url", conflicts_with = "password")]
    pub token: Option<String>,
    /// Take any certificate.
    #[arg(long, requires = "url")]
    pub insecure: bool,
}

/// How requests are sent.
#[derive(Args, Clone)]
pub struct Driver {
    /// Connections at a time.
    #[arg(long, short = 'c', default_value_t = 32, value_parser = positive)]
    pub connections: usize,
    /// Connections at a time that log in: each login is a password hash.
    #[arg(long, default_value_t = 2, value_parser = positive)]
    pub login_connections: usize,
    /// Seconds a row.
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    pub seconds: f64,
    /// Seconds before a row is measured.
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    pub warm_up: f64,
    /// Most requests a row.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub requests: Option<usize>,
    /// The version that is asked for.
    #[arg(long, value_name = "VERSION", default_value = "39.1")]
    pub api_version: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Database {
    /// A file in a temporary folder.
    Sqlite,
    /// A database of its own.
    Postgres,
}

impl Database {
    /// As it is printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("not a number from 1".to_owned()),
        Ok(number) => Ok(number),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if time <= Duration::from_secs(3600) => Ok(seconds),
        _ => Err("not between 0 and 3600".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_become_shares_of_parents() {
        let default = Cli::parse_from(["ssvirt-load"]).load.sizes.model();
        let expected =
            Model { orgs: 10, users: 9, vdcs: 10, catalogs: 10, templates: 3, vapps: 5, vms: 2 };
        assert_eq!(default, expected);
        let odd = Cli::parse_from(["ssvirt-load", "--orgs", "1", "--vdcs", "3", "--vapps", "7"]);
        let odd = odd.load.sizes.model();
        assert_eq!((odd.orgs, odd.vdcs, odd.vapps), (1, 3, 3));
    }
}
