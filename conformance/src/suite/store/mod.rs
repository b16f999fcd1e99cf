//! What every [`TenancyStore`] must do: one public function a behaviour.
//!
//! ```
//! # use ssvirt_backends::sql::SqlStore;
//! # use ssvirt_conformance::suite;
//! # use ssvirt_core::TenancyStore;
//! # async fn test() {
//! // In a test of yours, #[tokio::test]:
//! let make = || async { Box::new(SqlStore::memory().await.unwrap()) as Box<dyn TenancyStore> };
//! suite::store::run(make).await.assert_passed();
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test());
//! ```
//!
//! `make` gives a store that is ready and empty, a new one for each behaviour. Behaviours panic where
//! something is not as it must be.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "behaviours fail by panicking, so that what was wrong can be said by assert_eq!"
)]

pub mod filters;
pub mod query;
pub mod reads;
pub mod records;
mod scene;
pub mod sums;
pub mod tables;
pub mod tasks;

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use ssvirt_core::TenancyStore;
use tokio::time::timeout;

use super::backend::{Outcome, Report};

/// Longest time for one behaviour.
const LIMIT: Duration = Duration::from_secs(60);

/// A behaviour.
#[derive(Clone, Copy)]
pub struct Behaviour {
    /// Its name.
    pub name: &'static str,
    /// Checks it with a store that is ready and empty; panics where it is not met.
    pub run: for<'a> fn(&'a dyn TenancyStore) -> BoxFuture<'a, ()>,
}

macro_rules! behaviours {
    ($($module:ident::$name:ident,)*) => {
        /// Every behaviour.
        pub const ALL: &[Behaviour] = &[
            $(Behaviour { name: stringify!($name), run: |store| Box::pin($module::$name(store)) },)*
        ];
    };
}

behaviours! {
    tables::health_is_answered,
    tables::every_type_is_stored,
    tables::an_old_version_conflicts,
    tables::a_missing_row_conflicts,
    tables::an_id_is_taken_once,
    tables::names_are_unique,
    tables::freed_names_are_free,
    tables::renaming_to_a_taken_name,
    tables::lookups,
    tables::lookups_of_fields_that_are_not_there,
    tables::children_follow_their_parent,
    tables::dropping_undoes,
    tables::changes_appear_together,
    tables::odd_text_survives,
    tables::readers_see_one_state,
    reads::reading_at_a_glance,
    reads::sessions_have_owners,
    reads::gathered_rows_are_selected_rows,
    reads::what_an_object_refers_to,
    reads::gathered_tasks_and_sums,
    tasks::a_task_has_steps,
    tasks::objects_are_locked_once,
    tasks::tasks_wait_for_something,
    tasks::locks_go_with_the_task,
    tasks::a_busy_task_leaves_nothing,
    tasks::the_oldest_is_claimed,
    tasks::a_lease_keeps_others_away,
    tasks::a_lost_lease_cannot_be_renewed,
    tasks::a_release_gives_it_back,
    tasks::finished_tasks_are_not_claimed,
    tasks::each_task_is_claimed_once,
    tasks::a_claim_is_an_update,
    tasks::recent_tasks_newest_first,
    sums::metadata_is_kept_by_domain_and_key,
    sums::vdc_usage_counts,
    sums::storage_usage_by_profile,
    sums::addresses_in_use,
    records::every_record_type_answers,
    records::values_of_a_vm,
    records::values_of_a_vapp,
    records::values_of_a_vdc,
    records::values_of_other_records,
    records::status_of_vapps,
    records::old_clients_see_old_statuses,
    records::busy_objects,
    query::tenants_see_their_own,
    query::published_catalogs_are_seen,
    query::published_catalogs_have_readers,
    query::roles_of_a_tenant,
    query::owners_see_their_own,
    query::pages_and_totals,
    query::sorting,
    query::only_wanted_fields,
    query::references_in_any_form,
    query::statuses_by_name,
    query::times,
    query::wildcards,
    query::metadata_in_filters,
    query::nonsense_is_refused,
    filters::filters_mean_what_they_say,
}

/// Checks every behaviour, each with a store of its own.
pub async fn run<F>(make: impl Fn() -> F) -> Report
where
    F: Future<Output = Box<dyn TenancyStore>>,
{
    let mut report = Report { subject: String::new(), results: Vec::new() };
    for behaviour in ALL {
        let store = make().await;
        report.subject = store.name().to_owned();
        let check = AssertUnwindSafe((behaviour.run)(store.as_ref())).catch_unwind();
        let outcome = match timeout(LIMIT, check).await {
            Ok(Ok(())) => Outcome::Passed,
            Ok(Err(panic)) => Outcome::Failed(text(&*panic)),
            Err(_) => Outcome::Failed(format!("took longer than {LIMIT:?}")),
        };
        report.results.push((behaviour.name, outcome));
    }
    report
}

/// What a panic says.
fn text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "panicked".to_owned())
}
