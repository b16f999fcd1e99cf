//! Every case file is a test, on every store and backend; see `README.md` for the variables.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use libtest_mimic::{Arguments, Failed, Trial};
use ssvirt_backends::{
    decorate::{Decorated, Fault, Faulty, Slow},
    memory::Simulator,
    mock::{MockBackend, Reply},
    sql::{self, SqlOptions, SqlStore},
};
use ssvirt_conformance::{
    postgres,
    replay::{self, Flow, Login, Options, Stage, Transport, live::Live, record},
    tls::Trust,
};
use ssvirt_core::{
    TenancyStore, VmBackend,
    env::SystemClock,
    model::{PowerState, VmState},
};

/// What a flow is replayed on.
#[derive(Clone, Copy)]
struct Ground {
    store: &'static str,
    backend: &'static str,
}

const GROUNDS: [Ground; 5] = [
    Ground { store: "sqlite", backend: "memory" },
    Ground { store: "postgres", backend: "memory" },
    Ground { store: "sqlite", backend: "slow" },
    Ground { store: "sqlite", backend: "faulty" },
    Ground { store: "sqlite", backend: "lost-answers" },
];

fn main() {
    let mut arguments = Arguments::from_args();
    let cases = replay::cases().unwrap();
    let mut trials = Vec::new();
    if let Some(url) = variable("SSVIRT_CONFORMANCE_URL") {
        // They would see each other's vApps.
        arguments.test_threads = Some(1);
        for (name, path) in cases {
            let url = url.clone();
            trials
                .push(Trial::test(format!("live::{name}"), move || run(live(&url, &name, &path))));
        }
    } else if variable("SSVIRT_CONFORMANCE_UPDATE").is_some() {
        for (name, path) in cases {
            trials.push(Trial::test(format!("update::{name}"), move || run(update(&path))));
        }
    } else {
        for ground in grounds() {
            for (name, path) in cases.clone() {
                let test = format!("{}::{}::{name}", ground.store, ground.backend);
                trials.push(Trial::test(test, move || run(in_process(ground, &name, &path))));
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn grounds() -> Vec<Ground> {
    let Some(backend) = variable("SSVIRT_CONFORMANCE_BACKEND") else { return GROUNDS.to_vec() };
    let backend: &'static str = backend.leak();
    ["sqlite", "postgres"].map(|store| Ground { store, backend }).to_vec()
}

fn run(test: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(test)
}

fn options(name: &str) -> Options {
    let answers = variable("SSVIRT_CONFORMANCE_ANSWERS");
    let answers = answers.map(|folder| PathBuf::from(folder).join(format!("{name}.jsonl")));
    // A second run replaces what the first has written.
    if let Some(path) = &answers {
        std::fs::remove_file(path).ok();
    }
    Options { answers, ..Options::default() }
}

async fn in_process(ground: Ground, name: &str, path: &Path) -> Result<(), Failed> {
    let Some(store) = store(ground.store).await else { return Ok(()) };
    let grace = Duration::from_millis(if ground.backend == "slow" { 5 } else { 500 });
    let backend = backend(ground.backend)?;
    let stage = Stage::with_grace(store, backend, grace).await?;
    let options = options(&format!("{}-{}-{name}", ground.store, ground.backend));
    check(path, name, &stage.transport(), &options).await?;
    stage.cloud().stop().await;
    Ok(())
}

async fn live(url: &str, name: &str, path: &Path) -> Result<(), Failed> {
    let insecure = variable("SSVIRT_CONFORMANCE_INSECURE").is_some_and(|value| value == "1");
    let live = Live::new(url, if insecure { &Trust::Anyone } else { &Trust::System })?;
    let mut options = options(&format!("live-{name}"));
    options.has_a_past = true;
    let Login { user, org, password } = options.login;
    options.login = Login {
        user: variable("SSVIRT_CONFORMANCE_USER").unwrap_or(user),
        org: variable("SSVIRT_CONFORMANCE_ORG").unwrap_or(org),
        password: variable("SSVIRT_CONFORMANCE_PASSWORD").unwrap_or(password),
    };
    check(path, name, &live, &options).await
}

async fn check(
    path: &Path,
    name: &str,
    way: &dyn Transport,
    options: &Options,
) -> Result<(), Failed> {
    let report = replay::replay(&Flow::read(path)?, way, options).await.named(name);
    if report.passed() { Ok(()) } else { Err(report.to_string().into()) }
}

async fn update(path: &Path) -> Result<(), Failed> {
    let store = Arc::new(SqlStore::memory().await?);
    let stage = Stage::new(store, backend("memory")?).await?;
    let recorded = record(&Flow::read(path)?, &stage.transport(), &Options::default()).await?;
    stage.cloud().stop().await;
    Ok(recorded.write(path)?)
}

/// None where there is no PostgreSQL, which was said then.
async fn store(name: &str) -> Option<Arc<dyn TenancyStore>> {
    if name == "sqlite" {
        return Some(Arc::new(SqlStore::memory().await.unwrap()));
    }
    let url = postgres::fresh().await?;
    let options = SqlOptions { max_connections: Some(6), ..SqlOptions::default() };
    let store = sql::connect(&url, options).await.unwrap();
    store.migrate().await.unwrap();
    Some(Arc::new(store))
}

fn backend(name: &str) -> Result<Arc<dyn VmBackend>, Failed> {
    let simulator = || Arc::new(Simulator::builder(Arc::new(SystemClock)).build());
    Ok(match name {
        "memory" => simulator(),
        // Longer than the server waits before it answers that a task is running.
        "slow" => Decorated::backend(simulator(), Arc::new(Slow::new(Duration::from_millis(40)))),
        // Each call fails once, before or after it took effect.
        "faulty" => faulty(simulator(), Fault::on("*_*").each_once()),
        "lost-answers" => faulty(simulator(), Fault::on("*_*").each_once().lost_answer()),
        "mock" => Arc::new(mock()),
        other => return Err(format!("there is no backend {other}").into()),
    })
}

fn faulty(backend: Arc<dyn VmBackend>, fault: Fault) -> Arc<dyn VmBackend> {
    Decorated::backend(backend, Arc::new(Faulty::new([fault])))
}

/// Says yes to everything.
fn mock() -> MockBackend {
    let mock = MockBackend::new();
    for op in ["ensure_place", "remove_place", "delete_vm"] {
        mock.expect(op).always().reply(());
    }
    for op in ["create_vm", "change_vm"] {
        mock.expect(op).always().reply(PowerState::Off);
    }
    let running = VmState {
        power: PowerState::On,
        guest_os: Some("Linux".to_owned()),
        tools_version: Some("1".to_owned()),
        ..VmState::default()
    };
    for action in ["On *", "Reset *", "Reboot *"] {
        mock.expect("power_vm").about(action).always().reply(running.clone());
    }
    mock.expect("power_vm").always().reply(PowerState::Off);
    mock.expect("vms").always().reply(Reply::List(Vec::new()));
    mock
}
