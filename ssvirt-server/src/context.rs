//! What a handler knows of its request: who asks, in which version, under which address.

use poem::{
    FromRequest, Request, RequestBody,
    http::{HeaderMap, header},
};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, registry::Registry};
use ssvirt_core::{Cloud, Id, model::Org, service::Caller};
use ssvirt_vcd::{ApiVersion, Format};

use crate::{auth, error::VcdError, links::Links, state::State};

/// What the negotiation layer found out.
#[derive(Clone, Debug)]
pub struct Negotiated {
    /// The format that the client wants.
    pub format: Format,
    /// The version that the client wants.
    pub version: ApiVersion,
    /// Whether the client named a version at all.
    pub named: bool,
    /// The request's id.
    pub request_id: String,
}

/// A request of somebody unknown.
pub struct Anonymous {
    /// The server.
    pub state: State,
    /// Hrefs.
    pub links: Links,
    /// Version and format.
    pub negotiated: Negotiated,
}

impl<'a> FromRequest<'a> for Anonymous {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        let state = State::of(request)?;
        let links = Links::of(request, &state);
        let negotiated =
            request.extensions().get::<Negotiated>().cloned().ok_or_else(VcdError::internal)?;
        Ok(Self { state, links, negotiated })
    }
}

/// A request of somebody who is logged in.
pub struct Ctx {
    /// The cloud.
    pub cloud: Cloud,
    /// Who asks.
    pub caller: Caller,
    /// Hrefs.
    pub links: Links,
    /// The version asked for.
    pub version: ApiVersion,
}

impl Ctx {
    /// Whether the client knows "powered off but deployed".
    pub fn modern_status(&self) -> bool {
        self.version >= ApiVersion::V37_0
    }
}

/// The name of the security scheme of [`Ctx`] in the OpenAPI documents.
const BEARER: &str = "Bearer";

/// A handler that takes a [`Ctx`] is for those who are logged in; the OpenAPI documents say so.
impl<'a> ApiExtractor<'a> for Ctx {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let description =
            "The token that a login answered in the header `X-VMWARE-VCLOUD-ACCESS-TOKEN`.";
        let scheme = auth::http_scheme("bearer", Some("JWT"), description);
        registry.create_security_scheme(BEARER, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![BEARER]
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let Anonymous { state, links, negotiated } =
            <Anonymous as FromRequest>::from_request(request, body).await?;
        let token = auth::token(request.headers())
            .ok_or_else(ssvirt_core::Error::unauthorized)
            .map_err(VcdError::from)?;
        let session = state.tokens.session(token).map_err(VcdError::from)?;
        let (_, mut caller) = state.cloud.authenticate(session).await.map_err(VcdError::from)?;
        caller.request_id.clone_from(&negotiated.request_id);
        if caller.is_provider() {
            caller.context = tenant_context(request.headers())?;
        }
        if let Some(who) = request.extensions().get::<crate::negotiate::Who>() {
            who.set(&caller);
        }
        Ok(Self { cloud: state.cloud, caller, links, version: negotiated.version })
    }
}

/// The organization that a provider acts in: a bare UUID or a URN.
fn tenant_context(headers: &HeaderMap) -> Result<Option<Id<Org>>, VcdError> {
    let Some(value) =
        headers.get("x-vmware-vcloud-tenant-context").and_then(|value| value.to_str().ok())
    else {
        return Ok(None);
    };
    if value.trim().is_empty() {
        return Ok(None);
    }
    let org = Id::<Org>::parse(value.trim()).map_err(VcdError::from)?;
    // Acting in the System organization is acting as the provider.
    Ok((org != Org::SYSTEM).then_some(org))
}

/// The authority (host and port) that the client used.
pub fn authority(request: &Request) -> Option<&str> {
    let host =
        request.header(header::HOST).or_else(|| request.uri().authority().map(|a| a.as_str()))?;
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '_');
    (!host.is_empty() && host.chars().all(plain)).then_some(host)
}
