//! A server in this process, with the demo on it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use poem::{Endpoint as _, EndpointExt as _, Response, endpoint::BoxEndpoint};
use ssvirt_core::{Cloud, Result, TenancyStore, VmBackend, model::ProviderVdc};
use ssvirt_fixtures::demo::{self, DemoPasswords};
use ssvirt_server::{AppConfig, app};

use super::run::{Answer, Request, Transport};

/// The password of the demo's users.
pub const PASSWORD: &str = "replayed";

/// The server's address. Nothing listens there: requests are handed over.
const ROOT: &str = "https://vcd.test";

/// A server in this process, with the demo on it.
pub struct Stage {
    cloud: Cloud,
    app: Arc<BoxEndpoint<'static, Response>>,
}

impl Stage {
    /// A server on this store and backend.
    ///
    /// # Errors
    /// What the cloud answers.
    pub async fn new(store: Arc<dyn TenancyStore>, backend: Arc<dyn VmBackend>) -> Result<Self> {
        Self::with_grace(store, backend, Duration::from_millis(500)).await
    }

    /// A server that waits so long for a task before it answers that the task is running.
    ///
    /// # Errors
    /// What the cloud answers.
    pub async fn with_grace(
        store: Arc<dyn TenancyStore>,
        backend: Arc<dyn VmBackend>,
        grace: Duration,
    ) -> Result<Self> {
        let cloud =
            Cloud::builder(store).backend(ProviderVdc::DEFAULT, backend).grace(grace).build();
        cloud.start().await?;
        demo::seed(&cloud, &DemoPasswords::one_for_all(PASSWORD)).await?;
        let app = app(AppConfig {
            cloud: cloud.clone(),
            public_url: None,
            plain_http: false,
            jwt_key: PASSWORD.repeat(8).into_bytes(),
            ui: None,
        });
        Ok(Self { cloud, app: Arc::new(app.boxed()) })
    }

    /// The cloud.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// The way to the server.
    pub fn transport(&self) -> InProcess {
        InProcess(Arc::clone(&self.app))
    }
}

/// The way to a [`Stage`].
#[derive(Clone)]
pub struct InProcess(Arc<BoxEndpoint<'static, Response>>);

#[async_trait]
impl Transport for InProcess {
    fn root(&self) -> &str {
        ROOT
    }

    async fn send(&self, request: &Request) -> Result<Answer, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", request.path);
        let uri: poem::http::Uri = request.path.parse().map_err(|error| wrong(&error))?;
        let method: poem::http::Method = request.method.parse().map_err(|error| wrong(&error))?;
        let mut sent = poem::Request::builder().method(method).uri(uri);
        sent = sent.header("host", ROOT.trim_start_matches("https://"));
        for (name, value) in &request.headers {
            sent = sent.header(name, value);
        }
        let sent = sent.body(request.body.clone());
        let mut response = self.0.call(sent).await.map_err(|error| wrong(&error))?;
        let body = response.take_body().into_string().await.map_err(|error| wrong(&error))?;
        let headers = response.headers().iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        Ok(Answer { status: response.status().as_u16(), headers: headers.collect(), body })
    }
}
