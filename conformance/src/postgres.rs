//! PostgreSQL for tests: a new, empty database for each.
//!
//! The server is the one that `SSVIRT_TEST_POSTGRES_URL` names; or else a container where docker runs; or
//! else one that is started here from the `initdb` and `postgres` on this machine, once a process, in a
//! temporary folder. Both programs refuse to run as root; root lets an unprivileged user run them.

use std::{
    env,
    fmt::Display,
    fs,
    io::Write as _,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, OnceLock},
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use ssvirt_core::env::{Clock as _, IdSource as _, RandomIds, SystemClock};

/// The server to use instead of one that is started here; its user must be allowed to make databases.
pub const URL_VARIABLE: &str = "SSVIRT_TEST_POSTGRES_URL";

/// Names of databases made here start with this, and the second they were made in.
const PREFIX: &str = "ssvirt_test_";

/// Databases of that age were left behind on a server that is shared, and are removed.
const STALE: i64 = 3600;

/// The URL of a new, empty database. None where there is no PostgreSQL, which is then said on the output.
///
/// # Panics
/// Where there is no PostgreSQL although `CI=true`.
#[expect(clippy::panic, reason = "in CI a test that cannot be run has failed")]
pub async fn fresh() -> Option<String> {
    let made = match server() {
        Ok(server) => create(server).await.map_err(|error| format!("{error:#}")),
        Err(why) => Err(why.to_owned()),
    };
    match made {
        Ok(url) => Some(url),
        Err(why) if env::var("CI").is_ok_and(|ci| ci == "true") => {
            panic!("PostgreSQL is missing: {why}")
        }
        Err(why) => {
            // Past the test harness, which keeps what passing tests print to itself.
            let _ = writeln!(std::io::stderr(), "left out: PostgreSQL ({why})");
            None
        }
    }
}

/// The process of the server that was started here, if one was: its other processes are its children.
#[must_use]
pub fn process() -> Option<u32> {
    let started = STARTED.get()?;
    fs::read_to_string(started.join("data/postmaster.pid")).ok()?.lines().next()?.parse().ok()
}

/// The folder of the server that was started here.
static STARTED: OnceLock<PathBuf> = OnceLock::new();

/// The URL of the server's own database.
fn server() -> Result<&'static str, &'static str> {
    static SERVER: OnceLock<Result<String, String>> = OnceLock::new();
    let server = SERVER.get_or_init(|| match env::var(URL_VARIABLE) {
        Ok(url) if !url.is_empty() => Ok(url),
        // Where docker does not run, or has no such image and cannot get it, the local programs are next.
        _ => container().or_else(|_| start()),
    });
    server.as_deref().map_err(String::as_str)
}

async fn create(server: &str) -> Result<String, sqlx::Error> {
    let mut connection = connect(server).await?;
    let now = SystemClock.now().as_second();
    // Sorted by rules that are not byte by byte, where the server knows such: stores must not rely on it.
    let name = format!("{PREFIX}{now}_{}", RandomIds.uuid().simple());
    let natural =
        "TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en'";
    let made = connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name} {natural}"))).await;
    if made.is_err() {
        let plain = "TEMPLATE template0 ENCODING 'UTF8'";
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name} {plain}"))).await?;
    }
    let left: Vec<String> = sqlx::query_scalar("SELECT datname::text FROM pg_database")
        .fetch_all(&mut connection)
        .await?;
    for old in left {
        let made =
            old.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next()?.parse::<i64>().ok());
        if made.is_some_and(|made| made + STALE < now) {
            // Another process may be at it as well.
            connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {old}"))).await.ok();
        }
    }
    connection.close().await?;
    Ok(with_database(server, &name))
}

/// Connects as soon as the server answers.
async fn connect(url: &str) -> Result<PgConnection, sqlx::Error> {
    let mut tries = 0;
    loop {
        match PgConnection::connect(url).await {
            Err(_) if tries < 300 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            result => return result,
        }
    }
}

/// The same URL with another database.
fn with_database(url: &str, name: &str) -> String {
    let (address, options) =
        url.split_once('?').map_or((url, None), |(address, options)| (address, Some(options)));
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..].find('/').map_or(address.len(), |at| start + at);
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{}/{name}{options}", &address[..end])
}

/// Starts a server in a container, where docker runs. The thread keeps it as long as the process lives; one
/// that is left behind by a process that was killed ends by itself.
fn container() -> Result<String, String> {
    let docker = Command::new("docker")
        .arg("info")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !docker.is_ok_and(|status| status.success()) {
        return Err("docker does not run here".to_owned());
    }
    let (tell, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let started = start_container().await;
            let (url, keep) = match started {
                Ok((url, container)) => (Ok(url), Some(container)),
                Err(error) => (Err(failed("start a container", error)), None),
            };
            if tell.send(url).is_ok() && keep.is_some() {
                std::future::pending::<()>().await;
            }
        });
    });
    hear.recv().map_err(|error| failed("start a container", error))?
}

async fn start_container() -> Result<
    (String, testcontainers::ContainerAsync<testcontainers::GenericImage>),
    testcontainers::TestcontainersError,
> {
    use testcontainers::{
        GenericImage, ImageExt as _,
        core::{IntoContainerPort as _, WaitFor},
        runners::AsyncRunner as _,
    };
    let container = GenericImage::new("postgres", "16-alpine")
        .with_entrypoint("timeout")
        .with_exposed_port(5432.tcp())
        // The first of these messages is of the server that sets the database up.
        .with_wait_for(WaitFor::message_on_stdout("PostgreSQL init process complete"))
        .with_wait_for(WaitFor::message_on_stderr("database system is ready to accept connections"))
        .with_cmd(["3600", "docker-entrypoint.sh", "postgres"])
        .with_env_var("POSTGRES_HOST_AUTH_METHOD", "trust")
        .start()
        .await?;
    let host = container.get_host().await?;
    let port = container.get_host_port_ipv4(5432).await?;
    Ok((format!("postgres://postgres@{host}:{port}/postgres"), container))
}

/// Starts a server that ends with this process, however that ends.
fn start() -> Result<String, String> {
    let bin = programs()
        .ok_or("no initdb and postgres in PATH, /usr/lib/postgresql or /usr/local/bin")?;
    let base =
        env::temp_dir().join(format!("ssvirt-pg-{}", &RandomIds.uuid().simple().to_string()[..12]));
    fs::create_dir(&base).map_err(|error| failed("create a folder", error))?;
    let user = if numeric("-u", None)? == 0 { Some(unprivileged(&base)?) } else { None };
    let data = base.join("data");

    let output = as_user(user.as_ref(), &bin.join("initdb"))
        .args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--pgdata",
        ])
        .arg(&data)
        .current_dir(&base)
        .output()
        .map_err(|error| failed("run initdb", error))?;
    if !output.status.success() {
        fs::remove_dir_all(&base).ok();
        return Err(failed("run initdb", String::from_utf8_lossy(&output.stderr)));
    }

    // The shell outlives us by the moment it takes to stop the server and remove the folder: it waits for
    // the end of its input, which we never write to.
    let script = r#"
        trap '' INT HUP TERM
        "$1" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c synchronous_commit=off \
            -c full_page_writes=off -c max_connections=200 -c shared_buffers=64MB >"$2/log" 2>&1 </dev/null &
        server=$!
        cat >/dev/null
        kill -QUIT $server
        wait $server
        rm -rf "$2/data" "$2/log" "$2"
    "#;
    let child = as_user(user.as_ref(), Path::new("/bin/sh"))
        .args(["-c", script, "sh"])
        .arg(bin.join("postgres"))
        .arg(&base)
        .current_dir(&base)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl+C is for us alone.
        .process_group(0)
        .spawn()
        .map_err(|error| failed("start postgres", error))?;
    static SHELL: Mutex<Option<Child>> = Mutex::new(None);
    if let Ok(mut shell) = SHELL.lock() {
        *shell = Some(child);
    }
    let url = format!("postgres://postgres@localhost/postgres?host={}", base.display());
    // Only once a process.
    STARTED.set(base).ok();
    Ok(url)
}

fn failed(what: &str, why: impl Display) -> String {
    format!("cannot {what}: {why}")
}

/// The folder of `initdb` and `postgres`.
fn programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = env::var_os("PATH").iter().flat_map(env::split_paths).collect();
    let mut versions: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev().map(|version| version.join("bin")));
    folders.push("/usr/local/bin".into());
    let folder = folders
        .into_iter()
        .find(|folder| ["initdb", "postgres"].iter().all(|p| folder.join(p).exists()))?;
    // `initdb` looks for the other programs beside itself, not beside a link to it.
    let real = fs::canonicalize(folder.join("initdb")).ok()?;
    real.parent().filter(|real| real.join("postgres").exists()).map(Path::to_owned).or(Some(folder))
}

/// Who runs the server for root.
struct User {
    name: &'static str,
    uid: u32,
    gid: u32,
}

/// Gives the folder to a user without privileges.
fn unprivileged(base: &Path) -> Result<User, String> {
    let user = ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| {
            Some(User {
                name,
                uid: numeric("-u", Some(name)).ok()?,
                gid: numeric("-g", Some(name)).ok()?,
            })
        })
        .ok_or("root may not run postgres, and there is neither a user postgres nor nobody")?;
    std::os::unix::fs::chown(base, Some(user.uid), Some(user.gid))
        .map_err(|error| failed("chown", error))?;
    fs::set_permissions(base, fs::Permissions::from_mode(0o755))
        .map_err(|error| failed("chmod", error))?;
    Ok(user)
}

/// `id -u` and the like.
fn numeric(flag: &str, user: Option<&str>) -> Result<u32, String> {
    let output = Command::new("id")
        .arg(flag)
        .args(user)
        .output()
        .map_err(|error| failed("run id", error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|error| failed("read the answer of id", error))
}

/// A command that this user runs, by whichever of these programs there is.
fn as_user(user: Option<&User>, program: &Path) -> Command {
    let Some(user) = user else { return Command::new(program) };
    let there = |name: &str| {
        ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].iter().any(|f| Path::new(f).join(name).exists())
    };
    if there("setpriv") {
        let mut command = Command::new("setpriv");
        command.arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid));
        command.args(["--clear-groups", "--"]).arg(program);
        command
    } else if there("runuser") {
        let mut command = Command::new("runuser");
        command.args(["-u", user.name, "--"]).arg(program);
        command
    } else {
        // The arguments that follow become those of the script: `"$0" "$@"` runs them.
        let mut command = Command::new("su");
        command.args(["-s", "/bin/sh", user.name, "-c", "\"$0\" \"$@\"", "--"]).arg(program);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_url_is_replaced() {
        for (url, expected) in [
            (
                "postgres://u:p@host:5432/db?sslmode=disable",
                "postgres://u:p@host:5432/x?sslmode=disable",
            ),
            ("postgres://u@localhost?host=/run/a", "postgres://u@localhost/x?host=/run/a"),
            ("postgres://host/", "postgres://host/x"),
        ] {
            assert_eq!(with_database(url, "x"), expected);
        }
    }
}
