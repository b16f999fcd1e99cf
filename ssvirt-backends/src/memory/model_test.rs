//! Random operations on the simulator, held against a model of a few lines.

use std::collections::BTreeMap;

use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use proptest::prelude::*;
use ssvirt_core::{
    Id, Result, VmBackend,
    backend::{KnownVm, PowerAction, VmEvent, VmPlan, VmRef},
    model::{PowerState, Vdc, Vm, VmState},
};

use super::{
    Simulator,
    tests::{Folder, clock, place, plan},
};

#[derive(Clone, Copy, Debug)]
enum Op {
    Ensure(u128),
    Remove(u128),
    Create(u128, u128),
    Rename(u128, u128),
    Grow(u128, u128),
    Delete(u128, u128),
    Power(u128, u128, PowerAction),
    Lose(u128),
    Crash(u128),
    Restart,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let (p, v) = (100..102_u128, 1..4_u128);
    let at = || (p.clone(), v.clone());
    let actions = prop_oneof![
        4 => Just(PowerAction::On),
        2 => Just(PowerAction::Off),
        2 => Just(PowerAction::Suspend),
        1 => Just(PowerAction::Reset),
        1 => Just(PowerAction::Reboot),
        1 => Just(PowerAction::Shutdown),
        1 => Just(PowerAction::DiscardSuspended),
    ];
    let op = prop_oneof![
        4 => p.clone().prop_map(Op::Ensure),
        1 => p.clone().prop_map(Op::Remove),
        8 => at().prop_map(|(p, v)| Op::Create(p, v)),
        2 => at().prop_map(|(p, v)| Op::Rename(p, v)),
        2 => at().prop_map(|(p, v)| Op::Grow(p, v)),
        3 => at().prop_map(|(p, v)| Op::Delete(p, v)),
        16 => (at(), actions).prop_map(|((p, v), action)| Op::Power(p, v, action)),
        1 => v.clone().prop_map(Op::Lose),
        1 => v.clone().prop_map(Op::Crash),
        2 => Just(Op::Restart),
    ];
    prop::collection::vec(op, 0..60)
}

/// What there should be: per place its VMs, each with its power and vCPUs.
type Model = BTreeMap<u128, BTreeMap<u128, (PowerState, i32)>>;

/// What an action should lead to; none is an error.
fn after(power: PowerState, action: PowerAction) -> Option<PowerState> {
    match action {
        PowerAction::On => Some(PowerState::On),
        PowerAction::Off | PowerAction::Shutdown => Some(PowerState::Off),
        PowerAction::Suspend => (power != PowerState::Off).then_some(PowerState::Suspended),
        PowerAction::Reset | PowerAction::Reboot => {
            (power == PowerState::On).then_some(PowerState::On)
        }
        PowerAction::DiscardSuspended => (power != PowerState::On).then_some(PowerState::Off),
    }
}

struct Case {
    simulator: Simulator,
    model: Model,
    /// What a watcher believes, from events alone.
    watched: BTreeMap<(Id<Vdc>, Id<Vm>), VmState>,
    events: BoxStream<'static, VmEvent>,
    file: Option<std::path::PathBuf>,
}

impl Case {
    fn new_simulator(file: Option<&std::path::Path>) -> Simulator {
        let builder = Simulator::builder(clock());
        match file {
            Some(file) => builder.world_file(file).build(),
            None => builder.build(),
        }
    }

    fn plan_now(&self, p: u128, v: u128) -> VmPlan {
        let mut plan = plan(place(p).vdc, v);
        if let Some((_, cpus)) = self.model.get(&p).and_then(|vms| vms.get(&v)) {
            plan.spec.cpus = *cpus;
        }
        plan
    }

    /// The simulator has one VM per id in `lose_vm` and `crash_vm`; the model finds the same one.
    fn find(&mut self, v: u128) -> Option<(u128, &mut (PowerState, i32))> {
        self.model.iter_mut().find_map(|(p, vms)| vms.get_mut(&v).map(|vm| (*p, vm)))
    }

    async fn apply(&mut self, op: Op) {
        let simulator = self.simulator.clone();
        let target =
            |p: u128, v: u128| VmRef { vm: plan(place(p).vdc, v).target.vm, vdc: place(p).vdc };
        match op {
            Op::Ensure(p) => {
                simulator.ensure_place(&place(p)).await.unwrap();
                self.model.entry(p).or_default();
            }
            Op::Remove(p) => {
                simulator.remove_place(place(p).vdc).await.unwrap();
                self.model.remove(&p);
            }
            Op::Create(p, v) => {
                let answer = simulator.create_vm(&self.plan_now(p, v)).await;
                let expected = self
                    .model
                    .get_mut(&p)
                    .map(|vms| vms.entry(v).or_insert((PowerState::Off, 1)).0);
                assert_eq!(power_of(answer), expected);
            }
            Op::Rename(p, v) => {
                let plan = VmPlan { name: "renamed".to_owned(), ..self.plan_now(p, v) };
                let expected = self.model.get(&p).and_then(|vms| vms.get(&v)).map(|vm| vm.0);
                assert_eq!(power_of(simulator.change_vm(&plan).await), expected);
            }
            Op::Grow(p, v) => {
                let mut plan = self.plan_now(p, v);
                plan.spec.cpus += 1;
                let answer = simulator.change_vm(&plan).await;
                let vm = self
                    .model
                    .get_mut(&p)
                    .and_then(|vms| vms.get_mut(&v))
                    .filter(|vm| vm.0 == PowerState::Off);
                assert_eq!(power_of(answer), vm.as_ref().map(|vm| vm.0));
                if let Some(vm) = vm {
                    vm.1 += 1;
                }
            }
            Op::Delete(p, v) => {
                simulator.delete_vm(target(p, v)).await.unwrap();
                self.model.get_mut(&p).map(|vms| vms.remove(&v));
            }
            Op::Power(p, v, action) => {
                let answer = simulator.power_vm(target(p, v), action).await;
                let vm = self.model.get_mut(&p).and_then(|vms| vms.get_mut(&v));
                let stops = matches!(action, PowerAction::Off | PowerAction::Shutdown);
                let expected = match &vm {
                    Some(vm) => after(vm.0, action),
                    None => stops.then_some(PowerState::Lost),
                };
                assert_eq!(power_of(answer), expected);
                if let (Some(vm), Some(power)) = (vm, expected) {
                    vm.0 = power;
                }
            }
            Op::Lose(v) => {
                let place = self.find(v).map(|(p, _)| p);
                assert_eq!(simulator.lose_vm(target(0, v).vm).unwrap(), place.is_some());
                if let Some(vms) = place.and_then(|p| self.model.get_mut(&p)) {
                    vms.remove(&v);
                }
            }
            Op::Crash(v) => {
                let vm = self.find(v).map(|(_, vm)| vm).filter(|vm| vm.0 != PowerState::Off);
                assert_eq!(simulator.crash_vm(target(0, v).vm).unwrap(), vm.is_some());
                if let Some(vm) = vm {
                    vm.0 = PowerState::Off;
                }
            }
            Op::Restart => self.restart().await,
        }
    }

    /// Another process takes over: it knows what the store knows, or what is in the file.
    async fn restart(&mut self) {
        let mut known = Vec::new();
        for (p, vms) in &self.model {
            for v in vms.keys() {
                let plan = self.plan_now(*p, *v);
                let state = self.simulator.vm(plan.target).await.unwrap().unwrap();
                known.push(KnownVm { plan, state });
            }
        }
        if self.file.is_some() {
            known.clear();
        } else {
            // Places without VMs are not rebuilt; the server ensures them again.
            self.model.retain(|_, vms| !vms.is_empty());
        }
        self.simulator.stop().await;
        self.simulator = Self::new_simulator(self.file.as_deref());
        self.simulator.start(known).await.unwrap();
        self.events = self.simulator.watch();
    }

    async fn check(&mut self) {
        while let Some(Some(event)) = self.events.next().now_or_never() {
            match event {
                VmEvent::Seen(vm, state) => self.watched.insert((vm.vdc, vm.vm), state),
                VmEvent::Gone(vm) => self.watched.remove(&(vm.vdc, vm.vm)),
            };
        }
        let mut listed = BTreeMap::new();
        for p in 100..102 {
            let vdc = place(p).vdc;
            for (id, state) in self.simulator.vms(vdc).await.unwrap() {
                let single = self.simulator.vm(VmRef { vm: id, vdc }).await.unwrap();
                assert_eq!(single.as_ref(), Some(&state), "the list and the VM say the same");
                let runs = state.power == PowerState::On;
                assert_eq!(state.nics[0].ip.is_some(), runs, "addresses are there while it runs");
                listed.insert((vdc, id), state);
            }
        }
        assert_eq!(self.watched, listed, "a watcher knows what there is");
        let model: Vec<_> = self
            .model
            .iter()
            .flat_map(|(p, vms)| {
                vms.iter()
                    .map(move |(v, vm)| (place(*p).vdc, plan(place(*p).vdc, *v).target.vm, vm.0))
            })
            .collect();
        let simulated: Vec<_> =
            listed.iter().map(|((vdc, vm), state)| (*vdc, *vm, state.power)).collect();
        assert_eq!(model, simulated);
        assert_eq!(self.simulator.is_empty(), listed.is_empty());
        assert_eq!(self.simulator.vm_ids().len(), listed.len());
    }
}

fn power_of(answer: Result<VmState>) -> Option<PowerState> {
    answer.ok().map(|state| state.power)
}

fn check(ops: Vec<Op>, file: Option<std::path::PathBuf>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let simulator = Case::new_simulator(file.as_deref());
        simulator.start(Vec::new()).await.unwrap();
        let events = simulator.watch();
        let mut case =
            Case { simulator, model: Model::new(), watched: BTreeMap::new(), events, file };
        for op in ops {
            case.apply(op).await;
            case.check().await;
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_simulator_is_its_model(ops in ops()) {
        check(ops, None);
    }
}

proptest! {
    // Files are slower.
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_simulator_with_a_file_is_its_model(ops in ops()) {
        let folder = Folder::new("model");
        check(ops, Some(folder.0.join("world")));
    }
}
