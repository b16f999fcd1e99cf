//! What all requests share.

use std::sync::Arc;

use poem::Request;
use ssvirt_core::Cloud;

use crate::{auth::Tokens, error::VcdError};

/// The server's own state. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// The cloud.
    pub cloud: Cloud,
    /// Tokens.
    pub tokens: Arc<Tokens>,
    /// The root URL that clients reach the server under, if it is not what they say.
    pub public_url: Option<Arc<str>>,
    /// Whether the server speaks plain HTTP, behind a proxy.
    pub plain_http: bool,
}

impl State {
    /// The state that was put into the request.
    ///
    /// # Errors
    /// 500 when there is none.
    pub fn of(request: &Request) -> Result<Self, VcdError> {
        request.extensions().get::<Self>().cloned().ok_or_else(VcdError::internal)
    }
}
