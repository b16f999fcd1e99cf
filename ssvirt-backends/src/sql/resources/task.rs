use ssvirt_core::{id::EntityKind, model::Task};

use super::identity;
use crate::sql::{driver::Val, record::Record};

impl Record for Task {
    const TABLE: &'static str = "tasks";
    const COLUMNS: &'static [&'static str] = &[
        "org_id",
        "user_id",
        "user_name",
        "object",
        "object_id",
        "object_type",
        "object_name",
        "operation_name",
        "operation",
        "status",
        "progress",
        "message",
        "unfinished",
        "started",
        "ended",
    ];
    const ORDER: &'static str = "started";

    identity!();

    fn project(&self) -> Vec<Val> {
        vec![
            Val::text(self.org),
            Val::text(self.user),
            Val::text(&self.user_name),
            Val::text(self.owner),
            Val::text(self.owner.uuid),
            Val::text(object_type(self.owner.kind)),
            Val::text(&self.owner_name),
            Val::text(&self.operation_name),
            Val::text(&self.operation),
            Val::text(self.status.name()),
            Val::Int(self.progress.into()),
            Val::opt(self.failure.as_ref().map(|failure| &failure.message)),
            Val::Bool(!self.status.is_final()),
            Val::Int(self.started.as_millisecond()),
            Val::OptInt(self.ended.map(|ended| ended.as_millisecond())),
        ]
    }
}

/// The `objectType` of task records: VCD's names of types in the query service.
fn object_type(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Org => "organization",
        EntityKind::Vdc => "orgVdc",
        EntityKind::ProviderVdc => "providerVdc",
        EntityKind::StorageProfile => "orgVdcStorageProfile",
        EntityKind::Network => "orgVdcNetwork",
        EntityKind::CatalogItem => "catalogItem",
        EntityKind::Template => "vAppTemplate",
        EntityKind::VApp => "vApp",
        other => other.urn_name(),
    }
}
