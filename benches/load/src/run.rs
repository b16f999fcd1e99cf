//! A run from its beginning to its end.

use std::{fs, path::PathBuf, time::Duration};

use ssvirt_conformance::postgres;
use ssvirt_core::env::{IdSource as _, RandomIds};
use ssvirt_fixtures::Model;

use crate::{
    Anything,
    cli::{Database, Load, Sizes},
    hello::{BARE, STATEMENT},
    process::Process,
    report::{Report, heading, millis, say},
    rows::{ENDPOINTS, Watched, measure_hello},
    seed::seed,
    server::{self, Hello, Setup},
    target::{Access, Address, Ids, Login, Target},
};

/// How long a server has to come to rest before its memory is looked at.
const REST: Duration = Duration::from_secs(1);
/// For `--smoke`: enough to meet every connection a few times.
const SMOKE_REQUESTS: usize = 200;

/// Whether all answers were 2xx.
pub fn run(load: &Load) -> Anything<bool> {
    // One thread: what it leaves of the machine is the server's.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        match &load.other.url {
            Some(url) => another(load, url).await,
            None => ours(load).await,
        }
    })?;
    if let Some(path) = &load.json {
        fs::write(path, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    Ok(report.passed(load.other.url.is_some()))
}

/// The server of this repository, started on an inventory of its own.
async fn ours(load: &Load) -> Anything<Report> {
    let bin = match &load.bin {
        Some(bin) => bin.clone(),
        None => server::build().await?,
    };
    let folder = Folder::new()?;
    let (model, starts) = match load.smoke {
        true => (Sizes::SMOKE.model(), 1),
        false => (load.sizes.model(), load.starts),
    };
    let title = format!("{}: {}", load.database.name(), contents(&model));
    let seeded = seed(load.database, &model, &folder.0).await?;
    say(format_args!("{title}; seeded in {:.1} s", seeded.took.as_secs_f64()));

    let setup = Setup {
        bin,
        folder: folder.0.clone(),
        database: seeded.url,
        tls: load.tls,
        env: load.env.clone(),
    };
    let mut report = Report { title, ..Report::default() };
    // The first start makes keys, which all others find there.
    setup.start().await?.stop().await?;
    for _ in 1..starts {
        let server = setup.start().await?;
        report.ready_ms.push(millis(server.time_to_ready));
        server.stop().await?;
    }
    let server = setup.start().await?;
    report.ready_ms.push(millis(server.time_to_ready));
    report.ready_ms.sort_by(f64::total_cmp);

    let watched = Watched {
        server: Some(server.process),
        postgres: postgres::process().filter(|_| load.database == Database::Postgres).map(Process),
    };
    let reached = Reached {
        address: Address::new(&server.url, true)?,
        access: Access::Login(seeded.login),
        ids: seeded.ids,
        insecure: true,
    };
    let hello = Hello::start(load.tls.then(|| setup.certificate()), Some(&setup.database)).await?;
    drive(load, &mut report, reached, watched, &hello).await?;
    server.stop().await?;
    Ok(report)
}

/// A server that runs already.
async fn another(load: &Load, url: &str) -> Anything<Report> {
    let other = &load.other;
    let access = match (&other.token, &other.password) {
        (Some(token), _) => Access::Token(token.clone()),
        (None, Some(password)) => Access::Login(Login {
            user: other.user.clone(),
            org: other.org.clone(),
            password: password.clone(),
        }),
        (None, None) => return Err("--url needs --password or --token".into()),
    };
    let reached = Reached {
        address: Address::new(url, other.insecure)?,
        access,
        ids: Ids::default(),
        insecure: other.insecure,
    };
    say(url);
    let mut report = Report { title: url.to_owned(), ..Report::default() };
    let watched = Watched { server: other.pid.map(Process), postgres: None };
    let hello = Hello::start(None, None).await?;
    drive(load, &mut report, reached, watched, &hello).await?;
    Ok(report)
}

/// A server that can be reached.
struct Reached {
    address: Address,
    access: Access,
    ids: Ids,
    insecure: bool,
}

/// Measures all rows.
async fn drive(
    load: &Load,
    report: &mut Report,
    reached: Reached,
    watched: Watched,
    hello: &Hello,
) -> Anything<()> {
    let mut options = load.driver.clone();
    if load.smoke {
        options.warm_up = 0.0;
        options.requests.get_or_insert(SMOKE_REQUESTS);
    }
    tokio::time::sleep(REST).await;
    report.idle = watched.server.map(Process::memory).transpose()?;
    let Reached { address, access, ids, insecure } = reached;
    let target = Target::new(address, insecure, access, &options.api_version, ids).await?;

    say(heading());
    let bare = Address::new(&hello.url, true)?;
    let figures = measure_hello(&bare, BARE, hello.process, &options, None).await?;
    say(figures.line("hello"));
    let hello_cpu = figures.cpu;
    report.hello = Some(figures);
    if load.other.url.is_none() {
        let figures = measure_hello(&bare, STATEMENT, hello.process, &options, hello_cpu).await?;
        say(figures.line("hello, a statement"));
        report.hello_statement = Some(figures);
    }
    for endpoint in &ENDPOINTS {
        let wanted = load.only.is_empty() || load.only.iter().any(|w| endpoint.name.contains(w));
        if wanted {
            let row = endpoint.measure(&target, watched, &options, hello_cpu).await?;
            say(row.line());
            report.rows.push(row);
        }
    }

    tokio::time::sleep(REST).await;
    report.after = watched.server.map(Process::memory).transpose()?;
    report.summary().iter().for_each(say);
    Ok(())
}

/// What is in an inventory, with what every database has.
fn contents(model: &Model) -> String {
    let vdcs = model.orgs * model.vdcs;
    let catalogs = model.orgs * model.catalogs;
    let vapps = vdcs * model.vapps;
    format!(
        "{} organizations, {} users, {vdcs} VDCs, {vapps} vApps, {} VMs, {catalogs} catalogs, {} templates",
        model.orgs + 1,
        model.orgs * (model.users + 1) + 1,
        vapps * model.vms,
        catalogs * model.templates,
    )
}

/// A temporary folder, removed with this.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Anything<Self> {
        let name = format!("ssvirt-load-{}", RandomIds.uuid().simple());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind at worst.
        let _ = fs::remove_dir_all(&self.0);
    }
}
