//! The control plane that the tests of a run share.

use std::{env, fmt::Display, io::Write as _, path::PathBuf};

use kube::Client;
use tokio::sync::OnceCell;

use crate::{
    Anything, ControlPlane,
    control_plane::client_of,
    crds,
    node::{Node, Options},
    program::Life,
};

/// Names the file of an administrator of a control plane that runs already.
pub const KUBECONFIG_VARIABLE: &str = "SSVIRT_TEST_KUBECONFIG";

/// A client of the shared control plane: the one that is named, else one that is started here, once a process.
/// None where there is none, which is then said on the output. Tests use namespaces of their own in it.
///
/// # Panics
/// Where there is none although `CI=true`.
#[expect(clippy::panic, reason = "in CI a test that cannot be run has failed")]
pub async fn client() -> Option<Client> {
    match connect().await {
        Ok(client) => Some(client),
        Err(why) if is_ci() => panic!("Kubernetes is missing: {why}"),
        Err(why) => {
            say_left_out(&why);
            None
        }
    }
}

/// A control plane of one's own, for tests that break it. As [`client`] where there can be none.
///
/// # Panics
/// Where there can be none although `CI=true`.
#[expect(clippy::panic, reason = "in CI a test that cannot be run has failed")]
pub async fn own() -> Option<ControlPlane> {
    match ControlPlane::start(&folder(), Life::WithUs).await {
        Ok(started) => Some(started),
        Err(why) if is_ci() => panic!("Kubernetes is missing: {why}"),
        Err(why) => {
            say_left_out(&why);
            None
        }
    }
}

/// Whether what is missing is a failure.
#[must_use]
pub fn is_ci() -> bool {
    env::var("CI").is_ok_and(|ci| ci == "true")
}

/// Says that something was left out: past the test harness, which keeps what passing tests print to itself.
pub fn say_left_out(why: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "left out: Kubernetes ({why})");
}

async fn connect() -> Anything<Client> {
    // A client belongs to the runtime of its test.
    client_of(&kubeconfig().await?).await
}

/// The file of an administrator of the shared control plane.
///
/// # Errors
/// Where there is none.
pub async fn kubeconfig() -> Anything<PathBuf> {
    if let Some(file) = env::var_os(KUBECONFIG_VARIABLE).filter(|file| !file.is_empty()) {
        return Ok(PathBuf::from(file));
    }
    static STARTED: OnceCell<Result<ControlPlane, String>> = OnceCell::const_new();
    let started =
        STARTED.get_or_init(|| async { start().await.map_err(|error| error.to_string()) }).await;
    Ok(started.as_ref().map_err(String::clone)?.kubeconfig())
}

async fn start() -> Anything<ControlPlane> {
    let started = ControlPlane::start(&folder(), Life::WithUs).await?;
    crds::install(&started.client().await?).await?;
    Ok(started)
}

/// The node that plays KubeVirt for the shared control plane, started once a process. As [`client`] where there
/// can be none. On a control plane that is named, nobody else may play; what is asked of it afterwards fails
/// until somebody plays again.
///
/// # Panics
/// Where there is none although `CI=true`.
#[expect(clippy::panic, reason = "in CI a test that cannot be run has failed")]
pub async fn node() -> Option<&'static Node> {
    static STARTED: OnceCell<Result<Node, String>> = OnceCell::const_new();
    let play = async || Node::start(&kubeconfig().await?, Options::default()).await;
    let started =
        STARTED.get_or_init(|| async { play().await.map_err(|error| error.to_string()) }).await;
    match started {
        Ok(node) => Some(node),
        Err(why) if is_ci() => panic!("KubeVirt is missing: {why}"),
        Err(why) => {
            say_left_out(why);
            None
        }
    }
}

fn folder() -> PathBuf {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    env::temp_dir().join(format!("ssvirt-kube-{}-{count}", std::process::id()))
}
