//! `tercet tx …`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use tercet_client::proto::WaitFor;

use super::{Bulk, Filter};

/// What can be done with transactions.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "TRYING is undecided. CONFIRMING and CANCELLING are decided, and called again and again until every branch has followed;
CONFIRMED and CANCELLED are the ends of that. Attention: a person should look, while retries go on. Parked: retries have
stopped and wait for `tercet tx resume`; nothing is lost."
)]
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
    ///
    /// In place of its initiator, for good: a decision is never reversed. Recorded in the audit.
    Confirm {
        /// The transaction
        gid: String,
        /// When to answer
        #[arg(long, default_value = "decision")]
        wait: Wait,
    },
    /// Decide to cancel; looks first and exits 3 if the gid is unknown
    ///
    /// In place of its initiator, for good: a decision is never reversed. One transaction by its gid, or all undecided ones that
    /// a filter finds. Recorded in the audit.
    Cancel(CancelTx),
    /// Make waiting calls due now
    ///
    /// Instead of at the end of their back-off: when whatever was down is up again, for instance. Parked branches stay parked.
    /// One transaction by its gid, or all open ones that a filter finds.
    Retry(Bulk),
    /// Stop the retries of phase two until resumed
    ///
    /// Nothing is called any more for branches that haven't followed the decision yet, and nothing is lost. One transaction by
    /// its gid, or all that a filter finds; only decided ones can be parked.
    Park(Bulk),
    /// Let the retries go on
    ///
    /// Of what was parked, by a person or because the attempts were used up; these begin anew. One transaction by its gid, or
    /// all that a filter finds.
    Resume(Bulk),
    /// Record a branch as done by hand
    ///
    /// For what a participant can't do any more: put its data right first. A call under way is waited for, and if that succeeds
    /// nothing is forced.
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
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) page_token: String,
}

/// `tercet tx cancel`.
#[derive(Debug, Args)]
#[command(
    after_help = "With a filter it is about what is undecided: a decision is never reversed. Without --yes they are only counted."
)]
pub(crate) struct CancelTx {
    #[command(flatten)]
    pub(crate) bulk: Bulk,
    /// Record an unknown gid as cancelled, so that a begin that comes late finds it so
    #[arg(long, requires = "gid")]
    pub(crate) unknown: bool,
    /// When to answer
    #[arg(long, default_value = "decision")]
    pub(crate) wait: Wait,
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
