//! One `tercet` process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::patiently;

/// The binary under test.
pub(crate) const TERCET: &str = env!("CARGO_BIN_EXE_tercet");

/// A server process that is up.
pub(crate) struct Server {
    child: Child,
    /// The rest of its standard output.
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: PathBuf,
    /// `HOST:PORT` of its gRPC side.
    pub(crate) grpc: String,
    /// `HOST:PORT` of its HTTP side.
    pub(crate) http: String,
}

/// `wrapper` is a program with its arguments that in the end becomes the one under test; empty for none.
fn command(wrapper: &[&str], arguments: &[&str], folder: &Path) -> Command {
    let mut command = match wrapper {
        [] => Command::new(TERCET),
        [program, rest @ ..] => {
            let mut command = Command::new(program);
            command.args(rest).arg(TERCET);
            command
        }
    };
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TERCET_")) {
        command.env_remove(name);
    }
    command
}

/// Where a server's standard error goes.
fn stderr_of(arguments: &[&str], folder: &Path) -> PathBuf {
    let name = arguments.first().copied().unwrap_or("tercet");
    folder.join(format!("{name}.stderr"))
}

/// Runs a command to its end.
pub(crate) async fn run(arguments: &[&str], folder: &Path) -> Output {
    let output = command(&[], arguments, folder).output();
    patiently(&format!("tercet {}", arguments.join(" ")), output)
        .await
        .unwrap()
}

/// The same, with something to read on its standard input.
pub(crate) async fn run_with_input(arguments: &[&str], folder: &Path, input: &str) -> Output {
    let ended = async {
        let mut child = command(&[], arguments, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // One that has ended before it read everything is no error.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        child.wait_with_output().await.unwrap()
    };
    patiently(&format!("tercet {}", arguments.join(" ")), ended).await
}

impl Server {
    /// Starts a server and waits for its `ready` line.
    pub(crate) async fn start(arguments: &[&str], folder: &Path) -> Self {
        Self::start_through(&[], arguments, folder).await
    }

    /// The same through a wrapper that becomes the server: one that sets a limit, or enters a namespace.
    pub(crate) async fn start_through(wrapper: &[&str], arguments: &[&str], folder: &Path) -> Self {
        match Self::try_start_through(wrapper, arguments, folder).await {
            Ok(server) => server,
            Err(status) => {
                let name = arguments.first().copied().unwrap_or("tercet");
                let said = std::fs::read_to_string(stderr_of(arguments, folder));
                let said = said.unwrap_or_default();
                panic!("{name} ended with {status} before it was ready:\n{said}")
            }
        }
    }

    /// The same, or how it ended before it was ready.
    pub(crate) async fn try_start_through(
        wrapper: &[&str],
        arguments: &[&str],
        folder: &Path,
    ) -> Result<Self, ExitStatus> {
        let name = arguments.first().copied().unwrap_or("tercet");
        let stderr = stderr_of(arguments, folder);
        let log = File::options()
            .create(true)
            .append(true)
            .open(&stderr)
            .unwrap();
        let mut child = command(wrapper, arguments, folder)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = patiently(&format!("{name} to be ready"), stdout.next_line())
            .await
            .unwrap();
        let Some(line) = line else {
            let ended = patiently(&format!("{name} to end"), child.wait()).await;
            return Err(ended.unwrap());
        };
        let words: Vec<&str> = line.split(' ').collect();
        let ["ready", grpc, http] = words[..] else {
            panic!("not a ready line: {line:?}")
        };
        let grpc = grpc.strip_prefix("grpc=").unwrap().to_owned();
        let http = http.strip_prefix("http=").unwrap().to_owned();
        Ok(Self {
            child,
            stdout,
            stderr,
            grpc,
            http,
        })
    }

    /// `kill -9`, and waits until the process is gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// `SIGTERM`.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal by its name without `SIG`: `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().expect("a running process").to_string();
        let signal = format!("-{name}");
        let status = std::process::Command::new("kill")
            .args([&signal, &id])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// How it ended, if it has.
    pub(crate) fn try_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end; the rest of its standard output comes along.
    pub(crate) async fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let status = patiently("a process to end", self.child.wait())
            .await
            .unwrap();
        let mut rest = Vec::new();
        while let Some(line) = self.stdout.next_line().await.unwrap() {
            rest.push(line);
        }
        (status, rest)
    }

    /// What it wrote to standard error so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// The URL of its gRPC side.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.grpc)
    }
}
