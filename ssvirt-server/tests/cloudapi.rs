//! `/cloudapi` as the web console uses it: what it reads, what it writes, and what it must not be let do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{ADMIN, ADMINISTRATOR, Answer, App, Client, PASSWORD, USER, unknown};
use serde_json::{Value, json};

const FORBIDDEN: &str = "ACCESS_TO_RESOURCE_IS_FORBIDDEN";

/// Sends JSON as the web console does: without a version.
async fn send(client: &Client<'_>, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    client.send_for("application/json", method, path, Some("application/json"), &body).await
}

async fn get(client: &Client<'_>, path: &str) -> Value {
    send(client, "GET", path, &Value::Null).await.ok().json()
}

/// A path under `/cloudapi/1.0.0` for an id, percent-encoded as the web console has it.
fn at(folder: &str, id: &Value) -> String {
    let id = id.as_str().unwrap().replace(':', "%3A");
    format!("/cloudapi/1.0.0/{folder}/{id}")
}

/// Waits for the task of an answer of 202.
async fn finished(client: &Client<'_>, answer: Answer) {
    let href = answer.clone().is(202).header("location").to_owned();
    loop {
        let task = client.get(&href).await.ok().xml();
        match task.attr("status") {
            "success" => return,
            "queued" | "running" => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            _ => panic!("the task failed: {task:?}"),
        }
    }
}

fn names(list: &Value, field: &str) -> Vec<String> {
    let values = list["values"].as_array().unwrap().iter();
    values.map(|value| value[field].as_str().unwrap().to_owned()).collect()
}

#[test]
fn organizations_live_from_post_to_delete() {
    common::run(async {
        let app = App::start().await;
        let provider = app.user(ADMINISTRATOR).await;
        let new = json!({
            "name": "acme", "displayName": "Acme", "description": "", "isEnabled": false
        });
        let made = send(&provider, "POST", "/cloudapi/1.0.0/orgs", &new).await.is(201);
        let org = made.json();
        assert_eq!(org["isEnabled"], false, "false is honoured");
        for counter in ["orgVdcCount", "catalogCount", "vappCount", "runningVMCount", "userCount"] {
            assert_eq!(org[counter], 0, "{counter}");
        }
        let path = at("orgs", &org["id"]);
        // What was shown can be put back.
        let back = send(&provider, "PUT", &path, &org).await.ok().json();
        assert_eq!(back, org);
        let on = send(&provider, "PATCH", &path, &json!({"isEnabled": true})).await.ok();
        assert_eq!(on.json()["isEnabled"], true);
        assert_eq!(on.json()["displayName"], "Acme");
        // A change from an old version, and a name that is taken.
        let stale = provider.clone().with("if-match", made.header("etag"));
        let stale = send(&stale, "PUT", &path, &json!({"description": "x"})).await;
        stale.refused(412, "PRECONDITION_FAILED");
        let fresh = provider.clone().with("if-match", on.header("etag"));
        send(&fresh, "PUT", &path, &json!({"description": "x"})).await.ok();
        let taken = send(&provider, "PUT", &path, &json!({"name": "demo"})).await;
        taken.refused(409, "DUPLICATE_NAME");
        let taken = send(&provider, "POST", "/cloudapi/1.0.0/orgs", &new).await;
        taken.refused(400, "DUPLICATE_NAME");
        send(&provider, "DELETE", &path, &Value::Null).await.refused(400, "INVALID_STATE");
        send(&provider, "PATCH", &path, &json!({"isEnabled": false})).await.ok();
        let gone = send(&provider, "DELETE", &path, &Value::Null).await;
        finished(&provider, gone).await;
        send(&provider, "GET", &path, &Value::Null).await.refused(403, FORBIDDEN);
        send(&provider, "POST", "/cloudapi/1.0.0/orgs", &new).await.is(201);
    });
}

#[test]
fn the_system_organization_stays_as_it_is() {
    common::run(async {
        let app = App::start().await;
        let provider = app.user(ADMINISTRATOR).await;
        let system = get(&provider, "/cloudapi/1.0.0/orgs?filter=name==System").await;
        let path = at("orgs", &system["values"][0]["id"]);
        for change in [json!({"name": "other"}), json!({"isEnabled": false})] {
            send(&provider, "PATCH", &path, &change).await.refused(400, "INVALID_STATE");
        }
        for path in [path.clone(), format!("{path}?force=true")] {
            send(&provider, "DELETE", &path, &Value::Null).await.refused(400, "INVALID_STATE");
        }
        send(&provider, "PATCH", &path, &json!({"description": "ours"})).await.ok();
    });
}

#[test]
fn an_organization_goes_with_all_that_is_in_it_only_if_told_so() {
    common::run(async {
        let app = App::start().await;
        let provider = app.user(ADMINISTRATOR).await;
        app.user(ADMIN).await.instantiate("stays", "ubuntu-24.04", true).await;
        let demo = get(&provider, "/cloudapi/1.0.0/orgs?filter=name==demo").await;
        let path = at("orgs", &demo["values"][0]["id"]);
        send(&provider, "PATCH", &path, &json!({"isEnabled": false})).await.ok();
        for refused in [path.clone(), format!("{path}?recursive=true")] {
            let answer = send(&provider, "DELETE", &refused, &Value::Null).await;
            answer.refused(400, "INVALID_STATE");
        }
        let forced = send(&provider, "DELETE", &format!("{path}?force=true"), &Value::Null).await;
        finished(&provider, forced).await;
        for kind in ["orgs", "vdcs", "catalogs", "vapps", "vms", "users"] {
            let rest = get(&provider, &format!("/cloudapi/1.0.0/{kind}?pageSize=128")).await;
            let text = rest["values"].to_string();
            assert!(!text.contains("demo") && !text.contains("stays"), "{kind}: {text}");
        }
        let rivals = get(&provider, "/cloudapi/1.0.0/vapps").await;
        assert_eq!(rivals["resultTotal"], 1, "another organization's stay");
    });
}

#[test]
fn counters_are_true() {
    common::run(async {
        let app = App::start().await;
        let admin = app.user(ADMIN).await;
        admin.instantiate("on", "ubuntu-24.04", true).await;
        admin.instantiate("off", "two-tier", false).await;
        let org = get(&admin, "/cloudapi/1.0.0/orgs").await["values"][0].clone();
        assert_eq!(
            [&org["orgVdcCount"], &org["catalogCount"], &org["vappCount"], &org["runningVMCount"]],
            [1, 1, 2, 1]
        );
        let users = get(&admin, "/cloudapi/1.0.0/users").await["resultTotal"].clone();
        assert_eq!(org["userCount"], users);
        let catalog = get(&admin, "/cloudapi/1.0.0/catalogs").await["values"][0].clone();
        assert_eq!(catalog["numberOfVAppTemplates"], 3);
    });
}

#[test]
fn users_live_from_post_to_delete() {
    common::run(async {
        let app = App::start().await;
        let admin = app.user(ADMIN).await;
        let org = get(&admin, "/cloudapi/1.0.0/orgs").await["values"][0].clone();
        let roles = get(&admin, "/cloudapi/1.0.0/roles?filter=name==vApp%20User").await;
        let role = json!({"id": roles["values"][0]["id"], "name": "vApp User"});
        // As the console's form sends it.
        let new = json!({
            "username": "ann", "FullName": "Ann", "email": "ann@example.com", "password": PASSWORD,
            "roleEntityRefs": [role], "orgEntityRef": {"id": org["id"], "name": "demo"},
            "organizationID": org["id"], "deployedVmQuota": 3, "storedVmQuota": 4, "enabled": false,
        });
        let made = send(&admin, "POST", "/cloudapi/1.0.0/users", &new).await.is(201).json();
        assert_eq!(made["fullName"], "Ann");
        assert_eq!((&made["enabled"], &made["deployedVmQuota"]), (&json!(false), &json!(3)));
        assert_eq!(made["roleEntityRefs"][0]["name"], "vApp User");
        assert_eq!(made["orgEntityRef"]["id"], org["id"]);
        assert!(!made.to_string().contains(PASSWORD) && made.get("password").is_none());
        let path = at("users", &made["id"]);
        assert_eq!(app.login("ann@demo", PASSWORD).await.code(), 401, "disabled");
        send(&admin, "PATCH", &path, &json!({"enabled": true})).await.ok();
        let token = app.login("ann@demo", PASSWORD).await.token();
        let back = send(&admin, "PUT", &path, &made).await.ok().json();
        assert_eq!(back, made, "what was shown can be put back");
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("accept", "application/json")];
        let ended = app.send("GET", "/cloudapi/1.0.0/users/current", &headers, "").await;
        assert_eq!(ended.code(), 401, "disabling ends what was logged in");
        for change in [
            json!({"roleEntityRefs": [{"name": "vApp Author"}]}),
            json!({"orgEntityRef": {"id": org["id"]}}),
            json!({"storedVmQuota": 0}),
        ] {
            send(&admin, "PATCH", &path, &change).await.ok();
        }
        let now = get(&admin, &path).await;
        assert_eq!(now["roleEntityRefs"][0]["name"], "vApp Author");
        assert_eq!(now["storedVmQuota"], 0);
        // Names are unique in an organization, whatever their case.
        let again = json!({"username": "ANN", "roleEntityRefs": [role]});
        let again = send(&admin, "POST", "/cloudapi/1.0.0/users", &again).await;
        again.refused(400, "DUPLICATE_NAME");
        let taken = send(&admin, "PUT", &path, &json!({"username": "user"})).await;
        taken.refused(409, "DUPLICATE_NAME");
        let gone = send(&admin, "DELETE", &path, &Value::Null).await;
        finished(&admin, gone).await;
        send(&admin, "GET", &path, &Value::Null).await.refused(403, FORBIDDEN);
    });
}

#[test]
fn nobody_raises_themselves_or_locks_everyone_out() {
    common::run(async {
        let app = App::start().await;
        let (provider, admin) = (app.user(ADMINISTRATOR).await, app.user(ADMIN).await);
        let user = app.user(USER).await;
        let roles =
            get(&provider, "/cloudapi/1.0.0/roles?filter=name==System%20Administrator").await;
        let highest = json!({"roleEntityRefs": [{"id": roles["values"][0]["id"]}]});
        let me = get(&user, "/cloudapi/1.0.0/users/current").await;
        assert_eq!(me["username"], "user");
        let path = at("users", &me["id"]);
        send(&user, "PUT", &path, &highest).await.refused(403, FORBIDDEN);
        send(&user, "PATCH", &path, &json!({"enabled": true})).await.refused(403, FORBIDDEN);
        send(&admin, "PATCH", &path, &highest).await.refused(400, "INVALID_REFERENCE");
        send(&user, "GET", "/cloudapi/1.0.0/users", &Value::Null).await.refused(403, FORBIDDEN);
        // The last one who administers the cloud stays one.
        let last = get(&provider, "/cloudapi/1.0.0/users/current").await;
        let path = at("users", &last["id"]);
        send(&provider, "PATCH", &path, &json!({"enabled": false}))
            .await
            .refused(400, "INVALID_STATE");
        send(&provider, "DELETE", &path, &Value::Null).await.refused(400, "INVALID_STATE");
        // A user belongs to nobody else's organization by an administrator's hand.
        let rival =
            json!({"orgEntityRef": {"id": format!("urn:vcloud:org:{}", app.rival.org.uuid())}});
        let path = at("users", &me["id"]);
        send(&admin, "PATCH", &path, &rival).await.refused(403, FORBIDDEN);
    });
}

#[test]
fn passwords_change_by_the_present_one() {
    common::run(async {
        let app = App::start().await;
        let user = app.user(USER).await;
        let put = |body: Value| {
            let user = user.clone();
            async move { send(&user, "PUT", "/api/v1/user/password", &body).await }
        };
        let wrong = json!({"current_password": "wrong", "new_password": "another one"});
        put(wrong).await.refused(400, "BAD_REQUEST");
        let right = json!({"current_password": PASSWORD, "new_password": "another one"});
        assert_eq!(put(right).await.ok().json()["success"], true);
        get(&user, "/cloudapi/1.0.0/users/current").await;
        assert_eq!(app.login(USER, PASSWORD).await.code(), 401);
        app.login(USER, "another one").await.token();
        let path = "/cloudapi/1.0.0/users/current/changePassword";
        let back = json!({"currentPassword": "another one", "newPassword": PASSWORD});
        send(&user, "POST", path, &back).await.is(204);
        // As VCD has it: a user may set its own password and nothing else.
        let body = json!({"password": "a third one"});
        send(&user, "PUT", "/cloudapi/1.0.0/users/current", &body).await.ok();
        send(&user, "GET", "/cloudapi/1.0.0/users/current", &Value::Null).await.is(401);
        app.login(USER, "a third one").await.token();
    });
}

#[test]
fn preferences_are_kept() {
    common::run(async {
        let app = App::start().await;
        let user = app.user(USER).await;
        let path = "/api/v1/user/preferences";
        let before = get(&user, path).await;
        assert_eq!(before["data"]["theme"], "auto");
        let change = json!({"preferences": {"theme": "dark", "default_items_per_page": 50}});
        let after = send(&user, "PUT", path, &change).await.ok().json();
        assert_eq!(get(&user, path).await, after);
        assert_eq!(after["data"]["theme"], "dark");
        assert_eq!(after["data"]["time_format"], before["data"]["time_format"]);
        let bad = json!({"preferences": {"theme": "pink"}});
        send(&user, "PUT", path, &bad).await.refused(400, "BAD_REQUEST");
        assert_eq!(get(&user, "/api/v1/user/profile").await["data"]["username"], "user");
        assert_eq!(get(&user, "/api/v1/user/security/settings").await["data"], json!([]));
    });
}

#[test]
fn vdcs_live_from_post_to_delete() {
    common::run(async {
        let app = App::start().await;
        let provider = app.user(ADMINISTRATOR).await;
        let demo = get(&provider, "/cloudapi/1.0.0/orgs?filter=name==demo").await;
        let org = demo["values"][0]["id"].as_str().unwrap().replace(':', "%3A");
        let folder = format!("/api/admin/org/{org}/vdcs");
        // As the console's form sends it, placeholder included.
        let new = json!({
            "name": "second", "description": "", "allocationModel": "Flex",
            "computeCapacity": {
                "cpu": {"allocated": 1000, "limit": 10000, "units": "MHz"},
                "memory": {"allocated": 1024, "limit": 10240, "units": "MB"},
            },
            "providerVdc": {"id": "provider-vdc-placeholder-001"}, "nicQuota": 100,
            "networkQuota": 50, "vdcStorageProfiles": [], "isThinProvision": false, "isEnabled": false,
        });
        let vdc = send(&provider, "POST", &folder, &new).await.is(201).json();
        for field in ["name", "allocationModel", "computeCapacity", "isThinProvision", "isEnabled"]
        {
            assert_eq!(vdc[field], new[field], "{field}");
        }
        assert_eq!(vdc["allocationType"], "FLEX");
        assert_eq!(vdc["providerVdc"]["name"], "default");
        let profile = &vdc["vdcStorageProfiles"][0];
        assert_eq!((&profile["default"], &profile["units"]), (&json!(true), &json!("MB")));
        let id = vdc["id"].as_str().unwrap().replace(':', "%3A");
        let path = format!("{folder}/{id}");
        assert_eq!(send(&provider, "PUT", &path, &vdc).await.ok().json(), vdc);
        let change = json!({
            "isEnabled": true, "computeCapacity": {"cpu": {"limit": 20000}},
            "vdcStorageProfiles": [{"id": profile["id"], "limit": 7}, {"name": "fast", "default": true}],
        });
        let changed = send(&provider, "PUT", &path, &change).await.ok().json();
        assert_eq!(changed["isEnabled"], true);
        assert_eq!(
            changed["computeCapacity"]["cpu"],
            json!({"allocated": 1000, "limit": 20000, "units": "MHz"})
        );
        assert_eq!(changed["vdcStorageProfiles"][0]["name"], "fast");
        assert_eq!(changed["vdcStorageProfiles"][1]["limit"], 7);
        for bad in [
            json!({"computeCapacity": {"cpu": {"limit": -1}}}),
            json!({"computeCapacity": {"cpu": {"limit": 10}}}),
            json!({"computeCapacity": {"memory": {"limit": 1, "units": "bananas"}}}),
            json!({"allocationModel": "Whatever"}),
            json!({"unknown": 1}),
        ] {
            send(&provider, "PUT", &path, &bad).await.refused(400, "BAD_REQUEST");
        }
        assert_eq!(get(&provider, &path).await, changed, "nothing was changed");
        // The console asks one organization after the other.
        let elsewhere = format!("/api/admin/org/{}/vdcs/{id}", app.rival.org.uuid());
        send(&provider, "GET", &elsewhere, &Value::Null).await.refused(404, "NOT_FOUND");
        let list = get(&provider, &format!("{folder}?sortAsc=name&status=disabled")).await;
        assert_eq!(list["resultTotal"], 0);
        let list = get(&provider, &format!("{folder}?filter=sec&allocationModel=Flex")).await;
        assert_eq!(names(&list, "name"), ["second"]);
        let gone = send(&provider, "DELETE", &path, &Value::Null).await;
        finished(&provider, gone).await;
        send(&provider, "GET", &path, &Value::Null).await.refused(404, "NOT_FOUND");
        let admin = app.user(ADMIN).await;
        send(&admin, "POST", &folder, &new).await.refused(403, FORBIDDEN);
        get(&admin, &folder).await;
    });
}

#[test]
fn catalogs_and_their_items() {
    common::run(async {
        let app = App::start().await;
        let admin = app.user(ADMIN).await;
        let org = get(&admin, "/cloudapi/1.0.0/orgs").await["values"][0]["id"].clone();
        let new = json!({"name": "shelf", "description": "d", "orgId": org, "isPublished": true});
        let made = send(&admin, "POST", "/cloudapi/1.0.0/catalogs", &new).await.is(201).json();
        assert_eq!(made["isPublished"], true);
        let path = at("catalogs", &made["id"]);
        assert_eq!(send(&admin, "PUT", &path, &made).await.ok().json(), made);
        let off = send(&admin, "PATCH", &path, &json!({"isPublished": false})).await.ok().json();
        assert_eq!((&off["isPublished"], &off["description"]), (&json!(false), &json!("d")));
        let taken = send(&admin, "PUT", &path, &json!({"name": "templates"})).await;
        taken.refused(409, "DUPLICATE_NAME");
        let gone = send(&admin, "DELETE", &path, &Value::Null).await;
        finished(&admin, gone).await;

        let catalogs = get(&admin, "/cloudapi/1.0.0/catalogs?page=1&pageSize=25").await;
        let catalog = &catalogs["values"][0];
        let path = at("catalogs", &catalog["id"]);
        send(&admin, "DELETE", &path, &Value::Null).await.refused(400, "INVALID_STATE");
        let items = get(&admin, &format!("{path}/catalogItems?filter=ubuntu")).await;
        let item = &items["values"][0];
        assert_eq!(names(&items, "name"), ["ubuntu-24.04"]);
        for field in ["creationDate", "modificationDate", "status", "os_type", "versionNumber"] {
            assert!(!item[field].is_null(), "{field}: {item}");
        }
        assert_eq!(item["catalogEntityRef"]["name"], "templates");
        let own = format!("{path}/catalogItems/{}", item["id"].as_str().unwrap());
        assert_eq!(&get(&admin, &own).await, item, "what is listed can be got");
        assert_eq!(&get(&admin, &at("catalogItems", &item["id"])).await, item);
    });
}

/// A new vApp of the demo's VDC.
async fn instantiate(client: &Client<'_>, body: &Value) -> Answer {
    let vdcs = get(client, "/cloudapi/1.0.0/vdcs").await;
    let path = at("vdcs", &vdcs["values"][0]["id"]);
    send(client, "POST", &format!("{path}/actions/instantiateTemplate"), body).await
}

#[test]
fn a_template_is_instantiated_in_every_shape() {
    common::run(async {
        let app = App::start().await;
        let user = app.user(USER).await;
        let items = get(&user, "/cloudapi/1.0.0/catalogItems?filter=name==ubuntu-24.04").await;
        let item = &items["values"][0];
        let id = item["id"].as_str().unwrap();
        assert_eq!(id.split(':').count(), 4);
        let catalog = item["catalog_id"].as_str().unwrap().rsplit(':').next().unwrap();
        let of_catalog = format!("urn:vcloud:catalogitem:{catalog}");
        let shapes = [
            json!({"name": "by-item", "catalogItem": {"id": id, "name": "ubuntu-24.04"}}),
            json!({"name": "by-catalog", "catalogItem": {"id": of_catalog, "name": "ubuntu-24.04"}}),
            json!({"name": "five-parts", "catalogItem": {"id": format!("{of_catalog}:ubuntu-24.04")}}),
            json!({"name": "by-urn", "catalogItemUrn": id, "powerOn": false, "deploy": false}),
            json!({
                "name": "any-network", "catalogItemUrn": id, "powerOn": false,
                "networkConnectionSection": {"networkConnection": [{
                    "network": "default", "networkConnectionIndex": 0, "isConnected": true,
                    "ipAddressAllocationMode": "POOL", "isPrimary": true}]},
            }),
            json!({
                "name": "wizard", "description": "d", "catalogItemUrn": id, "powerOn": true,
                "deploy": true, "acceptAllEulas": true,
                "guestCustomization": {"computerName": "web-1", "adminPassword": "guest password",
                    "adminPasswordEnabled": true, "customizationScript": "echo hello"},
                "networkConnectionSection": {"networkConnection": [{
                    "network": "demo-net", "networkConnectionIndex": 0, "isConnected": true,
                    "ipAddressAllocationMode": "POOL", "isPrimary": true}]},
            }),
        ];
        for shape in &shapes {
            let made = instantiate(&user, shape).await.is(201).json();
            assert_eq!(made["name"], shape["name"]);
            assert_eq!(made["numberOfVMs"], 1, "{made}");
            assert!(made["id"].as_str().unwrap().starts_with("urn:vcloud:vapp:"));
        }
        app.settled().await;
        let vapps = get(&user, "/cloudapi/1.0.0/vapps?sortAsc=name").await;
        let state = |name: &str| {
            let found = vapps["values"].as_array().unwrap().iter();
            found.clone().find(|vapp| vapp["name"] == name).unwrap().clone()
        };
        assert_eq!(state("by-urn")["status"], "POWERED_OFF");
        let wizard = state("wizard");
        assert_eq!(wizard["status"], "POWERED_ON");
        let vm = get(&user, &at("vms", &wizard["vms"][0]["id"])).await;
        assert_eq!(vm["status"], "POWERED_ON");
        let nic = &vm["networkConnections"][0];
        assert_eq!(nic["networkName"], "demo-net");
        assert!(nic["ipAddress"].as_str().unwrap().starts_with("192.168.100."), "{nic}");
        assert!(!vm.to_string().contains("guest password"));
        // What the wizard says where no network has been chosen.
        let open = get(&user, &at("vms", &state("any-network")["vms"][0]["id"])).await;
        assert_eq!(open["networkConnections"][0]["networkName"], "demo-net");
        let guest = format!("{}/guestCustomizationSection", vm["href"].as_str().unwrap());
        let guest = user.get(&guest).await.ok().xml();
        assert_eq!(guest.child("ComputerName").text, "web-1");
        for (status, minor, body) in [
            (400, "BAD_REQUEST", json!({"name": "x"})),
            (400, "BAD_REQUEST", json!({"name": "x", "catalogItemUrn": "urn:vcloud:vm:1"})),
            (400, "DUPLICATE_NAME", json!({"name": "wizard", "catalogItemUrn": id})),
            (
                403,
                FORBIDDEN,
                json!({"name": "x", "catalogItem": {"id": of_catalog, "name": "none"}}),
            ),
            (
                403,
                FORBIDDEN,
                json!({"name": "x", "catalogItemUrn": format!("urn:vcloud:catalogitem:{}", unknown())}),
            ),
            (
                400,
                "INVALID_REFERENCE",
                json!({"name": "x", "catalogItemUrn": id,
                "networkConnectionSection": {"networkConnection": [{"network": "nowhere"}]}}),
            ),
        ] {
            instantiate(&user, &body).await.refused(status, minor);
        }
        assert_eq!(get(&user, "/cloudapi/1.0.0/vapps").await["resultTotal"], shapes.len());
    });
}

#[test]
fn vms_are_powered_and_deleted() {
    common::run(async {
        let app = App::start().await;
        let admin = app.user(ADMIN).await;
        let items = get(&admin, "/cloudapi/1.0.0/catalogItems?search=UBUNTU").await;
        let body =
            json!({"name": "a", "catalogItemUrn": items["values"][0]["id"], "powerOn": false});
        let made = instantiate(&admin, &body).await.is(201).json();
        app.settled().await;
        let vapp = at("vapps", &made["id"]);
        let made = get(&admin, &vapp).await;
        let vm = at("vms", &made["vms"][0]["id"]);
        for (action, status) in [
            ("powerOn", "POWERED_ON"),
            ("reset", "POWERED_ON"),
            ("reboot", "POWERED_ON"),
            ("suspend", "SUSPENDED"),
            ("powerOn", "POWERED_ON"),
            ("shutdown", "POWERED_OFF"),
            ("powerOn", "POWERED_ON"),
            ("powerOff", "POWERED_OFF"),
        ] {
            let task = send(&admin, "POST", &format!("{vm}/actions/{action}"), &Value::Null).await;
            finished(&admin, task).await;
            assert_eq!(get(&admin, &vm).await["status"], status, "{action}");
        }
        let after = get(&admin, &vm).await;
        assert!(after["updatedAt"].as_str() > after["createdAt"].as_str(), "{after}");
        let again = send(&admin, "POST", &format!("{vm}/actions/powerOff"), &Value::Null).await;
        again.refused(400, "INVALID_STATE");
    });
}

#[test]
fn what_runs_is_deleted_only_by_force_and_what_is_off_without() {
    common::run(async {
        let app = App::start().await;
        let admin = app.user(ADMIN).await;
        let items = get(&admin, "/cloudapi/1.0.0/catalogItems?search=UBUNTU").await;
        let body = json!({"name": "a", "catalogItemUrn": items["values"][0]["id"]});
        for (action, query) in [("", "?force=true"), ("suspend", "?force=true"), ("powerOff", "")] {
            let vapp = at("vapps", &instantiate(&admin, &body).await.is(201).json()["id"]);
            app.settled().await;
            let vm = at("vms", &get(&admin, &vapp).await["vms"][0]["id"]);
            let act = |action: &str| {
                let (admin, path) = (admin.clone(), format!("{vm}/actions/{action}"));
                async move {
                    let task = send(&admin, "POST", &path, &Value::Null).await;
                    finished(&admin, task).await;
                }
            };
            if !action.is_empty() {
                act(action).await;
            }
            if !query.is_empty() {
                // Refused before anything is deleted.
                send(&admin, "DELETE", &vapp, &Value::Null).await.refused(400, "INVALID_STATE");
                send(&admin, "DELETE", &vm, &Value::Null).await.refused(400, "INVALID_STATE");
                get(&admin, &vm).await;
            }
            // Off is enough, although it is deployed: the console has no way to undeploy.
            let gone = send(&admin, "DELETE", &format!("{vapp}{query}"), &Value::Null).await;
            finished(&admin, gone).await;
            assert_eq!(get(&admin, "/cloudapi/1.0.0/vms").await["resultTotal"], 0);
        }
        let vapp = at("vapps", &instantiate(&admin, &body).await.is(201).json()["id"]);
        app.settled().await;
        let vm = at("vms", &get(&admin, &vapp).await["vms"][0]["id"]);
        let off = send(&admin, "POST", &format!("{vm}/actions/powerOff"), &Value::Null).await;
        finished(&admin, off).await;
        let gone = send(&admin, "DELETE", &vm, &Value::Null).await;
        finished(&admin, gone).await;
        assert_eq!(get(&admin, &vapp).await["numberOfVMs"], 0);
    });
}

#[test]
fn lists_are_filtered_sorted_and_paged() {
    common::run(async {
        let app = App::start().await;
        let provider = app.user(ADMINISTRATOR).await;
        for name in ["b-org", "C-org", "a-org"] {
            let new = json!({"name": name, "displayName": name, "isEnabled": name != "C-org"});
            send(&provider, "POST", "/cloudapi/1.0.0/orgs", &new).await.is(201);
        }
        let list = |query: &'static str| {
            let provider = provider.clone();
            async move { get(&provider, &format!("/cloudapi/1.0.0/orgs?{query}")).await }
        };
        let first = list("search=-ORG&sort_by=name&sort_order=asc&page=1&per_page=2").await;
        assert_eq!(names(&first, "name"), ["C-org", "a-org"]);
        let envelope = ["resultTotal", "pageCount", "page", "pageSize"].map(|key| &first[key]);
        assert_eq!(envelope, [3, 2, 1, 2]);
        assert_eq!(names(&list("search=-org&enabled=false").await, "name"), ["C-org"]);
        assert_eq!(
            names(&list("filter=name==*-org;isEnabled==true&sortDesc=name").await, "name"),
            ["b-org", "a-org"]
        );
        assert_eq!(list("page=9").await["values"], json!([]));
        let answer = send(
            &provider,
            "GET",
            "/cloudapi/1.0.0/orgs?page=2&pageSize=1&sortAsc=name",
            &Value::Null,
        )
        .await;
        let links: Vec<_> =
            answer.headers.get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
        assert_eq!(links.len(), 4, "{links:?}");
        assert!(
            links.iter().any(|link| link.contains("rel=\"nextPage\"")
                && link.contains("page=3&pageSize=1&sortAsc=name")),
            "{links:?}"
        );
        for bad in ["filter=secret==1", "sortAsc=secret", "page=0", "enabled=x", "filter=(name==a"]
        {
            let answer =
                send(&provider, "GET", &format!("/cloudapi/1.0.0/orgs?{bad}"), &Value::Null).await;
            answer.refused(400, "BAD_REQUEST");
        }
        let users = get(&provider, "/cloudapi/1.0.0/users?role=vApp%20User").await;
        assert!(names(&users, "username").contains(&"user".to_owned()), "{users}");
        let org = users["values"][0]["orgEntityRef"]["id"].as_str().unwrap().to_owned();
        let quoted = format!("/cloudapi/1.0.0/users?filter=orgEntityRef.id==%22{org}%22");
        let plain = format!("/cloudapi/1.0.0/users?organization_id={org}");
        assert_eq!(get(&provider, &quoted).await, get(&provider, &plain).await);
    });
}

#[test]
fn roles_and_rights_are_read() {
    common::run(async {
        let app = App::start().await;
        let admin = app.user(ADMIN).await;
        let roles = get(&admin, "/cloudapi/1.0.0/roles").await;
        let names = names(&roles, "name");
        assert!(names.contains(&"vApp User".to_owned()), "{names:?}");
        assert!(!names.contains(&"System Administrator".to_owned()), "{names:?}");
        let role = &roles["values"][0];
        assert_eq!(&get(&admin, &at("roles", &role["id"])).await, role);
        assert!(role["bundleKey"].as_str().unwrap().starts_with("ROLE_"));
        let rights = get(&admin, &format!("{}/rights?pageSize=2", at("roles", &role["id"]))).await;
        assert!(rights["resultTotal"].as_u64() > Some(0), "{rights}");
        let all = get(&admin, "/cloudapi/1.0.0/rights?pageSize=1&sortDesc=name").await;
        assert_eq!(all["resultTotal"], 204);
        let right = &all["values"][0];
        assert_eq!(&get(&admin, &at("rights", &right["id"])).await, right);
        let category = get(&admin, &at("rightsCategories", &right["category"])).await;
        let name = right["name"].as_str().unwrap();
        assert!(name.starts_with(category["name"].as_str().unwrap()), "{name} {category}");
        let some = get(&admin, "/cloudapi/1.0.0/rightsCategories?filter=name==vApp*").await;
        assert_eq!(some["values"][0]["bundleKey"], "RIGHTS_CATEGORY_VAPP");
        assert!(
            some["resultTotal"].as_u64()
                < get(&admin, "/cloudapi/1.0.0/rightsCategories").await["resultTotal"].as_u64()
        );
        // Writing roles is not offered.
        let answer = send(&admin, "POST", "/cloudapi/1.0.0/roles", &json!({"name": "x"})).await;
        answer.refused(405, "METHOD_NOT_ALLOWED");
    });
}

#[test]
fn an_accept_without_a_version_is_enough_here_and_nowhere_else() {
    common::run(async {
        let app = App::start().await;
        let provider = app.user(ADMINISTRATOR).await;
        let org = get(&provider, "/cloudapi/1.0.0/orgs?filter=name==demo").await["values"][0]["id"]
            .clone();
        let vdcs = format!("/api/admin/org/{}/vdcs", org.as_str().unwrap());
        for path in ["/cloudapi/1.0.0/orgs", &vdcs] {
            for accept in ["application/json", "*/*"] {
                let answer = provider.send_for(accept, "GET", path, None, "").await.ok();
                assert_eq!(
                    answer.header("content-type"),
                    "application/json;version=39.1",
                    "{path}"
                );
            }
            let answer =
                provider.send_for("application/*+xml;version=37.0", "GET", path, None, "").await;
            answer.refused(406, "NOT_ACCEPTABLE");
        }
        let path = format!("/api/admin/org/{}", org.as_str().unwrap());
        let answer = provider.send_for("application/json", "GET", &path, None, "").await;
        assert_eq!(answer.code(), 406, "{answer:?}");
        // The console logs everyone in at the tenants' path.
        let login = app
            .login_at("/cloudapi/1.0.0/sessions", ADMINISTRATOR, PASSWORD, "application/json")
            .await;
        assert_eq!(login.json()["org"]["name"], "System");
    });
}

#[test]
fn bodies_that_are_no_json_change_nothing() {
    common::run(async {
        let app = App::start().await;
        let provider = app.user(ADMINISTRATOR).await;
        let before = app.stored().await;
        let path = "/cloudapi/1.0.0/orgs";
        let answer = provider.send("POST", path, Some("application/xml"), "<Org/>").await;
        answer.refused(415, "UNSUPPORTED_MEDIA_TYPE");
        for body in [
            "",
            "{",
            "[]",
            "{\"name\": 1}",
            "{\"name\": \"x\", \"wrong\": 1}",
            "{\"name\": \"a b\"}",
            "[null, \"x\"]",
            "{\"name\": \"x\", \"managedBy\": []}",
            "{\"name\": \"x\\u0000\"}",
            "{\"name\": \"x\", \"orgVdcCount\": 1e400}",
        ] {
            let answer = provider.send("POST", path, Some("application/json"), body).await;
            answer.refused(400, "BAD_REQUEST");
        }
        assert_eq!(before, app.stored().await);
    });
}

#[test]
fn a_method_that_a_path_does_not_have_is_answered_with_those_it_has() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        for (method, path, allowed) in [
            ("TRACE", "/cloudapi/1.0.0/orgs", "GET, POST"),
            ("POST", "/cloudapi/1.0.0/vms/x", "DELETE, GET"),
            ("GET", "/cloudapi/1.0.0/sessions/provider", "POST"),
            ("PATCH", "/api/org", "GET"),
        ] {
            let answer = client.send(method, path, None, "").await;
            let answer = answer.refused(405, "METHOD_NOT_ALLOWED");
            assert_eq!(answer.header("allow"), allowed, "{method} {path}");
        }
    });
}

#[test]
fn filters_that_are_too_much_are_refused() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let nested = |depth: usize| format!("{}name==a{}", "(".repeat(depth), ")".repeat(depth));
        let long = "x".repeat(20_000);
        for list in ["orgs", "users", "roles", "rights", "vdcs", "catalogs", "vapps", "vms"] {
            let field = if list == "users" { "username" } else { "name" };
            let refused = [
                "filter=name==%00".to_owned(),
                format!("filter={}", nested(5_000).replace("name", field)),
                format!("filter={}", "(".repeat(5_000) + "a==b"),
                format!("filter={field}==a;;{field}==b"),
                "filter=%ff==a".to_owned(),
                "page=99999999999999999999".to_owned(),
                "pageSize=-1".to_owned(),
                format!("sortAsc={long}"),
            ];
            for query in refused {
                let path = format!("/cloudapi/1.0.0/{list}?{query}");
                send(&client, "GET", &path, &Value::Null).await.refused(400, "BAD_REQUEST");
            }
            for query in [
                format!("filter={}", nested(10).replace("name", field)),
                format!("filter={field}=={long}"),
                "search=%01%7f%e2%80%ae".to_owned(),
                "page=4294967295&pageSize=4294967295".to_owned(),
            ] {
                get(&client, &format!("/cloudapi/1.0.0/{list}?{query}")).await;
            }
        }
    });
}

#[test]
fn the_examples_of_the_documents_can_be_sent() {
    common::run(async {
        let app = App::start().await;
        let provider = app.user(ADMINISTRATOR).await;
        let document = common::openapi::document();
        let example = |schema: &str| document["components"]["schemas"][schema]["example"].clone();
        let made = send(&provider, "POST", "/cloudapi/1.0.0/orgs", &example("Org")).await.is(201);
        let vdcs = format!("/api/admin/org/{}/vdcs", made.json()["id"].as_str().unwrap());
        send(&provider, "POST", &vdcs, &example("Vdc")).await.is(201);
        let admin = app.user(ADMIN).await;
        for (path, schema) in [("users", "VcdUser"), ("catalogs", "Catalog")] {
            let path = format!("/cloudapi/1.0.0/{path}");
            send(&admin, "POST", &path, &example(schema)).await.is(201);
        }
        let changed = example("PreferencesChange");
        send(&admin, "PUT", "/api/v1/user/preferences", &changed).await.ok();
        // An item's id is another in every installation.
        let items = get(&admin, "/cloudapi/1.0.0/catalogItems?filter=name==debian-13").await;
        let mut new = example("InstantiateTemplate");
        new["catalogItem"]["id"] = items["values"][0]["id"].clone();
        let vdcs = get(&admin, "/cloudapi/1.0.0/vdcs?filter=name==demo-vdc").await;
        let path = at("vdcs", &vdcs["values"][0]["id"]) + "/actions/instantiateTemplate";
        send(&admin, "POST", &path, &new).await.is(201);
    });
}
