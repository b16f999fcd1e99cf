//! The types against objects as KubeVirt 1.9 and CDI stored them. The files in `testdata` are
//! recordings of our own test bed; where only the status matters, the spec is cut down.

mod definitions;
mod others;
mod vms;
mod words;

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::shared::Condition;

/// Reads an object and checks that writing it says nothing that the original does not.
fn read<T: DeserializeOwned + Serialize + PartialEq + Debug>(original: &Value) -> T {
    let object: T = serde_json::from_value(original.clone()).unwrap();
    let written = serde_json::to_value(&object).unwrap();
    assert_part("", &written, original);
    assert_eq!(serde_json::from_value::<T>(written).unwrap(), object);
    object
}

fn recorded<T: DeserializeOwned + Serialize + PartialEq + Debug>(text: &str) -> T {
    read(&serde_json::from_str(text).unwrap())
}

fn assert_part(at: &str, part: &Value, whole: &Value) {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            for (key, value) in part {
                let at = format!("{at}.{key}");
                assert_part(&at, value, whole.get(key).unwrap_or_else(|| panic!("{at} is new")));
            }
        }
        (Value::Array(part), Value::Array(whole)) => {
            assert_eq!(part.len(), whole.len(), "{at}");
            for (index, (part, whole)) in part.iter().zip(whole).enumerate() {
                assert_part(&format!("{at}[{index}]"), part, whole);
            }
        }
        _ => assert_eq!(part, whole, "{at}"),
    }
}

fn condition<'a>(all: &'a [Condition], type_: &str) -> &'a Condition {
    Condition::find(all, type_).unwrap()
}

fn time(text: &str) -> Option<jiff::Timestamp> {
    Some(text.parse().unwrap())
}
