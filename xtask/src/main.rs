//! The project's own chores: `cargo xtask check` is the one command that tests everything.
//!
//! Runs other programs and reports on them; it must never hold a rule of its own that a test or a
//! tool's configuration could hold. The stages are listed in [`stage`], how each is run is in [`run`].

mod arguments;
mod check;
mod command;
mod databases;
mod deny;
mod node;
mod protos;
mod report;
mod run;
mod simulate;
mod stage;
mod summary;

use std::{env, path::Path, process::ExitCode};

use arguments::Request;

fn main() -> ExitCode {
    let outcome = arguments::parse(env::args().skip(1)).and_then(|request| {
        // Every stage's paths are relative to the root of the repository.
        env::set_current_dir(root())?;
        match request {
            Request::Help => {
                println!("{}", arguments::help());
                Ok(true)
            }
            Request::Check(stages) => Ok(check::check(&stages)),
            Request::Simulate(arguments) => simulate::simulate(&arguments),
            Request::Baseline => protos::write_baseline().map(|()| true),
        }
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// The root of the repository, wherever the command was started.
fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}
