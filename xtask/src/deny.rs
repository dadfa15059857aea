//! The stage `deny`: what cargo-deny says about the licences, bans and sources of the dependencies.
//!
//! Advisories aren't asked for: their database is no package, and a check that needs more than the registries
//! would fail where they are all there is.

use anyhow::Result;

use crate::{command::Program, run::Outcome};

/// The version that `deny.toml` was written for.
const VERSION: &str = "0.18.3";
/// Git-ignored; may be deleted at any time.
const FOLDER: &str = "build/cargo-deny";
const CARGO_DENY: &str = "build/cargo-deny/bin/cargo-deny";

/// Checks with the cargo-deny that is installed, or with one that is built into the build folder, once.
///
/// # Errors
///
/// cargo or cargo-deny could not be started.
pub(crate) fn run(ci: bool) -> Result<Outcome> {
    let Some(deny) = installed()? else {
        let missing = format!("cargo-deny {VERSION} could not be fetched");
        return Ok(if ci {
            Outcome::Failed(missing)
        } else {
            Outcome::Skipped(missing)
        });
    };
    let passed = Program::new(deny)
        .args("deny check bans licenses sources")
        .succeeds()?;
    Ok(if passed {
        Outcome::Passed(None)
    } else {
        Outcome::Failed("see above".to_owned())
    })
}

fn installed() -> Result<Option<&'static str>> {
    let is_there = |program| Program::new(program).args("--version").answer().is_some();
    for program in ["cargo-deny", CARGO_DENY] {
        if is_there(program) {
            return Ok(Some(program));
        }
    }
    // Unoptimized: it runs for a second, and is built for minutes otherwise.
    let install = format!(
        "install --locked --debug --root {FOLDER} --target-dir build/cargo-deny/target cargo-deny@{VERSION}"
    );
    let fetched = Program::cargo().args(&install).succeeds()?;
    Ok((fetched && is_there(CARGO_DENY)).then_some(CARGO_DENY))
}
