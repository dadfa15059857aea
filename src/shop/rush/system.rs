//! A coordinator and the shop of the rush's own: four processes that can be killed and come back on their addresses.

use std::{collections::BTreeMap, fs::File, path::PathBuf, process::Stdio};

use indicatif::ProgressBar;
use tempfile::TempDir;
use tokio::{process::Child, sync::watch};

use super::plan::{Kill, VICTIMS};
use crate::{
    failure::Failure,
    processes,
    system::{free_port, shop_participants},
};

/// The processes, each known by its command.
pub(super) struct OwnSystem {
    folder: TempDir,
    ports: BTreeMap<&'static str, u16>,
    processes: BTreeMap<&'static str, Child>,
}

impl OwnSystem {
    /// Everything up and nothing in it, on files or in new databases on the server of that URL.
    pub(super) async fn start(database: Option<&str>) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("tercet-rush-")
            .tempdir()
            .map_err(Failure::failed)?;
        let ports: Result<BTreeMap<_, _>, Failure> = VICTIMS
            .into_iter()
            .map(|victim| Ok((victim, free_port()?)))
            .collect();
        let mut system = Self {
            folder,
            ports: ports?,
            processes: BTreeMap::new(),
        };
        system.configure(database).await?;
        // The coordinator last: it looks at its participants.
        for command in VICTIMS.into_iter().rev() {
            system.launch(command).await?;
        }
        Ok(system)
    }

    /// Where the coordinator is.
    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports["serve"])
    }

    async fn configure(&self, database: Option<&str>) -> Result<(), Failure> {
        // The end of a UUIDv7 is random.
        let id = uuid::Uuid::now_v7().simple().to_string();
        let (_, id) = id.split_at(id.len() - 8);
        for command in VICTIMS {
            let name = format!("tercet_rush_{id}_{command}");
            let url = match database {
                None => format!("sqlite:{}", self.path(command, "db").display()),
                Some(server) => tercet_database::mysql::create(server, &name)
                    .await
                    .map_err(Failure::usage)?,
            };
            let port = self.ports[command];
            let head = format!("listen = \"127.0.0.1:{port}\"\nhttp_listen = \"127.0.0.1:0\"\n");
            let text = if command == "serve" {
                format!("{head}[log]\nurl = {url:?}\n{}", self.participants())
            } else {
                let coordinator = self.endpoint();
                format!(
                    "{head}[database]\nurl = {url:?}\n[coordinator]\nendpoints = [\"{coordinator}\"]\n\
                     [telemetry]\nlog = \"warn\"\n"
                )
            };
            // A password in a url stays out of the process list: the file has it.
            std::fs::write(self.path(command, "toml"), text).map_err(Failure::failed)?;
        }
        Ok(())
    }

    /// What the coordinator is told of the shop.
    fn participants(&self) -> String {
        let mut text = String::from("[telemetry]\nlog = \"warn\"\n");
        for participant in shop_participants() {
            let Some(port) = self.ports.get(participant.name) else {
                continue;
            };
            text.push_str(&participant.toml(&format!("http://127.0.0.1:{port}")));
        }
        text
    }

    fn path(&self, command: &str, extension: &str) -> PathBuf {
        self.folder.path().join(format!("{command}.{extension}"))
    }

    async fn launch(&mut self, command: &'static str) -> Result<(), Failure> {
        let config = self.path(command, "toml").display().to_string();
        let log = self.path(command, "log");
        let errors = File::options().create(true).append(true).open(&log);
        let errors = errors.map(Stdio::from).map_err(Failure::failed)?;
        let started = processes::start(&[command, "--config", &config], None, errors).await;
        let (process, _) = started.map_err(|failure| {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let said = said.lines().last().unwrap_or_default().to_owned();
            Failure::failed(format!("{}: {said}", failure.line().unwrap_or_default()))
        })?;
        self.processes.insert(command, process);
        Ok(())
    }

    /// Kills as planned while submissions are answered, and starts again at once. Answers who was killed, in order.
    pub(super) async fn killed(
        mut self,
        kills: Vec<Kill>,
        mut answered: watch::Receiver<u64>,
        bar: ProgressBar,
    ) -> Result<(Self, Vec<&'static str>), Failure> {
        let mut killed = Vec::new();
        for kill in kills {
            if answered
                .wait_for(|count| *count >= kill.after)
                .await
                .is_err()
            {
                break;
            }
            if let Some(mut process) = self.processes.remove(kill.victim) {
                process.kill().await.map_err(Failure::failed)?;
            }
            killed.push(kill.victim);
            bar.set_message(format!("killed {}", killed.join(", ")));
            self.launch(kill.victim).await?;
        }
        Ok((self, killed))
    }
}
