//! Formats and versions, and the answers to what is no good.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{ADMIN, Answer, App, Client, body};

const VERSIONS: &str =
    "39.1, 39.0, 38.1, 38.0, 37.3, 37.2, 37.1, 37.0, 36.3 [D], 36.2 [D], 36.1 [D], 36.0 [D]";

/// A request with these `Accept` headers.
async fn get(client: &Client<'_>, path: &str, accept: &[&str]) -> Answer {
    let bearer = format!("Bearer {}", client.token);
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(accept.iter().map(|accept| ("accept", *accept)));
    client.app.send("GET", path, &headers, "").await
}

#[test]
fn accept_headers_as_clients_write_them() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let org = "application/vnd.vmware.vcloud.orgList";
        for (accept, media) in [
            (&["application/*+xml;version=36.0"][..], "+xml;version=36.0"),
            (&["application/*;version=37.0"], "+xml;version=37.0"),
            (&["*/*;version=37.0"], "+xml;version=37.0"),
            (&["application/xml;version=37.1"], "+xml;version=37.1"),
            (&["text/xml;version=37.1"], "+xml;version=37.1"),
            (&["application/vnd.vmware.vcloud.org+xml;version=38.0"], "+xml;version=38.0"),
            (&["application/*+json;version=39.1"], "+json;version=39.1"),
            (&["application/json;version=39.1"], "+json;version=39.1"),
            (&["application/vnd.vmware.vcloud.org+json;version=38.1"], "+json;version=38.1"),
            // go-vcloud-director's queries send two, the second of which is no media type.
            (
                &["application/*+xml;version=37.0", "vnd.vmware.vcloud.org+xml;version=37.0"],
                "+xml;version=37.0",
            ),
            (
                &["application/*+xml;version=37.0, vnd.vmware.vcloud.org+xml;version=37.0"],
                "+xml;version=37.0",
            ),
            (
                &["vnd.vmware.vcloud.org+xml;version=37.0", "application/*+json;version=37.0"],
                "+json;version=37.0",
            ),
            (&["vnd.vmware.vcloud.org+xml;version=37.2"], "+xml;version=37.2"),
            (&["application/*+xml", "application/*+xml;version=36.3"], "+xml;version=36.3"),
            (&["text/html, application/*+xml;version=37.0"], "+xml;version=37.0"),
            (&["APPLICATION/*+XML;VERSION=37.0"], "+xml;version=37.0"),
            (&["application/*+xml; version = 37.0"], "+xml;version=37.0"),
            (&["application/*+xml;version=37.0;q=0.9"], "+xml;version=37.0"),
            (&["application/*+xml;version="], "+xml;version=39.1"),
        ] {
            let answer = get(&client, "/api/org", accept).await.ok();
            assert_eq!(answer.header("content-type"), format!("{org}{media}"), "{accept:?}");
            if media.starts_with("+json") { drop(answer.json()) } else { drop(answer.xml()) }
        }
        for accept in [
            &[][..],
            &["*/*"],
            &["application/*+xml"],
            &["application/*+json"],
            &["application/*+xml;version=35.2"],
            &["application/*+xml;version=40.0"],
            &["application/*+xml;version=36.4"],
            &["application/*+xml;version=36"],
            &["application/*+xml;version=x"],
            &["application/*+xml;version=39.1.0"],
            &["application/*+xml;version=037.0x"],
        ] {
            let answer = get(&client, "/api/org", accept).await;
            let message = answer.message();
            let list = format!(
                "Supported API versions are: [{VERSIONS}] ([D] indicates deprecated versions)"
            );
            assert!(
                message.contains(
                    "The request has invalid accept header: Invalid API version requested."
                ),
                "{message}"
            );
            assert!(message.ends_with(&list), "{message}");
            let json = accept.iter().any(|accept| accept.contains("json"));
            assert!(answer.header("content-type").contains(if json { "+json" } else { "+xml" }));
            answer.refused(406, "NOT_ACCEPTABLE");
        }
        for accept in ["text/html;version=37.0", "image/png"] {
            get(&client, "/api/org", &[accept]).await.refused(406, "NOT_ACCEPTABLE");
        }
    });
}

#[test]
fn the_version_list_is_for_everyone() {
    common::run(async {
        let app = App::start().await;
        for accept in [
            None,
            Some("*/*"),
            Some("application/*+xml"),
            Some("application/*+xml;version=5.5"),
            Some("text/xml"),
        ] {
            let headers: Vec<_> = accept.iter().map(|accept| ("accept", *accept)).collect();
            let answer = app.send("GET", "/api/versions", &headers, "").await.ok();
            let list = answer.xml();
            assert_eq!(list.name, "SupportedVersions");
            let versions: Vec<&str> =
                list.all("VersionInfo").map(|info| info.child("Version").text.as_str()).collect();
            assert_eq!(
                versions,
                [
                    "36.0", "36.1", "36.2", "36.3", "37.0", "37.1", "37.2", "37.3", "38.0", "38.1",
                    "39.0", "39.1"
                ]
            );
            for info in list.all("VersionInfo") {
                let old = info.child("Version").text.starts_with("36.");
                assert_eq!(info.attr("deprecated"), old.to_string());
                let login = format!("{}/cloudapi/1.0.0/sessions", common::ROOT);
                assert_eq!(info.child("LoginUrl").text, login);
                assert_eq!(info.child("ProviderLoginUrl").text, format!("{login}/provider"));
            }
        }
        let json = app
            .send("GET", "/api/versions", &[("accept", "application/*+json")], "")
            .await
            .ok()
            .json();
        assert_eq!(json["versionInfo"].as_array().unwrap().len(), 12);
    });
}

#[test]
fn cloudapi_is_json() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let path = "/cloudapi/1.0.0/sessions/current";
        for (accept, version) in [
            (&["application/json;version=37.0"][..], "37.0"),
            (&["application/json;version=39.1"], "39.1"),
            (&["application/json"], "39.1"),
            (&["application/json;version="], "39.1"),
            (&["*/*"], "39.1"),
            (&["application/*;version=38.0"], "38.0"),
            (&[], "39.1"),
        ] {
            let answer = get(&client, path, accept).await.ok();
            assert_eq!(
                answer.header("content-type"),
                format!("application/json;version={version}")
            );
            answer.json();
        }
        for accept in
            ["application/*+xml;version=37.0", "application/json;version=35.0", "text/html"]
        {
            let answer = get(&client, path, &[accept]).await;
            assert!(
                answer.header("content-type").starts_with("application/json;version="),
                "{answer:?}"
            );
            answer.refused(406, "NOT_ACCEPTABLE");
        }
        let vdc = format!("urn:vcloud:vdc:{}", common::unknown());
        for base in ["/cloudapi/1.0.0/vdcs", "/cloudapi/2.0.0/vdcs"] {
            for urn in [vdc.clone(), vdc.replace(':', "%3A")] {
                for slash in ["", "/"] {
                    let answer = client.get(&format!("{base}/{urn}/computePolicies{slash}")).await;
                    let error = answer.json();
                    assert!(
                        error["stackTrace"].is_null() && error["message"].is_string(),
                        "{error}"
                    );
                    answer.refused(403, "ACCESS_TO_RESOURCE_IS_FORBIDDEN");
                }
            }
        }
    });
}

#[test]
fn errors_come_in_the_format_asked_for() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let xml = "application/*+xml;version=37.0";
        let json = "application/*+json;version=37.0";
        for (path, status, minor) in [
            ("/api/nowhere", 404, "NOT_FOUND"),
            ("/api/org/x/y/z", 404, "NOT_FOUND"),
            ("/api/query%3Ftype=task&format=records", 404, "NOT_FOUND"),
            ("/api/org/nonsense", 400, "BAD_REQUEST"),
            (
                "/api/org/00000000-0000-4000-8000-000000000000",
                403,
                "ACCESS_TO_RESOURCE_IS_FORBIDDEN",
            ),
        ] {
            let answer = get(&client, path, &[xml]).await;
            assert_eq!(
                answer.header("content-type"),
                "application/vnd.vmware.vcloud.error+xml;version=37.0"
            );
            assert!(answer.body.contains("xmlns=\"http://www.vmware.com/vcloud/v1.5\""));
            answer.refused(status, minor);
            let answer = get(&client, path, &[json]).await;
            assert_eq!(
                answer.header("content-type"),
                "application/vnd.vmware.vcloud.error+json;version=37.0"
            );
            assert_eq!(answer.json()["majorErrorCode"], status, "{answer:?}");
            answer.refused(status, minor);
        }
        for path in ["/cloudapi/1.0.0/nowhere", "/cloudapi/x"] {
            let answer = get(&client, path, &["application/json;version=37.0"]).await;
            assert_eq!(answer.header("content-type"), "application/json;version=37.0");
            answer.refused(404, "NOT_FOUND");
        }
        for path in ["/nowhere", "/nowhere/at/all"] {
            get(&client, path, &["*/*"]).await.refused(404, "NOT_FOUND");
        }
        // Whoever is not logged in is told so in the format too.
        let anonymous = app.send("GET", "/api/org", &[("accept", json)], "").await;
        assert!(anonymous.header("content-type").contains("error+json"));
        anonymous.refused(401, "UNAUTHORIZED");
        for (method, path) in [
            ("POST", "/api/org"),
            ("DELETE", "/api/query"),
            ("PUT", "/api/versions"),
            ("PATCH", "/api/session"),
            ("GET", "/api/sessions"),
            ("PUT", "/cloudapi/1.0.0/sessions/current"),
        ] {
            client.send(method, path, None, "").await.refused(405, "METHOD_NOT_ALLOWED");
        }
    });
}

#[test]
fn bad_bodies_change_nothing() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let vapp = client.instantiate("vapp", "ubuntu-24.04", false).await;
        let vm = client.vms_of(&vapp).await.remove(0);
        let vdc = client.find("orgVdc", "demo-vdc").await;
        let path = format!("{vdc}/action/composeVApp");
        let before = app.stored().await;
        let good = body::compose("new", "");
        for media in [
            "application/vnd.vmware.vcloud.recomposeVAppParams+xml",
            "text/plain",
            "image/png",
            "application/x-www-form-urlencoded",
            "nonsense",
        ] {
            let answer = client.send("POST", &path, Some(media), &good).await;
            answer.refused(415, "UNSUPPORTED_MEDIA_TYPE");
        }
        let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
        let doctype = format!("<!DOCTYPE x [<!ENTITY e \"boom\">]>{good}");
        let external = "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><ComposeVAppParams/>".to_owned();
        for bad in [
            String::new(),
            "nonsense".to_owned(),
            "<ComposeVAppParams".to_owned(),
            good[..good.len() - 4].to_owned(),
            good.replace("name=\"new\"", "name=\"new\" name=\"again\""),
            good.replace("name=\"new\"", "name=\"&undefined;\""),
            doctype,
            external,
            deep,
            body::root("Vm", "name=\"new\"", ""),
            body::root("Nonsense", "", ""),
            body::compose("new", "<Nonsense/>"),
            body::compose("new", "<AllEULAsAccepted>perhaps</AllEULAsAccepted>"),
            good.replace("http://www.vmware.com/vcloud/v1.5", "http://example.com/other"),
            format!("{good}{good}"),
            body::compose("\u{1}", ""),
        ] {
            let answer = client.post(&path, &bad).await;
            assert_eq!(answer.code(), 400, "{bad:.200}: {answer:?}");
            assert!(!answer.body.contains("root:") && !answer.body.contains("boom"), "{answer:?}");
            answer.refused(400, "BAD_REQUEST");
        }
        let json = Some("application/vnd.vmware.vcloud.composeVAppParams+json");
        for bad in [
            "",
            "{",
            "[]",
            "null",
            "\"new\"",
            "{\"name\":\"new\",\"nonsense\":true}",
            "{\"name\":{\"a\":1}}",
            "{\"name\":\"new\"} trailing",
        ] {
            client.send("POST", &path, json, bad).await.refused(400, "BAD_REQUEST");
        }
        let deep = format!("{{\"name\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        client.send("POST", &path, json, &deep).await.refused(400, "BAD_REQUEST");
        let large =
            body::compose("new", &format!("<Description>{}</Description>", "x".repeat(3 << 20)));
        let answer = client.post(&path, &large).await;
        assert_eq!(answer.code(), 413, "{:.300}", answer.body);
        answer.refused(413, "BAD_REQUEST");
        // What is no UTF-8.
        let bearer = format!("Bearer {}", client.token);
        let headers = [
            ("authorization", bearer.as_str()),
            ("accept", "application/*+xml;version=37.0"),
            ("content-type", "application/xml"),
        ];
        let mut latin = good.clone().into_bytes();
        latin[20] = 0xff;
        app.send("POST", path.as_str(), &headers, latin).await.refused(400, "BAD_REQUEST");
        // Bad values deep inside.
        for (path, content) in [
            (
                format!("{vm}/networkConnectionSection"),
                body::root(
                    "NetworkConnectionSection",
                    "",
                    "<ovf:Info/><NetworkConnection network=\"x\"><NetworkConnectionIndex>zero</NetworkConnectionIndex></NetworkConnection>",
                ),
            ),
            (
                format!("{vapp}/leaseSettingsSection"),
                body::root(
                    "LeaseSettingsSection",
                    "",
                    "<ovf:Info/><DeploymentLeaseInSeconds>-5</DeploymentLeaseInSeconds>",
                ),
            ),
            (
                format!("{vapp}/leaseSettingsSection"),
                body::root(
                    "LeaseSettingsSection",
                    "",
                    "<ovf:Info/><DeploymentLeaseInSeconds>99999999999</DeploymentLeaseInSeconds>",
                ),
            ),
            (
                format!("{vapp}/networkConfigSection"),
                body::root(
                    "NetworkConfigSection",
                    "",
                    "<ovf:Info/><NetworkConfig networkName=\"x\"><Configuration><FenceMode>sometimes</FenceMode></Configuration></NetworkConfig>",
                ),
            ),
            (
                format!("{vapp}/networkConfigSection"),
                body::root(
                    "NetworkConfigSection",
                    "",
                    &body::networks("x", "nonsense")
                        .replace("<NetworkConfigSection>", "")
                        .replace("</NetworkConfigSection>", ""),
                ),
            ),
        ] {
            client.put(&path, &content).await.refused(400, "BAD_REQUEST");
        }
        for source in
            ["", "nonsense", "http://elsewhere/api/vAppTemplate/", "/api/vAppTemplate/vm-1"]
        {
            let content = body::compose("new", &body::sourced(source, "vm", ""));
            client.post(&path, &content).await.refused(400, "BAD_REQUEST");
        }
        assert_eq!(before, app.stored().await);
        // The good one is good, with and without a media type, in both formats.
        client.done(client.send("POST", &path, None, &good).await).await;
        let own = Some("application/vnd.vmware.vcloud.composeVAppParams+xml;version=37.0");
        client.done(client.send("POST", &path, own, &good.replace("new", "newer")).await).await;
        client.done(client.send("POST", &path, json, "{\"name\":\"newest\"}").await).await;
    });
}

#[test]
fn bad_ids_and_queries() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let uuid = common::unknown();
        for path in [
            "/api/org/nonsense".to_owned(),
            "/api/vdc/1".to_owned(),
            format!("/api/vdc/{}", uuid.simple()),
            format!("/api/vdc/{{{uuid}}}").replace('{', "%7B").replace('}', "%7D"),
            format!("/api/vdc/urn:vcloud:vm:{uuid}"),
            format!("/api/catalog/{uuid}0"),
            "/api/vApp/vapp-".to_owned(),
            "/api/vApp/vm-nonsense".to_owned(),
            "/api/task/%00".to_owned(),
            "/api/entity/nonsense".to_owned(),
            "/api/entity/urn:vcloud:nonsense:1".to_owned(),
            format!("/api/entity/urn:vcloud:nonsense:{uuid}"),
            "/api/vApp/vm-nonsense/metadata".to_owned(),
        ] {
            client.get(&path).await.refused(400, "BAD_REQUEST");
        }
        for path in [
            format!("/api/nonsense/{uuid}/metadata"),
            "/api/vdc/x/hwv/y/z".to_owned(),
            format!("/api/vApp/vapp-{uuid}/vmCapabilities"),
            format!("/api/vApp/vm-{uuid}/leaseSettingsSection"),
        ] {
            client.get(&path).await.refused(404, "NOT_FOUND");
        }
        for query in [
            "type=nonsense",
            "type=vm&format=nonsense",
            "type=vm&filter=nonsense==1",
            "type=vm&filter=name",
            "type=vm&filter=name==",
            "type=vm&filter=(name==a",
            "type=vm&filter=name==a)",
            "type=vm&filter=name===",
            "type=vm&filter=;;",
            "type=vm&filter=numberOfCpus==many",
            "type=vm&filter=isDeployed==perhaps",
            "type=vm&sortAsc=nonsense",
            "type=vm&page=0",
            "type=vm&page=-1",
            "type=vm&page=x",
            "type=vm&pageSize=0",
            "type=vm&page=99999999999",
            "type=vm&filter=name==%ff",
            &format!("type=vm&filter={}name==a{}", "(".repeat(500), ")".repeat(500)),
        ] {
            let answer = client.get(&format!("/api/query?{query}")).await;
            let fine = answer.code() == 200
                && (query.ends_with("==") || query.ends_with("===") || query.ends_with(";;"));
            assert!(fine || answer.code() == 400, "{query}: {answer:?}");
            if !fine {
                answer.refused(400, "BAD_REQUEST");
            }
        }
        // Odd, but as clients write them.
        for query in [
            "&type=vm",
            "type=vm&pageSize=9999",
            "type=VM",
            "type=vm&nonsense=1&links=true;",
            "type=vm&filter=name==a;",
            "type=vm&filter=name==a%3Bb&filterEncoded=true",
            "type=vm&filter=name==VM+%28a%2Cb%29;isDeployed==true&filterEncoded=true",
            "type=vm&page=2&page=1",
        ] {
            client.get(&format!("/api/query?{query}")).await.ok();
        }
    });
}

#[test]
fn health_needs_nothing() {
    common::run(async {
        let app = App::start().await;
        for accept in ["", "text/html", "application/*+xml;version=1.0"] {
            for path in ["/healthz", "/readyz", "/api/v1/version", "/openapi.json"] {
                let answer = app.send("GET", path, &[("accept", accept)], "").await.ok();
                assert!(
                    answer.header("content-type").starts_with("application/json"),
                    "{answer:?}"
                );
                answer.json();
            }
        }
        let ready = app.send("GET", "/readyz", &[], "").await.ok().json();
        assert_eq!(ready["backends"][0]["name"], "simulator");
    });
}
