//! How each stage is run.

use anyhow::Result;

use crate::{command::Program, databases, deny, protos, stage::Stage, summary::Summary};

/// How a stage ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Ran and found nothing, with a remark.
    Passed(Option<String>),
    /// Found something; which, in a few words.
    Failed(String),
    /// Did not run; what is missing, in one line.
    Skipped(String),
}

/// Runs one stage. `ci`: a tool that is missing is a failure, not a remark.
///
/// # Errors
///
/// A program that has to be there could not be started.
pub(crate) fn run(stage: Stage, ci: bool) -> Result<Outcome> {
    match stage {
        // Names of files only: `cargo fmt --all` shows, and mends, the rest.
        Stage::Fmt => plain(Program::cargo().args("fmt --all -- --check -l")),
        Stage::Protos => protos::run(ci),
        Stage::Clippy => {
            plain(Program::cargo().args("clippy --workspace --all-targets -- -D warnings"))
        }
        // The same selection as the test stage, so that features are resolved alike and nothing is
        // built twice. Includes the `tercet` binary, which the end-to-end tests run.
        Stage::Build => plain(Program::cargo().args("test --workspace --no-run")),
        Stage::Test => test(ci),
        Stage::Doc => plain(
            Program::cargo()
                .args("doc --no-deps --workspace")
                .env("RUSTDOCFLAGS", "-D warnings"),
        ),
        Stage::Deny => deny::run(ci),
    }
}

/// A stage that is one program.
fn plain(program: Program) -> Result<Outcome> {
    Ok(if program.succeeds()? {
        Outcome::Passed(None)
    } else {
        Outcome::Failed("see above".to_owned())
    })
}

/// All tests, with one database server for those that only need a database of their own. Goes on after a failing
/// binary, so that one run shows everything that is wrong.
fn test(ci: bool) -> Result<Outcome> {
    // The program that starts the server is among what this builds; after the stage before there is nothing to do.
    if !Program::cargo()
        .args("test --workspace --no-run --quiet")
        .succeeds()?
    {
        return Ok(Outcome::Failed("see above".to_owned()));
    }
    let mut tests = Program::cargo().args("test --workspace --no-fail-fast");
    let server = databases::server()?;
    let remark = match &server {
        Ok(server) => {
            tests = tests.env(databases::VARIABLE, server.url());
            String::new()
        }
        Err(missing) if ci => return Ok(Outcome::Failed(missing.clone())),
        Err(missing) => format!("; SKIPPED what needs a database server: {missing}"),
    };
    let mut summary = Summary::default();
    let passed = tests.succeeds_showing(|line| summary.add(line))?;
    Ok(if !passed {
        Outcome::Failed(summary.line())
    } else if summary.is_empty() {
        Outcome::Failed("no test ran".to_owned())
    } else {
        Outcome::Passed(Some(summary.line() + &remark))
    })
}
