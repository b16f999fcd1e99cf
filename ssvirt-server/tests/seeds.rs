//! The routes of the design documents beside VCD's own: what an object contains, VMs under `/api/vm`, VMs
//! added at a vApp's `vms`; and what is enabled and disabled by an action. Each in XML and JSON, by every form
//! of an id.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{
    ADMIN, ADMINISTRATOR, AUTHOR, Answer, App, Client, EVERYONE, Element, PASSWORD, ROOT, TENANTS,
    USER, body, same, unknown,
};
use serde_json::{Value, json};

const FORBIDDEN: &str = "ACCESS_TO_RESOURCE_IS_FORBIDDEN";
const XML: &str = "application/xml";
const JSON: &str = "application/json";

/// The last segment of an href.
fn segment(href: &str) -> &str {
    href.rsplit('/').next().unwrap()
}

/// The id in an href in every form in which clients write it.
fn forms(href: &str, kind: &str) -> Vec<String> {
    let segment = segment(href);
    let bare = &segment[segment.len() - 36..];
    let urn = format!("urn:vcloud:{kind}:{bare}");
    let encoded = urn.replace(':', "%3A");
    let mut all = vec![bare.to_owned(), urn, encoded];
    if segment != bare {
        all.push(segment.to_owned());
    }
    all
}

/// The records of an answer.
fn records(answer: Answer) -> Vec<Element> {
    let root = answer.ok().xml();
    root.children.into_iter().filter(|child| child.name.ends_with("Record")).collect()
}

fn names(records: &[Element]) -> Vec<String> {
    let mut names: Vec<_> = records.iter().map(|row| row.attr("name").to_owned()).collect();
    names.sort();
    names
}

/// Waits for the task of an answer in JSON; answers the task's operation.
async fn done(client: &Client<'_>, answer: Answer) -> String {
    let task = answer.is(202).json();
    let href = task["href"].as_str().unwrap();
    assert_eq!(task["type"], "application/vnd.vmware.vcloud.task+xml", "{task}");
    loop {
        let task = client.get_json(href).await;
        match task["status"].as_str().unwrap() {
            "success" => return task["operationName"].as_str().unwrap().to_owned(),
            "queued" | "preRunning" | "running" => {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            _ => panic!("the task failed: {task}"),
        }
    }
}

/// The five routes: where, the kind of the parent, the type, the field that names the parent.
struct Place {
    href: String,
    kind: &'static str,
    word: &'static str,
    record: &'static str,
    field: &'static str,
}

async fn places(client: &Client<'_>, vapp: &str) -> Vec<Place> {
    let vdc = client.find("orgVdc", "demo-vdc").await;
    let org = client.get(&vdc).await.ok().xml().link("up").to_owned();
    let catalog = client.find("catalog", "templates").await;
    let place = |href: &str, kind, word, record, field| Place {
        href: href.to_owned(),
        kind,
        word,
        record,
        field,
    };
    vec![
        place(&org, "org", "vdcs", "orgVdc", "org"),
        place(&org, "org", "catalogs", "catalog", "org"),
        place(&catalog, "catalog", "catalogItems", "catalogItem", "catalog"),
        place(&vdc, "vdc", "vApps", "vApp", "vdc"),
        place(vapp, "vapp", "vms", "vm", "container"),
    ]
}

/// vApps of everyone, one of them with two VMs; answers those of `user`.
async fn furnish(app: &App) -> String {
    let admin = app.user(ADMIN).await;
    admin.instantiate("of-admin", "two-tier", false).await;
    let user = app.user(USER).await;
    let own = user.instantiate("of-user", "two-tier", false).await;
    user.instantiate("more-of-user", "debian-13", false).await;
    own
}

#[test]
fn contents_are_the_typed_query_of_one_object() {
    common::run(async {
        let app = App::start().await;
        let vapp = furnish(&app).await;
        let mut compared = 0;
        for login in EVERYONE {
            // An author sees no vApp of a user.
            if login == AUTHOR {
                continue;
            }
            let client = app.user(login).await;
            for place in places(&client, &vapp).await {
                let Place { href, word, record, field, .. } = &place;
                let folder = href.strip_suffix(segment(href)).unwrap();
                let typed =
                    client.query(&format!("type={record}&filter={field}=={}", segment(href))).await;
                assert!(!typed.is_empty(), "{login} {word}");
                for id in forms(href, place.kind) {
                    for query in ["", "?type=user", "?type=nonsense&format=records&links=true"] {
                        let path = format!("{folder}{id}/{word}/query{query}");
                        let answer = client.get(&path).await.ok();
                        let json = client.send_json("GET", &path, None, "").await.ok();
                        let root = answer.xml();
                        assert_eq!(root.attr("name"), *record, "{answer:?}");
                        assert_eq!(same::differences(&root, &json.json()), [""; 0], "{json:?}");
                        let found = records(answer);
                        assert_eq!(format!("{found:?}"), format!("{typed:?}"), "{path}");
                        compared += 1;
                    }
                }
            }
        }
        println!("{compared} answers compared");
        // The list of a vApp is that of this vApp alone.
        let admin = app.user(ADMIN).await;
        let vms = records(admin.get(&format!("{vapp}/vms/query")).await);
        assert_eq!(names(&vms), ["db", "web"]);
        assert!(admin.query("type=vm&filter=isVAppTemplate==false").await.len() > 4);
        // Users see their own vApps.
        let user = app.user(USER).await;
        let vdc = user.find("orgVdc", "demo-vdc").await;
        let own = records(user.get(&format!("{vdc}/vApps/query")).await);
        assert_eq!(names(&own), ["more-of-user", "of-user"]);
        let author = app.user(AUTHOR).await;
        assert!(records(author.get(&format!("{vdc}/vApps/query")).await).is_empty());
    });
}

#[test]
fn contents_take_every_parameter_of_a_query() {
    common::run(async {
        let app = App::start().await;
        let vapp = furnish(&app).await;
        let client = app.user(ADMIN).await;
        let vdc = client.find("orgVdc", "demo-vdc").await;
        let vms = format!("{vapp}/vms/query");
        let asked =
            async |query: &str| names(&records(client.get(&query.replace(' ', "%20")).await));
        // A filter narrows the list; an `or` does not lead out of it.
        assert_eq!(asked(&format!("{vms}?filter=name==web")).await, ["web"]);
        let or = format!("{vms}?filter=name==web,name==ubuntu-24.04,isVAppTemplate==true");
        assert_eq!(asked(&or).await, ["web"]);
        let other = format!("{vms}?filter=container!={}", segment(&vapp));
        assert!(asked(&other).await.is_empty());
        client.get(&format!("{vms}?filter=nonsense==1")).await.refused(400, "BAD_REQUEST");
        client.get(&format!("{vms}?sortAsc=nonsense")).await.refused(400, "BAD_REQUEST");
        client.get(&format!("{vms}?page=0")).await.refused(400, "BAD_REQUEST");
        client.get("/api/vApp/nonsense/vms/query").await.refused(400, "BAD_REQUEST");
        client.get(&format!("{vms}?page=2")).await.ok();
        // A VM contains no VMs.
        let vm = client.vms_of(&vapp).await.remove(0);
        client.get(&format!("{vm}/vms/query")).await.refused(400, "BAD_REQUEST");

        let fields =
            client.get(&format!("{vms}?fields=name,status&sortDesc=name")).await.ok().xml();
        let row = fields.child("VMRecord");
        assert_eq!((row.attr("name"), row.get("guestOs")), ("web", None));
        let references = client.get(&format!("{vms}?format=references&sortAsc=name")).await.ok();
        assert_eq!(references.xml().name, "VMReferences");
        assert_eq!(references.xml().child("VMReference").attr("name"), "db");
        let ids = client.get(&format!("{vms}?format=idrecords")).await.ok();
        assert!(ids.xml().attr("type").contains("query.idrecords+xml"), "{ids:?}");

        // The links from page to page stay on the route, with all that was asked for.
        let mut next =
            format!("{vdc}/vApps/query?pageSize=1&sortAsc=name&filter=name==*of-*&fields=name");
        let mut seen = Vec::new();
        loop {
            let page = client.get(&next).await.ok();
            let json = client.send_json("GET", &next, None, "").await.ok();
            let root = page.xml();
            assert_eq!((root.attr("total"), root.attr("pageSize")), ("3", "1"), "{page:?}");
            assert_eq!(same::differences(&root, &json.json()), [""; 0]);
            for link in root.all("Link") {
                let start = format!("{vdc}/vApps/query?page=");
                assert!(link.attr("href").starts_with(&start), "{page:?}");
            }
            assert!(root.attr("href").starts_with(&format!("{vdc}/vApps/query?page=")));
            seen.extend(names(&records(page)));
            if !root.rels().contains(&"nextPage") {
                break;
            }
            next = root.link("nextPage").to_owned();
        }
        assert_eq!(seen, ["more-of-user", "of-admin", "of-user"]);
    });
}

#[test]
fn contents_of_what_is_not_there_are_refused() {
    common::run(async {
        let app = App::start().await;
        let vapp = furnish(&app).await;
        let mut refused = 0;
        for login in EVERYONE {
            let client = app.user(login).await;
            for place in places(&app.user(ADMIN).await, &vapp).await {
                let folder = place.href.strip_suffix(segment(&place.href)).unwrap();
                let path = format!("{folder}{}/{}/query", unknown(), place.word);
                client.get(&path).await.refused(403, FORBIDDEN);
                let json = client.send_json("GET", &path, None, "").await.is(403).json();
                assert_eq!(json["minorErrorCode"], FORBIDDEN, "{json}");
                refused += 2;
            }
        }
        println!("{refused} queries refused");
        let author = app.user(AUTHOR).await;
        author.get(&format!("{vapp}/vms/query")).await.refused(403, FORBIDDEN);
    });
}

/// The same body in both formats, each with the media types that clients send it with.
struct Bodies {
    name: &'static str,
    xml: String,
    json: Value,
    media: &'static [(&'static str, &'static str)],
}

const RECOMPOSE: &[(&str, &str)] = &[
    (XML, JSON),
    (
        "application/vnd.vmware.vcloud.recomposeVAppParams+xml",
        "application/vnd.vmware.vcloud.recomposeVAppParams+json",
    ),
];
const VM: &[(&str, &str)] = &[
    (XML, JSON),
    ("application/vnd.vmware.vcloud.vm+xml", "application/vnd.vmware.vcloud.vm+json"),
];

/// What adds one VM.
fn additions(source: &str) -> [Bodies; 4] {
    let spec = json!({
        "_type": "VmSpecSectionType", "modified": true, "info": {"value": ""}, "osType": "ubuntu64Guest",
        "numCpus": 1, "numCoresPerSocket": 1, "memoryResourceMb": {"configured": 512},
    });
    let created = json!({"name": "NAME", "section": [spec]});
    let create = body::created("NAME", "");
    let sourced = json!({"source": {"href": source, "name": "NAME"}});
    [
        Bodies {
            name: "a recomposition",
            xml: body::recompose(&body::sourced(source, "NAME", "")),
            json: json!({"sourcedItem": [sourced]}),
            media: RECOMPOSE,
        },
        Bodies {
            name: "a recomposition of nothing",
            xml: body::recompose(&create),
            json: json!({"createItem": [created]}),
            media: RECOMPOSE,
        },
        Bodies {
            name: "a SourcedItem",
            xml: body::alone("SourcedItem", source).replace("name=\"new\"", "name=\"NAME\""),
            json: sourced,
            media: &[(XML, JSON)],
        },
        Bodies {
            name: "a CreateItem",
            // The name spaces belong to the document's root.
            xml: body::root("CreateItem", "name=\"NAME\"", create.split_once('>').unwrap().1)
                .replace("</CreateItem></CreateItem>", "</CreateItem>"),
            json: created,
            media: VM,
        },
    ]
}

#[test]
fn vms_are_added_to_a_vapp_by_each_body() {
    common::run(async {
        let app = App::start().await;
        for login in [ADMINISTRATOR, ADMIN, AUTHOR] {
            let client = app.user(login).await;
            let owner = if login == ADMINISTRATOR { app.user(ADMIN).await } else { client.clone() };
            let vapp =
                owner.compose(&body::compose(&format!("of-{}", login.replace('@', "-")), "")).await;
            let template = client.find("vAppTemplate", "debian-13").await;
            let template = client.get(&template).await.ok().xml();
            let source = template.child("Children").child("Vm").attr("href").to_owned();
            let ids = forms(&vapp, "vapp");
            let mut wanted = Vec::new();
            for bodies in additions(&source) {
                for (xml_media, json_media) in bodies.media {
                    for (media, text) in
                        [(xml_media, bodies.xml.clone()), (json_media, bodies.json.to_string())]
                    {
                        let name = format!("vm-{}", wanted.len());
                        let id = &ids[wanted.len() % ids.len()];
                        let path = format!("/api/vApp/{id}/vms");
                        let text = text.replace("NAME", &name);
                        let answer = client.send_json("POST", &path, Some(media), &text).await;
                        assert_eq!(answer.code(), 202, "{} {media}: {answer:?}", bodies.name);
                        assert_eq!(done(&client, answer).await, "vdcRecomposeVapp");
                        wanted.push(name);
                    }
                }
            }
            wanted.sort();
            let rows = records(client.get(&format!("{vapp}/vms/query?pageSize=128")).await);
            assert_eq!(names(&rows), wanted);
            let off = rows.iter().all(|row| row.attr("status") == "POWERED_OFF");
            assert!(off, "{rows:?}");
        }
    });
}

#[test]
fn what_adds_no_vm_is_refused() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vapp = client.compose(&body::compose("empty", "")).await;
        let path = format!("{vapp}/vms");
        let before = app.stored().await;
        for (media, text) in [
            (XML, body::root("ComposeVAppParams", "", "")),
            (XML, body::root("Vm", "name=\"new\"", "")),
            (XML, body::alone("SourcedItem", "https://elsewhere/x")),
            (XML, "<SourcedItem".to_owned()),
            (JSON, "[]".to_owned()),
            (JSON, json!({"name": "new", "nonsense": 1}).to_string()),
            (JSON, json!({"source": {"href": "https://elsewhere/x"}}).to_string()),
            (JSON, json!({"sourcedItem": 1}).to_string()),
        ] {
            let answer = client.send("POST", &path, Some(media), &text).await;
            assert_eq!(answer.code(), 400, "{text}: {answer:?}");
        }
        let other = "application/vnd.vmware.vcloud.composeVAppParams+xml";
        let text = body::recompose("");
        client.send("POST", &path, Some(other), &text).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
        // What may not be recomposed may not be added to.
        let user = app.user(USER).await;
        let own = user.instantiate("of-user", "debian-13", false).await;
        let add = body::recompose(&body::created("new", ""));
        user.post(&format!("{own}/vms"), &add).await.refused(403, FORBIDDEN);
        user.post(&path, &add).await.refused(403, FORBIDDEN);
        client.delete(&own).await;
        app.settled().await;
        let vm = client.get(&vapp).await.ok().xml();
        assert!(vm.find("Children").is_none_or(|all| all.children.is_empty()), "{vm:?}");
        let of_vapps = |line: &&String| line.contains("\"empty\"") && line.starts_with("VApp");
        let after = app.stored().await;
        assert!(before.iter().filter(of_vapps).eq(after.iter().filter(of_vapps)));
    });
}

#[test]
fn a_vm_is_the_same_under_both_of_its_paths() {
    common::run(async {
        let app = App::start().await;
        let vapp = furnish(&app).await;
        for login in [ADMINISTRATOR, ADMIN, USER] {
            let client = app.user(login).await;
            let vm = client.vms_of(&vapp).await.remove(0);
            let shown = client.get(&vm).await.ok();
            let json = client.send_json("GET", &vm, None, "").await.ok();
            for id in forms(&vm, "vm") {
                let path = format!("/api/vm/{id}");
                assert_eq!(client.get(&path).await.ok().body, shown.body, "{path}");
                let answer = client.send_json("GET", &path, None, "").await.ok();
                assert_eq!(answer.body, json.body, "{path}");
                assert_eq!(answer.header("content-type"), json.header("content-type"));
                assert_eq!(json.json()["href"], vm);
            }
            let urn = forms(&vm, "vm").remove(1);
            assert_eq!(client.get(&format!("/api/vApp/{urn}")).await.ok().body, shown.body);
            let of_vapp = client.get(&vapp).await.ok();
            for id in forms(&vapp, "vapp") {
                assert_eq!(client.get(&format!("/api/vApp/{id}")).await.ok().body, of_vapp.body);
            }
            client.get(&format!("/api/vm/{}", segment(&vapp))).await.refused(400, "BAD_REQUEST");
            client.get(&format!("/api/vm/{}", unknown())).await.refused(403, FORBIDDEN);
        }
        let author = app.user(AUTHOR).await;
        let vm = app.user(USER).await.vms_of(&vapp).await.remove(0);
        let path = format!("/api/vm/{}", segment(&vm));
        author.get(&path).await.refused(403, FORBIDDEN);
        author.delete(&path).await.refused(403, FORBIDDEN);
        author.post(&format!("{path}/power/action/powerOn"), "").await.refused(403, FORBIDDEN);
        author.put(&path, &body::root("Vm", "name=\"x\"", "")).await.refused(403, FORBIDDEN);
    });
}

#[test]
fn a_vm_is_changed_by_what_is_sent() {
    common::run(async {
        let app = App::start().await;
        for login in [ADMINISTRATOR, ADMIN, AUTHOR] {
            let client = app.user(login).await;
            let owner = if login == ADMINISTRATOR { app.user(ADMIN).await } else { client.clone() };
            let vapp = owner
                .instantiate(&format!("of-{}", login.replace('@', "-")), "ubuntu-24.04", false)
                .await;
            let vm = client.vms_of(&vapp).await.remove(0);
            let cpus = async || {
                let shown = client.get(&vm).await.ok().xml();
                let spec = shown.child("VmSpecSection");
                (shown.attr("name").to_owned(), spec.child("NumCpus").text.clone())
            };
            for (turn, id) in forms(&vm, "vm").into_iter().enumerate() {
                let path = format!("/api/vm/{id}");
                let name = format!("xml-{turn}");
                let spec = format!(
                    "<VmSpecSection Modified=\"true\"><ovf:Info/><NumCpus>{}</NumCpus></VmSpecSection>",
                    turn + 1
                );
                let change = body::root("Vm", &format!("name=\"{name}\""), &spec);
                let answer = client.send_json("PUT", &path, Some(XML), &change).await;
                assert_eq!(done(&client, answer).await, "vappUpdateVm");
                assert_eq!(cpus().await, (name, (turn + 1).to_string()));
                let name = format!("json-{turn}");
                let spec = json!({
                    "_type": "VmSpecSectionType", "modified": true, "info": {"value": ""}, "numCpus": turn + 2,
                });
                let change = json!({"name": name, "section": [spec]}).to_string();
                let answer = client.send_json("PUT", &path, Some(JSON), &change).await;
                assert_eq!(done(&client, answer).await, "vappUpdateVm");
                assert_eq!(cpus().await, (name, (turn + 2).to_string()));
            }
            // What was read can be sent back, whole, in both formats.
            let path = format!("/api/vm/{}", segment(&vm));
            let shown = client.get(&path).await.ok().body;
            client.done(client.put(&path, &shown).await).await;
            assert_eq!(client.get(&path).await.ok().body, shown);
            let json = client.send_json("GET", &path, None, "").await.ok().body;
            let media = "application/vnd.vmware.vcloud.vm+json";
            done(&client, client.send_json("PUT", &path, Some(media), &json).await).await;
            assert_eq!(client.get(&path).await.ok().body, shown);
        }
        // A user may not change what a VM is made of.
        let user = app.user(USER).await;
        let vapp = user.instantiate("of-user", "ubuntu-24.04", false).await;
        let vm = user.vms_of(&vapp).await.remove(0);
        let path = format!("/api/vm/{}", segment(&vm));
        let spec =
            "<VmSpecSection Modified=\"true\"><ovf:Info/><NumCpus>8</NumCpus></VmSpecSection>";
        let change = body::root("Vm", "name=\"of-user\"", spec);
        user.put(&path, &change).await.refused(403, FORBIDDEN);
    });
}

#[test]
fn a_vm_is_powered_and_deleted() {
    common::run(async {
        let app = App::start().await;
        for login in EVERYONE {
            let client = app.user(login).await;
            let owner = if login == ADMINISTRATOR { app.user(ADMIN).await } else { client.clone() };
            let vapp = owner
                .instantiate(&format!("of-{}", login.replace('@', "-")), "two-tier", false)
                .await;
            let vms = client.vms_of(&vapp).await;
            for (action, status) in [
                ("powerOn", "POWERED_ON"),
                ("suspend", "SUSPENDED"),
                ("powerOn", "POWERED_ON"),
                ("reset", "POWERED_ON"),
                ("powerOff", "PARTIALLY_POWERED_OFF"),
            ] {
                // One in XML, the other in JSON, by another form of the id each time.
                let ids: Vec<_> = vms.iter().map(|vm| forms(vm, "vm")).collect();
                let at = action.len() % 4;
                let path = |vm: usize| format!("/api/vm/{}/power/action/{action}", ids[vm][at]);
                client.done(client.post(&path(0), "").await).await;
                done(&client, client.send_json("POST", &path(1), None, "").await).await;
                let rows = records(client.get(&format!("{vapp}/vms/query")).await);
                let is = |row: &Element| row.attr("status") == status;
                assert!(rows.len() == 2 && rows.iter().all(is), "{action}: {rows:?}");
                if status == "POWERED_ON" {
                    client
                        .delete(&format!("/api/vm/{}", ids[0][at]))
                        .await
                        .refused(400, "INVALID_STATE");
                }
            }
            client
                .post(&format!("/api/vm/{}/power/action/powerOff", segment(&vms[0])), "")
                .await
                .refused(400, "INVALID_STATE");
            for vm in &vms {
                let undeploy = body::root("UndeployVAppParams", "", "");
                let answer = client.post(&format!("{vm}/action/undeploy"), &undeploy).await;
                if answer.code() == 202 {
                    client.done(answer).await;
                }
            }
            client.done(client.delete(&format!("/api/vm/{}", forms(&vms[0], "vm")[0])).await).await;
            let path = format!("/api/vm/{}", forms(&vms[1], "vm")[2]);
            let gone = client.send_json("DELETE", &path, None, "").await;
            assert_eq!(done(&client, gone).await, "vappDeleteVm");
            client.get(&path).await.refused(403, FORBIDDEN);
            assert!(records(client.get(&format!("{vapp}/vms/query")).await).is_empty());
        }
    });
}

/// Posts an action in both formats, by every form of the id.
async fn act(client: &Client<'_>, href: &str, kind: &str, action: &str) {
    let folder = href.strip_suffix(segment(href)).unwrap();
    for id in forms(href, kind) {
        let path = format!("{folder}{id}/action/{action}");
        assert!(client.post(&path, "").await.is(204).body.is_empty());
        assert!(client.send_json("POST", &path, None, "").await.is(204).body.is_empty());
    }
}

/// The link by which something is enabled or disabled; none for whoever may not.
async fn switch(client: &Client<'_>, href: &str) -> Option<String> {
    let shown = client.get(href).await.ok().xml();
    let link = shown.all("Link").find(|link| matches!(link.attr("rel"), "enable" | "disable"));
    let enabled = shown.child("IsEnabled").text == "true";
    link.inspect(|link| {
        let (rel, verb) = if enabled { ("disable", "disable") } else { ("enable", "enable") };
        assert_eq!((link.attr("rel"), link.attr("href")), (rel, &*format!("{href}/action/{verb}")));
    })
    .map(|link| link.attr("rel").to_owned())
}

#[test]
fn organizations_vdcs_and_users_are_enabled_and_disabled() {
    common::run(async {
        let app = App::start().await;
        let provider = app.user(ADMINISTRATOR).await;
        let admin = app.user(ADMIN).await;
        let vdc = admin.find("orgVdc", "demo-vdc").await;
        let org = admin.get(&vdc).await.ok().xml().link("up").replace("/api/", "/api/admin/");
        let vdc = vdc.replace("/api/", "/api/admin/");
        let user = admin.find("user", "user").await;
        let session = |login: &'static str| app.login(login, PASSWORD);

        for (href, kind) in [(&vdc, "vdc"), (&org, "org")] {
            for login in TENANTS {
                let client = app.user(login).await;
                assert_eq!(switch(&client, href).await, None, "{href} as {login}");
                for action in ["enable", "disable"] {
                    let answer = client.post(&format!("{href}/action/{action}"), "").await;
                    answer.refused(403, FORBIDDEN);
                }
            }
            assert_eq!(switch(&provider, href).await.as_deref(), Some("disable"));
            act(&provider, href, kind, "disable").await;
            assert_eq!(switch(&provider, href).await.as_deref(), Some("enable"));
            if kind == "org" {
                // Whoever was logged in is no longer; nobody is let in again.
                admin.get("/api/org").await.is(401);
                assert_eq!(session(ADMIN).await.code(), 401);
            }
            act(&provider, href, kind, "enable").await;
            assert_eq!(switch(&provider, href).await.as_deref(), Some("disable"));
        }
        assert_eq!(session(ADMIN).await.code(), 200);

        // The System organization stays, and so does the user who asks.
        let system = provider.get("/api/session").await.ok().xml();
        let links = system.all("Link").map(|link| link.attr("href").to_owned());
        let system = links.into_iter().find(|href| href.contains("/api/org/")).unwrap();
        let system = system.replace("/api/org/", "/api/admin/org/");
        assert_eq!(switch(&provider, &system).await, None);
        provider.post(&format!("{system}/action/disable"), "").await.refused(400, "INVALID_STATE");

        let mut admin = admin;
        admin.token = session(ADMIN).await.token();
        let myself = admin.find("user", "admin").await;
        assert_eq!(switch(&admin, &myself).await, None);
        assert_eq!(switch(&admin, &user).await.as_deref(), Some("disable"));
        act(&admin, &user, "user", "disable").await;
        assert_eq!(session(USER).await.code(), 401);
        assert_eq!(switch(&provider, &user).await.as_deref(), Some("enable"));
        act(&provider, &user, "user", "enable").await;
        assert_eq!(session(USER).await.code(), 200);
        let mut author = app.user(AUTHOR).await;
        author.token = session(AUTHOR).await.token();
        for action in ["enable", "disable"] {
            author.post(&format!("{user}/action/{action}"), "").await.refused(403, FORBIDDEN);
        }
        assert!(user.starts_with(ROOT));
    });
}

#[test]
fn a_user_is_changed_by_what_is_sent() {
    common::run(async {
        let app = App::start().await;
        let admin = app.user(ADMIN).await;
        let user = admin.find("user", "user").await;
        let role = admin.find("role", "vApp%20Author").await;
        let put = async |client: &Client<'_>, content: &str| {
            let body = body::root("User", "name=\"user\"", content);
            client.put(&user, &body).await
        };
        let before = admin.get(&user).await.ok().xml();
        assert_eq!(before.link("edit"), user);
        let content = format!(
            "<FullName>Full</FullName><EmailAddress>u@example.com</EmailAddress><StoredVmQuota>5</StoredVmQuota>\
             <Role href=\"{role}\"/>"
        );
        let changed = put(&admin, &content).await.ok().xml();
        assert_eq!(changed.child("FullName").text, "Full");
        assert_eq!(changed.child("StoredVmQuota").text, "5");
        assert_eq!(changed.child("Role").attr("name"), "vApp Author");
        // What is left out stays.
        assert_eq!(put(&admin, "").await.ok().xml().child("EmailAddress").text, "u@example.com");
        put(&admin, "<IsEnabled>false</IsEnabled>").await.ok();
        assert_eq!(app.login(USER, PASSWORD).await.code(), 401);
        let path = format!("/api/admin/user/{}", forms(&user, "user").remove(2));
        let json = json!({"name": "user", "isEnabled": true, "password": "a new password"});
        let answer = admin.send_json("PUT", &path, Some(JSON), &json.to_string()).await.ok();
        assert_eq!(answer.json()["isEnabled"], true);
        assert!(answer.json()["password"].is_null(), "{answer:?}");
        assert_eq!(app.login(USER, PASSWORD).await.code(), 401);
        assert_eq!(app.login(USER, "a new password").await.code(), 200);

        let stored = app.stored().await;
        let refused = put(&admin, &format!("<Role href=\"{}\"/>", unknown())).await;
        assert_eq!(refused.code(), 400, "{refused:?}");
        put(&admin, "<Role href=\"nonsense\"/>").await.refused(400, "BAD_REQUEST");
        // Nobody changes others without the right to it, nor gets more than a password of their own.
        let author = app.user(AUTHOR).await;
        put(&author, "<FullName>x</FullName>").await.refused(403, FORBIDDEN);
        put(&author, "<Password>x</Password>").await.refused(403, FORBIDDEN);
        assert_eq!(stored, app.stored().await);
    });
}
