//! What catalog sources offer becomes catalog rows, and stays when a source is down.

#![cfg(all(feature = "memory", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use std::sync::Arc;

use ssvirt_backends::{
    memory::{FixedCatalog, Simulator},
    sql::SqlStore,
};
use ssvirt_core::{
    Cloud,
    catalog::{SourceItem, SourceVm},
    env::SystemClock,
    model::{Catalog, CatalogItem, Org, ProviderVdc, VmSpec},
    service::{Caller, NewCatalog, NewStorageProfile, NewVApp, NewVdc},
};

fn item(id: &str, cpus: i32) -> SourceItem {
    let spec = VmSpec { cpus, ..VmSpec::default() };
    SourceItem {
        external_id: id.to_owned(),
        name: format!("template {id}"),
        vms: vec![SourceVm { name: "vm".to_owned(), spec, ..SourceVm::default() }],
        ..SourceItem::default()
    }
}

async fn start(source: Arc<FixedCatalog>) -> (Cloud, Caller, Catalog) {
    let store = Arc::new(SqlStore::memory().await.unwrap());
    let simulator = Simulator::builder(Arc::new(SystemClock)).build();
    let cloud = Cloud::builder(store)
        .backend(ProviderVdc::DEFAULT, Arc::new(simulator))
        .source(ProviderVdc::DEFAULT, source)
        .build();
    cloud.start().await.unwrap();
    let caller = Caller::system();
    let new = NewCatalog { name: "discovered".to_owned(), ..NewCatalog::default() };
    let catalog = cloud.create_catalog(&caller, Org::SYSTEM, new).await.unwrap();
    (cloud, caller, catalog)
}

async fn items(cloud: &Cloud, caller: &Caller, catalog: &Catalog) -> Vec<CatalogItem> {
    cloud.sync_catalogs(caller, catalog.id).await.unwrap();
    cloud.catalog(caller, catalog.id).await.unwrap().items
}

#[tokio::test]
async fn rows_follow_the_source_and_outlive_its_absence() {
    let source = Arc::new(FixedCatalog::new(vec![item("a", 1), item("b", 1)]));
    let (cloud, caller, catalog) = start(Arc::clone(&source)).await;

    let first = items(&cloud, &caller, &catalog).await;
    assert_eq!(first.len(), 2);
    assert_eq!(items(&cloud, &caller, &catalog).await, first, "a second run changes nothing");

    source.set_down(true);
    let stale = items(&cloud, &caller, &catalog).await;
    assert_eq!(stale.len(), 2, "a source that is down leaves its rows");
    assert!(stale.iter().all(|item| item.source.as_ref().unwrap().stale));
    let said = async |of: &CatalogItem| {
        let all = cloud.metadata(&caller, of.template.any()).await.unwrap();
        all.into_iter().any(|entry| entry.key == "stale" && entry.value.text == "true")
    };
    assert!(said(&stale[0]).await, "who looks at a template sees it");

    source.set_down(false);
    source.replace(vec![item("a", 4), item("c", 1)]);
    let back = items(&cloud, &caller, &catalog).await;
    assert_eq!(
        back.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(),
        ["template a", "template c"]
    );
    assert_eq!(back[0].id, first[0].id, "what is still offered keeps its id");
    assert!(!back[0].source.as_ref().unwrap().stale && !said(&back[0]).await);
    let (template, ..) = cloud.template(&caller, back[0].template).await.unwrap();
    assert_eq!(template.vms[0].spec.cpus, 4, "what changed in the source changes here");
}

#[tokio::test]
async fn what_a_source_offers_can_be_instantiated() {
    let (cloud, caller, catalog) = start(Arc::new(FixedCatalog::new(vec![item("a", 2)]))).await;
    let template = items(&cloud, &caller, &catalog).await[0].template;
    let new = NewVdc {
        name: "vdc".to_owned(),
        storage_profiles: vec![NewStorageProfile { name: "standard".to_owned(), limit_mib: 0 }],
        ..NewVdc::default()
    };
    let (vdc, _) = cloud.create_vdc(&caller, Org::SYSTEM, new).await.unwrap();
    let new = NewVApp { name: "copy".to_owned(), template: Some(template), ..NewVApp::default() };
    let (vapp, _) = cloud.create_vapp(&caller, vdc.id, new).await.unwrap();
    assert_eq!(cloud.vapp(&caller, vapp.id).await.unwrap().vms[0].vm.spec.cpus, 2);
}
