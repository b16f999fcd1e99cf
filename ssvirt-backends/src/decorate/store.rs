//! A decorated store: the hook sees its calls and all calls of its units of work.

use std::{net::Ipv4Addr, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use ssvirt_core::{
    Id, Result, TenancyStore,
    id::Urn,
    model::{
        Catalog, CatalogItem, ComputePolicy, Event, MetadataDomain, MetadataEntry, Network, Org,
        ProviderVdc, Role, Session, StorageProfile, Task, TaskStep, Template, User, VApp, Vdc, Vm,
    },
    page::Page,
    query::{Query, Row, Scope},
    store::{
        By, GatherStore, MetadataStore, QueryStore, SessionOwner, SessionStore, Table, TaskStore,
        Tx, UnitOfWork, UsageStore, VdcUsage,
        gather::{Found, Part},
    },
};

use super::{Call, Decorated, Hook, Target, around};

fn call(op: &'static str, args: impl Into<String>) -> Call {
    Call::new(Target::Store, op, args)
}

#[async_trait]
impl TenancyStore for Decorated<dyn TenancyStore> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn begin(&self) -> Result<Tx> {
        let tx = around(&*self.hook, call("begin", ""), self.inner.begin()).await?;
        Ok(Box::new(DecoratedTx { inner: tx, hook: self.hook.clone() }))
    }

    async fn read(&self) -> Result<Tx> {
        let tx = around(&*self.hook, call("read", ""), self.inner.read()).await?;
        Ok(Box::new(DecoratedTx { inner: tx, hook: self.hook.clone() }))
    }

    async fn glance(&self) -> Result<Tx> {
        let tx = around(&*self.hook, call("glance", ""), self.inner.glance()).await?;
        Ok(Box::new(DecoratedTx { inner: tx, hook: self.hook.clone() }))
    }

    async fn health(&self) -> Result<()> {
        around(&*self.hook, call("health", ""), self.inner.health()).await
    }
}

/// A unit of work with the store's hook round every call.
struct DecoratedTx {
    inner: Tx,
    hook: Arc<dyn Hook>,
}

/// The methods of a trait, each passed on by way of the hook: `op name(arguments) -> answer = summary;`.
macro_rules! passed_on {
    ($trait:ident { $(fn $method:ident($($arg:ident: $type:ty),*) -> $answer:ty = $summary:expr;)* }) => {
        #[async_trait]
        impl $trait for DecoratedTx {
            $(async fn $method(&mut self, $($arg: $type),*) -> Result<$answer> {
                let call = call(stringify!($method), $summary);
                around(&*self.hook, call, self.inner.$method($($arg),*)).await
            })*
        }
    };
}

macro_rules! tables {
    ($($row:ident)*) => {
        $(#[async_trait]
        impl Table<$row> for DecoratedTx {
            async fn get_row(&mut self, id: Id<$row>) -> Result<Option<$row>> {
                let call = call(concat!("get ", stringify!($row)), id.to_string());
                around(&*self.hook, call, Table::<$row>::get_row(&mut *self.inner, id)).await
            }

            async fn select_rows(&mut self, by: &[By]) -> Result<Vec<$row>> {
                let call = call(concat!("select ", stringify!($row)), format!("{by:?}"));
                around(&*self.hook, call, Table::<$row>::select_rows(&mut *self.inner, by)).await
            }

            async fn count_rows(&mut self, by: &[By]) -> Result<i64> {
                let call = call(concat!("count ", stringify!($row)), format!("{by:?}"));
                around(&*self.hook, call, Table::<$row>::count_rows(&mut *self.inner, by)).await
            }

            async fn insert_row(&mut self, row: &$row) -> Result<()> {
                let call = call(concat!("insert ", stringify!($row)), row.id.to_string());
                around(&*self.hook, call, Table::<$row>::insert_row(&mut *self.inner, row)).await
            }

            async fn update_row(&mut self, row: &mut $row) -> Result<()> {
                let call = call(concat!("update ", stringify!($row)), row.id.to_string());
                around(&*self.hook, call, Table::<$row>::update_row(&mut *self.inner, row)).await
            }

            async fn delete_row(&mut self, id: Id<$row>) -> Result<bool> {
                let call = call(concat!("delete ", stringify!($row)), id.to_string());
                around(&*self.hook, call, Table::<$row>::delete_row(&mut *self.inner, id)).await
            }

            async fn delete_rows(&mut self, by: &[By]) -> Result<u64> {
                let call = call(concat!("delete ", stringify!($row)), format!("{by:?}"));
                around(&*self.hook, call, Table::<$row>::delete_rows(&mut *self.inner, by)).await
            }
        })*
    };
}

tables! {
    Org User Role Session ProviderVdc Vdc StorageProfile ComputePolicy Network Catalog CatalogItem Template VApp Vm
    Task Event
}

passed_on!(GatherStore {
    fn gather_parts(parts: &[Part]) -> Vec<Found> = format!("{parts:?}");
});

passed_on!(SessionStore {
    fn session_owner(session: Id<Session>) -> Option<SessionOwner> = session.to_string();
});

passed_on!(TaskStore {
    fn insert_task(task: &Task, steps: &[TaskStep], locks: &[Urn]) -> () = task.id.to_string();
    fn task_steps(task: Id<Task>) -> Vec<TaskStep> = task.to_string();
    fn mark_step(task: Id<Task>, seq: i32, done: bool) -> () = format!("{task} {seq} {done}");
    fn claim_task(worker: &str, only: Option<Id<Task>>, now: Timestamp, until: Timestamp) -> Option<Task> =
        only.map_or_else(String::new, |task| task.to_string());
    fn renew_lease(task: Id<Task>, worker: &str, until: Timestamp) -> bool = task.to_string();
    fn release_task(task: Id<Task>, finished: bool) -> () = format!("{task} {finished}");
    fn postpone_task(task: Id<Task>, waits_for: &str, until: Timestamp) -> () = format!("{task} {waits_for}");
    fn wake_tasks(waited_for: &str) -> u64 = waited_for.to_owned();
    fn open_tasks(entities: &[Urn]) -> Vec<(Urn, Task)> = format!("{entities:?}");
    fn recent_tasks(org: Option<Id<Org>>, owner: Option<Id<User>>, limit: u32) -> Vec<Task> = limit.to_string();
});

passed_on!(MetadataStore {
    fn metadata(entity: Urn) -> Vec<MetadataEntry> = entity.to_string();
    fn put_metadata(entity: Urn, entry: &MetadataEntry) -> () = entity.to_string();
    fn delete_metadata(entity: Urn, domain: MetadataDomain, key: &str) -> bool = format!("{entity} {key}");
    fn clear_metadata(entity: Urn) -> () = entity.to_string();
});

passed_on!(UsageStore {
    fn lock_vdc(vdc: Id<Vdc>) -> () = vdc.to_string();
    fn vdc_usage(vdc: Id<Vdc>) -> VdcUsage = vdc.to_string();
    fn storage_usage(profile: Id<StorageProfile>) -> i64 = profile.to_string();
    fn used_addresses(network: Id<Network>) -> Vec<Ipv4Addr> = network.to_string();
});

passed_on!(QueryStore {
    fn query(scope: Scope, query: &Query) -> Page<Row> = format!("{:?}", query.record);
});

#[async_trait]
impl UnitOfWork for DecoratedTx {
    async fn commit(self: Box<Self>) -> Result<()> {
        // A commit that is refused before it is passed on drops the unit of work, which undoes it.
        let Self { inner, hook } = *self;
        around(&*hook, call("commit", ""), inner.commit()).await
    }
}
