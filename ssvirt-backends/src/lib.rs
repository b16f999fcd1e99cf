//! # ssvirt-backends
//!
//! What stands behind the traits of `ssvirt-core`, each behind a cargo feature:
//!
//! | module | implements | feature |
//! |---|---|---|
//! | `sql` | `TenancyStore` on SQLite and PostgreSQL, from one SQL text | `sqlite`, `postgres` |
//! | `memory` | `VmBackend`: the simulator; `CatalogSource`: a fixed list | `memory` |
//! | `mock` | all three, by a script | `memory` |
//! | `decorate` | all three, round another: faulty, slow, recording, killed | `memory` |
//! | `kubevirt` | `VmBackend` on KubeVirt; being built | `kubevirt` |

#[cfg(feature = "memory")]
pub mod decorate;
#[cfg(feature = "kubevirt")]
pub mod kubevirt;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(feature = "memory")]
pub mod mock;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod sql;
