//! A server that answers with what it saw, a client, and a recorder between them.

use std::{
    collections::HashSet,
    convert::Infallible,
    io::Write as _,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use futures_util::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Body, Bytes, Frame, Incoming},
    client::conn::http1::{self, SendRequest},
    server,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::Value;
use ssvirt_conformance::{
    recorder::{Options, Recorder},
    target::Target,
    tls::{self, Trust},
};
use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore, oneshot},
    task::JoinHandle,
};

/// A token as the server hands it out.
pub const TOKEN: &str = "header.payload-of-a-token.signature";

/// When the certificates of this test begin to hold.
pub fn now() -> Timestamp {
    use ssvirt_core::env::{Clock as _, SystemClock};
    SystemClock.now()
}

/// A folder of this test's own, removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ssvirt-record-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// What the server has seen, and what holds its answers back.
#[derive(Default)]
pub struct Seen {
    /// Connections that requests came over.
    pub connections: Mutex<HashSet<u16>>,
    /// Told when a request for `/held...` is here.
    pub arrived: Notify,
    /// One permit lets one such request be answered.
    pub release: Gate,
}

pub struct Gate(pub Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// Starts the server; its root URL and the file with its certificate.
pub async fn server(folder: &Folder, seen: Arc<Seen>) -> (String, PathBuf) {
    let (identity, pem) = tls::self_signed("127.0.0.1", now()).unwrap();
    let file = folder.file("server.pem");
    std::fs::write(&file, pem).unwrap();
    let acceptor = tls::acceptor(identity).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(|request| answer(request, Arc::clone(&seen), peer.port()));
                let io = TokioIo::new(stream);
                server::conn::http1::Builder::new().serve_connection(io, service).await.ok();
            });
        }
    });
    (root, file)
}

async fn answer(request: Request<Incoming>, seen: Arc<Seen>, peer: u16) -> Result<Answer, String> {
    seen.connections.lock().unwrap().insert(peer);
    let (parts, body) = request.into_parts();
    let text = |name: &str| {
        let all = parts.headers.get_all(name).into_iter();
        all.map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    let saw = serde_json::json!({
        "method": parts.method.as_str(),
        "line": parts.uri.to_string(),
        "host": text("host"),
        "accept": text("accept"),
        "length": text("content-length"),
        "connection": text("connection"),
        "body": String::from_utf8_lossy(&body),
    })
    .to_string();
    let response = Response::builder();
    let full = |bytes: Vec<u8>| Full::new(Bytes::from(bytes)).boxed();
    let path = parts.uri.path();
    Ok(match path {
        "/empty" => response
            .status(StatusCode::NO_CONTENT)
            .header("X-VMWARE-VCLOUD-ACCESS-TOKEN", TOKEN)
            .body(full(Vec::new())),
        "/not-modified" => response.status(StatusCode::NOT_MODIFIED).body(full(Vec::new())),
        "/break" => return Err("broken off".to_owned()),
        "/bye" => response.header("connection", "close").body(full(saw.into_bytes())),
        "/chunked" => {
            let (one, two) = saw.split_at(10);
            let chunks = [one, two].map(|part| Ok(Frame::data(Bytes::from(part.to_owned()))));
            response.body(BodyExt::boxed(StreamBody::new(stream::iter(chunks))))
        }
        "/gzip" => {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(saw.as_bytes()).unwrap();
            response.header("content-encoding", "gzip").body(full(packed.finish().unwrap()))
        }
        "/br" => response.header("content-encoding", "br").body(full(b"1234567".to_vec())),
        "/binary" => response.body(full(b"\xff\xfe\x00".to_vec())),
        "/large" => response.body(full(vec![b'x'; 5 * 1024 * 1024])),
        "/larger" => response.body(full(vec![b'x'; 65 * 1024 * 1024])),
        path if path.starts_with("/held") => {
            seen.arrived.notify_one();
            seen.release.0.acquire().await.unwrap().forget();
            response.body(full(saw.into_bytes()))
        }
        _ => response
            .header("set-cookie", "a=first-cookie")
            .header("set-cookie", "b=second-cookie")
            .header("content-type", "application/json")
            .body(full(saw.into_bytes())),
    }
    .unwrap())
}

/// A recorder that runs.
pub struct Running {
    pub root: String,
    pub trust: Trust,
    pub out: PathBuf,
    stop: oneshot::Sender<()>,
    done: JoinHandle<Result<std::ops::Range<usize>, String>>,
}

impl Running {
    pub async fn start(folder: &Folder, target: &str, trust: Trust, grace: Duration) -> Self {
        let out = folder.file("out.jsonl");
        let options = Options {
            listen: "127.0.0.1:0".to_owned(),
            target: target.to_owned(),
            trust,
            identity: None,
            out: out.clone(),
            secrets: vec!["correct horse".to_owned()],
            grace,
        };
        let recorder = Recorder::bind(&options, now()).await.unwrap();
        let file = folder.file("recorder.pem");
        std::fs::write(&file, recorder.certificate().unwrap()).unwrap();
        let root = recorder.root();
        let (stop, stopped) = oneshot::channel();
        let done = tokio::spawn(recorder.run(async { drop(stopped.await) }));
        Self { root, trust: Trust::File(file), out, stop, done }
    }

    pub async fn client(&self) -> Client {
        Client::connect(&self.root, &self.trust).await
    }

    /// The exchanges that were written so far.
    pub fn lines(&self) -> Vec<Value> {
        lines(&self.out)
    }

    pub async fn stop(self) -> Result<std::ops::Range<usize>, String> {
        self.stop.send(()).unwrap();
        self.done.await.unwrap()
    }

    /// Asks the recorder to stop; what it answers comes later.
    pub fn ask_to_stop(self) -> JoinHandle<Result<std::ops::Range<usize>, String>> {
        self.stop.send(()).unwrap();
        self.done
    }
}

pub fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A server with a recorder before it.
pub async fn scene() -> (Folder, Arc<Seen>, Running) {
    let folder = Folder::new();
    let seen = Arc::new(Seen::default());
    let (root, certificate) = server(&folder, Arc::clone(&seen)).await;
    let grace = Duration::from_secs(60);
    let running = Running::start(&folder, &root, Trust::File(certificate), grace).await;
    (folder, seen, running)
}

/// A client with one connection.
pub struct Client {
    sender: SendRequest<BoxBody<Bytes, Infallible>>,
    authority: String,
}

/// An answer as the client has it.
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Got {
    /// What the server says that it saw.
    pub fn saw(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Client {
    pub async fn connect(root: &str, trust: &Trust) -> Self {
        let stream = Target::new(root, trust).unwrap().connect().await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(async move { drop(connection.await) });
        Self { sender, authority: root.trim_start_matches("https://").to_owned() }
    }

    pub async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Got {
        self.send(method, path, headers, Full::new(Bytes::from(body.to_owned()))).await.unwrap()
    }

    pub async fn get(&mut self, path: &str) -> Got {
        self.ask("GET", path, &[], "").await
    }

    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Body<Data = Bytes, Error = Infallible> + Send + Sync + 'static,
    ) -> Result<Got, hyper::Error> {
        let mut request =
            Request::builder().method(method).uri(path).header("host", &self.authority);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.sender.ready().await?;
        let response = self.sender.send_request(request.body(body.boxed()).unwrap()).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Got { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}
