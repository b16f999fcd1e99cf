//! Places that could not be made when the server was started.

use std::{sync::Arc, time::Duration};

use super::Cloud;
use crate::{
    VmBackend,
    backend::{Place, Reach},
    error::{Error, Result},
    id::Id,
    model::{Org, StorageProfile, Vdc},
    service::vdc::place_of,
    store::By,
};

impl Cloud {
    /// Makes a VDC's place, or brings it up to date; whether that is done.
    pub(super) async fn place(&self, backend: &dyn VmBackend, place: &Place) -> bool {
        let Err(error) = backend.ensure_place(place).await else { return true };
        tracing::warn!(vdc = %place.vdc, error = &error as &dyn std::error::Error, "a VDC has no place yet");
        // What was refused for good is refused again.
        !error.is_retriable()
    }
}

/// How often it is looked whether a backend that was away is there.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// When places are made again that could not be made.
const PLACE_AGAIN: Duration = Duration::from_secs(5);

/// Makes the places that are missing at the start, and then has nothing more to do: those of VDCs that are made
/// later are made by their tasks.
pub(super) struct Placer {
    pub cloud: Cloud,
    pub backend: Arc<dyn VmBackend>,
    pub unplaced: Vec<Id<Vdc>>,
}

impl Placer {
    pub async fn run(mut self) {
        while !self.unplaced.is_empty() {
            if self.backend.status().reach != Reach::Here {
                tokio::time::sleep(LOOK_AGAIN).await;
                continue;
            }
            let mut left = Vec::new();
            for vdc in std::mem::take(&mut self.unplaced) {
                let placed = self.place(vdc).await;
                if let Err(error) = &placed {
                    tracing::warn!(%vdc, error = error as &dyn std::error::Error, "a VDC's place is not known yet");
                }
                if !placed.unwrap_or(false) {
                    left.push(vdc);
                }
            }
            self.unplaced = left;
            tokio::time::sleep(PLACE_AGAIN).await;
        }
    }

    /// Whether a VDC needs no further look.
    async fn place(&self, id: Id<Vdc>) -> Result<bool> {
        let mut tx = self.cloud.read().await?;
        let Some(vdc): Option<Vdc> = tx.get(id).await? else { return Ok(true) };
        // A task that works on it makes the place, or removes it.
        if !tx.open_tasks(&[id.any()]).await?.is_empty() {
            return Ok(true);
        }
        let org: Org = tx.require(vdc.org).await?;
        let profiles: Vec<StorageProfile> = tx.select(&[By::Vdc(id)]).await?;
        drop(tx);
        let place = place_of(&vdc, &org, &profiles);
        if !self.cloud.place(&*self.backend, &place).await {
            return Ok(false);
        }
        // One that was deleted meanwhile must not have its place again.
        let gone = self.cloud.read().await?.get::<Vdc>(id).await?.is_none();
        if gone {
            let removed = self.backend.remove_place(id).await;
            removed.or_else(|error| if error.is_retriable() { Err(error) } else { Ok(()) })?;
        }
        Ok::<_, Error>(true)
    }
}
