//! Tokens: JWTs that name a session row, and are worth nothing without it.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use poem::{
    Request, RequestBody,
    http::{HeaderMap, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use serde::{Deserialize, Serialize};
use ssvirt_core::{Error, Id, Result, model::Session};

/// Makes and reads tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    /// The user's URN.
    sub: String,
    /// The session's id.
    jti: Id<Session>,
    /// Seconds since 1970.
    iat: i64,
    /// Seconds since 1970.
    exp: i64,
}

impl Tokens {
    /// Tokens signed with this key (HMAC with SHA-256).
    pub fn new(key: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // Whether the session is over is the session row's to say, by the cloud's clock.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "sub"]);
        Self {
            encoding: EncodingKey::from_secret(key),
            decoding: DecodingKey::from_secret(key),
            validation,
        }
    }

    /// The token of a session.
    ///
    /// # Errors
    /// `Internal`.
    pub fn issue(&self, session: &Session) -> Result<String> {
        let claims = Claims {
            sub: session.user.urn(),
            jti: session.id,
            iat: session.created.as_second(),
            exp: session.expires.as_second(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(Error::internal)
    }

    /// The session that a token names.
    ///
    /// # Errors
    /// `Unauthorized` for a token that was not made here.
    pub fn session(&self, token: &str) -> Result<Id<Session>> {
        jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map(|token| token.claims.jti)
            .map_err(|error| Error::unauthorized().with_source(error))
    }
}

/// The token of a request, in any of the ways that clients send it.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    text(header::AUTHORIZATION.as_str())
        .and_then(|value| strip_scheme(value, "bearer"))
        .or_else(|| text("x-vmware-vcloud-access-token"))
        .or_else(|| text("x-vcloud-authorization"))
        .filter(|token| !token.is_empty())
}

/// The name of the security scheme of [`Basic`] in the OpenAPI documents.
const BASIC: &str = "Basic";

/// What a login says: user, organization and password, if they are there.
pub struct Basic(pub Option<(String, String, String)>);

impl<'a> ApiExtractor<'a> for Basic {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let description = "A user as `user@organization`, and the password. Only to log in.";
        registry.create_security_scheme(BASIC, http_scheme("basic", None, description));
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![BASIC]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        Ok(Self(basic(request.headers())))
    }
}

/// A way of HTTP to say who asks, as an OpenAPI document describes it.
pub fn http_scheme(
    scheme: &'static str,
    bearer_format: Option<&'static str>,
    description: &'static str,
) -> MetaSecurityScheme {
    MetaSecurityScheme {
        ty: "http",
        description: Some(description),
        name: None,
        key_in: None,
        scheme: Some(scheme),
        bearer_format,
        flows: None,
        openid_connect_url: None,
    }
}

/// The user, organization and password of a Basic header: `user@org:password`.
fn basic(headers: &HeaderMap) -> Option<(String, String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let decoded = BASE64_STANDARD.decode(strip_scheme(value, "basic")?).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (login, password) = decoded.split_once(':')?;
    let (user, org) = login.rsplit_once('@')?;
    Some((user.to_owned(), org.to_owned(), password.to_owned()))
}

fn strip_scheme<'a>(value: &'a str, scheme: &str) -> Option<&'a str> {
    let (found, rest) = value.trim().split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}
