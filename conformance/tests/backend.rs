//! The simulator and the decorators pass `suite::backend`; backends that are broken on purpose do not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

#[path = "backend/broken_consoles.rs"]
mod broken_consoles;
#[path = "backend/broken_life.rs"]
mod broken_life;
#[path = "backend/broken_snapshots.rs"]
mod broken_snapshots;
#[path = "backend/broken_states.rs"]
mod broken_states;
#[path = "backend/others.rs"]
mod others;
#[path = "backend/twist.rs"]
mod twist;

use std::{sync::Arc, time::Duration};

use ssvirt_backends::{
    decorate::{Decorated, Fault, Faulty, Hook, KillAt, Recording, Slow},
    memory::{FixedCatalog, Simulator},
};
use ssvirt_conformance::suite::{
    self,
    backend::{Options, Outcome, run, run_with},
};
use ssvirt_core::{
    CatalogSource, VmBackend,
    backend::Capabilities,
    catalog::{SourceItem, SourceVm},
    env::SystemClock,
    model::{Product, Property},
};

fn simulator() -> Simulator {
    Simulator::builder(Arc::new(SystemClock)).build()
}

fn decorated(hook: Arc<dyn Hook>) -> Arc<dyn VmBackend> {
    Decorated::backend(Arc::new(simulator()), hook)
}

#[tokio::test]
async fn the_simulator_passes() {
    let report = run(|| async { Arc::new(simulator()) as Arc<dyn VmBackend> }).await;
    report.assert_passed();
    assert_eq!(report.subject, "simulator");
    assert_eq!(report.passed(), suite::backend::ALL.len(), "the simulator claims everything");
}

#[tokio::test]
async fn the_simulator_passes_with_its_world_in_a_file() {
    // The suite's second backend finds the world of the first there, as after a kill.
    let folder = std::env::temp_dir().join(format!("ssvirt-suite-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("world.json");
    let make = || async {
        Arc::new(Simulator::builder(Arc::new(SystemClock)).world_file(&file).build()) as _
    };
    run(make).await.assert_passed();
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_simulator_that_takes_its_time_passes() {
    let second = Duration::from_millis(200);
    let make =
        || async { Arc::new(Simulator::builder(Arc::new(SystemClock)).delay(second).build()) as _ };
    run(make).await.assert_passed();
}

#[tokio::test(start_paused = true)]
async fn decorators_pass() {
    type New = fn() -> Arc<dyn Hook>;
    let hooks: [(&str, New); 4] = [
        ("slow", || Arc::new(Slow::new(Duration::from_millis(50)))),
        ("recording", || Arc::new(Recording::new())),
        ("faulty without faults", || Arc::new(Faulty::default())),
        ("kill that only counts", || Arc::new(KillAt::never())),
    ];
    for (name, hook) in hooks {
        println!("{name}");
        run(|| async { decorated(hook()) }).await.assert_passed();
    }
}

#[tokio::test(start_paused = true)]
async fn decorators_pass_on_top_of_each_other() {
    let make = || async {
        let slow = decorated(Arc::new(Slow::new(Duration::from_millis(10))));
        Decorated::backend(
            Decorated::backend(slow, Arc::new(Faulty::default())),
            Arc::new(Recording::new()),
        )
    };
    run(make).await.assert_passed();
}

#[tokio::test]
async fn a_backend_with_faults_does_not_pass() {
    let make = || async { decorated(Arc::new(Faulty::new([Fault::on("delete_vm").nth(2)]))) };
    let report = run(make).await;
    assert!(report.failures().iter().any(|(name, _)| *name == "delete::is_idempotent"), "{report}");
}

#[tokio::test]
async fn what_is_not_claimed_is_said() {
    let make =
        || async { Arc::new(twist::Broken(others::Modest(simulator()))) as Arc<dyn VmBackend> };
    let report = run(make).await;
    report.assert_passed();
    let unclaimed = report
        .results
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::NotClaimed(_)))
        .count();
    assert_eq!(
        unclaimed,
        suite::backend::ALL.iter().filter(|b| !b.needs.met(Capabilities::default())).count()
    );
    assert!(
        report.to_string().contains("not claimed  power::suspend_and_resume: suspend"),
        "{report}"
    );
}

#[tokio::test]
async fn one_behaviour_can_be_picked() {
    let options = Options { only: Some("delete::".to_owned()), ..Options::default() };
    let report = run_with(|| async { Arc::new(simulator()) as _ }, &options).await;
    report.assert_passed();
    assert_eq!(report.results.len(), 5);
}

fn item(id: &str, name: &str) -> SourceItem {
    let vm = SourceVm { name: "vm".to_owned(), ..SourceVm::default() };
    SourceItem {
        external_id: id.to_owned(),
        name: name.to_owned(),
        vms: vec![vm],
        ..SourceItem::default()
    }
}

#[tokio::test]
async fn the_fixed_catalog_passes() {
    let catalog = FixedCatalog::new([item("a", "ubuntu-24.04"), item("b", "debian-13")]);
    suite::catalog::run(&catalog).await.assert_passed();
    catalog.set_down(true);
    assert_eq!(suite::catalog::down_is_unavailable(&catalog).await, Ok(()));
    assert_eq!(
        suite::catalog::run(&catalog).await.passed(),
        0,
        "nothing can be said of a source that is down"
    );
    catalog.set_down(false);
    assert!(suite::catalog::down_is_unavailable(&catalog).await.is_err());
    let decorated = Decorated::source(Arc::new(catalog), Arc::new(Recording::new()));
    suite::catalog::run(&*decorated).await.assert_passed();
}

#[tokio::test]
async fn broken_catalogs_do_not_pass() {
    async fn fails(source: &dyn CatalogSource, behaviour: &str) {
        let report = suite::catalog::run(source).await;
        assert!(
            report.failures().iter().any(|(name, _)| *name == behaviour),
            "{behaviour}\n{report}"
        );
    }
    fails(&FixedCatalog::new([item("a", "one"), item("a", "two")]), "ids_are_unique").await;
    fails(&FixedCatalog::new([item("", "one")]), "ids_are_unique").await;
    fails(&FixedCatalog::new([item("a", " ")]), "names_are_there").await;
    fails(
        &FixedCatalog::new([SourceItem { vms: Vec::new(), ..item("a", "one") }]),
        "vms_can_be_created",
    )
    .await;
    let silent = SourceItem { not_ready: Some(" ".to_owned()), ..item("a", "one") };
    fails(&FixedCatalog::new([silent]), "reasons_and_metadata_are_texts").await;
    let keyless = SourceItem { metadata: [Default::default()].into(), ..item("a", "one") };
    fails(&FixedCatalog::new([keyless]), "reasons_and_metadata_are_texts").await;
    let mut twice = item("a", "one");
    let property = Property { key: "key".to_owned(), ..Property::default() };
    let properties = vec![property.clone(), property];
    twice.vms[0].products.push(Product { properties, ..Product::default() });
    fails(&FixedCatalog::new([twice]), "properties_are_named_once").await;
    fails(&others::Catalog(others::CatalogFault::Restless), "items_are_stable").await;
    fails(&others::Catalog(others::CatalogFault::Forgetful), "an_item_is_as_listed").await;
    fails(&others::Catalog(others::CatalogFault::Generous), "an_unknown_item_is_none").await;
}
