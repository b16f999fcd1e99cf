//! What the backends see, written down.

use std::{collections::HashMap, sync::Arc};

use futures_util::StreamExt as _;
use tokio::task::JoinHandle;

use super::Cloud;
use crate::{
    VmBackend,
    backend::{KnownVm, VmEvent, VmPlan, VmRef},
    error::{ErrorKind, Result},
    id::Id,
    model::{Phase, PowerState, ProviderVdc, Vdc, Vm, VmState},
    store::By,
};

impl Cloud {
    /// Tells every backend which VMs it should have, and where.
    pub(super) async fn start_backends(&self) -> Result<()> {
        let mut tx = self.read().await?;
        let mut known: HashMap<Id<ProviderVdc>, Vec<KnownVm>> = HashMap::new();
        let vdcs: Vec<Vdc> = tx.select(&[]).await?;
        for vdc in &vdcs {
            let vms: Vec<Vm> = tx.select(&[By::Vdc(vdc.id)]).await?;
            // A VM that is being made is the business of its task.
            let made = vms.into_iter().filter(|vm| vm.phase != Phase::Creating);
            let of_provider = known.entry(vdc.provider).or_default();
            of_provider.extend(made.map(|vm| KnownVm { plan: VmPlan::of(&vm), state: vm.state }));
        }
        let orgs: Vec<crate::model::Org> = tx.select(&[]).await?;
        drop(tx);
        for (provider, backend) in self.backends() {
            backend.start(known.remove(provider).unwrap_or_default()).await?;
            for vdc in vdcs.iter().filter(|vdc| vdc.provider == *provider) {
                let Some(org) = orgs.iter().find(|org| org.id == vdc.org) else { continue };
                if let Err(error) = backend.ensure_place(&super::vdc::place_of(vdc, org)).await {
                    tracing::warn!(vdc = %vdc.id, error = &error as &dyn std::error::Error, "a VDC has no place yet");
                }
            }
        }
        Ok(())
    }

    /// One task a backend that writes down what it sees.
    pub(super) fn spawn_watchers(&self) -> Vec<JoinHandle<()>> {
        self.backends().values().map(|backend| self.spawn_watcher(Arc::clone(backend))).collect()
    }

    fn spawn_watcher(&self, backend: Arc<dyn VmBackend>) -> JoinHandle<()> {
        let cloud = self.clone();
        // Subscribed before anything is asked for, so that nothing is missed.
        let mut events = backend.watch();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if let Err(error) = cloud.observe(event).await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "an observed change was not written"
                    );
                }
            }
        })
    }

    /// Writes down one observed change. A conflict means that a task has just written something newer,
    /// read from the same backend.
    async fn observe(&self, event: VmEvent) -> Result<()> {
        let (target, state) = match event {
            VmEvent::Seen(target, state) => (target, Some(state)),
            VmEvent::Gone(target) => (target, None),
        };
        let mut tx = self.read().await?;
        let Some(vm) = tx.get(target.vm).await? else { return Ok(()) };
        let state = state.unwrap_or(VmState { power: PowerState::Lost, ..VmState::default() });
        if vm.state == state
            || vm.phase == Phase::Creating
            || !tx.open_tasks(target.vm.any()).await?.is_empty()
        {
            return Ok(());
        }
        drop(tx);
        match self.write_state(target, state).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            other => other,
        }
    }

    async fn write_state(&self, target: VmRef, state: VmState) -> Result<()> {
        let mut tx = self.begin().await?;
        let Some(mut vm) = tx.get(target.vm).await? else { return Ok(()) };
        if !tx.open_tasks(target.vm.any()).await?.is_empty() {
            return Ok(());
        }
        vm.state = state;
        tx.update(&mut vm).await?;
        tx.commit().await
    }
}
