//! Login sessions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Org, User};
use crate::id::Id;

/// A login. A token is worth what its session row is: without the row it is void.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its id; the token carries it.
    pub id: Id<Session>,
    /// Who logged in.
    pub user: Id<User>,
    /// Where.
    pub org: Id<Org>,
    /// When.
    pub created: Timestamp,
    /// When it ends by itself.
    pub expires: Timestamp,
    /// See the module.
    pub version: i64,
}
