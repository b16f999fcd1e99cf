//! Calls to the API server: each has an end.

use std::{future::Future, time::Duration};

use ssvirt_core::{Error, Result};
use tokio::time::timeout;

use super::error::{error, is_missing};

/// How long a call has, with the wait for its turn and its repetitions. Each try has less, see
/// [`ClusterOptions`](super::ClusterOptions).
const PATIENCE: Duration = Duration::from_secs(60);

/// The answer of a call about `what`, the tenant's object.
pub(super) async fn call<T>(what: &str, asked: impl Future<Output = kube::Result<T>>) -> Result<T> {
    raw(asked).await?.map_err(|cause| error(what, cause))
}

/// As [`call`]; none where the object is not there.
pub(super) async fn call_opt<T>(
    what: &str,
    asked: impl Future<Output = kube::Result<T>>,
) -> Result<Option<T>> {
    match raw(asked).await? {
        Err(cause) if is_missing(&cause) => Ok(None),
        answered => answered.map(Some).map_err(|cause| error(what, cause)),
    }
}

/// What the API server answers, for those who have to look at its refusals.
pub(super) async fn raw<T>(
    asked: impl Future<Output = kube::Result<T>>,
) -> Result<kube::Result<T>> {
    timeout(PATIENCE, asked)
        .await
        .map_err(|_| Error::unavailable("The cluster does not answer in time."))
}
