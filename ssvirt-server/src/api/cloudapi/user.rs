//! `/cloudapi/1.0.0/users`.

use poem_openapi::{Object, OpenApi, param::Path, types::Example};
use serde::{Deserialize, Serialize};
use ssvirt_core::{
    Id, model,
    query::{Row, Subject},
    service::{NewUser, RoleName, UserChange},
};

use super::{
    EntityRef, Headers, Kind,
    answer::{Answered, Given, Made, Started, change_error},
    list::{self, Cells, List, Listing, page_of, same},
    reference,
};
use crate::{context::Ctx, error::VcdError, wire::NoContent};

pub struct UsersApi;

/// A user.
#[serde_with::skip_serializing_none]
#[derive(Default, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", example, skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VcdUser {
    /// The login name.
    #[oai(validator(min_length = 1, max_length = 128))]
    username: Option<String>,
    /// The name for people.
    #[serde(alias = "FullName")]
    #[oai(validator(max_length = 256))]
    full_name: Option<String>,
    /// Free text.
    #[oai(validator(max_length = 256))]
    description: Option<String>,
    /// The URN.
    id: Option<String>,
    /// Its role; exactly one.
    #[oai(validator(min_items = 1, max_items = 1))]
    role_entity_refs: Option<Vec<EntityRef>>,
    /// The organization it belongs to.
    org_entity_ref: Option<EntityRef>,
    /// The organization's id once more, as the web console sends it.
    #[oai(rename = "organizationID", write_only)]
    #[serde(rename = "organizationID", skip_serializing)]
    organization_id: Option<String>,
    /// The password.
    #[oai(write_only, validator(max_length = 1024))]
    #[serde(skip_serializing)]
    password: Option<String>,
    /// VMs it may run; 0 is unlimited.
    #[oai(validator(minimum(value = "0")))]
    deployed_vm_quota: Option<i32>,
    /// VMs it may own; 0 is unlimited.
    #[oai(validator(minimum(value = "0")))]
    stored_vm_quota: Option<i32>,
    /// E-mail address.
    email: Option<String>,
    /// The name where it comes from.
    name_in_source: Option<String>,
    /// Whether it may log in.
    enabled: Option<bool>,
    /// Whether its role is a group's.
    is_group_role: Option<bool>,
    /// Where it comes from.
    provider_type: Option<String>,
    /// Whether it is locked out.
    locked: Option<bool>,
    /// Whether where it comes from is gone.
    stranded: Option<bool>,
}

impl Example for VcdUser {
    fn example() -> Self {
        Self {
            username: Some("operator".to_owned()),
            full_name: Some("The operator on duty".to_owned()),
            email: Some("operator@acme.example".to_owned()),
            role_entity_refs: Some(vec![EntityRef {
                name: Some("vApp User".to_owned()),
                id: None,
            }]),
            deployed_vm_quota: Some(0),
            stored_vm_quota: Some(10),
            enabled: Some(true),
            ..Self::default()
        }
    }
}

page_of! {
    /// A page of users.
    VcdUsers(VcdUser)
}

/// The passwords of a user who changes its own.
#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordChangeRequest {
    /// The present one.
    #[serde(alias = "current_password")]
    current_password: String,
    /// The new one.
    #[serde(alias = "new_password")]
    new_password: String,
}

impl PasswordChangeRequest {
    /// Does it.
    ///
    /// # Errors
    /// 400 for a wrong present password.
    pub async fn apply(self, ctx: &Ctx) -> Result<(), VcdError> {
        let Self { current_password, new_password } = self;
        Ok(ctx.cloud.change_password(&ctx.caller, current_password, new_password).await?)
    }
}

const LIST: List = List {
    model: "VcdUsers",
    subject: Subject::User,
    names: &[
        ("id", "id"),
        ("username", "name"),
        ("name", "name"),
        ("fullName", "fullName"),
        ("description", "description"),
        ("email", "email"),
        ("enabled", "isEnabled"),
        ("deployedVmQuota", "deployedVMQuota"),
        ("storedVmQuota", "storedVMQuota"),
        ("orgEntityRef.id", "org"),
        ("orgEntityRef.name", "orgName"),
        ("roleEntityRefs.id", "role"),
        ("roleEntityRefs.name", "roleNames"),
    ],
    wanted: &[
        "name",
        "fullName",
        "description",
        "role",
        "roleNames",
        "org",
        "orgName",
        "deployedVMQuota",
        "storedVMQuota",
        "email",
        "isEnabled",
        "isLocked",
        "objectVersion",
    ],
    search: &["name", "fullName", "email", "description"],
    order: "name",
    value: same,
};

/// A user, and its version.
fn view(row: Row) -> (VcdUser, i64) {
    let mut cells = Cells::of(row);
    let id = cells.urn(Kind::User);
    let (username, full_name, description) = (cells.text(), cells.text(), cells.text());
    let role = reference(cells.reference(Kind::Role), cells.some_text());
    let org = reference(cells.reference(Kind::Org), cells.some_text());
    let quota = |number: i64| i32::try_from(number).ok();
    let user = VcdUser {
        id: Some(id),
        name_in_source: Some(username.clone()),
        username: Some(username),
        full_name: Some(full_name),
        description: Some(description),
        role_entity_refs: Some(role.into_iter().collect()),
        org_entity_ref: org,
        deployed_vm_quota: quota(cells.int()),
        stored_vm_quota: quota(cells.int()),
        email: Some(cells.text()).filter(|email| !email.is_empty()),
        enabled: Some(cells.flag()),
        locked: Some(cells.flag()),
        is_group_role: Some(false),
        stranded: Some(false),
        provider_type: Some("LOCAL".to_owned()),
        organization_id: None,
        password: None,
    };
    (user, cells.int())
}

impl VcdUser {
    /// The organization named, by either field.
    fn org(&self) -> Result<Option<Id<model::Org>>, VcdError> {
        if let Some(id) = self.org_entity_ref.as_ref().map(EntityRef::id).transpose()?.flatten() {
            return Ok(Some(id));
        }
        let given = self.organization_id.as_deref().filter(|id| !id.is_empty());
        Ok(given.map(Id::parse).transpose()?)
    }

    /// The role named.
    fn role(&self) -> Result<Option<RoleName>, VcdError> {
        let Some(roles) = &self.role_entity_refs else { return Ok(None) };
        let [role] = roles.as_slice() else {
            return Err(VcdError::bad_request("Bad request: a user has exactly one role."));
        };
        match (role.id()?, &role.name) {
            (Some(id), _) => Ok(Some(RoleName::Id(id))),
            (None, Some(name)) => Ok(Some(RoleName::Name(name.clone()))),
            (None, None) => Err(VcdError::bad_request("Bad request: a role has an id or a name.")),
        }
    }

    /// Users from elsewhere cannot be had, and nobody is locked by hand.
    fn check(&self) -> Result<(), VcdError> {
        let local = |provider: &String| provider.is_empty() || provider == "LOCAL";
        if !self.provider_type.as_ref().is_none_or(local) {
            let what = "users of LDAP, SAML or OAUTH";
            return Err(ssvirt_core::Error::not_supported(what).into());
        }
        if self.locked == Some(true) {
            return Err(VcdError::bad_request("Bad request: a user cannot be locked; disable it."));
        }
        Ok(())
    }
}

fn own_or(ctx: &Ctx, id: &str) -> Result<Id<model::User>, VcdError> {
    if id == "current" { Ok(ctx.caller.user) } else { Ok(Id::parse(id)?) }
}

async fn show<const STATUS: u16>(
    ctx: &Ctx,
    id: Id<model::User>,
) -> Result<Answered<VcdUser, STATUS>, VcdError> {
    let (user, version) = view(list::one(ctx, &LIST, id.uuid()).await?);
    Ok(Answered::new(user).tagged(version))
}

async fn change(
    ctx: &Ctx,
    id: &str,
    headers: &Headers,
    user: VcdUser,
) -> Result<Answered<VcdUser>, VcdError> {
    let id = own_or(ctx, id)?;
    let version = headers.if_match()?;
    user.check()?;
    let change = UserChange {
        role: user.role()?,
        org: user.org()?,
        name: user.username,
        full_name: user.full_name,
        email: user.email,
        description: user.description,
        enabled: user.enabled,
        deployed_vm_quota: user.deployed_vm_quota,
        stored_vm_quota: user.stored_vm_quota,
        // Forms send an empty one where it is to stay.
        password: user.password.filter(|password| !password.is_empty()),
        version,
    };
    ctx.cloud.change_user(&ctx.caller, id, change).await.map_err(change_error(version))?;
    show(ctx, id).await
}

#[OpenApi(tag = "crate::api::Tag::Users")]
impl UsersApi {
    /// The users that the caller sees
    #[oai(path = "/cloudapi/1.0.0/users", method = "get", operation_id = "queryUsers")]
    async fn list(&self, ctx: Ctx, listing: Listing) -> Result<Answered<VcdUsers>, VcdError> {
        let page = list::page(&ctx, &LIST, listing, None).await?;
        Ok(VcdUsers::answer(page.map(|row| view(row).0)))
    }

    /// Make a user
    #[oai(path = "/cloudapi/1.0.0/users", method = "post", operation_id = "createUser")]
    async fn create(&self, ctx: Ctx, body: Given<VcdUser>) -> Result<Made<VcdUser>, VcdError> {
        let user = body.0;
        user.check()?;
        let org = user.org()?.unwrap_or(ctx.caller.acting_org());
        let new = NewUser {
            role: user.role()?.unwrap_or_default(),
            name: user.username.unwrap_or_default(),
            full_name: user.full_name.unwrap_or_default(),
            email: user.email.unwrap_or_default(),
            description: user.description.unwrap_or_default(),
            enabled: user.enabled.unwrap_or(true),
            deployed_vm_quota: user.deployed_vm_quota.unwrap_or(0),
            stored_vm_quota: user.stored_vm_quota.unwrap_or(0),
            password: user.password.filter(|password| !password.is_empty()),
        };
        let user = ctx.cloud.create_user(&ctx.caller, org, new).await?;
        show(&ctx, user.id).await
    }

    /// A user; `current` is the caller
    #[oai(path = "/cloudapi/1.0.0/users/:id", method = "get", operation_id = "getCloudApiUser")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Result<Answered<VcdUser>, VcdError> {
        show(&ctx, own_or(&ctx, &id)?).await
    }

    /// Change a user; what is left out stays
    ///
    /// Those who may not manage users may change their own password, and nothing else.
    #[oai(path = "/cloudapi/1.0.0/users/:id", method = "put", operation_id = "updateUser")]
    async fn put(
        &self,
        ctx: Ctx,
        id: Path<String>,
        headers: Headers,
        body: Given<VcdUser>,
    ) -> Result<Answered<VcdUser>, VcdError> {
        change(&ctx, &id, &headers, body.0).await
    }

    /// Change some of a user
    #[oai(path = "/cloudapi/1.0.0/users/:id", method = "patch", operation_id = "patchUser")]
    async fn patch(
        &self,
        ctx: Ctx,
        id: Path<String>,
        headers: Headers,
        body: Given<VcdUser>,
    ) -> Result<Answered<VcdUser>, VcdError> {
        change(&ctx, &id, &headers, body.0).await
    }

    /// Delete a user
    #[oai(path = "/cloudapi/1.0.0/users/:id", method = "delete", operation_id = "deleteUser")]
    async fn delete(&self, ctx: Ctx, id: Path<String>) -> Result<Started, VcdError> {
        let task = ctx.cloud.delete_user(&ctx.caller, Id::parse(&id)?).await?;
        Ok(Started::new(&ctx, &task))
    }

    /// Change one's own password
    #[oai(
        path = "/cloudapi/1.0.0/users/:id/changePassword",
        method = "post",
        operation_id = "changePassword"
    )]
    async fn change_password(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Given<PasswordChangeRequest>,
    ) -> Result<NoContent, VcdError> {
        let id = own_or(&ctx, &id)?;
        if id != ctx.caller.user {
            return Err(ssvirt_core::Error::no_access(id).into());
        }
        body.0.apply(&ctx).await?;
        Ok(NoContent)
    }
}
