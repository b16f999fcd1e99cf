//! The way to a server that runs somewhere.

use std::{env, fs, sync::Arc};

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full};
use hyper::{Uri, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::run::{Answer, Request, Transport};

/// Where the certificates of the authorities are that sign servers' certificates, if nothing else is said.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The way to a server that runs somewhere.
pub struct Live {
    root: String,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
}

impl Live {
    /// The server under a root URL (without `/api`). Its certificate is held against the authorities in the
    /// file that `SSL_CERT_FILE` names, or not at all.
    ///
    /// # Errors
    /// Says what is wrong with the URL or the authorities.
    pub fn new(root: &str, insecure: bool) -> Result<Self, String> {
        let root = root.trim_end_matches('/');
        let uri: Uri = root.parse().map_err(|error| format!("{root}: {error}"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(format!("{root}: not an http or https URL")),
        };
        let host = uri.host().ok_or_else(|| format!("{root}: no host"))?.to_owned();
        let tls = if secure { Some(connector(insecure)?) } else { None };
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { root: root.to_owned(), host, port, tls })
    }

    async fn exchange(
        &self,
        request: &Request,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, self.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => over(stream, &self.root, request).await,
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned())?;
                over(tls.connect(name, stream).await?, &self.root, request).await
            }
        }
    }
}

/// Sends a request over a connection of its own.
async fn over(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    root: &str,
    request: &Request,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let authority = root.split_once("://").map_or(root, |(_, authority)| authority);
    let mut sent = hyper::Request::builder()
        .method(request.method.as_str())
        .uri(request.path.as_str())
        .header("host", authority);
    for (name, value) in &request.headers {
        sent = sent.header(name, value);
    }
    let response =
        sender.send_request(sent.body(Full::new(Bytes::from(request.body.clone())))?).await?;
    let status = response.status().as_u16();
    let headers = response.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let headers = headers.collect();
    let body = response.into_body().collect().await?.to_bytes();
    connection.abort();
    Ok(Answer { status, headers, body: String::from_utf8(body.to_vec())? })
}

#[async_trait]
impl Transport for Live {
    fn root(&self) -> &str {
        &self.root
    }

    async fn send(&self, request: &Request) -> Result<Answer, String> {
        self.exchange(request)
            .await
            .map_err(|error| format!("{}{}: {error}", self.root, request.path))
    }
}

/// TLS to a server, whose certificate is held against the authorities as [`Live::new`] says.
///
/// # Errors
/// Says what is wrong with the authorities.
pub fn connector(insecure: bool) -> Result<TlsConnector, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = if insecure {
        config.dangerous().with_custom_certificate_verifier(Arc::new(Unchecked(provider)))
    } else {
        config.with_root_certificates(authorities()?)
    };
    Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}

fn authorities() -> Result<RootCertStore, String> {
    let path = env::var("SSL_CERT_FILE").unwrap_or_else(|_| AUTHORITIES.to_owned());
    let pem = fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
    Ok(roots)
}

/// Takes any certificate.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
