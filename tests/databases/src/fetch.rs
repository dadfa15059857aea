//! Finds or fetches MariaDB: the installed one, or the distribution's packages unpacked into `build/mariadb`.
//!
//! Nothing is installed and nothing needs root: `apt-get` keeps its lists in a folder of its own where the system's are
//! stale or missing, and `dpkg -x` only unpacks. Processes that fetch at the same time wait for the first.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;

/// What a server is made of, and the scripts that make its first tables.
const PACKAGES: &[&str] = &[
    "mariadb-server-core",
    "mariadb-server",
    "mariadb-client-core",
];

/// Libraries that every Debian has, and that must be the ones the loader was made with.
const THE_SYSTEMS: &[&str] = &["libc6", "libgcc-s1", "libstdc++6"];

/// The folder that holds a MariaDB, with everything that runs it.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The folder above `usr/`; `/` for the installed one.
    root: PathBuf,
    /// The tables of an empty server, made once and copied for each.
    template: PathBuf,
}

/// The MariaDB of this checkout, fetched if it isn't there yet.
///
/// # Errors
///
/// [`Error::Missing`] says in one line what is missing.
pub fn fetch() -> Result<Installation, Error> {
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build");
    fs::create_dir_all(&build).map_err(Error::io("making the build folder"))?;
    let build = build
        .canonicalize()
        .map_err(Error::io("finding the build folder"))?;
    let lock = build.join("mariadb.lock");
    let lock = File::create(&lock).map_err(Error::io(lock.display().to_string()))?;
    lock.lock()
        .map_err(Error::io("waiting for another fetch"))?;
    let folder = build.join("mariadb");
    let root = if Path::new("/usr/sbin/mariadbd").exists() {
        PathBuf::from("/")
    } else {
        folder.join("root")
    };
    let installation = Installation {
        root,
        template: folder.join("template"),
    };
    // Written last, so that a fetch that was broken off is done again.
    let done = folder.join("done");
    let wanted = format!(
        "{} from {}\n",
        PACKAGES.join(" "),
        installation.root.display()
    );
    if fs::read_to_string(&done).is_ok_and(|had| had == wanted) {
        return Ok(installation);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(Error::io("clearing build/mariadb"))?;
    }
    fs::create_dir_all(&folder).map_err(Error::io("making build/mariadb"))?;
    if installation.root != Path::new("/") {
        unpack(&folder, &installation.root)?;
    }
    installation.make_template()?;
    fs::write(&done, wanted).map_err(Error::io("writing build/mariadb/done"))?;
    Ok(installation)
}

impl Installation {
    /// A program of this installation, ready for arguments. It has no standard input.
    pub(crate) fn command(&self, program: &str) -> Command {
        let usr = self.root.join("usr");
        let program = ["sbin", "bin"]
            .map(|folder| usr.join(folder).join(program))
            .into_iter()
            .find(|path| path.exists());
        let mut command = Command::new(program.unwrap_or_else(|| usr.join("sbin/mariadbd")));
        command.stdin(Stdio::null());
        if self.root != Path::new("/") {
            let mut path = std::ffi::OsString::from(usr.join("bin"));
            path.push(":");
            path.push(usr.join("sbin"));
            path.push(":");
            path.push(std::env::var_os("PATH").unwrap_or_default());
            command
                .env("PATH", path)
                .env("LD_LIBRARY_PATH", self.libraries());
        }
        command
    }

    fn libraries(&self) -> String {
        let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
        ["usr/lib", "lib"]
            .map(|lib| self.root.join(lib).join(&multiarch).display().to_string())
            .join(":")
    }

    /// Where the server finds its messages, character sets and plugins.
    pub(crate) fn places(&self) -> [String; 4] {
        let usr = self.root.join("usr");
        [
            format!("--basedir={}", usr.display()),
            format!("--plugin-dir={}", usr.join("lib/mysql/plugin").display()),
            format!("--lc-messages-dir={}", usr.join("share/mysql").display()),
            format!(
                "--character-sets-dir={}",
                usr.join("share/mysql/charsets").display()
            ),
        ]
    }

    /// Copies the tables of an empty server to `data`, which isn't there yet.
    pub(crate) fn copy_template(&self, data: &Path) -> Result<(), Error> {
        run(Command::new("cp").arg("-r").arg(&self.template).arg(data))
    }

    /// Whether a process of `nobody` can read the installation: every folder above it is open to others.
    pub(crate) fn is_open_to_all(&self) -> bool {
        use std::os::unix::fs::PermissionsExt as _;
        self.root.ancestors().all(|folder| {
            fs::metadata(folder)
                .is_ok_and(|metadata| metadata.permissions().mode() & 0o005 == 0o005)
        })
    }

    fn make_template(&self) -> Result<(), Error> {
        let mut install = self.command("mariadb-install-db");
        install
            .args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ])
            .arg(format!("--basedir={}", self.root.join("usr").display()))
            .arg(format!("--datadir={}", self.template.display()))
            .arg(REDO_LOG);
        if is_root() {
            install.arg("--user=root");
        }
        run(&mut install)
    }
}

/// Small, since each server's copy begins with it.
pub(crate) const REDO_LOG: &str = "--innodb-log-file-size=24M";

/// Whether this process may start a server as another user.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Downloads the packages and what libraries they need, and unpacks them.
fn unpack(folder: &Path, root: &Path) -> Result<(), Error> {
    for program in ["apt-get", "apt-cache", "dpkg"] {
        if Command::new(program).arg("--version").output().is_err() {
            return Err(Error::Missing(format!(
                "no MariaDB: it is not installed, and {program} is not there to fetch it with"
            )));
        }
    }
    let debs = folder.join("debs");
    fs::create_dir_all(&debs).map_err(Error::io("making build/mariadb/debs"))?;
    if download(&debs, &[]).is_err() {
        // The system's package lists are missing or stale: fetch them into a folder of our own.
        let own = own_lists(folder)?;
        run(Command::new("apt-get").args(&own).arg("update")).map_err(|error| missing(&error))?;
        download(&debs, &own).map_err(|error| missing(&error))?;
    }
    for deb in fs::read_dir(&debs).map_err(Error::io("reading build/mariadb/debs"))? {
        let deb = deb.map_err(Error::io("reading build/mariadb/debs"))?.path();
        run(Command::new("dpkg").arg("-x").arg(deb).arg(root)).map_err(|error| missing(&error))?;
    }
    fs::remove_dir_all(&debs).map_err(Error::io("clearing build/mariadb/debs"))
}

/// Options that make apt work without root.
fn own_lists(folder: &Path) -> Result<Vec<String>, Error> {
    let state = folder.join("apt");
    for part in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(state.join(part)).map_err(Error::io("making build/mariadb/apt"))?;
    }
    let state = state.display();
    Ok([
        format!("Dir::State={state}"),
        "Dir::State::status=/var/lib/dpkg/status".to_owned(),
        format!("Dir::Cache={state}/cache"),
        "APT::Sandbox::User=".to_owned(),
        "Acquire::Retries=2".to_owned(),
    ]
    .into_iter()
    .flat_map(|option| ["-o".to_owned(), option])
    .collect())
}

fn download(debs: &Path, options: &[String]) -> Result<(), Error> {
    let shown = output(
        Command::new("apt-cache")
            .args(options)
            .arg("show")
            .args(PACKAGES),
    )?;
    let mut packages: BTreeSet<&str> = PACKAGES.iter().copied().collect();
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

fn missing(error: &Error) -> Error {
    Error::Missing(format!(
        "no MariaDB: it is not installed, and could not be fetched: {error}"
    ))
}

fn run(command: &mut Command) -> Result<(), Error> {
    output(command).map(|_| ())
}

/// The standard output of a program that succeeds.
fn output(command: &mut Command) -> Result<String, Error> {
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
