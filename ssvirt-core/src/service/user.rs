//! Users and roles.

use super::{Caller, Cloud, check_name, check_version, found};
use crate::{
    error::{Error, ErrorKind, Result},
    id::Id,
    model::{Catalog, Org, Outcome, Preferences, Role, Session, Task, User, VApp},
    rights::{self, right, role},
    store::{
        By, Tx,
        gather::{first, one, rows},
    },
    task::NewTask,
};

/// A role, by its id or its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleName {
    /// The id.
    Id(Id<Role>),
    /// The name.
    Name(String),
}

impl Default for RoleName {
    /// No role at all.
    fn default() -> Self {
        Self::Name(String::new())
    }
}

impl From<&str> for RoleName {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// A user to be made.
#[derive(Clone)]
pub struct NewUser {
    /// The login name.
    pub name: String,
    /// The name for people.
    pub full_name: String,
    /// E-mail address.
    pub email: String,
    /// Free text.
    pub description: String,
    /// The role.
    pub role: RoleName,
    /// Whether it may log in.
    pub enabled: bool,
    /// How many VMs it may run; 0 is unlimited.
    pub deployed_vm_quota: i32,
    /// How many VMs it may own; 0 is unlimited.
    pub stored_vm_quota: i32,
    /// The password; without one the user cannot log in.
    pub password: Option<String>,
}

impl Default for NewUser {
    /// Nameless, without a role, but enabled.
    fn default() -> Self {
        Self {
            name: String::new(),
            full_name: String::new(),
            email: String::new(),
            description: String::new(),
            role: RoleName::default(),
            enabled: true,
            deployed_vm_quota: 0,
            stored_vm_quota: 0,
            password: None,
        }
    }
}

/// What is to be different in a user; what is none stays.
#[derive(Clone, Default)]
pub struct UserChange {
    /// The login name.
    pub name: Option<String>,
    /// The name for people.
    pub full_name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// The role.
    pub role: Option<RoleName>,
    /// The organization.
    pub org: Option<Id<Org>>,
    /// Whether it may log in; a disabled one loses its sessions at once.
    pub enabled: Option<bool>,
    /// How many VMs it may run; 0 is unlimited.
    pub deployed_vm_quota: Option<i32>,
    /// How many VMs it may own; 0 is unlimited.
    pub stored_vm_quota: Option<i32>,
    /// The password; a new one ends the user's sessions.
    pub password: Option<String>,
    /// The version that the change was made from; none overwrites any.
    pub version: Option<i64>,
}

impl UserChange {
    /// Whether it changes nothing but the password.
    fn only_password(&self) -> bool {
        let Self {
            name,
            full_name,
            email,
            description,
            role,
            org,
            enabled,
            deployed_vm_quota,
            stored_vm_quota,
            password: _,
            version: _,
        } = self;
        name.is_none()
            && full_name.is_none()
            && email.is_none()
            && description.is_none()
            && role.is_none()
            && org.is_none()
            && enabled.is_none()
            && deployed_vm_quota.is_none()
            && stored_vm_quota.is_none()
    }
}

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
        let role = self.role_for(org, &new.role).await?;
        let password_hash = match new.password {
            Some(password) => Some(self.inner.passwords.hash(password).await?),
            None => None,
        };
        let user = User {
            id: self.id(),
            org,
            name: new.name,
            full_name: new.full_name,
            email: new.email,
            telephone: String::new(),
            description: new.description,
            enabled: new.enabled,
            role: role.id,
            deployed_vm_quota: new.deployed_vm_quota,
            stored_vm_quota: new.stored_vm_quota,
            password_hash,
            preferences: None,
            created: self.now(),
            version: 0,
        };
        check(&user)?;
        let mut tx = self.begin().await?;
        found(tx.get(org).await?, org)?;
        tx.insert(&user).await?;
        self.audit(caller, &mut tx, "userCreate", (user.id.any(), &user.name), Outcome::Success)
            .await?;
        tx.commit().await?;
        Ok(user)
    }

    /// Changes a user. Those who may not manage users may change their own password and nothing else, as
    /// in VCD. A user moves to another organization only by a provider's hand, and owning nothing.
    ///
    /// # Errors
    /// `DuplicateName`, `BadRequest`, `Conflict`, `Forbidden`; `InvalidReference` for an unknown role;
    /// `InvalidState` for what would leave the cloud without an administrator.
    pub async fn change_user(
        &self,
        caller: &Caller,
        id: Id<User>,
        change: UserChange,
    ) -> Result<User> {
        let known = found(self.read().await?.get(id).await?, id)?;
        let own = id == caller.user && change.only_password();
        if !caller.sees_org(known.org) || !(caller.has(right::USER_MANAGE) || own) {
            return Err(Error::no_access(id));
        }
        let org = change.org.unwrap_or(known.org);
        if org != known.org {
            caller.require_provider()?;
        }
        // Before the write: hashing takes its time.
        let hash = match change.password.clone() {
            Some(password) => Some(self.inner.passwords.hash(password).await?),
            None => None,
        };
        let role = match &change.role {
            Some(role) => Some(self.role_for(org, role).await?.id),
            None => None,
        };
        let mut tx = self.begin().await?;
        let mut user = found(tx.get(id).await?, id)?;
        check_version(user.version, change.version)?;
        if user.org != known.org {
            // Moved in between: whether the caller may change it was decided for where it was.
            return Err(Error::no_access(id));
        }
        let before = user.clone();
        let operation = match change.enabled {
            Some(true) if !before.enabled => "userEnable",
            Some(false) if before.enabled => "userDisable",
            _ => "userUpdate",
        };
        user.name = change.name.unwrap_or(user.name);
        user.full_name = change.full_name.unwrap_or(user.full_name);
        user.email = change.email.unwrap_or(user.email);
        user.description = change.description.unwrap_or(user.description);
        user.enabled = change.enabled.unwrap_or(user.enabled);
        user.deployed_vm_quota = change.deployed_vm_quota.unwrap_or(user.deployed_vm_quota);
        user.stored_vm_quota = change.stored_vm_quota.unwrap_or(user.stored_vm_quota);
        user.role = role.unwrap_or(user.role);
        user.org = org;
        let new_password = hash.is_some();
        user.password_hash = hash.or(user.password_hash);
        check(&user)?;
        if user.org != before.org {
            check_movable(&mut tx, &before, &user).await?;
        }
        if is_administrator(&before) && !is_administrator(&user) {
            check_not_last(&mut tx, &before).await?;
        }
        tx.update(&mut user).await?;
        if new_password || !user.enabled || user.org != before.org {
            tx.delete_all::<Session>(&[By::User(id)]).await?;
        }
        self.audit(caller, &mut tx, operation, (id.any(), &user.name), Outcome::Success).await?;
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
        let change = UserChange { password: Some(password), ..UserChange::default() };
        self.change_user(caller, id, change).await.map(drop)
    }

    /// Sets the caller's own password, which takes the present one. The session goes on, all others end.
    ///
    /// # Errors
    /// `BadRequest` for a wrong present password or an unusable new one.
    pub async fn change_password(
        &self,
        caller: &Caller,
        present: String,
        password: String,
    ) -> Result<()> {
        let known = found(self.read().await?.get(caller.user).await?, caller.user)?;
        if !self.inner.passwords.verify(known.password_hash, present).await? {
            return Err(Error::bad_request("The present password is not correct."));
        }
        let hash = self.inner.passwords.hash(password).await?;
        let mut tx = self.begin().await?;
        let mut user = found(tx.get(caller.user).await?, caller.user)?;
        user.password_hash = Some(hash);
        tx.update(&mut user).await?;
        for session in tx.select::<Session>(&[By::User(user.id)]).await? {
            if Some(session.id) != caller.session {
                tx.delete(session.id).await?;
            }
        }
        let entity = (user.id.any(), user.name.as_str());
        self.audit(caller, &mut tx, "userUpdate", entity, Outcome::Success).await?;
        tx.commit().await
    }

    /// Sets how a console shows things to the caller.
    ///
    /// # Errors
    /// `BadRequest`.
    pub async fn set_preferences(&self, caller: &Caller, preferences: Preferences) -> Result<()> {
        check_preferences(&preferences)?;
        let mut tx = self.begin().await?;
        let mut user = found(tx.get(caller.user).await?, caller.user)?;
        user.preferences = Some(preferences);
        tx.update(&mut user).await?;
        tx.commit().await
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
        let change = UserChange { enabled: Some(enabled), ..UserChange::default() };
        self.change_user(caller, id, change).await.map(drop)
    }

    /// Deletes a user and its sessions. What it owned stays; its organization's administrators see it.
    ///
    /// # Errors
    /// `InvalidState` for oneself, and for the last who administers the cloud; `Forbidden`.
    pub async fn delete_user(&self, caller: &Caller, id: Id<User>) -> Result<Task> {
        let mut tx = self.begin().await?;
        let user = found(tx.get(id).await?, id)?;
        if !caller.sees_org(user.org) || !caller.has(right::USER_MANAGE) {
            return Err(Error::no_access(id));
        }
        if id == caller.user {
            return Err(Error::invalid_state("A user cannot delete itself."));
        }
        if is_administrator(&user) {
            check_not_last(&mut tx, &user).await?;
        }
        tx.delete_all::<Session>(&[By::User(id)]).await?;
        tx.clear_metadata(id.any()).await?;
        tx.delete(id).await?;
        let task = NewTask {
            org: user.org,
            owner: id.any(),
            owner_name: user.name.clone(),
            operation_name: "userDelete",
            operation: format!("Deleting User {}({})", user.name, user.id),
            steps: Vec::new(),
            done: 0,
            locks: vec![id.any()],
        };
        self.run_done(caller, tx, task).await
    }

    /// The role meant, among those that users of the organization can have.
    async fn role_for(&self, org: Id<Org>, wanted: &RoleName) -> Result<Role> {
        let known = self.roles(&Caller::system(), org).await?;
        let role = known.into_iter().find(|known| match wanted {
            RoleName::Id(id) => known.id == *id,
            RoleName::Name(name) => known.name == *name,
        });
        role.ok_or_else(|| {
            let name = match wanted {
                RoleName::Id(id) => id.urn(),
                RoleName::Name(name) => name.clone(),
            };
            let message = format!("There is no role \"{name}\" in this organization.");
            Error::new(ErrorKind::InvalidReference, message)
        })
    }
}

/// Whether the user, as it is, may administer the cloud.
fn is_administrator(user: &User) -> bool {
    user.org == Org::SYSTEM
        && user.enabled
        && user.role == rights::role_id(role::SYSTEM_ADMINISTRATOR)
}

/// Refuses what would leave the cloud without anyone who administers it.
async fn check_not_last(tx: &mut Tx, leaving: &User) -> Result<()> {
    let providers: Vec<User> = tx.select(&[By::Org(Org::SYSTEM)]).await?;
    if providers.iter().any(|user| user.id != leaving.id && is_administrator(user)) {
        return Ok(());
    }
    Err(Error::invalid_state("This is the last user who administers the cloud."))
}

/// Refuses to move a user who owns things, or whose role its new organization does not have.
async fn check_movable(tx: &mut Tx, before: &User, after: &User) -> Result<()> {
    found(tx.get(after.org).await?, after.org)?;
    let owned = tx.count::<VApp>(&[By::Owner(before.id)]).await?
        + tx.count::<Catalog>(&[By::Owner(before.id)]).await?;
    if owned > 0 {
        return Err(Error::invalid_state(format!(
            "The user \"{}\" owns vApps or catalogs and cannot be moved.",
            before.name
        )));
    }
    let role: Role = tx.require(after.role).await?;
    let provider = role.id == rights::role_id(role::SYSTEM_ADMINISTRATOR);
    if role.org.is_some_and(|org| org != after.org) || provider != (after.org == Org::SYSTEM) {
        return Err(Error::new(
            ErrorKind::InvalidReference,
            format!("There is no role \"{}\" in the new organization.", role.name),
        ));
    }
    Ok(())
}

fn check(user: &User) -> Result<()> {
    check_name(&user.name)?;
    let longest = [&user.full_name, &user.email, &user.description];
    let unfit = |text: &&String| text.chars().count() > 256 || text.chars().any(char::is_control);
    if longest.iter().any(unfit) {
        return Err(Error::bad_request(
            "Full name, e-mail address and description have at most 256 characters, no control characters.",
        ));
    }
    // As little as can be said of any address.
    let parts = user.email.split_once('@');
    let is_address = parts.is_some_and(|(who, at)| !who.is_empty() && !at.is_empty());
    if !user.email.is_empty() && (!is_address || user.email.contains(' ')) {
        return Err(Error::bad_request(format!("\"{}\" is no e-mail address.", user.email)));
    }
    if user.deployed_vm_quota < 0 || user.stored_vm_quota < 0 {
        return Err(Error::bad_request("A quota is not negative; 0 is unlimited."));
    }
    Ok(())
}

fn check_preferences(preferences: &Preferences) -> Result<()> {
    let one_of = |what: &str, value: &String, allowed: &[&str]| {
        if allowed.contains(&value.as_str()) {
            return Ok(());
        }
        Err(Error::bad_request(format!("{what} is one of {}.", allowed.join(", "))))
    };
    one_of("The theme", &preferences.theme, &["light", "dark", "auto"])?;
    one_of("The time format", &preferences.time_format, &["12h", "24h"])?;
    let texts = [&preferences.language, &preferences.timezone, &preferences.date_format];
    if texts.iter().any(|text| text.is_empty() || text.chars().count() > 64) {
        return Err(Error::bad_request(
            "Language, time zone and date format have 1 to 64 characters.",
        ));
    }
    if !(1..=128).contains(&preferences.items_per_page)
        || !(0..=86_400).contains(&preferences.refresh_seconds)
    {
        return Err(Error::bad_request(
            "A page has 1 to 128 items, and at most a day passes between two refreshes.",
        ));
    }
    Ok(())
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
