//! `promtool`, which reads what Prometheus reads: the installed one, or that of the distribution's package, unpacked into
//! `build/promtool`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::apt::{self, own_lists, run};
use crate::Error;

const INSTALLED: &str = "/usr/bin/promtool";

/// The program, fetched if it isn't there yet.
///
/// # Errors
///
/// [`Error::Missing`] says in one line what is missing.
pub fn promtool() -> Result<PathBuf, Error> {
    if Path::new(INSTALLED).exists() {
        return Ok(INSTALLED.into());
    }
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build");
    fs::create_dir_all(&build).map_err(Error::io("making the build folder"))?;
    let lock = File::create(build.join("promtool.lock"));
    let lock = lock.map_err(Error::io("promtool.lock"))?;
    lock.lock()
        .map_err(Error::io("waiting for another fetch"))?;
    let folder = build.join("promtool");
    let program = folder.join("promtool");
    if program.exists() {
        return Ok(program);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(Error::io("clearing its folder in build"))?;
    }
    unpack(&folder)
        .map_err(|why| Error::Missing(format!("no promtool: it could not be fetched: {why}")))?;
    Ok(program)
}

fn unpack(folder: &Path) -> Result<(), Error> {
    apt::is_there()?;
    let debs = folder.join("debs");
    fs::create_dir_all(&debs).map_err(Error::io("making a folder for packages"))?;
    if download(&debs, &[]).is_err() {
        // The system's package lists are missing or stale: fetch them into a folder of our own.
        let own = own_lists(folder, "/var/lib/dpkg/status")?;
        run(Command::new("apt-get").args(&own).arg("update"))?;
        download(&debs, &own)?;
    }
    let root = folder.join("root");
    apt::unpack(&debs, &root)?;
    // The server and its pages are of no use here. The program comes last, so that a fetch that was broken off is done
    // again.
    let unpacked = folder.join("unpacked");
    fs::rename(root.join("usr/bin/promtool"), &unpacked)
        .map_err(Error::io("promtool of the package"))?;
    fs::remove_dir_all(&root).map_err(Error::io("clearing the package"))?;
    fs::rename(&unpacked, folder.join("promtool")).map_err(Error::io("keeping promtool"))
}

fn download(debs: &Path, options: &[String]) -> Result<(), Error> {
    run(Command::new("apt-get")
        .args(options)
        .args(["download", "prometheus"])
        .current_dir(debs))
}
