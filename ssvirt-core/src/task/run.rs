//! What each step does, forward and backward, and the loop round them.

use std::{future::Future, net::Ipv4Addr, sync::Arc};

use super::{Step, engine::Shared};
use crate::{
    VmBackend,
    backend::{Reach, VmNote, VmPlan, VmRef},
    error::{Error, ErrorKind, Result},
    id::Id,
    measure,
    model::{
        Catalog, CatalogItem, Event, Network, Org, Outcome, Phase, PowerState, ProviderVdc, Role,
        Session, StorageProfile, Task, TaskFailure, TaskStatus, TaskStep, Template, User, VApp,
        Vdc, Vm, VmState,
    },
    store::{By, Tx},
};

/// Work on the store, repeated when the store is away or busy, or a row was changed in between. A macro,
/// because the futures of async closures are not known to be `Send`.
macro_rules! patiently {
    ($shared:expr, $work:expr) => {{
        let config = &$shared.config;
        let mut wait = config.backoff;
        let mut attempt = 1;
        loop {
            let once = async { Ok::<_, Error>($work) };
            match once.await {
                Err(error) if may_pass(&error) && attempt < config.attempts => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(config.backoff_max);
                    attempt += 1;
                }
                other => break other,
            }
        }
    }};
}

/// A unit of work, all or nothing.
macro_rules! in_tx {
    ($shared:expr, $tx:ident => $work:expr) => {
        patiently!($shared, {
            let mut $tx = $shared.store.begin().await?;
            let value = $work;
            $tx.commit().await?;
            value
        })
    };
}

fn may_pass(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Conflict)
}

/// Why a step did not succeed.
enum Trouble {
    /// The backend, or a rule, refuses it for good.
    Refused(Error),
    /// The store failed: nothing can be said about the task, it is left for later.
    Store(Error),
    /// The backend of this provider VDC is known to be away: the task waits for it.
    Away(Id<ProviderVdc>),
}

impl Trouble {
    /// Where it says nothing about the task.
    fn or_interrupted(self) -> Result<Error, Interrupted> {
        match self {
            Self::Refused(error) => Ok(error),
            Self::Store(error) => Err(Interrupted::Store(error)),
            Self::Away(provider) => Err(Interrupted::Away(provider)),
        }
    }
}

/// Why a run did not come to the end of its task, which is left as it is.
pub(super) enum Interrupted {
    /// The store failed, or another run has the task.
    Store(Error),
    /// The backend of this provider VDC is away.
    Away(Id<ProviderVdc>),
}

impl From<Error> for Interrupted {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// A backend, and whose it is.
struct Served {
    provider: Id<ProviderVdc>,
    backend: Arc<dyn VmBackend>,
}

impl From<Error> for Trouble {
    /// What the store says when it cannot be asked just now, or when the task is another's, is no verdict
    /// on the task. Anything else would be said again at every try.
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Conflict | ErrorKind::Busy => Self::Store(error),
            _ => Self::Refused(error),
        }
    }
}

/// What a step's work outside the store came to.
enum Seen {
    Nothing,
    State(VmState),
}

impl Shared {
    /// Runs a task to its end, as long as `holder` holds it.
    pub(super) async fn run(&self, mut task: Task, holder: &str) -> Result<(), Interrupted> {
        let steps = patiently!(self, self.store.read().await?.task_steps(task.id).await?)?;
        let total = steps.len().max(1);
        if !task.undoing {
            for TaskStep { seq, step, .. } in steps.iter().filter(|step| !step.done) {
                if self.reload(&mut task).await?.cancel_requested && step.may_be_cancelled() {
                    self.start_undoing(&mut task, None, holder).await?;
                    break;
                }
                if let Err(trouble) = self.forward(&task, *seq, step, total, holder).await {
                    let error = trouble.or_interrupted()?;
                    tracing::info!(task = %task.id, error = &error as &dyn std::error::Error, step = step.name(), "a task failed");
                    self.start_undoing(&mut task, Some(&error), holder).await?;
                    break;
                }
            }
        }
        let mut clean = true;
        if task.undoing {
            for TaskStep { seq, step, .. } in steps.iter().rev() {
                clean &= self.backward(&task, *seq, step, clean, holder).await?;
            }
        }
        Ok(self.finish(task, holder).await?)
    }

    async fn reload<'a>(&self, task: &'a mut Task) -> Result<&'a Task> {
        *task = patiently!(self, self.store.read().await?.require(task.id).await?)?;
        Ok(task)
    }

    async fn start_undoing(
        &self,
        task: &mut Task,
        error: Option<&Error>,
        holder: &str,
    ) -> Result<()> {
        *task = in_tx!(self, tx => {
            self.still_held(&mut tx, task.id, holder).await?;
            let mut row: Task = tx.require(task.id).await?;
            row.undoing = true;
            row.failure = error.map(failure);
            tx.update(&mut row).await?;
            row
        })?;
        Ok(())
    }

    async fn finish(&self, task: Task, holder: &str) -> Result<()> {
        in_tx!(self, tx => {
            self.still_held(&mut tx, task.id, holder).await?;
            let mut row: Task = tx.require(task.id).await?;
            row.status = match (row.undoing, &row.failure) {
                (false, _) => TaskStatus::Success,
                (true, Some(_)) => TaskStatus::Error,
                (true, None) => TaskStatus::Canceled,
            };
            row.progress = 100;
            row.ended = Some(self.clock.now());
            tx.update(&mut row).await?;
            tx.release_task(row.id, true).await?;
            let event = Event {
                id: Id::new(self.ids.uuid()),
                at: self.clock.now(),
                org: row.org,
                user: Some(row.user),
                operation: row.operation_name.clone(),
                entity: row.owner,
                entity_name: row.owner_name.clone(),
                outcome: if row.status == TaskStatus::Success { Outcome::Success } else { Outcome::Failure },
                request_id: row.request_id.clone(),
                version: 0,
            };
            tx.insert(&event).await?;
            row
        })
        .map(|row: Task| count(&row))
    }

    /// One step, and the memory that it is done, in that order: a step whose end was not remembered is
    /// done again.
    async fn forward(
        &self,
        task: &Task,
        seq: i32,
        step: &Step,
        total: usize,
        holder: &str,
    ) -> Result<(), Trouble> {
        let seen = self.work(task, step).await?;
        in_tx!(self, tx => {
            self.still_held(&mut tx, task.id, holder).await?;
            self.record(&mut tx, step, &seen).await?;
            tx.mark_step(task.id, seq, true).await?;
            let mut row: Task = tx.require(task.id).await?;
            row.progress = i32::try_from((seq as usize + 1) * 99 / total).unwrap_or(99);
            tx.update(&mut row).await?;
        })
        .map_err(Trouble::from)
    }

    /// What a step does outside the store.
    async fn work(&self, task: &Task, step: &Step) -> Result<Seen, Trouble> {
        match step {
            Step::Record { .. }
            | Step::ChangeVApp { .. }
            | Step::Settle { .. }
            | Step::Forget { .. }
            | Step::ForgetVdc { .. }
            | Step::ForgetOrg { .. }
            | Step::Done => Ok(Seen::Nothing),
            Step::CreateVm { vm } => {
                let (on, plan) = self.plan(*vm).await?;
                let done = self.retry(&on, || on.backend.create_vm(&plan)).await;
                note(task, &on, *vm, &done);
                done.map(Seen::State)
            }
            Step::ChangeVm { vm, .. } => {
                let (on, plan) = self.plan(*vm).await?;
                let done = self.retry(&on, || on.backend.change_vm(&plan)).await;
                note(task, &on, *vm, &done);
                done.map(Seen::State)
            }
            Step::Power { vm, action, .. } => {
                let on = self.backend_of(*vm).await?;
                let done = self.retry(&on, || on.backend.power_vm(*vm, *action)).await;
                note(task, &on, *vm, &done);
                done.map(Seen::State)
            }
            Step::DeleteVm { vm } => {
                let on = self.backend_of(*vm).await?;
                self.retry(&on, || on.backend.delete_vm(*vm)).await.map(|()| Seen::Nothing)
            }
            Step::EnsurePlace { provider, place } | Step::ChangeVdc { provider, place, .. } => {
                if let Some(on) = self.served(*provider) {
                    self.retry(&on, || on.backend.ensure_place(place)).await?;
                }
                Ok(Seen::Nothing)
            }
            Step::RemovePlace { provider, vdc } => {
                if let Some(on) = self.served(*provider) {
                    self.retry(&on, || on.backend.remove_place(*vdc)).await?;
                }
                Ok(Seen::Nothing)
            }
        }
    }

    /// What a step leaves in the store.
    async fn record(&self, tx: &mut Tx, step: &Step, seen: &Seen) -> Result<()> {
        match (step, seen) {
            (Step::CreateVm { vm } | Step::ChangeVm { vm, .. }, Seen::State(state)) => {
                update_vm(tx, *vm, |row| row.state = state.clone()).await
            }
            (Step::Power { vm, deployed, .. }, Seen::State(state)) => {
                update_vm(tx, *vm, |row| {
                    row.state = state.clone();
                    row.deployed = *deployed;
                })
                .await
            }
            (Step::Settle { vapp, vms }, _) => {
                for id in vms {
                    if let Some(mut vm) = tx.get(*id).await? {
                        vm.phase = Phase::Ready;
                        tx.update(&mut vm).await?;
                    }
                }
                if let Some(id) = vapp
                    && let Some(mut vapp) = tx.get(*id).await?
                {
                    vapp.phase = Phase::Ready;
                    tx.update(&mut vapp).await?;
                }
                Ok(())
            }
            (Step::Forget { vapp, vms }, _) => {
                for id in vms {
                    tx.clear_metadata(id.any()).await?;
                    tx.delete(*id).await?;
                }
                if let Some(id) = vapp {
                    tx.clear_metadata(id.any()).await?;
                    tx.delete(*id).await?;
                }
                Ok(())
            }
            (Step::ForgetVdc { vdc }, _) => {
                tx.delete_all::<Network>(&[By::Vdc(*vdc)]).await?;
                tx.delete_all::<StorageProfile>(&[By::Vdc(*vdc)]).await?;
                tx.clear_metadata(vdc.any()).await?;
                tx.delete(*vdc).await?;
                Ok(())
            }
            (Step::ForgetOrg { org }, _) => forget_org(tx, *org).await,
            _ => Ok(()),
        }
    }

    /// Undoes a step, done or not. False when the backend will not let it be undone: then what is left of
    /// it stays visible, so that it can be deleted later.
    async fn backward(
        &self,
        task: &Task,
        seq: i32,
        step: &Step,
        clean: bool,
        holder: &str,
    ) -> Result<bool, Interrupted> {
        let undone = match step {
            Step::CreateVm { vm } => {
                let on = match self.backend_of(*vm).await.map_err(Trouble::or_interrupted) {
                    Ok(on) => on,
                    // A backend that made it is not there now: the row stays, to be deleted with it later.
                    Err(Ok(_)) => return Ok(false),
                    Err(Err(interrupted)) => return Err(interrupted),
                };
                self.retry(&on, || on.backend.delete_vm(*vm)).await
            }
            Step::EnsurePlace { provider, place } => match self.served(*provider) {
                Some(on) => self.retry(&on, || on.backend.remove_place(place.vdc)).await,
                None => Ok(()),
            },
            Step::ChangeVdc { provider, place_before, .. } => match self.served(*provider) {
                Some(on) => self.retry(&on, || on.backend.ensure_place(place_before)).await,
                None => Ok(()),
            },
            Step::ChangeVm { vm, before } => {
                in_tx!(self, tx => {
                    self.still_held(&mut tx, task.id, holder).await?;
                    restore(&mut tx, *vm, before).await?;
                })?;
                match self.backend_of(*vm).await {
                    Ok(on) => {
                        let plan = VmPlan::of(before);
                        self.retry(&on, || on.backend.change_vm(&plan)).await.map(|_| ())
                    }
                    Err(trouble) => Err(trouble),
                }
            }
            _ => Ok(()),
        };
        let undone = match undone {
            Ok(()) => true,
            Err(trouble) => {
                let error = trouble.or_interrupted()?;
                tracing::error!(task = %task.id, step = step.name(), error = &error as &dyn std::error::Error, "a step cannot be undone");
                false
            }
        };
        in_tx!(self, tx => {
            self.still_held(&mut tx, task.id, holder).await?;
            match step {
                Step::Record { vapp, vms } if clean && undone => {
                    self.record(&mut tx, &Step::Forget { vapp: *vapp, vms: vms.clone() }, &Seen::Nothing).await?;
                }
                Step::Record { vapp, vms } => {
                    for id in vms {
                        if let Some(mut vm) = tx.get(*id).await? {
                            vm.phase = Phase::Failed;
                            vm.deployed = vm.state.power == PowerState::On;
                            tx.update(&mut vm).await?;
                        }
                    }
                    if let Some(id) = vapp
                        && let Some(mut vapp) = tx.get(*id).await?
                    {
                        vapp.phase = Phase::Failed;
                        tx.update(&mut vapp).await?;
                    }
                }
                Step::Power { vm, before: Some(deployed), .. } => {
                    // One that was switched on before another failed stays on.
                    let off = |row: &Vm| row.state.power != PowerState::On;
                    if tx.get(vm.vm).await?.as_ref().is_some_and(off) {
                        update_vm(&mut tx, *vm, |row| row.deployed = *deployed).await?;
                    }
                }
                Step::ChangeVApp { before } => restore_vapp(&mut tx, before).await?,
                Step::ChangeVdc { before, profiles, .. } => {
                    restore_vdc(&mut tx, before, profiles).await?;
                }
                Step::EnsurePlace { place, .. } if undone => {
                    self.record(&mut tx, &Step::ForgetVdc { vdc: place.vdc }, &Seen::Nothing).await?;
                }
                _ => {}
            }
            tx.mark_step(task.id, seq, false).await?;
        })?;
        Ok(undone)
    }

    async fn plan(&self, vm: VmRef) -> Result<(Served, VmPlan), Trouble> {
        let row: Vm = patiently!(self, self.store.read().await?.require(vm.vm).await?)?;
        Ok((self.backend_of(vm).await?, VmPlan::of(&row)))
    }

    async fn backend_of(&self, vm: VmRef) -> Result<Served, Trouble> {
        let vdc = patiently!(self, self.store.read().await?.require(vm.vdc).await?)?;
        self.served(vdc.provider).ok_or_else(|| Trouble::Refused(no_backend()))
    }

    fn served(&self, provider: Id<ProviderVdc>) -> Option<Served> {
        let backend = Arc::clone(self.backends.get(&provider)?);
        Some(Served { provider, backend })
    }

    /// Repeats a backend call while it may yet succeed. Where the backend is known to be away it is not the
    /// call's turn to find out when it comes back.
    async fn retry<T, F>(&self, on: &Served, mut call: impl FnMut() -> F) -> Result<T, Trouble>
    where
        F: Future<Output = Result<T>>,
    {
        let mut wait = self.config.backoff;
        let mut attempt = 1;
        loop {
            match call().await {
                Ok(value) => return Ok(value),
                Err(error) if error.is_retriable() && on.backend.status().reach != Reach::Here => {
                    return Err(Trouble::Away(on.provider));
                }
                Err(error) if error.is_retriable() && attempt < self.config.attempts => {
                    tracing::debug!(
                        attempt,
                        error = &error as &dyn std::error::Error,
                        "a backend call is repeated"
                    );
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(self.config.backoff_max);
                    attempt += 1;
                }
                Err(error) => return Err(Trouble::Refused(error)),
            }
        }
    }
}

/// Says at the backend what a task has done there, or could not do.
fn note<T>(task: &Task, on: &Served, vm: VmRef, done: &Result<T, Trouble>) {
    let failure = match done {
        Ok(_) => None,
        Err(Trouble::Refused(error)) => Some(error.message().to_owned()),
        // It is not over.
        Err(Trouble::Store(_) | Trouble::Away(_)) => return,
    };
    let (operation, request_id) = (task.operation_name.clone(), task.request_id.clone());
    on.backend.note(vm, VmNote { operation, request_id, failure });
}

/// Measures a task that is over.
fn count(task: &Task) {
    let outcome = task.status.name();
    // The names are those of the code, and so are few.
    let operation = task.operation_name.clone();
    metrics::counter!(measure::TASKS, "operation" => operation, "outcome" => outcome).increment(1);
    if let Some(ended) = task.ended {
        let taken = ended.duration_since(task.started).as_secs_f64();
        metrics::histogram!(measure::TASK_DURATION, "outcome" => outcome).record(taken);
    }
}

pub(crate) fn no_backend() -> Error {
    Error::not_supported("this installation has no backend that runs virtual machines")
}

async fn update_vm(tx: &mut Tx, vm: VmRef, change: impl FnOnce(&mut Vm)) -> Result<()> {
    let mut row: Vm = tx.require(vm.vm).await?;
    change(&mut row);
    tx.update(&mut row).await
}

/// Gives a row back what a change took, but not what was seen since. A name that another VM has taken
/// meanwhile cannot be given back.
async fn restore(tx: &mut Tx, vm: VmRef, before: &Vm) -> Result<()> {
    let mut row: Vm = tx.require(vm.vm).await?;
    let siblings = tx.select::<Vm>(&[By::VApp(row.vapp)]).await?;
    if !siblings.iter().any(|other| other.id != row.id && other.name == before.name) {
        row.name.clone_from(&before.name);
    }
    row.description.clone_from(&before.description);
    let own: Vec<Ipv4Addr> = row.spec.nics.iter().filter_map(|nic| nic.ip).collect();
    row.spec.clone_from(&before.spec);
    // Nor can an address that another VM was given.
    for nic in &mut row.spec.nics {
        if let (Some(network), Some(ip)) = (nic.parent, nic.ip) {
            let used = tx.used_addresses(network).await?;
            if used.contains(&ip) && !own.contains(&ip) {
                nic.ip = None;
            }
        }
    }
    row.products.clone_from(&before.products);
    tx.update(&mut row).await
}

/// As [`restore`], of a vApp.
async fn restore_vapp(tx: &mut Tx, before: &VApp) -> Result<()> {
    let Some(mut row) = tx.get(before.id).await? else { return Ok(()) };
    let namesakes = tx.count::<VApp>(&[By::Org(row.org), By::Name(before.name.clone())]).await?;
    if namesakes == 0 {
        row.name.clone_from(&before.name);
    }
    row.description.clone_from(&before.description);
    row.networks.clone_from(&before.networks);
    tx.update(&mut row).await
}

/// As [`restore`], of a VDC with its storage profiles.
async fn restore_vdc(tx: &mut Tx, before: &Vdc, profiles: &[StorageProfile]) -> Result<()> {
    let Some(mut row) = tx.get(before.id).await? else { return Ok(()) };
    let namesakes = tx.count::<Vdc>(&[By::Org(row.org), By::Name(before.name.clone())]).await?;
    let name = if namesakes == 0 { before.name.clone() } else { row.name };
    row = Vdc { name, version: row.version, ..before.clone() };
    tx.update(&mut row).await?;
    for mut profile in tx.select::<StorageProfile>(&[By::Vdc(before.id)]).await? {
        match profiles.iter().find(|known| known.id == profile.id) {
            Some(known) => {
                profile = StorageProfile { version: profile.version, ..known.clone() };
                tx.update(&mut profile).await?;
            }
            None => drop(tx.delete(profile.id).await?),
        }
    }
    Ok(())
}

/// Removes an organization with everything that is nobody else's.
async fn forget_org(tx: &mut Tx, org: Id<Org>) -> Result<()> {
    let catalogs: Vec<Catalog> = tx.select(&[By::Org(org)]).await?;
    for catalog in catalogs {
        forget_catalog(tx, catalog.id).await?;
    }
    tx.delete_all::<Session>(&[By::Org(org)]).await?;
    tx.delete_all::<User>(&[By::Org(org)]).await?;
    tx.delete_all::<Role>(&[By::Org(org)]).await?;
    tx.clear_metadata(org.any()).await?;
    tx.delete(org).await?;
    Ok(())
}

/// Removes a catalog with its items and templates.
pub(crate) async fn forget_catalog(tx: &mut Tx, catalog: Id<Catalog>) -> Result<()> {
    for item in tx.select::<CatalogItem>(&[By::Catalog(catalog)]).await? {
        tx.clear_metadata(item.id.any()).await?;
        tx.clear_metadata(item.template.any()).await?;
    }
    tx.delete_all::<CatalogItem>(&[By::Catalog(catalog)]).await?;
    tx.delete_all::<Template>(&[By::Catalog(catalog)]).await?;
    tx.clear_metadata(catalog.any()).await?;
    tx.delete(catalog).await?;
    Ok(())
}

fn failure(error: &Error) -> TaskFailure {
    let (major, minor) = match error.kind() {
        ErrorKind::LimitExceeded => (400, "OPERATION_LIMITS_EXCEEDED"),
        ErrorKind::InvalidState => (400, "INVALID_STATE"),
        ErrorKind::NotSupported => (400, "NOT_SUPPORTED"),
        ErrorKind::Unavailable => (503, "SERVICE_UNAVAILABLE"),
        ErrorKind::Internal => (500, "INTERNAL_SERVER_ERROR"),
        _ => (400, "BAD_REQUEST"),
    };
    TaskFailure { major, minor: minor.to_owned(), message: error.message().to_owned() }
}
