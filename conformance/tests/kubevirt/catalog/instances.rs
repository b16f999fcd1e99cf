//! VMs made of templates.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Secret, Service};
use kube::{Api, ResourceExt as _, api::ListParams};
use serde_json::{Value, json};
use ssvirt_backends::kubevirt::{
    KubeVirt,
    catalog::{CatalogOptions, Image, KubeVirtCatalog},
    labels,
    place::{PlaceOptions, Places},
    resources::TemplateInstance,
};
use ssvirt_core::{
    CatalogSource as _, ErrorKind, Id, VmBackend as _,
    backend::{Place, PowerAction, VmPlan, VmRef},
    catalog::SourceItem,
    env::{IdSource as _, RandomIds},
    model::{PowerState, Product, Property},
};
use ssvirt_kube_bed::node::{Fault, Rule, Step};
use tokio::time::{sleep, timeout};

use super::scene::{CDI, KUBEVIRT, Scene, TEMPLATES, api, count};
use crate::places::place;

/// A VDC with its backend.
struct Tenant {
    scene: Scene,
    backend: KubeVirt,
    place: Place,
    space: String,
}

impl Tenant {
    async fn new(name: &str) -> Option<Self> {
        Self::with(name, PlaceOptions::default()).await
    }

    async fn with(name: &str, options: PlaceOptions) -> Option<Self> {
        let scene = Scene::new(name).await?;
        scene.image("root", json!({}), true).await;
        let backend = KubeVirt::new(scene.server.clone(), options);
        let place = place(name, "vdc");
        backend.ensure_place(&place).await.unwrap();
        let places = Places::new(scene.client.clone(), PlaceOptions::default());
        let space = places.find(place.vdc).await.unwrap().unwrap();
        Some(Self { scene, backend, place, space })
    }

    fn plan(&self, item: &SourceItem, said: &str) -> VmPlan {
        let mut products = item.vms[0].products.clone();
        let asked = products.iter_mut().flat_map(|product| &mut product.properties);
        for property in asked.filter(|property| property.key == "SAID") {
            property.value = Some(said.to_owned());
        }
        // One of the tenant's own, which no template knows.
        products.push(Product {
            properties: vec![Property {
                key: "own".to_owned(),
                value: Some("x".to_owned()),
                ..Property::default()
            }],
            ..Product::default()
        });
        VmPlan {
            target: VmRef { vm: Id::new(RandomIds.uuid()), vdc: self.place.vdc },
            vapp: Id::new(RandomIds.uuid()),
            name: "web".to_owned(),
            spec: item.vms[0].spec.clone(),
            products,
        }
    }

    async fn object(&self, version: &str, kind: &str, name: &str) -> Value {
        let found =
            api(&self.scene.client, Some(&self.space), version, kind).get(name).await.unwrap();
        serde_json::to_value(found).unwrap()
    }

    /// Waits until nothing is left of what was made of templates.
    async fn is_empty(&self) {
        let client = &self.scene.client;
        for _ in 0..150 {
            let mut left = 0;
            for (version, kind) in [
                (TEMPLATES, "TemplateInstance"),
                (KUBEVIRT, "VirtualMachine"),
                (KUBEVIRT, "VirtualMachineInstance"),
                (CDI, "DataVolume"),
                ("v1", "PersistentVolumeClaim"),
                ("v1", "Service"),
                ("v1", "Secret"),
            ] {
                left += count(client, &self.space, version, kind).await;
            }
            if left == 0 {
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
        panic!("something is left in {}", self.space);
    }

    async fn end(self) {
        self.backend.remove_place(self.place.vdc).await.unwrap();
    }
}

fn parameters() -> Value {
    json!([
        { "name": "SAID", "required": true },
        { "name": "MADE_UP", "generate": "expression", "from": "[a-z]{5}" },
    ])
}

fn service() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "${NAME}-ssh" },
        "spec": { "selector": { "vm": "${NAME}" }, "ports": [{ "port": 22 }] },
    })
}

fn name_of(plan: &VmPlan) -> String {
    format!("web-{}", &plan.target.vm.uuid().simple().to_string()[..8])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_is_made_of_a_template_changed_started_and_leaves_nothing() {
    let Some(tenant) = Tenant::new("made").await else { return };
    tenant.scene.template("small", parameters(), vec![service()]).await;
    let item = tenant.scene.item("small VM").await;
    let mut plan = tenant.plan(&item, "hello ${NAME}");
    plan.spec.memory_mib = 3072;
    let state = tenant.backend.create_vm(&plan).await.unwrap();
    assert_eq!(state.power, PowerState::Off);
    // Again, as after a crash.
    tenant.backend.create_vm(&plan).await.unwrap();
    assert_eq!(count(&tenant.scene.client, &tenant.space, TEMPLATES, "TemplateInstance").await, 1);

    let name = name_of(&plan);
    let instances: Api<TemplateInstance> =
        Api::namespaced(tenant.scene.client.clone(), &tenant.space);
    let instance = instances.get(&name).await.unwrap();
    assert_eq!(instance.labels()["ssvirt.io/template-name"], "small");
    assert_eq!(instance.labels()["ssvirt.io/template-instance"], name);
    assert_eq!(instance.status.as_ref().unwrap().objects.len(), 2);
    let secrets: Api<Secret> = Api::namespaced(tenant.scene.client.clone(), &tenant.space);
    let secret = secrets.get(&format!("{name}-params")).await.unwrap();
    assert_eq!(secret.owner_references()[0].uid, instance.uid().unwrap());
    let said: Vec<&String> = secret.data.as_ref().unwrap().keys().collect();
    assert_eq!(said, ["NAME", "SAID"]);

    let vm = tenant.object(KUBEVIRT, "VirtualMachine", &name).await;
    let tags = &vm["metadata"]["labels"];
    assert_eq!(tags[labels::VM_ID], plan.target.vm.uuid().to_string());
    assert_eq!(tags[labels::VAPP_ID], plan.vapp.uuid().to_string());
    assert_eq!(tags[labels::VDC_ID], plan.target.vdc.uuid().to_string());
    assert_eq!(
        (&tags[labels::MANAGED_BY], &tags["app"]),
        (&"ssvirt".into(), &name.as_str().into())
    );
    let about = &vm["metadata"]["annotations"];
    assert_eq!(about["said"], "hello ${NAME}");
    assert_eq!(about["made-up"].as_str().unwrap().len(), 5);
    assert_eq!(vm["spec"]["template"]["spec"]["domain"]["memory"]["guest"], "3072Mi");
    assert_eq!(vm["spec"]["dataVolumeTemplates"][0]["spec"]["sourceRef"]["name"], "root");
    let services: Api<Service> = Api::namespaced(tenant.scene.client.clone(), &tenant.space);
    assert_eq!(
        services.list(&ListParams::default()).await.unwrap().items[0].name_any(),
        format!("{name}-ssh")
    );

    plan.spec.cpus = 4;
    let grown = plan.spec.disks[0].clone();
    plan.spec.disks.push(ssvirt_core::model::DiskSpec {
        id: "2001".to_owned(),
        unit: 1,
        size_mib: 1024,
        ..grown
    });
    tenant.backend.change_vm(&plan).await.unwrap();
    let vm = tenant.object(KUBEVIRT, "VirtualMachine", &name).await;
    let domain = &vm["spec"]["template"]["spec"]["domain"];
    assert_eq!((&domain["cpu"]["sockets"], &domain["cpu"]["cores"]), (&2.into(), &2.into()));
    assert_eq!(volumes(&vm), ["root", "init", "disk-2001"]);
    assert_eq!(vm["spec"]["template"]["spec"]["networks"][0]["name"], "default");

    // A guest that is customized gets its set-up from the cloud, not from the template.
    plan.spec.guest.enabled = true;
    plan.spec.guest.computer_name = Some("web-1".to_owned());
    tenant.backend.change_vm(&plan).await.unwrap();
    let vm = tenant.object(KUBEVIRT, "VirtualMachine", &name).await;
    let guest = secrets.get(&format!("{name}-guest")).await.unwrap();
    assert_eq!(guest.owner_references()[0].uid, vm["metadata"]["uid"]);
    assert_eq!(volumes(&vm), ["root", "disk-2001", "customization"]);

    let state = tenant.backend.power_vm(plan.target, PowerAction::On).await.unwrap();
    assert_eq!(state.power, PowerState::On);
    // What cannot be done while it runs is said.
    plan.spec.cpus = 2;
    let refused = tenant.backend.change_vm(&plan).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidState);
    tenant.backend.delete_vm(plan.target).await.unwrap();
    tenant.is_empty().await;
    tenant.backend.delete_vm(plan.target).await.unwrap();
    tenant.end().await;
}

/// A provider names a volume and an instance type, and tenants start from it.
#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_is_registered_is_copied() {
    let Some(tenant) = Tenant::new("registered").await else { return };
    tenant.scene.instancetype("registered.small", 2, "2Gi").await;
    let image = |name: &str, claim: &str, instancetype: &str| Image {
        name: name.to_owned(),
        image: format!("pvc:{}/{claim}", tenant.scene.images),
        size_mib: 10_240,
        instancetype: Some(instancetype.to_owned()),
        ..Image::default()
    };
    let options = CatalogOptions {
        images: vec![
            image("golden", "root", "registered.small"),
            image("astray", "nowhere", "registered.small"),
            image("sizeless", "root", "registered.none"),
        ],
        ..tenant.scene.options()
    };
    let items = KubeVirtCatalog::new(tenant.scene.server.clone(), options).items().await.unwrap();
    let item = |name: &str| items.iter().find(|item| item.name == name).unwrap();
    assert_eq!(item("astray").not_ready.as_deref(), Some("Its volume is not there."));
    let sizeless = item("sizeless").not_ready.as_deref();
    assert_eq!(sizeless, Some("Its instance type is not there."));
    let golden = item("golden");
    assert_eq!(golden.not_ready, None);
    let plan = tenant.plan(golden, "");
    assert_eq!((plan.spec.cpus, plan.spec.memory_mib), (2, 2_048));
    tenant.backend.create_vm(&plan).await.unwrap();
    let state = tenant.backend.power_vm(plan.target, PowerAction::On).await.unwrap();
    assert_eq!(state.power, PowerState::On);
    let vm = tenant.object(KUBEVIRT, "VirtualMachine", &name_of(&plan)).await;
    let source = &vm["spec"]["dataVolumeTemplates"][0]["spec"]["source"]["pvc"];
    assert_eq!(
        (&source["namespace"], &source["name"]),
        (&tenant.scene.images.as_str().into(), &"root".into())
    );
    tenant.backend.delete_vm(plan.target).await.unwrap();
    tenant.is_empty().await;
    tenant.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_told_and_leaves_nothing() {
    let Some(tenant) = Tenant::new("fails").await else { return };
    // Refused by KubeVirt, after the service was made.
    let mut refused = service();
    refused["metadata"]["name"] = "first".into();
    let two = json!({
        "apiVersion": KUBEVIRT, "kind": "VirtualMachinePool", "metadata": { "name": "${NAME}" }, "spec": {},
    });
    tenant.scene.template("wrong", parameters(), vec![refused, two]).await;
    let item = tenant.scene.item("wrong VM").await;
    let plan = tenant.plan(&item, "x");
    let error = tenant.backend.create_vm(&plan).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRequest);
    assert!(error.message().contains("cannot be made of its template"), "{error}");
    assert!(!error.message().contains(&tenant.space), "{error}");
    tenant.is_empty().await;

    let full = "unable to create: exceeded quota: vdc-quota, requested: pods=1, used: pods=50, limited: pods=50";
    let rule = Rule {
        namespace: Some(tenant.space.clone()),
        machine: None,
        step: Step::Instantiate,
        fault: Fault::FailWith(full.to_owned()),
    };
    tenant.scene.template("small", parameters(), Vec::new()).await;
    let item = tenant.scene.item("small VM").await;
    let rule = tenant.scene.node.inject(rule);
    let plan = tenant.plan(&item, "x");
    let error = tenant.backend.create_vm(&plan).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    tenant.is_empty().await;
    // The name is free again.
    tenant.scene.node.heal(rule);
    tenant.backend.create_vm(&plan).await.unwrap();
    tenant.backend.delete_vm(plan.target).await.unwrap();
    tenant.is_empty().await;

    // What is required is OpenShift's to say too.
    let mut silent = tenant.plan(&item, "x");
    silent.products.clear();
    let error = tenant.backend.create_vm(&silent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRequest);
    tenant.is_empty().await;
    tenant.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_cut_off_is_gone_on_with_or_undone() {
    let Some(tenant) = Tenant::new("cut").await else { return };
    tenant.scene.template("small", parameters(), vec![service()]).await;
    let item = tenant.scene.item("small VM").await;
    let never = || Rule {
        namespace: Some(tenant.space.clone()),
        machine: None,
        step: Step::Instantiate,
        fault: Fault::Never,
    };
    let rule = tenant.scene.node.inject(never());
    let (gone_on, undone) = (tenant.plan(&item, "x"), tenant.plan(&item, "x"));
    for plan in [&gone_on, &undone] {
        let cut = timeout(Duration::from_secs(2), tenant.backend.create_vm(plan)).await;
        assert!(cut.is_err(), "{cut:?}");
    }
    // The Secret alone, as if the call had not come any further.
    let instances: Api<TemplateInstance> =
        Api::namespaced(tenant.scene.client.clone(), &tenant.space);
    tenant.backend.delete_vm(undone.target).await.unwrap();
    assert!(instances.get_opt(&name_of(&undone)).await.unwrap().is_none());
    tenant.scene.node.heal(rule);
    tenant.backend.create_vm(&gone_on).await.unwrap();
    assert_eq!(count(&tenant.scene.client, &tenant.space, TEMPLATES, "TemplateInstance").await, 1);
    tenant.backend.delete_vm(gone_on.target).await.unwrap();
    tenant.is_empty().await;

    let half = tenant.plan(&item, "x");
    let name = format!("{}-params", name_of(&half));
    let secret = json!({
        "metadata": { "name": name, "labels": {
            labels::VM_ID: half.target.vm.uuid().to_string(), labels::TEMPLATE_INSTANCE: name_of(&half),
        } },
    });
    tenant.scene.make(Some(&tenant.space), "v1", "Secret", secret).await;
    tenant.backend.delete_vm(half.target).await.unwrap();
    tenant.is_empty().await;
    tenant.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_there_is_no_room_for_is_refused_before_anything_is_made() {
    let options = PlaceOptions { persistent_volume_claims: 0, ..PlaceOptions::default() };
    let Some(tenant) = Tenant::with("full", options).await else { return };
    tenant.scene.template("small", parameters(), Vec::new()).await;
    let item = tenant.scene.item("small VM").await;
    let quota = || api(&tenant.scene.client, Some(&tenant.space), "v1", "ResourceQuota");
    for _ in 0..100 {
        let seen = quota().get("vdc-quota").await.unwrap();
        if !seen.data["status"]["used"].is_null() {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    let error = tenant.backend.create_vm(&tenant.plan(&item, "x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    for (version, kind) in [(TEMPLATES, "TemplateInstance"), ("v1", "Secret")] {
        assert_eq!(count(&tenant.scene.client, &tenant.space, version, kind).await, 0);
    }
    tenant.end().await;
}

/// The names of a VM's volumes.
fn volumes(vm: &Value) -> Vec<&Value> {
    let volumes = vm["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
    volumes.iter().map(|volume| &volume["name"]).collect()
}
