//! What the backends see, written down.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::StreamExt as _;
use tokio::{task::JoinHandle, time::Instant};

use super::Cloud;
use crate::{
    VmBackend,
    backend::{KnownVm, VmEvent, VmPlan, VmRef},
    error::{ErrorKind, Result},
    id::Id,
    model::{PowerState, ProviderVdc, StorageProfile, Vdc, Vm, VmState},
    store::By,
};

/// When a VM is looked at again that could not be written down.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

impl Cloud {
    /// Tells every backend which VMs it should have, and where.
    pub(super) async fn start_backends(&self) -> Result<()> {
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
        let orgs: Vec<crate::model::Org> = tx.select(&[]).await?;
        let profiles: Vec<StorageProfile> = tx.select(&[]).await?;
        drop(tx);
        for (provider, backend) in self.backends() {
            backend.start(known.remove(provider).unwrap_or_default()).await?;
            for vdc in vdcs.iter().filter(|vdc| vdc.provider == *provider) {
                let Some(org) = orgs.iter().find(|org| org.id == vdc.org) else { continue };
                let own: Vec<StorageProfile> =
                    profiles.iter().filter(|profile| profile.vdc == vdc.id).cloned().collect();
                let place = super::vdc::place_of(vdc, org, &own);
                if let Err(error) = backend.ensure_place(&place).await {
                    tracing::warn!(vdc = %vdc.id, error = &error as &dyn std::error::Error, "a VDC has no place yet");
                }
            }
        }
        Ok(())
    }

    /// One task a backend that writes down what it sees.
    pub(super) fn spawn_watchers(&self) -> Vec<JoinHandle<()>> {
        self.backends()
            .iter()
            .map(|(provider, backend)| self.spawn_watcher(*provider, Arc::clone(backend)))
            .collect()
    }

    fn spawn_watcher(
        &self,
        provider: Id<ProviderVdc>,
        backend: Arc<dyn VmBackend>,
    ) -> JoinHandle<()> {
        let cloud = self.clone();
        // Subscribed before anything is asked for, so that nothing is missed.
        let mut events = backend.watch();
        tokio::spawn(async move {
            // What could not be written down when it was seen. It is not kept but looked at again.
            let mut later = HashSet::new();
            let mut all_seen = false;
            let mut look = Instant::now();
            loop {
                tokio::select! {
                    event = events.next() => {
                        let Some(event) = event else { return };
                        let (VmEvent::Seen(target, _) | VmEvent::Gone(target)) = event;
                        if !cloud.observed(&*backend, target).await {
                            later.insert(target);
                        }
                    }
                    () = tokio::time::sleep_until(look), if !all_seen || !later.is_empty() => {
                        for target in std::mem::take(&mut later) {
                            if !cloud.observed(&*backend, target).await {
                                later.insert(target);
                            }
                        }
                        if !all_seen {
                            all_seen = cloud.look_at_all(provider, &*backend, &mut later).await.is_ok();
                        }
                        look = Instant::now() + LOOK_AGAIN;
                    }
                }
            }
        })
    }

    /// Notes which VMs are not as their rows say: what changed while nobody watched.
    async fn look_at_all(
        &self,
        provider: Id<ProviderVdc>,
        backend: &dyn VmBackend,
        changed: &mut HashSet<VmRef>,
    ) -> Result<()> {
        let vdcs: Vec<Vdc> = self.read().await?.select(&[]).await?;
        for vdc in vdcs.into_iter().filter(|vdc| vdc.provider == provider).map(|vdc| vdc.id) {
            let rows: Vec<Vm> = self.read().await?.select(&[By::Vdc(vdc)]).await?;
            if rows.is_empty() {
                continue;
            }
            let seen: HashMap<Id<Vm>, VmState> = backend.vms(vdc).await?.into_iter().collect();
            let differs = rows.into_iter().filter(|row| seen.get(&row.id) != Some(&row.state));
            changed.extend(differs.map(|row| VmRef { vm: row.id, vdc }));
        }
        Ok(())
    }

    /// Writes down what the backend says of a VM; false when it must be looked at again.
    async fn observed(&self, backend: &dyn VmBackend, target: VmRef) -> bool {
        match self.observe(backend, target).await {
            Ok(written) => written,
            Err(error) => {
                if error.kind() != ErrorKind::Conflict {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "an observed change was not written yet"
                    );
                }
                false
            }
        }
    }

    /// A task that works on the VM writes what it sees itself. The backend is asked after the row was read,
    /// and the row must not have changed since: what is older than a task's word is never written over it.
    async fn observe(&self, backend: &dyn VmBackend, target: VmRef) -> Result<bool> {
        let mut tx = self.read().await?;
        let Some(mut vm) = tx.get(target.vm).await? else { return Ok(true) };
        if !tx.open_tasks(&[target.vm.any()]).await?.is_empty() {
            return Ok(false);
        }
        drop(tx);
        let seen = backend.vm(target).await?;
        let state = seen.unwrap_or(VmState { power: PowerState::Lost, ..VmState::default() });
        if vm.state == state {
            return Ok(true);
        }
        let mut tx = self.begin().await?;
        tx.lock_vdc(target.vdc).await?;
        if !tx.open_tasks(&[target.vm.any()]).await?.is_empty() {
            return Ok(false);
        }
        vm.state = state;
        tx.update(&mut vm).await?;
        tx.commit().await?;
        Ok(true)
    }
}
