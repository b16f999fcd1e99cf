//! The folder that the server keeps its files in: database, keys, certificate. One process at a time.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use crate::cli::Failure;

/// The folder, locked until this is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// The lock is the open file's: it goes with the process, however that ends.
    _lock: File,
}

const LOCK_FILE: &str = "lock";

impl DataDir {
    /// Makes the folder if it is missing, and locks it. None is `ssvirt` in the user's data folder.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => default_path()?,
        };
        make(&path).map_err(|error| failed("made", &path, &error))?;
        // Messages and the database's URL need a path that holds wherever it is read.
        let path = path.canonicalize().map_err(|error| failed("opened", &path, &error))?;
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The contents of a file in it, if it is there.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path, &error)),
        }
    }

    /// Writes a file that only its owner may read, whole or not at all.
    pub(crate) fn write_private(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.path.join(name);
        write_atomically(&path, bytes, 0o600).map_err(|error| failed("written", &path, &error))
    }

    /// The path of a file that only its owner may read, made empty if it is missing: for those who would
    /// make it readable by all.
    pub(crate) fn private_file(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        private(&mut options, 0o600).open(&path).map_err(|error| failed("made", &path, &error))?;
        Ok(path)
    }
}

/// Where the folder is unless said otherwise.
fn default_path() -> Result<PathBuf, Failure> {
    let parent = dirs::data_dir().ok_or_else(|| {
        Failure::new("the user has no data folder (is HOME set?); name one with --data-dir")
    })?;
    Ok(parent.join("ssvirt"))
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{} cannot be {what}: {error}", path.display()))
}

fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn private(options: &mut OpenOptions, mode: u32) -> &mut OpenOptions {
    #[cfg(unix)]
    return std::os::unix::fs::OpenOptionsExt::mode(options, mode);
    #[cfg(not(unix))]
    {
        let _ = mode;
        options
    }
}

fn lock(folder: &Path) -> Result<File, Failure> {
    let path = folder.join(LOCK_FILE);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = private(&mut options, 0o600)
        .open(&path)
        .map_err(|error| failed("opened", &path, &error))?;
    match file.try_lock() {
        Ok(()) => {
            // Only for the message below: whoever cannot write it has the lock all the same.
            let _ = file.set_len(0).and_then(|()| file.rewind());
            let _ = write!(file, "{}", std::process::id());
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.take(20).read_to_string(&mut holder);
            let holder = if holder.is_empty() { "?".to_owned() } else { holder };
            Err(Failure::new(format!(
                "the data folder {} is in use by another ssvirt (process {holder}); stop that one, or \
                 name another folder with --data-dir",
                folder.display()
            )))
        }
        Err(TryLockError::Error(error)) => Err(failed("locked", &path, &error)),
    }
}

/// Writes a file that others find whole or not at all.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    // One left over by a process that was killed may have other permissions.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mut file = private(&mut options, mode).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
