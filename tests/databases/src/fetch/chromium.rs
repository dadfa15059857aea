//! Chromium without a window, from the distribution's packages with every library and font below it, in `build/chromium`.
//!
//! The installed browser isn't used, so that a page looks the same on every machine. Only the C library and the compiler's
//! stay the system's: they have to be those of the loader.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::apt::{self, own_lists, run};
use super::build_folder;
use crate::Error;

const PACKAGE: &str = "chromium-headless-shell";

/// Packages of which nothing is wanted: the system's own libraries, drivers of graphics cards with their compiler, and
/// what only an installation runs.
const LEFT_OUT: [&str; 8] = [
    "libc6_",
    "libgcc-s1_",
    "libstdc++6_",
    "libgl1-mesa-dri_",
    "libllvm",
    "libz3-",
    "debconf_",
    "sysvinit-utils_",
];

/// A browser that can be started.
#[derive(Clone, Debug)]
pub struct Chromium {
    root: PathBuf,
    fonts: PathBuf,
}

impl Chromium {
    /// The browser's program, wherever it is started from; see [`Self::variables`].
    pub fn program(&self) -> PathBuf {
        self.root.join("usr/lib/chromium").join(PACKAGE)
    }

    /// What has to stand in the environment of its process: where its libraries and fonts are.
    pub fn variables(&self) -> [(&'static str, String); 2] {
        let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
        let folders = ["usr/lib", "lib"].map(|lib| self.root.join(lib).join(&multiarch));
        let pulse = folders[0].join("pulseaudio");
        let folders = folders.iter().chain([&pulse]);
        let folders: Vec<String> = folders.map(|path| path.display().to_string()).collect();
        [
            ("LD_LIBRARY_PATH", folders.join(":")),
            ("FONTCONFIG_FILE", self.fonts.display().to_string()),
        ]
    }
}

/// The browser of this checkout, fetched if it isn't there yet (some 160 MB).
///
/// # Errors
///
/// [`Error::Missing`] says in one line what is missing.
pub fn chromium() -> Result<Chromium, Error> {
    let build = build_folder()?;
    let lock = File::create(build.join("chromium.lock"));
    let lock = lock.map_err(Error::io("chromium.lock"))?;
    lock.lock()
        .map_err(Error::io("waiting for another fetch"))?;
    let folder = build.join("chromium");
    let browser = Chromium {
        root: folder.join("root"),
        fonts: folder.join("fonts.conf"),
    };
    // Written last, and names the folder: a fetch that was broken off, or a checkout that was moved, is done again.
    let done = folder.join("done");
    let wanted = format!("{}\n", folder.display());
    if fs::read_to_string(&done).is_ok_and(|had| had == wanted) {
        return Ok(browser);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(Error::io("clearing its folder in build"))?;
    }
    unpack(&folder, &browser.root)
        .and_then(|()| starts(&browser, &folder))
        .map_err(|why| Error::Missing(format!("no browser: it could not be fetched: {why}")))?;
    fs::write(&done, wanted).map_err(Error::io("writing that it is fetched"))?;
    Ok(browser)
}

fn unpack(folder: &Path, root: &Path) -> Result<(), Error> {
    apt::is_there()?;
    fs::create_dir_all(folder.join("cache/archives/partial"))
        .map_err(Error::io("making a folder for packages"))?;
    let nothing = folder.join("status");
    fs::write(&nothing, "").map_err(Error::io("saying that nothing is installed"))?;
    let mut archives = folder.join("cache/archives");
    // The system's lists of packages, in a cache of our own.
    let options = [
        format!("Dir::State::status={}", nothing.display()),
        format!("Dir::Cache={}", folder.join("cache").display()),
        "APT::Sandbox::User=".to_owned(),
        "Acquire::Retries=2".to_owned(),
    ];
    let options = options.into_iter().flat_map(|one| ["-o".to_owned(), one]);
    if download(&options.collect::<Vec<_>>()).is_err() {
        // They are missing or stale: fetch them into a folder of our own.
        let own = own_lists(folder, &nothing.display().to_string())?;
        run(Command::new("apt-get").args(&own).arg("update"))?;
        download(&own)?;
        archives = folder.join("apt/cache/archives");
    }
    for deb in fs::read_dir(&archives).map_err(Error::io("reading the packages"))? {
        let deb = deb.map_err(Error::io("reading the packages"))?;
        let name = deb.file_name();
        let name = name.to_string_lossy();
        if LEFT_OUT.iter().any(|prefix| name.starts_with(prefix)) {
            fs::remove_file(deb.path()).map_err(Error::io("leaving out a package"))?;
        }
    }
    apt::unpack(&archives, root)
}

/// The package with everything below it, as if nothing were installed.
fn download(options: &[String]) -> Result<(), Error> {
    run(Command::new("apt-get")
        .args(options)
        .args(["install", "--yes", "--download-only"])
        .args(["--no-install-recommends", PACKAGE]))
}

/// Writes which fonts there are, and looks whether every library is found.
fn starts(browser: &Chromium, folder: &Path) -> Result<(), Error> {
    let fonts = format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE fontconfig SYSTEM \"fonts.dtd\">\n<fontconfig>\n\
         <dir>{}</dir>\n<cachedir>{}</cachedir>\n{}{}{}</fontconfig>\n",
        browser.root.join("usr/share/fonts").display(),
        folder.join("font-cache").display(),
        prefer("sans-serif", "DejaVu Sans"),
        prefer("system-ui", "DejaVu Sans"),
        prefer("monospace", "DejaVu Sans Mono"),
    );
    fs::write(&browser.fonts, fonts).map_err(Error::io("writing which fonts there are"))?;
    run(Command::new(browser.program())
        .arg("--version")
        .envs(browser.variables()))
}

fn prefer(family: &str, font: &str) -> String {
    format!("<alias><family>{family}</family><prefer><family>{font}</family></prefer></alias>\n")
}
