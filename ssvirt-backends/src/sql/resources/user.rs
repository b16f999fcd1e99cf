use ssvirt_core::model::{Role, User};

use super::identity;
use crate::sql::{
    driver::Val,
    record::{Record, name_key},
};

impl Record for User {
    const TABLE: &'static str = "users";
    const COLUMNS: &'static [&'static str] = &[
        "org_id",
        "name",
        "name_key",
        "full_name",
        "enabled",
        "role_id",
        "deployed_vm_quota",
        "stored_vm_quota",
        "email",
        "description",
    ];

    identity!(named);

    fn project(&self) -> Vec<Val> {
        vec![
            Val::text(self.org),
            Val::text(&self.name),
            Val::Text(name_key(&self.name)),
            Val::text(&self.full_name),
            Val::Bool(self.enabled),
            Val::text(self.role),
            Val::Int(self.deployed_vm_quota.into()),
            Val::Int(self.stored_vm_quota.into()),
            Val::text(&self.email),
            Val::text(&self.description),
        ]
    }
}

impl Record for Role {
    const TABLE: &'static str = "roles";
    const COLUMNS: &'static [&'static str] =
        &["org_id", "scope", "name", "description", "read_only"];

    identity!(named);

    fn project(&self) -> Vec<Val> {
        vec![
            Val::opt(self.org),
            Val::Text(self.org.map(|org| org.to_string()).unwrap_or_default()),
            Val::text(&self.name),
            Val::text(&self.description),
            Val::Bool(self.read_only),
        ]
    }
}
