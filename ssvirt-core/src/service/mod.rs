//! The use cases: what a VMware Cloud Director does, below its surfaces.

mod bootstrap;
mod caller;
mod catalog;
mod metadata;
mod network;
mod org;
mod password;
mod power;
mod query;
mod reconcile;
mod resolve;
mod rights_cache;
mod session;
mod sizing;
mod task;
mod user;
mod vapp;
mod vdc;
mod vm;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::task::JoinHandle;

pub use bootstrap::FirstStart;
pub use caller::Caller;
pub use catalog::{CatalogChange, CatalogContents, NewCatalog, NewTemplate};
pub use metadata::{may_annotate, may_change_entry};
pub use network::{AnyNetwork, NewNetwork, VAppNetworkRequest};
pub use org::{NewOrg, OrgAdministration, OrgChange, OrgContents, Removal};
use password::Passwords;
pub use power::{Undeploy, allowed};
pub use query::may_query;
pub use resolve::Resolved;
pub use session::Login;
pub use user::{NewUser, RoleName, UserChange};
pub use vapp::{Deletion, NewVApp, NewVm, Recompose, VAppDetails, VmSource};
pub use vdc::{NewStorageProfile, NewVdc, StorageProfileChange, VdcChange, VdcDetails};
pub use vm::{DiskRequest, HardwareChange, NicRequest, VmChange, VmDetails};

use crate::{
    CatalogSource, TenancyStore, VmBackend,
    backend::Reach,
    catalog::Placement,
    env::{Clock, IdSource, RandomIds, SystemClock, new_id},
    error::{Error, ErrorKind, Result},
    id::{Entity, Id},
    model::{Event, Outcome, ProviderVdc, Task, TaskStatus, TaskStep},
    store::Tx,
    task::{Engine, EngineConfig, NewTask, Step},
};
use rights_cache::RightsCache;

/// A cloud: the store, the backends and sources of its provider VDCs, and the task engine. Cheap to clone.
#[derive(Clone)]
pub struct Cloud {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn TenancyStore>,
    backends: BTreeMap<Id<ProviderVdc>, Arc<dyn VmBackend>>,
    sources: Vec<(Id<ProviderVdc>, Arc<dyn CatalogSource>)>,
    placement: Placement,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    engine: Engine,
    grace: Duration,
    session_length: Duration,
    passwords: Passwords,
    rights: RightsCache,
    background: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

/// Puts a [`Cloud`] together.
pub struct CloudBuilder {
    store: Arc<dyn TenancyStore>,
    backends: BTreeMap<Id<ProviderVdc>, Arc<dyn VmBackend>>,
    sources: Vec<(Id<ProviderVdc>, Arc<dyn CatalogSource>)>,
    placement: Placement,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    engine: EngineConfig,
    grace: Duration,
    session_length: Duration,
}

impl CloudBuilder {
    /// The backend of a provider VDC.
    #[must_use]
    pub fn backend(mut self, provider: Id<ProviderVdc>, backend: Arc<dyn VmBackend>) -> Self {
        self.backends.insert(provider, backend);
        self
    }

    /// A catalog source of a provider VDC.
    #[must_use]
    pub fn source(mut self, provider: Id<ProviderVdc>, source: Arc<dyn CatalogSource>) -> Self {
        self.sources.push((provider, source));
        self
    }

    /// Where the items of catalog sources appear; in one catalog for all organizations by default.
    #[must_use]
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// The clock; the machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The ids; random by default.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = ids;
        self
    }

    /// How tasks are run.
    #[must_use]
    pub fn engine(mut self, config: EngineConfig) -> Self {
        self.engine = config;
        self
    }

    /// How long a call waits for its task before it answers that the task is running; 100 ms by default.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How long a login lasts; 24 hours by default.
    #[must_use]
    pub fn session_length(mut self, length: Duration) -> Self {
        self.session_length = length;
        self
    }

    /// The cloud. Call [`Cloud::start`] before anything else.
    pub fn build(self) -> Cloud {
        let engine = Engine::new(
            Arc::clone(&self.store),
            self.backends.clone(),
            Arc::clone(&self.clock),
            Arc::clone(&self.ids),
            self.engine,
        );
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Cloud {
            inner: Arc::new(Inner {
                store: self.store,
                backends: self.backends,
                sources: self.sources,
                placement: self.placement,
                clock: self.clock,
                ids: self.ids,
                engine,
                grace: self.grace,
                session_length: self.session_length,
                passwords: Passwords::new(cores),
                rights: RightsCache::default(),
                background: std::sync::Mutex::default(),
            }),
        }
    }
}

impl Cloud {
    /// A cloud on this store.
    pub fn builder(store: Arc<dyn TenancyStore>) -> CloudBuilder {
        CloudBuilder {
            store,
            backends: BTreeMap::new(),
            sources: Vec::new(),
            placement: Placement::default(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            engine: EngineConfig::default(),
            grace: Duration::from_millis(100),
            session_length: Duration::from_secs(24 * 3600),
        }
    }

    /// Stores what must always be there, tells the backends which VMs they should have, and starts the
    /// work in the background: tasks, observed changes, expired sessions.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached.
    pub async fn start(&self) -> Result<()> {
        self.bootstrap().await?;
        let unplaced = self.start_backends().await?;
        let mut background = vec![self.inner.engine.spawn_worker(), self.spawn_session_cleanup()];
        background.extend(self.spawn_watchers(unplaced));
        self.background().extend(background);
        Ok(())
    }

    /// Stops the work in the background. Running tasks are left to whoever starts next.
    pub async fn stop(&self) {
        for handle in self.background().drain(..) {
            handle.abort();
        }
        for backend in self.inner.backends.values() {
            backend.stop().await;
        }
    }

    fn background(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.inner.background.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The store.
    pub fn store(&self) -> &dyn TenancyStore {
        self.inner.store.as_ref()
    }

    /// The backends by provider VDC.
    pub fn backends(&self) -> &BTreeMap<Id<ProviderVdc>, Arc<dyn VmBackend>> {
        &self.inner.backends
    }

    /// The task engine.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The time now.
    pub fn now(&self) -> jiff::Timestamp {
        self.inner.clock.now()
    }

    fn id<K>(&self) -> Id<K> {
        new_id(self.inner.ids.as_ref())
    }

    async fn begin(&self) -> Result<Tx> {
        self.inner.store.begin().await
    }

    /// Several reads of one moment.
    async fn read(&self) -> Result<Tx> {
        self.inner.store.read().await
    }

    /// What one call answers.
    async fn glance(&self) -> Result<Tx> {
        self.inner.store.glance().await
    }

    fn backend(&self, provider: Id<ProviderVdc>) -> Result<&Arc<dyn VmBackend>> {
        self.inner.backends.get(&provider).ok_or_else(crate::task::no_backend)
    }

    /// A backend that is to make something, or change it. One that has not been there since the start is as none:
    /// nobody knows when it comes, or whether it is the right one. One that was there will be there again, and
    /// tasks wait for it.
    ///
    /// # Errors
    /// `NotSupported` where there is none, `Unavailable` where it has not been there yet.
    fn usable_backend(&self, provider: Id<ProviderVdc>) -> Result<&Arc<dyn VmBackend>> {
        let backend = self.backend(provider)?;
        match backend.status().reach {
            Reach::Here | Reach::Lost => Ok(backend),
            Reach::NotYet => Err(Error::unavailable(
                "What runs the virtual machines of this virtual datacenter has not been reached yet. Try again \
                 when it is available.",
            )),
        }
    }

    /// The one road of every slow write: the change that `tx` holds and the task that carries it out
    /// become visible together; the task is started on at once, and returned finished if it is quick.
    async fn run(&self, caller: &Caller, mut tx: Tx, new: NewTask) -> Result<Task> {
        // What is all in `tx` is over with it, and needs no worker.
        let over = new.steps.iter().all(|step| matches!(step, Step::Done));
        let task = Task {
            id: self.id(),
            org: new.org,
            user: caller.user,
            user_name: caller.user_name.clone(),
            owner: new.owner,
            owner_name: new.owner_name,
            operation_name: new.operation_name.to_owned(),
            operation: new.operation,
            status: if over { TaskStatus::Success } else { TaskStatus::Queued },
            progress: if over { 100 } else { 0 },
            failure: None,
            cancel_requested: false,
            undoing: false,
            started: self.now(),
            ended: over.then(|| self.now()),
            request_id: caller.request_id.clone(),
            version: 0,
        };
        let steps: Vec<TaskStep> = (0..)
            .zip(new.steps)
            .map(|(seq, step)| TaskStep { seq, step, done: (seq as usize) < new.done })
            .collect();
        // Busy is busy, also for what is done at once.
        tx.insert_task(&task, &steps, &new.locks).await?;
        if over {
            tx.release_task(task.id, true).await?;
        }
        self.audit(
            caller,
            &mut tx,
            &task.operation_name,
            (task.owner, &task.owner_name),
            if over { Outcome::Success } else { Outcome::Accepted },
        )
        .await?;
        tx.commit().await?;
        if over {
            return Ok(task);
        }
        self.inner.engine.run_soon(task.id, self.inner.grace).await;
        self.glance().await?.require(task.id).await
    }

    /// Notes in the audit log what a caller did.
    async fn audit(
        &self,
        caller: &Caller,
        tx: &mut Tx,
        operation: &str,
        (entity, name): (crate::id::Urn, &str),
        outcome: Outcome,
    ) -> Result<()> {
        let event = Event {
            id: self.id(),
            at: self.now(),
            org: caller.org,
            user: Some(caller.user),
            operation: operation.to_owned(),
            entity,
            entity_name: name.to_owned(),
            outcome,
            request_id: caller.request_id.clone(),
            version: 0,
        };
        tx.insert(&event).await
    }
}

/// The row, which must be there: another refers to it.
fn referred<K: Entity>(row: Option<K>, id: Id<K>) -> Result<K> {
    let missing = || format!("{} {id} is referred to but does not exist", K::KIND.label());
    row.ok_or_else(|| Error::internal(missing()))
}

/// The object, or the answer for what is not there.
fn found<K: Entity>(row: Option<K>, id: Id<K>) -> Result<K> {
    row.ok_or_else(|| Error::no_access(id))
}

/// Refuses a change that was made from another version than the stored one.
///
/// # Errors
/// `Conflict`.
fn check_version(stored: i64, known: Option<i64>) -> Result<()> {
    if known.is_none_or(|known| known == stored) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, "The object was changed in the meantime."))
}

/// Checks a name as VCD does: 1 to 128 characters, none of them a control character.
///
/// # Errors
/// `BadRequest`.
fn check_name(name: &str) -> Result<()> {
    let length = name.chars().count();
    if length == 0 || length > 128 || name.trim() != name || name.chars().any(char::is_control) {
        return Err(Error::bad_request(
            "A name has 1 to 128 characters, no control characters and no space at either end.",
        ));
    }
    Ok(())
}
