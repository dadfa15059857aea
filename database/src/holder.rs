//! One process to a file: a lock beside the database that says who has it.
//!
//! SQLite itself lets several processes write the same file, which is right for it and wrong for a coordinator:
//! two of them would both recover the same transactions. The operating system gives the lock back when its process
//! ends, however it ends; the file stays and may stay.

use core::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// A lock file is read up to this many bytes; more was never written.
const BYTES_MAX: u64 = 1_024;

/// Which process holds a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Where it listens, for a person to find it; may be empty.
    pub address: String,
}

impl Holder {
    /// This process, listening at `address`.
    pub fn this_process(address: impl Into<String>) -> Self {
        Self {
            pid: std::process::id(),
            address: address.into(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let pid = lines.next()?.strip_prefix("pid ")?.parse().ok()?;
        let address = lines
            .next()
            .and_then(|line| line.strip_prefix("address "))
            .unwrap_or_default();
        Some(Self {
            pid,
            address: address.to_owned(),
        })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)?;
        if !self.address.is_empty() {
            write!(f, " at {}", self.address)?;
        }
        Ok(())
    }
}

/// Why the lock wasn't taken.
#[derive(Debug, thiserror::Error)]
pub enum HolderError {
    /// Another process has it.
    #[error("the database {} is held by {}", path.display(), holder.as_ref().map_or_else(|| "another process".to_owned(), Holder::to_string))]
    Held {
        /// The database file.
        path: PathBuf,
        /// Who has it; none when the lock file couldn't be read.
        holder: Option<Holder>,
    },
    /// The lock file can't be made, locked or written.
    #[error("can't lock {}: {source}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl HolderError {
    /// Whether waiting for the other process to end may help.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Held { .. })
    }
}

/// The exclusive right to a database file, held until it is dropped or the process ends.
#[derive(Debug)]
pub struct HolderLock {
    file: File,
    path: PathBuf,
}

impl HolderLock {
    /// Takes the lock for the database file `database`, whose folder must exist.
    ///
    /// # Errors
    ///
    /// [`HolderError::Held`] names the process that has it.
    pub fn acquire(database: &Path, holder: &Holder) -> Result<Self, HolderError> {
        // Two names for one file (a symbolic link) must lead to one lock.
        let database = database
            .canonicalize()
            .unwrap_or_else(|_| database.to_owned());
        let mut path = database.clone().into_os_string();
        path.push(".lock");
        let path = PathBuf::from(path);
        let io_error = |source| HolderError::Io {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(HolderError::Held {
                    path: database,
                    holder: read(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io_error(source)),
        }
        let mut lock = Self { file, path };
        lock.describe(holder)?;
        Ok(lock)
    }

    /// Writes who holds the lock, for the next one who wants it.
    ///
    /// # Errors
    ///
    /// [`HolderError::Io`] when the lock file can't be written.
    pub fn describe(&mut self, holder: &Holder) -> Result<(), HolderError> {
        let text = format!(
            "pid {}\naddress {}\n",
            holder.pid,
            holder.address.replace(['\n', '\r'], " ")
        );
        let written = self
            .file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .and_then(|_| self.file.write_all(text.as_bytes()));
        written.map_err(|source| HolderError::Io {
            path: self.path.clone(),
            source,
        })
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.take(BYTES_MAX).read_to_string(&mut text).ok()?;
    Holder::parse(&text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn the_second_one_is_told_who_was_first() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        let first = Holder {
            pid: 4_711,
            address: "http://127.0.0.1:7400".to_owned(),
        };
        let lock = HolderLock::acquire(&database, &first).unwrap();

        let error = HolderLock::acquire(&database, &Holder::this_process("")).unwrap_err();

        let line = error.to_string();
        assert!(
            line.ends_with("a.db is held by process 4711 at http://127.0.0.1:7400"),
            "{line}"
        );
        assert!(error.is_retryable());
        drop(lock);
        HolderLock::acquire(&database, &Holder::this_process("")).unwrap();
    }

    #[test]
    fn a_new_address_takes_the_place_of_a_longer_one() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        let mut lock = HolderLock::acquire(
            &database,
            &Holder {
                pid: 1,
                address: "http://a-long-name:7400".into(),
            },
        )
        .unwrap();
        lock.describe(&Holder {
            pid: 1,
            address: "http://b:1".into(),
        })
        .unwrap();

        match HolderLock::acquire(&database, &Holder::this_process("")).unwrap_err() {
            HolderError::Held { holder, .. } => {
                assert_eq!(
                    holder,
                    Some(Holder {
                        pid: 1,
                        address: "http://b:1".into()
                    })
                );
            }
            other @ HolderError::Io { .. } => panic!("{other}"),
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_leads_to_the_same_lock() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        std::fs::write(&database, "").unwrap();
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink(&database, &link).unwrap();
        let _lock = HolderLock::acquire(&database, &Holder::this_process("")).unwrap();

        assert!(matches!(
            HolderLock::acquire(&link, &Holder::this_process("")),
            Err(HolderError::Held { .. })
        ));
    }

    #[test]
    fn a_folder_that_is_none_is_one_clear_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let error =
            HolderLock::acquire(&folder.path().join("file/a.db"), &Holder::this_process(""))
                .unwrap_err();
        assert!(error.to_string().starts_with("can't lock "), "{error}");
    }
}
