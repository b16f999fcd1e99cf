//! The bare server that every row is compared with: the same framework, runtime and allocator, and nothing
//! behind; and, at another path, what the least of statements adds to that.

use std::{
    io::{self, Write as _},
    sync::Arc,
};

use poem::{
    EndpointExt as _, Route, Server,
    error::InternalServerError,
    get, handler,
    http::uri::Scheme,
    listener::Acceptor,
    web::{Data, LocalAddr, RemoteAddr},
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use ssvirt_backends::sql::{self, SqlOptions, SqlStore};
use ssvirt_conformance::target::Stream;
use ssvirt_core::store::TenancyStore as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{Anything, cli::HelloTls};

/// The variable that names a database.
pub const DATABASE_URL: &str = "DATABASE_URL";
/// Where the bare answer is.
pub const BARE: &str = "/";
/// Where the same answer is, after a statement that reads nothing.
pub const STATEMENT: &str = "/statement";

#[handler]
fn hello() -> &'static str {
    "hello"
}

/// By the same driver and the same connections as all that the server reads.
#[handler]
async fn statement(store: Data<&SqlStore>) -> poem::Result<&'static str> {
    store.health().await.map_err(InternalServerError)?;
    Ok("hello")
}

/// Serves until it is killed, or whoever started it is gone. The port is the first line that it prints.
pub fn run(tls: &HelloTls) -> Anything<()> {
    let tls = tls.certificate.as_deref().zip(tls.key.as_deref());
    let tls = tls.map(|(certificate, key)| acceptor(certificate, key)).transpose()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        writeln!(io::stdout().lock(), "{}", listener.local_addr()?.port())?;
        let mut routes = Route::new().at(BARE, get(hello));
        if let Ok(url) = std::env::var(DATABASE_URL) {
            let store = sql::connect(&url, SqlOptions::default()).await?;
            routes = routes.at(STATEMENT, get(statement).data(store));
        }
        let served = Server::new_with_acceptor(Gate { listener, tls }).run(routes);
        let orphaned = async {
            let mut nothing = Vec::new();
            tokio::io::AsyncReadExt::read_to_end(&mut tokio::io::stdin(), &mut nothing).await
        };
        tokio::select! {
            served = served => served?,
            _ = orphaned => {}
        }
        Ok(())
    })
}

fn acceptor(certificate: &std::path::Path, key: &std::path::Path) -> Anything<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Takes in connections as the server does: with TLS or without, and without Nagle's algorithm.
struct Gate {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Acceptor for Gate {
    type Io = Box<dyn Stream>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.listener.local_addr().map(|local| LocalAddr(local.into())).into_iter().collect()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        let (stream, remote) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        let local = LocalAddr(stream.local_addr()?.into());
        let (stream, scheme): (Self::Io, _) = match &self.tls {
            None => (Box::new(stream), Scheme::HTTP),
            Some(tls) => (Box::new(tls.accept(stream).await?), Scheme::HTTPS),
        };
        Ok((stream, local, RemoteAddr(remote.into()), scheme))
    }
}
