//! What the tests of the public surface share: the server in this process, on a store in memory and the
//! simulator, with the demo and a second organization `rival` in it. Requests go straight into the endpoint.
//!
//! With `SSVIRT_CONFORMANCE_ANSWERS=<folder>` every answer is added to a file there, one JSON object a line.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "every test file uses a part of it; a test that cannot go on says so"
)]

mod answers;
pub mod api_page;
pub mod body;
pub mod element;
pub mod openapi;
mod rival;
pub mod same;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
};

use poem::{
    Body, Endpoint as _, EndpointExt as _, Request, Response,
    endpoint::BoxEndpoint,
    http::{HeaderMap, Method, StatusCode},
};
use ssvirt_backends::{memory::Simulator, sql::SqlStore};
use ssvirt_core::{
    CatalogSource, Cloud, TenancyStore,
    env::{Clock, IdSource as _, RandomIds, SystemClock},
    model::{ProviderVdc, Task, TaskStatus},
};
use ssvirt_fixtures::demo::{self, DemoPasswords};
use ssvirt_server::{AppConfig, Ui};
use uuid::Uuid;

pub use element::Element;
pub use rival::Rival;

/// The key that tokens are signed with.
pub const KEY: &[u8] = b"a key for tests, thirty-two bytes long or more";
/// The password of every user.
pub const PASSWORD: &str = "correct horse battery staple";
/// What hrefs begin with.
pub const ROOT: &str = "https://vcd.example";
/// The version that is asked for unless a test says otherwise.
pub const VERSION: &str = "37.0";

/// The demo's users.
pub const ADMINISTRATOR: &str = "administrator@System";
/// Organization Administrator.
pub const ADMIN: &str = "admin@demo";
/// vApp Author.
pub const AUTHOR: &str = "author@demo";
/// vApp User.
pub const USER: &str = "user@demo";
/// All of them.
pub const EVERYONE: [&str; 4] = [ADMINISTRATOR, ADMIN, AUTHOR, USER];
/// Those of the organization `demo`.
pub const TENANTS: [&str; 3] = [ADMIN, AUTHOR, USER];

/// One runtime for all tests of a file: connections and background work outlive the test that made them.
static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
});

/// Runs a test.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    RUNTIME.block_on(test)
}

/// A random id.
pub fn unknown() -> Uuid {
    RandomIds.uuid()
}

/// The server, and what is behind it.
pub struct App {
    endpoint: BoxEndpoint<'static, Response>,
    /// The cloud.
    pub cloud: Cloud,
    /// The other organization.
    pub rival: Rival,
    tokens: Mutex<BTreeMap<String, String>>,
}

/// How to start an [`App`].
pub struct Setup {
    clock: Arc<dyn Clock>,
    store: Option<Arc<dyn TenancyStore>>,
    simulator: Option<Simulator>,
    source: Option<Arc<dyn CatalogSource>>,
    ui: Option<Ui>,
}

impl Setup {
    /// The defaults: the machine's clock, a store in memory, a simulator that answers at once.
    pub fn new() -> Self {
        Self { clock: Arc::new(SystemClock), store: None, simulator: None, source: None, ui: None }
    }

    /// By this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// On this store; it has its tables.
    pub fn store(mut self, store: Arc<dyn TenancyStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// With this backend.
    pub fn simulator(mut self, simulator: Simulator) -> Self {
        self.simulator = Some(simulator);
        self
    }

    /// With what this source offers.
    pub fn source(mut self, source: Arc<dyn CatalogSource>) -> Self {
        self.source = Some(source);
        self
    }

    /// With this user interface.
    pub fn ui(mut self, ui: Ui) -> Self {
        self.ui = Some(ui);
        self
    }

    /// Starts it, with the demo and the rival in it.
    pub async fn start(self) -> App {
        let store = match self.store {
            Some(store) => store,
            None => Arc::new(SqlStore::memory().await.expect("a store")),
        };
        let simulator =
            self.simulator.unwrap_or_else(|| Simulator::builder(Arc::clone(&self.clock)).build());
        let cloud = Cloud::builder(store)
            .clock(self.clock)
            .backend(ProviderVdc::DEFAULT, Arc::new(simulator));
        let cloud = match self.source {
            Some(source) => cloud.source(ProviderVdc::DEFAULT, source),
            None => cloud,
        };
        let cloud = cloud.build();
        cloud.start().await.expect("the cloud starts");
        cloud.sync_sources().await.expect("the sources");
        demo::seed(&cloud, &DemoPasswords::one_for_all(PASSWORD)).await.expect("the demo");
        let rival = rival::seed(&cloud).await.expect("the rival");
        let endpoint = ssvirt_server::app(AppConfig {
            cloud: cloud.clone(),
            public_url: Some(ROOT.to_owned()),
            plain_http: false,
            jwt_key: KEY.to_vec(),
            ui: self.ui,
        })
        .boxed();
        App { endpoint, cloud, rival, tokens: Mutex::default() }
    }
}

impl App {
    /// Starts a server of its own for a test.
    pub async fn start() -> Self {
        Setup::new().start().await
    }

    /// A user who is logged in, with the version that most tests ask for.
    pub async fn user(&self, login: &str) -> Client<'_> {
        self.user_at(login, VERSION).await
    }

    /// A user who is logged in and asks for this version.
    pub async fn user_at(&self, login: &str, version: &str) -> Client<'_> {
        let known = self.tokens.lock().unwrap().get(login).cloned();
        let token = match known {
            Some(token) => token,
            None => {
                let token = self.login(login, PASSWORD).await.token();
                self.tokens.lock().unwrap().insert(login.to_owned(), token.clone());
                token
            }
        };
        let (login, version) = (login.to_owned(), version.to_owned());
        Client { app: self, login, token, version, headers: Vec::new() }
    }

    /// Logs in by the way that fits the organization.
    pub async fn login(&self, login: &str, password: &str) -> Answer {
        let (_, org) = login.rsplit_once('@').expect("user@org");
        let system = org.eq_ignore_ascii_case("system");
        let path =
            if system { "/cloudapi/1.0.0/sessions/provider" } else { "/cloudapi/1.0.0/sessions" };
        self.login_at(path, login, password, "application/json;version=37.0").await
    }

    /// Logs in at a path.
    pub async fn login_at(&self, path: &str, login: &str, password: &str, accept: &str) -> Answer {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        let basic = BASE64_STANDARD.encode(format!("{login}:{password}"));
        let authorization = format!("Basic {basic}");
        let headers = [("authorization", authorization.as_str()), ("accept", accept)];
        self.send("POST", path, &headers, "").await
    }

    /// Sends a request as it stands.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        let path = path.strip_prefix(ROOT).unwrap_or(path);
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let uri = path.parse().unwrap_or_else(|error| panic!("{path:?} is no path: {error}"));
        let mut request = Request::builder().method(method.clone()).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body: Vec<u8> = body.into();
        let response = self.endpoint.call(request.body(Body::from(body))).await;
        let response = response.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let (parts, body) = response.into_parts();
        let body = body.into_string().await.expect("a body in UTF-8");
        let answer = Answer {
            method: method.to_string(),
            path: path.to_owned(),
            status: parts.status,
            headers: parts.headers,
            body,
        };
        answers::record(&answer);
        answer
    }

    /// Waits until an organization's tasks are over.
    pub async fn settled(&self) {
        loop {
            let mut tx = self.cloud.store().read().await.unwrap();
            let recent = tx.recent_tasks(None, None, 200).await.unwrap();
            drop(tx);
            let over = |status: TaskStatus| status.is_final();
            if recent.iter().all(|task: &Task| over(task.status)) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// All that is stored of the organization's objects, for comparing before and after. Sessions, events
    /// and what the tasks of others do are left out.
    pub async fn stored(&self) -> Vec<String> {
        use ssvirt_core::model::{
            Catalog, CatalogItem, Network, Org, Role, StorageProfile, Template, User, VApp, Vdc, Vm,
        };
        let mut tx = self.cloud.store().read().await.unwrap();
        let mut all = Vec::new();
        macro_rules! tables {
            ($($table:ident)*) => {$(
                for row in tx.select::<$table>(&[]).await.unwrap() {
                    for entry in tx.metadata(row.id.any()).await.unwrap() {
                        all.push(format!("{entry:?}"));
                    }
                    all.push(format!("{row:?}"));
                }
            )*};
        }
        tables! { Org User Role Vdc StorageProfile Network Catalog CatalogItem Template VApp Vm }
        for task in tx.recent_tasks(None, None, 100_000).await.unwrap() {
            all.push(format!("{task:?}"));
        }
        all
    }
}

/// Somebody who is logged in.
#[derive(Clone)]
pub struct Client<'a> {
    /// The server.
    pub app: &'a App,
    /// Who: `user@organization`.
    pub login: String,
    /// The token.
    pub token: String,
    version: String,
    headers: Vec<(String, String)>,
}

impl Client<'_> {
    /// With this header too.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Asks for this version.
    #[must_use]
    pub fn at(mut self, version: &str) -> Self {
        self.version = version.to_owned();
        self
    }

    /// What belongs into `Accept` for a path.
    fn accept(&self, path: &str) -> String {
        let path = path.strip_prefix(ROOT).unwrap_or(path);
        let in_folder =
            path.strip_prefix("/api/admin/org/").and_then(|rest| rest.split('/').nth(1));
        let json = path.starts_with("/cloudapi")
            || in_folder.is_some_and(|folder| folder.split('?').next() == Some("vdcs"));
        let media = if json { "application/json" } else { "application/*+xml" };
        format!("{media};version={}", self.version)
    }

    /// Sends a request with a body and its media type, and gets XML from `/api`.
    pub async fn send(&self, method: &str, path: &str, media: Option<&str>, body: &str) -> Answer {
        self.send_for(&self.accept(path), method, path, media, body).await
    }

    /// Sends a request with this `Accept`.
    pub async fn send_for(
        &self,
        accept: &str,
        method: &str,
        path: &str,
        media: Option<&str>,
        body: &str,
    ) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![("authorization", bearer.as_str()), ("accept", accept)];
        headers.extend(media.map(|media| ("content-type", media)));
        headers.extend(self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        self.app.send(method, path, &headers, body).await
    }

    /// Gets XML from `/api`, JSON from elsewhere.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, "").await
    }

    /// Gets JSON.
    pub async fn get_json(&self, path: &str) -> serde_json::Value {
        self.send_json("GET", path, None, "").await.ok().json()
    }

    /// Sends a request with a body and its media type, and gets VCD's JSON.
    pub async fn send_json(
        &self,
        method: &str,
        path: &str,
        media: Option<&str>,
        body: &str,
    ) -> Answer {
        let accept = format!("application/*+json;version={}", self.version);
        self.send_for(&accept, method, path, media, body).await
    }

    /// Posts XML.
    pub async fn post(&self, path: &str, body: &str) -> Answer {
        let media = (!body.is_empty()).then_some("application/xml");
        self.send("POST", path, media, body).await
    }

    /// Puts XML.
    pub async fn put(&self, path: &str, body: &str) -> Answer {
        self.send("PUT", path, Some("application/xml"), body).await
    }

    /// Deletes.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None, "").await
    }

    /// The records of a query.
    pub async fn query(&self, query: &str) -> Vec<Element> {
        let root = self.get(&format!("/api/query?{query}")).await.ok().xml();
        root.children.into_iter().filter(|child| child.name.ends_with("Record")).collect()
    }

    /// The href of the object of this type and name.
    pub async fn find(&self, record: &str, name: &str) -> String {
        let found = self.query(&format!("type={record}&filter=name=={name}")).await;
        let record = found.first().unwrap_or_else(|| panic!("there is no {record} {name}"));
        record.attr("href").to_owned()
    }

    /// Posts, and waits for the task of the answer, wherever in it it is.
    pub async fn done(&self, answer: Answer) -> Element {
        let root = answer.accepted().xml();
        let task = if root.name == "Task" { &root } else { root.child("Tasks").child("Task") };
        let href = task.attr("href").to_owned();
        loop {
            let task = self.get(&href).await.ok().xml();
            match task.attr("status") {
                "success" => return root,
                "queued" | "preRunning" | "running" => {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
                _ => panic!("the task failed: {task:?}"),
            }
        }
    }

    /// Makes a vApp of a template or nothing, and waits for it. Answers its href.
    pub async fn compose(&self, body: &str) -> String {
        let vdc = self.find("orgVdc", "demo-vdc").await;
        let answer = self.post(&format!("{vdc}/action/composeVApp"), body).await;
        self.done(answer).await.attr("href").to_owned()
    }

    /// Instantiates a template of the demo, and waits for it. Answers the vApp's href.
    pub async fn instantiate(&self, name: &str, template: &str, power_on: bool) -> String {
        let vdc = self.find("orgVdc", "demo-vdc").await;
        let template = self.find("vAppTemplate", template).await;
        let network = self.find("orgVdcNetwork", "demo-net").await;
        let body = body::instantiate(name, &template, Some(&network), power_on);
        let answer = self.post(&format!("{vdc}/action/instantiateVAppTemplate"), &body).await;
        self.done(answer).await.attr("href").to_owned()
    }

    /// The hrefs of a vApp's VMs.
    pub async fn vms_of(&self, vapp: &str) -> Vec<String> {
        let vapp = self.get(vapp).await.ok().xml();
        let Some(children) = vapp.find("Children") else { return Vec::new() };
        children.children.iter().map(|vm| vm.attr("href").to_owned()).collect()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The request's method.
    pub method: String,
    /// The request's path and query.
    pub path: String,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The status as a number.
    pub fn code(&self) -> u16 {
        self.status.as_u16()
    }

    /// A header's value; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The token of a login.
    pub fn token(&self) -> String {
        assert_eq!(self.code(), 200, "{self:?}");
        let token = self.header("x-vmware-vcloud-access-token");
        assert!(token.len() > 32, "{self:?}");
        token.to_owned()
    }

    /// Itself, if it is a 200.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.is(200)
    }

    /// Itself, if it is a 201 or 202.
    #[track_caller]
    pub fn accepted(self) -> Self {
        assert!(matches!(self.code(), 201 | 202), "{self:?}");
        self
    }

    /// Itself, if the status is this.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.code(), status, "{self:?}");
        self
    }

    /// Itself, if it is this error: in XML, in `/api`'s JSON or in `/cloudapi`'s.
    #[track_caller]
    pub fn refused(self, status: u16, minor: &str) -> Self {
        assert_eq!((self.code(), self.minor().as_str()), (status, minor), "{self:?}");
        self
    }

    /// The `minorErrorCode` of an error in any format.
    #[track_caller]
    pub fn minor(&self) -> String {
        self.error("minorErrorCode")
    }

    /// The message of an error in any format.
    #[track_caller]
    pub fn message(&self) -> String {
        self.error("message")
    }

    #[track_caller]
    fn error(&self, what: &str) -> String {
        if self.body.starts_with('{') {
            return self.json()[what].as_str().unwrap_or_default().to_owned();
        }
        let error = self.xml();
        assert_eq!(error.name, "Error", "{self:?}");
        assert_eq!(error.attr("majorErrorCode"), self.code().to_string(), "{self:?}");
        error.attr(what).to_owned()
    }

    /// The body as XML.
    #[track_caller]
    pub fn xml(&self) -> Element {
        Element::parse(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Status, media type and body without what differs between two equal answers: the request's id, this
    /// id, and times.
    pub fn normalized(&self, id: Uuid) -> String {
        let request = self.header("x-vmware-vcloud-request-id");
        let body = self.body.replace(&id.to_string(), "{id}").replace(request, "{request}");
        format!("{} {}\n{body}", self.status, self.header("content-type"))
    }
}
