//! The HTTPS server behind the webhooks and the aggregated API.

use std::{convert::Infallible, sync::Arc};

use http::{
    Request, Response,
    header::{CONNECTION, CONTENT_TYPE},
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair, SanType};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{Stage, admission, console, subresources};
use crate::Anything;

const MOST: usize = 8 << 20;

/// A server's certificate, and how it talks.
pub struct Tls {
    /// PEM, for whoever is to trust it.
    pub certificate: String,
    acceptor: TlsAcceptor,
}

impl Tls {
    /// Makes a certificate of its own. Who shows a certificate must have it of `front_proxy`, which is PEM.
    pub fn new(names: &[String], front_proxy: &str) -> Anything<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.subject_alt_names.push(SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()));
        let certificate = params.self_signed(&key)?;

        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(front_proxy.as_bytes()) {
            roots.add(root?)?;
        }
        // Webhooks are asked without one.
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
            .allow_unauthenticated()
            .build()?;
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes())?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Self { certificate: certificate.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}

/// Serves until the task ends.
pub async fn serve(listener: TcpListener, tls: Tls, stage: Arc<Stage>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (acceptor, stage) = (tls.acceptor.clone(), stage.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let is_proxy = stream.get_ref().1.peer_certificates().is_some();
            let answer = service_fn(move |request| {
                let stage = stage.clone();
                async move { Ok::<_, Infallible>(respond(&stage, is_proxy, request).await) }
            });
            // A connection that breaks off is its client's affair.
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            connection.with_upgrades().await.ok();
        });
    }
}

async fn respond(
    stage: &Arc<Stage>,
    is_proxy: bool,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let Some(path) = path.strip_prefix(subresources::ROOT) else {
        return review(stage, &path, request).await;
    };
    // Only the API server knows who asks, and whether they may.
    if !is_proxy {
        return response(401, &Value::Null);
    }
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (code, body) = match parts[..] {
        [] | [""] => (200, subresources::discovery()),
        ["namespaces", space, plural, name, sub] => {
            let path = [space, plural, name, sub];
            if console::is_one(path) {
                let opened = console::open(stage, path, request).await;
                return opened.unwrap_or_else(|(code, body)| {
                    let mut refusal = response(code, &body);
                    // The API server reads what is not a WebSocket until its end.
                    let close = http::HeaderValue::from_static("close");
                    refusal.headers_mut().insert(CONNECTION, close);
                    refusal
                });
            }
            let method = request.method().to_string();
            let Some(body) = read(request).await else { return response(413, &Value::Null) };
            let answer = subresources::answer(stage, &method, path, &body).await;
            answer.unwrap_or((404, Value::Null))
        }
        _ => (404, Value::Null),
    };
    response(code, &body)
}

async fn review(stage: &Stage, path: &str, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let Some(body) = read(request).await else { return response(413, &Value::Null) };
    let Ok(review) = serde_json::from_slice::<Value>(&body) else {
        return response(404, &Value::Null);
    };
    match admission::review(stage, path, &review).await {
        Some(answer) => response(200, &answer),
        None => response(404, &Value::Null),
    }
}

async fn read(request: Request<Incoming>) -> Option<Bytes> {
    Some(Limited::new(request.into_body(), MOST).collect().await.ok()?.to_bytes())
}

fn response(code: u16, body: &Value) -> Response<Full<Bytes>> {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or_default();
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
