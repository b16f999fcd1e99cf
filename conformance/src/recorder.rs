//! Writes down what a client and a server say to each other.
//!
//! A [`Recorder`] is a reverse proxy: clients are told its address instead of the server's. It speaks TLS to
//! them, and TLS or not to the server. Requests and answers pass through unchanged, the `Host` header
//! included, so that hrefs in answers lead back here; only what concerns a single connection (such as
//! `Connection` and chunks) is the proxy's own. HTTP/1.1 on both sides.
//!
//! A line of the recording is an exchange, in JSON, in the order in which answers were complete:
//!
//! | field | what it is |
//! |---|---|
//! | `n` | the number of the line |
//! | `method`, `path` | the method; the path with its query, as sent |
//! | `request_headers`, `response_headers` | `[[name, value], ...]`, names in lower case |
//! | `request_body`, `response_body` | the body as text, decompressed; `""` when there is none |
//! | `request_body_base64`, ... | instead of that, where the body is no text |
//! | `request_body_bytes`, ... | instead of that, the length in bytes, of a body above 4 MiB or in an encoding other than gzip and deflate |
//! | `status` | of the answer |
//! | `ms` | milliseconds until the whole answer was here |
//! | `error` | only where the server gave no answer, which the status is then of the recorder's making |
//!
//! Secrets are left out; [`redact`] says how. A request that is no HTTP is answered with 400 and not written
//! down. What is written becomes a case with [`crate::replay::import`].

mod journal;
mod proxy;
pub mod redact;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use self::{
    journal::Journal,
    proxy::{Proxy, Shared},
    redact::Redactor,
};
use crate::{
    target::Target,
    tls::{self, Trust},
};

/// How long a client has for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long to wait when the machine has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(200);
/// How long connections are waited for at the end, once all requests are answered.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a recorder needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// `ADDR:PORT` to listen on; port 0 takes a free one.
    pub listen: String,
    /// The server's root URL.
    pub target: String,
    /// What the server's certificate is held against.
    pub trust: Trust,
    /// Files with the certificate that clients see and its key, PEM; without, one is made.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The recording; it is gone on with where there is one.
    pub out: PathBuf,
    /// Values that must not appear in it.
    pub secrets: Vec<String>,
    /// How long requests under way are waited for at the end.
    pub grace: Duration,
}

/// A recorder that listens.
pub struct Recorder {
    listener: TcpListener,
    address: SocketAddr,
    acceptor: TlsAcceptor,
    certificate: Option<String>,
    target: Target,
    journal: Journal,
    grace: Duration,
}

impl Recorder {
    /// Opens everything that is needed. `now` is when a certificate that is made begins to hold.
    ///
    /// # Errors
    /// Says which of the options cannot be used.
    pub async fn bind(options: &Options, now: Timestamp) -> Result<Self, String> {
        let wrong = |error: std::io::Error| format!("{}: {error}", options.listen);
        let target = Target::new(&options.target, &options.trust)?;
        let (identity, certificate) = match &options.identity {
            Some((certificate, key)) => (tls::identity(certificate, key)?, None),
            None => {
                let host = options.listen.rsplit_once(':').map_or("", |(host, _)| host);
                let (made, pem) = tls::self_signed(host.trim_matches(['[', ']']), now)?;
                (made, Some(pem))
            }
        };
        let acceptor = tls::acceptor(identity)?;
        let journal = Journal::open(&options.out, Redactor::new(&options.secrets)?)?;
        let listener = TcpListener::bind(&options.listen).await.map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        Ok(Self { listener, address, acceptor, certificate, target, journal, grace: options.grace })
    }

    /// The root URL that clients are to be told.
    pub fn root(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The certificate that was made, PEM; none where one was given.
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// Records until `stop` is ready; then requests under way are answered, but no new ones. Answers with the
    /// numbers of the lines that were written, from the first up to but not with the last.
    ///
    /// # Errors
    /// Says why the recording is not whole.
    pub async fn run(
        self,
        stop: impl Future<Output = ()>,
    ) -> Result<std::ops::Range<usize>, String> {
        let first = self.journal.lines() + 1;
        let (over, is_over) = watch::channel(false);
        let (stopping, is_stopping) = watch::channel(false);
        let shared = Shared { target: self.target, journal: self.journal, over: is_over };
        let shared = Arc::new(shared);
        let (under_way, mut all_written) = mpsc::channel(1);
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            // Connections that ended are forgotten as others come.
            while connections.try_join_next().is_some() {}
            tokio::select! {
                () = stop.as_mut() => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let proxy = Proxy::new(Arc::clone(&shared), under_way.clone());
                        let acceptor = self.acceptor.clone();
                        connections.spawn(serve(stream, acceptor, proxy, is_stopping.clone()));
                    }
                    // Out of file descriptors, most likely.
                    Err(_) => tokio::time::sleep(NO_ROOM).await,
                },
            }
        }
        drop(self.listener);
        stopping.send_replace(true);
        drop(under_way);
        // A connection holds its sender as long as requests can come over it.
        if timeout(self.grace, all_written.recv()).await.is_err() {
            over.send_replace(true);
        }
        let farewell = async { while connections.join_next().await.is_some() {} };
        if timeout(FAREWELL, farewell).await.is_err() {
            connections.shutdown().await;
        }
        // Of requests whose clients are gone.
        all_written.recv().await;
        match shared.journal.broken() {
            Some(broken) => Err(format!("the recording is not whole: {broken}")),
            None => Ok(first..shared.journal.lines() + 1),
        }
    }
}

/// Serves a client until it goes, or no request is under way at the end.
async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    proxy: Proxy,
    mut stopping: watch::Receiver<bool>,
) {
    // Only a matter of speed.
    let _ = stream.set_nodelay(true);
    let stream = tokio::select! {
        stream = timeout(HANDSHAKE, acceptor.accept(stream)) => stream,
        _ = stopping.wait_for(|stopping| *stopping) => return,
    };
    // Clients go away in the middle of things all the time, and some do not like the certificate.
    let Ok(Ok(stream)) = stream else { return };
    let service = service_fn(move |request| proxy.clone().pass_on(request));
    let mut connection = pin!(
        http1::Builder::new()
            .preserve_header_case(true)
            .auto_date_header(false)
            .serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Writes a file at once: nobody sees half of it.
///
/// # Errors
/// Why it cannot be written.
pub fn announce(path: &Path, text: &str) -> Result<(), String> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    std::fs::write(&draft, text)
        .and_then(|()| std::fs::rename(&draft, path))
        .map_err(|error| format!("{}: {error}", path.display()))
}
