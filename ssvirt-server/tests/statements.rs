//! What a read costs: every `GET` of the OpenAPI document, for objects that are there, as the provider, an
//! organization's administrator and a vApp user, takes at most three SQL statements with its authentication.
//! `cargo test -p ssvirt-server --test statements -- --nocapture` prints the table.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use common::{
    ADMIN, ADMINISTRATOR, App, Client, Setup, USER, body,
    openapi::{self, Route},
};
use ssvirt_backends::sql::SqlStore;
use ssvirt_core::id::{EntityKind, Urn};
use uuid::Uuid;

/// Most statements of a read.
const MOST: usize = 3;

/// The statements that were run since it was last emptied.
type Log = Arc<Mutex<Vec<String>>>;

/// The last segment of a path.
fn last(href: &str) -> &str {
    href.rsplit('/').next().unwrap()
}

fn urn(kind: EntityKind, href: &str) -> String {
    let uuid: Uuid = href[href.len() - 36..].parse().unwrap();
    Urn { kind, uuid }.to_string()
}

/// The objects of the demo that requests are for, as the segments that name them.
struct Objects {
    vapp: String,
    vm: String,
    /// By a word for what it is.
    others: BTreeMap<&'static str, String>,
}

impl Objects {
    async fn of(client: &Client<'_>) -> Self {
        let href = client.instantiate("counted", "two-tier", true).await;
        let vm = client.vms_of(&href).await.remove(0);
        for object in [&href, &vm] {
            let set = client.post(&format!("{object}/metadata"), &body::metadata("key", "v")).await;
            client.done(set).await;
        }
        let network = client.query("type=vAppNetwork").await[0].attr("href").to_owned();
        let user = client.get("/api/session").await.ok().xml();
        let mut others = BTreeMap::from([("vapp network", network)]);
        for (what, record) in [
            ("org", "organization"),
            ("vdc", "orgVdc"),
            ("catalog", "catalog"),
            ("item", "catalogItem"),
            ("template", "vAppTemplate"),
            ("network", "orgVdcNetwork"),
            ("profile", "orgVdcStorageProfile"),
            ("task", "task"),
            ("role", "role"),
            ("right", "right"),
        ] {
            let rows = client.query(&format!("type={record}&format=records")).await;
            others.insert(what, last(rows[0].attr("href")).to_owned());
        }
        let inside = client.query("type=vm&filter=isVAppTemplate==true").await;
        others.insert("template vm", last(inside[0].attr("href")).to_owned());
        others.insert("user", user.attr("userId").to_owned());
        let others = others.into_iter().map(|(what, href)| (what, last(&href).to_owned()));
        Self { vapp: last(&href).to_owned(), vm: last(&vm).to_owned(), others: others.collect() }
    }

    fn other(&self, what: &str) -> String {
        self.others[what].clone()
    }

    /// The paths to ask for of a route; none for a route that is not known here.
    fn paths(&self, route: &Route) -> Vec<String> {
        let (path, vm) = (route.path.as_str(), &self.vm);
        let with = |ids: &[&String]| ids.iter().map(|id| path.replace("{id}", id)).collect();
        let one = |what: &str| with(&[&self.other(what)]);
        if path.contains("/metadata") && path.contains("{kind}") {
            let targets = [
                ("vApp", self.vapp.clone()),
                ("vApp", vm.clone()),
                ("vAppTemplate", self.other("template")),
                ("vAppTemplate", self.other("template vm")),
                ("org", self.other("org")),
                ("vdc", self.other("vdc")),
                ("catalog", self.other("catalog")),
                ("catalogItem", self.other("item")),
                ("network", self.other("network")),
                ("network", self.other("vapp network")),
                ("vdcStorageProfile", self.other("profile")),
            ];
            let fill = |(kind, id): (&str, String)| {
                path.replace("{kind}", kind)
                    .replace("{id}", &id)
                    .replace("{domain}", "GENERAL")
                    .replace("{key}", "key")
            };
            return targets.into_iter().map(fill).collect();
        }
        match route.operation.as_str() {
            "getVersions" | "listOrgs" | "getVCloud" | "getCurrentSession" | "entityResolver" => {
                vec![path.to_owned()]
            }
            "getSession" => vec![path.replace("{id}", "current")],
            "query" => self.queries(),
            "resolveEntity" => self.urns().iter().map(|urn| path.replace("{urn}", urn)).collect(),
            "getOrg" | "getAdminOrg" | "getTasksList" => one("org"),
            "getVdc"
            | "getAdminVdc"
            | "getVdcControlAccess"
            | "getVdcCapabilities"
            | "getVdcComputePolicies"
            | "getVdcComputePolicies2" => one("vdc"),
            "getHardwareVersion" => {
                let paths: Vec<String> = one("vdc");
                paths.iter().map(|path| path.replace("{version}", "vmx-21")).collect()
            }
            "getVdcStorageProfile" => one("profile"),
            "getCatalog" | "getAdminCatalog" | "getCatalogControlAccess" => one("catalog"),
            "getCatalogItem" => one("item"),
            "getVAppTemplate" => with(&[&self.other("template"), &self.other("template vm")]),
            "getVAppTemplateLeaseSettings" => one("template"),
            "getNetwork" => with(&[&self.other("network"), &self.other("vapp network")]),
            "getAdminNetwork" => one("network"),
            "getUser" => one("user"),
            "getRole" => one("role"),
            "getRight" => one("right"),
            "getTask" => one("task"),
            "getVApp" | "getProductSections" => with(&[&self.vapp, vm]),
            "getVdcComputePolicy" | "getVdcComputePolicy2" => {
                let policy = ssvirt_core::model::ComputePolicy::SYSTEM_DEFAULT.urn();
                vec![path.replace("{id}", &policy)]
            }
            "queryOrgs"
            | "queryUsers"
            | "queryRoles"
            | "queryRights"
            | "queryRightsCategories"
            | "queryVdcs"
            | "queryCatalogs"
            | "queryCatalogItems"
            | "queryVApps"
            | "queryVms" => ["", "?pageSize=1&page=2", "?filter=name==a*&sortDesc=name"]
                .map(|more| format!("{path}{more}"))
                .to_vec(),
            "getProfile" | "getPreferences" | "getSecuritySettings" => vec![path.to_owned()],
            "getCloudApiOrg" | "queryOrgVdcs" | "queryVdcsOfOrg" | "queryCatalogsOfOrg" => {
                one("org")
            }
            "getCloudApiUser" => one("user"),
            "getCloudApiRole" | "queryRoleRights" => one("role"),
            "getCloudApiRight" => one("right"),
            "getRightsCategory" => {
                let category = ssvirt_core::rights::category_id("vApp").urn();
                vec![path.replace("{id}", &category)]
            }
            "getCloudApiVdc" | "queryCloudApiVAppsOfVdc" | "queryVAppsOfVdc" => one("vdc"),
            "getOrgVdc" => {
                vec![path.replace("{id}", &self.other("org")).replace("{vdc}", &self.other("vdc"))]
            }
            "getCloudApiCatalog" | "queryCatalogItemsOfCatalog" | "queryItemsOfCatalog" => {
                one("catalog")
            }
            "getCatalogItemOfCatalog" => {
                let path = path.replace("{id}", &self.other("catalog"));
                vec![path.replace("{item}", &self.other("item"))]
            }
            "getCloudApiCatalogItem" => one("item"),
            "getCloudApiVApp" | "queryVmsOfVApp" => with(&[&self.vapp]),
            "getCloudApiVm" | "getVm" => with(&[vm]),
            "getVmSecurityTags" => vec![path.replace("{id}", &urn(EntityKind::Vm, vm))],
            "getHardwareItem" => vec![path.replace("{id}", vm).replace("{part}", "cpu")],
            _ if path.starts_with("/api/vApp/{id}/") => with(&[&self.vapp, vm]),
            _ => Vec::new(),
        }
    }

    /// Queries of every type, and in every shape.
    fn queries(&self) -> Vec<String> {
        let records = ssvirt_core::query::RecordType::ALL.iter();
        let mut all: Vec<String> =
            records.map(|record| format!("/api/query?type={}", record.name())).collect();
        all.push("/api/query".to_owned());
        for more in [
            "type=vm&filter=isVAppTemplate==false;name==*&sortDesc=name&fields=name,status&pageSize=1",
            "type=vApp&format=references&sortAsc=name",
            "type=vApp&page=99",
            "type=catalog&filter=metadata:key==STRING:v",
        ] {
            all.push(format!("/api/query?{more}"));
        }
        all
    }

    fn urns(&self) -> Vec<String> {
        let of = |kind, what| urn(kind, &self.other(what));
        vec![
            urn(EntityKind::VApp, &self.vapp),
            urn(EntityKind::Vm, &self.vm),
            of(EntityKind::Org, "org"),
            of(EntityKind::User, "user"),
            of(EntityKind::Role, "role"),
            of(EntityKind::Vdc, "vdc"),
            of(EntityKind::Catalog, "catalog"),
            of(EntityKind::CatalogItem, "item"),
            of(EntityKind::Template, "template"),
            of(EntityKind::Vm, "template vm"),
            of(EntityKind::Network, "network"),
            of(EntityKind::Network, "vapp network"),
            of(EntityKind::StorageProfile, "profile"),
            of(EntityKind::Task, "task"),
        ]
    }
}

/// What one route costs at most, and where.
#[derive(Default)]
struct Cost {
    most: usize,
    statements: Vec<String>,
    path: String,
    answered: usize,
}

/// Asks and counts.
async fn count(client: &Client<'_>, path: &str, log: &Log) -> (u16, Vec<String>) {
    log.lock().unwrap().clear();
    let answer = client.get(path).await;
    (answer.code(), std::mem::take(&mut *log.lock().unwrap()))
}

#[test]
fn every_read_takes_three_statements_at_most() {
    common::run(async {
        let log = Log::default();
        let sink = Arc::clone(&log);
        let store = SqlStore::memory().await.unwrap();
        let store = store.observed(move |sql: &str| sink.lock().unwrap().push(sql.to_owned()));
        let app = Setup::new().store(Arc::new(store)).start().await;
        let objects = Objects::of(&app.user(USER).await).await;
        // From here on nothing is done but what is asked for.
        app.settled().await;
        app.cloud.stop().await;
        let mut costs: BTreeMap<String, Cost> = BTreeMap::new();
        for login in [ADMINISTRATOR, ADMIN, USER] {
            let client = app.user(login).await;
            // What the role allows is known from the second request on.
            client.get("/api/session").await.ok();
            for route in openapi::routes().into_iter().filter(|route| route.method == "GET") {
                let paths = objects.paths(&route);
                assert!(!paths.is_empty(), "there is no object for {}: name one", route.path);
                let cost = costs.entry(route.path.clone()).or_default();
                for path in paths {
                    assert!(!path.contains('{'), "{path}");
                    let (code, statements) = count(&client, &path, &log).await;
                    assert!(code < 500, "{path}: {code}");
                    cost.answered += usize::from(code == 200);
                    if statements.len() >= cost.most {
                        cost.most = statements.len();
                        cost.path = format!("{path} as {login}");
                        cost.statements = statements;
                    }
                }
            }
        }
        let mut dear = Vec::new();
        for (route, cost) in &costs {
            println!("{:>2}  {route}", cost.most);
            if cost.most > MOST {
                dear.push(format!("{}:\n  {}", cost.path, cost.statements.join("\n  ")));
            }
            // The resolver itself only says what belongs behind it.
            let refused = route == "/api/entity";
            assert!(cost.answered > 0 || refused, "{route} is never answered with 200");
        }
        assert!(dear.is_empty(), "more than {MOST} statements:\n{}", dear.join("\n"));
        assert_eq!(costs["/api/versions"].most, 0, "anyone may ask for the versions");
        for route in ["/api/session", "/cloudapi/1.0.0/sessions/{id}", "/api/query"] {
            assert!(costs[route].most > 0, "{route}: nothing was counted");
        }
    });
}

#[test]
fn a_change_of_a_role_counts_at_once() {
    use ssvirt_core::{
        model::{Org, Role, User},
        rights::{right, role},
        service::NewUser,
        store::By,
    };
    common::run(async {
        let app = App::start().await;
        let store = app.cloud.store();
        let mut tx = store.begin().await.unwrap();
        let org = tx.find::<Org>(&[By::Name("demo".to_owned())]).await.unwrap().unwrap().id;
        let by = [By::NoOrg, By::Name(role::VAPP_USER.to_owned())];
        let standard = tx.find::<Role>(&by).await.unwrap().unwrap();
        let mut own = Role {
            id: ssvirt_core::Id::new(common::unknown()),
            org: Some(org),
            name: "own".to_owned(),
            ..standard
        };
        tx.insert(&own).await.unwrap();
        tx.commit().await.unwrap();
        let system = ssvirt_core::service::Caller::system();
        let new = NewUser {
            name: "own".to_owned(),
            role: "own".into(),
            password: Some(common::PASSWORD.to_owned()),
            ..NewUser::default()
        };
        let user: User = app.cloud.create_user(&system, org, new).await.unwrap();
        let session = app.cloud.login("demo", "own", common::PASSWORD).await.unwrap().session.id;
        let may = async || {
            let (_, caller) = app.cloud.authenticate(session).await.unwrap();
            caller.has(right::USER_VIEW)
        };
        assert!(!may().await && !may().await);
        own.rights.push(right::USER_VIEW.to_owned());
        let mut tx = store.begin().await.unwrap();
        tx.update(&mut own).await.unwrap();
        tx.commit().await.unwrap();
        assert!(may().await && may().await);
        own.rights.clear();
        let mut tx = store.begin().await.unwrap();
        tx.update(&mut own).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!may().await);
        // A user who is disabled without the sessions being ended is out all the same.
        let mut tx = store.begin().await.unwrap();
        let mut row = tx.require(user.id).await.unwrap();
        row.enabled = false;
        tx.update(&mut row).await.unwrap();
        tx.commit().await.unwrap();
        let refused = app.cloud.authenticate(session).await.unwrap_err();
        assert_eq!(refused.kind(), ssvirt_core::ErrorKind::Unauthorized);
    });
}
