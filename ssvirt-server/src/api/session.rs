//! Logging in, the version list, the session.

use poem::{Response, http::StatusCode};
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};
use ssvirt_core::{
    Error, Id,
    model::{Org, Session},
    service::{Caller, Login},
};
use ssvirt_vcd::{
    ApiVersion, Format,
    link::rel,
    mt, to_json, to_xml,
    types::{self, Link},
};

use super::Answer;
use crate::{
    auth::Basic,
    context::{Anonymous, Ctx},
    error::VcdError,
    links::{Links, action, link},
    wire::{NoContent, Vcd, header_value},
};

pub struct SessionApi;

/// The operations that VCD took away in version 38.0, by their ids.
pub const LEGACY: [&str; 3] =
    ["deleteCurrentSession", "createLegacySession", "deleteLegacySession"];

/// An id with a name.
#[derive(Object, Clone)]
pub struct EntityReference {
    /// The name.
    pub name: String,
    /// The URN.
    pub id: String,
}

/// A login session.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct CloudApiSession {
    /// The URN.
    pub id: String,
    /// The site.
    pub site: EntityReference,
    /// The user.
    pub user: EntityReference,
    /// The organization logged in to.
    pub org: EntityReference,
    /// The organization acted in.
    pub operating_org: EntityReference,
    /// The location's id.
    pub location: String,
    /// The roles' names.
    pub roles: Vec<String>,
    /// The roles.
    pub role_refs: Vec<EntityReference>,
    /// Minutes after which a session ends.
    pub session_idle_timeout_minutes: i32,
}

/// The answer of a login: the token is in the headers.
#[derive(ApiResponse)]
pub enum LoginAnswer {
    /// Logged in.
    #[oai(status = 200)]
    Ok(
        Json<CloudApiSession>,
        /// The token.
        #[oai(header = "X-VMWARE-VCLOUD-ACCESS-TOKEN")]
        String,
        /// Always `Bearer`.
        #[oai(header = "X-VMWARE-VCLOUD-TOKEN-TYPE")]
        String,
        /// `Bearer` and the token.
        #[oai(header = "Authorization")]
        String,
    ),
}

#[OpenApi(tag = "super::Tag::Sessions")]
impl SessionApi {
    /// The versions that are served
    #[oai(path = "/api/versions", method = "get", operation_id = "getVersions")]
    async fn versions(&self, anyone: Anonymous) -> Answer<types::SupportedVersions> {
        let version_info = ApiVersion::SERVED
            .iter()
            .map(|served| types::VersionInfo {
                deprecated: Some(served.deprecated),
                version: served.version.to_string(),
                login_url: anyone.links.path("/cloudapi/1.0.0/sessions"),
                provider_login_url: Some(anyone.links.path("/cloudapi/1.0.0/sessions/provider")),
            })
            .collect();
        Ok(Vcd(types::SupportedVersions { version_info, schema_root: None }))
    }

    /// Log in to an organization
    #[oai(path = "/cloudapi/1.0.0/sessions", method = "post", operation_id = "createSession")]
    async fn login(&self, anyone: Anonymous, basic: Basic) -> Result<LoginAnswer, VcdError> {
        // VCD sends users of System to the other path; the web console knows only this one.
        let (login, token) = login(&anyone, basic, |_| true).await?;
        Ok(login_answer(&login, token))
    }

    /// Log in as the provider
    #[oai(
        path = "/cloudapi/1.0.0/sessions/provider",
        method = "post",
        operation_id = "createProviderSession"
    )]
    async fn login_provider(
        &self,
        anyone: Anonymous,
        basic: Basic,
    ) -> Result<LoginAnswer, VcdError> {
        let (login, token) = login(&anyone, basic, is_system).await?;
        Ok(login_answer(&login, token))
    }

    /// A session; `current` is the caller's own
    #[oai(path = "/cloudapi/1.0.0/sessions/:id", method = "get", operation_id = "getSession")]
    async fn session(&self, ctx: Ctx, id: Path<String>) -> Result<Json<CloudApiSession>, VcdError> {
        let id = session_id(&ctx.caller, &id)?;
        let (session, caller) = ctx.cloud.session(&ctx.caller, id).await?;
        Ok(Json(view(&session, &caller)))
    }

    /// Log out
    #[oai(path = "/cloudapi/1.0.0/sessions/:id", method = "delete", operation_id = "deleteSession")]
    async fn logout(&self, ctx: Ctx, id: Path<String>) -> Result<NoContent, VcdError> {
        let id = session_id(&ctx.caller, &id)?;
        ctx.cloud.logout(&ctx.caller, id).await?;
        Ok(NoContent)
    }

    /// The caller's session, with links to where to go from here
    #[oai(path = "/api/session", method = "get", operation_id = "getCurrentSession")]
    async fn current(&self, ctx: Ctx) -> Answer<types::Session> {
        Ok(Vcd(legacy_view(&ctx.links, &ctx.caller, ctx.version)))
    }

    /// Log out (before version 38.0)
    #[oai(path = "/api/session", method = "delete", operation_id = "deleteCurrentSession")]
    async fn logout_current(&self, ctx: Ctx, anyone: Anonymous) -> Result<NoContent, VcdError> {
        logout_legacy(&ctx, &anyone).await
    }

    /// Log in (before version 38.0)
    #[oai(path = "/api/sessions", method = "post", operation_id = "createLegacySession")]
    async fn login_legacy(&self, anyone: Anonymous, basic: Basic) -> Result<LegacyLogin, VcdError> {
        check_legacy(&anyone)?;
        let (login, token) = login(&anyone, basic, |_| true).await?;
        let version = anyone.negotiated.version;
        Ok(LegacyLogin {
            session: legacy_view(&anyone.links, &login.caller, version),
            format: anyone.negotiated.format,
            version,
            token,
        })
    }

    /// Log out (before version 38.0)
    #[oai(path = "/api/sessions", method = "delete", operation_id = "deleteLegacySession")]
    async fn logout_sessions(&self, ctx: Ctx, anyone: Anonymous) -> Result<NoContent, VcdError> {
        logout_legacy(&ctx, &anyone).await
    }
}

async fn login(
    anyone: &Anonymous,
    basic: Basic,
    allowed: impl Fn(&str) -> bool,
) -> Result<(Login, String), VcdError> {
    let (user, org, password) = basic.0.ok_or_else(Error::unauthorized)?;
    if !allowed(&org) {
        return Err(Error::unauthorized().into());
    }
    let login = anyone.state.cloud.login(&org, &user, &password).await?;
    let token = anyone.state.tokens.issue(&login.session)?;
    Ok((login, token))
}

fn is_system(org: &str) -> bool {
    org.eq_ignore_ascii_case("system")
}

fn login_answer(login: &Login, token: String) -> LoginAnswer {
    let bearer = format!("Bearer {token}");
    LoginAnswer::Ok(Json(view(&login.session, &login.caller)), token, "Bearer".to_owned(), bearer)
}

async fn logout_legacy(ctx: &Ctx, anyone: &Anonymous) -> Result<NoContent, VcdError> {
    check_legacy(anyone)?;
    let session = ctx.caller.session.ok_or_else(Error::unauthorized)?;
    ctx.cloud.logout(&ctx.caller, session).await?;
    Ok(NoContent)
}

/// VCD took the old logins away in version 38.0.
fn check_legacy(anyone: &Anonymous) -> Result<(), VcdError> {
    let (version, named) = (anyone.negotiated.version, anyone.negotiated.named);
    if named && version >= ApiVersion::V38_0 {
        return Err(VcdError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            ssvirt_vcd::error::METHOD_NOT_ALLOWED,
            format!(
                "The method is not available in version {version}; use /cloudapi/1.0.0/sessions."
            ),
        ));
    }
    Ok(())
}

fn session_id(caller: &Caller, text: &str) -> Result<Id<Session>, VcdError> {
    match (text, caller.session) {
        ("current", Some(session)) => Ok(session),
        _ => Ok(Id::parse(text)?),
    }
}

fn view(session: &Session, caller: &Caller) -> CloudApiSession {
    let org = EntityReference { name: caller.org_name.clone(), id: caller.org.urn() };
    let role = EntityReference {
        name: caller.role_name.clone(),
        id: ssvirt_core::rights::role_id(&caller.role_name).urn(),
    };
    CloudApiSession {
        id: session.id.urn(),
        site: EntityReference {
            name: "ssvirt".to_owned(),
            id: format!("urn:vcloud:site:{}", Org::SYSTEM),
        },
        user: EntityReference { name: caller.user_name.clone(), id: caller.user.urn() },
        operating_org: org.clone(),
        org,
        location: format!("{}@{}", Org::SYSTEM, Org::SYSTEM),
        roles: vec![caller.role_name.clone()],
        role_refs: vec![role],
        // Sessions end by their age alone.
        session_idle_timeout_minutes: minutes(session),
    }
}

fn minutes(session: &Session) -> i32 {
    let seconds = session.expires.as_second() - session.created.as_second();
    i32::try_from(seconds / 60).unwrap_or(i32::MAX)
}

fn legacy_view(links: &Links, caller: &Caller, version: ApiVersion) -> types::Session {
    let mut all = vec![
        link(rel::DOWN, links.path("/api/org"), mt::ORG_LIST),
        link(rel::DOWN, links.org(caller.org), mt::ORG).named(&caller.org_name),
        link(rel::DOWN, links.path("/api/query"), mt::QUERY_LIST),
        link(rel::DOWN, links.path("/api/admin/"), mt::ADMIN_VCLOUD),
        link(rel::ENTITY_RESOLVER, links.path("/api/entity/"), mt::ENTITY),
        link(rel::OPENAPI, links.path("/cloudapi"), mt::JSON),
    ];
    if version < ApiVersion::V38_0 {
        all.push(action(rel::REMOVE, links.path("/api/session")));
    }
    session_element(links, caller, all)
}

fn session_element(links: &Links, caller: &Caller, all: Vec<Link>) -> types::Session {
    types::Session {
        resource: types::Resource {
            href: Some(links.path("/api/session")),
            r#type: Some(mt::SESSION.to_owned()),
            link: all,
        },
        user: Some(caller.user_name.clone()),
        org: Some(caller.org_name.clone()),
        user_id: Some(caller.user.urn()),
        roles: Some(caller.role_name.clone()),
        location_id: Some(format!("{}@{}", Org::SYSTEM, Org::SYSTEM)),
        authorized_locations: None,
    }
}

/// The answer of an old login: the session, and the token in every header that old clients look for.
pub struct LegacyLogin {
    session: types::Session,
    format: Format,
    version: ApiVersion,
    token: String,
}

impl poem::IntoResponse for LegacyLogin {
    fn into_response(self) -> Response {
        let media =
            ssvirt_vcd::media::content_type(mt::bare(mt::SESSION), self.format, self.version);
        let body = match self.format {
            Format::Xml => to_xml(&self.session, self.version),
            Format::Json => to_json(&self.session, self.version),
        };
        let mut response = Response::builder().content_type(media).body(body);
        let headers = response.headers_mut();
        headers.insert("x-vcloud-authorization", header_value(&self.token));
        headers.insert("x-vmware-vcloud-access-token", header_value(&self.token));
        headers.insert("x-vmware-vcloud-token-type", header_value("Bearer"));
        response
    }
}

impl ApiResponse for LegacyLogin {
    fn meta() -> poem_openapi::registry::MetaResponses {
        Vcd::<types::Session>::meta()
    }

    fn register(registry: &mut poem_openapi::registry::Registry) {
        Vcd::<types::Session>::register(registry);
    }
}
