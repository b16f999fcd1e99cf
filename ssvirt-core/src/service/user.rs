//! Users and roles.

use argon2::{
    Argon2, PasswordHasher as _, PasswordVerifier as _, password_hash::phc::PasswordHash,
};

use super::{Caller, Cloud, check_name, found};
use crate::{
    error::{Error, Result},
    id::Id,
    model::{Org, Outcome, Role, Session, User},
    rights::{self, right, role},
    store::{
        By,
        gather::{first, one, rows},
    },
};

/// A user to be made.
#[derive(Clone, Default)]
pub struct NewUser {
    /// The login name.
    pub name: String,
    /// The name for people.
    pub full_name: String,
    /// E-mail address.
    pub email: String,
    /// The role's name.
    pub role: String,
    /// The password; without one the user cannot log in.
    pub password: Option<String>,
}

/// Longer passwords are refused: hashing them would cost the server, not the guesser.
const MAX_PASSWORD: usize = 1024;

impl Cloud {
    /// The users of an organization, by name.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn users(&self, caller: &Caller, org: Id<Org>) -> Result<Vec<User>> {
        if !caller.sees_org(org) {
            return Err(Error::no_access(org));
        }
        caller.require(right::USER_VIEW)?;
        self.glance().await?.select(&[By::Org(org)]).await
    }

    /// A user: anyone of the organization for those who may see users, else only oneself.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn user(&self, caller: &Caller, id: Id<User>) -> Result<User> {
        seen_user(caller, id, self.glance().await?.get(id).await?)
    }

    /// A user with the role.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn user_with_role(&self, caller: &Caller, id: Id<User>) -> Result<(User, Role)> {
        let parts = (one(id), first([By::Of(id.any())]));
        let (user, role) = self.glance().await?.gather(parts).await?;
        let user = seen_user(caller, id, user)?;
        let role = seen_role(caller, user.role, role)?;
        Ok((user, role))
    }

    /// The roles that users of the organization can have: the standard ones and its own.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn roles(&self, caller: &Caller, org: Id<Org>) -> Result<Vec<Role>> {
        if !caller.sees_org(org) {
            return Err(Error::no_access(org));
        }
        let parts = (rows([By::NoOrg]), rows([By::Org(org)]));
        let (mut roles, own): (Vec<Role>, _) = self.glance().await?.gather(parts).await?;
        roles.extend(own);
        roles.retain(|role| may_have_role(org, role.id));
        Ok(roles)
    }

    /// A role.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn role(&self, caller: &Caller, id: Id<Role>) -> Result<Role> {
        seen_role(caller, id, self.glance().await?.get(id).await?)
    }

    /// Makes a user.
    ///
    /// # Errors
    /// `DuplicateName`, `BadRequest`, `Forbidden`; `InvalidReference` for an unknown role.
    pub async fn create_user(&self, caller: &Caller, org: Id<Org>, new: NewUser) -> Result<User> {
        if !caller.sees_org(org) {
            return Err(Error::no_access(org));
        }
        caller.require(right::USER_MANAGE)?;
        check_name(&new.name)?;
        let known = self.roles(&Caller::system(), org).await?;
        let Some(role) = known.into_iter().find(|known| known.name == new.role) else {
            return Err(Error::new(
                crate::ErrorKind::InvalidReference,
                format!("There is no role \"{}\" in this organization.", new.role),
            ));
        };
        let password_hash = match new.password {
            Some(password) => Some(self.hash_password(password).await?),
            None => None,
        };
        let user = User {
            id: self.id(),
            org,
            name: new.name,
            full_name: new.full_name,
            email: new.email,
            telephone: String::new(),
            description: String::new(),
            enabled: true,
            role: role.id,
            deployed_vm_quota: 0,
            stored_vm_quota: 0,
            password_hash,
            created: self.now(),
            version: 0,
        };
        let mut tx = self.begin().await?;
        tx.insert(&user).await?;
        self.audit(caller, &mut tx, "userCreate", (user.id.any(), &user.name), Outcome::Success)
            .await?;
        tx.commit().await?;
        Ok(user)
    }

    /// Sets a user's password and ends the user's sessions.
    ///
    /// # Errors
    /// `BadRequest`, `Forbidden`.
    pub async fn set_password(
        &self,
        caller: &Caller,
        id: Id<User>,
        password: String,
    ) -> Result<()> {
        let hash = self.hash_password(password).await?;
        self.change_user(caller, id, "userUpdate", true, |user| user.password_hash = Some(hash))
            .await
    }

    /// Enables or disables a user; a disabled one loses its sessions at once.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn set_user_enabled(
        &self,
        caller: &Caller,
        id: Id<User>,
        enabled: bool,
    ) -> Result<()> {
        let operation = if enabled { "userEnable" } else { "userDisable" };
        self.change_user(caller, id, operation, !enabled, |user| user.enabled = enabled).await
    }

    /// Deletes a user and its sessions.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn delete_user(&self, caller: &Caller, id: Id<User>) -> Result<()> {
        caller.require(right::USER_MANAGE)?;
        let mut tx = self.begin().await?;
        let user = found(tx.get(id).await?, id)?;
        if !caller.sees_org(user.org) {
            return Err(Error::no_access(id));
        }
        tx.delete_all::<Session>(&[By::User(id)]).await?;
        tx.delete(id).await?;
        self.audit(caller, &mut tx, "userDelete", (id.any(), &user.name), Outcome::Success).await?;
        tx.commit().await
    }

    async fn change_user(
        &self,
        caller: &Caller,
        id: Id<User>,
        operation: &str,
        end_sessions: bool,
        change: impl FnOnce(&mut User),
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        let mut user = found(tx.get(id).await?, id)?;
        if !caller.sees_org(user.org) || !caller.has(right::USER_MANAGE) {
            return Err(Error::no_access(id));
        }
        change(&mut user);
        tx.update(&mut user).await?;
        if end_sessions {
            tx.delete_all::<Session>(&[By::User(id)]).await?;
        }
        self.audit(caller, &mut tx, operation, (id.any(), &user.name), Outcome::Success).await?;
        tx.commit().await
    }

    async fn hash_password(&self, password: String) -> Result<String> {
        if password.is_empty() || password.len() > MAX_PASSWORD {
            return Err(Error::bad_request("A password has 1 to 1024 bytes."));
        }
        self.off_thread(move || {
            Argon2::default()
                .hash_password(password.as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|error| Error::internal(error.to_string()))
        })
        .await
    }

    /// Whether the password is the one hashed. Takes as long for a user that does not exist.
    pub(super) async fn verify_password(
        &self,
        hash: Option<String>,
        password: String,
    ) -> Result<bool> {
        // Made with the parameters of real ones from a password nobody knows.
        const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c3N2aXJ0LW5vYm9keQ$qUu0eLzVb0xqVgYyq0o5nVfWw0mV0wq3Zr3yJm1mJ9g";
        if password.len() > MAX_PASSWORD {
            return Ok(false);
        }
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        self.off_thread(move || {
            let hash =
                PasswordHash::new(&hash).map_err(|error| Error::internal(error.to_string()))?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && known)
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let _permit = self.inner.hashing.acquire().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }
}

/// The user, if the caller sees it.
fn seen_user(caller: &Caller, id: Id<User>, row: Option<User>) -> Result<User> {
    let user = found(row, id)?;
    let visible = caller.sees_org(user.org) && (caller.has(right::USER_VIEW) || id == caller.user);
    if visible { Ok(user) } else { Err(Error::no_access(id)) }
}

/// The role, if the caller sees it.
fn seen_role(caller: &Caller, id: Id<Role>, row: Option<Role>) -> Result<Role> {
    let role = found(row, id)?;
    let hidden = role.id == rights::role_id(role::SYSTEM_ADMINISTRATOR) && !caller.is_provider();
    if hidden || role.org.is_some_and(|org| !caller.sees_org(org)) {
        return Err(Error::no_access(id));
    }
    Ok(role)
}

/// Whether users of the organization can have a role that is standard or the organization's own: the provider's is
/// for the provider alone.
pub(super) fn may_have_role(org: Id<Org>, role: Id<Role>) -> bool {
    org == Org::SYSTEM || role != rights::role_id(role::SYSTEM_ADMINISTRATOR)
}
