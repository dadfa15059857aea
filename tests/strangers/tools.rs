//! Fetches what strangers are made of into `build/`, once, and says where it is.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::harness::patiently;

const GRPCURL: &str = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn scripts() -> PathBuf {
    root().join("tests/strangers/python")
}

/// Under `CI` what is missing is a failure; elsewhere it is one line.
fn missing(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "{what}");
    println!("skipped: {what}");
}

/// One process at a time fetches into a folder; the others find it done.
fn once(name: &str, fetch: impl FnOnce(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
    let build = root().join("build");
    fs::create_dir_all(&build).unwrap();
    let lock = File::create(build.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let folder = build.join(name);
    fetch(&folder).map(|()| folder)
}

fn succeeds(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// A Python with what the scripts import.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    program: PathBuf,
}

impl Python {
    /// The one in `build/`; fetched if it isn't there.
    pub(crate) async fn get() -> Option<Self> {
        match tokio::task::spawn_blocking(Self::fetched).await.unwrap() {
            Ok(python) => Some(python),
            Err(why) => {
                missing(&format!("no Python with grpcio: {why}"));
                None
            }
        }
    }

    fn fetched() -> Result<Self, String> {
        let requirements = fs::read_to_string(scripts().join("requirements.txt")).unwrap();
        let folder = once("python", |folder| {
            // Written last, so that a fetch that was broken off is done again.
            let done = folder.join("requirements.done");
            if fs::read_to_string(&done).is_ok_and(|had| had == requirements) {
                return Ok(());
            }
            if folder.exists() {
                fs::remove_dir_all(folder).unwrap();
            }
            succeeds(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
            let pip = folder.join("bin/pip");
            let file = scripts().join("requirements.txt");
            succeeds(
                Command::new(pip)
                    .args(["install", "--quiet", "-r"])
                    .arg(file),
            )?;
            fs::write(&done, &requirements).unwrap();
            Ok(())
        })?;
        Ok(Self {
            program: folder.join("bin/python"),
        })
    }

    fn command(&self, script: &str, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        command
            .arg("-B")
            .arg(scripts().join(script))
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a script to its end: what it printed, a JSON document a line, and whether it succeeded.
    pub(crate) async fn run(&self, script: &str, arguments: &[&str]) -> (bool, Vec<Value>) {
        let output = patiently(script, self.command(script, arguments).output())
            .await
            .unwrap();
        (output.status.success(), documents(&output))
    }

    /// Starts a script that serves a port, and waits until it does.
    pub(crate) async fn serve(&self, script: &str, arguments: &[&str]) -> Served {
        let mut command = self.command(script, arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = patiently(script, said.next_line()).await.unwrap();
        assert_eq!(line.as_deref(), Some("ready"), "{script} {arguments:?}");
        Served { child }
    }
}

/// A script that serves a port; gone with this value.
pub(crate) struct Served {
    child: tokio::process::Child,
}

impl Served {
    /// `kill -9`, and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// grpcurl, where Go can fetch it.
pub(crate) async fn grpcurl() -> Option<PathBuf> {
    if Command::new("go").arg("version").output().is_err() {
        println!("skipped: there is no Go toolchain to fetch grpcurl with");
        return None;
    }
    let fetch = || {
        once("grpcurl", |folder| {
            if folder.join("grpcurl").exists() {
                return Ok(());
            }
            succeeds(
                Command::new("go")
                    .args(["install", GRPCURL])
                    .env("GOBIN", folder),
            )
        })
    };
    match tokio::task::spawn_blocking(fetch).await.unwrap() {
        Ok(folder) => Some(folder.join("grpcurl")),
        Err(why) => {
            missing(&format!("no grpcurl: {why}"));
            None
        }
    }
}

/// What a program printed: JSON documents, one after the other.
pub(crate) fn documents(output: &Output) -> Vec<Value> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let documents = serde_json::Deserializer::from_str(&stdout)
        .into_iter()
        .collect();
    let documents: Result<Vec<Value>, _> = documents;
    documents.unwrap_or_else(|error| {
        panic!(
            "{error}:\n{stdout}\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}
