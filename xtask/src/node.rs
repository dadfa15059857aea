//! Fetches buf through npm into the build folder: one pinned version, nothing installed globally.

use std::fs;

use anyhow::{Context, Result};

use crate::command::Program;

/// The version that the baseline and the lint rules were written with.
const BUF_VERSION: &str = "1.75.0";
/// Git-ignored; may be deleted at any time.
const FOLDER: &str = "build/buf";
const BUF: &str = "build/buf/node_modules/.bin/buf";

/// Where buf is, or in one line what is missing.
///
/// # Errors
///
/// The build folder can't be written.
pub(crate) fn buf() -> Result<Result<&'static str, String>> {
    if version().as_deref() == Some(BUF_VERSION) {
        return Ok(Ok(BUF));
    }
    for program in ["node", "npm"] {
        if Program::new(program).args("--version").answer().is_none() {
            return Ok(Err(format!(
                "{program} is not installed (buf is fetched through npm)"
            )));
        }
    }
    fs::create_dir_all(FOLDER).with_context(|| FOLDER.to_owned())?;
    // Without a manifest of its own npm would look for one in the folders above.
    fs::write(format!("{FOLDER}/package.json"), "{\"private\":true}\n")?;
    let install = format!(
        "install --prefix {FOLDER} --no-audit --no-fund --no-package-lock --loglevel error \
         @bufbuild/buf@{BUF_VERSION}"
    );
    let fetched = Program::new("npm").args(&install).succeeds()?;
    if fetched && version().as_deref() == Some(BUF_VERSION) {
        Ok(Ok(BUF))
    } else {
        Ok(Err(format!("npm could not fetch buf {BUF_VERSION}")))
    }
}

/// The version of the buf that is there.
fn version() -> Option<String> {
    Program::new(BUF).args("--version").answer()
}
