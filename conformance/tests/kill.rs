//! kill -9 at every call that an operation makes to the store and the backend, on both sides of the call's
//! effect; then a restart on the same files. Whatever was asked for must be done or cleanly undone, and
//! neither side may have anything that the other does not know.
//!
//! The test starts itself again as a child, which is aborted at the n-th call. The store is a SQLite file
//! and the simulator keeps its world in a file of its own, so both survive the child.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

#[path = "kill/check.rs"]
mod check;
#[path = "kill/scenario.rs"]
mod scenario;

use std::{
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use futures_util::{StreamExt, stream};
use scenario::{Place, Scenario};
use ssvirt_backends::decorate::{Hook, KillAt, Side};

/// Tells the child what to do: scenario, side, call number and folder.
const JOB: &str = "SSVIRT_KILL_JOB";

/// Children at a time, per test.
const PARALLEL: usize = 2;

const SIGABRT: i32 = 6;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ssvirt-kill-{name}-{}", std::process::id()));
        std::fs::remove_dir_all(&path).ok();
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// A folder with copies of all files of this one.
    fn copy(&self, name: &str) -> Self {
        let copy = Self::new(name);
        for file in std::fs::read_dir(&self.0).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.0.join(file.file_name())).unwrap();
        }
        copy
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// The process that is killed. Does nothing when the tests are run.
#[test]
fn child() {
    let Ok(job) = std::env::var(JOB) else { return };
    let parts: Vec<&str> = job.splitn(4, ' ').collect();
    let [scenario, side, at, folder] = parts[..] else { panic!("not a job: {job}") };
    let side = if side == "After" { Side::After } else { Side::Before };
    let kill = Arc::new(KillAt::new(at.parse().unwrap(), side));
    let folder = Path::new(folder);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let hook: Arc<dyn Hook> = kill.clone();
        let place = Place::open(folder, Scenario::named(scenario), Some(hook)).await;
        place.perform(folder).await;
    });
    std::fs::write(folder.join("calls"), kill.count().to_string()).unwrap();
}

/// Runs the child; whether it was killed.
async fn run_child(scenario: Scenario, side: Side, at: u64, folder: &Path) -> Result<bool, String> {
    let output = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--quiet", "--test-threads=1"])
        .env(JOB, format!("{scenario:?} {side:?} {at} {}", folder.display()))
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    match (output.status.signal(), output.status.success()) {
        (Some(SIGABRT), _) => Ok(true),
        (None, true) => Ok(false),
        _ => Err(format!(
            "the child ended with {}:\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

/// How many calls the operation makes.
async fn count(scenario: Scenario, side: Side, base: &Folder) -> u64 {
    let folder = base.copy(&format!("{scenario:?}-{side:?}-count"));
    assert!(!run_child(scenario, side, u64::MAX, &folder.0).await.unwrap(), "nothing kills it");
    check::recovered(scenario, &folder.0).await.unwrap();
    std::fs::read_to_string(folder.0.join("calls")).unwrap().parse().unwrap()
}

async fn kill_once(
    scenario: Scenario,
    side: Side,
    at: u64,
    base: &Folder,
) -> Result<(), Vec<String>> {
    let folder = base.copy(&format!("{scenario:?}-{side:?}-{at}"));
    match run_child(scenario, side, at, &folder.0).await {
        Ok(true) => check::recovered(scenario, &folder.0).await,
        Ok(false) => Err(vec!["it was not killed".to_owned()]),
        Err(complaint) => Err(vec![complaint]),
    }
    .map_err(|complaints| {
        complaints.into_iter().map(|text| format!("{side:?} call {at}: {text}")).collect()
    })
}

/// Kills the operation at every call, `Before` and `After` its effect; where this is a variation of another
/// scenario, on either side in turn.
fn kill_at_every_call(scenario: Scenario, at_least: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let base = Folder::new(&format!("{scenario:?}-base"));
        scenario::prepare(scenario, &base.0).await;
        if scenario == Scenario::Resume {
            // The first kill, in the middle; what is tested is a second one while the first is made up for.
            let calls = count(Scenario::Instantiate, Side::Before, &base).await;
            run_child(Scenario::Instantiate, Side::After, calls / 2, &base.0).await.unwrap();
        }
        let mut points = Vec::new();
        for side in [Side::Before, Side::After] {
            let calls = 1..=count(scenario, side, &base).await;
            let turn = u64::from(side == Side::After);
            let calls = calls.filter(|at| !scenario.is_variation() || at % 2 == turn);
            points.extend(calls.map(|at| (side, at)));
        }
        let base = &base;
        let results: Vec<_> = stream::iter(points)
            .map(|(side, at)| kill_once(scenario, side, at, base))
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        let complaints: Vec<String> =
            results.iter().filter_map(|result| result.as_ref().err()).flatten().cloned().collect();
        println!("{scenario:?}: {} kill points, {} complaints", results.len(), complaints.len());
        assert!(complaints.is_empty(), "{scenario:?}:\n{}", complaints.join("\n"));
        assert!(results.len() >= at_least, "{scenario:?}: only {} points", results.len());
    });
}

#[test]
fn instantiating() {
    kill_at_every_call(Scenario::Instantiate, 200);
}

#[test]
fn instantiating_after_the_answer() {
    kill_at_every_call(Scenario::Acknowledged, 100);
}

#[test]
fn instantiating_what_fails() {
    kill_at_every_call(Scenario::Failing, 200);
}

#[test]
fn instantiating_on_a_simulator_that_dies_too() {
    kill_at_every_call(Scenario::Forgetful, 100);
}

#[test]
fn making_up_for_a_kill() {
    kill_at_every_call(Scenario::Resume, 60);
}

#[test]
fn deleting() {
    kill_at_every_call(Scenario::Delete, 120);
}

#[test]
fn recomposing() {
    kill_at_every_call(Scenario::Recompose, 80);
}

#[test]
fn changing() {
    kill_at_every_call(Scenario::Change, 70);
}

#[test]
fn powering_on() {
    kill_at_every_call(Scenario::PowerOn, 80);
}

#[test]
fn removing_an_organization() {
    kill_at_every_call(Scenario::RemoveOrg, 60);
}
