//! Reading at a glance, sessions with their owners, and several things at once.

use std::fmt::Debug;

use futures_util::future::join_all;
use ssvirt_core::{
    ErrorKind, TenancyStore,
    id::Entity,
    model::{
        Catalog, CatalogItem, Network, Org, ProviderVdc, Role, Session, StorageProfile, Task,
        Template, User, VApp, Vdc, Vm,
    },
    store::{
        By, Table, UnitOfWork, VdcUsage,
        gather::{
            Named, Stored, UsageOf, UsedOf, first, names, one, open_tasks, open_tasks_in, rows,
        },
    },
};

use super::scene::{self, World, at, begin, id, put, read};

/// What is committed is seen at a glance, by many at once.
pub async fn reading_at_a_glance(store: &dyn TenancyStore) {
    let org = scene::org("o");
    put(store, &org).await.unwrap();
    let one = async || store.glance().await.unwrap().get(org.id).await.unwrap();
    for found in join_all((0..40).map(|_| one())).await {
        assert_eq!(found.as_ref(), Some(&org));
    }
    put(store, &scene::org("p")).await.unwrap();
    assert_eq!(store.glance().await.unwrap().count::<Org>(&[]).await.unwrap(), 2);
    let mut tx = store.glance().await.unwrap();
    assert_eq!(tx.select::<Org>(&[By::VApp(id())]).await.unwrap_err().kind(), ErrorKind::Internal);
    drop(tx);
    // Nothing to commit is no error.
    store.glance().await.unwrap().commit().await.unwrap();
    let mut tx = begin(store).await;
    tx.delete(org.id).await.unwrap();
    drop(tx);
    assert_eq!(one().await, Some(org.clone()));
}

/// A session is answered with what its user may do at this moment.
pub async fn sessions_have_owners(store: &dyn TenancyStore) {
    let mut org = scene::org("o");
    let mut role = scene::role(None, "r");
    let mut user = User { role: role.id, ..scene::user(org.id, "u") };
    let session = Session { expires: at(100), ..scene::session(&user, at(100)) };
    let stray = scene::session(&scene::user(org.id, "nobody"), at(100));
    put(store, &org).await.unwrap();
    put(store, &role).await.unwrap();
    put(store, &user).await.unwrap();
    put(store, &session).await.unwrap();
    put(store, &stray).await.unwrap();
    let owner = async || store.glance().await.unwrap().session_owner(session.id).await.unwrap();
    let found = owner().await.unwrap();
    assert_eq!(found.session, session);
    assert_eq!((found.user_name.as_str(), found.user_enabled), ("u", true));
    assert_eq!((found.org_name.as_str(), found.org_enabled), ("o", true));
    assert_eq!((found.role, found.role_name.as_str(), found.role_version), (role.id, "r", 0));

    let mut tx = begin(store).await;
    role.rights.clear();
    tx.update(&mut role).await.unwrap();
    user.enabled = false;
    tx.update(&mut user).await.unwrap();
    org.enabled = false;
    tx.update(&mut org).await.unwrap();
    let within = tx.session_owner(session.id).await.unwrap().unwrap();
    assert!(!within.user_enabled, "a unit of work sees what it did");
    tx.commit().await.unwrap();
    let found = owner().await.unwrap();
    assert!(!found.user_enabled && !found.org_enabled);
    assert_eq!(found.role_version, role.version);

    let mut tx = read(store).await;
    assert!(tx.session_owner(id()).await.unwrap().is_none());
    assert!(tx.session_owner(stray.id).await.unwrap().is_none(), "a session of nobody");
    drop(tx);
    let mut tx = begin(store).await;
    tx.delete(role.id).await.unwrap();
    tx.commit().await.unwrap();
    assert!(owner().await.is_none(), "a user without a role");
}

/// Gathered rows are those that are selected.
async fn same<T>(tx: &mut ssvirt_core::store::Tx, by: &[By])
where
    T: Stored + Entity + Debug + PartialEq + Send + Sync + 'static,
    dyn UnitOfWork: Table<T>,
{
    let selected = tx.select::<T>(by).await.unwrap();
    let (nothing, gathered, again) =
        tx.gather((rows::<T>([By::Ids(Vec::new())]), rows::<T>(by), first::<T>(by))).await.unwrap();
    assert_eq!(nothing, [], "{:?} {by:?}", T::TABLE);
    assert_eq!(gathered, selected, "{:?} {by:?}", T::TABLE);
    assert_eq!(again, selected.into_iter().next(), "{:?} {by:?}", T::TABLE);
}

/// Rows of every type, by name and id, each part apart from the others.
pub async fn gathered_rows_are_selected_rows(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    put(store, &scene::role(None, "z")).await.unwrap();
    put(store, &scene::role(Some(w.a.id), "a")).await.unwrap();
    put(store, &scene::policy("p")).await.unwrap();
    put(store, &scene::event(w.a.id, w.web.id.any())).await.unwrap();
    for (at, user) in [(30, &w.ann), (10, &w.alf), (20, &w.bob)] {
        put(store, &scene::session(user, scene::at(at))).await.unwrap();
        put(store, &scene::task(w.a.id, user, w.web.id.any(), scene::at(at))).await.unwrap();
    }
    let mut tx = read(store).await;
    macro_rules! all {
        ($($table:ident)*) => {$(same::<ssvirt_core::model::$table>(&mut tx, &[]).await;)*};
    }
    all! {
        Org User Role Session ProviderVdc Vdc StorageProfile ComputePolicy Network Catalog CatalogItem Template VApp
        Vm Task Event
    }
    same::<Vm>(&mut tx, &[By::VApp(w.web.id), By::Name("web2".to_owned())]).await;
    same::<User>(&mut tx, &[By::Org(w.a.id), By::NameNoCase("ANN".to_owned())]).await;
    same::<Session>(&mut tx, &[By::ExpiresBefore(at(25))]).await;
    let (vapp, vms, tasks, usage, gone) = tx
        .gather((
            one(w.web.id),
            rows::<Vm>([By::VApp(w.web.id)]),
            rows::<Task>([By::Org(w.a.id)]),
            UsageOf(w.vdc.id),
            one::<Vdc>(id()),
        ))
        .await
        .unwrap();
    assert_eq!(vapp.as_ref(), Some(&w.web));
    assert_eq!(vms, [w.web1.clone(), w.web2.clone()]);
    assert!(tasks.len() == 3 && tasks.is_sorted_by_key(|task| task.started));
    assert_eq!(usage, tx.vdc_usage(w.vdc.id).await.unwrap());
    assert_eq!(gone, None);
    let (named,) = tx.gather((names::<Catalog>([By::Org(w.b.id)]),)).await.unwrap();
    let expected = [&w.published, &w.secret];
    assert_eq!(named, expected.map(|row| Named { id: row.id, name: row.name.clone() }));
    let error = tx.gather((one(w.web.id), rows::<Org>([By::VApp(w.web.id)]))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    drop(tx);
    let error = read(store).await.gather((names::<Session>([]),)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal, "sessions have no names");
}

/// What an object refers to is read together with it.
pub async fn what_an_object_refers_to(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    let role = scene::role(None, "r");
    put(store, &role).await.unwrap();
    let carl = User { role: role.id, ..scene::user(w.a.id, "carl") };
    put(store, &carl).await.unwrap();
    let mut tx = read(store).await;
    macro_rules! of {
        ($object:expr => $($table:ident $expected:expr),*) => {$(
            let by = [By::Of($object.id.any())];
            let found = tx.select::<$table>(&by).await.unwrap();
            assert_eq!(found.iter().collect::<Vec<_>>(), [&$expected], "{} of {}", stringify!($table), stringify!($object));
            same::<$table>(&mut tx, &by).await;
        )*};
    }
    of!(w.web1 => VApp w.web, Vdc w.vdc, Org w.a, StorageProfile w.standard, Network w.network);
    of!(w.web => Vdc w.vdc, Org w.a, User w.ann, StorageProfile w.standard, Network w.network);
    of!(w.vdc => Org w.a, ProviderVdc w.provider, Template w.template);
    of!(w.published => Org w.b, User w.bob);
    of!(w.template => Catalog w.catalog, Org w.a, User w.ann);
    of!(carl => Role role, Org w.a);
    let item = tx.find::<CatalogItem>(&[By::Catalog(w.secret.id)]).await.unwrap().unwrap();
    of!(item => Catalog w.secret, Org w.b);
    let vm = w.published_template.vms[0].id;
    let by = [By::OfTemplateVm(vm)];
    assert_eq!(tx.find::<Catalog>(&by).await.unwrap().as_ref(), Some(&w.published));
    assert_eq!(tx.select::<Template>(&[By::TemplateVm(vm)]).await.unwrap().len(), 1);
    // Nothing refers to what is not there.
    assert_eq!(tx.select::<VApp>(&[By::Of(id::<Vm>().any())]).await.unwrap(), []);
    assert_eq!(tx.select::<Network>(&[By::Of(w.foreign_vm.id.any())]).await.unwrap(), []);
    assert_eq!(tx.select::<Catalog>(&[By::OfTemplateVm(id())]).await.unwrap(), []);
    drop(tx);
    for by in [By::Of(w.a.id.any()), By::Of(w.vdc.id.any()), By::OfTemplateVm(vm)] {
        let error = read(store).await.select::<VApp>(std::slice::from_ref(&by)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal, "{by:?}");
    }
}

/// Unfinished tasks and sums beside rows.
pub async fn gathered_tasks_and_sums(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    let mut tx = begin(store).await;
    let (vapp, one_vm, other) = (w.web.id.any(), w.web1.id.any(), w.foreign_vm.id.any());
    let mut stored = Vec::new();
    for (seconds, locks) in [(30, vec![vapp]), (10, vec![one_vm]), (20, vec![other])] {
        let task = scene::task(w.a.id, &w.ann, locks[0], at(seconds));
        tx.insert_task(&task, &[], &locks).await.unwrap();
        stored.push((locks[0], task));
    }
    tx.commit().await.unwrap();
    let [on_vapp, on_vm, on_other] = &stored[..] else { panic!("{stored:?}") };
    let mut tx = read(store).await;
    let (none, inside, named, both, usage, used, unused) = tx
        .gather((
            open_tasks([]),
            open_tasks_in(w.web.id),
            open_tasks([other, id::<Vm>().any()]),
            open_tasks([vapp, other]),
            UsageOf(w.vdc.id),
            UsedOf(w.standard.id),
            UsedOf(id()),
        ))
        .await
        .unwrap();
    assert_eq!(none, []);
    assert_eq!(inside, [on_vm.clone(), on_vapp.clone()], "the oldest first");
    assert_eq!(named, std::slice::from_ref(on_other));
    assert_eq!(both, [on_other.clone(), on_vapp.clone()]);
    assert_eq!(usage, tx.vdc_usage(w.vdc.id).await.unwrap());
    assert_eq!((usage.vms, usage.running_vms), (2, 1));
    assert_eq!((used, unused), (tx.storage_usage(w.standard.id).await.unwrap(), 0));
    let (empty,) = tx.gather((UsageOf(id()),)).await.unwrap();
    assert_eq!(empty, VdcUsage::default());
    assert_eq!(tx.open_tasks(&[one_vm]).await.unwrap(), std::slice::from_ref(on_vm));
}
