use ssvirt_core::model::Org;

use super::identity;
use crate::sql::{
    driver::Val,
    record::{Record, name_key},
};

impl Record for Org {
    const TABLE: &'static str = "orgs";
    const COLUMNS: &'static [&'static str] =
        &["name", "name_key", "full_name", "enabled", "can_publish", "description"];

    identity!(named);

    fn project(&self) -> Vec<Val> {
        vec![
            Val::text(&self.name),
            Val::Text(name_key(&self.name)),
            Val::text(&self.full_name),
            Val::Bool(self.enabled),
            Val::Bool(self.can_publish),
            Val::text(&self.description),
        ]
    }
}
