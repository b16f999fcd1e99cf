//! A decorated store and the mock, on a store that has nothing in it.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use jiff::Timestamp;
use ssvirt_core::{
    ErrorKind, Id, Result, TenancyStore,
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
use uuid::Uuid;

use super::{Decorated, Fault, Faulty, KillAt, Recording, Side};
use crate::mock::MockStore;

/// Finds nothing, and counts commits.
#[derive(Clone, Default)]
struct Empty(Arc<AtomicU64>);

#[async_trait]
impl TenancyStore for Empty {
    fn name(&self) -> &'static str {
        "empty"
    }

    async fn begin(&self) -> Result<Tx> {
        Ok(Box::new(self.clone()))
    }

    async fn read(&self) -> Result<Tx> {
        Ok(Box::new(self.clone()))
    }

    async fn glance(&self) -> Result<Tx> {
        Ok(Box::new(self.clone()))
    }

    async fn health(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl UnitOfWork for Empty {
    async fn commit(self: Box<Self>) -> Result<()> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

macro_rules! empty {
    ($trait:path { $(fn $method:ident($($type:ty),*) -> $answer:ty = $value:expr;)* }) => {
        #[async_trait]
        impl $trait for Empty {
            $(async fn $method(&mut self, $(_: $type),*) -> Result<$answer> {
                Ok($value)
            })*
        }
    };
}

macro_rules! empty_tables {
    ($($row:ident)*) => {
        $(empty!(Table<$row> {
            fn get_row(Id<$row>) -> Option<$row> = None;
            fn select_rows(&[By]) -> Vec<$row> = Vec::new();
            fn count_rows(&[By]) -> i64 = 0;
            fn insert_row(&$row) -> () = ();
            fn update_row(&mut $row) -> () = ();
            fn delete_row(Id<$row>) -> bool = false;
            fn delete_rows(&[By]) -> u64 = 0;
        });)*
    };
}

empty_tables! {
    Org User Role Session ProviderVdc Vdc StorageProfile ComputePolicy Network Catalog CatalogItem Template VApp Vm
    Task Event
}

empty!(GatherStore {
    fn gather_parts(&[Part]) -> Vec<Found> = Vec::new();
});

empty!(SessionStore {
    fn session_owner(Id<Session>) -> Option<SessionOwner> = None;
});

empty!(TaskStore {
    fn insert_task(&Task, &[TaskStep], &[Urn]) -> () = ();
    fn task_steps(Id<Task>) -> Vec<TaskStep> = Vec::new();
    fn mark_step(Id<Task>, i32, bool) -> () = ();
    fn claim_task(&str, Option<Id<Task>>, Timestamp, Timestamp) -> Option<Task> = None;
    fn renew_lease(Id<Task>, &str, Timestamp) -> bool = false;
    fn release_task(Id<Task>, bool) -> () = ();
    fn postpone_task(Id<Task>, &str, Timestamp) -> () = ();
    fn wake_tasks(&str) -> u64 = 0;
    fn open_tasks(&[Urn]) -> Vec<(Urn, Task)> = Vec::new();
    fn recent_tasks(Option<Id<Org>>, Option<Id<User>>, u32) -> Vec<Task> = Vec::new();
});

empty!(MetadataStore {
    fn metadata(Urn) -> Vec<MetadataEntry> = Vec::new();
    fn put_metadata(Urn, &MetadataEntry) -> () = ();
    fn delete_metadata(Urn, MetadataDomain, &str) -> bool = false;
    fn clear_metadata(Urn) -> () = ();
});

empty!(UsageStore {
    fn lock_vdc(Id<Vdc>) -> () = ();
    fn vdc_usage(Id<Vdc>) -> VdcUsage = VdcUsage::default();
    fn storage_usage(Id<StorageProfile>) -> i64 = 0;
    fn used_addresses(Id<Network>) -> Vec<Ipv4Addr> = Vec::new();
});

#[async_trait]
impl QueryStore for Empty {
    async fn query(&mut self, _: Scope, _: &Query) -> Result<Page<Row>> {
        Err(ssvirt_core::Error::bad_request("nothing can be asked"))
    }
}

/// Looks for a VM, marks a step, commits.
async fn flow(store: &dyn TenancyStore) -> Result<()> {
    let mut tx = store.begin().await?;
    assert_eq!(tx.get::<Vm>(Id::new(Uuid::from_u128(1))).await?, None);
    assert_eq!(tx.select::<VApp>(&[By::Name("x".to_owned())]).await?, []);
    tx.mark_step(Id::new(Uuid::from_u128(2)), 3, true).await?;
    tx.commit().await
}

#[tokio::test]
async fn every_call_of_a_unit_of_work_is_seen() {
    let (empty, recording) = (Empty::default(), Arc::new(Recording::new()));
    let counting = Arc::new(KillAt::new(u64::MAX, Side::After).changes_only());
    let store = Decorated::store(Arc::new(empty.clone()), counting.clone());
    let store = Decorated::store(store, recording.clone());
    flow(&*store).await.unwrap();
    let id = |n| Uuid::from_u128(n).to_string();
    assert_eq!(
        recording.lines(),
        [
            "store begin() -> ok".to_owned(),
            format!("store get Vm({}) -> ok", id(1)),
            "store select VApp([Name(\"x\")]) -> ok".to_owned(),
            format!("store mark_step({} 3 true) -> ok", id(2)),
            "store commit() -> ok".to_owned(),
        ]
    );
    assert_eq!(counting.count(), 2, "mark_step and commit");
    assert_eq!((store.name(), empty.0.load(Ordering::SeqCst)), ("empty", 1));
}

#[tokio::test]
async fn a_commit_fails_before_or_after_it_took_effect() {
    for (rule, commits) in [(Fault::on("commit"), 0), (Fault::on("commit").lost_answer(), 1)] {
        let empty = Empty::default();
        let store = Decorated::store(Arc::new(empty.clone()), Arc::new(Faulty::new([rule])));
        assert!(flow(&*store).await.unwrap_err().is_retriable());
        assert_eq!(empty.0.load(Ordering::SeqCst), commits);
    }
}

#[tokio::test]
async fn the_mock_store_fails_as_it_is_told() {
    let mock = MockStore::over(Arc::new(Empty::default()));
    flow(&mock).await.unwrap();
    mock.fail("begin", 1, ErrorKind::Unavailable, "busy");
    mock.fail("get Vm", 1, ErrorKind::Conflict, "changed");
    assert_eq!(flow(&mock).await.unwrap_err().message(), "busy");
    assert_eq!(flow(&mock).await.unwrap_err().kind(), ErrorKind::Conflict);
    flow(&mock).await.unwrap();
    mock.go_away();
    assert!(
        mock.health().await.is_err() && mock.read().await.is_err() && mock.begin().await.is_err()
    );
    mock.come_back();
    mock.health().await.unwrap();
    assert_eq!(mock.calls().iter().filter(|recorded| recorded.failure.is_some()).count(), 5);
}
