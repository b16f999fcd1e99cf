//! Who calls, and what they may do.

use std::sync::Arc;

use crate::{
    error::{Error, Result},
    id::Id,
    model::{Org, Session, User},
    query::Scope,
    rights::{RightSet, right},
};

/// Who calls. Every use case takes one; there is no way round it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user.
    pub user: Id<User>,
    /// The user's name.
    pub user_name: String,
    /// The organization logged in to.
    pub org: Id<Org>,
    /// Its name.
    pub org_name: String,
    /// The role's name.
    pub role_name: String,
    /// What the role allows.
    pub rights: Arc<RightSet>,
    /// The login session, if there is one.
    pub session: Option<Id<Session>>,
    /// The organization that a provider acts in.
    pub context: Option<Id<Org>>,
    /// The request's id, for events and logs.
    pub request_id: String,
}

impl Caller {
    /// The server itself, and services that embed it: may do everything.
    pub fn system() -> Self {
        Self {
            user: Id::new(uuid::Uuid::nil()),
            user_name: "system".to_owned(),
            org: Org::SYSTEM,
            org_name: "System".to_owned(),
            role_name: crate::rights::role::SYSTEM_ADMINISTRATOR.to_owned(),
            rights: Arc::new(RightSet::all()),
            session: None,
            context: None,
            request_id: String::new(),
        }
    }

    /// Whether the caller is an administrator of the provider. Other users of the System organization see
    /// what tenants see: their own organization.
    pub fn is_provider(&self) -> bool {
        self.org == Org::SYSTEM && self.rights.is_all()
    }

    /// The organization that the caller acts in: a provider's context, else the own one.
    pub fn acting_org(&self) -> Id<Org> {
        self.context.unwrap_or(self.org)
    }

    /// Whose rows the caller sees.
    pub fn scope(&self) -> Scope {
        if self.is_provider() {
            return Scope { org: self.context, owner: None };
        }
        let all = self.has(right::ADMIN_VIEW) || self.has(right::ADMIN_CONTROL);
        Scope { org: Some(self.org), owner: (!all).then_some(self.user) }
    }

    /// Whether the role has the right.
    pub fn has(&self, right: &str) -> bool {
        self.rights.has(right)
    }

    /// Refuses those whose role lacks the right.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn require(&self, right: &str) -> Result<()> {
        if self.has(right) { Ok(()) } else { Err(Error::missing_right(right)) }
    }

    /// Refuses all but the provider.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn require_provider(&self) -> Result<()> {
        if self.is_provider() { Ok(()) } else { Err(Error::missing_right("System Administrator")) }
    }

    /// Whether objects of the organization may be seen at all.
    pub fn sees_org(&self, org: Id<Org>) -> bool {
        self.is_provider() || self.org == org
    }

    /// Whether something of `owner` in `org` may be seen.
    pub fn sees_owned(&self, org: Id<Org>, owner: Id<User>) -> bool {
        self.sees_org(org) && self.scope().owner.is_none_or(|me| me == owner)
    }
}
