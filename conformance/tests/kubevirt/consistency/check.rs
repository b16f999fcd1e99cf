//! Whether the store and the cluster are as one.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, ResourceQuota, Secret};
use kube::{Api, ResourceExt as _, api::ListParams};
use ssvirt_backends::kubevirt::{
    labels,
    place::QUOTA,
    resources::{
        DataVolume, VirtualMachine, VirtualMachineInstance, VirtualMachineRestore,
        VirtualMachineSnapshot, quantity,
    },
};
use ssvirt_core::model::{Org, Phase, PowerState, Task, VApp, Vdc, Vm};

use super::scenario::Stage;

/// How long tasks have to end, and what goes with what was deleted has to go.
const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(200);

/// All that is not as it should be, once nothing moves any more.
pub async fn all(stage: &Stage) -> Vec<String> {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let open = stage.all::<Task>().await.into_iter().filter(|task| !task.status.is_final());
        let open: Vec<String> = open.map(|task| task.operation).collect();
        let complaints = match open.is_empty() {
            true => differences(stage).await,
            false => vec![format!("these do not end: {open:?}")],
        };
        // What is deleted in the cluster goes a little later than the answer says so.
        if complaints.is_empty() || tokio::time::Instant::now() > until {
            return complaints;
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn differences(stage: &Stage) -> Vec<String> {
    let mut complaints = Vec::new();
    let orgs = stage.all::<Org>().await;
    let org = orgs.iter().find(|org| org.id != Org::SYSTEM).unwrap();
    let label = format!("{}={}", labels::ORGANIZATION_ID, org.id.uuid());
    let ours = ListParams::default().labels(&label);
    let namespaces = Api::<Namespace>::all(stage.admin.clone()).list(&ours).await.unwrap().items;
    let vdcs = stage.all::<Vdc>().await;
    let expected: BTreeSet<String> = vdcs.iter().map(|vdc| vdc.id.uuid().to_string()).collect();
    let there: BTreeSet<String> =
        namespaces.iter().map(|found| found.labels()[labels::VDC_ID].clone()).collect();
    if expected != there || namespaces.len() != vdcs.len() {
        complaints.push(format!("VDCs {expected:?}, but namespaces of {there:?}"));
    }
    for namespace in &namespaces {
        let id = &namespace.labels()[labels::VDC_ID];
        let Some(vdc) = vdcs.iter().find(|vdc| vdc.id.uuid().to_string() == *id) else { continue };
        within(stage, &namespace.name_any(), vdc, &mut complaints).await;
    }
    let vapps = stage.all::<VApp>().await;
    for vm in stage.all::<Vm>().await {
        if vm.phase != Phase::Ready || !vapps.iter().any(|vapp| vapp.id == vm.vapp) {
            complaints.push(format!("the VM {} is {:?}", vm.name, vm.phase));
        }
    }
    complaints
}

fn vm_of(object: &VirtualMachineSnapshot) -> String {
    object.labels()[labels::VM_ID].clone()
}

async fn within(stage: &Stage, namespace: &str, vdc: &Vdc, complaints: &mut Vec<String>) {
    let admin = &stage.admin;
    let quotas: Api<ResourceQuota> = Api::namespaced(admin.clone(), namespace);
    let quota = quotas.get_opt(QUOTA).await.unwrap();
    let memory = quota.and_then(|quota| {
        let hard = quota.spec?.hard?.remove("requests.memory")?;
        quantity::bytes(&quantity::Quantity(hard.0))
    });
    // Beside the VMs: 50 pods of 300 MiB.
    let wanted = (vdc.memory_limit_mib + 50 * 300) << 20;
    if memory != Some(wanted) {
        complaints.push(format!("the quota has {memory:?} bytes of memory instead of {wanted}"));
    }

    let ours = ListParams::default().labels(labels::VM_ID);
    let rows: Vec<Vm> = stage.all::<Vm>().await;
    let known: BTreeSet<String> = rows.iter().map(|vm| vm.id.uuid().to_string()).collect();
    let machines: Api<VirtualMachine> = Api::namespaced(admin.clone(), namespace);
    let machines = machines.list(&ours).await.unwrap().items;
    let there: BTreeSet<String> =
        machines.iter().map(|vm| vm.labels()[labels::VM_ID].clone()).collect();
    if known != there || machines.len() != rows.len() {
        complaints.push(format!("rows {known:?}, but VMs {there:?}"));
    }
    let instances: Api<VirtualMachineInstance> = Api::namespaced(admin.clone(), namespace);
    let instances = instances.list(&ours).await.unwrap().items;
    for vm in &rows {
        let id = vm.id.uuid().to_string();
        let Some(machine) = machines.iter().find(|found| found.labels()[labels::VM_ID] == id)
        else {
            continue;
        };
        let domain = &machine.spec.template.spec.domain;
        let memory = domain.memory.as_ref().and_then(|memory| memory.guest.as_ref());
        let memory = memory.and_then(quantity::bytes).map(|bytes| bytes >> 20);
        if memory != Some(vm.spec.memory_mib) {
            complaints.push(format!("{}: {memory:?} MiB, not {}", vm.name, vm.spec.memory_mib));
        }
        let runs = instances.iter().any(|instance| instance.labels()[labels::VM_ID] == id);
        if runs != (vm.state.power == PowerState::On) {
            complaints.push(format!("{}: runs: {runs}, but {:?}", vm.name, vm.state.power));
        }
    }

    let snapshots: Api<VirtualMachineSnapshot> = Api::namespaced(admin.clone(), namespace);
    let mut of: Vec<String> =
        snapshots.list(&ours).await.unwrap().items.iter().map(vm_of).collect();
    of.sort();
    // One of a VM, of one that there is.
    let once: BTreeSet<String> = of.iter().cloned().collect();
    if once.len() != of.len() || !once.is_subset(&known) {
        complaints.push(format!("rows {known:?}, but snapshots of {of:?}"));
    }
    let restores: Api<VirtualMachineRestore> = Api::namespaced(admin.clone(), namespace);
    let restores = restores.list(&ListParams::default()).await.unwrap().items.len();
    if restores > 0 {
        complaints.push(format!("{restores} restores are left"));
    }

    let secrets: Api<Secret> = Api::namespaced(admin.clone(), namespace);
    let volumes: Api<DataVolume> = Api::namespaced(admin.clone(), namespace);
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(admin.clone(), namespace);
    let secrets = secrets.list(&ours).await.unwrap().items;
    let volumes = volumes.list(&ours).await.unwrap().items;
    let claims = claims.list(&ListParams::default()).await.unwrap().items;
    for (what, count) in [("Secrets", secrets.len()), ("DataVolumes", volumes.len())] {
        // One each of every VM.
        if count != rows.len() {
            complaints.push(format!("{count} {what} of {} VMs", rows.len()));
        }
    }
    // Those of VMs that have their disks filled.
    if claims.len() > rows.len() {
        complaints.push(format!("{} claims of {} VMs", claims.len(), rows.len()));
    }
}
