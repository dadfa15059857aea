//! Arguments with a form of their own: which transactions a command is about, and what a service begins with.

use clap::{Args, ValueEnum};
use tercet_client::proto::TransactionState;
use tercet_service::ConfigDuration;

/// Every condition given must hold.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Filter {
    /// Only those in this state; may be given more than once
    #[arg(long, value_delimiter = ',')]
    pub(crate) state: Vec<State>,
    /// Only those with this label; may be given more than once
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) label: Vec<(String, String)>,
    /// Only those with a branch of this participant
    #[arg(long)]
    pub(crate) participant: Option<String>,
    /// Only those begun at least this long ago
    #[arg(long, value_name = "DURATION")]
    pub(crate) older_than: Option<ConfigDuration>,
    /// Only those a person should look at
    #[arg(long)]
    pub(crate) attention: bool,
}

impl Filter {
    /// Whether nothing was given: then it means every transaction there is.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.is_empty()
            && self.label.is_empty()
            && self.participant.is_none()
            && self.older_than.is_none()
            && !self.attention
    }
}

/// One transaction, or many by filter.
#[derive(Debug, Clone, Args)]
pub(crate) struct Bulk {
    /// The transaction; leave it out to act on many by filter
    pub(crate) gid: Option<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Act on all that the filter finds; without it they are only counted
    #[arg(long)]
    pub(crate) yes: bool,
    /// Why, for the audit record
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
}

/// What a command that may be about many is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// That transaction.
    One(String),
    /// All that the filter finds.
    Many,
}

impl Bulk {
    /// One or many; never both, and never everything by a slip of the finger.
    pub(crate) fn about(&self) -> Result<About, &'static str> {
        match (&self.gid, self.filter.is_empty()) {
            (Some(_), false) => Err("a gid or a filter, not both"),
            (None, true) => Err("name a gid, or a filter such as --state confirming"),
            (Some(gid), true) => Ok(About::One(gid.clone())),
            (None, false) => Ok(About::Many),
        }
    }
}

/// The five states, as words of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    /// Undecided
    Trying,
    /// Decided to confirm
    Confirming,
    /// Every branch confirmed
    Confirmed,
    /// Decided to cancel
    Cancelling,
    /// Every branch cancelled
    Cancelled,
}

impl From<State> for TransactionState {
    fn from(state: State) -> Self {
        match state {
            State::Trying => Self::Trying,
            State::Confirming => Self::Confirming,
            State::Confirmed => Self::Confirmed,
            State::Cancelling => Self::Cancelling,
            State::Cancelled => Self::Cancelled,
        }
    }
}

pub(super) fn seed(text: &str) -> Result<(String, u32), String> {
    let (name, count) = label(text).map_err(|_| "expected NAME=COUNT".to_owned())?;
    match count.parse() {
        Ok(count) => Ok((name, count)),
        Err(_) => Err(format!("{count} is not a count")),
    }
}

pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}
