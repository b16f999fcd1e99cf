//! The file that says where the server is, once it is.

use std::{fs, io, path::PathBuf};

use crate::{cli::Failure, data_dir::write_atomically};

/// A file that is there exactly while the server is ready.
pub(crate) struct ReadyFile(Option<PathBuf>);

impl ReadyFile {
    /// Removes what an earlier server that was killed has left.
    pub(crate) fn new(path: Option<PathBuf>) -> Result<Self, Failure> {
        if let Some(path) = &path
            && let Err(error) = fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(Failure::new(format!("{} cannot be removed: {error}", path.display())));
        }
        Ok(Self(path))
    }

    /// Writes the root URL: one line, whole or not at all.
    pub(crate) fn announce(&self, root: &str) -> Result<(), Failure> {
        let Some(path) = &self.0 else { return Ok(()) };
        write_atomically(path, format!("{root}\n").as_bytes(), 0o644)
            .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}
