//! Metadata of any object that a caller sees.

use std::collections::HashSet;

use super::{Caller, Cloud};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{EntityKind, Urn},
    model::{MetadataDomain, MetadataEntry, Task, Visibility},
    rights::right,
    store::Tx,
    task::{NewTask, Step},
};

/// Entries an object can have; VCD draws a line too.
const MAX_ENTRIES: usize = 500;
/// Bytes of a key.
const MAX_KEY: usize = 256;
/// Characters of a value.
const MAX_TEXT: usize = 2048;

impl Cloud {
    /// An object's metadata, as far as the caller sees it.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn metadata(&self, caller: &Caller, entity: Urn) -> Result<Vec<MetadataEntry>> {
        self.resolve(caller, entity).await?;
        let mut entries = self.glance().await?.metadata(entity).await?;
        entries.retain(|entry| caller.is_provider() || entry.visibility != Visibility::Private);
        Ok(entries)
    }

    /// Adds or replaces entries.
    ///
    /// # Errors
    /// `BadRequest`, `Busy`, `Forbidden`.
    pub async fn put_metadata(
        &self,
        caller: &Caller,
        entity: Urn,
        entries: Vec<MetadataEntry>,
    ) -> Result<Task> {
        for entry in &entries {
            let long = entry.value.text.chars().count() > MAX_TEXT;
            if !(1..=MAX_KEY).contains(&entry.key.len()) || long {
                return Err(Error::bad_request(
                    "A metadata key has 1 to 256 bytes, a value up to 2048 characters.",
                ));
            }
        }
        let (mut tx, task) = self.edit_metadata(caller, entity, "metadataUpdate").await?;
        let known = tx.metadata(entity).await?;
        let keys: HashSet<_> =
            known.iter().chain(&entries).map(|entry| (entry.domain.name(), &entry.key)).collect();
        if keys.len() > MAX_ENTRIES {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                "An object has at most 500 metadata entries.",
            ));
        }
        for entry in &entries {
            let before =
                known.iter().find(|old| (old.domain, &old.key) == (entry.domain, &entry.key));
            check_domain(caller, entry.domain, before)?;
            tx.put_metadata(entity, entry).await?;
        }
        self.run(caller, tx, task).await
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// `NotFound`, `Busy`, `Forbidden`.
    pub async fn delete_metadata(
        &self,
        caller: &Caller,
        entity: Urn,
        domain: MetadataDomain,
        key: &str,
    ) -> Result<Task> {
        let (mut tx, task) = self.edit_metadata(caller, entity, "metadataDelete").await?;
        let known = tx.metadata(entity).await?;
        let before = known.iter().find(|old| old.domain == domain && old.key == key);
        check_domain(caller, domain, before)?;
        if !tx.delete_metadata(entity, domain, key).await? {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("There is no metadata with key \"{key}\"."),
            ));
        }
        self.run(caller, tx, task).await
    }

    async fn edit_metadata(
        &self,
        caller: &Caller,
        entity: Urn,
        operation: &'static str,
    ) -> Result<(Tx, NewTask)> {
        let object = self.resolve(caller, entity).await?;
        // A VM inside a template is changed as part of the template.
        let kind = if object.in_template { EntityKind::Template } else { entity.kind };
        caller.require(right_to_annotate(kind))?;
        // What another organization publishes can be read, not changed.
        if !caller.sees_org(object.org) {
            return Err(Error::no_access_to(entity));
        }
        let task = NewTask {
            org: object.org,
            owner: entity,
            owner_name: object.name.clone(),
            operation_name: operation,
            operation: format!(
                "Updating metadata of {} {}({})",
                entity.kind.label(),
                object.name,
                entity.uuid
            ),
            steps: vec![Step::Done],
            done: 0,
            locks: vec![entity],
        };
        Ok((self.begin().await?, task))
    }
}

/// Whether the caller's role may change metadata of objects of this kind.
pub fn may_annotate(caller: &Caller, kind: EntityKind) -> bool {
    caller.has(right_to_annotate(kind))
}

const fn right_to_annotate(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::VApp => right::VAPP_EDIT,
        EntityKind::Vm => right::VM_EDIT,
        EntityKind::Template | EntityKind::CatalogItem => right::TEMPLATE_EDIT,
        EntityKind::Catalog => right::CATALOG_EDIT,
        _ => right::ADMIN_CONTROL,
    }
}

/// Whether the caller may change an entry, where entries may be changed at all.
pub fn may_change_entry(caller: &Caller, entry: &MetadataEntry) -> bool {
    check_domain(caller, entry.domain, Some(entry)).is_ok()
}

/// The SYSTEM domain is the provider's; tenants change only what they were given to.
fn check_domain(
    caller: &Caller,
    domain: MetadataDomain,
    before: Option<&MetadataEntry>,
) -> Result<()> {
    let given = before.is_some_and(|entry| entry.visibility == Visibility::ReadWrite);
    if domain == MetadataDomain::General || caller.is_provider() || given {
        return Ok(());
    }
    Err(Error::missing_right("System Administrator"))
}
