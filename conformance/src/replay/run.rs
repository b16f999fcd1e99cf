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
    fn credentials(&self) -> String {
        STANDARD.encode(format!("{}@{}:{}", self.user, self.org, self.password))
    }
}

/// How a flow is replayed.
#[derive(Clone)]
pub struct Options {
    /// Who logs in where the flow does.
    pub login: Login,
    /// A file that every answer is added to, a JSON object a line, as `tests/clients/recorder.py` writes
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
            let value = value.replace("{token}", &self.token);
            let value = value.replace("{credentials}", &self.options.login.credentials());
            headers.push((name.clone(), self.bindings.fill(&value)?));
        }
        let request = Request {
            method: exchange.method.clone(),
            path: self.bindings.fill(&exchange.path)?,
            headers,
            body: self.bindings.fill(&exchange.body)?,
        };
        let (answer, mut tree) = self.send(&request).await?;
        if !answer.header(TOKEN).is_empty() {
            answer.header(TOKEN).clone_into(&mut self.token);
        }
        let mut waited = false;
        if let Some(immediate) = tree.as_ref().filter(|_| request.method != "GET") {
            let running: Vec<String> = immediate
                .all(&|node| {
                    node.name == "Task" && node.attribute("status").is_some_and(is_running)
                })
                .into_iter()
                .filter_map(|task| task.attribute("href").map(str::to_owned))
                .collect();
            if !running.is_empty() {
                waited = true;
                if let Some(expected) = expected {
                    // The ids in the answer are the ones that later requests use.
                    compare::differences(expected, immediate, &mut self.bindings);
                }
                let own = immediate.attribute("href").map(str::to_owned);
                let mut last = None;
                for task in &running {
                    last = self.finished(task, exchange).await?;
                }
                tree = match own {
                    Some(href) if !running.contains(&href) => self.get(&href, exchange).await?.1,
                    _ => last,
                };
            }
        }
        Ok(Settled { answer, tree, waited })
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

    /// A task once it is over.
    async fn finished(&mut self, href: &str, exchange: &Exchange) -> Result<Option<Node>, String> {
        let start = Instant::now();
        loop {
            let (answer, tree) = self.get(href, exchange).await?;
            let status = tree.as_ref().and_then(|tree| tree.attribute("status"));
            match status {
                None => return Err(format!("{href}: no task: {} {}", answer.status, answer.body)),
                Some(status) if !is_running(status) => return Ok(tree),
                Some(status) if start.elapsed() > PATIENCE => {
                    return Err(format!("{href}: still {status} after {PATIENCE:?}"));
                }
                Some(_) => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Fetches what has this href, in the version of the exchange.
    async fn get(
        &mut self,
        href: &str,
        exchange: &Exchange,
    ) -> Result<(Answer, Option<Node>), String> {
        let path = href.strip_prefix(self.transport.root());
        let path = path.ok_or_else(|| format!("an href that is not the server's: {href}"))?;
        let mut headers: Vec<(String, String)> =
            exchange.accept.iter().map(|accept| ("accept".to_owned(), accept.clone())).collect();
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

fn is_running(status: &str) -> bool {
    matches!(status, "queued" | "preRunning" | "running")
}
