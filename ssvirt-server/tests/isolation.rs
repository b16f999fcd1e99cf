//! What belongs to another organization, or to another user where that matters, is not there: every route
//! answers for its ids exactly as for ids that nothing has.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::{collections::BTreeSet, fmt::Write as _, path::PathBuf, sync::Arc};

use common::{
    ADMIN, ADMINISTRATOR, App, Client, ROOT, TENANTS, USER, body,
    openapi::{self, Route},
    unknown,
};
use ssvirt_core::{
    Id,
    id::{EntityKind, Urn},
    model::{Org, VApp},
    query::{FieldKind, RecordType},
    service::Caller,
};
use uuid::Uuid;

/// The last segment of an object's href.
fn segment(what: &str, uuid: Uuid) -> String {
    match what {
        "vApp" => format!("vapp-{uuid}"),
        "VM" | "template VM" => format!("vm-{uuid}"),
        "template" => format!("vappTemplate-{uuid}"),
        _ => uuid.to_string(),
    }
}

/// An object's href.
fn href(what: &str, uuid: Uuid) -> String {
    let folder = match what {
        "org" => "org",
        "user" => "admin/user",
        "vdc" => "vdc",
        "storage profile" => "vdcStorageProfile",
        "network" | "vApp network" => "network",
        "catalog" => "catalog",
        "catalog item" => "catalogItem",
        "template" | "template VM" => "vAppTemplate",
        "vApp" | "VM" => "vApp",
        _ => "task",
    };
    format!("{ROOT}/api/{folder}/{}", segment(what, uuid))
}

/// The forms in which clients write an id.
fn forms(what: &str, urn: Urn) -> [String; 4] {
    let admin = href(what, urn.uuid).replace("/api/", "/api/admin/");
    [href(what, urn.uuid), admin, urn.to_string(), urn.uuid.to_string()]
}

/// A body that a route would take if the object were there.
fn body_of(operation: &str) -> String {
    let settings = "<ovf:Info/>";
    match operation {
        "composeVApp" => body::compose("new", ""),
        "instantiateVAppTemplate" => {
            let template = format!("{ROOT}/api/vAppTemplate/vappTemplate-{}", Uuid::nil());
            body::instantiate("new", &template, None, false)
        }
        "recomposeVApp" => body::recompose("<Description>changed</Description>"),
        "putUser" => body::root("User", "name=\"changed\"", ""),
        "addVms" => body::recompose(&body::created("rival-new", "")),
        "deployVApp" => body::root("DeployVAppParams", "powerOn=\"true\"", ""),
        "undeployVApp" => {
            let action = "<UndeployPowerAction>powerOff</UndeployPowerAction>";
            body::root("UndeployVAppParams", "", action)
        }
        "reconfigureVm" | "putVm" => body::root("Vm", "name=\"changed\"", ""),
        "putVAppLeaseSettings" => body::root("LeaseSettingsSection", "", settings),
        "putVAppNetworkConfig" => body::root("NetworkConfigSection", "", settings),
        "putProductSections" => body::root("ProductSectionList", "", ""),
        "putNetworkConnections" => body::root("NetworkConnectionSection", "", settings),
        "putGuestCustomization" => body::root("GuestCustomizationSection", "", settings),
        "putVmCapabilities" => body::root("VmCapabilities", "", ""),
        "putVirtualHardware" => {
            "<VirtualHardwareSection xmlns=\"http://schemas.dmtf.org/ovf/envelope/1\"><Info/>\
             </VirtualHardwareSection>"
                .to_owned()
        }
        "putHardwareItem" => {
            "<Item xmlns=\"http://www.vmware.com/vcloud/v1.5\" xmlns:rasd=\"http://schemas.dmtf.org/wbem/wscim/1/\
             cim-schema/2/CIM_ResourceAllocationSettingData\"><rasd:ElementName/><rasd:InstanceID>1\
             </rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>2\
             </rasd:VirtualQuantity></Item>"
                .to_owned()
        }
        "updateOrg" | "patchOrg" | "updateOrgVdc" | "updateCatalog" | "patchCatalog" => {
            "{\"description\": \"changed\"}".to_owned()
        }
        "updateUser" | "patchUser" => "{\"fullName\": \"changed\"}".to_owned(),
        "changePassword" => {
            "{\"currentPassword\": \"wrong\", \"newPassword\": \"changed\"}".to_owned()
        }
        "createOrgVdc" => "{\"name\": \"new\"}".to_owned(),
        "instantiateTemplate" => {
            let item = format!("urn:vcloud:catalogitem:{}", Uuid::nil());
            format!("{{\"name\": \"new\", \"catalogItem\": {{\"id\": \"{item}\"}}}}")
        }
        "mergeMetadata" => body::metadata("rival-key", "changed"),
        "putMetadataValue" | "putDomainMetadataValue" => body::metadata_value("changed", ""),
        other => panic!("there is no body for {other}: add one"),
    }
}

/// The paths of a route for an id, one for each word that the other parameters take. `org` is the caller's
/// own organization.
fn paths(route: &Route, id: &str, org: Id<Org>) -> Vec<String> {
    let words: &[&str] = if route.path.contains("{kind}") {
        &[
            "org",
            "vdc",
            "catalog",
            "catalogItem",
            "network",
            "vdcStorageProfile",
            "vApp",
            "vAppTemplate",
        ]
    } else {
        &[""]
    };
    let fill = |word: &&str| {
        let path = match route.path.contains("{vdc}") {
            true => route.path.replace("{id}", &org.to_string()),
            false => route.path.clone(),
        };
        path.replace("{kind}", word)
            .replace("{id}", id)
            .replace("{urn}", id)
            .replace("{key}", "rival-key")
            .replace("{domain}", "SYSTEM")
            .replace("{part}", "cpu")
            .replace("{vdc}", id)
            .replace("{item}", id)
            .replace("{version}", "vmx-21")
    };
    words.iter().map(fill).collect()
}

/// The ids that a tenant must not learn of: the rival's, and where users see only their own what `admin` has.
async fn foreign(app: &App, login: &str, admins: &Id<VApp>) -> Vec<(&'static str, Urn)> {
    let mut all = app.rival.all();
    if login == ADMIN {
        return all;
    }
    let admin = app.user(ADMIN).await;
    let vapp = admin.get(&format!("/api/vApp/vapp-{admins}")).await.ok().xml();
    let network = vapp.child("NetworkConfigSection").child("NetworkConfig").link("down").to_owned();
    let vm = vapp.child("Children").child("Vm").attr("id").to_owned();
    let tasks = admin.query(&format!("type=task&filter=object=={admins}")).await;
    let uuid = |kind, text: &str| ssvirt_core::id::parse_uuid(kind, text).unwrap();
    let urn = |kind, text: &str| Urn { kind, uuid: uuid(kind, text) };
    all.push(("vApp", admins.any()));
    all.push(("VM", urn(EntityKind::Vm, &vm)));
    all.push(("vApp network", urn(EntityKind::Network, &network)));
    all.push(("task", urn(EntityKind::Task, tasks[0].attr("href"))));
    let me = app.cloud.login("demo", "admin", common::PASSWORD).await.unwrap();
    all.push(("user", me.caller.user.any()));
    all.push(("session", me.session.id.any()));
    all
}

/// A vApp of `admin` with a VM, a network and metadata.
async fn of_admin(app: &App) -> Id<VApp> {
    let admin = app.user(ADMIN).await;
    let href = admin.instantiate("of-admin", "ubuntu-24.04", true).await;
    let set = admin.post(&format!("{href}/metadata"), &body::metadata("rival-key", "mine")).await;
    admin.done(set).await;
    Id::parse(&href).unwrap()
}

/// The routes that have no id of another organization to be asked for.
fn checked_in() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/coverage/isolation.txt")
}

const HEAD: &str = "# Routes of the OpenAPI document that the generated isolation test does not reach.\n\
    # Checked by `cargo test -p ssvirt-server --test isolation`; written anew with UPDATE=1. May only shrink.\n";

/// How many pairs of answers a tenant's share of the test compares, and the routes that it reaches.
type Share = (usize, BTreeSet<(String, String)>, Vec<String>);

async fn compare_all(app: Arc<App>, login: &'static str, admins: Id<VApp>) -> Share {
    let client = app.user(login).await;
    let foreign = foreign(&app, login, &admins).await;
    let org = app.cloud.org_by_name(&Caller::system(), "demo").await.unwrap().unwrap().id;
    let (mut pairs, mut reached, mut different) = (0, BTreeSet::new(), Vec::new());
    for route in openapi::routes() {
        let key = (route.method.clone(), route.path.clone());
        let content = if route.body && !route.params().is_empty() {
            body_of(&route.operation)
        } else {
            String::new()
        };
        let media = if route.xml { "application/xml" } else { "application/json" };
        let media = route.body.then_some(media);
        if !route.path.contains("{id}") && !route.path.contains("{urn}") {
            if route.method == "GET" {
                let answer = client.send("GET", &route.path, None, "").await;
                different
                    .extend(leaks(&app, &answer.body).map(|leak| format!("{key:?} shows {leak}")));
                reached.insert(key);
            }
            continue;
        }
        for (what, urn) in &foreign {
            let other = Urn { kind: urn.kind, uuid: unknown() };
            let plain = [segment(what, urn.uuid), segment(what, other.uuid)];
            for [theirs, nobodys] in [plain, [urn.to_string(), other.to_string()]] {
                for (theirs, nobodys) in
                    paths(&route, &theirs, org).into_iter().zip(paths(&route, &nobodys, org))
                {
                    let a = client.send(&route.method, &theirs, media, &content).await;
                    let b = client.send(&route.method, &nobodys, media, &content).await;
                    pairs += 1;
                    let (a_text, b_text) = (a.normalized(urn.uuid), b.normalized(other.uuid));
                    if a_text != b_text {
                        different.push(format!(
                            "{login} {} {theirs} ({what}):\n  {a_text}\n  {b_text}",
                            route.method
                        ));
                    }
                    assert!(!b.status.is_success() && !b.status.is_server_error(), "{b:?}");
                    // The web console asks one organization after the other for a VDC, until one has it.
                    let none_here = b.code() == 404 && route.path.contains("{vdc}");
                    if b.code() == 403 || none_here {
                        reached.insert(key.clone());
                    }
                }
            }
        }
    }
    (pairs, reached, different)
}

/// What in a text is the rival's.
fn leaks<'a>(app: &'a App, text: &'a str) -> impl Iterator<Item = String> + 'a {
    let ids = app.rival.all().into_iter().map(|(_, urn)| urn.uuid.to_string());
    ids.chain(["rival".to_owned()]).filter(|secret| text.contains(secret.as_str()))
}

#[test]
fn foreign_ids_answer_as_unknown_ones_on_every_route() {
    common::run(async {
        let app = Arc::new(App::start().await);
        let admins = of_admin(&app).await;
        for login in TENANTS {
            app.user(login).await;
        }
        app.settled().await;
        let before = app.stored().await;
        let shares = TENANTS.map(|login| {
            let app = Arc::clone(&app);
            tokio::spawn(async move { compare_all(app, login, admins).await })
        });
        let (mut pairs, mut reached, mut different) = (0, BTreeSet::new(), Vec::new());
        for share in shares {
            let share = share.await.unwrap();
            pairs += share.0;
            reached.extend(share.1);
            different.extend(share.2);
        }
        let routes = openapi::routes();
        println!("{} routes, {pairs} pairs of answers compared", routes.len());
        assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
        assert_eq!(before, app.stored().await, "something was changed");
        let provider = app.user(ADMINISTRATOR).await;
        provider.get(&format!("/cloudapi/1.0.0/sessions/{}", app.rival.session)).await.ok();

        let mut list = HEAD.to_owned();
        for route in &routes {
            if !reached.contains(&(route.method.clone(), route.path.clone())) {
                writeln!(list, "{} {}", route.method, route.path).unwrap();
            }
        }
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(checked_in(), &list).unwrap();
        }
        let known = std::fs::read_to_string(checked_in()).unwrap_or_default();
        assert_eq!(known, list, "docs/coverage/isolation.txt: UPDATE=1 writes it");
    });
}

/// An answer without a secret, however it is written.
fn without(text: &str, secret: &str) -> String {
    let encoded = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC);
    text.replace(secret, "{secret}").replace(&encoded.to_string(), "{secret}")
}

/// The answers to two queries that differ in one secret.
async fn compare_queries(
    client: &Client<'_>,
    query: impl Fn(&str) -> String,
    one: &str,
    two: &str,
) {
    let (a, b) = (client.get(&query(one)).await, client.get(&query(two)).await);
    let text = |answer: &common::Answer, secret: &str| {
        let request = answer.header("x-vmware-vcloud-request-id");
        let body = without(&answer.body, secret).replace(request, "{request}");
        format!("{} {body}", answer.status)
    };
    assert_eq!(text(&a, one), text(&b, two), "{} as {}", query(one), client.login);
    assert!(!a.status.is_server_error(), "{a:?}");
}

/// Names of the rival's objects.
const NAMES: [&str; 6] =
    ["rival", "rival-admin", "rival-vdc", "rival-net", "rival-template", "rival-vapp"];

/// Compares all queries of a tenant; answers how many.
async fn compare_filters(app: Arc<App>, login: &'static str, admins: Id<VApp>) -> usize {
    let mut queries = 0;
    let client = app.user(login).await;
    let foreign = foreign(&app, login, &admins).await;
    for record in RecordType::ALL {
        let list = client.get(&format!("/api/query?type={}&pageSize=128", record.name())).await;
        assert!(leaks(&app, &list.body).next().is_none(), "{list:?}");
        if list.code() == 403 {
            continue;
        }
        let filter = |filter: String| {
            let filter =
                percent_encoding::utf8_percent_encode(&filter, percent_encoding::NON_ALPHANUMERIC);
            format!("/api/query?type={}&filter={filter}", record.name())
        };
        for field in record.fields() {
            for operator in ["==", "!="] {
                match field.kind {
                    FieldKind::Ref(kind) | FieldKind::Urn(kind) => {
                        // Users of the own organization own catalogs that all of it sees.
                        let hidden = |urn: &Urn| {
                            urn.kind != EntityKind::User || *urn == app.rival.user.any()
                        };
                        let of_kind = |urn: &Urn| urn.kind == kind && hidden(urn);
                        for (what, urn) in foreign.iter().filter(|(_, urn)| of_kind(urn)) {
                            let other = Urn { kind, uuid: unknown() };
                            for (a, b) in forms(what, *urn).iter().zip(forms(what, other)) {
                                let query =
                                    |id: &str| filter(format!("{}{operator}{id}", field.name));
                                compare_queries(&client, query, a, &b).await;
                                queries += 1;
                            }
                        }
                    }
                    FieldKind::Text => {
                        for name in NAMES {
                            let other = name.replace("rival", "nobody");
                            for star in ["", "*"] {
                                let query = |name: &str| {
                                    filter(format!("{}{operator}{name}{star}", field.name))
                                };
                                compare_queries(&client, query, name, &other).await;
                                queries += 1;
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        for name in ["rival-key", "rival-no-key"] {
            let query = |name: &str| filter(format!("metadata:{name}==STRING:*"));
            if login != ADMIN {
                compare_queries(&client, query, name, "nobody-key").await;
                queries += 1;
            }
        }
    }
    queries
}

#[test]
fn filters_do_not_tell_of_foreign_rows() {
    common::run(async {
        let app = Arc::new(App::start().await);
        let admins = of_admin(&app).await;
        for login in TENANTS {
            app.user(login).await;
        }
        let shares =
            TENANTS.map(|login| tokio::spawn(compare_filters(Arc::clone(&app), login, admins)));
        let mut queries = 0;
        for share in shares {
            queries += share.await.unwrap();
        }
        println!("{queries} pairs of queries compared");
    });
}

/// What a body refers to: kind of object, where, and the body for an href.
type Position = (&'static str, &'static str, Box<dyn Fn(&str) -> String + Send + Sync>);

fn profile(href: &str) -> String {
    format!("<StorageProfile href=\"{href}\"/>")
}

fn disk(href: &str) -> String {
    format!(
        "<VmSpecSection Modified=\"true\"><ovf:Info/><DiskSection><DiskSettings><SizeMb>10</SizeMb><UnitNumber>3\
         </UnitNumber><BusNumber>0</BusNumber><AdapterType>5</AdapterType>{}<overrideVmDefault>true\
         </overrideVmDefault></DiskSettings></DiskSection></VmSpecSection>",
        profile(href)
    )
}

/// Every place in a body that holds a reference.
fn positions(own_template: String, own_vm_of_template: String) -> Vec<Position> {
    let params = |section: String| format!("<InstantiationParams>{section}</InstantiationParams>");
    let (template, vm) = (own_template.clone(), own_vm_of_template.clone());
    let (template_2, vm_2) = (own_template.clone(), own_vm_of_template.clone());
    let template_3 = own_template;
    let vm_3 = own_vm_of_template;
    let mut all: Vec<Position> = vec![
        (
            "network",
            "vdc/compose",
            Box::new(move |href| body::compose("new", &params(body::networks("net", href)))),
        ),
        (
            "storage profile",
            "vdc/compose",
            Box::new(move |href| body::compose("new", &body::sourced(&vm, "new", &profile(href)))),
        ),
        (
            "storage profile",
            "vdc/compose",
            Box::new(|href| body::compose("new", &body::created("new", &profile(href)))),
        ),
        (
            "template",
            "vdc/instantiate",
            Box::new(|href| body::instantiate("new", href, None, false)),
        ),
        (
            "network",
            "vdc/instantiate",
            Box::new(move |href| body::instantiate("new", &template, Some(href), false)),
        ),
        (
            "template VM",
            "vdc/instantiate",
            Box::new(move |href| {
                body::root(
                    "InstantiateVAppTemplateParams",
                    "name=\"new\"",
                    &format!("<Source href=\"{template_2}\"/>{}", body::sourced(href, "new", "")),
                )
            }),
        ),
        (
            "storage profile",
            "vdc/instantiate",
            Box::new(move |href| {
                body::root(
                    "InstantiateVAppTemplateParams",
                    "name=\"new\"",
                    &format!(
                        "<Source href=\"{template_3}\"/>{}",
                        body::sourced(&vm_2, "new", &profile(href))
                    ),
                )
            }),
        ),
        (
            "VM",
            "vapp/recompose",
            Box::new(|href| body::recompose(&format!("<DeleteItem href=\"{href}\"/>"))),
        ),
        (
            "storage profile",
            "vapp/recompose",
            Box::new(move |href| body::recompose(&body::sourced(&vm_3, "new", &profile(href)))),
        ),
        (
            "network",
            "vapp/recompose",
            Box::new(move |href| body::recompose(&params(body::networks("net", href)))),
        ),
        (
            "network",
            "vapp/networks",
            Box::new(|href| {
                body::root(
                    "NetworkConfigSection",
                    "",
                    &body::networks("net", href)
                        .replace("<NetworkConfigSection>", "")
                        .replace("</NetworkConfigSection>", ""),
                )
            }),
        ),
        (
            "storage profile",
            "vm/reconfigure",
            Box::new(|href| body::root("Vm", "name=\"changed\"", &profile(href))),
        ),
        (
            "storage profile",
            "vm/reconfigure",
            Box::new(|href| body::root("Vm", "name=\"changed\"", &disk(href))),
        ),
        (
            "storage profile",
            "vm/put",
            Box::new(|href| body::root("Vm", "name=\"changed\"", &profile(href))),
        ),
    ];
    for source in ["template", "template VM", "VM"] {
        all.push((
            source,
            "vdc/compose",
            Box::new(|href| body::compose("new", &body::sourced(href, "new", ""))),
        ));
        for place in ["vapp/recompose", "vapp/vms"] {
            all.push((
                source,
                place,
                Box::new(|href| body::recompose(&body::sourced(href, "new", ""))),
            ));
        }
        all.push((source, "vapp/vms", Box::new(|href| body::alone("SourcedItem", href))));
    }
    all
}

#[test]
fn references_in_bodies_answer_as_unknown_ones() {
    common::run(async {
        let app = App::start().await;
        let admins = of_admin(&app).await;
        let mut pairs = 0;
        for login in TENANTS {
            let client = app.user(login).await;
            let foreign = foreign(&app, login, &admins).await;
            let vdc = client.find("orgVdc", "demo-vdc").await;
            let template = client.find("vAppTemplate", "ubuntu-24.04").await;
            let template_vm = client.get(&template).await.ok().xml();
            let template_vm = template_vm.child("Children").child("Vm").attr("href").to_owned();
            let vapp =
                client.instantiate(&format!("own-{}", client.login), "debian-13", false).await;
            let vm = client.vms_of(&vapp).await.remove(0);
            app.settled().await;
            let before = app.stored().await;
            let mut forbidden = 0;
            for (kind, place, content) in positions(template, template_vm) {
                let (method, path) = match place {
                    "vdc/compose" => ("POST", format!("{vdc}/action/composeVApp")),
                    "vdc/instantiate" => ("POST", format!("{vdc}/action/instantiateVAppTemplate")),
                    "vapp/recompose" => ("POST", format!("{vapp}/action/recomposeVApp")),
                    "vapp/networks" => ("PUT", format!("{vapp}/networkConfigSection")),
                    "vapp/vms" => ("POST", format!("{vapp}/vms")),
                    "vm/put" => ("PUT", vm.replace("/api/vApp/", "/api/vm/")),
                    _ => ("POST", format!("{vm}/action/reconfigureVm")),
                };
                for (what, urn) in &foreign {
                    let of_place = *what == kind || (kind == "network" && *what == "vApp network");
                    let other = Urn { kind: urn.kind, uuid: unknown() };
                    // What cannot stand there at all is tried in one form only.
                    let tried = if of_place { 4 } else { 1 };
                    let tried = forms(what, *urn).into_iter().take(tried);
                    for (theirs, nobodys) in tried.zip(forms(what, other)) {
                        let theirs = &theirs;
                        let media = Some("application/xml");
                        let a = client.send(method, &path, media, &content(theirs)).await;
                        let b = client.send(method, &path, media, &content(&nobodys)).await;
                        assert!(matches!(b.code(), 400 | 403), "{place} {what}: {b:?}");
                        let (a, b) = (a.normalized(urn.uuid), b.normalized(other.uuid));
                        assert_eq!(a, b, "{place} {what} {theirs} as {login}");
                        forbidden += usize::from(of_place && a.starts_with("403"));
                        pairs += 1;
                    }
                }
            }
            assert!(forbidden > 20, "the references were not looked at: {forbidden}");
            assert_eq!(before, app.stored().await, "something was changed as {login}");
        }
        println!("{pairs} pairs of bodies compared");
    });
}

/// The routes that query what an object contains, with the word for the object.
const CONTENTS: [(&str, &str, &str); 5] = [
    ("org", "org", "vdcs"),
    ("org", "org", "catalogs"),
    ("catalog", "catalog", "catalogItems"),
    ("vdc", "vdc", "vApps"),
    ("vApp", "vApp", "vms"),
];

#[test]
fn what_foreign_objects_contain_is_refused_and_own_contents_tell_nothing_of_it() {
    common::run(async {
        let app = App::start().await;
        let admins = of_admin(&app).await;
        let (mut refused, mut filters) = (0, 0);
        for login in TENANTS {
            let client = app.user(login).await;
            let foreign = foreign(&app, login, &admins).await;
            let vdc = client.find("orgVdc", "demo-vdc").await;
            let own = client.get(&vdc).await.ok().xml().link("up").to_owned();
            for (what, folder, word) in CONTENTS {
                for (_, urn) in foreign.iter().filter(|(kind, _)| *kind == what) {
                    // Not an empty list, whatever is asked for.
                    for query in ["", "?filter=name==*", "?format=references", "?page=7"] {
                        for id in [segment(what, urn.uuid), urn.uuid.to_string(), urn.to_string()] {
                            let path = format!("/api/{folder}/{id}/{word}/query{query}");
                            let answer = client.get(&path).await;
                            answer.refused(403, "ACCESS_TO_RESOURCE_IS_FORBIDDEN");
                            refused += 1;
                        }
                    }
                    // Nor is it reached from within the own organization by a filter.
                    for field in ["org", "vdc", "catalog", "container", "id"] {
                        for (base, word) in [(&own, "vdcs"), (&own, "catalogs"), (&vdc, "vApps")] {
                            let other = Urn { kind: urn.kind, uuid: unknown() };
                            let query =
                                |id: &str| format!("{base}/{word}/query?filter={field}=={id}");
                            let (a, b) = (urn.to_string(), other.to_string());
                            compare_queries(&client, query, &a, &b).await;
                            filters += 1;
                        }
                    }
                }
            }
            for (base, word) in [(&own, "vdcs"), (&own, "catalogs"), (&vdc, "vApps")] {
                let list = client.get(&format!("{base}/{word}/query")).await.ok();
                assert!(leaks(&app, &list.body).next().is_none(), "{list:?}");
            }
        }
        println!("{refused} queries refused, {filters} pairs of filters compared");
        assert!(refused > 100 && filters > 100);
    });
}

#[test]
fn names_of_others_are_free() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        client.compose(&body::compose("rival-vapp", "")).await;
    });
}

#[test]
fn a_tenant_has_no_tenant_context() {
    common::run(async {
        let app = App::start().await;
        of_admin(&app).await;
        let org = app.rival.org;
        for login in TENANTS {
            let paths = [
                "/api/org".to_owned(),
                "/api/admin".to_owned(),
                "/api/query?type=vApp".to_owned(),
                "/api/query?type=orgVdc".to_owned(),
                "/api/query?type=user".to_owned(),
                "/api/session".to_owned(),
                "/cloudapi/1.0.0/sessions/current".to_owned(),
                format!("/api/org/{org}"),
                format!("/api/vdc/{}", app.rival.vdc),
                format!("/cloudapi/1.0.0/vdcs/{}/capabilities", app.rival.vdc.urn()),
            ];
            let client = app.user(login).await;
            for path in &paths {
                let plain = client.get(path).await.normalized(org.uuid());
                for value in [org.to_string(), org.urn(), "rival".to_owned(), "no id".to_owned()] {
                    for header in ["X-VMWARE-VCLOUD-TENANT-CONTEXT", "X-VMWARE-VCLOUD-AUTH-CONTEXT"]
                    {
                        let with = client.clone().with(header, &value).get(path).await;
                        assert_eq!(plain, with.normalized(org.uuid()), "{path} as {login}");
                    }
                }
            }
        }
        // The rival's own users do see it, so the test can fail.
        let rival = app.login("rival-admin@rival", common::PASSWORD).await.token();
        let headers = [
            ("authorization", format!("Bearer {rival}")),
            ("accept", "*/*;version=37.0".to_owned()),
        ];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        app.send("GET", &format!("/api/org/{org}"), &headers, "").await.ok();
    });
}

#[test]
fn users_see_their_own_vapps_only() {
    common::run(async {
        let app = App::start().await;
        let admins = of_admin(&app).await;
        let user = app.user(USER).await;
        assert!(user.query("type=vApp").await.is_empty());
        assert!(user.query("type=vm&filter=isVAppTemplate==false").await.is_empty());
        user.get(&format!("/api/vApp/vapp-{admins}"))
            .await
            .refused(403, "ACCESS_TO_RESOURCE_IS_FORBIDDEN");
        let vdc = user.find("orgVdc", "demo-vdc").await;
        let vdc = user.get(&vdc).await.ok();
        assert!(!vdc.body.contains(&admins.to_string()), "{vdc:?}");
    });
}
