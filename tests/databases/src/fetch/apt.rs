//! `apt-get` and `dpkg`, without root and without touching what the system has.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Error;

/// Whether the programs are there.
pub(super) fn is_there() -> Result<(), Error> {
    for program in ["apt-get", "apt-cache", "dpkg"] {
        if Command::new(program).arg("--version").output().is_err() {
            return Err(Error::Missing(format!("{program} is not there")));
        }
    }
    Ok(())
}

/// Options that make apt work in a folder of its own. `status` is the file that says what is installed.
pub(super) fn own_lists(folder: &Path, status: &str) -> Result<Vec<String>, Error> {
    let state = folder.join("apt");
    for part in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(state.join(part)).map_err(Error::io("making a folder for apt"))?;
    }
    let state = state.display();
    Ok([
        format!("Dir::State={state}"),
        format!("Dir::State::status={status}"),
        format!("Dir::Cache={state}/cache"),
        "APT::Sandbox::User=".to_owned(),
        "Acquire::Retries=2".to_owned(),
    ]
    .into_iter()
    .flat_map(|option| ["-o".to_owned(), option])
    .collect())
}

/// Unpacks every package of a folder into `root`.
pub(super) fn unpack(debs: &Path, root: &Path) -> Result<(), Error> {
    for deb in fs::read_dir(debs).map_err(Error::io("reading the packages"))? {
        let deb = deb.map_err(Error::io("reading the packages"))?.path();
        if deb.extension().is_some_and(|extension| extension == "deb") {
            run(Command::new("dpkg").arg("-x").arg(deb).arg(root))?;
        }
    }
    fs::remove_dir_all(debs).map_err(Error::io("clearing the packages"))
}

/// Runs a program that has to succeed.
pub(super) fn run(command: &mut Command) -> Result<(), Error> {
    output(command).map(|_| ())
}

/// The standard output of a program that succeeds.
pub(super) fn output(command: &mut Command) -> Result<String, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io(&*program))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stderr, output.stdout].concat();
    let said = String::from_utf8_lossy(&said);
    let line = said
        .lines()
        .find(|line| !line.trim().is_empty() && !line.starts_with("W:"));
    Err(Error::Missing(format!(
        "{program}: {}",
        line.unwrap_or("it failed")
    )))
}
