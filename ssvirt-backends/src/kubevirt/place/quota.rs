//! How much of everything there may be in a VDC's place.
//!
//! The store admits VMs by the VDC's limits. The quota is what holds when somebody comes by another way, so it has
//! room for all that is beside VMs: KubeVirt's launchers, CDI's importers with the volumes that they fill.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceQuota;
use serde_json::json;
use ssvirt_core::{Result, backend::Place};

use super::{PlaceOptions, storage::Classes};
use crate::kubevirt::labels;

/// The quota's name.
pub const QUOTA: &str = "vdc-quota";
/// KubeVirt limits a launcher's memory to so many times what it asks for, where a quota counts limits
/// (its `auto-memory-limits-ratio`).
const MEMORY_LIMIT: i64 = 2;
/// While CDI fills a volume there is another of the same size.
const STORAGE: i64 = 2;
/// A VM that starts for the first time has its launcher and an importer; and disks, each perhaps twice.
const PODS_PER_VM: u32 = 2;
const CLAIMS_PER_VM: u32 = 4;

/// The quota of a place. What has no limit has no key: 0 would be none at all.
pub fn quota(place: &Place, options: &PlaceOptions, classes: &Classes) -> Result<ResourceQuota> {
    let vms = place.vm_quota.unsigned_abs();
    let pods = options.pods.max(vms.saturating_mul(PODS_PER_VM));
    let claims = options.persistent_volume_claims.max(vms.saturating_mul(CLAIMS_PER_VM));
    let counts = [
        ("pods", pods),
        ("persistentvolumeclaims", claims),
        ("services", options.services),
        ("secrets", options.secrets.max(vms.saturating_mul(2))),
        ("configmaps", options.config_maps),
    ];
    let mut hard: BTreeMap<String, String> =
        counts.map(|(name, count)| (name.to_owned(), count.to_string())).into();
    if let Some(cpu) = cpu_millis(place) {
        let cpu = cpu.saturating_add(i64::from(pods).saturating_mul(options.pod_cpu_millis));
        hard.extend(["requests.cpu", "limits.cpu"].map(|key| (key.to_owned(), format!("{cpu}m"))));
    }
    if place.memory_limit_mib > 0 {
        let beside = i64::from(pods).saturating_mul(options.pod_memory_mib);
        let memory = place.memory_limit_mib.saturating_add(beside);
        hard.insert("requests.memory".to_owned(), format!("{memory}Mi"));
        let limit = memory.saturating_mul(MEMORY_LIMIT);
        hard.insert("limits.memory".to_owned(), format!("{limit}Mi"));
    }
    hard.extend(storage(place, classes));
    Ok(serde_json::from_value(json!({
        "metadata": { "name": QUOTA, "labels": labels::of_place(place) },
        "spec": { "hard": hard },
    }))?)
}

/// The CPU limit in thousandths of a core, rounded up; none is unlimited.
fn cpu_millis(place: &Place) -> Option<i64> {
    let speed = place.vcpu_mhz.max(1);
    let millis = place.cpu_limit_mhz.saturating_mul(1000);
    (millis > 0).then(|| millis / speed + i64::from(millis % speed > 0))
}

/// Storage by class, and all together where every profile has a limit.
fn storage(place: &Place, classes: &Classes) -> BTreeMap<String, String> {
    let mut all = Some(0_i64);
    let mut by_class: BTreeMap<&str, Option<i64>> = BTreeMap::new();
    for profile in &place.storage {
        let limit = (profile.limit_mib > 0).then(|| profile.limit_mib.saturating_mul(STORAGE));
        let add = |sum: Option<i64>| Some(sum?.saturating_add(limit?));
        all = add(all);
        if let Some(class) = classes.of(profile.profile) {
            // Several profiles may be on one class.
            let sum = by_class.entry(class).or_insert(Some(0));
            *sum = add(*sum);
        }
    }
    let limited = by_class.into_iter().filter_map(|(class, sum)| {
        Some((format!("{class}.storageclass.storage.k8s.io/requests.storage"), sum?))
    });
    let all = all.filter(|sum| *sum > 0).map(|sum| ("requests.storage".to_owned(), sum));
    limited.chain(all).map(|(key, mib)| (key, format!("{mib}Mi"))).collect()
}

#[cfg(test)]
mod tests {
    use ssvirt_core::{Id, backend::PlaceStorage, model::StorageProfile};
    use uuid::Uuid;

    use super::{
        super::fixture::{bare, place},
        *,
    };

    fn profile(n: u128, name: &str, limit_mib: i64) -> PlaceStorage {
        let profile = Id::<StorageProfile>::new(Uuid::from_u128(n));
        PlaceStorage { profile, name: name.to_owned(), limit_mib }
    }

    fn hard(place: &Place, options: &PlaceOptions) -> BTreeMap<String, String> {
        let classes = Classes::from_iter(
            place.storage.iter().map(|storage| (storage.profile, storage.name.clone())),
        );
        let spec = quota(place, options, &classes).unwrap().spec.unwrap();
        spec.hard.unwrap().into_iter().map(|(key, amount)| (key, amount.0)).collect()
    }

    #[test]
    fn a_limit_is_counted_in_cores_and_no_limit_is_no_key() {
        let limited = hard(&place(10_000, 3_000, 4_096), &bare());
        assert_eq!(limited["requests.cpu"], "3334m");
        assert_eq!(limited["limits.cpu"], "3334m");
        assert_eq!(limited["requests.memory"], "4096Mi");
        assert_eq!(limited["limits.memory"], "8192Mi");
        assert_eq!(limited["pods"], "50");
        let unlimited = hard(&place(0, 1_000, 0), &bare());
        assert!(!unlimited.keys().any(|key| key.contains('.')), "{unlimited:?}");
    }

    #[test]
    fn what_runs_beside_vms_has_room() {
        let options = PlaceOptions { pod_cpu_millis: 100, pod_memory_mib: 200, ..bare() };
        let limited = hard(&place(1_000, 1_000, 1_024), &options);
        assert_eq!(limited["limits.cpu"], "6000m");
        assert_eq!(limited["requests.memory"], "11024Mi");
    }

    #[test]
    fn more_vms_have_room_for_more_objects_and_fewer_do_not_take_it() {
        for (vms, pods, claims) in [(0, "50", "20"), (5, "50", "20"), (100, "200", "400")] {
            let limited = hard(&Place { vm_quota: vms, ..place(0, 1_000, 0) }, &bare());
            assert_eq!(limited["pods"], pods, "{vms}");
            assert_eq!(limited["persistentvolumeclaims"], claims, "{vms}");
        }
    }

    #[test]
    fn storage_is_limited_by_class_and_in_all() {
        let limited = |storage| hard(&Place { storage, ..place(0, 1_000, 0) }, &bare());
        let one = limited(vec![profile(1, "fast", 1_000), profile(2, "slow", 2_000)]);
        assert_eq!(one["fast.storageclass.storage.k8s.io/requests.storage"], "2000Mi");
        assert_eq!(one["requests.storage"], "6000Mi");
        // Two on one class, one of them without a limit: neither the class nor the whole has one.
        let other = limited(vec![profile(1, "fast", 1_000), profile(2, "fast", 0)]);
        assert!(!other.keys().any(|key| key.contains("storage")), "{other:?}");
    }
}
