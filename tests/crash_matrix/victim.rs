//! A process that dies where it is told to, and is started again.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::harness::process::Server;

/// Of a process that calls `abort`.
const SIGABRT: i32 = 6;
/// More than that isn't what a failpoint does that takes effect once.
const DEATHS_MAX: usize = 5;

/// Variables of an environment, each `NAME=VALUE`.
pub(crate) type Env = Vec<String>;

/// One server of the system, through its lives.
pub(crate) struct Victim {
    command: &'static str,
    file: &'static str,
    folder: PathBuf,
    /// The environments of its next lives; after these it has nothing to fear.
    lives: VecDeque<Env>,
    pub(crate) server: Option<Server>,
    deaths: Vec<ExitStatus>,
}

impl Victim {
    /// Not up yet.
    pub(crate) fn new(
        command: &'static str,
        file: &'static str,
        folder: &Path,
        lives: impl IntoIterator<Item = Env>,
    ) -> Self {
        Self {
            command,
            file,
            folder: folder.to_owned(),
            lives: lives.into_iter().collect(),
            server: None,
            deaths: Vec::new(),
        }
    }

    /// Starts it, again when it ends before it is ready.
    pub(crate) async fn up(&mut self) {
        while self.server.is_none() {
            let env = self.lives.pop_front().unwrap_or_default();
            let wrapper: Vec<&str> = std::iter::once("env")
                .chain(env.iter().map(String::as_str))
                .collect();
            let arguments = [self.command, "--config", self.file];
            match Server::try_start_through(&wrapper, &arguments, &self.folder).await {
                Ok(server) => self.server = Some(server),
                Err(status) => self.died(status),
            }
        }
    }

    fn died(&mut self, status: ExitStatus) {
        self.deaths.push(status);
        assert!(
            self.deaths.len() <= DEATHS_MAX,
            "{} dies again and again: {:?}",
            self.command,
            self.deaths
        );
    }

    /// Starts it again whenever it has ended and `may_come_back`. Never ends.
    pub(crate) async fn look_after(&mut self, may_come_back: impl Fn() -> bool) {
        loop {
            if let Some(server) = &mut self.server
                && let Some(status) = server.try_ended()
            {
                self.server = None;
                self.died(status);
            }
            if self.server.is_none() && may_come_back() {
                self.up().await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How often it was a failpoint that ended it.
    pub(crate) fn aborts(&self) -> usize {
        let aborted = |status: &&ExitStatus| status.signal() == Some(SIGABRT);
        self.deaths.iter().filter(aborted).count()
    }

    /// How it ended otherwise.
    pub(crate) fn other_deaths(&self) -> Vec<ExitStatus> {
        let others = self.deaths.iter();
        others
            .filter(|status| status.signal() != Some(SIGABRT))
            .copied()
            .collect()
    }
}
