//! MySQL proper from Debian unstable's packages, with everything below it down to the C library: this system's are older.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::apt::{self, own_lists, run};
use crate::Error;

/// Debian unstable, whose packages are signed with keys that older systems know.
const SOURCE: &str = "Types: deb
URIs: http://deb.debian.org/debian
Suites: unstable
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
";

/// A redo log that is small, and nothing that a test has no use for.
pub(super) const SETTINGS: &[&str] = &[
    "--innodb-redo-log-capacity=32M",
    "--mysqlx=OFF",
    "--secure-file-priv=NULL",
];

/// Downloads the server's package and all that it depends on, as if nothing were installed, and unpacks them.
pub(super) fn unpack(folder: &Path, root: &Path) -> Result<(), Error> {
    apt::is_there()?;
    if std::env::consts::ARCH != "x86_64" {
        return Err(Error::Missing("only known for x86_64".to_owned()));
    }
    let (source, nothing) = (folder.join("unstable.sources"), folder.join("status"));
    for (file, text) in [(&source, SOURCE), (&nothing, "")] {
        fs::write(file, text).map_err(Error::io("describing where packages come from"))?;
    }
    let mut own = own_lists(folder, &nothing.display().to_string())?;
    for option in [
        format!("Dir::Etc::sourcelist={}", source.display()),
        "Dir::Etc::sourceparts=/dev/null".to_owned(),
    ] {
        own.extend(["-o".to_owned(), option]);
    }
    run(Command::new("apt-get").args(&own).arg("update"))?;
    run(Command::new("apt-get")
        .args(&own)
        .args(["install", "--yes", "--download-only"])
        .args(["--no-install-recommends", "mysql-server-core", "libc6"]))?;
    apt::unpack(&folder.join("apt/cache/archives"), root)
}
