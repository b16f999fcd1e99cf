//! What catalog sources offer, copied into catalog rows.

mod plan;
mod sizings;

use std::{collections::HashSet, sync::Arc, time::Duration};

use uuid::{Uuid, uuid};

use self::plan::{Change, Plan, Stored};
use crate::{
    catalog::{CatalogSource, Shelf, SourceItem},
    error::{Error, ErrorKind, Result},
    id::{Id, Urn},
    model::{
        Catalog, CatalogItem, ItemSource, MetadataDomain, MetadataEntry, MetadataType,
        MetadataValue, Org, ProviderVdc, Visibility,
    },
    service::{Caller, Cloud, found},
    store::{By, Tx},
    task::forget_catalog,
};

/// The name space of the ids of what comes from sources.
const SOURCES: Uuid = uuid!("b9a4ff7b-2f0c-5ad1-8a4e-6a8f0f2c4d10");
/// Characters of a metadata value.
const MAX_TEXT: usize = 2048;

/// What a source said; none where it did not answer.
type Offered<'a> = Option<&'a [SourceItem]>;

impl Cloud {
    /// Copies what the sources offer into the catalogs that the [`Placement`](crate::catalog::Placement)
    /// names, and takes it out of all others. What a source no longer offers goes; a source that is down
    /// leaves its rows, marked stale. What has not changed is read but not written.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached; `DuplicateName` where the shared catalog's name is
    /// taken. Sources that are down are no error.
    pub async fn sync_sources(&self) -> Result<()> {
        for (provider, source) in &self.inner.sources {
            let key = source_key(*provider, source.as_ref());
            let offered = ask(source).await;
            let shelves = self.shelves().await?;
            for catalog in &shelves {
                match self.sync_into(&key, *catalog, offered.as_deref()).await {
                    // Another replica was faster, or the catalog was changed or deleted at the same time: the
                    // next time will do.
                    Err(error)
                        if matches!(
                            error.kind(),
                            ErrorKind::Conflict | ErrorKind::DuplicateName | ErrorKind::Forbidden
                        ) =>
                    {
                        tracing::debug!(%catalog, error = &error as &dyn std::error::Error, "a catalog is left for later");
                    }
                    other => other?,
                }
            }
            self.clear_elsewhere(&key, &shelves).await?;
            self.sync_sizings(*provider, &key, source.as_ref()).await?;
        }
        Ok(())
    }

    /// Calls [`Cloud::sync_sources`] again and again, until [`Cloud::stop`]; what it could not do is logged.
    pub fn start_syncing(&self, every: Duration) {
        if self.inner.sources.is_empty() {
            return;
        }
        let cloud = self.clone();
        let syncing = tokio::spawn(async move {
            loop {
                if let Err(error) = cloud.sync_sources().await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the catalog sources were not copied"
                    );
                }
                tokio::time::sleep(every).await;
            }
        });
        self.background().push(syncing);
    }

    /// Copies what the sources offer into one catalog, whatever the placement: for services that place it
    /// themselves.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be reached; sources that are down are no error.
    pub async fn sync_catalogs(&self, caller: &Caller, catalog: Id<Catalog>) -> Result<()> {
        caller.require_provider()?;
        for (provider, source) in &self.inner.sources {
            let offered = ask(source).await;
            let key = source_key(*provider, source.as_ref());
            self.sync_into(&key, catalog, offered.as_deref()).await?;
        }
        Ok(())
    }

    /// The catalogs that items go into.
    async fn shelves(&self) -> Result<Vec<Id<Catalog>>> {
        let placement = &self.inner.placement;
        let mut tx = self.read().await?;
        let orgs = match &placement.organizations {
            None => None,
            Some(names) => {
                let all: Vec<Org> = tx.select(&[]).await?;
                let named = all.into_iter().filter(|org| names.contains(&org.name));
                Some(named.map(|org| org.id).collect::<Vec<_>>())
            }
        };
        let there: Option<Catalog> = tx.get(Catalog::SHARED).await?;
        match &placement.shelf {
            Shelf::Shared(name) => {
                drop(tx);
                self.ensure_shared(there, name, orgs).await?;
                Ok(vec![Catalog::SHARED])
            }
            Shelf::EveryCatalog => {
                let all: Vec<Catalog> = tx.select(&[]).await?;
                drop(tx);
                // From when it was shared.
                if there.is_some() {
                    let mut tx = self.begin().await?;
                    forget_catalog(&mut tx, Catalog::SHARED).await?;
                    tx.commit().await?;
                }
                let is_wanted = |catalog: &Catalog| {
                    catalog.id != Catalog::SHARED
                        && orgs.as_ref().is_none_or(|orgs| orgs.contains(&catalog.org))
                };
                Ok(all.into_iter().filter(is_wanted).map(|catalog| catalog.id).collect())
            }
        }
    }

    /// The catalog that is shared. It is known by its id: who renames it finds it under the new name.
    async fn ensure_shared(
        &self,
        there: Option<Catalog>,
        name: &str,
        readers: Option<Vec<Id<Org>>>,
    ) -> Result<()> {
        let Some(mut catalog) = there else {
            let catalog = Catalog {
                id: Catalog::SHARED,
                org: Org::SYSTEM,
                owner: Caller::system().user,
                name: name.to_owned(),
                description: "What this cloud offers to start from".to_owned(),
                published: true,
                readers,
                revision: 1,
                created: self.now(),
                version: 0,
            };
            let mut tx = self.begin().await?;
            if tx.get(catalog.id).await?.is_none() {
                tx.insert(&catalog).await?;
                tx.commit().await?;
            }
            return Ok(());
        };
        if catalog.readers != readers {
            catalog.readers = readers;
            let mut tx = self.begin().await?;
            tx.update(&mut catalog).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Reads first, and writes only what differs: as a rule there is nothing to write.
    async fn sync_into(&self, source: &str, id: Id<Catalog>, offered: Offered<'_>) -> Result<()> {
        let mut tx = self.read().await?;
        let catalog = found(tx.get(id).await?, id)?;
        let stored = Stored {
            items: tx.select(&[By::Catalog(id)]).await?,
            templates: tx.select(&[By::Catalog(id)]).await?,
        };
        drop(tx);
        let plan = Plan::new(self, source, &catalog, stored, offered);
        if plan.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        let mut catalog = found(tx.get(id).await?, id)?;
        apply(&mut tx, plan).await?;
        catalog.revision += 1;
        tx.update(&mut catalog).await?;
        tx.commit().await
    }

    /// Takes a source's items out of catalogs that they are not to be in any more.
    async fn clear_elsewhere(&self, source: &str, shelves: &[Id<Catalog>]) -> Result<()> {
        let of_source = By::Source(source.to_owned());
        let items: Vec<CatalogItem> = self.read().await?.select(&[of_source]).await?;
        let (shelves, mut touched) = (shelves.iter().collect::<HashSet<_>>(), HashSet::new());
        let misplaced: Vec<CatalogItem> =
            items.into_iter().filter(|item| !shelves.contains(&item.catalog)).collect();
        if misplaced.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for item in misplaced {
            remove(&mut tx, &item).await?;
            touched.insert(item.catalog);
        }
        for id in touched {
            if let Some(mut catalog) = tx.get(id).await? {
                catalog.revision += 1;
                tx.update(&mut catalog).await?;
            }
        }
        tx.commit().await
    }
}

/// What a source's rows are known by. Those of other clusters than the first have the provider VDC's id in it:
/// each cluster's source has the same name.
fn source_key(provider: Id<ProviderVdc>, source: &dyn CatalogSource) -> String {
    if provider == ProviderVdc::DEFAULT {
        return source.name().to_owned();
    }
    format!("{}@{provider}", source.name())
}

async fn ask(source: &Arc<dyn CatalogSource>) -> Option<Vec<SourceItem>> {
    let down = |error: Error| {
        tracing::warn!(
            source = source.name(),
            error = &error as &dyn std::error::Error,
            "a catalog source is down"
        );
    };
    source.items().await.map_err(down).ok()
}

async fn apply(tx: &mut Tx, plan: Plan) -> Result<()> {
    // First of all, as their names may be those of others.
    for item in &plan.gone {
        remove(tx, item).await?;
    }
    let mut changes = plan.changes;
    for change in &mut changes {
        if let Change { item, before: Some(before), makes_room: true, .. } = change {
            let mut parked = CatalogItem { name: before.id.to_string(), ..before.clone() };
            tx.update(&mut parked).await?;
            item.version = parked.version;
        }
    }
    for change in changes {
        let Change { mut item, mut template, before, template_before, .. } = change;
        match template_before {
            None => tx.insert(&template).await?,
            Some(known) if known != template => tx.update(&mut template).await?,
            Some(_) => {}
        }
        match &before {
            None => tx.insert(&item).await?,
            Some(known) if *known != item => tx.update(&mut item).await?,
            Some(_) => {}
        }
        let old = before.as_ref().and_then(|item| item.source.as_ref());
        let entities = [item.id.any(), item.template.any()];
        if let Some(new) = &item.source {
            put_metadata(tx, entities, old, new).await?;
        }
    }
    Ok(())
}

async fn remove(tx: &mut Tx, item: &CatalogItem) -> Result<()> {
    tx.clear_metadata(item.id.any()).await?;
    tx.clear_metadata(item.template.any()).await?;
    tx.delete(item.id).await?;
    tx.delete(item.template).await?;
    Ok(())
}

/// The provider's metadata, which tenants read: only what differs from what the source said before, so that what
/// the provider has added stays.
async fn put_metadata(
    tx: &mut Tx,
    entities: [Urn; 2],
    old: Option<&ItemSource>,
    new: &ItemSource,
) -> Result<()> {
    let before = |key: &str| old.and_then(|old| old.metadata.get(key));
    let gone = old.into_iter().flat_map(|old| old.metadata.keys());
    let gone: Vec<&String> = gone.filter(|key| !new.metadata.contains_key(*key)).collect();
    for entity in entities {
        for key in &gone {
            tx.delete_metadata(entity, MetadataDomain::System, key).await?;
        }
        for (key, text) in new.metadata.iter().filter(|(key, text)| before(key) != Some(*text)) {
            let text = text.chars().take(MAX_TEXT).collect();
            let entry = MetadataEntry {
                domain: MetadataDomain::System,
                key: key.clone(),
                value: MetadataValue { kind: MetadataType::String, text },
                visibility: Visibility::ReadOnly,
            };
            tx.put_metadata(entity, &entry).await?;
        }
    }
    Ok(())
}
