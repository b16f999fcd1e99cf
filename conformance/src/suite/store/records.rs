//! The query service: the values of records.

use ssvirt_core::{
    TenancyStore,
    model::{ComputePolicy, Phase, PowerState, TaskStatus, User},
    query::{FieldKind, RecordType, Subject, Value},
    rights,
};

use super::{
    query::ask,
    scene::{self, World, at, begin, id, put},
};

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Checks fields of a record that a filter finds alone.
async fn check(store: &dyn TenancyStore, record: &str, filter: &str, expected: &[(&str, Value)]) {
    let ask = ask(record, filter);
    let page = ask.rows(store).await;
    assert_eq!(page.items.len(), 1, "{record} {filter}");
    for (name, value) in expected {
        let (place, _) = ask.0.record.field(name).unwrap();
        assert_eq!(page.items[0].values[place], *value, "{record}.{name}");
    }
}

/// Every record type answers with all its fields, sorted by each, in both status dialects.
pub async fn every_record_type_answers(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    put(store, &scene::role(Some(w.a.id), "r")).await.unwrap();
    put(store, &scene::task(w.a.id, &w.ann, w.web.id.any(), at(0))).await.unwrap();
    for record in RecordType::ALL {
        let mut total = None;
        for field in record.fields() {
            for descending in [false, true] {
                let ask = ask(record.name(), "").sort(&[(field.name, descending)]).old();
                let page = ask.rows(store).await;
                assert_eq!(page.items.len() as u64, page.total.min(128), "{}", record.name());
                assert_eq!(
                    *total.get_or_insert(page.total),
                    page.total,
                    "{} {}",
                    record.name(),
                    field.name
                );
                for row in &page.items {
                    assert_eq!(row.values.len(), record.fields().len(), "{}", record.name());
                    assert_eq!(row.values[0], Value::Ref(row.id));
                    for (value, field) in row.values.iter().zip(record.fields()) {
                        let right = matches!(
                            (value, field.kind),
                            (Value::Null, _)
                                | (Value::Text(_), FieldKind::Text)
                                | (Value::Int(_), FieldKind::Int | FieldKind::Status)
                                | (Value::Bool(_), FieldKind::Bool)
                                | (Value::Time(_), FieldKind::Time)
                                | (Value::Ref(_), FieldKind::Ref(_) | FieldKind::Urn(_))
                        );
                        assert!(right, "{}.{} is {value:?}", record.name(), field.name);
                    }
                }
            }
        }
        let nothing = matches!(record.subject, Subject::Media | Subject::Disk);
        assert_eq!(total == Some(0), nothing, "{}", record.name());
    }
}

/// A VM's record, and that of a VM in a template.
pub async fn values_of_a_vm(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    check(
        store,
        "vm",
        "name==web1",
        &[
            ("id", Value::Ref(w.web1.id.uuid())),
            ("containerName", text("web")),
            ("container", Value::Ref(w.web.id.uuid())),
            ("isVAppTemplate", Value::Bool(false)),
            ("status", Value::Int(4)),
            ("isDeployed", Value::Bool(true)),
            ("isBusy", Value::Bool(false)),
            ("vdc", Value::Ref(w.vdc.id.uuid())),
            ("vdcName", text("vdc")),
            ("org", Value::Ref(w.a.id.uuid())),
            ("owner", Value::Ref(w.ann.id.uuid())),
            ("ownerName", text("ann")),
            ("guestOs", text("otherGuest64")),
            ("numberOfCpus", Value::Int(4)),
            ("memoryMB", Value::Int(4096)),
            ("hardwareVersion", Value::Int(19)),
            ("networkName", text("net")),
            ("ipAddress", text("192.168.100.10")),
            ("catalogName", Value::Null),
            ("storageProfileName", text("standard")),
            ("totalStorageAllocatedMb", Value::Int(10_240 + 1024)),
            ("dateCreated", Value::Time(at(30).as_millisecond())),
            ("vmSizingPolicyId", Value::Ref(ComputePolicy::SYSTEM_DEFAULT.uuid())),
            ("firmware", text("bios")),
        ],
    )
    .await;
    check(
        store,
        "vm",
        "name==t1-vm",
        &[
            ("id", Value::Ref(w.template.vms[0].id.uuid())),
            ("containerName", text("t1")),
            ("container", Value::Ref(w.template.id.uuid())),
            ("isVAppTemplate", Value::Bool(true)),
            ("status", Value::Int(8)),
            ("isDeployed", Value::Bool(false)),
            ("catalogName", text("mine")),
            ("vdc", Value::Null),
            ("numberOfCpus", Value::Int(2)),
            ("totalStorageAllocatedMb", Value::Int(20_480)),
            ("isPublished", Value::Bool(false)),
        ],
    )
    .await;
    assert_eq!(
        ask("vm", "isVAppTemplate==false").names(store).await,
        ["foreign-vm", "web1", "web2"]
    );
    assert_eq!(ask("vm", "isVAppTemplate==true").names(store).await, ["t1-vm", "t2-vm", "t3-vm"]);
    let both = ask("adminVM", "isVAppTemplate==true,container==t").rows(store).await;
    assert_eq!(both.total, 3);
}

/// A vApp's record sums up its VMs.
pub async fn values_of_a_vapp(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    check(
        store,
        "adminVApp",
        "name==web",
        &[
            ("status", Value::Int(10)),
            ("vdc", Value::Ref(w.vdc.id.uuid())),
            ("ownerName", text("ann")),
            ("isDeployed", Value::Bool(true)),
            ("isEnabled", Value::Bool(true)),
            ("isVdcEnabled", Value::Bool(true)),
            ("numberOfVMs", Value::Int(2)),
            ("numberOfCpus", Value::Int(5)),
            ("memoryAllocationMB", Value::Int(4096 + 512)),
            ("totalStorageAllocatedMb", Value::Int(13_312)),
            ("storageKB", Value::Int(13_312 * 1024)),
            ("cpuAllocationMhz", Value::Int(5000)),
            ("creationDate", Value::Time(at(20).as_millisecond())),
        ],
    )
    .await;
    let nothing = [
        ("numberOfVMs", Value::Int(0)),
        ("numberOfCpus", Value::Int(0)),
        ("isDeployed", Value::Bool(false)),
    ];
    check(store, "vApp", "name==empty", &nothing).await;
}

/// A VDC's record says what is in use.
pub async fn values_of_a_vdc(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    let filter = format!("org=={}", w.a.id);
    check(
        store,
        "adminOrgVdc",
        &filter,
        &[
            ("id", Value::Ref(w.vdc.id.uuid())),
            ("orgName", text("a")),
            ("providerVdcName", text("default")),
            ("status", text("READY")),
            ("cpuAllocationMhz", Value::Int(20_000)),
            ("cpuUsedMhz", Value::Int(4000)),
            ("memoryUsedMB", Value::Int(4096)),
            ("storageLimitMB", Value::Int(1_000_000)),
            ("storageUsedMB", Value::Int(13_312)),
            ("numberOfVApps", Value::Int(2)),
            ("numberOfVMs", Value::Int(2)),
            ("numberOfRunningVMs", Value::Int(1)),
            ("numberOfDeployedVApps", Value::Int(1)),
            ("numberOfStorageProfiles", Value::Int(1)),
        ],
    )
    .await;
}

/// The other records.
pub async fn values_of_other_records(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    let mut task = scene::task(w.a.id, &w.ann, w.web.id.any(), at(0));
    task.status = TaskStatus::Success;
    task.ended = Some(at(5));
    put(store, &task).await.unwrap();
    let role = scene::role(Some(w.a.id), "operator");
    put(store, &role).await.unwrap();
    put(store, &User { role: role.id, ..scene::user(w.a.id, "olga") }).await.unwrap();

    let org = [
        ("displayName", text("a in full")),
        ("numberOfCatalogs", Value::Int(1)),
        ("numberOfVdcs", Value::Int(1)),
        ("numberOfVApps", Value::Int(2)),
    ];
    check(store, "organization", "name==a", &org).await;
    let catalog = [
        ("orgName", text("b")),
        ("ownerName", text("bob")),
        ("isPublished", Value::Bool(true)),
        ("numberOfVAppTemplates", Value::Int(1)),
        ("version", Value::Int(7)),
        ("creationDate", Value::Time(at(10).as_millisecond())),
    ];
    check(store, "catalog", "name==published", &catalog).await;
    let item = [
        ("entity", Value::Ref(w.template.id.uuid())),
        ("entityName", text("t1")),
        ("catalogName", text("mine")),
        ("status", text("RESOLVED")),
        ("org", Value::Ref(w.a.id.uuid())),
    ];
    check(store, "adminCatalogItem", "name==t1", &item).await;
    let template = [
        ("catalog", Value::Ref(w.catalog.id.uuid())),
        ("catalogItem", Value::Ref(w.template.item.uuid())),
        ("ownerName", text("ann")),
        ("status", text("RESOLVED")),
        ("isBusy", Value::Bool(false)),
    ];
    check(store, "vAppTemplate", "name==t1", &template).await;
    let object = format!("object==https://host/api/vApp/vapp-{}", w.web.id);
    let done = [
        ("name", text("vdcInstantiateVapp")),
        ("status", text("success")),
        ("object", text(&w.web.id.urn())),
        ("objectType", text("vApp")),
        ("ownerName", text("ann")),
        ("orgName", text("a")),
        ("startDate", Value::Time(at(0).as_millisecond())),
        ("endDate", Value::Time(at(5).as_millisecond())),
    ];
    check(store, "task", &object, &done).await;
    check(store, "task", &format!("object=={}", w.web.id.urn()), &done).await;
    assert_eq!(ask("task", &format!("object=={}", w.empty.id.urn())).rows(store).await.total, 0);
    let user = [
        ("fullName", text("ANN")),
        ("deployedVMQuota", Value::Int(3)),
        ("numberOfDeployedVMs", Value::Int(1)),
        ("numberOfStoredVMs", Value::Int(2)),
        ("roleNames", Value::Null),
    ];
    check(store, "user", "name==ann", &user).await;
    check(store, "user", "name==olga", &[("roleNames", text("operator"))]).await;
    check(
        store,
        "adminRole",
        "name==operator",
        &[("orgName", text("a")), ("isReadOnly", Value::Bool(false))],
    )
    .await;
    let profile = [
        ("vdcName", text("vdc")),
        ("storageUsedMB", Value::Int(11_264)),
        ("isDefaultStorageProfile", Value::Bool(true)),
    ];
    check(store, "orgVdcStorageProfile", "name==standard", &profile).await;
    let network = [
        ("defaultGateway", text("192.168.100.1")),
        ("netmask", text("255.255.255.0")),
        ("subnetPrefixLength", Value::Int(24)),
        ("dns1", text("9.9.9.9")),
        ("dns2", Value::Null),
        ("linkType", Value::Int(2)),
        ("usedIpCount", Value::Int(1)),
        ("totalIpCount", Value::Int(10)),
    ];
    check(store, "orgVdcNetwork", "name==net", &network).await;
    let vapp = format!("vApp=={};isLinked==", w.web.id);
    let linked = [
        ("vAppName", text("web")),
        ("linkType", Value::Int(0)),
        ("gateway", text("192.168.100.1")),
    ];
    check(store, "vAppNetwork", &format!("{vapp}true"), &linked).await;
    check(store, "vAppNetwork", &format!("{vapp}false"), &[("name", text("inside"))]).await;
    let right = rights::TENANT[0];
    let page = ask("right", "").page(1, 1).rows(store).await;
    assert_eq!(page.total, rights::TENANT.len() as u64);
    let id = rights::id(right).uuid();
    assert!(ask("right", "").all(store).await.iter().any(|row| row.id == id));
}

/// A vApp is what its VMs are, if they agree.
pub async fn status_of_vapps(store: &dyn TenancyStore) {
    let org = scene::org("o");
    let vdc = scene::vdc(org.id, id(), "v");
    let (on, off, suspended) = (PowerState::On, PowerState::Off, PowerState::Suspended);
    type Case<'a> = (&'a str, Phase, &'a [(PowerState, bool)], i64);
    let cases: &[Case<'_>] = &[
        ("creating", Phase::Creating, &[(on, true)], 0),
        ("failed", Phase::Failed, &[], -1),
        ("none", Phase::Ready, &[], 1),
        ("on", Phase::Ready, &[(on, true), (on, true)], 4),
        ("off", Phase::Ready, &[(off, false), (off, false)], 8),
        ("half", Phase::Ready, &[(off, true), (off, true)], 20),
        ("mixed", Phase::Ready, &[(on, true), (off, true), (on, true)], 10),
        ("suspended", Phase::Ready, &[(suspended, true)], 3),
    ];
    let mut tx = begin(store).await;
    for (name, phase, vms, _) in cases {
        let vapp = ssvirt_core::model::VApp { phase: *phase, ..scene::vapp(&vdc, id(), name) };
        tx.insert(&vapp).await.unwrap();
        for (index, (power, deployed)) in vms.iter().enumerate() {
            let mut vm = scene::vm(&vapp, &format!("vm{index}"));
            vm.state.power = *power;
            vm.deployed = *deployed;
            tx.insert(&vm).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
    for (name, _, _, code) in cases {
        check(store, "vApp", &format!("name=={name}"), &[("status", Value::Int(*code))]).await;
    }
    assert_eq!(
        ask("vApp", "status!=UNRESOLVED;status!=FAILED_CREATION;isDeployed==true")
            .names(store)
            .await,
        ["half", "mixed", "on", "suspended"]
    );
}

/// To clients before API version 37.0, deployed and off is just off: in values and in filters.
pub async fn old_clients_see_old_statuses(store: &dyn TenancyStore) {
    let mut w = World::new(store).await;
    let mut tx = begin(store).await;
    for vm in [&mut w.web1, &mut w.web2] {
        vm.state.power = PowerState::Off;
        vm.deployed = true;
        tx.update(vm).await.unwrap();
    }
    tx.commit().await.unwrap();
    for record in ["vm", "vApp"] {
        let all = || ask(record, "name==web*");
        let count = all().rows(store).await.items.len();
        assert_eq!(all().values(store, "status").await, vec![Value::Int(20); count]);
        assert_eq!(all().old().values(store, "status").await, vec![Value::Int(8); count]);
    }
    assert_eq!(
        ask("vm", "status==POWERED_OFF").names(store).await,
        ["foreign-vm", "t1-vm", "t2-vm", "t3-vm"]
    );
    assert_eq!(
        ask("vm", "status==POWERED_OFF").old().names(store).await,
        ["foreign-vm", "t1-vm", "t2-vm", "t3-vm", "web1", "web2"]
    );
    assert_eq!(ask("vm", "status==PARTIALLY_POWERED_OFF").names(store).await, ["web1", "web2"]);
    assert_eq!(ask("vApp", "status==POWERED_OFF").old().names(store).await, ["foreign", "web"]);
}

/// What a task works on is busy.
pub async fn busy_objects(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    let task = scene::task(w.a.id, &w.ann, w.web.id.any(), at(0));
    let locks = [w.web.id.any(), w.web1.id.any(), w.vdc.id.any()];
    let mut tx = begin(store).await;
    tx.insert_task(&task, &[], &locks).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ask("vApp", "isBusy==true").names(store).await, ["web"]);
    assert_eq!(ask("vm", "isBusy==true").names(store).await, ["web1"]);
    let filter = format!("isBusy==true;id=={}", w.vdc.id.urn());
    assert_eq!(ask("orgVdc", &filter).rows(store).await.total, 1);
    let mut tx = begin(store).await;
    tx.release_task(task.id, true).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ask("vApp", "isBusy==true").rows(store).await.total, 0);
}
