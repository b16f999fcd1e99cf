//! Recorded requests, replayed: does a server answer as it did?
//!
//! A case is a file under `cases/`: a flow of requests that a real client sent, each with the answer that is
//! expected ([`case`]). Ids are variables, bound by the answers ([`bind`]); times, addresses of servers and
//! the like are placeholders. Status, media type, elements, attributes and values are compared
//! ([`compare`]). An answer whose task is still running is waited for, as clients do ([`run`]).
//!
//! Another crate holds its backend to all flows so:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use ssvirt_backends::memory::Simulator;
//! # use ssvirt_conformance::replay;
//! # use ssvirt_core::{VmBackend, env::SystemClock};
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! # fn my_backend() -> Simulator { Simulator::builder(Arc::new(SystemClock)).build() }
//! let reports = replay::all(|| Arc::new(my_backend()) as Arc<dyn VmBackend>).await;
//! for report in reports {
//!     report.assert_passed();
//! }
//! # }
//! ```

pub mod bind;
pub mod case;
pub mod compare;
pub mod import;
pub mod live;
pub mod normalise;
pub mod report;
pub mod run;
pub mod stage;
pub mod tree;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use ssvirt_backends::sql::SqlStore;
use ssvirt_core::VmBackend;

pub use case::Flow;
pub use report::Report;
pub use run::{Answer, Login, Options, Request, Transport, record, replay};
pub use stage::Stage;

/// The folder of the cases.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

/// The case files with the names of their flows, in the order of the names.
///
/// # Errors
/// Why the folder cannot be read.
pub fn cases() -> Result<Vec<(String, PathBuf)>, String> {
    let folder = folder();
    let wrong = |error| format!("{}: {error}", folder.display());
    let mut cases = Vec::new();
    for entry in fs::read_dir(&folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            cases.push((name, path));
        }
    }
    cases.sort();
    Ok(cases)
}

/// Replays all flows, each on the demo in a new SQLite database and on a new backend.
pub async fn all(backend: impl Fn() -> Arc<dyn VmBackend>) -> Vec<Report> {
    let cases = match cases() {
        Ok(cases) => cases,
        Err(why) => return vec![Report::broken("all", why)],
    };
    let mut reports = Vec::with_capacity(cases.len());
    for (name, path) in cases {
        reports.push(match one(&path, backend()).await {
            Ok(report) => report.named(&name),
            Err(why) => Report::broken(&name, why),
        });
    }
    reports
}

async fn one(path: &Path, backend: Arc<dyn VmBackend>) -> Result<Report, String> {
    let flow = Flow::read(path)?;
    let store = SqlStore::memory().await.map_err(|error| error.to_string())?;
    let stage = Stage::new(Arc::new(store), backend).await.map_err(|error| error.to_string())?;
    let report = replay(&flow, &stage.transport(), &Options::default()).await;
    stage.cloud().stop().await;
    Ok(report)
}
