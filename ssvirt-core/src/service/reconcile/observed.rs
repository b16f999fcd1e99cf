//! Observed changes: gathered, checked, and written down many at a time.

use std::collections::{BTreeMap, HashMap, HashSet};

use tokio::time::Instant;

use super::{RESYNC, Watcher};
use crate::{
    backend::{VmEvent, VmRef},
    error::{ErrorKind, Result},
    id::{Id, Urn},
    measure,
    model::{PowerState, Vdc, Vm, VmState},
    store::{By, Tx},
};

/// VMs that are written down together at most.
const BATCH: usize = 200;

/// VDCs that are compared at a time.
const COMPARED: usize = 8;

/// What was last told of a VM.
struct Told {
    /// Its state; none where it has only been found that it is another than its row says.
    state: Option<VmState>,
    /// When the first change was told that is not written down yet.
    since: Instant,
}

/// Why a VM must be looked at again.
#[derive(Clone, Copy)]
enum Why {
    /// A task works on it.
    Task,
    /// The backend or the store could not be asked, or somebody else has changed the row.
    NotWritten,
}

/// Changes that are to be written down: of each VM the last.
#[derive(Default)]
pub(super) struct Changes(HashMap<VmRef, Told>);

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn told(&mut self, event: VmEvent, now: Instant) {
        let (target, state) = match event {
            VmEvent::Seen(target, state) => (target, state),
            VmEvent::Gone(target) => (target, lost()),
        };
        let told = self.0.entry(target).or_insert(Told { state: None, since: now });
        told.state = Some(state);
    }

    fn found(&mut self, target: VmRef, now: Instant) {
        self.0.entry(target).or_insert(Told { state: None, since: now }).state = None;
    }

    /// A look at them all, in batches.
    fn take(&mut self) -> Vec<Vec<(VmRef, Told)>> {
        let mut all: Vec<_> = self.0.drain().collect();
        // Those of a VDC together.
        all.sort_by_key(|(target, _)| (target.vdc, target.vm));
        let mut batches = Vec::with_capacity(all.len().div_ceil(BATCH));
        while !all.is_empty() {
            let rest = all.split_off(all.len().min(BATCH));
            batches.push(std::mem::replace(&mut all, rest));
        }
        batches
    }

    /// Not written down: to be looked at again.
    fn again(&mut self, target: VmRef, told: Told) {
        self.0.entry(target).or_insert(told);
    }
}

/// Says which fields of a VM's hardware are not as they should be any more.
fn report(before: &[&str], now: &Vm) {
    let new = now.drift();
    for field in new.iter().filter(|field| !before.contains(field)) {
        metrics::counter!(measure::DRIFT, "field" => *field).increment(1);
    }
    if before != new {
        tracing::warn!(vm = %now.id, fields = ?new, "a VM's hardware is another than it should be");
    }
}

fn lost() -> VmState {
    VmState { power: PowerState::Lost, ..VmState::default() }
}

impl Watcher {
    /// Notes which VMs are not as their rows say: what changed while nobody watched. Only of some VDCs at a time,
    /// because what is told meanwhile waits.
    pub(super) async fn compare_some(&mut self) -> Result<()> {
        if Instant::now() >= self.compare {
            let by = [By::Provider(self.provider)];
            let vdcs: Vec<Vdc> = self.cloud.read().await?.select(&by).await?;
            self.uncompared = vdcs.into_iter().map(|vdc| vdc.id).collect();
            self.compare = Instant::now() + RESYNC;
        }
        for _ in 0..COMPARED {
            let Some(vdc) = self.uncompared.last().copied() else { break };
            let rows: Vec<Vm> = self.cloud.read().await?.select(&[By::Vdc(vdc)]).await?;
            if !rows.is_empty() {
                let seen: HashMap<Id<Vm>, VmState> =
                    self.backend.vms(vdc).await?.into_iter().collect();
                for row in rows.into_iter().filter(|row| seen.get(&row.id) != Some(&row.state)) {
                    self.changes.found(VmRef { vm: row.id, vdc }, Instant::now());
                }
            }
            self.uncompared.pop();
        }
        Ok(())
    }

    /// Writes down what is true of the VMs that have changed, as far as no task works on them: a task writes what
    /// it sees itself.
    pub(super) async fn write_down(&mut self) {
        for batch in self.changes.take() {
            let targets: Vec<VmRef> = batch.iter().map(|(target, _)| *target).collect();
            let states: HashMap<VmRef, VmState> = batch
                .iter()
                .filter_map(|(target, told)| Some((*target, told.state.clone()?)))
                .collect();
            let again = self.observe(&targets, &states).await.unwrap_or_else(|error| {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "observed changes were not written yet"
                );
                targets.into_iter().map(|target| (target, Why::NotWritten)).collect()
            });
            for (target, told) in batch {
                match again.get(&target) {
                    // Until the task is over it is the task's word that counts.
                    Some(Why::Task) => {
                        self.changes.again(target, Told { since: Instant::now(), ..told })
                    }
                    Some(Why::NotWritten) => self.changes.again(target, told),
                    None if told.state.is_some() => {
                        metrics::histogram!(measure::WATCH_LAG).record(told.since.elapsed());
                    }
                    None => {}
                }
            }
        }
    }

    /// Those that must be looked at again.
    ///
    /// What differs from its row is asked for after the row was read, and the row must not have changed since:
    /// what is older than a task's word is never written over it.
    async fn observe(
        &self,
        targets: &[VmRef],
        told: &HashMap<VmRef, VmState>,
    ) -> Result<HashMap<VmRef, Why>> {
        let mut tx = self.cloud.read().await?;
        let ids = targets.iter().map(|target| target.vm.uuid()).collect();
        let rows: Vec<Vm> = tx.select(&[By::Ids(ids)]).await?;
        let worked_on = worked_on(&mut tx, targets).await?;
        drop(tx);
        let mut again = HashMap::new();
        let mut differing: BTreeMap<Id<Vdc>, Vec<Vm>> = BTreeMap::new();
        for row in rows {
            let target = VmRef { vm: row.id, vdc: row.vdc };
            if worked_on.contains(&row.id.any()) {
                again.insert(target, Why::Task);
            } else if told.get(&target) != Some(&row.state) {
                differing.entry(row.vdc).or_default().push(row);
            }
        }
        let mut changed = Vec::new();
        for (vdc, rows) in differing {
            match self.states(vdc, &rows).await {
                Ok(mut seen) => changed.extend(rows.into_iter().filter_map(|row| {
                    let state = seen.remove(&row.id).unwrap_or_else(lost);
                    if row.state == state {
                        return None;
                    }
                    let before = row.drift();
                    let now = Vm { state, ..row };
                    report(&before, &now);
                    Some(now)
                })),
                Err(error) => {
                    tracing::debug!(%vdc, error = &error as &dyn std::error::Error, "VMs are looked at again");
                    let again_of = |row: &Vm| (VmRef { vm: row.id, vdc }, Why::NotWritten);
                    again.extend(rows.iter().map(again_of));
                }
            }
        }
        again.extend(self.write(changed).await?);
        Ok(again)
    }

    /// What the backend says of some VMs of a VDC.
    async fn states(&self, vdc: Id<Vdc>, of: &[Vm]) -> Result<HashMap<Id<Vm>, VmState>> {
        match of {
            [one] => {
                let seen = self.backend.vm(VmRef { vm: one.id, vdc }).await?;
                Ok(seen.map(|state| (one.id, state)).into_iter().collect())
            }
            _ => Ok(self.backend.vms(vdc).await?.into_iter().collect()),
        }
    }

    /// Writes rows; those that a task has begun to work on, or that were changed since, are left.
    async fn write(&self, rows: Vec<Vm>) -> Result<Vec<(VmRef, Why)>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let target = |row: &Vm| VmRef { vm: row.id, vdc: row.vdc };
        let targets: Vec<VmRef> = rows.iter().map(target).collect();
        let mut tx = self.cloud.begin().await?;
        // In order: whoever locks several does.
        let mut vdcs: Vec<Id<Vdc>> = rows.iter().map(|row| row.vdc).collect();
        vdcs.sort_unstable();
        vdcs.dedup();
        for vdc in vdcs {
            tx.lock_vdc(vdc).await?;
        }
        let worked_on = worked_on(&mut tx, &targets).await?;
        let mut again = Vec::new();
        for mut row in rows {
            if worked_on.contains(&row.id.any()) {
                again.push((target(&row), Why::Task));
                continue;
            }
            match tx.update(&mut row).await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    again.push((target(&row), Why::NotWritten));
                }
                Err(error) => return Err(error),
            }
        }
        tx.commit().await?;
        Ok(again)
    }
}

/// Which of these a task works on.
async fn worked_on(tx: &mut Tx, targets: &[VmRef]) -> Result<HashSet<Urn>> {
    let urns: Vec<Urn> = targets.iter().map(|target| target.vm.any()).collect();
    Ok(tx.open_tasks(&urns).await?.into_iter().map(|(urn, _)| urn).collect())
}
