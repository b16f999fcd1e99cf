//! [`TenancyStore`]: everything that SSVirt itself must remember.
//!
//! # Adding a store
//! 1. Implement [`Table`] for every stored type, then [`GatherStore`], [`SessionStore`], [`TaskStore`],
//!    [`MetadataStore`], [`UsageStore`] and [`QueryStore`], all on your unit of work; [`UnitOfWork`] bundles them.
//! 2. Implement [`TenancyStore`]: it opens units of work.
//! 3. Hold it against `ssvirt_conformance::suite::store`.
//!
//! All changes of one unit of work become visible together at [`UnitOfWork::commit`], or never. Dropping
//! it undoes them.

pub mod gather;
mod table;

use std::net::Ipv4Addr;

use async_trait::async_trait;
use jiff::Timestamp;

pub use gather::GatherStore;
pub use table::{By, Table};

use crate::{
    error::Result,
    id::{Id, Urn},
    model::{
        Catalog, CatalogItem, ComputePolicy, Event, MetadataDomain, MetadataEntry, Network, Org,
        ProviderVdc, Role, Session, StorageProfile, Task, TaskStep, Template, User, VApp, Vdc, Vm,
    },
    page::Page,
    query::{Query, Row, Scope},
};

/// Opens units of work.
#[async_trait]
pub trait TenancyStore: Send + Sync + 'static {
    /// What it is called in health reports, such as `sqlite`.
    fn name(&self) -> &'static str;

    /// A unit of work that may change things. Writers may have to wait for each other.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be reached or stays busy.
    async fn begin(&self) -> Result<Tx>;

    /// A unit of work that only reads and sees one state throughout; it never waits for a writer.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be reached.
    async fn read(&self) -> Result<Tx>;

    /// A unit of work that only reads and is no transaction: each call sees the state of its own moment. The
    /// cheapest way to read what one call answers.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be reached.
    async fn glance(&self) -> Result<Tx>;

    /// Asks the database whether it answers.
    ///
    /// # Errors
    /// `Unavailable` when it does not.
    async fn health(&self) -> Result<()>;
}

/// A unit of work.
pub type Tx = Box<dyn UnitOfWork>;

/// All that can be done in a unit of work.
#[async_trait]
pub trait UnitOfWork:
    Table<Org>
    + Table<User>
    + Table<Role>
    + Table<Session>
    + Table<ProviderVdc>
    + Table<Vdc>
    + Table<StorageProfile>
    + Table<ComputePolicy>
    + Table<Network>
    + Table<Catalog>
    + Table<CatalogItem>
    + Table<Template>
    + Table<VApp>
    + Table<Vm>
    + Table<Task>
    + Table<Event>
    + GatherStore
    + SessionStore
    + TaskStore
    + MetadataStore
    + UsageStore
    + QueryStore
    + Send
{
    /// Makes all changes visible and lasting.
    ///
    /// # Errors
    /// `Unavailable`; then nothing was changed.
    async fn commit(self: Box<Self>) -> Result<()>;
}

/// Who acts in a session: what every request depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionOwner {
    /// The session.
    pub session: Session,
    /// The user's name.
    pub user_name: String,
    /// Whether the user may act.
    pub user_enabled: bool,
    /// The name of the organization logged in to.
    pub org_name: String,
    /// Whether the organization's users may act.
    pub org_enabled: bool,
    /// The user's role.
    pub role: Id<Role>,
    /// Its name.
    pub role_name: String,
    /// Its version: what it allows is the same as long as this is.
    pub role_version: i64,
}

/// Sessions with who acts in them.
#[async_trait]
pub trait SessionStore: Send {
    /// The session, its user, organization and role, by one statement; none when one of them is gone.
    async fn session_owner(&mut self, session: Id<Session>) -> Result<Option<SessionOwner>>;
}

/// The tasks' steps, leases and locks. The task rows themselves are a [`Table`].
#[async_trait]
pub trait TaskStore: Send {
    /// Stores a task with its steps, and marks the objects in `locks` as being worked on by it.
    ///
    /// # Errors
    /// `Busy` when another task works on one of them; the message does not say which task.
    async fn insert_task(&mut self, task: &Task, steps: &[TaskStep], locks: &[Urn]) -> Result<()>;

    /// The steps in order.
    async fn task_steps(&mut self, task: Id<Task>) -> Result<Vec<TaskStep>>;

    /// Remembers that a step is done, or undone.
    async fn mark_step(&mut self, task: Id<Task>, seq: i32, done: bool) -> Result<()>;

    /// Takes an unfinished task that nobody holds a valid lease of, the oldest first, or just `only`;
    /// the lease is `worker`'s until `until`.
    async fn claim_task(
        &mut self,
        worker: &str,
        only: Option<Id<Task>>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Task>>;

    /// Extends `worker`'s lease; false when it has lost it.
    async fn renew_lease(&mut self, task: Id<Task>, worker: &str, until: Timestamp)
    -> Result<bool>;

    /// Gives up the lease, and if the task is over (`finished`) its locks and steps too.
    async fn release_task(&mut self, task: Id<Task>, finished: bool) -> Result<()>;

    /// Puts a task back into the queue, for nobody to take before `until` unless what it waits for comes earlier.
    async fn postpone_task(
        &mut self,
        task: Id<Task>,
        waits_for: &str,
        until: Timestamp,
    ) -> Result<()>;

    /// What tasks wait for is there: they may be taken. How many there are.
    async fn wake_tasks(&mut self, waited_for: &str) -> Result<u64>;

    /// The unfinished tasks that have locked one of these objects, each with the object.
    async fn open_tasks(&mut self, entities: &[Urn]) -> Result<Vec<(Urn, Task)>>;

    /// The newest tasks of an organization, or only those that `owner` started, at most `limit`.
    async fn recent_tasks(
        &mut self,
        org: Option<Id<Org>>,
        owner: Option<Id<User>>,
        limit: u32,
    ) -> Result<Vec<Task>>;
}

/// Metadata of any object.
#[async_trait]
pub trait MetadataStore: Send {
    /// All entries, by domain and key.
    async fn metadata(&mut self, entity: Urn) -> Result<Vec<MetadataEntry>>;

    /// Adds or replaces an entry.
    async fn put_metadata(&mut self, entity: Urn, entry: &MetadataEntry) -> Result<()>;

    /// Removes an entry; false when there was none.
    async fn delete_metadata(
        &mut self,
        entity: Urn,
        domain: MetadataDomain,
        key: &str,
    ) -> Result<bool>;

    /// Removes all entries of an object that is being deleted.
    async fn clear_metadata(&mut self, entity: Urn) -> Result<()>;
}

/// What is in use of a VDC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VdcUsage {
    /// vApps.
    pub vapps: i64,
    /// VMs.
    pub vms: i64,
    /// VMs that run.
    pub running_vms: i64,
    /// vCPUs of deployed VMs.
    pub cpus: i64,
    /// Memory of deployed VMs in MiB.
    pub memory_mib: i64,
    /// Disks of all VMs in MiB.
    pub storage_mib: i64,
    /// NICs of all VMs.
    pub nics: i64,
}

/// Sums that limits are checked against.
#[async_trait]
pub trait UsageStore: Send {
    /// Lets nobody else past this for the same VDC until the unit of work ends: what is checked against the
    /// VDC's limits, and addresses taken from its networks, must not be taken twice. Stores with one writer
    /// at a time need do nothing.
    async fn lock_vdc(&mut self, vdc: Id<Vdc>) -> Result<()>;

    /// What is in use of a VDC.
    async fn vdc_usage(&mut self, vdc: Id<Vdc>) -> Result<VdcUsage>;

    /// Disks on a storage profile in MiB, those of VMs that name none counted to their VM's profile.
    async fn storage_usage(&mut self, profile: Id<StorageProfile>) -> Result<i64>;

    /// Addresses of a network that NICs of any VM hold, one for each NIC.
    async fn used_addresses(&mut self, network: Id<Network>) -> Result<Vec<Ipv4Addr>>;
}

/// The query service.
#[async_trait]
pub trait QueryStore: Send {
    /// A page of the rows that `scope` lets through.
    ///
    /// # Errors
    /// `BadRequest` for an unknown field or a value that is not of its kind.
    async fn query(&mut self, scope: Scope, query: &Query) -> Result<Page<Row>>;
}
