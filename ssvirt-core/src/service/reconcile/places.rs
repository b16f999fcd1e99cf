//! Places that could not be made when the server was started, and those that others have changed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::BoxStream};
use tokio::time::Instant;

use super::{Cloud, GATHER, RESYNC};
use crate::{
    VmBackend,
    backend::{Place, Reach},
    error::{Error, Result},
    id::Id,
    model::{Org, ProviderVdc, StorageProfile, Vdc},
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

/// Makes the places that are missing at the start, and later those that others have removed or changed: what it is told
/// of at once, what else they have done to a place now and then. Those of new VDCs are made by their tasks.
pub(super) struct Placer {
    pub cloud: Cloud,
    pub provider: Id<ProviderVdc>,
    pub backend: Arc<dyn VmBackend>,
    /// VDCs whose places are to be looked at, and whether somebody has changed them.
    pub unplaced: BTreeMap<Id<Vdc>, bool>,
}

impl Placer {
    pub async fn run(mut self, mut told: BoxStream<'static, Id<Vdc>>) {
        let mut look = Instant::now();
        let mut all = Instant::now() + RESYNC;
        loop {
            tokio::select! {
                vdc = told.next() => {
                    let Some(vdc) = vdc else { return };
                    self.unplaced.insert(vdc, true);
                    look = look.min(Instant::now() + GATHER);
                }
                () = tokio::time::sleep_until(look.min(all)) => {
                    look = if self.backend.status().reach == Reach::Here {
                        if Instant::now() >= all && self.take_all().await {
                            all = Instant::now() + RESYNC;
                        }
                        self.place_some().await;
                        if self.unplaced.is_empty() { all } else { Instant::now() + PLACE_AGAIN }
                    } else {
                        Instant::now() + LOOK_AGAIN
                    };
                }
            }
        }
    }

    /// All places are to be looked at; whether it is known which there are.
    async fn take_all(&mut self) -> bool {
        let by = [By::Provider(self.provider)];
        let all = async { self.cloud.read().await?.select::<Vdc>(&by).await };
        match all.await {
            Ok(all) => {
                for vdc in all {
                    self.unplaced.entry(vdc.id).or_insert(false);
                }
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "places are not looked at yet"
                );
                return false;
            }
        }
        true
    }

    async fn place_some(&mut self) {
        for (vdc, is_changed) in std::mem::take(&mut self.unplaced) {
            let placed = self.place(vdc, is_changed).await;
            if let Err(error) = &placed {
                tracing::warn!(%vdc, error = error as &dyn std::error::Error, "a VDC's place is not known yet");
            }
            if !placed.unwrap_or(false) {
                self.unplaced.insert(vdc, false);
            }
        }
    }

    /// Whether a VDC needs no further look.
    async fn place(&self, id: Id<Vdc>, is_changed: bool) -> Result<bool> {
        let mut tx = self.cloud.read().await?;
        let Some(vdc): Option<Vdc> = tx.get(id).await? else { return Ok(true) };
        // A task that works on it makes the place, or removes it.
        if !tx.open_tasks(&[id.any()]).await?.is_empty() {
            return Ok(true);
        }
        if is_changed {
            tracing::warn!(vdc = %id, "a VDC's place was changed or removed by somebody else");
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
