//! The `tercet` command: servers, operator's commands, demo.
//!
//! [`cli`] is the language, `commands` does what it says, `render` turns documents into text without any IO.
//! Exit codes are in [`failure`]. Standard output has documents and nothing else; everything about the way there
//! goes to standard error. `system` is the whole house in one process, for `demo` and `dev`.

mod bench;
mod cli;
mod clock;
mod commands;
mod demo;
mod dev;
mod failure;
mod output;
mod processes;
mod reconcile;
mod render;
mod shop;
mod system;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;
use failure::Failure;

fn main() -> ExitCode {
    // clap itself ends usage errors with exit code 2.
    let cli = Cli::parse();
    let result = runtime().and_then(|runtime| runtime.block_on(commands::run(cli)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(line) = failure.line() {
                output::complain(&line);
            }
            failure.exit_code()
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("no runtime: {error}")))
}
