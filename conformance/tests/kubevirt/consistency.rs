//! The process is killed, or the API server refuses or does not answer, at each request that changes something in the
//! cluster, of each operation on VDCs, vApps, VMs and snapshots. Afterwards the store and the cluster are as one: neither
//! has anything that the other does not know.
//!
//! The test starts itself again as a child, which does the operation on a SQLite file of its own and the shared control
//! plane. What the child leaves is taken up by a cloud of the test's.

mod check;
mod hook;
mod scenario;
mod snapshots;

use std::{
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use ssvirt_kube_bed::shared;

use self::{
    hook::{Ending, Hook},
    scenario::{Scenario, Stage},
};

/// Tells the child what to do: scenario, ending, request number and folder.
const JOB: &str = "SSVIRT_CONSISTENCY_JOB";
/// Children at a time.
const PARALLEL: usize = 4;
const SIGABRT: i32 = 6;
/// More requests than any of the operations makes.
const MANY: u32 = 40;
/// A child that takes longer is stuck.
const PATIENCE: Duration = Duration::from_secs(120);

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ssvirt-{name}-{}", std::process::id()));
        std::fs::remove_dir_all(&path).ok();
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// The process that something happens to. Does nothing when the tests are run.
#[test]
fn child() {
    let Ok(job) = std::env::var(JOB) else { return };
    let parts: Vec<&str> = job.splitn(4, ' ').collect();
    let [scenario, ending, at, folder] = parts[..] else { panic!("not a job: {job}") };
    let (scenario, folder) = (Scenario::named(scenario), Path::new(folder));
    let hook = Hook::new(Ending::named(ending), at.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stage = Stage::open(folder, Some(hook.clone())).await;
        stage.prepare(scenario).await;
        hook.arm();
        stage.perform(scenario).await;
        hook.disarm();
        stage.close().await;
    });
    if !hook.has_struck() {
        std::fs::write(folder.join("passed"), "").unwrap();
    }
}

/// One case: false where the operation makes fewer requests than that.
async fn case(scenario: Scenario, ending: Ending, at: u32) -> Result<bool, String> {
    let folder = Folder::new(&format!("consistency-{scenario:?}-{ending:?}-{at}"));
    let job = format!("{scenario:?} {ending:?} {at} {}", folder.0.display());
    let child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "consistency::child", "--nocapture", "--quiet", "--test-threads=1"])
        .env(JOB, job)
        .env(shared::KUBECONFIG_VARIABLE, shared::kubeconfig().await.unwrap())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let case = format!("{scenario:?}, {ending:?} at {at}");
    let Ok(output) = tokio::time::timeout(PATIENCE, child).await else {
        return Err(format!("{case}: the child does not end"));
    };
    let output = output.unwrap();
    let is_killed = output.status.signal() == Some(SIGABRT);
    if !(output.status.success() || is_killed && ending.kills()) {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{case}: the child ended with {}: {said}", output.status));
    }
    let stage = Stage::open(&folder.0, None).await;
    let mut complaints = stage.snapshot_again(scenario).await;
    complaints.extend(check::all(&stage).await);
    stage.close().await;
    match complaints.is_empty() {
        true => Ok(!folder.0.join("passed").exists()),
        false => Err(format!("{case}:\n  {}", complaints.join("\n  "))),
    }
}

async fn at_every_request(scenario: Scenario, at_least: usize) {
    if super::manifests::server().await.is_none() {
        return;
    }
    let endings = stream::iter(Ending::ALL).map(|ending| async move {
        let (mut cases, mut complaints) = (0, Vec::new());
        for at in 1..=MANY {
            match case(scenario, ending, at).await {
                Ok(true) => cases += 1,
                Ok(false) => break,
                Err(complaint) => {
                    cases += 1;
                    complaints.push(complaint);
                }
            }
            assert!(at < MANY && complaints.len() < 3, "{}", complaints.join("\n"));
        }
        (cases, complaints)
    });
    let all: Vec<(usize, Vec<String>)> = endings.buffer_unordered(PARALLEL).collect().await;
    let cases: usize = all.iter().map(|(cases, _)| cases).sum();
    let complaints: Vec<String> = all.into_iter().flat_map(|(_, complaints)| complaints).collect();
    println!("{scenario:?}: {cases} cases, {} complaints", complaints.len());
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(cases >= at_least, "{scenario:?}: only {cases} cases");
}

macro_rules! scenarios {
    ($($name:ident $scenario:ident $at_least:literal),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                at_every_request(Scenario::$scenario, $at_least).await;
            }
        )*
    };
}

scenarios! {
    making_a_vdc CreateVdc 28,
    changing_a_vdc ChangeVdc 24,
    removing_a_vdc DeleteVdc 4,
    instantiating_a_vapp Instantiate 12,
    adding_a_vm AddVm 12,
    changing_a_vm ChangeVm 8,
    powering_a_vm_off PowerOff 4,
    removing_a_vapp DeleteVApp 4,
    taking_a_snapshot TakeSnapshot 8,
    going_back_to_a_snapshot RevertSnapshot 12,
    removing_a_snapshot RemoveSnapshots 4,
}
