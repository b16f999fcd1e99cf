//! The runner.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    bind::Bindings,
    case::{Exchange, Expect, Flow},
    compare, normalise,
    report::Report,
    tree::{self, Node},
};

/// How long a task may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a task is looked at.
const POLL: Duration = Duration::from_millis(20);
/// The tasks of whoever is logged in that are not over.
const RUNNING: &str = "/api/query?type=task&format=records&pageSize=128\
    &filter=status==queued,status==preRunning,status==running";
/// How the runner asks for what it alone wants to know.
const XML: &str = "application/*+xml;version=39.1";
/// The header that a login's answer has the token in.
const TOKEN: &str = "x-vmware-vcloud-access-token";

/// A request to be sent.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path, with its query.
    pub path: String,
    /// The headers, apart from those of the connection.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// A header's value; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let header = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        header.map_or("", |(_, value)| value)
    }
}

/// The way to a server.
#[async_trait]
pub trait Transport: Send + Sync {
    /// The server's root URL, as it stands in its hrefs, without a slash at the end.
    fn root(&self) -> &str;

    /// Sends a request.
    ///
    /// # Errors
    /// Why there is no answer.
    async fn send(&self, request: &Request) -> Result<Answer, String>;
}

/// Who logs in.
#[derive(Clone)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The organization.
    pub org: String,
    /// The password.
    pub password: String,
}

impl Login {
    /// The text with secrets where a recording has none: `{credentials}` are this user's,
    /// `{credentials:NAME@ORG}` those of another, and every `{secret}` is this user's password. So whoever is
    /// made in a flow can log in later in it. The password is written by `escape`.
    fn fill(&self, text: &str, escape: impl Fn(&str) -> String) -> String {
        let encode = |who: &str| STANDARD.encode(format!("{who}:{}", self.password));
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{credentials") {
            filled.push_str(before);
            let end = after.find('}').unwrap_or(after.len());
            let who = match after[..end].strip_prefix(':') {
                Some(who) => who.to_owned(),
                None => format!("{}@{}", self.user, self.org),
            };
            filled.push_str(&encode(&who));
            rest = after.get(end + 1..).unwrap_or_default();
        }
        filled.push_str(rest);
        filled.replace("{secret}", &escape(&self.password))
    }
}

/// How a flow is replayed.
#[derive(Clone)]
pub struct Options {
    /// Who logs in where the flow does not say who, and the password of all who do.
    pub login: Login,
    /// A file that every answer is added to, a JSON object a line, as [`crate::recorder`] writes
    /// them.
    pub answers: Option<PathBuf>,
    /// Whether the server has done other things before: of lists of tasks only the kind is compared then.
    pub has_a_past: bool,
}

impl Default for Options {
    /// The administrator of the demo, as [`super::Stage`] makes it.
    fn default() -> Self {
        let login = Login {
            user: "admin".to_owned(),
            org: ssvirt_fixtures::demo::ORG.to_owned(),
            password: super::stage::PASSWORD.to_owned(),
        };
        Self { login, answers: None, has_a_past: false }
    }
}

/// Replays a flow.
pub async fn replay(flow: &Flow, transport: &dyn Transport, options: &Options) -> Report {
    let mut session = Session::new(transport, options);
    let mut report = Report::default();
    for (n, exchange) in flow.exchanges.iter().enumerate() {
        let (found, lost) = match session.check(exchange).await {
            Ok(found) => (found, false),
            Err(why) => (vec![why], true),
        };
        let request = format!("{} {}", exchange.method, exchange.path);
        report.differences.extend(found.into_iter().map(|what| (n + 1, request.clone(), what)));
        report.exchanges += 1;
        // Without an answer nothing that follows can be right.
        if lost {
            break;
        }
    }
    report
}

/// Replays a flow and answers with one that expects what was answered now.
///
/// # Errors
/// Says which request could not be sent.
pub async fn record(
    flow: &Flow,
    transport: &dyn Transport,
    options: &Options,
) -> Result<Flow, String> {
    let mut session = Session::new(transport, options);
    let mut recorded = Flow { about: flow.about.clone(), exchanges: Vec::new() };
    for (n, exchange) in flow.exchanges.iter().enumerate() {
        let expect = session.expectation(exchange).await;
        let expect = expect
            .map_err(|why| format!("{}. {} {}: {why}", n + 1, exchange.method, exchange.path))?;
        recorded.exchanges.push(Exchange { expect, ..exchange.clone() });
    }
    Ok(recorded)
}

struct Session<'a> {
    transport: &'a dyn Transport,
    options: &'a Options,
    bindings: Bindings,
    token: String,
    sent: usize,
}

/// An answer and what it came to when its tasks were over.
struct Settled {
    answer: Answer,
    tree: Option<Node>,
    /// Whether the tree was fetched again after tasks that were still running.
    waited: bool,
}

impl<'a> Session<'a> {
    fn new(transport: &'a dyn Transport, options: &'a Options) -> Self {
        let bindings = Bindings::new(transport.root());
        Self { transport, options, bindings, token: String::new(), sent: 0 }
    }

    /// What is different.
    async fn check(&mut self, exchange: &Exchange) -> Result<Vec<String>, String> {
        let expect = &exchange.expect;
        let mut expected = Node::from_lines(&expect.body)?;
        let Settled { answer, mut tree, waited } = self.ask(exchange, expected.as_ref()).await?;
        let mut found = Vec::new();
        if answer.status != expect.status {
            found.push(format!("expected the status {}, got {}", expect.status, answer.status));
        }
        let media = answer.header("content-type");
        if media != expect.media {
            found.push(format!("expected the media type {:?}, got {media:?}", expect.media));
        }
        if waited {
            // What was fetched again has its tasks behind it.
            for node in [&mut expected, &mut tree].into_iter().flatten() {
                node.children.retain(|child| child.name != "Tasks");
            }
        }
        match (expected, tree) {
            (None, None) => {}
            (Some(expected), Some(tree))
                if self.options.has_a_past && exchange.path.contains("type=task") =>
            {
                if expected.name != tree.name {
                    found.push(format!("expected {}, got {}", expected.name, tree.name));
                }
            }
            (Some(expected), Some(tree)) => {
                found.extend(compare::differences(&expected, &tree, &mut self.bindings));
            }
            (Some(expected), None) => {
                found.push(format!("expected {}, got no body", expected.name))
            }
            (None, Some(tree)) => found.push(format!("expected no body, got {}", tree.name)),
        }
        if !found.is_empty() && answer.status != expect.status {
            found.push(format!(
                "the answer: {}",
                answer.body.chars().take(2000).collect::<String>()
            ));
        }
        Ok(found)
    }

    /// What is to be expected from now on.
    async fn expectation(&mut self, exchange: &Exchange) -> Result<Expect, String> {
        let expected = Node::from_lines(&exchange.expect.body)?;
        let Settled { answer, mut tree, waited } = self.ask(exchange, expected.as_ref()).await?;
        if waited && tree.as_ref().is_some_and(|tree| tree.name != "Task") {
            return Err(
                "the answer came before its task was over; record on a quiet machine".to_owned()
            );
        }
        if let Some(tree) = &mut tree {
            if let Some(expected) = &expected {
                // Only for the ids: variables keep their names.
                compare::differences(expected, tree, &mut self.bindings);
                compare::arrange(expected, tree, &self.bindings);
            }
            normalise::generalise(tree, &mut self.bindings, self.transport.root());
        }
        Ok(Expect {
            status: answer.status,
            media: answer.header("content-type").to_owned(),
            like: None,
            body: tree.map(|tree| tree.lines()).unwrap_or_default(),
        })
    }

    /// Sends the exchange's request and waits for the tasks that it started.
    async fn ask(
        &mut self,
        exchange: &Exchange,
        expected: Option<&Node>,
    ) -> Result<Settled, String> {
        let mut headers: Vec<(String, String)> =
            exchange.accept.iter().map(|accept| ("accept".to_owned(), accept.clone())).collect();
        if !exchange.content_type.is_empty() {
            headers.push(("content-type".to_owned(), exchange.content_type.clone()));
        }
        for (name, value) in &exchange.headers {
            let value = self.bindings.fill(value)?.replace("{token}", &self.token);
            headers.push((name.clone(), self.options.login.fill(&value, str::to_owned)));
        }
        let json = exchange.content_type.contains("json");
        let body = self.bindings.fill(&exchange.body)?;
        let body = self.options.login.fill(&body, |password| match json {
            true => serde_json::Value::from(password).to_string().trim_matches('"').to_owned(),
            false => quick_xml::escape::escape(password).into_owned(),
        });
        let request = Request {
            method: exchange.method.clone(),
            path: self.bindings.fill(&exchange.path)?,
            headers,
            body,
        };
        let (answer, mut tree) = self.send(&request).await?;
        if !answer.header(TOKEN).is_empty() {
            answer.header(TOKEN).clone_into(&mut self.token);
        }
        let mut waited = false;
        let writes = !matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
        let running =
            if writes { self.running(&request, &answer, tree.as_ref()).await? } else { Vec::new() };
        if !running.is_empty() {
            waited = true;
            if let (Some(expected), Some(immediate)) = (expected, &tree) {
                // The ids in the answer are the ones that later requests use.
                compare::differences(expected, immediate, &mut self.bindings);
            }
            for task in &running {
                self.wait_for(task, exchange).await?;
            }
            if let Some(own) = tree.as_ref().and_then(|tree| self.place_of(&request, tree)) {
                tree = self.get(&own, &exchange.accept).await?.1;
            }
        }
        Ok(Settled { answer, tree, waited })
    }

    /// The hrefs of the tasks that a request has started and that are not over.
    async fn running(
        &mut self,
        request: &Request,
        answer: &Answer,
        tree: Option<&Node>,
    ) -> Result<Vec<String>, String> {
        let named = tree.map(running_tasks).unwrap_or_default();
        if !named.is_empty() || !(200..300).contains(&answer.status) {
            return Ok(named);
        }
        let location = answer.header("location");
        if location.contains("/api/task/") {
            let task = self.get(location, &[XML.to_owned()]).await?.1;
            let runs = task.as_ref().and_then(status).is_some_and(is_running);
            return Ok(if runs { vec![location.to_owned()] } else { Vec::new() });
        }
        // /cloudapi answers with what it changes, and does not always name the task.
        if !request.path.starts_with("/cloudapi/") || self.token.is_empty() {
            return Ok(Vec::new());
        }
        let query = format!("{}{RUNNING}", self.transport.root());
        let records = self.get(&query, &[XML.to_owned()]).await?.1;
        Ok(records
            .map(|records| hrefs(&records, &|node| node.name == "TaskRecord"))
            .unwrap_or_default())
    }

    /// Where an answer can be fetched again: under its own href, which leads to /api, or on /cloudapi, where
    /// only vApps and VMs have tasks.
    fn place_of(&self, request: &Request, tree: &Node) -> Option<String> {
        if !request.path.starts_with("/cloudapi/") {
            return href(tree).map(str::to_owned);
        }
        let id = tree.child_text("id")?;
        let kind = id.strip_prefix("urn:vcloud:")?.split(':').next()?;
        let list = ["vapp", "vm"].contains(&kind).then(|| format!("{kind}s"))?;
        Some(format!("{}/cloudapi/1.0.0/{list}/{id}", self.transport.root()))
    }

    async fn send(&mut self, request: &Request) -> Result<(Answer, Option<Node>), String> {
        let answer = self.transport.send(request).await?;
        self.note(request, &answer)?;
        let mut tree = tree::parse(answer.header("content-type"), &answer.body)?;
        if let Some(tree) = &mut tree {
            normalise::straighten(tree);
        }
        Ok((answer, tree))
    }

    /// Waits until a task is over.
    async fn wait_for(&mut self, href: &str, exchange: &Exchange) -> Result<(), String> {
        // Where a client speaks JSON on /cloudapi, it may do so in no version that /api knows.
        let own = exchange.accept.iter().any(|accept| accept.contains("xml"));
        let accept = if own { exchange.accept.clone() } else { vec![XML.to_owned()] };
        let start = Instant::now();
        loop {
            let (answer, tree) = self.get(href, &accept).await?;
            match tree.as_ref().and_then(status) {
                None => return Err(format!("{href}: no task: {} {}", answer.status, answer.body)),
                Some(status) if !is_running(status) => return Ok(()),
                Some(status) if start.elapsed() > PATIENCE => {
                    return Err(format!("{href}: still {status} after {PATIENCE:?}"));
                }
                Some(_) => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Fetches what has this href, in these formats.
    async fn get(
        &mut self,
        href: &str,
        accept: &[String],
    ) -> Result<(Answer, Option<Node>), String> {
        let path = href.strip_prefix(self.transport.root());
        let path = path.ok_or_else(|| format!("an href that is not the server's: {href}"))?;
        let mut headers: Vec<(String, String)> =
            accept.iter().map(|accept| ("accept".to_owned(), accept.clone())).collect();
        headers.push(("authorization".to_owned(), format!("Bearer {}", self.token)));
        let request = Request {
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers,
            body: String::new(),
        };
        self.send(&request).await
    }

    /// Writes an answer down, without its token.
    fn note(&mut self, request: &Request, answer: &Answer) -> Result<(), String> {
        self.sent += 1;
        let Some(path) = &self.options.answers else { return Ok(()) };
        let token = answer.header(TOKEN).to_owned();
        let hide = |text: &str| match token.as_str() {
            "" => text.to_owned(),
            token => text.replace(token, "{token}"),
        };
        let headers: Vec<(&str, String)> =
            answer.headers.iter().map(|(name, value)| (name.as_str(), hide(value))).collect();
        let asked: Vec<(&str, &str)> = request
            .headers
            .iter()
            .filter(|(name, _)| ["accept", "content-type"].contains(&name.as_str()))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let line = serde_json::json!({
            "n": self.sent,
            "method": request.method,
            "path": request.path,
            "request_headers": asked,
            "request_body": request.body,
            "status": answer.status,
            "response_headers": headers,
            "response_body": hide(&answer.body),
        });
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            writeln!(file, "{line}")
        });
        written.map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// The hrefs of all tasks in an answer that are not over, in XML or JSON.
fn running_tasks(tree: &Node) -> Vec<String> {
    hrefs(tree, &|node| {
        let task =
            node.name == "Task" || href(node).is_some_and(|href| href.contains("/api/task/"));
        task && status(node).is_some_and(is_running)
    })
}

fn hrefs(tree: &Node, fits: &dyn Fn(&Node) -> bool) -> Vec<String> {
    tree.all(fits).into_iter().filter_map(href).map(str::to_owned).collect()
}

fn href(node: &Node) -> Option<&str> {
    node.attribute("href").or_else(|| node.child_text("href"))
}

fn status(node: &Node) -> Option<&str> {
    node.attribute("status").or_else(|| node.child_text("status"))
}

fn is_running(status: &str) -> bool {
    matches!(status, "queued" | "preRunning" | "running")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_filled_in() {
        let login = Login { user: "a".to_owned(), org: "o".to_owned(), password: "p\"".to_owned() };
        let fill = |text: &str| login.fill(text, |password| password.replace('"', "&quot;"));
        assert_eq!(fill("Basic {credentials}"), format!("Basic {}", STANDARD.encode("a@o:p\"")));
        assert_eq!(
            fill("x {credentials:b@System} y"),
            format!("x {} y", STANDARD.encode("b@System:p\""))
        );
        assert_eq!(fill("<Password>{secret}</Password>"), "<Password>p&quot;</Password>");
        assert_eq!(fill("{root} {vm.1} {"), "{root} {vm.1} {");
    }

    const VCLOUD: &str = "http://www.vmware.com/vcloud/v1.5";

    /// A server whose one task is over when it was looked at twice.
    struct Scripted(std::sync::Mutex<(Vec<String>, usize)>);

    #[async_trait]
    impl Transport for Scripted {
        fn root(&self) -> &str {
            "https://vcd.test"
        }

        async fn send(&self, request: &Request) -> Result<Answer, String> {
            let mut state = self.0.lock().unwrap();
            state.0.push(format!("{} {}", request.method, request.path));
            let task = "https://vcd.test/api/task/1";
            let vapp = |status: &str| {
                format!(
                    r#"{{"id":"urn:vcloud:vapp:1","href":"https://vcd.test/api/vApp/1","status":"{status}"}}"#
                )
            };
            let xml = |body: String| ("application/*+xml", body);
            let (media, body) = match request.path.as_str() {
                "/cloudapi/1.0.0/vdcs/1/actions/instantiateTemplate" => {
                    ("application/json", vapp("INSTANTIATING"))
                }
                "/cloudapi/1.0.0/vapps/urn:vcloud:vapp:1" => {
                    ("application/json", vapp("POWERED_OFF"))
                }
                RUNNING => xml(format!(
                    "<R xmlns='{VCLOUD}'><TaskRecord href='{task}' status='running'/></R>"
                )),
                "/api/task/1" => {
                    state.1 += 1;
                    let status = if state.1 > 2 { "success" } else { "running" };
                    xml(format!("<Task xmlns='{VCLOUD}' status='{status}'/>"))
                }
                other => return Err(format!("nobody asks for {other}")),
            };
            let headers = [("content-type", media), (TOKEN, "a-token")];
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Ok(Answer { status: 200, headers: headers.to_vec(), body })
        }
    }

    #[tokio::test]
    async fn tasks_that_cloudapi_does_not_name_are_waited_for() {
        let exchange = |path: &str, body: &[&str]| Exchange {
            method: "POST".to_owned(),
            path: path.to_owned(),
            accept: vec!["application/json".to_owned()],
            expect: Expect {
                status: 200,
                media: "application/json".to_owned(),
                body: body.iter().map(|line| (*line).to_owned()).collect(),
                like: None,
            },
            ..Exchange::default()
        };
        let body = [
            "{}",
            " href = https://vcd.test/api/vApp/1",
            " id = urn:vcloud:vapp:1",
            " status = POWERED_OFF",
        ];
        let exchange = exchange("/cloudapi/1.0.0/vdcs/1/actions/instantiateTemplate", &body);
        let server = Scripted(std::sync::Mutex::default());
        let options = Options::default();
        let mut session = Session::new(&server, &options);
        session.token = "a-token".to_owned();
        assert_eq!(session.check(&exchange).await.unwrap(), [] as [&str; 0]);
        let asked = server.0.lock().unwrap().0.clone();
        assert_eq!(asked.iter().filter(|asked| *asked == "GET /api/task/1").count(), 3);
        assert_eq!(asked.last().unwrap(), "GET /cloudapi/1.0.0/vapps/urn:vcloud:vapp:1");
    }
}
