//! Snapshots, as they are asked for. What a VM has of them is in its state.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{id::Id, model::Snapshot};

/// A snapshot that is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotPlan {
    /// Its id: a call with that of a snapshot that is there takes none.
    pub id: Id<Snapshot>,
    /// Whether the memory of a VM that runs is in it.
    #[serde(default)]
    pub memory: bool,
}

/// Going back to a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revert {
    /// Which going back it is: one that was done is not done again, whatever the VM has done since.
    pub id: Uuid,
    /// To which snapshot.
    pub snapshot: Id<Snapshot>,
}
