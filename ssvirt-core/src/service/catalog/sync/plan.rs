//! What is different between what a source offers and what a catalog has.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{Offered, SOURCES};
use crate::{
    catalog::SourceItem,
    id::Id,
    model::{Catalog, CatalogItem, ItemSource, Template, TemplateStatus, TemplateVm},
    service::{Caller, Cloud},
};

/// Characters of a name, as in VCD.
const LONGEST_NAME: usize = 128;

/// What a catalog has.
pub(super) struct Stored {
    pub items: Vec<CatalogItem>,
    pub templates: Vec<Template>,
}

/// A row that is new, or not as it was.
pub(super) struct Change {
    pub item: CatalogItem,
    pub before: Option<CatalogItem>,
    pub template: Template,
    pub template_before: Option<Template>,
    /// Whether its old name is another's new one.
    pub makes_room: bool,
}

/// What is to be done with a catalog's rows.
#[derive(Default)]
pub(super) struct Plan {
    pub gone: Vec<CatalogItem>,
    pub changes: Vec<Change>,
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.changes.is_empty()
    }

    pub fn new(
        cloud: &Cloud,
        source: &str,
        catalog: &Catalog,
        stored: Stored,
        offered: Offered<'_>,
    ) -> Self {
        let is_ours =
            |item: &CatalogItem| item.source.as_ref().is_some_and(|from| from.source == source);
        let (ours, others): (Vec<_>, Vec<_>) = stored.items.into_iter().partition(is_ours);
        let mut templates: HashMap<_, _> =
            stored.templates.into_iter().map(|template| (template.id, template)).collect();
        let Some(offered) = offered else { return stale(ours, &mut templates) };

        let mut names = Names::of(others);
        let names_now: HashSet<String> = ours.iter().map(|item| item.name.clone()).collect();
        let mut known: HashMap<_, _> = ours.into_iter().map(|item| (item.id, item)).collect();
        let mut changes = Vec::new();
        // The same name is the same item's whatever order the source lists them in.
        let mut offered: Vec<&SourceItem> = offered.iter().collect();
        offered.sort_by(|one, other| one.external_id.cmp(&other.external_id));
        offered.dedup_by(|one, other| one.external_id == other.external_id);
        for offer in offered {
            let id = |what: &str| {
                let name = format!("{}/{source}/{}/{what}", catalog.id, offer.external_id);
                Uuid::new_v5(&SOURCES, name.as_bytes())
            };
            let (mut item, mut template) = rows(cloud, source, catalog, offer, id);
            item.name = names.give(&offer.name, item.id.uuid());
            template.name.clone_from(&item.name);
            let before = known.remove(&item.id);
            if let Some(before) = &before {
                item.created = before.created;
                item.modified = before.modified;
                item.version = before.version;
            }
            let template_before = templates.remove(&template.id);
            if let Some(before) = &template_before {
                template.created = before.created;
                template.owner = before.owner;
                template.version = before.version;
            }
            let same =
                before.as_ref() == Some(&item) && template_before.as_ref() == Some(&template);
            if !same {
                let makes_room = before.as_ref().is_some_and(|before| before.name != item.name);
                changes.push(Change { item, before, template, template_before, makes_room });
            }
        }
        let wanted: HashSet<String> = changes
            .iter()
            .filter(|change| names_now.contains(&change.item.name))
            .map(|change| change.item.name.clone())
            .collect();
        for change in &mut changes {
            let old = change.before.as_ref().map(|before| &before.name);
            change.makes_room &= old.is_some_and(|old| wanted.contains(old));
        }
        Self { gone: known.into_values().collect(), changes }
    }
}

/// The metadata that rows have whose source does not answer.
const STALE: &str = "stale";

/// The rows of a source that does not answer: as they are, marked.
fn stale(ours: Vec<CatalogItem>, templates: &mut HashMap<Id<Template>, Template>) -> Plan {
    let change = |before: CatalogItem| {
        let mut item = before.clone();
        let from = item.source.as_mut().filter(|from| !from.stale)?;
        from.stale = true;
        from.metadata.insert(STALE.to_owned(), "true".to_owned());
        let template = templates.remove(&item.template)?;
        let template_before = Some(template.clone());
        Some(Change { item, before: Some(before), template, template_before, makes_room: false })
    };
    Plan { gone: Vec::new(), changes: ours.into_iter().filter_map(change).collect() }
}

fn rows(
    cloud: &Cloud,
    source: &str,
    catalog: &Catalog,
    offer: &SourceItem,
    id: impl Fn(&str) -> Uuid,
) -> (CatalogItem, Template) {
    let vm = |(n, vm): (usize, &crate::catalog::SourceVm)| TemplateVm {
        id: Id::new(id(&format!("vm{n}"))),
        name: vm.name.clone(),
        description: vm.description.clone(),
        spec: vm.spec.clone(),
        products: vm.products.clone(),
    };
    let from = ItemSource {
        source: source.to_owned(),
        external_id: offer.external_id.clone(),
        stale: false,
        metadata: offer.metadata.clone(),
    };
    let (item, mut template) = cloud.new_rows(
        catalog,
        Caller::system().user,
        (Id::new(id("item")), Id::new(id("template"))),
        (offer.name.clone(), offer.description.clone()),
        offer.vms.iter().enumerate().map(vm).collect(),
        Some(from),
    );
    template.not_ready.clone_from(&offer.not_ready);
    if template.not_ready.is_some() {
        template.status = TemplateStatus::Unresolved;
    }
    (item, template)
}

/// The names of a catalog's items, each of which is there once.
struct Names(HashSet<String>);

impl Names {
    fn of(others: Vec<CatalogItem>) -> Self {
        Self(others.into_iter().map(|item| item.name).collect())
    }

    /// The name as VCD accepts it, with a part of the id behind it where another item has it.
    fn give(&mut self, wanted: &str, id: Uuid) -> String {
        let plain: String = wanted.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let cut = |longest: usize| {
            plain.trim().chars().take(longest).collect::<String>().trim_end().to_owned()
        };
        let id = id.simple().to_string();
        let mut name = cut(LONGEST_NAME);
        if name.is_empty() || self.0.contains(&name) {
            name = format!("{} ({})", cut(LONGEST_NAME - 11), &id[..8]).trim().to_owned();
        }
        if self.0.contains(&name) {
            name = id;
        }
        self.0.insert(name.clone());
        name
    }
}
