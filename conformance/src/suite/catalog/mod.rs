//! What every [`CatalogSource`] must do: one public function a behaviour.
//!
//! ```
//! # use ssvirt_backends::memory::FixedCatalog;
//! # use ssvirt_conformance::suite;
//! # async fn test() {
//! // In a test of yours, #[tokio::test]:
//! suite::catalog::run(&FixedCatalog::new([])).await.assert_passed();
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test());
//! ```
//!
//! What a source offers is its own affair; it must only not change while the suite runs. That a source
//! which is down says so can be seen only of one that can be taken down: [`down_is_unavailable`].

use std::{collections::BTreeSet, panic::AssertUnwindSafe, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use ssvirt_core::{CatalogSource, ErrorKind, Result, catalog::SourceItem};
use tokio::time::timeout;

use super::backend::{Check, Outcome, Report, ensure};

const LIMIT: Duration = Duration::from_secs(10);

/// A behaviour.
#[derive(Clone, Copy)]
pub struct Behaviour {
    /// Its name.
    pub name: &'static str,
    /// Checks it.
    pub run: for<'a> fn(&'a dyn CatalogSource) -> BoxFuture<'a, Check>,
}

/// Every behaviour of a source that is up.
pub const ALL: &[Behaviour] = &[
    Behaviour { name: "items_are_stable", run: |source| Box::pin(items_are_stable(source)) },
    Behaviour { name: "ids_are_unique", run: |source| Box::pin(ids_are_unique(source)) },
    Behaviour { name: "names_are_there", run: |source| Box::pin(names_are_there(source)) },
    Behaviour { name: "vms_can_be_created", run: |source| Box::pin(vms_can_be_created(source)) },
    Behaviour {
        name: "an_item_is_as_listed",
        run: |source| Box::pin(an_item_is_as_listed(source)),
    },
    Behaviour {
        name: "reasons_and_metadata_are_texts",
        run: |source| Box::pin(reasons_and_metadata_are_texts(source)),
    },
    Behaviour {
        name: "properties_are_named_once",
        run: |source| Box::pin(properties_are_named_once(source)),
    },
    Behaviour {
        name: "an_unknown_item_is_none",
        run: |source| Box::pin(an_unknown_item_is_none(source)),
    },
];

/// Checks every behaviour of a source that is up.
pub async fn run(source: &dyn CatalogSource) -> Report {
    let mut report = Report { subject: source.name().to_owned(), results: Vec::new() };
    for behaviour in ALL {
        let outcome =
            match timeout(LIMIT, AssertUnwindSafe((behaviour.run)(source)).catch_unwind()).await {
                Ok(Ok(Ok(()))) => Outcome::Passed,
                Ok(Ok(Err(why))) => Outcome::Failed(why),
                Ok(Err(_)) => Outcome::Failed("panicked".to_owned()),
                Err(_) => Outcome::Failed(format!("took longer than {LIMIT:?}")),
            };
        report.results.push((behaviour.name, outcome));
    }
    report
}

fn answered<T>(what: &str, answer: Result<T>) -> Result<T, String> {
    answer.map_err(|error| format!("{what} failed: {:?}, {error}", error.kind()))
}

async fn items(source: &dyn CatalogSource) -> Result<Vec<SourceItem>, String> {
    answered("items", source.items().await)
}

/// Asking twice gives the same, ids included: rows are found again by them.
pub async fn items_are_stable(source: &dyn CatalogSource) -> Check {
    let by_id = |mut items: Vec<SourceItem>| {
        items.sort_by(|a, b| a.external_id.cmp(&b.external_id));
        items
    };
    let (first, second) = (by_id(items(source).await?), by_id(items(source).await?));
    ensure!(first == second, "the items differ from one call to the next");
    Ok(())
}

/// No two items have the same id, and none is empty.
pub async fn ids_are_unique(source: &dyn CatalogSource) -> Check {
    ensure!(!source.name().is_empty(), "the source has no name");
    let mut seen = BTreeSet::new();
    for item in items(source).await? {
        ensure!(!item.external_id.is_empty(), "item \"{}\" has no id", item.name);
        let id = item.external_id.clone();
        ensure!(seen.insert(item.external_id), "two items have the id \"{id}\"");
    }
    Ok(())
}

/// Items and their VMs have names; the VMs of an item have different ones, as in a vApp.
pub async fn names_are_there(source: &dyn CatalogSource) -> Check {
    for item in items(source).await? {
        ensure!(!item.name.trim().is_empty(), "item \"{}\" has no name", item.external_id);
        let mut seen = BTreeSet::new();
        for vm in item.vms {
            ensure!(!vm.name.trim().is_empty(), "a VM of item \"{}\" has no name", item.name);
            let name = vm.name.clone();
            ensure!(
                seen.insert(vm.name),
                "two VMs of item \"{}\" are called \"{name}\"",
                item.name
            );
        }
    }
    Ok(())
}

/// An item has VMs, with vCPUs and memory.
pub async fn vms_can_be_created(source: &dyn CatalogSource) -> Check {
    for item in items(source).await? {
        ensure!(!item.vms.is_empty(), "item \"{}\" has no VMs", item.name);
        for vm in &item.vms {
            let (cpus, memory) = (vm.spec.cpus, vm.spec.memory_mib);
            ensure!(cpus > 0 && memory > 0, "VM \"{}\" has {cpus} vCPUs and {memory} MiB", vm.name);
        }
    }
    Ok(())
}

/// What is said of an item to tenants is something: why it is not ready, and metadata, whose keys have at most 256
/// bytes.
pub async fn reasons_and_metadata_are_texts(source: &dyn CatalogSource) -> Check {
    for item in items(source).await? {
        let said = item.not_ready.as_ref().is_none_or(|why| !why.trim().is_empty());
        ensure!(said, "item \"{}\" is not ready without a reason", item.name);
        for key in item.metadata.keys() {
            ensure!(
                (1..=256).contains(&key.len()),
                "item \"{}\" has metadata with a key of {} bytes",
                item.name,
                key.len()
            );
        }
    }
    Ok(())
}

/// The properties of a VM have keys, each once: values are given by key.
pub async fn properties_are_named_once(source: &dyn CatalogSource) -> Check {
    for vm in items(source).await?.into_iter().flat_map(|item| item.vms) {
        let mut seen = BTreeSet::new();
        for property in vm.products.into_iter().flat_map(|product| product.properties) {
            ensure!(!property.key.is_empty(), "VM \"{}\" has a property without a key", vm.name);
            let key = property.key.clone();
            let is_new = seen.insert(property.key);
            ensure!(is_new, "VM \"{}\" has the property \"{key}\" twice", vm.name);
        }
    }
    Ok(())
}

/// An item by itself is as the list says.
pub async fn an_item_is_as_listed(source: &dyn CatalogSource) -> Check {
    for listed in items(source).await? {
        let single = answered("item", source.item(&listed.external_id).await)?;
        ensure!(single.is_some(), "item \"{}\" is listed but not there", listed.external_id);
        ensure!(
            single == Some(listed.clone()),
            "item \"{}\" differs from what is listed",
            listed.external_id
        );
    }
    Ok(())
}

/// An id that nothing has gives none, and no error.
pub async fn an_unknown_item_is_none(source: &dyn CatalogSource) -> Check {
    for unknown in ["no such item: 0b5f4a0e-7d2b-4f52-8a37-6f5ed3b7a1c9", ""] {
        let item = answered("item with an unknown id", source.item(unknown).await)?;
        ensure!(item.is_none(), "there is an item with the id \"{unknown}\"");
    }
    Ok(())
}

/// A source that is down answers `Unavailable` to everything; give one that was taken down.
pub async fn down_is_unavailable(source: &dyn CatalogSource) -> Check {
    for (what, failure) in
        [("items", source.items().await.err()), ("item", source.item("any").await.err())]
    {
        let kind = failure.map(|error| error.kind());
        ensure!(
            kind == Some(ErrorKind::Unavailable),
            "{what} of a source that is down answers {kind:?}"
        );
    }
    Ok(())
}
