//! The language of the command line. What each command does is in `commands`.

mod bench;
mod filters;
mod reconcile;
mod shop;
mod tx;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tercet_service::ConfigDuration;

pub(crate) use bench::{Bench, BenchPart};
pub(crate) use filters::{About, Bulk, Filter, State};
pub(crate) use reconcile::Reconcile;
pub(crate) use shop::{Block, Buy, Owned, Refund, Refunds, RefundsIn, Rush, Seed, Shop, Show};
pub(crate) use tx::{CancelTx, ListTx, Tx, Wait};

/// A transaction coordinator for gRPC services: try, decide once, durably, confirm or cancel after any crash.
#[derive(Debug, Parser)]
#[command(
    name = "tercet",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 not found, 4 the transaction was cancelled

To see it work: tercet demo. For a system to play with: tercet dev, then tercet tx list in another terminal.
More about a command: tercet COMMAND --help, or tercet man COMMAND."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The coordinator, a URL or HOST:PORT; several are tried in turn [default: 127.0.0.1:7400]
    // Without clap's default, so that a command can tell whether one was given.
    #[arg(
        long,
        global = true,
        env = "TERCET_CLI_ENDPOINT",
        value_delimiter = ','
    )]
    pub(crate) endpoint: Vec<String>,
    /// Print data as one proto3 JSON document
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How long a call may take, with all its repeats
    #[arg(long, global = true, default_value = "60s", value_name = "DURATION")]
    pub(crate) timeout: ConfigDuration,
    /// Who acts, for the audit record; nobody verifies it; USER@HOST where left out
    // Without clap's default, which would stand in the manual with the name of whoever has made that.
    #[arg(long = "as", global = true, env = "TERCET_CLI_AS", value_name = "NAME")]
    pub(crate) operator: Option<String>,
    /// Certificate authority of the coordinator (not effective in this version)
    #[arg(long, global = true, hide = true)]
    pub(crate) ca: Option<PathBuf>,
    /// Client certificate (not effective in this version)
    #[arg(long, global = true, hide = true)]
    pub(crate) cert: Option<PathBuf>,
    /// Key of the client certificate (not effective in this version)
    #[arg(long, global = true, hide = true)]
    pub(crate) key: Option<PathBuf>,
    /// File with a bearer token (not effective in this version)
    #[arg(long, global = true, hide = true)]
    pub(crate) token_file: Option<PathBuf>,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run four real orders over three services in a temporary folder and check every sum
    Demo(Demo),
    /// Run the whole system on embedded storage, with lines to paste
    Dev(Dev),
    /// Run a coordinator
    Serve(Serve),
    /// Run the demo shop's order service
    Order(Server),
    /// Run the demo shop's payment service
    Payment(Server),
    /// Run a payment provider for tests and demos
    Provider(Server),
    /// Run the demo shop's points service
    Points(SeededServer),
    /// Run the demo shop's stock service
    Stock(SeededServer),
    /// Create or upgrade the tables; safe to run twice
    Migrate(Migrate),
    /// Look at transactions and act on them
    #[command(subcommand)]
    Tx(Tx),
    /// The participants and their health
    Participants(Participants),
    /// How the coordinator is doing, and which others share its log
    Status,
    /// What people have done: when, who, why, and how things stood before and after
    Audit(Audit),
    /// Compare the log with every participant's fence, the shop's sums and the provider's statement
    Reconcile(Reconcile),
    /// The demo shop from its customers' and its merchant's side, and a flash sale
    #[command(subcommand)]
    Shop(Shop),
    /// Health check for containers: exit 0 if serving, else 1
    Probe(Probe),
    /// Check or show a configuration
    #[command(subcommand)]
    Config(Config),
    /// Print what a shell needs to complete this command's words
    Completions(Completions),
    /// Print the manual, or write every page of it into a folder
    Man(Man),
    /// Measure throughput and latency beside a floor without a log, on this machine
    Bench(Bench),
    /// One of the programs that `bench` starts
    #[command(subcommand, hide = true)]
    BenchPart(BenchPart),
}

/// `tercet demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Keep the temporary folder with its databases
    #[arg(long)]
    pub(crate) keep: bool,
}

/// `tercet dev`.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Where the databases are kept
    #[arg(long, default_value = "./tercet-data", value_name = "FOLDER")]
    pub(crate) data_dir: PathBuf,
    /// A coordinator's configuration, for participants of one's own
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Pick free ports instead of 7400 to 7413
    #[arg(long)]
    pub(crate) any_port: bool,
}

/// A server with a configuration file.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The configuration, TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// A service that can be given something to begin with.
#[derive(Debug, Args)]
pub(crate) struct SeededServer {
    #[command(flatten)]
    pub(crate) server: Server,
    /// Something to begin with: a SKU and its pieces, a customer and the points; what is there already stays
    #[arg(long, value_name = "NAME=COUNT", value_parser = filters::seed)]
    pub(crate) seed: Vec<(String, u32)>,
}

/// `tercet serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) server: Server,
    /// The log was restored from a backup: hold what is undecided until the participants' fences say what was decided
    #[arg(long)]
    pub(crate) restored: bool,
}

/// Whose configuration a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A coordinator's, which names no database
    Coordinator,
    /// The order service's
    Order,
    /// The payment service's
    Payment,
    /// The points service's
    Points,
    /// The stock service's
    Stock,
}

/// `tercet migrate`.
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) server: Server,
    /// Whose configuration it is; needed for a participant's
    #[arg(long)]
    pub(crate) service: Option<Kind>,
}

/// `tercet participants`.
#[derive(Debug, Args)]
pub(crate) struct Participants {
    #[command(subcommand)]
    pub(crate) action: Option<ParticipantAction>,
}

/// What can be done to a participant.
#[derive(Debug, Subcommand)]
pub(crate) enum ParticipantAction {
    /// List them (the default)
    List,
    /// Stop all calls to one, for all replicas
    ///
    /// New transactions that name it are refused. What has begun waits, uses up no attempts, and goes on when it is resumed.
    Pause {
        /// Its configured name
        name: String,
        /// Why, for the audit record
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Let calls to one go on
    Resume {
        /// Its configured name
        name: String,
        /// Why, for the audit record
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
}

/// `tercet audit`.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// Only records about this transaction
    #[arg(long)]
    pub(crate) gid: Option<String>,
    /// Only records about this participant
    #[arg(long)]
    pub(crate) participant: Option<String>,
    /// At most this many, newest first
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: u16,
}

/// `tercet probe`.
#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// The gRPC service to ask about; all of them together when left out
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) service: String,
}

/// `tercet config`.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Say whether a server would start with it
    Check(ConfigFile),
    /// Show what the file and the environment say together, secrets masked
    Show(ConfigFile),
}

/// A configuration file and whose it is.
#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    #[command(flatten)]
    pub(crate) server: Server,
    /// Whose configuration it is; found out from the tables it has when left out
    #[arg(long)]
    pub(crate) service: Option<Kind>,
}

/// `tercet completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "For instance: tercet completions bash > /etc/bash_completion.d/tercet, or in ~/.zshrc: source <(tercet completions zsh)"
)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// `tercet man`.
#[derive(Debug, Args)]
#[command(
    after_help = "For instance: tercet man tx retry | man -l -, or tercet man --out /usr/local/share/man/man1"
)]
pub(crate) struct Man {
    /// The command whose page is printed, for instance: tx retry; that of tercet itself when left out
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Write a page for each command into this folder instead; it is made where it is missing
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    pub(crate) out: Option<PathBuf>,
}

#[cfg(test)]
mod documented;
#[cfg(test)]
mod tests;
