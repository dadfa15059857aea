//! Finds or fetches a server: MariaDB, the installed one or the distribution's packages unpacked into `build/mariadb`; or
//! MySQL proper, from Debian unstable's packages in `build/mysql`, with a loader and libraries of its own. What makes
//! MariaDB a node of a Galera cluster stands in `build/galera`, whoever brought the server.
//!
//! Nothing is installed and nothing needs root: `apt-get` keeps its lists in a folder of its own where the system's don't
//! do, and `dpkg -x` only unpacks. Processes that fetch at the same time wait for the first.

mod apt;
mod chromium;
mod galera;
mod mariadb;
mod mysql;
mod promtool;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;
use apt::run;
pub use chromium::{Chromium, chromium};
pub use promtool::promtool;

/// Which server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// MariaDB, as old as the distribution has it.
    #[default]
    MariaDb,
    /// MySQL proper, as new as Debian unstable has it.
    MySql,
    /// MariaDB with what makes it a node of a Galera cluster; see [`Galera`](crate::Galera).
    Galera,
}

impl Kind {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MariaDb => "MariaDB",
            Self::MySql => "MySQL",
            Self::Galera => "Galera",
        }
    }

    /// The folder in `build/`.
    const fn folder(self) -> &'static str {
        match self {
            Self::MariaDb | Self::Galera => "mariadb",
            Self::MySql => "mysql",
        }
    }

    /// The server's program.
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Self::MariaDb | Self::Galera => "mariadbd",
            Self::MySql => "mysqld",
        }
    }
}

/// The folder that holds a server, with everything that runs it.
#[derive(Clone, Debug)]
pub struct Installation {
    kind: Kind,
    /// The folder above `usr/`; `/` for the installed one.
    root: PathBuf,
    /// The same of what stands beside the server, for Galera.
    beside: Option<PathBuf>,
    /// The tables of an empty server, made once and copied for each.
    template: PathBuf,
}

/// The server of this checkout, fetched if it isn't there yet.
///
/// # Errors
///
/// [`Error::Missing`] says in one line what is missing.
pub fn fetch(kind: Kind) -> Result<Installation, Error> {
    if kind == Kind::Galera {
        return Ok(Installation {
            kind,
            beside: Some(galera::fetch()?),
            ..fetch(Kind::MariaDb)?
        });
    }
    let build = build_folder()?;
    let lock = build.join(format!("{}.lock", kind.folder()));
    let lock = File::create(&lock).map_err(Error::io(lock.display().to_string()))?;
    lock.lock()
        .map_err(Error::io("waiting for another fetch"))?;
    let folder = build.join(kind.folder());
    let is_installed = kind == Kind::MariaDb && Path::new("/usr/sbin/mariadbd").exists();
    let installation = Installation {
        kind,
        root: if is_installed {
            PathBuf::from("/")
        } else {
            folder.join("root")
        },
        beside: None,
        template: folder.join("template"),
    };
    // Written last, so that a fetch that was broken off is done again.
    let done = folder.join("done");
    let wanted = format!("{} in {}\n", kind.name(), installation.root.display());
    if fs::read_to_string(&done).is_ok_and(|had| had == wanted) {
        return Ok(installation);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(Error::io("clearing its folder in build"))?;
    }
    fs::create_dir_all(&folder).map_err(Error::io("making its folder in build"))?;
    if !is_installed {
        let fetched = match kind {
            Kind::MariaDb | Kind::Galera => {
                mariadb::unpack(mariadb::PACKAGES, &folder, &installation.root)
            }
            Kind::MySql => mysql::unpack(&folder, &installation.root),
        };
        fetched.map_err(|why| {
            Error::Missing(format!(
                "no {}: it could not be fetched: {why}",
                kind.name()
            ))
        })?;
    }
    installation.make_template()?;
    fs::write(&done, wanted).map_err(Error::io("writing that it is fetched"))?;
    Ok(installation)
}

/// The folder of everything that is fetched.
fn build_folder() -> Result<PathBuf, Error> {
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build");
    fs::create_dir_all(&build).map_err(Error::io("making the build folder"))?;
    build
        .canonicalize()
        .map_err(Error::io("finding the build folder"))
}

impl Installation {
    /// Which server it is.
    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// A program of this installation, ready for arguments. It has no standard input.
    pub(crate) fn command(&self, program: &str) -> Command {
        let usr = self.root.join("usr");
        let found = ["sbin", "bin"]
            .map(|folder| usr.join(folder).join(program))
            .into_iter()
            .find(|path| path.exists());
        let program = found.unwrap_or_else(|| usr.join("sbin").join(program));
        let mut command = match self.kind {
            Kind::MariaDb | Kind::Galera => Command::new(program),
            // Newer than this system's libraries, so it brings its own.
            Kind::MySql => {
                let mut loader = Command::new(usr.join("lib64/ld-linux-x86-64.so.2"));
                loader
                    .arg("--library-path")
                    .arg(self.libraries())
                    .arg(program);
                loader
            }
        };
        command.stdin(Stdio::null());
        if self.kind != Kind::MySql && (self.beside.is_some() || self.root != Path::new("/")) {
            let mut path = OsString::new();
            for root in self.roots() {
                for folder in ["usr/bin", "usr/sbin"] {
                    path.push(root.join(folder));
                    path.push(":");
                }
            }
            path.push(std::env::var_os("PATH").unwrap_or_default());
            command
                .env("PATH", path)
                .env("LD_LIBRARY_PATH", self.libraries());
        }
        command
    }

    fn roots(&self) -> impl Iterator<Item = &Path> {
        let beside = self.beside.iter().map(PathBuf::as_path);
        std::iter::once(self.root.as_path()).chain(beside)
    }

    fn libraries(&self) -> String {
        let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
        let folders = self.roots().flat_map(|root| {
            ["usr/lib", "lib"].map(|lib| root.join(lib).join(&multiarch).display().to_string())
        });
        folders.collect::<Vec<_>>().join(":")
    }

    /// What Galera is loaded from.
    pub(crate) fn provider(&self) -> Option<PathBuf> {
        let beside = self.beside.as_ref()?;
        Some(beside.join("usr/lib/galera/libgalera_smm.so"))
    }

    /// A copy in `folder`, which is open to others where this checkout isn't.
    pub(crate) fn copy_to(&self, folder: &Path) -> Result<Self, Error> {
        let copy = |from: &Path, name: &str| {
            let to = folder.join(name);
            run(Command::new("cp").arg("-r").arg(from).arg(&to)).map(|()| to)
        };
        Ok(Self {
            kind: self.kind,
            // The installed one is open to all.
            root: match self.root.parent() {
                Some(_) => copy(&self.root, "server")?,
                None => self.root.clone(),
            },
            beside: match &self.beside {
                Some(beside) => Some(copy(beside, "beside")?),
                None => None,
            },
            template: copy(&self.template, "template")?,
        })
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

    /// What only this kind of server is told.
    pub(crate) const fn settings(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::MariaDb | Kind::Galera => mariadb::SETTINGS,
            Kind::MySql => mysql::SETTINGS,
        }
    }

    /// Copies the tables of an empty server to `data`, which isn't there yet.
    pub(crate) fn copy_template(&self, data: &Path) -> Result<(), Error> {
        run(Command::new("cp").arg("-r").arg(&self.template).arg(data))
    }

    /// Whether what had to be copied of it is in that folder.
    pub(crate) fn is_in(&self, folder: &Path) -> bool {
        self.roots().any(|root| root.starts_with(folder))
    }

    /// Whether a process of `nobody` can read the installation: every folder above it is open to others.
    pub(crate) fn is_open_to_all(&self) -> bool {
        use std::os::unix::fs::PermissionsExt as _;
        self.roots().flat_map(Path::ancestors).all(|folder| {
            fs::metadata(folder)
                .is_ok_and(|metadata| metadata.permissions().mode() & 0o005 == 0o005)
        })
    }

    fn make_template(&self) -> Result<(), Error> {
        let mut make = match self.kind {
            Kind::MariaDb | Kind::Galera => {
                let mut install = self.command("mariadb-install-db");
                install.args([
                    "--no-defaults",
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                ]);
                install.arg(format!("--basedir={}", self.root.join("usr").display()));
                install
            }
            Kind::MySql => {
                let mut initialize = self.command("mysqld");
                initialize.args(["--no-defaults", "--initialize-insecure"]);
                initialize.args(self.places());
                initialize
            }
        };
        make.arg(format!("--datadir={}", self.template.display()));
        make.args(self.settings());
        if is_root() {
            make.arg("--user=root");
        }
        run(&mut make)
    }
}

/// Whether this process may start a server as another user.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}
