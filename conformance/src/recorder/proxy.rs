//! One client's connection, and the connection to the server that belongs to it.
//!
//! Everything passes through as it is, the `Host` header too: a server that makes its hrefs from it makes them
//! for the recorder, and the client keeps coming here.

use std::{sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Version,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
    header::{self, HeaderName, HeaderValue},
    http::{request, response},
};
use hyper_util::rt::TokioIo;
use tokio::{
    sync::{Mutex, mpsc, watch},
    time::Instant,
};

use super::journal::{Exchange, Journal, Said};
use crate::target::Target;

/// The largest body that is passed on.
const LARGEST_PASSED_ON: usize = 64 * 1024 * 1024;
/// How long the server has for an answer.
const PATIENCE: Duration = Duration::from_secs(300);

/// They concern one connection only, so a proxy neither passes them on nor takes them over.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
    header::CONTENT_LENGTH,
];

/// What all connections share.
pub(super) struct Shared {
    pub(super) target: Target,
    pub(super) journal: Journal,
    /// True from when answers are not waited for any more.
    pub(super) over: watch::Receiver<bool>,
}

/// A client's connection.
#[derive(Clone)]
pub(super) struct Proxy {
    shared: Arc<Shared>,
    /// Held by every request under way: when all are dropped, all are written down.
    under_way: mpsc::Sender<()>,
    server: Arc<Mutex<Option<SendRequest<Full<Bytes>>>>>,
}

/// Why the server gave no answer, and what the client gets instead.
struct NoAnswer {
    status: StatusCode,
    why: String,
}

impl NoAnswer {
    fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into() }
    }
}

type Answer = (response::Parts, Bytes);

impl Proxy {
    pub(super) fn new(shared: Arc<Shared>, under_way: mpsc::Sender<()>) -> Self {
        Self { shared, under_way, server: Arc::default() }
    }

    /// Passes a request on, writes it and its answer down, and answers. The work goes on where the client does
    /// not wait for its end: the server does it anyway.
    pub(super) async fn pass_on(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, String> {
        let work = tokio::spawn(self.exchange(request));
        work.await.map_err(|error| error.to_string())?
    }

    async fn exchange(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, String> {
        let _under_way = self.under_way.clone();
        let start = Instant::now();
        let (parts, body) = request.into_parts();
        let has_body = parts.headers.contains_key(header::CONTENT_LENGTH)
            || parts.headers.contains_key(header::TRANSFER_ENCODING);
        let head = parts.method == Method::HEAD;
        let mut exchange = Exchange {
            method: parts.method.to_string(),
            path: parts.uri.to_string(),
            request: Said { headers: named(&parts.headers), body: Vec::new() },
            ..Exchange::default()
        };
        let answer = match whole(body).await {
            Ok(body) => {
                exchange.request.body = body.to_vec();
                match passes(&parts) {
                    Ok(()) => self.ask(parts, body, has_body).await,
                    Err(no_answer) => Err(no_answer),
                }
            }
            Err(NotWhole::TooLarge(why)) => Err(NoAnswer::new(StatusCode::PAYLOAD_TOO_LARGE, why)),
            // The client is gone, and the server has seen nothing of it.
            Err(NotWhole::BrokenOff(why)) => return Err(why),
        };
        let (mut parts, body) = answer.unwrap_or_else(|NoAnswer { status, why }| {
            let body = Bytes::from(format!("recorder: {why}\n"));
            exchange.error = Some(why);
            own_answer(status, body)
        });
        exchange.status = parts.status.as_u16();
        exchange.response = Said { headers: named(&parts.headers), body: body.to_vec() };
        exchange.ms = start.elapsed().as_secs_f64() * 1000.0;
        // Before the client has its answer: whoever reads the file after a client's last request finds that
        // request in it, and what a request names was answered in a line before.
        if let Err(broken) = self.shared.journal.write(&exchange) {
            let why = format!("recorder: the recording cannot be written: {broken}\n");
            return Ok(response(own_answer(StatusCode::BAD_GATEWAY, why.into()), head));
        }
        strip(&mut parts.headers, head);
        Ok(response((parts, body), head))
    }

    /// The server's answer.
    async fn ask(
        &self,
        mut parts: request::Parts,
        body: Bytes,
        has_body: bool,
    ) -> Result<Answer, NoAnswer> {
        strip(&mut parts.headers, false);
        if has_body {
            parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
        }
        if !self.shared.target.is_secure() {
            // What the client speaks, for hrefs.
            let https = HeaderValue::from_static("https");
            parts.headers.entry("x-forwarded-proto").or_insert(https);
        }
        parts.version = Version::HTTP_11;
        let mut over = self.shared.over.clone();
        let answer = async {
            // Where the client does not wait, its next request does not come here either.
            let mut server = self.server.lock().await;
            self.ask_over(&mut server, parts, body).await
        };
        let bad_gateway = |why: &str| NoAnswer::new(StatusCode::BAD_GATEWAY, why);
        tokio::select! {
            answer = tokio::time::timeout(PATIENCE, answer) => answer.unwrap_or_else(|_| {
                Err(NoAnswer::new(StatusCode::GATEWAY_TIMEOUT, "no answer from the server in time"))
            }),
            _ = over.wait_for(|over| *over) => {
                Err(bad_gateway("stopped before the server answered"))
            }
        }
    }

    /// Asks over the connection that is kept, or over a new one. A connection that turns out to be closed is
    /// replaced where the request was not sent, or can do no harm when it is sent twice.
    async fn ask_over(
        &self,
        server: &mut Option<SendRequest<Full<Bytes>>>,
        parts: request::Parts,
        body: Bytes,
    ) -> Result<Answer, NoAnswer> {
        let safe = matches!(parts.method, Method::GET | Method::HEAD);
        let failed = |error: &dyn std::error::Error| {
            NoAnswer::new(StatusCode::BAD_GATEWAY, format!("no answer: {}", causes(error)))
        };
        let mut kept = server.take();
        loop {
            let reused = kept.is_some();
            let mut sender = match kept.take() {
                Some(sender) => sender,
                None => self.connect().await?,
            };
            if let Err(error) = sender.ready().await {
                if reused {
                    continue;
                }
                return Err(failed(&error));
            }
            let request = Request::from_parts(parts.clone(), Full::new(body.clone()));
            match sender.send_request(request).await {
                Ok(response) => {
                    let (parts, body) = response.into_parts();
                    let body = whole(body).await.map_err(|not_whole| {
                        let (NotWhole::TooLarge(why) | NotWhole::BrokenOff(why)) = not_whole;
                        NoAnswer::new(StatusCode::BAD_GATEWAY, why)
                    })?;
                    *server = Some(sender);
                    return Ok((parts, body));
                }
                Err(error) if reused && (safe || error.is_canceled()) => {}
                Err(error) => return Err(failed(&error)),
            }
        }
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, NoAnswer> {
        let failed = |error: &dyn std::error::Error| {
            let why = format!("no connection to the server: {}", causes(error));
            NoAnswer::new(StatusCode::BAD_GATEWAY, why)
        };
        let stream = self.shared.target.connect().await.map_err(|error| failed(&*error))?;
        let connection =
            http1::Builder::new().preserve_header_case(true).handshake(TokioIo::new(stream)).await;
        let (sender, connection) = connection.map_err(|error| failed(&error))?;
        // It ends with its sender; its errors are those of the requests.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}

/// Whether the request is one that can be passed on.
fn passes(parts: &request::Parts) -> Result<(), NoAnswer> {
    let upgrades = parts.headers.get_all(header::UPGRADE).into_iter();
    let websocket = upgrades
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.to_ascii_lowercase().contains("websocket"));
    let refused = |why| Err(NoAnswer::new(StatusCode::NOT_IMPLEMENTED, why));
    match () {
        () if websocket => refused("WebSockets are not passed on"),
        () if parts.method == Method::CONNECT => refused("CONNECT is not passed on"),
        () => Ok(()),
    }
}

/// Why a body is not here.
enum NotWhole {
    TooLarge(String),
    BrokenOff(String),
}

/// The whole of a body.
async fn whole(body: Incoming) -> Result<Bytes, NotWhole> {
    match Limited::new(body, LARGEST_PASSED_ON).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let megabytes = LARGEST_PASSED_ON / (1024 * 1024);
            Err(NotWhole::TooLarge(format!("a body above {megabytes} MiB is not passed on")))
        }
        Err(error) => Err(NotWhole::BrokenOff(format!("the body broke off: {}", causes(&*error)))),
    }
}

fn named(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

/// Takes out what concerns one connection only; `keep_length` where the length is that of a body that is not
/// sent.
fn strip(headers: &mut HeaderMap, keep_length: bool) {
    for name in HOP_BY_HOP {
        if !(keep_length && name == header::CONTENT_LENGTH) {
            headers.remove(name);
        }
    }
}

fn own_answer(status: StatusCode, body: Bytes) -> Answer {
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = status;
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    (parts, body)
}

fn response((mut parts, body): Answer, head: bool) -> Response<Full<Bytes>> {
    let empty = head
        || parts.status.is_informational()
        || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !empty {
        parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    }
    parts.version = Version::HTTP_11;
    Response::from_parts(parts, Full::new(if empty { Bytes::new() } else { body }))
}

/// An error with what it comes from.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
