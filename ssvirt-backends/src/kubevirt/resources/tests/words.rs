//! Words that may get more, and quantities.

use std::{collections::BTreeSet, fmt::Debug};

use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use super::super::{
    data_volume::DataVolumePhase,
    domain::{CpuFeaturePolicy, DiskBus, InterfaceState},
    instance::{EvictionStrategy, InstancePhase, StartStrategy},
    quantity::{Quantity, bytes, from_mib, millicores},
    restore::{TargetReadinessPolicy, VolumeRestorePolicy},
    shared::ConditionStatus,
    snapshot::{DeletionPolicy, Indication, SnapshotPhase},
    user_defined_network::{IpamLifecycle, IpamMode, NetworkRole, Topology},
    vm::{PrintableStatus, RunStrategy, StateChange, UpdateVolumesStrategy},
};

/// Every open enum, one after the other.
macro_rules! check_words {
    ($word:ident: $($name:ident)+) => {
        $({
            let known: BTreeSet<&str> = $name::KNOWN.iter().map($name::as_str).collect();
            assert_eq!(known.len(), $name::KNOWN.len());
            for value in $name::KNOWN {
                assert_eq!(&$name::from(value.as_str().to_owned()), value);
            }
            keeps::<$name>($word, &known);
        })+
    };
}

fn keeps<T>(word: &str, known: &BTreeSet<&str>)
where
    T: DeserializeOwned + Serialize + From<String> + PartialEq + Debug,
{
    let value: T = serde_json::from_value(json!(word)).unwrap();
    assert_eq!(serde_json::to_value(&value).unwrap(), json!(word));
    assert_eq!(T::from(word.to_owned()), value);
    assert_eq!(format!("{value:?}").starts_with("Other("), !known.contains(word), "{word}");
}

proptest! {
    #[test]
    fn words_are_kept(word in prop_oneof![
        any::<String>(),
        proptest::sample::select(vec![
            "", "True", "Always", "Running", "Paused", "Succeeded", "virtio", "up", "require",
            "Layer2", "Primary", "Enabled", "Delete", "Online", "Start", "Replacement",
        ]).prop_map(str::to_owned),
    ]) {
        let word = word.as_str();
        check_words!(word:
            ConditionStatus RunStrategy PrintableStatus UpdateVolumesStrategy StateChange
            EvictionStrategy StartStrategy InstancePhase DiskBus InterfaceState CpuFeaturePolicy
            DataVolumePhase DeletionPolicy SnapshotPhase Indication TargetReadinessPolicy
            VolumeRestorePolicy Topology NetworkRole IpamMode IpamLifecycle
        );
    }

    #[test]
    fn quantities_are_numbers(number in 0..1_i64 << 40, text in any::<String>()) {
        let read = |text: String| bytes(&Quantity(text));
        prop_assert_eq!(read(number.to_string()), Some(number));
        prop_assert_eq!(read(format!("{number}.0")), Some(number));
        prop_assert_eq!(read(format!("-{number}")), Some(-number));
        prop_assert_eq!(read(format!("{number}e3")), Some(number * 1000));
        prop_assert_eq!(read(format!("{number}000E-3")), Some(number));
        prop_assert_eq!(read(format!("{number}k")), Some(number * 1000));
        prop_assert_eq!(bytes(&from_mib(number)), Some(number << 20));
        prop_assert_eq!(millicores(&Quantity(format!("{number}m"))), Some(number));
        prop_assert_eq!(millicores(&Quantity(number.to_string())), Some(number * 1000));
        // Anything else is refused, not a panic.
        let _ = read(text);
    }
}

#[test]
fn quantities_as_people_write_them() {
    let cases = [
        ("1.5Gi", Some(3 << 29)),
        ("0.5", Some(1)),
        ("-0.5", Some(0)),
        ("1500m", Some(2)),
        ("2E", Some(2_000_000_000_000_000_000)),
        ("7Ei", Some(7 << 60)),
        ("8Ei", None),
        ("1e30", None),
        ("1e-2147483648", None),
        ("", None),
        ("Gi", None),
        (".", None),
        ("--1", None),
        ("1 Gi", None),
        ("1Zi", None),
        ("0x10", None),
    ];
    for (text, expected) in cases {
        assert_eq!(bytes(&Quantity(text.to_owned())), expected, "{text}");
    }
}
