//! What is known of the namespaces of VDCs.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::{ResourceExt as _, runtime::watcher::Event};
use ssvirt_core::{Id, model::Vdc};

use super::all::trim;
use crate::kubevirt::labels;

/// What others must not change of a namespace: whose it is, by which policies know who may talk to whom.
#[derive(Clone, PartialEq)]
struct Known {
    vdc: Id<Vdc>,
    organization: Option<String>,
    is_ending: bool,
    /// Whether it was there when the watch began last.
    is_listed: bool,
}

/// All namespaces, by name.
#[derive(Default)]
pub(super) struct Places(HashMap<String, Known>);

impl Places {
    /// Takes an event in; whose place is not what it was any more.
    pub fn take(&mut self, event: Event<Namespace>) -> Vec<Id<Vdc>> {
        match event {
            Event::Init => {
                self.0.values_mut().for_each(|known| known.is_listed = false);
                Vec::new()
            }
            Event::InitApply(object) | Event::Apply(object) => self.put(&object),
            Event::Delete(object) => {
                self.0.remove(&object.name_any()).map(|known| known.vdc).into_iter().collect()
            }
            Event::InitDone => {
                let gone = self.0.extract_if(|_, known| !known.is_listed);
                gone.map(|(_, known)| known.vdc).collect()
            }
        }
    }

    fn put(&mut self, object: &Namespace) -> Vec<Id<Vdc>> {
        let name = object.name_any();
        let label = |name: &str| object.labels().get(name).cloned();
        let now = label(labels::VDC_ID).and_then(|id| id.parse().ok()).map(|id| Known {
            vdc: Id::new(id),
            organization: label(labels::ORGANIZATION_ID),
            is_ending: object.metadata.deletion_timestamp.is_some(),
            is_listed: true,
        });
        let before = self.0.remove(&name).map(|known| Known { is_listed: true, ..known });
        let changed = before.filter(|before| now.as_ref() != Some(before)).map(|before| before.vdc);
        // One that has been ending since before it was known is nobody's place any more.
        self.0.extend(now.map(|now| (name, now)));
        changed.into_iter().collect()
    }
}

/// Leaves out what is not looked at.
pub(super) fn trim_namespace(object: &mut Namespace) {
    trim(object);
    object.spec = None;
    object.status = None;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn namespace(name: &str, vdc: u8, organization: u8) -> Namespace {
        let id = |last: u8| format!("00000000-0000-0000-0000-0000000000{last:02}");
        let labels = json!({ labels::VDC_ID: id(vdc), labels::ORGANIZATION_ID: id(organization) });
        let metadata = json!({ "name": name, "labels": labels });
        serde_json::from_value(json!({ "metadata": metadata })).unwrap()
    }

    fn vdc(id: u128) -> Id<Vdc> {
        Id::new(uuid::Uuid::from_u128(id))
    }

    #[test]
    fn what_is_not_what_it_was_is_told_once() {
        let mut places = Places::default();
        let none: [Id<Vdc>; 0] = [];
        assert_eq!(places.take(Event::Init), none);
        for known in [namespace("a", 1, 9), namespace("b", 2, 9)] {
            assert_eq!(places.take(Event::InitApply(known)), none);
        }
        assert_eq!(places.take(Event::InitDone), none);
        // A description, a label of somebody else's.
        assert_eq!(places.take(Event::Apply(namespace("a", 1, 9))), none);
        // Moved to another organization, and put back by us.
        assert_eq!(places.take(Event::Apply(namespace("a", 1, 8))), [vdc(1)]);
        assert_eq!(places.take(Event::Apply(namespace("a", 1, 9))), [vdc(1)]);
        let mut ending = namespace("a", 1, 9);
        ending.metadata.deletion_timestamp =
            serde_json::from_value(json!("2026-11-21T07:36:59Z")).unwrap();
        assert_eq!(places.take(Event::Apply(ending.clone())), [vdc(1)]);
        assert_eq!(places.take(Event::Apply(ending.clone())), none);
        assert_eq!(places.take(Event::Delete(ending)), [vdc(1)]);
        // Gone while the watch was cut.
        assert_eq!(places.take(Event::Init), none);
        assert_eq!(places.take(Event::InitDone), [vdc(2)]);
        assert!(places.0.is_empty());
    }
}
