//! Wrappers round any store, backend or catalog source, to see what the rest makes of trouble.
//!
//! [`Decorated`] passes every call on and asks a [`Hook`] before and after it. The hooks:
//! [`Faulty`] (calls fail), [`Slow`] (calls take time), [`Recording`] (calls are written down) and
//! [`KillAt`] (the process dies at the n-th call). One hook may sit round all three at once; then it
//! counts their calls together.
//!
//! ```
//! # use std::sync::Arc;
//! # use ssvirt_backends::{decorate::{Decorated, Faulty, Recording}, memory::{Fault, Simulator}};
//! # use ssvirt_core::{VmBackend, env::SystemClock};
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let simulator = Arc::new(Simulator::builder(Arc::new(SystemClock)).build());
//! let faulty = Decorated::backend(simulator, Arc::new(Faulty::new([Fault::on("health").nth(2)])));
//! let recording = Arc::new(Recording::new());
//! let backend = Decorated::backend(faulty, recording.clone());
//! assert!(backend.health().await.is_ok());
//! assert!(backend.health().await.is_err());
//! assert_eq!(recording.lines(), ["backend health() -> ok", "backend health() -> Unavailable"]);
//! # }
//! ```

pub(crate) mod backend;
mod faulty;
mod kill;
mod recording;
mod slow;
mod source;
mod store;
#[cfg(test)]
mod store_test;
#[cfg(test)]
mod tests;

use std::{fmt, future::Future, sync::Arc};

use async_trait::async_trait;
use ssvirt_core::{CatalogSource, ErrorKind, Result, TenancyStore, VmBackend};

pub use crate::memory::faults::{Fault, Faults, Side};
pub use faulty::Faulty;
pub use kill::KillAt;
pub use recording::{Recorded, Recording};
pub use slow::Slow;

/// Which of the three traits a call belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// [`VmBackend`].
    Backend,
    /// [`TenancyStore`] and its units of work.
    Store,
    /// [`CatalogSource`].
    Source,
}

/// A call that is being passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Whose call it is.
    pub target: Target,
    /// The method, such as `power_vm` or `commit`; those of tables name the type too: `update Vm`.
    pub op: &'static str,
    /// The arguments in short: ids and names, never contents.
    pub args: String,
}

impl Call {
    pub(crate) fn new(target: Target, op: &'static str, args: impl Into<String>) -> Self {
        Self { target, op, args: args.into() }
    }

    /// Whether the call may change something.
    pub fn changes(&self) -> bool {
        const READS: [&str; 25] = [
            "health",
            "console",
            "vm",
            "vms",
            "watch",
            "items",
            "item",
            "sizings",
            "begin",
            "read",
            "glance",
            "gather_parts",
            "session_owner",
            "task_steps",
            "open_tasks",
            "recent_tasks",
            "metadata",
            "vdc_usage",
            "storage_usage",
            "used_addresses",
            "query",
            "start",
            "stop",
            "name",
            "capabilities",
        ];
        let of_table = ["get ", "select ", "count "].iter().any(|read| self.op.starts_with(read));
        !of_table && !READS.contains(&self.op)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = match self.target {
            Target::Backend => "backend",
            Target::Store => "store",
            Target::Source => "source",
        };
        write!(f, "{target} {}({})", self.op, self.args)
    }
}

/// Sees every call, and may fail it.
#[async_trait]
pub trait Hook: Send + Sync + 'static {
    /// Before the call.
    ///
    /// # Errors
    /// What the caller gets; the call is then not passed on.
    async fn before(&self, call: &Call) -> Result<()> {
        let _ = call;
        Ok(())
    }

    /// After the call, which failed with `failure` or succeeded.
    ///
    /// # Errors
    /// What the caller gets instead of an answer.
    async fn after(&self, call: &Call, failure: Option<ErrorKind>) -> Result<()> {
        let _ = (call, failure);
        Ok(())
    }
}

/// A store, backend or catalog source with a hook round it.
pub struct Decorated<T: ?Sized> {
    inner: Arc<T>,
    hook: Arc<dyn Hook>,
}

impl Decorated<dyn VmBackend> {
    /// Puts a hook round a backend.
    pub fn backend(inner: Arc<dyn VmBackend>, hook: Arc<dyn Hook>) -> Arc<dyn VmBackend> {
        Arc::new(Self { inner, hook })
    }
}

impl Decorated<dyn TenancyStore> {
    /// Puts a hook round a store and all its units of work.
    pub fn store(inner: Arc<dyn TenancyStore>, hook: Arc<dyn Hook>) -> Arc<dyn TenancyStore> {
        Arc::new(Self { inner, hook })
    }
}

impl Decorated<dyn CatalogSource> {
    /// Puts a hook round a catalog source.
    pub fn source(inner: Arc<dyn CatalogSource>, hook: Arc<dyn Hook>) -> Arc<dyn CatalogSource> {
        Arc::new(Self { inner, hook })
    }
}

/// Passes a call on. `inner` does nothing until it is awaited, so a hook that refuses prevents it.
async fn around<T>(
    hook: &dyn Hook,
    call: Call,
    inner: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    hook.before(&call).await?;
    let answer = inner.await;
    let lost = hook.after(&call, answer.as_ref().err().map(ssvirt_core::Error::kind)).await;
    let answer = answer?;
    lost.map(|()| answer)
}
