//! Where a server is, and connections to it.

use std::error::Error;

use hyper::Uri;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::tls::{self, Trust};

/// A server that runs somewhere.
pub struct Target {
    root: String,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
}

/// A connection, with TLS or without.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Target {
    /// The server under a root URL (without `/api`).
    ///
    /// # Errors
    /// Says what is wrong with the URL or the authorities.
    pub fn new(root: &str, trust: &Trust) -> Result<Self, String> {
        let root = root.trim_end_matches('/');
        let uri: Uri = root.parse().map_err(|error| format!("{root}: {error}"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(format!("{root}: not an http or https URL")),
        };
        if uri.path() != "/" || uri.query().is_some() {
            return Err(format!("{root}: not the root URL of a server"));
        }
        let host = uri.host().ok_or_else(|| format!("{root}: no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = if secure { Some(tls::connector(trust)?) } else { None };
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { root: root.to_owned(), host, port, tls })
    }

    /// The root URL, without a slash at the end.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Whether TLS is spoken.
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// A new connection.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn connect(&self) -> Result<Box<dyn Stream>, Box<dyn Error + Send + Sync>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone())?;
                Box::new(tls.connect(name, stream).await?)
            }
        })
    }
}
