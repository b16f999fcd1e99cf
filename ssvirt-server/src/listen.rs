//! Taking in connections.
//!
//! poem's own TLS acceptor is left out: it comes with its own choice of provider, and leaves Nagle's
//! algorithm on, which costs small answers up to 40 ms.

use std::{
    io::{self, Result},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::future::BoxFuture;
use poem::{
    http::uri::Scheme,
    listener::Acceptor,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a client has for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long to wait when the machine has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(200);

/// Takes in connections, with TLS or without.
pub(crate) struct Gate {
    listener: TcpListener,
    local: LocalAddr,
    tls: Option<TlsAcceptor>,
}

impl Gate {
    /// Takes in what comes to `listener`.
    pub(crate) fn new(listener: TcpListener, tls: Option<TlsAcceptor>) -> Result<Self> {
        let local = LocalAddr(listener.local_addr()?.into());
        Ok(Self { listener, local, tls })
    }
}

impl Acceptor for Gate {
    type Io = Connection;

    fn local_addr(&self) -> Vec<LocalAddr> {
        vec![self.local.clone()]
    }

    async fn accept(&mut self) -> Result<(Connection, LocalAddr, RemoteAddr, Scheme)> {
        let (stream, remote) = match self.listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                if !gone_already(&error) {
                    // Out of file descriptors, most likely. Asking again at once would only burn a core.
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "cannot take in a connection"
                    );
                    tokio::time::sleep(NO_ROOM).await;
                }
                return Err(error);
            }
        };
        // Only a matter of speed.
        let _ = stream.set_nodelay(true);
        let (connection, scheme) = match &self.tls {
            None => (Connection::Plain(stream), Scheme::HTTP),
            Some(tls) => (Connection::handshake(tls.clone(), stream), Scheme::HTTPS),
        };
        Ok((connection, self.local.clone(), RemoteAddr(remote.into()), scheme))
    }
}

/// Whether the client hung up before it was its turn.
fn gone_already(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A connection. Its handshake is made by whoever first reads from it, which is the connection's own task:
/// a slow client holds up nobody else.
pub(crate) enum Connection {
    /// Without TLS.
    Plain(TcpStream),
    /// On the way to TLS.
    Handshake(BoxFuture<'static, Result<TlsStream<TcpStream>>>),
    /// With TLS.
    Tls(Box<TlsStream<TcpStream>>),
    /// The handshake failed.
    Failed,
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

impl Connection {
    fn handshake(tls: TlsAcceptor, stream: TcpStream) -> Self {
        Self::Handshake(Box::pin(async move {
            let done = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await;
            let done = done.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            done.inspect_err(|error| {
                tracing::debug!(error = error as &dyn std::error::Error, "a TLS handshake failed");
            })
        }))
    }

    /// The stream, once there is one.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Result<Pin<&mut dyn Stream>>> {
        if let Self::Handshake(handshake) = self {
            match ready!(handshake.as_mut().poll(cx)) {
                Ok(stream) => *self = Self::Tls(Box::new(stream)),
                Err(error) => {
                    *self = Self::Failed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(match self {
            Self::Plain(stream) => Ok(Pin::new(stream)),
            Self::Tls(stream) => Ok(Pin::new(&mut **stream)),
            Self::Handshake(_) | Self::Failed => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        ready!(self.poll_stream(cx))?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        ready!(self.poll_stream(cx))?.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match *self {
            // Nothing was written yet.
            Self::Handshake(_) => Poll::Ready(Ok(())),
            _ => ready!(self.poll_stream(cx))?.poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match *self {
            Self::Handshake(_) | Self::Failed => Poll::Ready(Ok(())),
            _ => ready!(self.poll_stream(cx))?.poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        ready!(self.poll_stream(cx))?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        // Both kinds can: rustls gathers what fits into a record.
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use poem::{Route, Server, get, handler};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        sync::{Notify, oneshot},
        time::timeout,
    };

    use super::*;

    #[handler]
    async fn slow(state: poem::web::Data<&Arc<Notify>>) -> &'static str {
        state.notified().await;
        "done"
    }

    #[tokio::test]
    async fn a_request_under_way_is_answered_before_the_end() {
        use poem::EndpointExt as _;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let gate = Gate::new(listener, None).unwrap();
        let release = Arc::new(Notify::new());
        let (stop, stopped) = oneshot::channel::<()>();
        let app = Route::new().at("/slow", get(slow)).data(Arc::clone(&release));
        let server = tokio::spawn(Server::new_with_acceptor(gate).run_with_graceful_shutdown(
            app,
            async { drop(stopped.await) },
            Some(Duration::from_secs(10)),
        ));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        // One that never says anything does not count.
        let idle = TcpStream::connect(address).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!server.is_finished());
        release.notify_one();
        let mut answer = String::new();
        timeout(Duration::from_secs(5), client.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
        timeout(Duration::from_secs(5), server).await.unwrap().unwrap().unwrap();
        drop(idle);
    }
}
