//! Where the rows of a subject come from.

use ssvirt_core::{model::Org, query::Scope, rights};

use super::Binds;
use crate::sql::driver::Val;

/// A set of rows with the fields of a subject. Virtual machines have two: their own and those of templates.
pub(super) struct Source {
    /// What follows `FROM`. Tables that only names are taken from are joined with `LEFT JOIN` by their
    /// primary key: both engines leave such joins out where no name is asked for.
    pub(super) from: &'static str,
    /// The id of a row.
    pub(super) id: &'static str,
    /// Who sees it.
    pub(super) seen: Seen,
    /// Its owner, where callers may be confined to what they own.
    pub(super) owner: Option<&'static str>,
    /// The expressions of the fields by their names; `id` is known.
    pub(super) fields: &'static [(&'static str, &'static str)],
    /// The `status` for clients that do not know "off, but still deployed", where it may differ.
    pub(super) legacy_status: Option<&'static str>,
}

/// Who sees a row.
pub(super) enum Seen {
    /// Everyone.
    ByAll,
    /// The organization.
    ByOrg(&'static str),
    /// The organization, and where the second says so all others that may read the catalog, which is `c`.
    ByOrgOrPublished(&'static str, &'static str),
    /// Roles: all organizations see those that belong to none, except the provider's own.
    AsRole(&'static str, &'static str),
}

impl Source {
    /// The expression of a field.
    pub(super) fn expression(&self, field: &str, modern_status: bool) -> Option<&'static str> {
        match (field, self.legacy_status) {
            ("id", _) => Some(self.id),
            ("status", Some(legacy)) if !modern_status => Some(legacy),
            _ => self
                .fields
                .iter()
                .find(|(name, _)| *name == field)
                .map(|(_, expression)| *expression),
        }
    }

    /// The conditions that confine the rows to what the caller may see.
    pub(super) fn scope(&self, scope: &Scope, binds: &mut Binds) -> Vec<String> {
        let mut conditions = Vec::new();
        if let Some(org) = scope.org {
            let mut mine = |column: &str| format!("{column} = {}", binds.add(Val::text(org)));
            match self.seen {
                Seen::ByAll => {}
                Seen::ByOrg(column) => conditions.push(mine(column)),
                Seen::ByOrgOrPublished(column, published) => {
                    let mine = mine(column);
                    let reads = binds.add(Val::text(org));
                    conditions.push(format!(
                        "({mine} OR ({published} AND (NOT c.limited OR EXISTS (SELECT 1 FROM catalog_readers r \
                         WHERE r.catalog_id = c.id AND r.org_id = {reads}))))"
                    ));
                }
                Seen::AsRole(column, _) if org == Org::SYSTEM => {
                    conditions.push(format!("({column} IS NULL OR {})", mine(column)));
                }
                Seen::AsRole(column, name) => {
                    let mine = mine(column);
                    let hidden = binds.add(Val::text(rights::role::SYSTEM_ADMINISTRATOR));
                    conditions
                        .push(format!("(({column} IS NULL AND {name} <> {hidden}) OR {mine})"));
                }
            }
        }
        if let (Some(owner), Some(column)) = (scope.owner, self.owner) {
            conditions.push(format!("{column} = {}", binds.add(Val::text(owner))));
        }
        conditions
    }
}
