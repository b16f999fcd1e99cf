//! The stores against their suite, and what only stores on a disk or a server can show.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use std::{path::PathBuf, time::Duration};

use futures_util::future::join_all;
use ssvirt_backends::sql::{self, SqlOptions, SqlStore};
use ssvirt_conformance::{postgres, suite};
use ssvirt_core::{ErrorKind, TenancyStore, model::ComputePolicy, store::By};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ssvirt-store-{name}-{}", std::process::id()));
        std::fs::remove_dir_all(&path).ok();
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn url(&self, file: &str) -> String {
        format!("sqlite://{}", self.0.join(file).display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn options() -> SqlOptions {
    SqlOptions { max_connections: Some(4), ..SqlOptions::default() }
}

async fn ready(url: &str) -> SqlStore {
    let store = sql::connect(url, options()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

fn policy(name: &str) -> ComputePolicy {
    use ssvirt_core::env::{RandomIds, new_id};
    ComputePolicy {
        id: new_id(&RandomIds),
        name: name.to_owned(),
        description: String::new(),
        cpus: None,
        memory_mib: None,
        provider: None,
        source: None,
        retired: false,
        version: 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_in_memory() {
    let make = || async { Box::new(SqlStore::memory().await.unwrap()) as Box<dyn TenancyStore> };
    suite::store::run(make).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_file() {
    let folder = Folder::new("suite");
    let count = std::cell::Cell::new(0);
    let make = || {
        count.set(count.get() + 1);
        let url = folder.url(&format!("{}.db", count.get()));
        async move { Box::new(ready(&url).await) as Box<dyn TenancyStore> }
    };
    suite::store::run(make).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql() {
    if postgres::fresh().await.is_none() {
        return;
    }
    let make = || async {
        Box::new(ready(&postgres::fresh().await.unwrap()).await) as Box<dyn TenancyStore>
    };
    suite::store::run(make).await.assert_passed();
}

/// Four replicas on one empty database: each ends with the schema, and a later start finds nothing to do.
async fn migrate_at_once(url: &str) {
    let starts = (0..4).map(|_| {
        let url = url.to_owned();
        tokio::spawn(async move { ready(&url).await })
    });
    let stores: Vec<_> = join_all(starts).await.into_iter().map(Result::unwrap).collect();
    stores[0].migrate().await.unwrap();
    for (index, store) in stores.iter().enumerate() {
        let mut tx = store.begin().await.unwrap();
        tx.insert(&policy(&format!("p{index}"))).await.unwrap();
        tx.commit().await.unwrap();
    }
    for store in &stores {
        assert_eq!(store.read().await.unwrap().count::<ComputePolicy>(&[]).await.unwrap(), 4);
        store.health().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_migrate_sqlite_at_once() {
    let folder = Folder::new("migrate");
    for round in 0..5 {
        migrate_at_once(&folder.url(&format!("{round}.db"))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_migrate_postgresql_at_once() {
    for _ in 0..3 {
        let Some(url) = postgres::fresh().await else { return };
        migrate_at_once(&url).await;
    }
}

/// What was committed is there for the next process; what was not is not.
#[tokio::test]
async fn a_sqlite_file_outlives_its_store() {
    let folder = Folder::new("reopen");
    let url = folder.url("a file with spaces.db").replace(' ', "%20");
    let store = ready(&url).await;
    let mut tx = store.begin().await.unwrap();
    tx.insert(&policy("kept")).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.insert(&policy("lost")).await.unwrap();
    // Neither closed nor rolled back, as after a kill.
    let again = sql::connect(&url, options()).await.unwrap();
    let rows = again.read().await.unwrap().select::<ComputePolicy>(&[]).await.unwrap();
    assert_eq!(rows.into_iter().map(|row| row.name).collect::<Vec<_>>(), ["kept"]);
    drop(tx);
}

/// Readers neither wait for a writer nor write themselves.
#[tokio::test]
async fn sqlite_readers_only_read() {
    let folder = Folder::new("readers");
    let store = ready(&folder.url("db")).await;
    let _writer = store.begin().await.unwrap();
    let mut reader =
        tokio::time::timeout(Duration::from_secs(1), store.read()).await.unwrap().unwrap();
    assert_eq!(reader.count::<ComputePolicy>(&[]).await.unwrap(), 0);
    reader.insert(&policy("no")).await.unwrap_err();
}

/// Writers that wait too long for another are told that the store is not available.
#[tokio::test]
async fn a_stuck_writer_makes_others_unavailable() {
    let folder = Folder::new("stuck");
    let short = SqlOptions { acquire_timeout: Duration::from_millis(200), ..options() };
    let url = folder.url("db");
    let store = sql::connect(&url, short.clone()).await.unwrap();
    store.migrate().await.unwrap();
    let other = sql::connect(&url, short).await.unwrap();
    let held = store.begin().await.unwrap();
    for store in [&store, &other] {
        let error = store.begin().await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.is_retriable());
    }
    drop(held);
    for store in [&store, &other] {
        drop(store.begin().await.unwrap());
    }
}

/// In memory there is one connection: a reader waits for the writer to end.
#[tokio::test(flavor = "multi_thread")]
async fn in_memory_readers_wait_for_writers() {
    let store = SqlStore::memory().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    let reader = tokio::spawn({
        let store = store.clone();
        async move {
            store
                .read()
                .await
                .unwrap()
                .count::<ComputePolicy>(&[By::Name("p".to_owned())])
                .await
                .unwrap()
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    tx.insert(&policy("p")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(reader.await.unwrap(), 1);
    // Two stores in memory are two databases.
    let other = SqlStore::memory().await.unwrap();
    assert_eq!(other.read().await.unwrap().count::<ComputePolicy>(&[]).await.unwrap(), 0);
}

#[tokio::test]
async fn wrong_urls_say_what_is_wrong() {
    for (url, kind) in [
        ("mysql://h/d", ErrorKind::BadRequest),
        ("", ErrorKind::BadRequest),
        ("postgres://[", ErrorKind::BadRequest),
        ("sqlite:///nowhere/at/all.db", ErrorKind::Unavailable),
    ] {
        let error = sql::connect(url, options()).await.err().unwrap();
        assert_eq!(error.kind(), kind, "{url}: {error:?}");
    }
}

/// Nobody listens: every call says so, soon.
#[tokio::test]
async fn a_missing_server_is_unavailable() {
    let short = SqlOptions { acquire_timeout: Duration::from_millis(300), ..options() };
    let store = sql::connect("postgres://u@127.0.0.1:1/d", short).await.unwrap();
    assert_eq!(store.health().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(store.begin().await.err().unwrap().kind(), ErrorKind::Unavailable);
    assert_eq!(store.migrate().await.unwrap_err().kind(), ErrorKind::Unavailable);
}

/// A server that throws its clients out: the unit of work fails as unavailable, the next one works.
#[tokio::test]
async fn postgresql_comes_back() {
    use sqlx::Connection as _;
    let Some(url) = postgres::fresh().await else { return };
    let store = ready(&url).await;
    // Connections that are kept for reading; several, so that the next one is broken as well.
    let glances = join_all((0..2).map(|_| store.glance())).await;
    for mut tx in glances.into_iter().map(Result::unwrap) {
        tx.count::<ComputePolicy>(&[]).await.unwrap();
    }
    let mut tx = store.begin().await.unwrap();
    tx.insert(&policy("lost")).await.unwrap();
    let mut admin = sqlx::PgConnection::connect(&url).await.unwrap();
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    let error = match tx.insert(&policy("more")).await {
        Ok(()) => tx.commit().await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    // What is read at a glance does not even notice.
    assert_eq!(store.glance().await.unwrap().count::<ComputePolicy>(&[]).await.unwrap(), 0);
    store.health().await.unwrap();
    assert_eq!(store.read().await.unwrap().count::<ComputePolicy>(&[]).await.unwrap(), 0);
}

/// At a glance is for reading: what would change something is refused, wherever there are such connections.
#[tokio::test]
async fn a_glance_changes_nothing() {
    let folder = Folder::new("glance");
    let mut stores = vec![ready(&folder.url("db")).await];
    if let Some(url) = postgres::fresh().await {
        stores.push(ready(&url).await);
    }
    for store in stores {
        let writer = store.begin().await.unwrap();
        let mut tx = store.glance().await.unwrap();
        assert_eq!(tx.insert(&policy("no")).await.unwrap_err().kind(), ErrorKind::Internal);
        assert_eq!(tx.count::<ComputePolicy>(&[]).await.unwrap(), 0);
        drop((tx, writer));
        store.close().await;
        assert_eq!(store.glance().await.err().unwrap().kind(), ErrorKind::Unavailable);
    }
}

/// A glance that is given up in the middle leaves nothing behind for the next.
#[tokio::test]
async fn a_glance_that_is_given_up() {
    let folder = Folder::new("given-up");
    let mut stores = vec![ready(&folder.url("db")).await];
    if let Some(url) = postgres::fresh().await {
        stores.push(ready(&url).await);
    }
    for store in stores {
        for _ in 0..50 {
            let mut tx = store.glance().await.unwrap();
            let mut read = Box::pin(tx.select::<ComputePolicy>(&[]));
            // Begun, not ended.
            let _ = futures_util::poll!(&mut read);
            drop(read);
            drop(tx);
            let mut tx = store.glance().await.unwrap();
            assert_eq!(tx.count::<ComputePolicy>(&[]).await.unwrap(), 0);
        }
    }
}

/// Every statement is seen by an observer, and nothing else is.
#[tokio::test]
async fn statements_are_observed() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = seen.clone();
    let store = SqlStore::memory().await.unwrap();
    let store = store.observed(move |sql: &str| log.lock().unwrap().push(sql.to_owned()));
    let mut tx = store.begin().await.unwrap();
    tx.insert(&policy("a secret")).await.unwrap();
    tx.commit().await.unwrap();
    store.glance().await.unwrap().count::<ComputePolicy>(&[]).await.unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen[0].starts_with("INSERT INTO compute_policies"), "{seen:?}");
    assert!(seen[1].starts_with("SELECT COUNT"), "{seen:?}");
    assert!(seen.len() == 2 && !seen.concat().contains("a secret"), "{seen:?}");
}
