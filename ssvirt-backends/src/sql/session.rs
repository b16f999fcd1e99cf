//! Who acts in a session.

use async_trait::async_trait;
use ssvirt_core::{
    Error, Id, Result,
    model::Session,
    store::{SessionOwner, SessionStore},
};

use super::{SqlTx, driver::Val, record::decode};

#[async_trait]
impl SessionStore for SqlTx {
    async fn session_owner(&mut self, session: Id<Session>) -> Result<Option<SessionOwner>> {
        let sql = "SELECT s.data, s.version, u.name, u.enabled, o.name, o.enabled, r.id, r.name, r.version \
                   FROM sessions s JOIN users u ON u.id = s.user_id JOIN orgs o ON o.id = s.org_id \
                   JOIN roles r ON r.id = u.role_id WHERE s.id = $1";
        let rows = self.conn.fetch(sql, vec![Val::text(session)]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(SessionOwner {
            session: decode(row, 0)?,
            user_name: row.text(2)?,
            user_enabled: row.bool(3)?,
            org_name: row.text(4)?,
            org_enabled: row.bool(5)?,
            role: Id::new(row.text(6)?.parse().map_err(Error::internal)?),
            role_name: row.text(7)?,
            role_version: row.int(8)?,
        }))
    }
}
