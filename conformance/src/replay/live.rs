//! The way to a server that runs somewhere.

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;

use super::run::{Answer, Request, Transport};
use crate::{target::Target, tls::Trust};

/// The way to a server that runs somewhere.
pub struct Live(Target);

impl Live {
    /// The server under a root URL (without `/api`).
    ///
    /// # Errors
    /// Says what is wrong with the URL or the authorities.
    pub fn new(root: &str, trust: &Trust) -> Result<Self, String> {
        Target::new(root, trust).map(Self)
    }

    /// Sends a request over a connection of its own.
    async fn exchange(
        &self,
        request: &Request,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let stream = self.0.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let root = self.0.root();
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
}

#[async_trait]
impl Transport for Live {
    fn root(&self) -> &str {
        self.0.root()
    }

    async fn send(&self, request: &Request) -> Result<Answer, String> {
        self.exchange(request)
            .await
            .map_err(|error| format!("{}{}: {error}", self.0.root(), request.path))
    }
}
