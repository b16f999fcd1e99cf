use ssvirt_core::model::Session;

use super::identity;
use crate::sql::{driver::Val, record::Record};

impl Record for Session {
    const TABLE: &'static str = "sessions";
    const COLUMNS: &'static [&'static str] = &["user_id", "org_id", "expires"];
    const ORDER: &'static str = "expires";

    identity!();

    fn project(&self) -> Vec<Val> {
        vec![Val::text(self.user), Val::text(self.org), Val::Int(self.expires.as_millisecond())]
    }
}
