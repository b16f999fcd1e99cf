//! What the backends see, written down; what they should have, told to them.
//!
//! ```text
//!   events --(a moment)--> a batch --> rows --> where they differ: the backend, asked --> one transaction
//! ```

mod observed;
mod places;

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::BoxStream};
use tokio::{task::JoinHandle, time::Instant};

use self::{observed::Changes, places::Placer};
use super::{Cloud, vdc::place_of};
use crate::{
    VmBackend,
    backend::{KnownVm, Reach, VmEvent, VmPlan},
    error::Result,
    id::Id,
    model::{Org, ProviderVdc, StorageProfile, Vdc, Vm},
    store::By,
};

/// How long further changes are waited for, so that many are written down together.
const GATHER: Duration = Duration::from_millis(100);
/// When VMs are looked at again that could not be written down.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How often all VMs are compared with their rows, and all places made what they should be, whatever a watch may have
/// missed.
const RESYNC: Duration = Duration::from_secs(600);

impl Cloud {
    /// Tells every backend which VMs it should have, and where. VDCs that have no place yet, by their providers.
    pub(super) async fn start_backends(&self) -> Result<HashMap<Id<ProviderVdc>, Vec<Id<Vdc>>>> {
        let mut tx = self.read().await?;
        let mut known: HashMap<Id<ProviderVdc>, Vec<KnownVm>> = HashMap::new();
        let vdcs: Vec<Vdc> = tx.select(&[]).await?;
        for vdc in &vdcs {
            let vms: Vec<Vm> = tx.select(&[By::Vdc(vdc.id)]).await?;
            // Also those that are being made: a task that goes on must find what it has made already.
            let of_provider = known.entry(vdc.provider).or_default();
            of_provider.extend(
                vms.into_iter().map(|vm| KnownVm { plan: VmPlan::of(&vm), state: vm.state }),
            );
        }
        let orgs: Vec<Org> = tx.select(&[]).await?;
        let profiles: Vec<StorageProfile> = tx.select(&[]).await?;
        drop(tx);
        let mut unplaced: HashMap<_, Vec<Id<Vdc>>> = HashMap::new();
        for (provider, backend) in self.backends() {
            backend.start(known.remove(provider).unwrap_or_default()).await?;
            for vdc in vdcs.iter().filter(|vdc| vdc.provider == *provider) {
                let Some(org) = orgs.iter().find(|org| org.id == vdc.org) else { continue };
                let own: Vec<StorageProfile> =
                    profiles.iter().filter(|profile| profile.vdc == vdc.id).cloned().collect();
                let place = place_of(vdc, org, &own);
                // One that is away need not be asked about every one of them.
                let is_placed =
                    backend.status().reach == Reach::Here && self.place(&**backend, &place).await;
                if !is_placed {
                    unplaced.entry(*provider).or_default().push(vdc.id);
                }
            }
        }
        Ok(unplaced)
    }

    /// For each backend what writes down what it sees, and what makes the places that are missing.
    pub(super) fn spawn_watchers(
        &self,
        mut unplaced: HashMap<Id<ProviderVdc>, Vec<Id<Vdc>>>,
    ) -> Vec<JoinHandle<()>> {
        let watch = |(provider, backend): (&Id<ProviderVdc>, &Arc<dyn VmBackend>)| {
            let watcher = Watcher {
                cloud: self.clone(),
                provider: *provider,
                backend: Arc::clone(backend),
                changes: Changes::default(),
                compare: Instant::now(),
                uncompared: Vec::new(),
            };
            let placer = Placer {
                cloud: self.clone(),
                provider: *provider,
                backend: Arc::clone(backend),
                unplaced: unplaced
                    .remove(provider)
                    .into_iter()
                    .flatten()
                    .map(|vdc| (vdc, false))
                    .collect(),
            };
            // Subscribed before anything is asked for, so that nothing is missed.
            [
                tokio::spawn(watcher.run(backend.watch())),
                tokio::spawn(placer.run(backend.watch_places())),
            ]
        };
        self.backends().iter().flat_map(watch).collect()
    }
}

/// Looks after the VMs of a provider VDC.
struct Watcher {
    cloud: Cloud,
    provider: Id<ProviderVdc>,
    backend: Arc<dyn VmBackend>,
    /// What was told, or found, and is not written down.
    changes: Changes,
    /// When all VMs are compared with their rows next.
    compare: Instant,
    /// The VDCs whose VMs are still to be compared.
    uncompared: Vec<Id<Vdc>>,
}

impl Watcher {
    async fn run(mut self, mut events: BoxStream<'static, VmEvent>) {
        let mut was_away = false;
        let mut look = Instant::now();
        loop {
            tokio::select! {
                event = events.next() => {
                    let Some(event) = event else { return };
                    // Those who wait for another look do not hold up what is new.
                    look = look.min(Instant::now() + GATHER);
                    self.changes.told(event, Instant::now());
                }
                () = tokio::time::sleep_until(look) => {
                    look = Instant::now() + LOOK_AGAIN;
                    // What is told of while it is away is looked at when it is back, and so is all the rest.
                    if self.backend.status().reach != Reach::Here {
                        was_away = true;
                        continue;
                    }
                    if std::mem::take(&mut was_away) {
                        self.compare = Instant::now();
                    }
                    let compared = self.compare_some().await;
                    self.write_down().await;
                    look = match compared {
                        Ok(()) if !self.uncompared.is_empty() => Instant::now(),
                        Ok(()) if self.changes.is_empty() => self.compare,
                        _ => Instant::now() + LOOK_AGAIN,
                    };
                }
            }
        }
    }
}
