//! What every installation starts with.

use super::{Caller, Cloud, NewUser};
use crate::{
    error::{ErrorKind, Result},
    model::{ComputePolicy, LeaseDefaults, Org, ProviderVdc, Role, User},
    rights::{self, role, standard_roles},
    store::By,
};

/// What [`Cloud::ensure_administrator`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstStart {
    /// There was an administrator already.
    Known,
    /// The first one was made.
    Created,
}

impl Cloud {
    /// The System organization, the standard roles, the default provider VDC and compute policy. Safe when
    /// several replicas do it at once: ids are fixed, and whoever comes second finds them there.
    pub(super) async fn bootstrap(&self) -> Result<()> {
        let stored = self.store_basics().await;
        // Another replica that was faster left nothing to do.
        if stored.is_err() && self.read().await?.get(Org::SYSTEM).await?.is_some() {
            return Ok(());
        }
        stored
    }

    async fn store_basics(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        if tx.get(Org::SYSTEM).await?.is_some() {
            return Ok(());
        }
        let system = Org {
            id: Org::SYSTEM,
            name: "System".to_owned(),
            full_name: "System".to_owned(),
            description: String::new(),
            enabled: true,
            can_publish: true,
            leases: LeaseDefaults::default(),
            created: self.now(),
            version: 0,
        };
        for standard in standard_roles() {
            tx.insert(&Role {
                id: rights::role_id(standard.name),
                org: None,
                name: standard.name.to_owned(),
                description: standard.description.to_owned(),
                bundle_key: standard.bundle_key.to_owned(),
                read_only: standard.name == role::SYSTEM_ADMINISTRATOR,
                rights: standard.rights.into_iter().map(str::to_owned).collect(),
                version: 0,
            })
            .await?;
        }
        tx.insert(&ProviderVdc {
            id: ProviderVdc::DEFAULT,
            name: "default".to_owned(),
            description: String::new(),
            enabled: true,
            version: 0,
        })
        .await?;
        tx.insert(&ComputePolicy {
            id: ComputePolicy::SYSTEM_DEFAULT,
            name: ComputePolicy::SYSTEM_DEFAULT_NAME.to_owned(),
            description: String::new(),
            cpus: None,
            memory_mib: None,
            provider: None,
            source: None,
            retired: false,
            version: 0,
        })
        .await?;
        tx.insert(&system).await?;
        tx.commit().await
    }

    /// Makes the user `administrator` of the System organization if it has no user yet. `password` is
    /// asked for only then.
    ///
    /// # Errors
    /// As [`Cloud::create_user`].
    pub async fn ensure_administrator(
        &self,
        password: impl FnOnce() -> String,
    ) -> Result<FirstStart> {
        if self.read().await?.count::<User>(&[By::Org(Org::SYSTEM)]).await? > 0 {
            return Ok(FirstStart::Known);
        }
        let administrator = NewUser {
            name: "administrator".to_owned(),
            full_name: "Administrator".to_owned(),
            role: role::SYSTEM_ADMINISTRATOR.into(),
            password: Some(password()),
            ..NewUser::default()
        };
        match self.create_user(&Caller::system(), Org::SYSTEM, administrator).await {
            Ok(_) => Ok(FirstStart::Created),
            // Another replica was faster.
            Err(error) if error.kind() == ErrorKind::DuplicateName => Ok(FirstStart::Known),
            Err(error) => Err(error),
        }
    }
}
