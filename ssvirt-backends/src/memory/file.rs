//! The world in a file, so that it outlives a process that is killed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ssvirt_core::{Error, Result};

use super::world::World;

/// Reads the world; none when there is no file yet.
pub(super) fn load(path: &Path) -> Result<Option<World>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            Error::internal(format!("{} is not a simulated world: {error}", path.display()))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::internal(format!("{} cannot be read: {error}", path.display()))),
    }
}

/// Writes the world whole or not at all: a reader finds the old file or the new one.
pub(super) fn save(path: &Path, world: &World) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let bytes = serde_json::to_vec(world)?;
    // No fsync: the file is to survive the process, not the machine.
    fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path)).map_err(|error| {
        Error::unavailable("The simulator cannot write its world file.")
            .with_source(format!("{}: {error}", path.display()))
    })
}
