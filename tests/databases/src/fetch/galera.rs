//! What makes a MariaDB server a node of a Galera cluster: the provider, and what its state transfer runs.

use std::fs::{self, File};
use std::path::PathBuf;

use super::{build_folder, mariadb};
use crate::Error;

/// `lsof` is how a node finds out that its state transfer listens.
const PACKAGES: &[&str] = &["galera-4", "rsync", "lsof"];

/// The folder above `usr/`, fetched if it isn't there yet.
pub(crate) fn fetch() -> Result<PathBuf, Error> {
    let build = build_folder()?;
    let lock = build.join("galera.lock");
    let lock = File::create(&lock).map_err(Error::io(lock.display().to_string()))?;
    lock.lock()
        .map_err(Error::io("waiting for another fetch"))?;
    let folder = build.join("galera");
    let (root, done) = (folder.join("root"), folder.join("done"));
    // Written last, so that a fetch that was broken off is done again.
    let wanted = format!("{PACKAGES:?}\n");
    if fs::read_to_string(&done).is_ok_and(|had| had == wanted) {
        return Ok(root);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(Error::io("clearing its folder in build"))?;
    }
    fs::create_dir_all(&folder).map_err(Error::io("making its folder in build"))?;
    mariadb::unpack(PACKAGES, &folder, &root)
        .map_err(|why| Error::Missing(format!("no Galera: it could not be fetched: {why}")))?;
    fs::write(&done, wanted).map_err(Error::io("writing that it is fetched"))?;
    Ok(root)
}
