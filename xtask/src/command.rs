//! Runs one program and shows it: the line that was run stands above its output.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

/// A program with its arguments.
pub(crate) struct Program(Command);

impl Program {
    /// A program found by name or path. It gets no standard input: nothing here may wait for a person.
    pub(crate) fn new(program: &str) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        Self(command)
    }

    /// The cargo that runs this program.
    pub(crate) fn cargo() -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        Self::new(&cargo)
    }

    /// Adds arguments, written as one line: none of them contains a space.
    pub(crate) fn args(mut self, line: &str) -> Self {
        self.0.args(line.split_whitespace());
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it with its output shown; true if it succeeded.
    ///
    /// # Errors
    ///
    /// It could not be started.
    pub(crate) fn succeeds(mut self) -> Result<bool> {
        self.announce();
        let status = self.0.status().with_context(|| self.line())?;
        Ok(status.success())
    }

    /// Runs it, shows its standard output and hands each line of it to `each`; true if it succeeded.
    ///
    /// # Errors
    ///
    /// It could not be started, or its output could not be read.
    pub(crate) fn succeeds_showing(mut self, mut each: impl FnMut(&str)) -> Result<bool> {
        self.announce();
        let mut child = self
            .0
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| self.line())?;
        if let Some(output) = child.stdout.take() {
            let mut shown = std::io::stdout();
            for line in BufReader::new(output).split(b'\n') {
                let line = String::from_utf8_lossy(&line?).into_owned();
                writeln!(shown, "{line}")?;
                each(&line);
            }
        }
        Ok(child.wait()?.success())
    }

    /// Runs it unseen; its standard output if it succeeded, else none.
    pub(crate) fn answer(mut self) -> Option<String> {
        let output = self.0.stderr(Stdio::null()).output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn announce(&self) {
        println!("$ {}", self.line());
    }

    /// The command line, for people.
    fn line(&self) -> String {
        let program = self.0.get_program().to_string_lossy();
        let name = program.rsplit('/').next().unwrap_or(&program).to_owned();
        std::iter::once(name)
            .chain(
                self.0
                    .get_args()
                    .map(|argument| argument.to_string_lossy().into_owned()),
            )
            .collect::<Vec<_>>()
            .join(" ")
    }
}
