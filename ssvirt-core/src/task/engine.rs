//! Who runs which task when.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Semaphore, task::JoinHandle};

use super::run::Interrupted;
use crate::{
    VmBackend,
    backend::Reach,
    env::{Clock, IdSource},
    error::{Error, ErrorKind, Result},
    id::Id,
    measure,
    model::{ProviderVdc, Task, TaskStatus},
    store::{TenancyStore, Tx},
};

/// How tasks are run.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// How long a worker may be silent before another takes its task over.
    pub lease: Duration,
    /// How often the store is asked for tasks that nobody works on.
    pub poll: Duration,
    /// Tasks that run at the same time.
    pub parallel: usize,
    /// How often a call that may succeed later is tried.
    pub attempts: u32,
    /// The wait before the second try; it doubles up to `backoff_max`.
    pub backoff: Duration,
    /// The longest wait between two tries.
    pub backoff_max: Duration,
    /// When a task is looked at again whose backend is away, if nobody has noticed before that the backend is
    /// back.
    pub wait: Duration,
}

impl Default for EngineConfig {
    /// A call is tried for about five minutes.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            poll: Duration::from_secs(2),
            parallel: 64,
            attempts: 66,
            backoff: Duration::from_millis(20),
            backoff_max: Duration::from_secs(5),
            wait: Duration::from_secs(60),
        }
    }
}

/// Backends by provider VDC; a provider without one can be administered but runs nothing.
pub(crate) type Backends = BTreeMap<Id<ProviderVdc>, Arc<dyn VmBackend>>;

/// Runs tasks. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub store: Arc<dyn TenancyStore>,
    pub backends: Backends,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub config: EngineConfig,
    worker: String,
    claims: AtomicU64,
    permits: Arc<Semaphore>,
    /// Providers whose backends tasks wait for. An earlier process may have left some for any of them.
    awaited: Mutex<BTreeSet<Id<ProviderVdc>>>,
}

/// A task that is held, and the name that it is held under. Every claim has a name of its own: a run that
/// went silent is told apart from the one that took over, also within one process.
pub(crate) struct Claim {
    pub task: Task,
    pub holder: String,
}

impl Shared {
    /// Makes sure, in the unit of work that writes what a run has done, that the run still holds its task.
    ///
    /// # Errors
    /// `Busy` when another run has it.
    pub(crate) async fn still_held(&self, tx: &mut Tx, task: Id<Task>, holder: &str) -> Result<()> {
        let until = self.clock.now() + self.config.lease;
        if tx.renew_lease(task, holder, until).await? { Ok(()) } else { Err(lost()) }
    }
}

/// What a task waits for, in the store.
fn waits_for(provider: Id<ProviderVdc>) -> String {
    format!("away/{provider}")
}

fn lost() -> Error {
    Error::new(ErrorKind::Busy, "The lease was lost: another worker has the task.")
}

impl Engine {
    pub(crate) fn new(
        store: Arc<dyn TenancyStore>,
        backends: Backends,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        config: EngineConfig,
    ) -> Self {
        let worker = ids.uuid().to_string();
        let permits = Arc::new(Semaphore::new(config.parallel));
        let claims = AtomicU64::new(0);
        let awaited = Mutex::new(backends.keys().copied().collect());
        Self {
            shared: Arc::new(Shared {
                store,
                backends,
                clock,
                ids,
                config,
                worker,
                claims,
                permits,
                awaited,
            }),
        }
    }

    /// Starts on a task that was just committed, and waits for it at most `grace`.
    pub async fn run_soon(&self, task: Id<Task>, grace: Duration) {
        let engine = self.clone();
        // The work goes on when the wait is over.
        let work = tokio::spawn(async move { engine.run_one(Some(task)).await });
        if let Ok(Ok(Err(error))) = tokio::time::timeout(grace, work).await {
            tracing::warn!(%task, error = &error as &dyn std::error::Error, "a task could not be started; it stays queued");
        }
    }

    /// Runs every task that can be claimed now, one after the other; how many there were.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn run_pending(&self) -> Result<usize> {
        self.wake().await?;
        let mut count = 0;
        while self.run_one(None).await? {
            count += 1;
        }
        Ok(count)
    }

    /// Takes over tasks that nobody works on, until it is aborted.
    pub fn spawn_worker(&self) -> JoinHandle<()> {
        let engine = self.clone();
        tokio::spawn(async move {
            loop {
                if let Err(error) = engine.wake().await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "tasks whose backend is back are not taken up yet"
                    );
                }
                // Claimed only when it can be run at once: nobody renews the lease of a task that waits.
                let Ok(permit) = Arc::clone(&engine.shared.permits).acquire_owned().await else {
                    return;
                };
                match engine.claim(None).await {
                    Ok(Some(claim)) => {
                        let engine = engine.clone();
                        tokio::spawn(async move {
                            engine.run_claimed(claim).await;
                            drop(permit);
                        });
                        continue;
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "the store cannot be asked for tasks"
                        );
                    }
                }
                drop(permit);
                tokio::time::sleep(engine.shared.config.poll).await;
            }
        })
    }

    async fn run_one(&self, only: Option<Id<Task>>) -> Result<bool> {
        let _permit = self.shared.permits.acquire().await.map_err(Error::internal)?;
        let Some(claim) = self.claim(only).await? else { return Ok(false) };
        self.run_claimed(claim).await;
        Ok(true)
    }

    async fn claim(&self, only: Option<Id<Task>>) -> Result<Option<Claim>> {
        let Shared { worker, claims, store, clock, config, .. } = &*self.shared;
        let holder = format!("{worker}/{}", claims.fetch_add(1, Ordering::Relaxed));
        let now = clock.now();
        let mut tx = store.begin().await?;
        let task = tx.claim_task(&holder, only, now, now + config.lease).await?;
        tx.commit().await?;
        Ok(task.map(|task| Claim { task, holder }))
    }

    /// Runs a claimed task while keeping its lease. Losing the lease stops the run: someone else has it.
    async fn run_claimed(&self, Claim { task, holder }: Claim) {
        let id = task.id;
        let outcome = tokio::select! {
            outcome = self.shared.run(task, &holder) => outcome,
            () = self.keep_lease(id, &holder) => Err(Interrupted::Store(lost())),
        };
        let outcome = match outcome {
            Err(Interrupted::Away(provider)) => self.put_back(id, &holder, provider).await,
            Err(Interrupted::Store(error)) => Err(error),
            Ok(()) => Ok(()),
        };
        if let Err(error) = outcome {
            tracing::warn!(task = %id, error = &error as &dyn std::error::Error, "a task was left for later");
        }
    }

    /// Puts a task back into the queue until the backend that it needs is there: it holds no place among those
    /// that run, and however long the backend is away, it has not failed.
    async fn put_back(
        &self,
        task: Id<Task>,
        holder: &str,
        provider: Id<ProviderVdc>,
    ) -> Result<()> {
        let Shared { store, clock, config, .. } = &*self.shared;
        let mut tx = store.begin().await?;
        self.shared.still_held(&mut tx, task, holder).await?;
        let mut row: Task = tx.require(task).await?;
        row.status = TaskStatus::Queued;
        tx.update(&mut row).await?;
        tx.postpone_task(task, &waits_for(provider), clock.now() + config.wait).await?;
        tx.commit().await?;
        self.awaited().insert(provider);
        metrics::counter!(measure::TASKS_POSTPONED).increment(1);
        tracing::info!(%task, "a task waits for its backend");
        Ok(())
    }

    /// Lets tasks be taken whose backends are back.
    async fn wake(&self) -> Result<()> {
        let backends = &self.shared.backends;
        let is_back = |provider: &Id<ProviderVdc>| {
            backends.get(provider).is_none_or(|backend| backend.status().reach == Reach::Here)
        };
        let back: Vec<Id<ProviderVdc>> =
            self.awaited().iter().filter(|provider| is_back(provider)).copied().collect();
        for provider in back {
            // Before they are woken: one that is put back meanwhile is awaited again.
            self.awaited().remove(&provider);
            let woken = self.wake_all(provider).await;
            let woken = woken.inspect_err(|_| {
                self.awaited().insert(provider);
            })?;
            if woken > 0 {
                tracing::info!(woken, "a backend is back: tasks that waited for it go on");
            }
        }
        Ok(())
    }

    async fn wake_all(&self, provider: Id<ProviderVdc>) -> Result<u64> {
        let mut tx = self.shared.store.begin().await?;
        let woken = tx.wake_tasks(&waits_for(provider)).await?;
        tx.commit().await?;
        Ok(woken)
    }

    fn awaited(&self) -> MutexGuard<'_, BTreeSet<Id<ProviderVdc>>> {
        self.shared.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep_lease(&self, task: Id<Task>, holder: &str) {
        loop {
            tokio::time::sleep(self.shared.config.lease / 3).await;
            let renew = async {
                let mut tx = self.shared.store.begin().await?;
                self.shared.still_held(&mut tx, task, holder).await?;
                tx.commit().await
            };
            // While the store is away nobody else can take the task either: try again later.
            if renew.await.is_err_and(|error| error.kind() == ErrorKind::Busy) {
                return;
            }
        }
    }
}
