//! Programs that this one starts beside itself: itself, with other arguments. They end when it goes.

use std::{process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::failure::Failure;

/// How long a process may take to be up.
const PATIENCE: Duration = Duration::from_mins(1);

/// Starts this very program with other arguments; what it says when it is up, after `key` if there is one. What it says on
/// standard error goes to `errors`.
pub(crate) async fn start(
    arguments: &[&str],
    key: Option<&str>,
    errors: Stdio,
) -> Result<(Child, String), Failure> {
    let program = std::env::current_exe().map_err(Failure::failed)?;
    let mut process = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors)
        .kill_on_drop(true)
        .spawn()
        .map_err(Failure::failed)?;
    let Some(output) = process.stdout.take() else {
        return Err(Failure::failed("a process without standard output"));
    };
    let mut line = String::new();
    let mut output = BufReader::new(output);
    let read = tokio::time::timeout(PATIENCE, output.read_line(&mut line)).await;
    read.map_err(|_| Failure::failed(format!("{} didn't come up", arguments.join(" "))))?
        .map_err(Failure::failed)?;
    let ready = line.trim().strip_prefix("ready ");
    let ready = ready.and_then(|ready| match key {
        None => Some(ready),
        Some(key) => ready
            .split_whitespace()
            .find_map(|word| word.strip_prefix(key)),
    });
    match ready {
        Some(ready) => Ok((process, ready.to_owned())),
        None => Err(Failure::failed(format!(
            "{} didn't come up",
            arguments.join(" ")
        ))),
    }
}
