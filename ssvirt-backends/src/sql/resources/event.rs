use ssvirt_core::model::Event;

use super::identity;
use crate::sql::{driver::Val, record::Record};

impl Record for Event {
    const TABLE: &'static str = "events";
    const COLUMNS: &'static [&'static str] = &["org_id", "user_id", "at"];
    const ORDER: &'static str = "at";

    identity!();

    fn project(&self) -> Vec<Val> {
        vec![Val::text(self.org), Val::opt(self.user), Val::Int(self.at.as_millisecond())]
    }
}
