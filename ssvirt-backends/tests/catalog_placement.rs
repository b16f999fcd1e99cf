//! Where what catalog sources offer appears, and what is shown and asked of it.

#![cfg(all(feature = "memory", feature = "sqlite"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are not seen as tests")]

use std::{sync::Arc, time::Duration};

use ssvirt_backends::{
    decorate::{Decorated, Recording},
    memory::{FixedCatalog, Simulator},
    sql::SqlStore,
};
use ssvirt_core::{
    Cloud, ErrorKind, Id,
    catalog::{Placement, Shelf, SourceItem, SourceVm},
    env::SystemClock,
    model::{
        Catalog, CatalogItem, Org, Product, Property, ProviderVdc, Template, TemplateStatus, Vdc,
        Visibility,
    },
    query::{Query, RecordType, Subject, Value},
    rights::{RightSet, role, role_id},
    service::{
        Caller, NewCatalog, NewOrg, NewStorageProfile, NewVApp, NewVdc, NewVm, VmChange, VmSource,
    },
    store::By,
};

fn item(id: &str, name: &str) -> SourceItem {
    SourceItem {
        external_id: id.to_owned(),
        name: name.to_owned(),
        metadata: [("tags".to_owned(), format!("of {id}"))].into(),
        vms: vec![SourceVm { name: "vm".to_owned(), ..SourceVm::default() }],
        ..SourceItem::default()
    }
}

async fn start(source: &Arc<FixedCatalog>, placement: Placement) -> Cloud {
    let store = Arc::new(SqlStore::memory().await.unwrap());
    start_on(store, source, placement).await
}

async fn start_on(store: Arc<SqlStore>, source: &Arc<FixedCatalog>, placement: Placement) -> Cloud {
    let simulator = Simulator::builder(Arc::new(SystemClock)).build();
    let cloud = Cloud::builder(store)
        .backend(ProviderVdc::DEFAULT, Arc::new(simulator))
        .source(ProviderVdc::DEFAULT, Arc::clone(source) as _)
        .placement(placement)
        .build();
    cloud.start().await.unwrap();
    cloud
}

/// An administrator of a new organization.
async fn tenant(cloud: &Cloud, name: &str) -> Caller {
    user(cloud, name, role::ORGANIZATION_ADMINISTRATOR).await
}

/// A user of a new organization with this role.
async fn user(cloud: &Cloud, name: &str, role: &str) -> Caller {
    let new = NewOrg { name: name.to_owned(), full_name: name.to_owned(), ..NewOrg::default() };
    let org = cloud.create_org(&Caller::system(), new).await.unwrap();
    let mut tx = cloud.store().read().await.unwrap();
    let role = tx.require(role_id(role)).await.unwrap();
    Caller {
        org: org.id,
        org_name: org.name,
        role_name: role.name.clone(),
        rights: Arc::new(RightSet::of(&role)),
        ..Caller::system()
    }
}

async fn vdc(cloud: &Cloud, org: Id<Org>) -> Vdc {
    let new = NewVdc {
        name: "vdc".to_owned(),
        storage_profiles: vec![NewStorageProfile { name: "standard".to_owned(), limit_mib: 0 }],
        ..NewVdc::default()
    };
    cloud.create_vdc(&Caller::system(), org, new).await.unwrap().0
}

/// The names of the items that a caller is listed, with their catalogs.
async fn listed(cloud: &Cloud, caller: &Caller) -> Vec<(String, String)> {
    let record = RecordType { subject: Subject::CatalogItem, admin: false };
    let query = Query { fields: Some(vec!["catalogName", "name"]), ..Query::new(record) };
    let page = cloud.query(caller, query).await.unwrap();
    let text = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    };
    let mut rows: Vec<_> =
        page.items.iter().map(|row| (text(&row.values[0]), text(&row.values[1]))).collect();
    rows.sort();
    rows
}

async fn items(cloud: &Cloud) -> Vec<CatalogItem> {
    cloud.store().read().await.unwrap().select(&[]).await.unwrap()
}

async fn template(cloud: &Cloud, name: &str) -> Template {
    let by = [By::Name(name.to_owned())];
    cloud.store().read().await.unwrap().find(&by).await.unwrap().unwrap()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
}

#[tokio::test]
async fn by_default_one_catalog_is_shared_and_nobody_but_the_provider_changes_it() {
    let source = Arc::new(FixedCatalog::new([item("a", "fedora"), item("b", "debian")]));
    let cloud = start(&source, Placement::default()).await;
    let (one, other) = (tenant(&cloud, "one").await, user(&cloud, "other", role::VAPP_USER).await);
    cloud.sync_sources().await.unwrap();
    let expected = pairs(&[("discovered", "debian"), ("discovered", "fedora")]);
    for caller in [&one, &other, &Caller::system()] {
        assert_eq!(listed(&cloud, caller).await, expected);
    }
    let fedora = items(&cloud).await.into_iter().find(|item| item.name == "fedora").unwrap();
    let metadata = cloud.metadata(&one, fedora.template.any()).await.unwrap();
    assert_eq!(metadata.len(), 1);
    assert_eq!((metadata[0].key.as_str(), metadata[0].value.text.as_str()), ("tags", "of a"));
    assert_eq!(metadata[0].visibility, Visibility::ReadOnly);
    let refused = cloud.put_metadata(&one, fedora.template.any(), metadata).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Forbidden);
    let refused =
        cloud.delete_catalog(&one, fedora.catalog, ssvirt_core::service::Removal::default());
    assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::Forbidden);

    let new =
        NewVApp { name: "x".to_owned(), template: Some(fedora.template), ..NewVApp::default() };
    let vdc = vdc(&cloud, other.org).await;
    cloud.create_vapp(&other, vdc.id, new).await.unwrap();

    // What another organization publishes takes a right of its own.
    let new = NewCatalog { name: "theirs".to_owned(), published: true, ..NewCatalog::default() };
    let published = cloud.create_catalog(&Caller::system(), Org::SYSTEM, new).await.unwrap();
    cloud.catalog(&one, published.id).await.unwrap();
    let refused = cloud.catalog(&other, published.id).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Forbidden);
}

#[tokio::test]
async fn what_has_not_changed_is_not_written_and_what_has_raises_the_revision() {
    let source = Arc::new(FixedCatalog::new([item("a", "fedora"), item("b", "debian")]));
    let cloud = start(&source, Placement::default()).await;
    cloud.sync_sources().await.unwrap();
    let catalog = async || -> Catalog {
        let id = items(&cloud).await[0].catalog;
        cloud.store().read().await.unwrap().require(id).await.unwrap()
    };
    let (before, rows) = (catalog().await, items(&cloud).await);
    cloud.sync_sources().await.unwrap();
    assert_eq!((catalog().await, items(&cloud).await), (before.clone(), rows));

    // They swap their names, and one says something else of itself.
    let more =
        SourceItem { metadata: [("os".to_owned(), "x".to_owned())].into(), ..item("b", "fedora") };
    source.replace([item("a", "debian"), more]);
    cloud.sync_sources().await.unwrap();
    assert_eq!(catalog().await.revision, before.revision + 1);
    let rows = items(&cloud).await;
    let named = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
    assert_eq!(named("debian").source.as_ref().unwrap().external_id, "a");
    let metadata = cloud.metadata(&Caller::system(), named("fedora").id.any()).await.unwrap();
    assert_eq!(metadata.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["os"]);
}

#[tokio::test]
async fn only_organizations_that_are_named_see_it() {
    let source = Arc::new(FixedCatalog::new([item("a", "fedora")]));
    let allowed =
        Placement { organizations: Some(["one".to_owned()].into()), ..Placement::default() };
    let cloud = start(&source, allowed).await;
    let (one, other) = (tenant(&cloud, "one").await, tenant(&cloud, "other").await);
    cloud.sync_sources().await.unwrap();
    let item = items(&cloud).await.remove(0);
    assert_eq!(listed(&cloud, &one).await, pairs(&[("discovered", "fedora")]));
    assert_eq!(listed(&cloud, &other).await, []);
    cloud.template(&one, item.template).await.unwrap();
    for refused in [
        cloud.template(&other, item.template).await.unwrap_err(),
        cloud.catalog(&other, item.catalog).await.unwrap_err(),
        cloud.metadata(&other, item.id.any()).await.unwrap_err(),
    ] {
        assert_eq!(refused.kind(), ErrorKind::Forbidden);
    }
}

#[tokio::test]
async fn or_every_catalog_has_them_beside_its_own_items() {
    let source = Arc::new(FixedCatalog::new([item("a", "fedora"), item("b", "fedora")]));
    let store = Arc::new(SqlStore::memory().await.unwrap());
    let shared = start_on(Arc::clone(&store), &source, Placement::default()).await;
    let (one, other) = (tenant(&shared, "one").await, tenant(&shared, "other").await);
    shared.sync_sources().await.unwrap();
    for caller in [&one, &other] {
        let new = NewCatalog { name: format!("of {}", caller.org_name), ..NewCatalog::default() };
        shared.create_catalog(caller, caller.org, new).await.unwrap();
    }
    shared.stop().await;

    let placement =
        Placement { shelf: Shelf::EveryCatalog, organizations: Some(["one".to_owned()].into()) };
    let cloud = start_on(store, &source, placement).await;
    cloud.sync_sources().await.unwrap();
    let rows = listed(&cloud, &one).await;
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(rows[0], ("of one".to_owned(), "fedora".to_owned()));
    assert!(rows[1].1.starts_with("fedora ("), "{rows:?}");
    assert_eq!(listed(&cloud, &other).await, []);
    // The one that was shared is gone.
    assert_eq!(listed(&cloud, &Caller::system()).await, rows);
}

#[tokio::test]
async fn what_is_not_ready_is_shown_and_refused_with_the_reason() {
    let waits = SourceItem {
        not_ready: Some("Its image is being imported.".to_owned()),
        ..item("a", "fedora")
    };
    let source = Arc::new(FixedCatalog::new([waits]));
    let cloud = start(&source, Placement::default()).await;
    let caller = tenant(&cloud, "one").await;
    let vdc = vdc(&cloud, caller.org).await;
    cloud.sync_sources().await.unwrap();
    let fedora = template(&cloud, "fedora").await;
    assert_eq!(fedora.status, TemplateStatus::Unresolved);
    let new = || NewVApp { name: "x".to_owned(), template: Some(fedora.id), ..NewVApp::default() };
    let refused = cloud.create_vapp(&caller, vdc.id, new()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidState);
    assert!(refused.message().ends_with("is not ready. Its image is being imported."), "{refused}");

    source.replace([item("a", "fedora")]);
    cloud.sync_sources().await.unwrap();
    cloud.create_vapp(&caller, vdc.id, new()).await.unwrap();
}

#[tokio::test]
async fn what_a_template_asks_for_must_be_given_before_anything_is_made() {
    let property = |key: &str, required, default: Option<&str>| Property {
        key: key.to_owned(),
        required,
        default: default.map(str::to_owned),
        user_configurable: true,
        ..Property::default()
    };
    let products = vec![Product {
        properties: vec![property("HOST", true, None), property("SIZE", true, Some("small"))],
        ..Product::default()
    }];
    let vms = vec![SourceVm { name: "vm".to_owned(), products, ..SourceVm::default() }];
    let source = Arc::new(FixedCatalog::new([SourceItem { vms, ..item("a", "fedora") }]));
    let cloud = start(&source, Placement::default()).await;
    let caller = tenant(&cloud, "one").await;
    let vdc = vdc(&cloud, caller.org).await;
    cloud.sync_sources().await.unwrap();
    let fedora = template(&cloud, "fedora").await;
    let new = || NewVApp { name: "x".to_owned(), template: Some(fedora.id), ..NewVApp::default() };
    let refused = cloud.create_vapp(&caller, vdc.id, new()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::BadRequest);
    assert!(refused.message().contains("\"HOST\""), "{refused}");
    let mut tx = cloud.store().read().await.unwrap();
    assert_eq!(tx.count::<ssvirt_core::model::VApp>(&[]).await.unwrap(), 0);
    assert_eq!(tx.count::<ssvirt_core::model::Task>(&[By::Org(caller.org)]).await.unwrap(), 1);
    drop(tx);

    // For the whole vApp, or for the VM.
    let given = |value: &str| {
        let host = Property { value: Some(value.to_owned()), ..property("HOST", false, None) };
        vec![Product { properties: vec![host], ..Product::default() }]
    };
    let (vapp, _) = cloud
        .create_vapp(&caller, vdc.id, NewVApp { products: given("all"), ..new() })
        .await
        .unwrap();
    let own = NewVm {
        name: None,
        description: None,
        source: VmSource::Template(fedora.vms[0].id),
        change: VmChange { products: Some(given("own")), ..VmChange::default() },
    };
    let both = NewVApp { name: "y".to_owned(), products: given("all"), vms: vec![own], ..new() };
    let (second, _) = cloud.create_vapp(&caller, vdc.id, both).await.unwrap();
    for (vapp, value) in [(vapp.id, "all"), (second.id, "own")] {
        let vm = cloud.vapp(&caller, vapp).await.unwrap().vms.remove(0).vm;
        let properties = &vm.products[0].properties;
        assert_eq!(properties[0].value.as_deref(), Some(value));
        assert_eq!(properties[1].default.as_deref(), Some("small"));
    }
}

#[tokio::test]
async fn readers_never_ask_the_source() {
    let many = (0..500).map(|n| item(&format!("{n:03}"), &format!("template {n:03}")));
    let recording = Arc::new(Recording::new());
    let source = Decorated::source(Arc::new(FixedCatalog::new(many)), Arc::clone(&recording) as _);
    let cloud = Cloud::builder(Arc::new(SqlStore::memory().await.unwrap()))
        .source(ProviderVdc::DEFAULT, source)
        .build();
    cloud.start().await.unwrap();
    cloud.sync_sources().await.unwrap();
    let asked = recording.calls().len();
    assert_eq!(asked, 2, "for its items and for its sizes");
    let caller = tenant(&cloud, "one").await;
    assert_eq!(listed(&cloud, &caller).await.len(), 25, "a page");
    let template = template(&cloud, "template 250").await;
    let (_, catalog, _) = cloud.template(&caller, template.id).await.unwrap();
    assert_eq!(cloud.catalog(&caller, catalog.id).await.unwrap().items.len(), 500);
    cloud.metadata(&caller, template.id.any()).await.unwrap();
    assert_eq!(recording.calls().len(), asked);
}

#[tokio::test]
async fn sources_are_copied_again_and_again_until_the_cloud_stops() {
    let source = Arc::new(FixedCatalog::new([item("a", "fedora")]));
    let cloud = start(&source, Placement::default()).await;
    cloud.start_syncing(Duration::from_millis(10));
    let names = async || items(&cloud).await.into_iter().map(|item| item.name).collect::<Vec<_>>();
    let until = async |wanted: &[&str]| {
        while names().await != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    until(&["fedora"]).await;
    source.replace([item("a", "debian")]);
    until(&["debian"]).await;
    cloud.stop().await;
    source.replace([item("a", "fedora")]);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(names().await, ["debian"]);
}

#[tokio::test]
async fn a_name_that_is_taken_is_left_to_whoever_has_it() {
    let source = Arc::new(FixedCatalog::new([item("a", "fedora")]));
    let cloud = start(&source, Placement::default()).await;
    let caller = Caller::system();
    let new = NewCatalog { name: "discovered".to_owned(), ..NewCatalog::default() };
    let theirs = cloud.create_catalog(&caller, Org::SYSTEM, new).await.unwrap();
    let refused = cloud.sync_sources().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::DuplicateName);
    assert!(cloud.catalog(&caller, theirs.id).await.unwrap().items.is_empty());
}
