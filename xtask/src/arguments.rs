//! Reads the command line. By hand: two words and one flag don't pay for a parser that has to be built
//! before the first check.

use anyhow::{Result, bail};

use crate::stage::Stage;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Say how to use it.
    Help,
    /// Run these stages, in the order of [`Stage::ALL`].
    Check(Vec<Stage>),
    /// Run the simulator with these arguments.
    Simulate(Vec<String>),
    /// Write the baseline image of the `.proto` files anew.
    Baseline,
}

/// How to use it.
pub(crate) fn help() -> String {
    let stages = Stage::ALL.map(Stage::name).join(", ");
    format!(
        "cargo xtask check [--only STAGE]...   run all stages, or only those named\n\
         cargo xtask baseline                  accept the present .proto files as the released ones\n\
         cargo xtask simulate [ARGUMENT]...    run the simulator; simulate --help says more\n\n\
         stages: {stages}"
    )
}

/// Understands the arguments after the program's name.
///
/// # Errors
///
/// An unknown command, flag or stage; the message says what there is.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Request> {
    let mut arguments = arguments.into_iter();
    match arguments.next().as_deref() {
        None | Some("help" | "--help" | "-h") => Ok(Request::Help),
        Some("baseline") => match arguments.next() {
            None => Ok(Request::Baseline),
            Some(extra) => bail!("baseline takes no argument, got {extra:?}"),
        },
        Some("simulate") => Ok(Request::Simulate(arguments.collect())),
        Some("check") => stages(arguments),
        Some(other) => bail!("unknown command {other:?}\n{}", help()),
    }
}

/// A check of the stages named by `--only`, or of all.
fn stages(mut arguments: impl Iterator<Item = String>) -> Result<Request> {
    let mut chosen = Vec::new();
    while let Some(argument) = arguments.next() {
        if argument == "--help" {
            return Ok(Request::Help);
        }
        if argument != "--only" {
            bail!("unknown argument {argument:?}\n{}", help());
        }
        let Some(name) = arguments.next() else {
            bail!("--only needs the name of a stage\n{}", help());
        };
        for name in name.split(',') {
            let Some(stage) = Stage::parse(name) else {
                bail!("unknown stage {name:?}\n{}", help());
            };
            chosen.push(stage);
        }
    }
    let mut stages = Stage::ALL.to_vec();
    stages.retain(|stage| chosen.is_empty() || chosen.contains(stage));
    Ok(Request::Check(stages))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    fn check(line: &str, expected: &[Stage]) {
        match parsed(line) {
            Ok(Request::Check(stages)) => assert_eq!(stages, expected, "{line}"),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_check_runs_all_stages_unless_some_are_named() {
        check("check", &Stage::ALL);
        check("check --only test", &[Stage::Test]);
        check("check --only test --only fmt", &[Stage::Fmt, Stage::Test]);
        check("check --only doc,fmt", &[Stage::Fmt, Stage::Doc]);
    }

    #[test]
    fn the_simulator_gets_its_arguments_as_they_are() {
        let arguments = vec!["--seed".to_owned(), "7".to_owned(), "--trace".to_owned()];
        assert_eq!(
            parsed("simulate --seed 7 --trace").ok(),
            Some(Request::Simulate(arguments))
        );
    }

    #[test]
    fn what_is_not_understood_is_an_error_that_lists_the_stages() {
        for line in [
            "chekc",
            "check test",
            "check --only",
            "check --only tests",
            "check --only fmt,",
        ] {
            let Err(error) = parsed(line) else {
                panic!("{line} was understood");
            };
            assert!(error.to_string().contains("clippy"), "{line}: {error}");
        }
        assert!(parsed("baseline now").is_err());
    }
}
