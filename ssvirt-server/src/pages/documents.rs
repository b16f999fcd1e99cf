//! `/openapi.json`, `/openapi/api-39.1.json` and the like.

use std::sync::Arc;

use poem::{Endpoint, Request, Response};
use ssvirt_vcd::ApiVersion;
use tokio::sync::Mutex;

use super::unless_known;
use crate::{
    context::Negotiated,
    document::{Document, Part},
    error::VcdError,
    links::Links,
    state::State,
};

/// The documents. They are written when they are asked for, one at a time, and the last one is kept: readers
/// ask for one again and again, and all of them would be as large as the rest of the server.
#[derive(Clone, Default)]
pub(super) struct Documents(Arc<Mutex<Option<Written>>>);

struct Written {
    document: Document,
    root: String,
    text: Arc<str>,
}

impl Documents {
    /// The document of everything.
    pub(super) fn everything(&self) -> impl Endpoint<Output = Response> + use<> {
        self.endpoint(|_| Ok(Document::ALL))
    }

    /// The document that the path names.
    pub(super) fn named(&self) -> impl Endpoint<Output = Response> + use<> {
        self.endpoint(|request| {
            let name = request.path_params::<String>().unwrap_or_default();
            let document = name.strip_suffix(".json").and_then(|name| name.parse().ok());
            document.ok_or_else(|| VcdError::no_route(request.uri().path()))
        })
    }

    /// The document of `/cloudapi`, in the version asked for.
    pub(super) fn negotiated(&self) -> impl Endpoint<Output = Response> + use<> {
        self.endpoint(|request| {
            let negotiated = request.extensions().get::<Negotiated>();
            let version = negotiated.map_or(ApiVersion::NEWEST, |negotiated| negotiated.version);
            Ok(Document { part: Part::CloudApi, version: Some(version) })
        })
    }

    fn endpoint(
        &self,
        which: fn(&Request) -> Result<Document, VcdError>,
    ) -> impl Endpoint<Output = Response> + use<> {
        let documents = self.clone();
        poem::endpoint::make(move |request| {
            let documents = documents.clone();
            async move {
                let document = which(&request)?;
                let root = Links::of(&request, &State::of(&request)?).path("");
                let text = documents.text(document, root).await?;
                Ok::<_, poem::Error>(unless_known(&request, "application/json", &text))
            }
        })
    }

    async fn text(&self, document: Document, root: String) -> Result<Arc<str>, VcdError> {
        let mut last = self.0.lock().await;
        if let Some(written) = &*last
            && (written.document, &written.root) == (document, &root)
        {
            return Ok(Arc::clone(&written.text));
        }
        let server = root.clone();
        let text: Arc<str> = tokio::task::spawn_blocking(move || document.render(&server))
            .await
            .map_err(|_| VcdError::internal())?
            .into();
        *last = Some(Written { document, root, text: Arc::clone(&text) });
        Ok(text)
    }
}
