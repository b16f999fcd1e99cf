//! Organizations.

use super::{Caller, Cloud, check_name, found};
use crate::{
    error::{Error, Result},
    id::Id,
    model::{LeaseDefaults, Org, Outcome, Session},
    store::By,
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

impl Cloud {
    /// The organizations that the caller sees, by name: all for a provider, else the own one.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn orgs(&self, caller: &Caller) -> Result<Vec<Org>> {
        let mut tx = self.read().await?;
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
        found(self.read().await?.get(id).await?, id)
    }

    /// The organization of that name, without regard to case.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn org_by_name(&self, caller: &Caller, name: &str) -> Result<Option<Org>> {
        let org = self.read().await?.find::<Org>(&[By::NameNoCase(name.to_owned())]).await?;
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
