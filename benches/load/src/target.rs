//! A server to be driven: the way to it, who asks, and what there is to ask for.

use std::{fmt::Write as _, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use ssvirt_conformance::{
    replay::{Answer, Request, Transport as _, live::Live},
    target::Target as Server,
    tls::Trust,
};

use crate::{Anything, http::Connection};

/// Where logins are answered, of the provider and of all others.
const PROVIDER_SESSIONS: &str = "/cloudapi/1.0.0/sessions/provider";
const SESSIONS: &str = "/cloudapi/1.0.0/sessions";

/// Where a server is.
#[derive(Clone)]
pub struct Address {
    /// The root URL.
    pub url: String,
    server: Arc<Server>,
}

/// Who logs in.
#[derive(Clone, Default)]
pub struct Login {
    pub user: String,
    pub org: String,
    pub password: String,
}

/// Objects that rows ask for, as URNs.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    pub vdc: Option<String>,
    pub vapp: Option<String>,
    pub vm: Option<String>,
}

/// A server with a login.
pub struct Target {
    pub address: Address,
    /// The value of `Authorization`.
    pub authorization: String,
    /// The path that logins are sent to and their `Authorization`, where there is a password.
    pub login: Option<(&'static str, String)>,
    pub ids: Ids,
    /// The version that is asked for.
    pub version: String,
}

impl Address {
    /// Of the server under a root URL.
    pub fn new(url: &str, insecure: bool) -> Anything<Self> {
        let server = Server::new(url, &trust(insecure))?;
        Ok(Self { url: server.root().to_owned(), server: Arc::new(server) })
    }

    /// A new connection.
    pub async fn connect(&self) -> Anything<Connection> {
        let stream = self.server.connect().await.map_err(|error| error.to_string())?;
        Ok(Connection::new(stream))
    }

    /// A request as it goes over the wire.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Arc<[u8]> {
        let authority = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let mut wire = format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\n");
        for (name, value) in headers {
            let _ = write!(wire, "{name}: {value}\r\n");
        }
        wire.push_str(match method {
            "POST" => "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
            _ => "\r\n",
        });
        wire.into_bytes().into()
    }
}

/// What its certificate is held against.
fn trust(insecure: bool) -> Trust {
    if insecure { Trust::Anyone } else { Trust::System }
}

/// How a target is logged in to.
pub enum Access {
    Login(Login),
    Token(String),
}

impl Target {
    /// Logs in, and finds the objects that are not known yet.
    pub async fn new(
        address: Address,
        insecure: bool,
        access: Access,
        version: &str,
        ids: Ids,
    ) -> Anything<Self> {
        let live = Live::new(&address.url, &trust(insecure))?;
        let version = version.to_owned();
        let (authorization, login) = match access {
            Access::Token(token) => (format!("Bearer {token}"), None),
            Access::Login(login) => {
                let (authorization, path, basic) = log_in(&live, &login, &version).await?;
                (authorization, Some((path, basic)))
            }
        };
        let mut target = Self { address, authorization, login, ids, version };
        target.find_ids(&live).await?;
        Ok(target)
    }

    /// The first VDC that has a vApp that has a VM, as far as the server has lists of them.
    async fn find_ids(&mut self, live: &Live) -> Anything<()> {
        if self.ids.vm.is_some() {
            return Ok(());
        }
        let vdcs = self.json(live, "/cloudapi/1.0.0/vdcs?pageSize=100").await?;
        for vdc in ids(&vdcs["values"]) {
            let vapps = self.json(live, &format!("/cloudapi/1.0.0/vdcs/{vdc}/vapps")).await?;
            self.ids.vdc.get_or_insert(vdc);
            for vapp in ids(&vapps["values"]) {
                let found = self.json(live, &format!("/cloudapi/1.0.0/vapps/{vapp}")).await?;
                self.ids.vapp.get_or_insert(vapp);
                if let Some(vm) = ids(&found["vms"]).into_iter().next() {
                    self.ids.vm = Some(vm);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// What a path answers; null where it is not served.
    async fn json(&self, live: &Live, path: &str) -> Anything<Value> {
        let headers = vec![
            ("Accept".to_owned(), json_of(&self.version)),
            ("Authorization".to_owned(), self.authorization.clone()),
        ];
        let answer = send(live, "GET", path, headers).await?;
        match answer.status {
            200 => Ok(serde_json::from_str(&answer.body)?),
            404 | 405 | 501 => Ok(Value::Null),
            status => Err(format!("GET {path}: {status}").into()),
        }
    }
}

/// The media type of JSON in a version.
pub fn json_of(version: &str) -> String {
    format!("application/json;version={version}")
}

/// The `Authorization` of a new session; the path that made it, and what was sent to it.
async fn log_in(
    live: &Live,
    login: &Login,
    version: &str,
) -> Anything<(String, &'static str, String)> {
    let user = match login.org.as_str() {
        "" => login.user.clone(),
        org => format!("{}@{org}", login.user),
    };
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{}", login.password)));
    let provider = login.org.eq_ignore_ascii_case("System");
    let mut status = 0;
    for path in [PROVIDER_SESSIONS, SESSIONS].into_iter().skip(usize::from(!provider)) {
        let headers = vec![
            ("Accept".to_owned(), json_of(version)),
            ("Authorization".to_owned(), basic.clone()),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ];
        let answer = send(live, "POST", path, headers).await?;
        status = answer.status;
        if !(200..300).contains(&status) {
            continue;
        }
        let token = match answer.header("x-vmware-vcloud-access-token") {
            "" => answer.header("authorization").to_owned(),
            token => format!("Bearer {token}"),
        };
        return match token.is_empty() {
            true => Err(format!("POST {path} answers no token").into()),
            false => Ok((token, path, basic)),
        };
    }
    Err(format!("{user} cannot log in: {status}").into())
}

async fn send(
    live: &Live,
    method: &str,
    path: &str,
    headers: Vec<(String, String)>,
) -> Anything<Answer> {
    let body = if method == "POST" { "{}" } else { "" };
    let (method, path, body) = (method.to_owned(), path.to_owned(), body.to_owned());
    Ok(live.send(&Request { method, path, headers, body }).await?)
}

fn ids(list: &Value) -> Vec<String> {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().filter_map(|entry| entry["id"].as_str().map(str::to_owned)).collect()
}
