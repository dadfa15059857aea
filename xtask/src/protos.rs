//! The stage `protos`: what buf says about the `.proto` files.

use anyhow::{Result, bail};

use crate::{command::Program, node, run::Outcome};

/// The image of the released `.proto` files, checked in.
const BASELINE: &str = "proto/baseline.binpb";

/// Lints, compares the format, and compares with the baseline; runs all three even if one fails.
///
/// # Errors
///
/// buf could not be started.
pub(crate) fn run(ci: bool) -> Result<Outcome> {
    let buf = match node::buf()? {
        Ok(buf) => buf,
        // On a developer's machine this must not stand between them and the tests; where the check
        // counts, a stage that did not run has not passed.
        Err(missing) if ci => return Ok(Outcome::Failed(missing)),
        Err(missing) => return Ok(Outcome::Skipped(missing)),
    };
    let mut failed = Vec::new();
    for (name, arguments) in [
        ("lint", "lint".to_owned()),
        ("format", "format -d --exit-code".to_owned()),
        ("breaking", format!("breaking --against {BASELINE}")),
    ] {
        if !Program::new(buf).args(&arguments).succeeds()? {
            failed.push(name);
        }
    }
    Ok(if failed.is_empty() {
        Outcome::Passed(None)
    } else {
        Outcome::Failed(format!("buf {}", failed.join(", ")))
    })
}

/// Makes the present `.proto` files the ones that later changes are compared with. For a release, or
/// after a change that nobody can have depended on.
///
/// # Errors
///
/// buf is missing or refuses the files.
pub(crate) fn write_baseline() -> Result<()> {
    let buf = match node::buf()? {
        Ok(buf) => buf,
        Err(missing) => bail!("{missing}"),
    };
    let build = format!("build --exclude-source-info -o {BASELINE}");
    if !Program::new(buf).args(&build).succeeds()? {
        bail!("buf build failed");
    }
    Ok(())
}
