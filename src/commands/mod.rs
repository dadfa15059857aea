//! What the commands do. Each file is one family; the text they print comes from `render`.

mod audit;
mod config;
mod manual;
mod migrate;
mod operator;
mod participants;
mod probe;
mod serve;
mod servers;
mod status;
mod tx;

use std::time::Duration;

use prost::Message;
use tercet_client::{CallContext, Client};

use crate::{
    bench,
    cli::{Cli, Command, Global},
    demo, dev,
    failure::Failure,
    output, reconcile,
    render::json,
    shop,
};

/// Where the coordinator is when nobody says.
const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:7400";

/// Runs one command.
pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    refuse_what_is_not_effective(&global)?;
    let context = Context::new(&global);
    match command {
        Command::Tx(command) => tx::run(&context, command).await,
        Command::Participants(command) => participants::run(&context, command).await,
        Command::Status => status::run(&context).await,
        Command::Audit(command) => audit::run(&context, command).await,
        Command::Probe(command) => probe::run(&context, command).await,
        Command::Config(command) => config::run(&command, context.is_json),
        Command::Completions(command) => {
            manual::completions(&command);
            Ok(())
        }
        Command::Man(command) => manual::man(&command),
        Command::Demo(command) => demo::run(command).await,
        Command::Dev(command) => dev::run(command, servers::drain_on_signals()?).await,
        Command::Serve(command) => serve::run(command).await,
        Command::Order(command) => servers::order(command).await,
        Command::Payment(command) => servers::payment(command).await,
        Command::Provider(command) => servers::provider(command).await,
        Command::Points(command) => servers::points(command).await,
        Command::Stock(command) => servers::stock(command).await,
        Command::Migrate(command) => migrate::run(command, context.is_json).await,
        Command::Reconcile(command) => {
            // It makes as many calls as there are rows; each has the client's own limit.
            let client = context.client_without_deadline()?;
            reconcile::run(client, command, context.is_json).await
        }
        Command::Shop(command) => shop::run(&context, command).await,
        Command::Bench(command) => bench::run(command, global.json).await,
        Command::BenchPart(part) => bench::part(part).await,
    }
}

/// What the commands that talk to a coordinator share.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    endpoints: Vec<String>,
    is_somewhere: bool,
    is_json: bool,
    timeout: Duration,
    /// Who acts, for the audit.
    operator: String,
}

impl Context {
    fn new(global: &Global) -> Self {
        let is_somewhere = !global.endpoint.is_empty();
        let endpoints = if is_somewhere {
            global.endpoint.clone()
        } else {
            vec![DEFAULT_ENDPOINT.to_owned()]
        };
        Self {
            endpoints,
            is_somewhere,
            is_json: global.json,
            timeout: global.timeout.get(),
            operator: global.operator.clone().unwrap_or_else(operator::here),
        }
    }

    /// The same for a coordinator somewhere else.
    pub(crate) fn at(&self, endpoint: &str) -> Self {
        Self {
            endpoints: vec![endpoint.to_owned()],
            is_somewhere: true,
            ..self.clone()
        }
    }

    /// Whether somebody said where the coordinator is.
    pub(crate) fn is_somewhere(&self) -> bool {
        self.is_somewhere
    }

    /// Whether documents are wanted.
    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// How long a call may take, with all its repeats.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A client whose calls end with `--timeout`.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Ok(self
            .client_without_deadline()?
            .within(CallContext::new().timeout(self.timeout)))
    }

    /// A client for what takes as long as it takes.
    pub(crate) fn client_without_deadline(&self) -> Result<Client, Failure> {
        Ok(Client::lazy(&self.endpoints)?.acting_as(&self.operator))
    }

    /// Prints `message` as JSON where that was asked for, else what `text` makes of it.
    pub(crate) fn show<M: Message>(
        &self,
        name: &str,
        message: &M,
        text: impl FnOnce(&M) -> String,
    ) -> Result<(), Failure> {
        let document = if self.is_json {
            json::document(name, message).map_err(Failure::failed)?
        } else {
            text(message)
        };
        output::print(&document);
        Ok(())
    }
}

fn refuse_what_is_not_effective(global: &Global) -> Result<(), Failure> {
    let given = [
        ("--ca", global.ca.is_some()),
        ("--cert", global.cert.is_some()),
        ("--key", global.key.is_some()),
        ("--token-file", global.token_file.is_some()),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(Failure::usage(format!(
            "{name} is not effective in this version, leave it out"
        ))),
        None => Ok(()),
    }
}
