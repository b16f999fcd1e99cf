//! Logging in and out, tokens, and who a request is of.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use common::{ADMIN, ADMINISTRATOR, Answer, App, EVERYONE, PASSWORD, Setup, TENANTS, USER};
use ssvirt_core::{
    env::{Clock as _, ManualClock, SystemClock},
    service::Caller,
};

const ACCEPT: &str = "application/*+xml;version=37.0";
const FORBIDDEN: &str = "ACCESS_TO_RESOURCE_IS_FORBIDDEN";

/// A request with nothing but this token, in this header.
async fn with_header(app: &App, name: &str, value: &str) -> Answer {
    app.send("GET", "/api/session", &[("accept", ACCEPT), (name, value)], "").await
}

async fn with_token(app: &App, token: &str) -> Answer {
    with_header(app, "authorization", &format!("Bearer {token}")).await
}

async fn delete(app: &App, path: &str, token: &str, accept: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    app.send("DELETE", path, &[("accept", accept), ("authorization", &bearer)], "").await
}

#[test]
fn logins_answer_as_clients_read_them() {
    common::run(async {
        let app = App::start().await;
        for login in EVERYONE {
            let answer = app.login(login, PASSWORD).await;
            let token = answer.token();
            assert_eq!(answer.header("x-vmware-vcloud-token-type"), "Bearer");
            assert_eq!(answer.header("content-type"), "application/json;version=37.0");
            let session = answer.json();
            let (user, org) = login.split_once('@').unwrap();
            assert_eq!(session["user"]["name"], user);
            assert_eq!(session["org"]["name"], org);
            assert!(session["id"].as_str().unwrap().starts_with("urn:vcloud:session:"));
            assert!(session["roleRefs"][0]["id"].as_str().unwrap().starts_with("urn:vcloud:role:"));
            let element = with_token(&app, &token).await.ok().xml();
            assert_eq!((element.attr("user"), element.attr("org")), (user, org));
        }
        // Names are compared without regard to case, passwords are not.
        app.login("Admin@DEMO", PASSWORD).await.token();
        app.login("ADMINISTRATOR@system", PASSWORD).await.token();
        app.login(ADMIN, &PASSWORD.to_uppercase()).await.refused(401, "UNAUTHORIZED");
    });
}

#[test]
fn a_token_is_taken_in_every_header() {
    common::run(async {
        let app = App::start().await;
        let token = app.login(ADMIN, PASSWORD).await.token();
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            with_header(&app, "authorization", &format!("{scheme} {token}")).await.ok();
        }
        for name in [
            "X-VMWARE-VCLOUD-ACCESS-TOKEN",
            "x-vmware-vcloud-access-token",
            "x-vcloud-authorization",
        ] {
            with_header(&app, name, &token).await.ok();
        }
        // As go-vcloud-director sends it.
        let bearer = format!("bearer {token}");
        let headers = [
            ("accept", ACCEPT),
            ("authorization", bearer.as_str()),
            ("X-Vmware-Vcloud-Access-Token", token.as_str()),
            ("X-Vmware-Vcloud-Token-Type", "Bearer"),
        ];
        app.send("GET", "/api/session", &headers, "").await.ok();
        for (name, value) in [
            ("authorization", token.clone()),
            ("authorization", format!("Basic {token}")),
            ("authorization", "Bearer".to_owned()),
            ("authorization", "Bearer ".to_owned()),
            ("x-vcloud-authorization", String::new()),
            ("cookie", format!("vcloud-token={token}")),
        ] {
            let answer = with_header(&app, name, &value).await.refused(401, "UNAUTHORIZED");
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
        }
        app.send("GET", "/api/session", &[("accept", ACCEPT)], "")
            .await
            .refused(401, "UNAUTHORIZED");
    });
}

#[test]
fn forged_tokens_are_refused() {
    common::run(async {
        let app = App::start().await;
        let token = app.login(ADMIN, PASSWORD).await.token();
        let parts: Vec<&str> = token.split('.').collect();
        let claims: serde_json::Value =
            serde_json::from_slice(&BASE64.decode(parts[1]).unwrap()).unwrap();
        let sign = |header: jsonwebtoken::Header, claims: &serde_json::Value, key: &[u8]| {
            jsonwebtoken::encode(&header, claims, &jsonwebtoken::EncodingKey::from_secret(key))
                .unwrap()
        };
        let hs256 = || jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        // The test's own signing works, so what is refused below is refused for its reason.
        with_token(&app, &sign(hs256(), &claims, common::KEY)).await.ok();
        let none = BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let mut other_session = claims.clone();
        other_session["jti"] = common::unknown().to_string().into();
        let mut no_session = claims.clone();
        no_session.as_object_mut().unwrap().remove("jti");
        let hs512 = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS512);
        let rivals = app.rival.session;
        let mut rival = claims.clone();
        rival["jti"] = rivals.to_string().into();
        for (why, forged) in [
            (
                "another key",
                sign(hs256(), &claims, b"another key, just as long as the real one is"),
            ),
            ("no key", sign(hs256(), &claims, b"")),
            ("another algorithm", sign(hs512, &claims, common::KEY)),
            ("alg none", format!("{none}.{}.", parts[1])),
            ("alg none with a signature", format!("{none}.{}.{}", parts[1], parts[2])),
            ("truncated", token[..token.len() - 2].to_owned()),
            ("no signature", format!("{}.{}.", parts[0], parts[1])),
            ("no session", sign(hs256(), &no_session, common::KEY)),
            ("a session that is not", sign(hs256(), &other_session, common::KEY)),
            ("another session under the old signature", {
                let claims = BASE64.encode(rival.to_string());
                format!("{}.{claims}.{}", parts[0], parts[2])
            }),
            ("a session's id", rivals.to_string()),
            ("nonsense", "abc.def.ghi".to_owned()),
        ] {
            let answer = with_token(&app, &forged).await;
            assert_eq!((answer.code(), answer.minor().as_str()), (401, "UNAUTHORIZED"), "{why}");
            let json =
                [("accept", "application/json;version=37.0"), ("x-vcloud-authorization", &forged)];
            let current = app.send("GET", "/cloudapi/1.0.0/sessions/current", &json, "").await;
            assert_eq!((current.code(), current.minor().as_str()), (401, "UNAUTHORIZED"), "{why}");
        }
        with_token(&app, &token).await.ok();
    });
}

#[test]
fn a_session_ends_by_the_clock() {
    common::run(async {
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let app = Setup::new().clock(clock.clone()).start().await;
        let token = app.login(USER, PASSWORD).await.token();
        clock.advance(Duration::from_secs(24 * 3600 - 60));
        with_token(&app, &token).await.ok();
        clock.advance(Duration::from_secs(61));
        with_token(&app, &token).await.refused(401, "UNAUTHORIZED");
        let fresh = app.login(USER, PASSWORD).await.token();
        with_token(&app, &fresh).await.ok();
    });
}

#[test]
fn every_logout_ends_the_token() {
    common::run(async {
        let app = App::start().await;
        let xml = "application/*+xml;version=36.0";
        let json = "application/json;version=39.1";
        for login in [ADMIN, ADMINISTRATOR] {
            for (path, accept) in [
                ("/api/session", xml),
                ("/api/session/", xml),
                ("/api/session", "*/*"),
                ("/api/sessions", xml),
                ("/cloudapi/1.0.0/sessions/current", json),
                ("/cloudapi/1.0.0/sessions/{urn}", json),
                ("/cloudapi/1.0.0/sessions/{uuid}", json),
            ] {
                let answer = app.login(login, PASSWORD).await;
                let token = answer.token();
                let other = app.login(login, PASSWORD).await.token();
                let urn = answer.json()["id"].as_str().unwrap().to_owned();
                let path = path.replace("{urn}", &urn).replace("{uuid}", &urn[urn.len() - 36..]);
                let gone = delete(&app, &path, &token, accept).await.is(204);
                assert!(gone.body.is_empty(), "{gone:?}");
                with_token(&app, &token).await.refused(401, "UNAUTHORIZED");
                delete(&app, &path, &token, accept).await.refused(401, "UNAUTHORIZED");
                with_token(&app, &other).await.ok();
            }
        }
    });
}

#[test]
fn the_old_logins_are_there_before_38() {
    common::run(async {
        let app = App::start().await;
        for login in EVERYONE {
            for accept in [
                "application/*+xml;version=36.0",
                "application/*+xml;version=37.3",
                "application/*+xml",
                "*/*",
                "application/*+json;version=37.0",
            ] {
                let answer = app.login_at("/api/sessions", login, PASSWORD, accept).await;
                let token = answer.token();
                assert_eq!(answer.header("x-vcloud-authorization"), token);
                assert_eq!(answer.header("x-vmware-vcloud-token-type"), "Bearer");
                let name = if accept.contains("json") {
                    answer.json()["user"].as_str().unwrap().to_owned()
                } else {
                    answer.xml().attr("user").to_owned()
                };
                assert_eq!(Some(name.as_str()), login.split('@').next());
                assert!(answer.header("content-type").contains("vcloud.session+"), "{answer:?}");
                with_token(&app, &token).await.ok();
            }
        }
        let token = app.login(ADMIN, PASSWORD).await.token();
        for version in ["38.0", "38.1", "39.0", "39.1"] {
            let accept = format!("application/*+xml;version={version}");
            let answer = app.login_at("/api/sessions", ADMIN, PASSWORD, &accept).await;
            assert_eq!(answer.header("x-vcloud-authorization"), "");
            answer.refused(405, "METHOD_NOT_ALLOWED");
            for path in ["/api/session", "/api/sessions"] {
                delete(&app, path, &token, &accept).await.refused(405, "METHOD_NOT_ALLOWED");
            }
            let bearer = format!("Bearer {token}");
            let headers = [("accept", accept.as_str()), ("authorization", bearer.as_str())];
            let session = app.send("GET", "/api/session", &headers, "").await.ok().xml();
            assert!(!session.rels().contains(&"remove"), "{session:?}");
        }
        with_token(&app, &token).await.ok();
    });
}

/// An answer without what differs from request to request.
fn bare(answer: &Answer) -> String {
    let request = answer.header("x-vmware-vcloud-request-id");
    let mut headers: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
    headers.sort();
    format!("{} {headers:?} {}", answer.status, answer.body.replace(request, ""))
}

#[test]
fn failed_logins_cannot_be_told_apart() {
    common::run(async {
        let app = App::start().await;
        let system = Caller::system();
        let user = app.rival.user;
        app.cloud.set_user_enabled(&system, user, false).await.unwrap();
        let tenant = "/cloudapi/1.0.0/sessions";
        let provider = "/cloudapi/1.0.0/sessions/provider";
        for (path, accept) in [
            (tenant, "application/json;version=37.0"),
            ("/api/sessions", "application/*+xml;version=36.0"),
        ] {
            let mut seen = std::collections::BTreeSet::new();
            for (login, password) in [
                ("admin@demo", "wrong"),
                ("admin@demo", ""),
                ("nobody@demo", PASSWORD),
                ("admin@nowhere", PASSWORD),
                ("admin@rival", PASSWORD),
                ("rival-user@rival", PASSWORD),
                ("administrator@demo", PASSWORD),
                ("admin", PASSWORD),
                ("@", PASSWORD),
            ] {
                let answer = app.login_at(path, login, password, accept).await;
                seen.insert(bare(&answer.refused(401, "UNAUTHORIZED")));
            }
            for authorization in
                ["Basic", "Basic ?", "Basic YWRtaW4=", "Negotiate abc", "Bearer abc", ""]
            {
                let headers = [("accept", accept), ("authorization", authorization)];
                let answer = app.send("POST", path, &headers, "").await;
                seen.insert(bare(&answer.refused(401, "UNAUTHORIZED")));
            }
            assert_eq!(seen.len(), 1, "{seen:#?}");
        }
        let accept = "application/json;version=37.0";
        // The web console knows no other path; the provider's own is for nobody else.
        app.login_at(tenant, ADMINISTRATOR, PASSWORD, accept).await.ok();
        for login in TENANTS {
            app.login_at(provider, login, PASSWORD, accept).await.refused(401, "UNAUTHORIZED");
        }
        app.cloud.set_org_enabled(&system, app.rival.org, false).await.unwrap();
        let answer = app.login_at(tenant, "rival-admin@rival", PASSWORD, accept).await;
        answer.refused(401, "UNAUTHORIZED");
    });
}

#[test]
fn who_is_disabled_or_deleted_is_out_at_once() {
    common::run(async {
        let app = App::start().await;
        let system = Caller::system();
        let (org, user) = (app.rival.org, app.rival.user);
        let login = "rival-user@rival";
        let token = app.login(login, PASSWORD).await.token();
        app.cloud.set_user_enabled(&system, user, false).await.unwrap();
        with_token(&app, &token).await.refused(401, "UNAUTHORIZED");
        app.cloud.set_user_enabled(&system, user, true).await.unwrap();
        with_token(&app, &token).await.refused(401, "UNAUTHORIZED");

        let token = app.login(login, PASSWORD).await.token();
        app.cloud.set_org_enabled(&system, org, false).await.unwrap();
        with_token(&app, &token).await.refused(401, "UNAUTHORIZED");
        app.cloud.set_org_enabled(&system, org, true).await.unwrap();
        with_token(&app, &token).await.refused(401, "UNAUTHORIZED");

        let token = app.login(login, PASSWORD).await.token();
        app.cloud.set_password(&system, user, "another".to_owned()).await.unwrap();
        with_token(&app, &token).await.refused(401, "UNAUTHORIZED");
        app.login(login, PASSWORD).await.refused(401, "UNAUTHORIZED");

        let token = app.login(login, "another").await.token();
        app.cloud.delete_user(&system, user).await.unwrap();
        with_token(&app, &token).await.refused(401, "UNAUTHORIZED");
        app.login(login, "another").await.refused(401, "UNAUTHORIZED");
    });
}

#[test]
fn sessions_of_others_are_not_there() {
    common::run(async {
        let app = App::start().await;
        let of = |answer: &Answer| answer.json()["id"].as_str().unwrap().to_owned();
        let users = of(&app.login(USER, PASSWORD).await);
        let rivals = app.rival.session.urn();
        let provider = app.user(ADMINISTRATOR).await;
        for login in TENANTS {
            let client = app.user(login).await;
            let current = client.get("/cloudapi/1.0.0/sessions/current").await.ok();
            let own = format!("/cloudapi/1.0.0/sessions/{}", of(&current));
            assert_eq!(client.get(&own).await.ok().json(), current.json());
            client.get(&own.replace(':', "%3A")).await.ok();
            for urn in [&users, &rivals] {
                if login == USER && *urn == users {
                    continue;
                }
                let path = format!("/cloudapi/1.0.0/sessions/{urn}");
                client.get(&path).await.refused(403, FORBIDDEN);
                client.delete(&path).await.refused(403, FORBIDDEN);
                provider.get(&path).await.ok();
            }
            client.get("/cloudapi/1.0.0/sessions/nonsense").await.refused(400, "BAD_REQUEST");
        }
        provider.delete(&format!("/cloudapi/1.0.0/sessions/{users}")).await.is(204);
        provider.get(&format!("/cloudapi/1.0.0/sessions/{users}")).await.refused(403, FORBIDDEN);
    });
}

#[test]
fn a_provider_acts_in_a_tenant() {
    common::run(async {
        let app = App::start().await;
        let provider = app.user(ADMINISTRATOR).await;
        let names = |rows: Vec<common::Element>| {
            let mut names: Vec<String> =
                rows.iter().map(|row| row.attr("name").to_owned()).collect();
            names.sort();
            names
        };
        let query = "type=catalog";
        assert_eq!(names(provider.query(query).await), ["rival-catalog", "templates"]);
        let org = app.rival.org;
        for value in [org.to_string(), org.urn(), format!(" {org} ")] {
            let acting = provider.clone().with("X-VMWARE-VCLOUD-TENANT-CONTEXT", &value);
            let acting = acting.with("X-VMWARE-VCLOUD-AUTH-CONTEXT", "rival");
            assert_eq!(names(acting.query(query).await), ["rival-catalog"]);
        }
        let system = provider
            .clone()
            .with("X-VMWARE-VCLOUD-TENANT-CONTEXT", "a93c9db9-7471-3192-8d09-a8f7eeda85f9");
        assert_eq!(names(system.query(query).await), ["rival-catalog", "templates"]);
        let nonsense = provider.clone().with("X-VMWARE-VCLOUD-TENANT-CONTEXT", "rival");
        nonsense.get("/api/query?type=catalog").await.refused(400, "BAD_REQUEST");
    });
}

#[test]
fn a_request_keeps_its_id() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let fresh = client.get("/api/org").await.header("x-vmware-vcloud-request-id").to_owned();
        assert_eq!(fresh.len(), 36);
        let asked = client.clone().with("X-VMWARE-VCLOUD-CLIENT-REQUEST-ID", "7-abc");
        let answer = asked.get("/api/vdc/nonsense").await;
        let id = answer.header("x-vmware-vcloud-request-id").to_owned();
        assert!(id.starts_with("7-abc-") && id.len() == 6 + 36, "{id}");
        assert!(answer.message().starts_with(&format!("[ {id} ]")), "{answer:?}");
        let long = client.clone().with("X-VMWARE-VCLOUD-CLIENT-REQUEST-ID", &"x".repeat(500));
        let id = long.get("/api/org").await.header("x-vmware-vcloud-request-id").to_owned();
        assert_eq!(id.len(), 128 + 1 + 36);
    });
}
