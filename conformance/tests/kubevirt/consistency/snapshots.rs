//! Snapshots: there are no tasks for them yet, so the backend is called as one would call it, again and again until it
//! answers.

use std::time::Duration;

use ssvirt_core::{
    Error, Id, Result, VmBackend as _,
    backend::{Revert, SnapshotPlan, VmRef},
    model::{PowerState, Vm},
};
use uuid::Uuid;

use super::scenario::{Scenario, Stage};

/// How often a task would come back, and when.
const ATTEMPTS: usize = 20;
const WAIT: Duration = Duration::from_millis(500);

/// The ids that the child and whoever comes after it agree on.
fn plan(vm: VmRef, which: u128) -> SnapshotPlan {
    SnapshotPlan { id: Id::new(Uuid::from_u128(vm.vm.uuid().as_u128() ^ which)), memory: false }
}

impl Stage {
    async fn target(&self) -> VmRef {
        let vm = self.all::<Vm>().await.remove(0);
        VmRef { vm: vm.id, vdc: vm.vdc }
    }

    /// The snapshot that there is before.
    pub async fn take_first(&self) {
        let target = self.target().await;
        self.backend.take_snapshot(target, &plan(target, 1)).await.unwrap();
    }

    /// Does it once.
    pub async fn snapshot(&self, scenario: Scenario) -> Result<()> {
        let target = self.target().await;
        match scenario {
            Scenario::TakeSnapshot => {
                self.backend.take_snapshot(target, &plan(target, 2)).await?;
            }
            Scenario::RevertSnapshot => {
                let snapshot = plan(target, 1).id;
                let revert = Revert { id: target.vm.uuid(), snapshot };
                self.backend.revert_snapshot(target, &revert).await?;
            }
            _ => {
                self.backend.remove_snapshots(target, None).await?;
            }
        }
        Ok(())
    }

    /// Does it until it is done, where it is of snapshots; what is not as it should be then.
    pub async fn snapshot_again(&self, scenario: Scenario) -> Vec<String> {
        if !scenario.is_of_snapshots() {
            return Vec::new();
        }
        let mut answer = self.snapshot(scenario).await;
        for _ in 1..ATTEMPTS {
            if !answer.as_ref().err().is_some_and(Error::is_retriable) {
                break;
            }
            tokio::time::sleep(WAIT).await;
            answer = self.snapshot(scenario).await;
        }
        if let Err(error) = answer {
            return vec![format!("repeated, it fails: {error}")];
        }
        let target = self.target().await;
        let expected = match scenario {
            Scenario::TakeSnapshot => Some(plan(target, 2).id),
            Scenario::RevertSnapshot => Some(plan(target, 1).id),
            _ => None,
        };
        let state = self.backend.vm(target).await.unwrap().unwrap();
        let seen = state.snapshot.map(|snapshot| snapshot.id);
        let mut complaints = Vec::new();
        if seen != expected {
            complaints.push(format!("the snapshot {seen:?}, not {expected:?}"));
        }
        if scenario == Scenario::RevertSnapshot && state.power != PowerState::Off {
            complaints.push(format!("it went back and is {:?}", state.power));
        }
        complaints
    }
}
