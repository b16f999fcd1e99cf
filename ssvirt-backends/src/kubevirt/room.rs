//! Whether a place has room: looked at before anything is made, so that what there is no room for leaves nothing
//! behind. Between the look and the making somebody else may take it; then the quota itself refuses.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::ResourceQuota, apimachinery::pkg::api::resource::Quantity as ApiQuantity,
};
use kube::{Api, Client};
use ssvirt_core::{
    Error, ErrorKind, Result,
    model::{DiskSpec, VmSpec},
};

use super::{
    call::call_opt,
    place::{Classes, QUOTA},
    resources::{
        VirtualMachine,
        domain::Cpu,
        quantity::{self, Quantity},
    },
};

/// What is needed, by the quota's keys: numbers of objects, bytes, thousandths of a core.
type Needs = BTreeMap<String, i64>;

/// What a VM needs to be there: a claim for each disk, perhaps a Secret.
pub(super) fn of_new(spec: &VmSpec, classes: &Classes, secrets: i64) -> Needs {
    let disks: Vec<&DiskSpec> = spec.disks.iter().collect();
    let mut needs = of_change(spec, &disks, &[], classes);
    needs.insert("secrets".to_owned(), secrets);
    needs
}

/// What new disks need, and those that are larger than they were, in MiB.
pub(super) fn of_change(
    spec: &VmSpec,
    new: &[&DiskSpec],
    larger: &[(&DiskSpec, i64)],
    classes: &Classes,
) -> Needs {
    let mut needs = Needs::new();
    let mut add = |key: &str, amount: i64| *needs.entry(key.to_owned()).or_default() += amount;
    if !new.is_empty() {
        add("persistentvolumeclaims", i64::try_from(new.len()).unwrap_or(i64::MAX));
    }
    let new = new.iter().map(|disk| (*disk, 0));
    for (disk, before) in new.chain(larger.iter().copied()) {
        let bytes = (disk.size_mib - before).saturating_mul(1 << 20);
        add("requests.storage", bytes);
        if let Some(class) = classes.of_disk(spec, disk) {
            add(&format!("{class}.storageclass.storage.k8s.io/requests.storage"), bytes);
        }
    }
    needs
}

/// What a VM needs to run, at the least: KubeVirt's own need beside it is the quota's to count.
pub(super) fn of_running(vm: &VirtualMachine) -> Needs {
    let domain = &vm.spec.template.spec.domain;
    let memory = domain.memory.as_ref().and_then(|memory| memory.guest.as_ref());
    let memory = memory.and_then(quantity::bytes).unwrap_or_default();
    of_launcher(domain.cpu.as_ref().map_or(1, Cpu::count), memory)
}

/// What a VM of that size needs to be moved to: it is there twice meanwhile.
pub(super) fn of_moving(spec: &VmSpec) -> Needs {
    of_launcher(i64::from(spec.cpus), spec.memory_mib.saturating_mul(1 << 20))
}

fn of_launcher(cpus: i64, memory: i64) -> Needs {
    let needs =
        [("pods", 1), ("limits.cpu", cpus.saturating_mul(1000)), ("requests.memory", memory)];
    needs.into_iter().map(|(key, amount)| (key.to_owned(), amount)).collect()
}

/// Makes sure that there is room in a namespace for what `what` needs.
///
/// # Errors
/// `LimitExceeded`, with what there is too little of.
pub(super) async fn check(
    client: &Client,
    namespace: &str,
    what: &str,
    needs: &Needs,
) -> Result<()> {
    let quotas: Api<ResourceQuota> = Api::namespaced(client.clone(), namespace);
    let Some(quota) = call_opt(what, quotas.get(QUOTA)).await? else { return Ok(()) };
    match lacking(&quota, needs) {
        None => Ok(()),
        Some(short) => Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("{what} would exceed a quota of the virtual datacenter: {short}."),
        )),
    }
}

/// What there is too little of, for people.
fn lacking(quota: &ResourceQuota, needs: &Needs) -> Option<String> {
    let status = quota.status.as_ref()?;
    let (hard, used) = (status.hard.as_ref()?, status.used.as_ref()?);
    let short = needs.iter().filter_map(|(key, need)| {
        let (limit, taken) = (hard.get(key)?, used.get(key)?);
        let left = amount(key, limit)?.saturating_sub(amount(key, taken)?);
        (*need > left).then(|| format!("{key} used: {}, limited: {}", taken.0, limit.0))
    });
    let short: Vec<String> = short.collect();
    (!short.is_empty()).then(|| short.join("; "))
}

fn amount(key: &str, quantity: &ApiQuantity) -> Option<i64> {
    let quantity = Quantity(quantity.0.clone());
    if key.ends_with("cpu") { quantity::millicores(&quantity) } else { quantity::bytes(&quantity) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn quota(hard: serde_json::Value, used: serde_json::Value) -> ResourceQuota {
        let quota = json!({ "metadata": {}, "status": { "hard": hard, "used": used } });
        serde_json::from_value(quota).unwrap()
    }

    #[test]
    fn what_is_left_is_enough_or_is_named() {
        let quota = quota(
            json!({ "limits.cpu": "4", "requests.memory": "2Gi", "pods": "5" }),
            json!({ "limits.cpu": "2500m", "requests.memory": "1Gi", "pods": "5" }),
        );
        let needs = |pairs: &[(&str, i64)]| -> Needs {
            pairs.iter().map(|(key, amount)| ((*key).to_owned(), *amount)).collect()
        };
        let fits = needs(&[("limits.cpu", 1500), ("requests.memory", 1 << 30), ("secrets", 9)]);
        assert_eq!(lacking(&quota, &fits), None);
        let short = lacking(&quota, &needs(&[("limits.cpu", 1501), ("pods", 1)])).unwrap();
        assert_eq!(short, "limits.cpu used: 2500m, limited: 4; pods used: 5, limited: 5");
        // Of a quota that is new nothing is known yet: it will refuse by itself.
        assert_eq!(lacking(&ResourceQuota::default(), &fits), None);
    }
}
