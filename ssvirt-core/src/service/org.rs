//! Organizations.

use super::{Caller, Cloud, catalog::may_read, check_name, found, user::may_have_role};
use crate::{
    error::{Error, Result},
    id::Id,
    model::{Catalog, LeaseDefaults, Network, Org, Outcome, Role, Session, User, Vdc},
    rights::right,
    store::{
        By,
        gather::{Named, names, one},
    },
};

/// An organization to be made.
#[derive(Clone, Debug, Default)]
pub struct NewOrg {
    /// The name in URLs and logins.
    pub name: String,
    /// The name for people.
    pub full_name: String,
    /// Free text.
    pub description: String,
    /// Leases of its new vApps and templates.
    pub leases: LeaseDefaults,
}

/// An organization with what is in it.
#[derive(Clone, Debug)]
pub struct OrgContents {
    /// The organization.
    pub org: Org,
    /// Its VDCs.
    pub vdcs: Vec<Named<Vdc>>,
    /// Its catalogs, as far as the caller may see catalogs.
    pub catalogs: Vec<Named<Catalog>>,
    /// The networks of its VDCs.
    pub networks: Vec<Named<Network>>,
}

/// What an organization's administrator sees of it.
#[derive(Clone, Debug)]
pub struct OrgAdministration {
    /// The organization and what is in it.
    pub contents: OrgContents,
    /// The roles that its users can have.
    pub roles: Vec<Named<Role>>,
    /// Its users, as far as the caller may see users.
    pub users: Vec<Named<User>>,
}

impl Cloud {
    /// The organizations that the caller sees, by name: all for a provider, else the own one.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn orgs(&self, caller: &Caller) -> Result<Vec<Org>> {
        let mut tx = self.glance().await?;
        if caller.is_provider() {
            return tx.select(&[]).await;
        }
        Ok(tx.get(caller.org).await?.into_iter().collect())
    }

    /// An organization.
    ///
    /// # Errors
    /// `Forbidden` when there is none that the caller sees.
    pub async fn org(&self, caller: &Caller, id: Id<Org>) -> Result<Org> {
        if !caller.sees_org(id) {
            return Err(Error::no_access(id));
        }
        found(self.glance().await?.get(id).await?, id)
    }

    /// An organization with what is in it.
    ///
    /// # Errors
    /// `Forbidden` when there is none that the caller sees.
    pub async fn org_contents(&self, caller: &Caller, id: Id<Org>) -> Result<OrgContents> {
        if !caller.sees_org(id) {
            return Err(Error::no_access(id));
        }
        let of = || [By::Org(id)];
        let parts = (one(id), names(of()), names(visible_catalogs(caller, id)), names(of()));
        let (org, vdcs, catalogs, networks) = self.glance().await?.gather(parts).await?;
        Ok(OrgContents { org: found(org, id)?, vdcs, catalogs, networks })
    }

    /// The same with the organization's roles, and for those who may see them its users.
    ///
    /// # Errors
    /// `Forbidden` when there is none that the caller sees.
    pub async fn org_administration(
        &self,
        caller: &Caller,
        id: Id<Org>,
    ) -> Result<OrgAdministration> {
        if !caller.sees_org(id) {
            return Err(Error::no_access(id));
        }
        let of = || [By::Org(id)];
        let users = if caller.has(right::USER_VIEW) { By::Org(id) } else { By::Ids(Vec::new()) };
        let parts = (
            one(id),
            names(of()),
            names(visible_catalogs(caller, id)),
            names(of()),
            names([By::NoOrg]),
            names(of()),
            names([users]),
        );
        let (org, vdcs, catalogs, networks, standard, own, users) =
            self.glance().await?.gather(parts).await?;
        let mut roles: Vec<Named<Role>> = standard;
        roles.extend(own);
        roles.retain(|role| may_have_role(id, role.id));
        let contents = OrgContents { org: found(org, id)?, vdcs, catalogs, networks };
        Ok(OrgAdministration { contents, roles, users })
    }

    /// The organization of that name, without regard to case.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn org_by_name(&self, caller: &Caller, name: &str) -> Result<Option<Org>> {
        let org = self.glance().await?.find::<Org>(&[By::NameNoCase(name.to_owned())]).await?;
        Ok(org.filter(|org| caller.sees_org(org.id)))
    }

    /// Makes an organization. Provider only.
    ///
    /// # Errors
    /// `DuplicateName`, `BadRequest`, `Forbidden`.
    pub async fn create_org(&self, caller: &Caller, new: NewOrg) -> Result<Org> {
        caller.require_provider()?;
        check_name(&new.name)?;
        let org = Org {
            id: self.id(),
            name: new.name,
            full_name: new.full_name,
            description: new.description,
            enabled: true,
            can_publish: false,
            leases: new.leases,
            created: self.now(),
            version: 0,
        };
        let mut tx = self.begin().await?;
        tx.insert(&org).await?;
        self.audit(caller, &mut tx, "orgCreate", (org.id.any(), &org.name), Outcome::Success)
            .await?;
        tx.commit().await?;
        Ok(org)
    }

    /// Enables or disables an organization; a disabled one loses its sessions at once. Provider only.
    ///
    /// # Errors
    /// `Forbidden`; `InvalidState` for the System organization.
    pub async fn set_org_enabled(
        &self,
        caller: &Caller,
        id: Id<Org>,
        enabled: bool,
    ) -> Result<Org> {
        caller.require_provider()?;
        let mut tx = self.begin().await?;
        let mut org = found(tx.get(id).await?, id)?;
        if org.is_system() {
            return Err(Error::invalid_state("The System organization cannot be disabled."));
        }
        org.enabled = enabled;
        tx.update(&mut org).await?;
        if !enabled {
            tx.delete_all::<Session>(&[By::Org(id)]).await?;
        }
        let operation = if enabled { "orgEnable" } else { "orgDisable" };
        self.audit(caller, &mut tx, operation, (id.any(), &org.name), Outcome::Success).await?;
        tx.commit().await?;
        Ok(org)
    }
}

/// The catalogs of an organization, or none for those who may not see catalogs.
fn visible_catalogs(caller: &Caller, org: Id<Org>) -> [By; 1] {
    [if may_read(caller) { By::Org(org) } else { By::Ids(Vec::new()) }]
}
