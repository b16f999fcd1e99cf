//! The sizes that catalog sources offer, copied into sizing policies.

use std::collections::HashMap;

use uuid::Uuid;

use super::SOURCES;
use crate::{
    catalog::{CatalogSource, Sizing},
    error::{ErrorKind, Result},
    id::Id,
    model::{ComputePolicy, ProviderVdc},
    service::Cloud,
};

impl Cloud {
    /// Makes the sizing policies of a source what it offers. One that it has no more is kept, for VMs that have it;
    /// a source that is down leaves all.
    pub(super) async fn sync_sizings(
        &self,
        provider: Id<ProviderVdc>,
        key: &str,
        source: &dyn CatalogSource,
    ) -> Result<()> {
        let offered = match source.sizings().await {
            Ok(offered) => offered,
            Err(error) => {
                tracing::warn!(
                    source = source.name(),
                    error = &error as &dyn std::error::Error,
                    "the sizes of a catalog source are not known"
                );
                return Ok(());
            }
        };
        let known: Vec<ComputePolicy> = self.read().await?.select(&[]).await?;
        let known = known.into_iter().filter(|policy| policy.source.as_deref() == Some(key));
        let mut known: HashMap<_, _> = known.map(|policy| (policy.id, policy)).collect();
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for sizing in offered {
            let wanted = policy(provider, key, sizing);
            match known.remove(&wanted.id) {
                None => new.push(wanted),
                Some(before) => {
                    let wanted = ComputePolicy { version: before.version, ..wanted };
                    if before != wanted {
                        changed.push(wanted);
                    }
                }
            }
        }
        let gone = known.into_values().filter(|policy| !policy.retired);
        changed.extend(gone.map(|policy| ComputePolicy { retired: true, ..policy }));
        if new.is_empty() && changed.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        let written = async {
            for policy in &new {
                tx.insert(policy).await?;
            }
            for mut policy in changed {
                tx.update(&mut policy).await?;
            }
            tx.commit().await
        };
        match written.await {
            // Another replica was faster.
            Err(error)
                if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::DuplicateName) =>
            {
                Ok(())
            }
            other => other,
        }
    }
}

fn policy(provider: Id<ProviderVdc>, key: &str, sizing: Sizing) -> ComputePolicy {
    let id = Uuid::new_v5(&SOURCES, format!("{key}/sizing/{}", sizing.external_id).as_bytes());
    ComputePolicy {
        id: Id::new(id),
        name: sizing.name,
        description: sizing.description,
        cpus: Some(sizing.cpus),
        memory_mib: Some(sizing.memory_mib),
        provider: Some(provider),
        source: Some(key.to_owned()),
        retired: false,
        version: 0,
    }
}
