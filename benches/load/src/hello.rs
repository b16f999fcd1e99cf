//! The bare server that every row is compared with: the same framework, runtime and allocator, and nothing
//! behind.

use std::{
    io::{self, Write as _},
    sync::Arc,
};

use poem::{
    Route, Server, get, handler,
    http::uri::Scheme,
    listener::Acceptor,
    web::{LocalAddr, RemoteAddr},
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use ssvirt_conformance::target::Stream;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{Anything, cli::HelloTls};

#[handler]
fn hello() -> &'static str {
    "hello"
}

/// Serves until it is killed, or whoever started it is gone. The port is the first line that it prints.
pub fn run(tls: &HelloTls) -> Anything<()> {
    let tls = tls.certificate.as_deref().zip(tls.key.as_deref());
    let tls = tls.map(|(certificate, key)| acceptor(certificate, key)).transpose()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        writeln!(io::stdout().lock(), "{}", listener.local_addr()?.port())?;
        let served =
            Server::new_with_acceptor(Gate { listener, tls }).run(Route::new().at("/", get(hello)));
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
