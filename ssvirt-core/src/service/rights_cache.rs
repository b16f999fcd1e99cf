//! What roles allow, kept from request to request.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    error::Result,
    id::Id,
    model::Role,
    rights::RightSet,
    store::{SessionOwner, Tx},
};

/// Most roles that are remembered.
const ROLES: usize = 1000;

/// The rights of roles, by role and version. What a version of a role allows never changes, and every request
/// asks the store which version there is: nothing here can be out of date.
#[derive(Default)]
pub(super) struct RightsCache {
    known: Mutex<HashMap<Id<Role>, Known>>,
}

/// A role's version and what it allows.
type Known = (i64, Arc<RightSet>);

impl RightsCache {
    /// The rights of the session's user; none when the role has gone since.
    pub(super) async fn of(
        &self,
        tx: &mut Tx,
        owner: &SessionOwner,
    ) -> Result<Option<Arc<RightSet>>> {
        if let Some(rights) = self.get(owner.role, owner.role_version) {
            return Ok(Some(rights));
        }
        let Some(role) = tx.get(owner.role).await? else { return Ok(None) };
        let rights = Arc::new(RightSet::of(&role));
        self.put(role.id, role.version, Arc::clone(&rights));
        Ok(Some(rights))
    }

    fn get(&self, role: Id<Role>, version: i64) -> Option<Arc<RightSet>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&role).filter(|known| known.0 == version).map(|known| Arc::clone(&known.1))
    }

    fn put(&self, role: Id<Role>, version: i64, rights: Arc<RightSet>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ROLES {
            known.clear();
        }
        known.insert(role, (version, rights));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_version_is_known_and_only_so_many() {
        let cache = RightsCache::default();
        let id = |n| Id::new(uuid::Uuid::from_u128(n));
        cache.put(id(0), 3, Arc::new(RightSet::all()));
        assert!(cache.get(id(0), 3).is_some_and(|rights| rights.is_all()));
        assert!(cache.get(id(0), 4).is_none() && cache.get(id(1), 3).is_none());
        for n in 0..5000 {
            cache.put(id(n), 0, Arc::default());
        }
        assert!(cache.known.lock().is_ok_and(|known| known.len() <= ROLES));
    }
}
