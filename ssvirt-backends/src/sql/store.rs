//! Metadata, and the sums that limits are checked against.

use std::net::Ipv4Addr;

use async_trait::async_trait;
use jiff::Timestamp;
use ssvirt_core::{
    Error, Id, Result,
    id::Urn,
    model::{
        MetadataDomain, MetadataEntry, MetadataType, MetadataValue, Network, StorageProfile, Vdc,
        Visibility,
    },
    store::{
        MetadataStore, UsageStore, VdcUsage,
        gather::{UsageOf, UsedOf},
    },
};

use super::{
    SqlTx,
    driver::{Row, Val},
};

#[async_trait]
impl MetadataStore for SqlTx {
    async fn metadata(&mut self, entity: Urn) -> Result<Vec<MetadataEntry>> {
        let sql = "SELECT domain, key, kind, value, visibility FROM metadata WHERE entity = $1 ORDER BY domain, key";
        self.conn.fetch(sql, vec![Val::text(entity)]).await?.iter().map(entry).collect()
    }

    async fn put_metadata(&mut self, entity: Urn, entry: &MetadataEntry) -> Result<()> {
        let value = &entry.value;
        self.conn
            .execute(
                "INSERT INTO metadata (entity, domain, key, kind, value, num, visibility) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (entity, domain, key) DO UPDATE SET \
                 kind = excluded.kind, value = excluded.value, num = excluded.num, visibility = excluded.visibility",
                vec![
                    Val::text(entity),
                    Val::text(entry.domain.name()),
                    Val::text(&entry.key),
                    Val::text(value.kind.name()),
                    Val::text(&value.text),
                    Val::OptReal(number(value.kind, &value.text)),
                    Val::text(entry.visibility.name()),
                ],
            )
            .await
            .map(drop)
    }

    async fn delete_metadata(
        &mut self,
        entity: Urn,
        domain: MetadataDomain,
        key: &str,
    ) -> Result<bool> {
        let sql = "DELETE FROM metadata WHERE entity = $1 AND domain = $2 AND key = $3";
        let vals = vec![Val::text(entity), Val::text(domain.name()), Val::text(key)];
        Ok(self.conn.execute(sql, vals).await? > 0)
    }

    async fn clear_metadata(&mut self, entity: Urn) -> Result<()> {
        self.conn
            .execute("DELETE FROM metadata WHERE entity = $1", vec![Val::text(entity)])
            .await
            .map(drop)
    }
}

/// The types by their names in filters, which are also those in the table.
pub(super) const METADATA_TYPES: [MetadataType; 4] =
    [MetadataType::String, MetadataType::Number, MetadataType::Boolean, MetadataType::DateTime];

/// What values of ordered types are compared by.
pub(super) fn number(kind: MetadataType, text: &str) -> Option<f64> {
    let text = text.trim();
    match kind {
        MetadataType::Number => text.parse().ok().filter(|number: &f64| number.is_finite()),
        MetadataType::DateTime => Some(text.parse::<Timestamp>().ok()?.as_millisecond() as f64),
        MetadataType::String | MetadataType::Boolean => None,
    }
}

fn entry(row: &Row) -> Result<MetadataEntry> {
    let (domain, kind, visibility) = (row.text(0)?, row.text(2)?, row.text(4)?);
    let unknown = |what: &str| Error::internal(format!("a row of metadata has the unknown {what}"));
    Ok(MetadataEntry {
        domain: MetadataDomain::from_name(&domain).ok_or_else(|| unknown(&domain))?,
        key: row.text(1)?,
        value: MetadataValue {
            kind: METADATA_TYPES
                .into_iter()
                .find(|k| k.name() == kind)
                .ok_or_else(|| unknown(&kind))?,
            text: row.text(3)?,
        },
        visibility: Visibility::from_name(&visibility).ok_or_else(|| unknown(&visibility))?,
    })
}

#[async_trait]
impl UsageStore for SqlTx {
    async fn lock_vdc(&mut self, vdc: Id<Vdc>) -> Result<()> {
        if let Some(for_update) = self.conn.for_update() {
            let sql = format!("SELECT id FROM vdcs WHERE id = $1{for_update}");
            self.conn.fetch(sql, vec![Val::text(vdc)]).await?;
        }
        Ok(())
    }

    async fn vdc_usage(&mut self, vdc: Id<Vdc>) -> Result<VdcUsage> {
        Ok(self.gather_typed((UsageOf(vdc),)).await?.0)
    }

    async fn storage_usage(&mut self, profile: Id<StorageProfile>) -> Result<i64> {
        Ok(self.gather_typed((UsedOf(profile),)).await?.0)
    }

    async fn used_addresses(&mut self, network: Id<Network>) -> Result<Vec<Ipv4Addr>> {
        let sql = "SELECT ip FROM vm_nics WHERE network_id = $1 AND ip IS NOT NULL";
        let rows = self.conn.fetch(sql, vec![Val::text(network)]).await?;
        let mut addresses = Vec::with_capacity(rows.len());
        for row in &rows {
            addresses.push(row.text(0)?.parse().map_err(Error::internal)?);
        }
        addresses.sort_unstable();
        Ok(addresses)
    }
}
