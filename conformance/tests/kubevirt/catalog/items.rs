//! What is offered.

use kube::{Client, Config};
use serde_json::json;
use ssvirt_backends::kubevirt::catalog::{CatalogOptions, Image, KubeVirtCatalog};
use ssvirt_conformance::suite;
use ssvirt_core::{CatalogSource as _, catalog::SourceItem, model::Firmware};
use ssvirt_kube_bed::shared;

use super::scene::Scene;

const DEFAULT_INSTANCETYPE: &str = "instancetype.kubevirt.io/default-instancetype";
const DEFAULT_PREFERENCE: &str = "instancetype.kubevirt.io/default-preference";

fn find<'a>(items: &'a [SourceItem], name: &str) -> &'a SourceItem {
    items.iter().find(|item| item.name == name).unwrap()
}

#[tokio::test]
async fn boot_images_have_the_size_that_their_labels_name() {
    let Some(scene) = Scene::new("boot").await else { return };
    scene.instancetype("boot.medium", 2, "4Gi").await;
    let efi = json!({
        "firmware": { "preferredEfi": { "secureBoot": true } },
        "requirements": { "memory": { "guest": "3Gi" } },
    });
    scene.preference("rhel.boot", efi).await;
    let labels = |instancetype: &str| json!({ DEFAULT_INSTANCETYPE: instancetype, DEFAULT_PREFERENCE: "rhel.boot" });
    scene.image("whole", labels("boot.medium"), true).await;
    scene.image("sizeless", json!({ DEFAULT_PREFERENCE: "rhel.boot" }), true).await;
    scene.image("waits", labels("boot.medium"), false).await;
    scene.image("astray", labels("boot.none"), true).await;
    let options = CatalogOptions {
        images: vec![Image {
            name: "container".to_owned(),
            image: "docker://quay.io/containerdisks/debian:13".to_owned(),
            os: "debian".to_owned(),
            size_mib: 5120,
            cpus: 1,
            memory_mib: 1024,
            ..Image::default()
        }],
        ..scene.options()
    };
    let catalog = KubeVirtCatalog::new(scene.server.clone(), options);
    suite::catalog::run(&catalog).await.assert_passed();
    let items = catalog.items().await.unwrap();
    assert_eq!(items.len(), 5);
    let sizings = catalog.sizings().await.unwrap();
    let medium = sizings.iter().find(|sizing| sizing.name == "boot.medium").unwrap();
    assert_eq!((medium.cpus, medium.memory_mib), (2, 4_096));

    let whole = find(&items, "whole");
    let spec = &whole.vms[0].spec;
    assert_eq!((spec.cpus, spec.memory_mib, spec.disks[0].size_mib), (2, 4096, 10_240));
    assert_eq!((spec.firmware, spec.boot.efi_secure_boot), (Firmware::Efi, true));
    assert_eq!(spec.os_type, "rhel9_64Guest");
    assert_eq!(spec.image.as_deref(), Some("datasource:boot-images/whole"));
    assert_eq!(whole.description, "rhel.boot for people");
    assert_eq!(whole.metadata["instancetype"], "boot.medium");
    assert_eq!(whole.metadata["iconClass"], "icon-x");
    assert_eq!(whole.not_ready, None);

    // As configured, but no less than the preference asks for; and said.
    let sizeless = find(&items, "sizeless");
    assert_eq!((sizeless.vms[0].spec.cpus, sizeless.vms[0].spec.memory_mib), (1, 3072));
    assert_eq!(sizeless.metadata["assumedSize"], "CPU and memory");

    let why = |name: &str| find(&items, name).not_ready.clone().unwrap();
    assert_eq!(why("waits"), "Its boot image has not been imported yet.");
    assert_eq!(why("astray"), "Its instance type is not there.");
    let container = &find(&items, "container").vms[0].spec;
    assert_eq!((container.disks[0].size_mib, container.memory_mib), (5120, 1024));
}

#[tokio::test]
async fn templates_are_what_their_objects_say_after_their_defaults() {
    let Some(scene) = Scene::new("offered").await else { return };
    scene.image("root", json!({}), true).await;
    scene.image("late", json!({}), false).await;
    let parameters = json!([
        { "name": "SAID", "displayName": "What it says", "required": true },
        { "name": "MADE_UP", "generate": "expression", "from": "[a-z]{5}" },
        { "name": "CLOUD_USER_PASSWORD", "value": "x" },
    ]);
    scene.template("small", parameters, Vec::new()).await;
    scene.template("late", json!([{ "name": "IMAGE", "value": "late" }]), Vec::new()).await;
    let none = json!({ "metadata": { "name": "no-vm" }, "objects": [{ "apiVersion": "v1", "kind": "Secret" }] });
    scene.make(Some(&scene.templates), super::scene::TEMPLATES, "Template", none).await;
    suite::catalog::run(&scene.catalog()).await.assert_passed();

    let small = scene.item("small VM").await;
    assert_eq!(small.description, "made of a template");
    for (key, text) in
        [("iconClass", "icon-fedora"), ("tags", "linux,virtualmachine"), ("template", "small")]
    {
        assert_eq!(small.metadata[key], text);
    }
    assert_eq!(small.not_ready, None);
    let vm = &small.vms[0];
    let spec = &vm.spec;
    assert_eq!((vm.name.as_str(), spec.os_type.as_str()), ("small", "fedora64Guest"));
    assert_eq!((spec.cpus, spec.cores_per_socket, spec.memory_mib), (2, 2, 2048));
    assert_eq!(spec.disks.iter().map(|disk| disk.size_mib).collect::<Vec<_>>(), [30_720]);
    // What a cloud says in places of its own is not asked for again.
    let asked: Vec<_> =
        vm.products[0].properties.iter().map(|p| (p.key.as_str(), p.required)).collect();
    assert_eq!(
        asked,
        [("IMAGE", false), ("SAID", true), ("MADE_UP", false), ("CLOUD_USER_PASSWORD", false)]
    );
    let properties = &vm.products[0].properties;
    assert_eq!(properties[0].default.as_deref(), Some("root"));
    assert_eq!(properties[1].label.as_deref(), Some("What it says"));
    assert!(properties[3].password && !properties[1].password);

    let late = scene.item("late VM").await;
    assert_eq!(late.not_ready.as_deref(), Some("Its boot image has not been imported yet."));
    let names = async |options: CatalogOptions| {
        let items = KubeVirtCatalog::new(scene.server.clone(), options).items().await.unwrap();
        let templates = items.into_iter().filter(|item| item.external_id.starts_with("template:"));
        templates.map(|item| item.name).collect::<Vec<_>>()
    };
    assert_eq!(names(scene.options()).await, ["late VM", "small VM"]);
    let selector = Some("flavor=small".to_owned());
    assert_eq!(
        names(CatalogOptions { template_selector: selector, ..scene.options() }).await,
        ["small VM"]
    );
}

#[tokio::test]
async fn a_cluster_that_has_none_of_it_offers_what_is_configured() {
    let Some(bare) = shared::own().await else { return };
    let image = Image {
        name: "debian".to_owned(),
        image: "docker://quay.io/containerdisks/debian:13".to_owned(),
        size_mib: 1024,
        cpus: 1,
        memory_mib: 512,
        ..Image::default()
    };
    let missing = Image {
        name: "missing".to_owned(),
        image: "datasource:nowhere/fedora".to_owned(),
        ..image.clone()
    };
    let options = CatalogOptions { images: vec![image, missing], ..CatalogOptions::default() };
    let catalog = KubeVirtCatalog::new(bare.client().await.unwrap(), options);
    suite::catalog::run(&catalog).await.assert_passed();
    let items = catalog.items().await.unwrap();
    assert_eq!(find(&items, "debian").not_ready, None);
    assert_eq!(find(&items, "missing").not_ready.as_deref(), Some("Its boot image is not there."));
}

#[tokio::test]
async fn a_cluster_that_is_away_is_unavailable() {
    let nobody = Config::new("http://127.0.0.1:1".parse().unwrap());
    let client = Client::try_from(nobody).unwrap();
    let catalog = KubeVirtCatalog::new(client, CatalogOptions::default());
    suite::catalog::down_is_unavailable(&catalog).await.unwrap();
}
