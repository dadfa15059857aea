//! Runs the simulator. It is a program of its own, in release build, so that the chores stay quick to build.

use anyhow::Result;

use crate::command::Program;

/// Hands the arguments to `tests/simulator/src/bin/simulate.rs`; true if nothing was violated.
///
/// # Errors
///
/// It could not be started.
pub(crate) fn simulate(arguments: &[String]) -> Result<bool> {
    Program::cargo()
        .args("run --quiet --release -p tercet-simulator --bin simulate --")
        .args(&arguments.join(" "))
        .succeeds()
}
