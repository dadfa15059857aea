//! The database server that all tests of one check share.
//!
//! Fetched and run by `tests/databases`, whose program ends, and its server with it, when its standard input does: so
//! the server is gone however the check ends.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

/// The variable that tests find the server by. Set by hand, it names a server that is there already.
pub(crate) const VARIABLE: &str = "TERCET_TEST_MYSQL_URL";
/// What the program exits with where there is no server to be had.
const MISSING: i32 = 3;

/// A server that runs until this value goes.
pub(crate) struct Server {
    url: String,
    program: Option<Child>,
}

impl Server {
    /// What [`VARIABLE`] is set to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut program) = self.program.take() {
            drop(program.stdin.take());
            // Nothing can be done about a failure here, and the server is gone with the program in any case.
            let _ = program.wait();
        }
    }
}

/// The server of [`VARIABLE`], or one that is started now; or in one line what is missing.
///
/// # Errors
///
/// The server is there but did not start, or its program hasn't been built.
pub(crate) fn server() -> Result<Result<Server, String>> {
    if let Ok(url) = env::var(VARIABLE)
        && !url.is_empty()
    {
        return Ok(Ok(Server { url, program: None }));
    }
    let path = path()?;
    println!("$ test-databases serve");
    let mut program = Command::new(&path)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| path.display().to_string())?;
    let mut url = String::new();
    if let Some(output) = program.stdout.take() {
        BufReader::new(output).read_line(&mut url)?;
    }
    if !url.trim().is_empty() {
        let url = url.trim().to_owned();
        let program = Some(program);
        return Ok(Ok(Server { url, program }));
    }
    let ended = program.wait_with_output()?;
    let said = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    if ended.status.code() == Some(MISSING) {
        return Ok(Err(said));
    }
    bail!("no database server for the tests: {said}")
}

/// Where cargo puts the programs of members: beside this one.
fn path() -> Result<PathBuf> {
    let this = env::current_exe().context("where am I?")?;
    Ok(this.with_file_name("test-databases"))
}
