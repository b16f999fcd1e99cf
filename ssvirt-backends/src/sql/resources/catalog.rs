use jiff::Timestamp;
use ssvirt_core::model::{Catalog, CatalogItem};

use super::identity;
use crate::sql::{
    driver::Val,
    record::{Children, Record},
};

impl Record for Catalog {
    const TABLE: &'static str = "catalogs";
    const COLUMNS: &'static [&'static str] = &[
        "org_id",
        "owner_id",
        "name",
        "description",
        "published",
        "limited",
        "revision",
        "created",
    ];
    const CHILDREN: &'static [Children] =
        &[Children { table: "catalog_readers", parent: "catalog_id", columns: &["org_id"] }];

    identity!(named);

    fn project(&self) -> Vec<Val> {
        vec![
            Val::text(self.org),
            Val::text(self.owner),
            Val::text(&self.name),
            Val::text(&self.description),
            Val::Bool(self.published),
            Val::Bool(self.readers.is_some()),
            Val::Int(self.revision),
            Val::Int(self.created.as_millisecond()),
        ]
    }

    fn children(&self) -> Vec<Vec<Vec<Val>>> {
        vec![self.readers.iter().flatten().map(|org| vec![Val::text(org)]).collect()]
    }
}

impl Record for CatalogItem {
    const TABLE: &'static str = "catalog_items";
    const COLUMNS: &'static [&'static str] =
        &["catalog_id", "org_id", "name", "template_id", "source", "created", "modified"];

    identity!(named);

    fn project(&self) -> Vec<Val> {
        vec![
            Val::text(self.catalog),
            Val::text(self.org),
            Val::text(&self.name),
            Val::text(self.template),
            Val::opt(self.source.as_ref().map(|source| &source.source)),
            Val::Int(self.created.as_millisecond()),
            Val::Int(self.modified.unwrap_or(self.created).as_millisecond()),
        ]
    }

    fn touch(&mut self, now: Timestamp) {
        self.modified = Some(now);
    }
}
