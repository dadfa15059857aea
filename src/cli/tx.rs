//! `tercet tx …`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use tercet_client::proto::WaitFor;

use super::{Bulk, Filter};

/// What can be done with transactions.
#[derive(Debug, Subcommand)]
pub(crate) enum Tx {
    /// List transactions, newest first
    List(ListTx),
    /// Show one, with the timeline of every attempt
    Show {
        /// The transaction
        gid: String,
    },
    /// Follow one until it has ended; exit 4 if it was cancelled
    Watch {
        /// The transaction
        gid: String,
    },
    /// Run an `ExecuteTransactionRequest` in proto3 JSON; exit 4 if it was cancelled
    Execute {
        /// The file, or - for standard input
        file: PathBuf,
        /// Instead of the file's own gid
        #[arg(long)]
        gid: Option<String>,
        /// Instead of the file's own waitFor
        #[arg(long)]
        wait: Option<Wait>,
    },
    /// Decide to confirm a transaction that was begun step by step
    Confirm {
        /// The transaction
        gid: String,
        /// When to answer
        #[arg(long, default_value = "decision")]
        wait: Wait,
    },
    /// Decide to cancel; looks first and exits 3 if the gid is unknown
    Cancel {
        /// The transaction
        gid: String,
        /// Why, kept with the transaction
        #[arg(long, default_value = "")]
        reason: String,
        /// Record an unknown gid as cancelled, so that a begin that comes late finds it so
        #[arg(long)]
        unknown: bool,
        /// When to answer
        #[arg(long, default_value = "decision")]
        wait: Wait,
    },
    /// Make waiting calls due now
    Retry(Bulk),
    /// Stop the retries of phase two until resumed
    Park(Bulk),
    /// Let the retries go on
    Resume(Bulk),
    /// Record a branch as done by hand
    Force {
        /// The transaction
        gid: String,
        /// The branch id
        branch: String,
        /// Why, for the audit record
        #[arg(long)]
        reason: String,
    },
}

/// `tercet tx list`.
#[derive(Debug, Args)]
pub(crate) struct ListTx {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Transactions on one page, 500 at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=500))]
    pub(crate) limit: i32,
    /// The page that the former one named
    #[arg(long, default_value = "")]
    pub(crate) page_token: String,
}

/// When a deciding call is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wait {
    /// When the decision is durable
    Decision,
    /// When every branch has ended
    Completion,
}

impl From<Wait> for WaitFor {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::Decision => Self::Decision,
            Wait::Completion => Self::Completion,
        }
    }
}
