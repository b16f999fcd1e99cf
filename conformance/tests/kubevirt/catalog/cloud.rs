//! A whole cloud whose templates are a cluster's.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use ssvirt_backends::{
    kubevirt::{
        KubeVirt,
        catalog::KubeVirtCatalog,
        place::{PlaceOptions, Places},
    },
    sql::SqlStore,
};
use ssvirt_core::{
    Cloud, ErrorKind, Id,
    model::{
        CatalogItem, Org, Product, Property, ProviderVdc, Task, TaskStatus, Template,
        TemplateStatus, VApp, Vdc,
    },
    service::{Caller, Deletion, NewOrg, NewStorageProfile, NewVApp, NewVdc},
    store::By,
};
use ssvirt_kube_bed::shared;
use tokio::time::sleep;

use super::scene::{CDI, KUBEVIRT, Scene, TEMPLATES, count};

async fn cloud(backend: KubeVirt, catalog: KubeVirtCatalog) -> Cloud {
    let cloud = Cloud::builder(Arc::new(SqlStore::memory().await.unwrap()))
        .backend(ProviderVdc::DEFAULT, Arc::new(backend))
        .source(ProviderVdc::DEFAULT, Arc::new(catalog))
        .build();
    cloud.start().await.unwrap();
    cloud
}

async fn vdc(cloud: &Cloud, org: &str) -> Vdc {
    let caller = Caller::system();
    let new = NewOrg { name: org.to_owned(), full_name: org.to_owned(), ..NewOrg::default() };
    let org: Org = cloud.create_org(&caller, new).await.unwrap();
    let new = NewVdc {
        name: "vdc".to_owned(),
        storage_profiles: vec![NewStorageProfile { name: "standard".to_owned(), limit_mib: 0 }],
        ..NewVdc::default()
    };
    let (vdc, task) = cloud.create_vdc(&caller, org.id, new).await.unwrap();
    ended(cloud, task).await;
    vdc
}

async fn ended(cloud: &Cloud, task: Task) -> Task {
    for _ in 0..600 {
        let now = cloud.task(&Caller::system(), task.id).await.unwrap();
        if now.status.is_final() {
            return now;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("{} takes too long", task.operation);
}

async fn template(cloud: &Cloud, name: &str) -> Option<Template> {
    let mut tx = cloud.store().read().await.unwrap();
    tx.find(&[By::Name(name.to_owned())]).await.unwrap()
}

fn said(value: &str) -> Vec<Product> {
    let key = "SAID".to_owned();
    let property = Property { key, value: Some(value.to_owned()), ..Property::default() };
    vec![Product { properties: vec![property], ..Product::default() }]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vapp_of_a_template_is_made_and_deleted_with_all_that_was_made_for_it() {
    let Some(scene) = Scene::new("whole").await else { return };
    scene.image("root", json!({}), true).await;
    scene.image("late", json!({}), false).await;
    scene.template("small", json!([{ "name": "SAID", "required": true }]), Vec::new()).await;
    let backend = KubeVirt::new(scene.client.clone(), PlaceOptions::default());
    let cloud = cloud(backend, scene.catalog()).await;
    let caller = Caller::system();
    cloud.sync_sources().await.unwrap();
    let vdc = vdc(&cloud, "whole").await;
    let late = template(&cloud, "late").await.unwrap();
    assert_eq!(late.status, TemplateStatus::Unresolved);
    let new = NewVApp { name: "x".to_owned(), template: Some(late.id), ..NewVApp::default() };
    let refused = cloud.create_vapp(&caller, vdc.id, new).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidState);

    let small = template(&cloud, "small VM").await.unwrap();
    let new = || NewVApp { name: "web".to_owned(), template: Some(small.id), ..NewVApp::default() };
    let refused = cloud.create_vapp(&caller, vdc.id, new()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::BadRequest);
    let places = Places::new(scene.client.clone(), PlaceOptions::default());
    let space = places.find(vdc.id).await.unwrap().unwrap();
    assert_eq!(count(&scene.client, &space, "v1", "Secret").await, 0);

    let given = NewVApp { products: said("hello"), power_on: true, ..new() };
    let (vapp, task) = cloud.create_vapp(&caller, vdc.id, given).await.unwrap();
    let task = ended(&cloud, task).await;
    assert_eq!(task.status, TaskStatus::Success, "{:?}", task.failure);
    assert_eq!(count(&scene.client, &space, TEMPLATES, "TemplateInstance").await, 1);
    let task = cloud.delete_vapp(&caller, vapp.id, Deletion::Forced).await.unwrap();
    assert_eq!(ended(&cloud, task).await.status, TaskStatus::Success);
    for (version, kind) in [
        (TEMPLATES, "TemplateInstance"),
        (KUBEVIRT, "VirtualMachine"),
        (CDI, "DataVolume"),
        ("v1", "Secret"),
    ] {
        assert_eq!(count(&scene.client, &space, version, kind).await, 0, "{kind}");
    }
    let mut tx = cloud.store().read().await.unwrap();
    assert_eq!(tx.count::<VApp>(&[]).await.unwrap(), 0);
    drop(tx);
    cloud.backends()[&ProviderVdc::DEFAULT].remove_place(vdc.id).await.unwrap();
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_outlive_the_cluster_that_they_came_from() {
    let Some(bare) = shared::own().await else { return };
    let client = bare.client().await.unwrap();
    let options = ssvirt_backends::kubevirt::catalog::CatalogOptions {
        images: vec![ssvirt_backends::kubevirt::catalog::Image {
            name: "debian".to_owned(),
            image: "docker://quay.io/containerdisks/debian:13".to_owned(),
            size_mib: 1024,
            cpus: 1,
            memory_mib: 512,
            ..Default::default()
        }],
        ..Default::default()
    };
    let backend = KubeVirt::new(client.clone(), PlaceOptions::default());
    let cloud = cloud(backend, KubeVirtCatalog::new(client, options)).await;
    cloud.sync_sources().await.unwrap();
    let items = async || -> Vec<CatalogItem> {
        cloud.store().read().await.unwrap().select(&[]).await.unwrap()
    };
    assert!(!items().await[0].source.as_ref().unwrap().stale);
    drop(bare);
    cloud.sync_sources().await.unwrap();
    let rows = items().await;
    assert_eq!(rows.len(), 1);
    assert!(rows[0].source.as_ref().unwrap().stale);
    let template: Id<Template> = rows[0].template;
    cloud.template(&Caller::system(), template).await.unwrap();
    cloud.stop().await;
}
