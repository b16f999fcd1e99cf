//! Rows, versions, names, lookups, units of work.

use std::{collections::BTreeMap, fmt::Debug, time::Duration};

use ssvirt_core::{
    ErrorKind, Id, TenancyStore,
    id::Entity,
    model::{CatalogItem, Event, ItemSource, Org, Role, Session, Task, Template, User, VApp, Vm},
    store::{By, Table, UnitOfWork},
};
use tokio::time::timeout;

use super::scene::{self, begin, id, put, read};

/// The store answers.
pub async fn health_is_answered(store: &dyn TenancyStore) {
    store.health().await.unwrap();
    assert!(!store.name().is_empty());
}

/// A row is read as it was written, changed and removed.
async fn round_trip<T>(
    store: &dyn TenancyStore,
    key: Id<T>,
    row: T,
    change: fn(&mut T),
    version: fn(&T) -> i64,
) where
    T: Entity + Clone + Debug + PartialEq + Send + Sync + 'static,
    dyn UnitOfWork: Table<T>,
{
    let what = T::KIND.label();
    put(store, &row).await.unwrap_or_else(|error| panic!("{what}: {error:?}"));

    let mut tx = read(store).await;
    assert_eq!(tx.get(key).await.unwrap().as_ref(), Some(&row), "{what}");
    assert_eq!(tx.require(key).await.unwrap(), row, "{what}");
    assert_eq!(tx.get(id::<T>()).await.unwrap(), None, "{what}: an unknown id");
    assert_eq!(tx.select::<T>(&[]).await.unwrap(), std::slice::from_ref(&row), "{what}");
    assert_eq!(tx.count::<T>(&[]).await.unwrap(), 1, "{what}");
    assert_eq!(
        tx.find::<T>(&[By::Ids(vec![key.uuid(), id::<T>().uuid()])]).await.unwrap(),
        Some(row.clone())
    );
    assert_eq!(tx.select::<T>(&[By::Ids(Vec::new())]).await.unwrap(), []);
    drop(tx);

    let mut changed = row.clone();
    change(&mut changed);
    let mut tx = begin(store).await;
    tx.update(&mut changed).await.unwrap();
    assert_eq!(version(&changed), version(&row) + 1, "{what}: an update raises the version");
    assert_eq!(
        tx.get(key).await.unwrap().as_ref(),
        Some(&changed),
        "{what}: a unit of work sees what it did"
    );
    tx.commit().await.unwrap();
    assert_eq!(read(store).await.get(key).await.unwrap(), Some(changed), "{what}");

    let mut tx = begin(store).await;
    assert!(tx.delete(key).await.unwrap(), "{what}");
    assert!(!tx.delete(key).await.unwrap(), "{what}: gone is gone");
    assert_eq!(tx.get(key).await.unwrap(), None, "{what}");
    tx.insert(&row).await.unwrap();
    assert_eq!(tx.delete_all::<T>(&[By::Ids(vec![key.uuid()])]).await.unwrap(), 1, "{what}");
    assert_eq!(tx.count::<T>(&[]).await.unwrap(), 0, "{what}");
    tx.commit().await.unwrap();
}

/// Every stored type can be written, read, changed and removed.
pub async fn every_type_is_stored(store: &dyn TenancyStore) {
    let org = scene::org("o");
    let user = scene::user(org.id, "u");
    let provider = scene::provider("p");
    let vdc = scene::vdc(org.id, provider.id, "v");
    let catalog = scene::catalog(org.id, user.id, "c");
    let template = scene::template(&catalog, "t");
    let mut vapp = scene::vapp(&vdc, user.id, "a");
    vapp.networks = vec![scene::vapp_network("n", None)];
    let mut vm = scene::vm(&vapp, "m");
    vm.spec.disks = vec![scene::disk(5)];
    vm.spec.nics = vec![scene::nic(0, "n", None, None)];

    macro_rules! stored {
        ($row:expr, $change:expr) => {{
            let row = $row;
            round_trip(store, row.id, row, $change, |row| row.version).await;
        }};
    }
    stored!(org.clone(), |row| row.enabled = false);
    stored!(user.clone(), |row| row.password_hash = Some("x".to_owned()));
    stored!(scene::role(None, "r"), |row| row.rights.clear());
    stored!(scene::role(Some(org.id), "r"), |row| row.rights.clear());
    stored!(scene::session(&user, scene::at(9)), |row| row.expires = scene::at(99));
    stored!(provider.clone(), |row| row.enabled = false);
    stored!(vdc.clone(), |row| row.cpu_limit_mhz = 1);
    stored!(scene::profile(&vdc, "s"), |row| row.limit_mib = 1);
    stored!(scene::policy("x"), |row| row.cpus = None);
    stored!(scene::network(&vdc, "n"), |row| row.shared = true);
    stored!(catalog.clone(), |row| row.published = true);
    stored!(scene::item(&catalog, &template), |row| row.description = "d".to_owned());
    stored!(template, |row| row.vms.clear());
    stored!(vapp.clone(), |row| row.networks.clear());
    stored!(vm.clone(), |row| row.spec.disks.push(scene::disk(6)));
    stored!(scene::task(org.id, &user, vm.id.any(), scene::at(0)), |row| row.progress = 50);
    stored!(scene::event(org.id, vm.id.any()), |row| row.user = Some(id()));
}

/// Who changes what was changed since it was read is told so.
pub async fn an_old_version_conflicts(store: &dyn TenancyStore) {
    let org = scene::org("o");
    put(store, &org).await.unwrap();
    let (mut first, mut second) = (org.clone(), org);
    let mut tx = begin(store).await;
    tx.update(&mut first).await.unwrap();
    tx.update(&mut first).await.unwrap();
    tx.commit().await.unwrap();
    second.enabled = false;
    let before = second.version;
    let mut tx = begin(store).await;
    assert_eq!(tx.update(&mut second).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(second.version, before, "a failed update leaves the version");
    drop(tx);
    assert!(read(store).await.require(first.id).await.unwrap().enabled);
}

/// A row that is gone cannot be changed.
pub async fn a_missing_row_conflicts(store: &dyn TenancyStore) {
    let mut tx = begin(store).await;
    assert_eq!(tx.update(&mut scene::org("o")).await.unwrap_err().kind(), ErrorKind::Conflict);
}

/// Two rows cannot have one id.
pub async fn an_id_is_taken_once(store: &dyn TenancyStore) {
    let org = scene::org("o");
    put(store, &org).await.unwrap();
    let twin = Org { name: "other".to_owned(), ..org };
    assert_eq!(put(store, &twin).await.unwrap_err().kind(), ErrorKind::Conflict);
}

async fn refused<T>(store: &dyn TenancyStore, first: &T, again: &T, elsewhere: Option<&T>)
where
    T: Entity + Debug + Send + Sync + 'static,
    dyn UnitOfWork: Table<T>,
{
    put(store, first).await.unwrap();
    let error = put(store, again).await.expect_err(T::KIND.label());
    assert_eq!(error.kind(), ErrorKind::DuplicateName, "{}", T::KIND.label());
    assert!(error.message().starts_with("The name \""), "{}", error.message());
    assert!(error.message().ends_with("\" is already in use."), "{}", error.message());
    if let Some(elsewhere) = elsewhere {
        put(store, elsewhere)
            .await
            .unwrap_or_else(|error| panic!("{}: {error:?}", T::KIND.label()));
    }
}

/// Names are unique where VCD has them unique, and only there.
pub async fn names_are_unique(store: &dyn TenancyStore) {
    let (o, p) = (scene::org("Org"), scene::org("x"));
    refused(store, &o, &scene::org("oRG"), Some(&p)).await;
    let u = scene::user(o.id, "Äda");
    refused(store, &u, &scene::user(o.id, "äDA"), Some(&scene::user(p.id, "Äda"))).await;
    refused(
        store,
        &scene::role(None, "r"),
        &scene::role(None, "r"),
        Some(&scene::role(Some(o.id), "r")),
    )
    .await;
    refused(store, &scene::role(Some(p.id), "s"), &scene::role(Some(p.id), "s"), None).await;
    let provider = scene::provider("p");
    refused(store, &provider, &scene::provider("p"), Some(&scene::provider("P"))).await;
    let v = scene::vdc(o.id, provider.id, "v");
    let w = scene::vdc(p.id, provider.id, "v");
    refused(store, &v, &scene::vdc(o.id, provider.id, "v"), Some(&w)).await;
    refused(
        store,
        &scene::profile(&v, "s"),
        &scene::profile(&v, "s"),
        Some(&scene::profile(&w, "s")),
    )
    .await;
    refused(
        store,
        &scene::network(&v, "n"),
        &scene::network(&v, "n"),
        Some(&scene::network(&w, "n")),
    )
    .await;
    let c = scene::catalog(o.id, u.id, "c");
    let d = scene::catalog(p.id, u.id, "c");
    refused(store, &c, &scene::catalog(o.id, u.id, "c"), Some(&d)).await;
    let (t, s) = (scene::template(&c, "t"), scene::template(&c, "t"));
    // Templates are named by their items.
    put(store, &t).await.unwrap();
    put(store, &s).await.unwrap();
    refused(
        store,
        &scene::item(&c, &t),
        &scene::item(&c, &s),
        Some(&scene::item(&d, &scene::template(&d, "t"))),
    )
    .await;
    let a = scene::vapp(&v, u.id, "a");
    let b = scene::vapp(&w, u.id, "a");
    refused(store, &a, &scene::vapp(&v, u.id, "a"), Some(&b)).await;
    refused(store, &scene::vm(&a, "m"), &scene::vm(&a, "m"), Some(&scene::vm(&b, "m"))).await;
}

/// The name of what was removed or renamed can be used at once, in the same unit of work.
pub async fn freed_names_are_free(store: &dyn TenancyStore) {
    let (one, mut two) = (scene::org("one"), scene::org("two"));
    put(store, &one).await.unwrap();
    put(store, &two).await.unwrap();
    let mut tx = begin(store).await;
    tx.delete(one.id).await.unwrap();
    tx.insert(&scene::org("ONE")).await.unwrap();
    two.name = "three".to_owned();
    tx.update(&mut two).await.unwrap();
    tx.insert(&scene::org("two")).await.unwrap();
    tx.commit().await.unwrap();
}

/// Renaming minds other rows' names, not the row's own.
pub async fn renaming_to_a_taken_name(store: &dyn TenancyStore) {
    let (one, mut two) = (scene::org("one"), scene::org("two"));
    put(store, &one).await.unwrap();
    put(store, &two).await.unwrap();
    let mut tx = begin(store).await;
    two.name = "TWO".to_owned();
    tx.update(&mut two).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = begin(store).await;
    two.name = "One".to_owned();
    let error = tx.update(&mut two).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DuplicateName);
    assert_eq!(error.message(), "The name \"One\" is already in use.");
}

/// Every kind of lookup.
pub async fn lookups(store: &dyn TenancyStore) {
    let w = scene::World::new(store).await;
    put(store, &scene::role(None, "global")).await.unwrap();
    put(store, &scene::role(Some(w.a.id), "own")).await.unwrap();
    for (user, end) in [(&w.ann, 10), (&w.ann, 20), (&w.bob, 30)] {
        put(store, &scene::session(user, scene::at(end))).await.unwrap();
    }
    let source = ItemSource {
        source: "cluster".to_owned(),
        external_id: "e".to_owned(),
        stale: false,
        metadata: BTreeMap::new(),
    };
    let template = scene::template(&w.catalog, "external");
    let external = CatalogItem { source: Some(source), ..scene::item(&w.catalog, &template) };
    put(store, &external).await.unwrap();
    put(store, &scene::event(w.a.id, w.a.id.any())).await.unwrap();

    let mut tx = read(store).await;
    macro_rules! found {
        ($type:ty, $by:expr, $names:expr) => {{
            let by = $by;
            let rows = tx.select::<$type>(&by).await.unwrap();
            assert_eq!(tx.count::<$type>(&by).await.unwrap(), rows.len() as i64, "{by:?}");
            let names: Vec<_> = rows.into_iter().map(|row| row.name).collect();
            assert_eq!(names, $names, "{by:?}");
        }};
    }
    found!(Org, [], ["a", "b"]);
    found!(Org, [By::Name("a".to_owned())], ["a"]);
    found!(Org, [By::Name("A".to_owned())], [""; 0]);
    found!(Org, [By::NameNoCase("A".to_owned())], ["a"]);
    found!(User, [By::Org(w.a.id)], ["alf", "ann"]);
    found!(User, [By::Org(w.a.id), By::NameNoCase("ANN".to_owned())], ["ann"]);
    found!(User, [By::Org(w.b.id), By::NameNoCase("ann".to_owned())], [""; 0]);
    found!(Role, [By::NoOrg], ["global"]);
    found!(Role, [By::Org(w.a.id)], ["own"]);
    found!(ssvirt_core::model::ProviderVdc, [By::Name("default".to_owned())], ["default"]);
    found!(ssvirt_core::model::Vdc, [By::Org(w.a.id), By::Name("vdc".to_owned())], ["vdc"]);
    found!(ssvirt_core::model::Vdc, [By::Provider(w.provider.id)], ["vdc", "vdc"]);
    found!(ssvirt_core::model::StorageProfile, [By::Vdc(w.vdc.id)], ["standard"]);
    found!(ssvirt_core::model::Network, [By::Vdc(w.vdc.id), By::Name("net".to_owned())], ["net"]);
    found!(ssvirt_core::model::Catalog, [By::Org(w.b.id)], ["published", "secret"]);
    found!(ssvirt_core::model::Catalog, [By::Owner(w.ann.id)], ["mine"]);
    found!(CatalogItem, [By::Catalog(w.catalog.id)], ["external", "t1"]);
    found!(CatalogItem, [By::Source("cluster".to_owned())], ["external"]);
    found!(Template, [By::Catalog(w.catalog.id)], ["t1"]);
    found!(Template, [By::Item(w.template.item)], ["t1"]);
    found!(Template, [By::TemplateVm(w.template.vms[0].id)], ["t1"]);
    found!(Template, [By::TemplateVm(id())], [""; 0]);
    found!(VApp, [By::Vdc(w.vdc.id)], ["empty", "web"]);
    found!(VApp, [By::Owner(w.ann.id)], ["web"]);
    found!(VApp, [By::VAppNetwork(w.web.networks[1].id)], ["web"]);
    found!(Vm, [By::VApp(w.web.id)], ["web1", "web2"]);
    found!(Vm, [By::VApp(w.web.id), By::Name("web2".to_owned())], ["web2"]);
    found!(Vm, [By::Org(w.b.id)], ["foreign-vm"]);
    found!(
        Vm,
        [By::Ids(vec![w.web2.id.uuid(), w.web1.id.uuid(), w.foreign_vm.id.uuid()])],
        ["foreign-vm", "web1", "web2"]
    );
    assert_eq!(tx.count::<Session>(&[By::User(w.ann.id)]).await.unwrap(), 2);
    assert_eq!(tx.count::<Session>(&[By::Org(w.b.id)]).await.unwrap(), 1);
    assert_eq!(tx.count::<Session>(&[By::ExpiresBefore(scene::at(20))]).await.unwrap(), 1);
    assert_eq!(tx.count::<Event>(&[By::Org(w.a.id)]).await.unwrap(), 1);
    drop(tx);

    let mut tx = begin(store).await;
    assert_eq!(tx.delete_all::<Session>(&[By::ExpiresBefore(scene::at(25))]).await.unwrap(), 2);
    assert_eq!(tx.count::<Session>(&[]).await.unwrap(), 1);
}

/// A lookup by what the type does not have is a defect of the caller, not an empty answer.
pub async fn lookups_of_fields_that_are_not_there(store: &dyn TenancyStore) {
    for by in [By::VApp(id()), By::Source("s".to_owned()), By::TemplateVm(id())] {
        let mut tx = read(store).await;
        assert_eq!(tx.select::<Org>(&[by]).await.unwrap_err().kind(), ErrorKind::Internal);
    }
}

/// What is part of a row is found as the row says, and goes with it.
pub async fn children_follow_their_parent(store: &dyn TenancyStore) {
    let mut w = scene::World::new(store).await;
    let mut tx = begin(store).await;
    let gone = w.web.networks.remove(0);
    tx.update(&mut w.web).await.unwrap();
    assert_eq!(tx.count::<VApp>(&[By::VAppNetwork(gone.id)]).await.unwrap(), 0);
    assert_eq!(tx.count::<VApp>(&[By::VAppNetwork(w.web.networks[0].id)]).await.unwrap(), 1);
    w.web1.spec.disks.pop();
    w.web1.spec.nics.clear();
    tx.update(&mut w.web1).await.unwrap();
    assert_eq!(tx.storage_usage(w.standard.id).await.unwrap(), 10_240);
    assert_eq!(tx.used_addresses(w.network.id).await.unwrap(), [std::net::Ipv4Addr::LOCALHOST; 0]);
    tx.delete(w.web1.id).await.unwrap();
    assert_eq!(tx.storage_usage(w.standard.id).await.unwrap(), 0);
    tx.delete(w.template.id).await.unwrap();
    assert_eq!(tx.count::<Template>(&[By::TemplateVm(w.template.vms[0].id)]).await.unwrap(), 0);
}

/// A unit of work that is dropped did nothing, and does not stand in the way of others.
pub async fn dropping_undoes(store: &dyn TenancyStore) {
    let org = scene::org("o");
    for _ in 0..30 {
        let mut tx = begin(store).await;
        tx.insert(&org).await.unwrap();
        drop(tx);
        drop(read(store).await);
    }
    // After an error too.
    put(store, &org).await.unwrap();
    let mut tx = begin(store).await;
    tx.insert(&scene::org("p")).await.unwrap();
    tx.insert(&org).await.unwrap_err();
    drop(tx);
    assert_eq!(read(store).await.count::<Org>(&[]).await.unwrap(), 1);
}

/// Others see all changes of a unit of work or none.
pub async fn changes_appear_together(store: &dyn TenancyStore) {
    let mut tx = begin(store).await;
    tx.insert(&scene::org("o")).await.unwrap();
    tx.insert(&scene::org("p")).await.unwrap();
    // A store that lets only one at a time do anything at all is right as well.
    if let Ok(other) = timeout(Duration::from_millis(300), store.read()).await {
        assert_eq!(other.unwrap().count::<Org>(&[]).await.unwrap(), 0);
    }
    tx.commit().await.unwrap();
    assert_eq!(read(store).await.count::<Org>(&[]).await.unwrap(), 2);
}

/// Any text but NUL, which is refused, comes back as it was.
pub async fn odd_text_survives(store: &dyn TenancyStore) {
    for name in [
        "it's",
        "\"quoted\"",
        "a;b--c",
        "$1",
        "?1",
        "100%_\\",
        "Ünïcödé 🦀",
        " spaces ",
        "line\nbreak",
        "",
    ] {
        let org = scene::org(name);
        put(store, &org).await.unwrap();
        let mut tx = read(store).await;
        assert_eq!(
            tx.find::<Org>(&[By::Name(name.to_owned())]).await.unwrap(),
            Some(org),
            "{name:?}"
        );
    }
    assert_eq!(put(store, &scene::org("a\0b")).await.unwrap_err().kind(), ErrorKind::BadRequest);
}

/// What is read in one unit of work is of one moment.
pub async fn readers_see_one_state(store: &dyn TenancyStore) {
    put(store, &scene::org("o")).await.unwrap();
    let mut reader = read(store).await;
    assert_eq!(reader.count::<Org>(&[]).await.unwrap(), 1);
    let write = async {
        put(store, &scene::org("p")).await.unwrap();
    };
    if timeout(Duration::from_millis(300), write).await.is_ok() {
        assert_eq!(reader.count::<Org>(&[]).await.unwrap(), 1);
    }
    drop(reader);
    let _: Option<Task> = read(store).await.get(id()).await.unwrap();
}
