//! Logging in and out.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;

use super::{Caller, Cloud, found};
use crate::{
    error::{Error, Result},
    id::Id,
    model::{Org, Outcome, Session, User},
    rights::RightSet,
    store::{By, SessionOwner, Tx},
};

/// A login that succeeded.
#[derive(Clone, Debug)]
pub struct Login {
    /// The new session.
    pub session: Session,
    /// Who may act in it.
    pub caller: Caller,
}

impl Cloud {
    /// Logs a user in. Every failure has the same answer and takes as long.
    ///
    /// # Errors
    /// `Unauthorized`.
    pub async fn login(&self, org: &str, user: &str, password: &str) -> Result<Login> {
        let (org, user) = self.find_login(org, user).await?;
        let hash = user.as_ref().and_then(|user| user.password_hash.clone());
        let correct = self.inner.passwords.verify(hash, password.to_owned()).await?;
        let (Some(org), Some(user), true) = (org, user, correct) else {
            return Err(Error::unauthorized());
        };
        if !org.enabled || !user.enabled {
            return Err(Error::unauthorized());
        }
        let now = self.now();
        let session = Session {
            id: self.id(),
            user: user.id,
            org: org.id,
            created: now,
            expires: now + self.inner.session_length,
            version: 0,
        };
        let mut tx = self.begin().await?;
        tx.insert(&session).await?;
        let owner = self.owner(&mut tx, session.id).await?.ok_or_else(Error::unauthorized)?;
        let caller = self.caller_of(&mut tx, &owner).await?.ok_or_else(Error::unauthorized)?;
        self.audit(&caller, &mut tx, "userLogin", (user.id.any(), &user.name), Outcome::Success)
            .await?;
        tx.commit().await?;
        Ok(Login { session, caller })
    }

    async fn find_login(&self, org: &str, user: &str) -> Result<(Option<Org>, Option<User>)> {
        let mut tx = self.read().await?;
        let Some(org) = tx.find::<Org>(&[By::NameNoCase(org.to_owned())]).await? else {
            return Ok((None, None));
        };
        let user = tx.find::<User>(&[By::Org(org.id), By::NameNoCase(user.to_owned())]).await?;
        Ok((Some(org), user))
    }

    /// Who acts in a session, with the rights of this very moment.
    ///
    /// # Errors
    /// `Unauthorized` when the session is over, or its user or organization is disabled or gone.
    pub async fn authenticate(&self, session: Id<Session>) -> Result<(Session, Caller)> {
        let mut tx = self.glance().await?;
        let owner = self.owner(&mut tx, session).await?.ok_or_else(Error::unauthorized)?;
        let caller = self.caller_of(&mut tx, &owner).await?.ok_or_else(Error::unauthorized)?;
        Ok((owner.session, caller))
    }

    /// The session, if it is not over, with its user, organization and role.
    async fn owner(&self, tx: &mut Tx, session: Id<Session>) -> Result<Option<SessionOwner>> {
        let owner = tx.session_owner(session).await?;
        Ok(owner.filter(|owner| owner.session.expires > self.now()))
    }

    /// The caller in a session; none when its user or organization may not act any more.
    async fn caller_of(&self, tx: &mut Tx, owner: &SessionOwner) -> Result<Option<Caller>> {
        if !owner.user_enabled || !owner.org_enabled {
            return Ok(None);
        }
        let Some(rights) = self.inner.rights.of(tx, owner).await? else { return Ok(None) };
        Ok(Some(Caller {
            user: owner.session.user,
            user_name: owner.user_name.clone(),
            org: owner.session.org,
            org_name: owner.org_name.clone(),
            rights,
            role_name: owner.role_name.clone(),
            session: Some(owner.session.id),
            context: None,
            request_id: String::new(),
        }))
    }

    /// Ends a session: the caller's own, or as a provider any.
    ///
    /// # Errors
    /// `Forbidden` for one that the caller may not end.
    pub async fn logout(&self, caller: &Caller, session: Id<Session>) -> Result<()> {
        let mut tx = self.begin().await?;
        let row = tx.get(session).await?.ok_or_else(|| Error::no_access(session))?;
        if row.user != caller.user && !caller.is_provider() {
            return Err(Error::no_access(session));
        }
        tx.delete(session).await?;
        self.audit(
            caller,
            &mut tx,
            "userLogout",
            (caller.user.any(), &caller.user_name),
            Outcome::Success,
        )
        .await?;
        tx.commit().await
    }

    /// A session: the caller's own, or as a provider any.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn session(&self, caller: &Caller, id: Id<Session>) -> Result<(Session, Caller)> {
        let mut tx = self.glance().await?;
        let owner = self
            .owner(&mut tx, id)
            .await?
            .filter(|owner| owner.session.user == caller.user || caller.is_provider())
            .ok_or_else(|| Error::no_access(id))?;
        let whose = self.caller_of(&mut tx, &owner).await?.ok_or_else(|| Error::no_access(id))?;
        Ok((owner.session, whose))
    }

    /// A caller that acts as this user without a login: for embedding services, and for what the server
    /// makes in a user's name. Never for a request from outside.
    ///
    /// # Errors
    /// `Forbidden` when there is no such user, or it or its organization is disabled.
    pub async fn caller_of_user(&self, id: Id<User>) -> Result<Caller> {
        let mut tx = self.read().await?;
        let user = found(tx.get(id).await?, id)?;
        caller_for(&mut tx, id, user.org).await?.ok_or_else(|| Error::no_access(id))
    }

    pub(super) fn spawn_session_cleanup(&self) -> JoinHandle<()> {
        let cloud = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(300)).await;
                let clean = async {
                    let mut tx = cloud.begin().await?;
                    tx.delete_all::<Session>(&[By::ExpiresBefore(cloud.now())]).await?;
                    tx.commit().await
                };
                if let Err(error) = clean.await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "expired sessions could not be removed"
                    );
                }
            }
        })
    }
}

/// The caller that a user is in an organization; none when either may not act.
async fn caller_for(tx: &mut Tx, user: Id<User>, org: Id<Org>) -> Result<Option<Caller>> {
    let Some(user) = tx.get(user).await?.filter(|user| user.enabled) else { return Ok(None) };
    let Some(org) = tx.get(org).await?.filter(|org| org.enabled) else { return Ok(None) };
    let Some(role) = tx.get(user.role).await? else { return Ok(None) };
    Ok(Some(Caller {
        user: user.id,
        user_name: user.name,
        org: org.id,
        org_name: org.name,
        rights: Arc::new(RightSet::of(&role)),
        role_name: role.name,
        session: None,
        context: None,
        request_id: String::new(),
    }))
}
