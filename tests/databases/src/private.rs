//! A server of one's own, that may be killed, frozen, filled up and started again.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sqlx::{Connection as _, Executor as _};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use crate::fetch::{self, Installation, Kind};
use crate::process::Guarded;
use crate::{Error, Server, or_skip, queries};

/// A start may take so long, a recovery on a busy machine included.
const START: Duration = Duration::from_secs(90);
/// Another port is tried so often when somebody was faster.
const PORTS_MAX: u32 = 3;
/// Of what it said, so much is shown when it doesn't start.
const LOG_SHOWN: usize = 3000;

/// Small and quick, but each commit is on the disk before it is answered.
const SETTINGS: &[&str] = &[
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-buffer-pool-size=64M",
    "--max-connections=400",
    "--performance-schema=OFF",
    "--skip-log-bin",
    "--bind-address=127.0.0.1",
];

/// How a private server is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which server.
    pub kind: Kind,
    /// Added to the server's command line, for example `--innodb-lock-wait-timeout=1`.
    pub arguments: Vec<String>,
    /// Where its tables are; a temporary folder otherwise.
    pub folder: Option<PathBuf>,
    /// A program and its arguments that the server is run by, for example `prlimit --fsize=…`.
    pub wrapper: Vec<String>,
}

/// A server that only this process uses, gone with this value.
#[derive(Debug)]
pub struct PrivateServer {
    installation: Installation,
    options: Options,
    /// `None` when it was killed or stopped. Dropped before the folder.
    process: Option<Guarded>,
    port: u16,
    server: Server,
    folder: TempDir,
}

impl Deref for PrivateServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl PrivateServer {
    /// A new server with no databases, for a test; none, after one line, where there is none to be had.
    ///
    /// # Panics
    ///
    /// It could not be started, or could not be had while `CI` is set.
    pub async fn get(options: Options) -> Option<Self> {
        or_skip(Self::start(options).await)
    }

    /// A new server with no databases. Returns when it serves.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if there is none to be had here; else what went wrong.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let kind = options.kind;
        let fetched = tokio::task::spawn_blocking(move || fetch::fetch(kind)).await;
        let installation = fetched.expect("fetching doesn't panic")?;
        let mut builder = tempfile::Builder::new();
        builder.prefix("tercet-database-");
        let folder = match &options.folder {
            Some(folder) => builder.tempdir_in(folder),
            None => builder.tempdir(),
        };
        let folder = folder.map_err(Error::io("making a temporary folder"))?;
        let installation = match installation.kind() {
            // As root its state transfers fail, so others have to be able to read it.
            Kind::Galera if fetch::is_root() && !installation.is_open_to_all() => {
                installation.copy_to(folder.path())?
            }
            _ => installation,
        };
        installation.copy_template(&folder.path().join("data"))?;
        let mut server = Self {
            installation,
            options,
            process: None,
            port: 0,
            server: Server::local(0),
            folder,
        };
        for last in (0..PORTS_MAX).rev() {
            server.port = free_port()?;
            server.server = Server::local(server.port);
            match server.up().await {
                Err(Error::DidNotStart { .. }) if last > 0 => {}
                ended => return ended.map(|()| server),
            }
        }
        unreachable!("the last try returns")
    }

    /// Starts it, which was killed or stopped, and waits until it serves.
    async fn up(&mut self) -> Result<(), Error> {
        let mut command = self.command()?;
        let path = self.log();
        let log = File::options().create(true).append(true).open(&path);
        let log = log.map_err(Error::io(path.display().to_string()))?;
        let again = log.try_clone().map_err(Error::io("its log"))?;
        command.stdout(log).stderr(again);
        let process = Guarded::start(&mut command, self.folder.path());
        self.process = Some(process.map_err(Error::io("starting the server"))?);
        self.serving().await
    }

    /// Waits until it answers.
    ///
    /// # Errors
    ///
    /// It has ended, or took too long.
    pub async fn serving(&mut self) -> Result<(), Error> {
        let began = Instant::now();
        loop {
            let ping = async { self.connect().await?.execute(queries::PING).await };
            if let Ok(Ok(_)) = timeout(Duration::from_secs(2), ping).await {
                return Ok(());
            }
            let why = if self.process.as_mut().is_none_or(Guarded::has_ended) {
                "it has ended"
            } else if began.elapsed() > START {
                "it doesn't answer"
            } else {
                sleep(Duration::from_millis(30)).await;
                continue;
            };
            self.process = None;
            return Err(Error::DidNotStart {
                why: why.to_owned(),
                log: tail(&self.log()),
            });
        }
    }

    fn command(&self) -> Result<Command, Error> {
        let program = self.installation.kind().program();
        let server = self.installation.command(program);
        let mut command = if let [wrapper, rest @ ..] = self.options.wrapper.as_slice() {
            let mut command = Command::new(wrapper);
            command.args(rest).arg(server.get_program());
            command.args(server.get_args());
            for (name, value) in server.get_envs() {
                command.env(name, value.unwrap_or_default());
            }
            command
        } else {
            server
        };
        let folder = self.folder.path();
        command
            .stdin(std::process::Stdio::null())
            .arg("--no-defaults")
            .args(self.installation.places())
            .arg(format!("--datadir={}", folder.join("data").display()))
            .arg(format!("--socket={}", folder.join("s").display()))
            .arg(format!("--pid-file={}", folder.join("pid").display()))
            .arg(format!("--port={}", self.port))
            .args(SETTINGS)
            .args(self.installation.settings())
            .args(&self.options.arguments);
        if let Some(provider) = self.installation.provider() {
            command.arg(format!("--wsrep-provider={}", provider.display()));
        }
        if fetch::is_root() {
            command.arg(format!("--user={}", self.user()?));
        }
        Ok(command)
    }

    /// For a server started by root: `nobody`, who then owns the folder; root only where the checkout is closed to others.
    fn user(&self) -> Result<&'static str, Error> {
        let is_own = self.installation.is_in(self.folder.path());
        if !is_own && !self.installation.is_open_to_all() {
            return Ok("root");
        }
        let chown = Command::new("chown")
            .args(["-R", "nobody"])
            .arg(self.folder.path())
            .status();
        let chown = chown.map_err(Error::io("chown"))?;
        Ok(if chown.success() { "nobody" } else { "root" })
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Its folder: `data` with its tables, `log` with what it said.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The number of its process, while it runs.
    pub fn process(&self) -> Option<u32> {
        self.process.as_ref().map(Guarded::id)
    }

    /// `kill -9`; returns when it is gone.
    pub fn kill9(&mut self) {
        self.process = None;
    }

    /// Freezes it: connections stay, nothing answers.
    pub fn stop(&mut self) {
        self.signal("STOP");
    }

    /// Lets it go on after [`PrivateServer::stop`].
    pub fn cont(&mut self) {
        self.signal("CONT");
    }

    fn signal(&mut self, name: &str) {
        let process = self.process.as_mut().expect("it runs");
        process.signal(name).unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub async fn shut_down(&mut self) {
        let mut connection = self.connect().await.unwrap();
        let _ = connection.execute(queries::SHUTDOWN).await;
        drop(connection.close().await);
        let began = Instant::now();
        while !self.process.as_mut().is_none_or(Guarded::has_ended) {
            assert!(began.elapsed() < START, "it doesn't end");
            sleep(Duration::from_millis(20)).await;
        }
        self.process = None;
    }

    /// Kills it if it runs, and starts it again on the same port with the same tables. Returns when it serves.
    pub async fn restart(&mut self) {
        self.start_again().await.unwrap();
    }

    /// The same, and what went wrong.
    pub(crate) async fn start_again(&mut self) -> Result<(), Error> {
        self.kill9();
        self.up().await
    }

    /// What it is started with from now on.
    pub(crate) fn set_arguments(&mut self, arguments: Vec<String>) {
        self.options.arguments = arguments;
    }

    /// The end of what it said.
    pub(crate) fn said(&self) -> String {
        tail(&self.log())
    }

    /// As [`PrivateServer::restart`], with other arguments than before.
    pub async fn restart_with(&mut self, arguments: Vec<String>) {
        self.options.arguments = arguments;
        self.restart().await;
    }
}

fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    Ok(address
        .map_err(Error::io("looking for a free port"))?
        .port())
}

fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let from = text.len().saturating_sub(LOG_SHOWN);
    String::from_utf8_lossy(&text[from..]).into_owned()
}
