//! MariaDB from the distribution's packages.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::apt::{self, output, own_lists, run};
use crate::Error;

/// What a server is made of, and the scripts that make its first tables.
pub(super) const PACKAGES: &[&str] = &[
    "mariadb-server-core",
    "mariadb-server",
    "mariadb-client-core",
];

/// Libraries that every Debian has, and that must be the ones the loader was made with.
const THE_SYSTEMS: &[&str] = &["libc6", "libgcc-s1", "libstdc++6"];

/// A redo log that is small, since each server's copy begins with it.
pub(super) const SETTINGS: &[&str] = &["--innodb-log-file-size=24M", "--skip-name-resolve"];

/// Downloads packages and what libraries they need, and unpacks them.
pub(super) fn unpack(packages: &[&str], folder: &Path, root: &Path) -> Result<(), Error> {
    apt::is_there()?;
    let debs = folder.join("debs");
    fs::create_dir_all(&debs).map_err(Error::io("making a folder for packages"))?;
    if download(packages, &debs, &[]).is_err() {
        // The system's package lists are missing or stale: fetch them into a folder of our own.
        let own = own_lists(folder, "/var/lib/dpkg/status")?;
        run(Command::new("apt-get").args(&own).arg("update"))?;
        download(packages, &debs, &own)?;
    }
    apt::unpack(&debs, root)
}

fn download(packages: &[&str], debs: &Path, options: &[String]) -> Result<(), Error> {
    let shown = output(
        Command::new("apt-cache")
            .args(options)
            .arg("show")
            .args(packages),
    )?;
    let mut packages: BTreeSet<&str> = packages.iter().copied().collect();
    let depends = shown
        .lines()
        .filter_map(|line| line.strip_prefix("Depends: "));
    packages.extend(depends.flat_map(libraries));
    run(Command::new("apt-get")
        .args(options)
        .arg("download")
        .args(packages)
        .current_dir(debs))
}

/// The libraries among a package's dependencies, but for those of the system and of Perl.
fn libraries(depends: &str) -> impl Iterator<Item = &str> {
    depends
        .split(", ")
        .filter_map(|one| one.split([' ', '|', ':']).next())
        .filter(|name| name.starts_with("lib") && !name.ends_with("-perl"))
        .filter(|name| !THE_SYSTEMS.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_dependencies_only_the_libraries_are_fetched_that_are_not_the_systems() {
        let depends = "mariadb-common (>= 1:10.11), libaio1 (>= 0.3.93) | libaio1t64, libc6 (>= 2.34), \
                       libdbi-perl, libssl3 (>= 3.0.0), libstdc++6 (>= 12), zlib1g (>= 1:1.2.0)";
        assert_eq!(
            libraries(depends).collect::<Vec<_>>(),
            ["libaio1", "libssl3"]
        );
    }
}
