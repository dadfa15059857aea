//! Cancel, retry, park and resume: of one transaction, or of all that a filter finds.

use tercet_client::{
    CallContext, Client, Error,
    proto::{
        ParkTransactionResponse, ResumeTransactionResponse, RetryTransactionResponse, Transaction,
    },
};

use super::{Context, draw, filtered};
use crate::{
    cli::{About, Bulk, Filter, State, Wait},
    failure::Failure,
    output,
};

/// Transactions a page while gathering.
const PAGE: i32 = 500;
/// Transactions one command acts on. Who wants more says it again.
const TRANSACTIONS_MAX: usize = 10_000;

/// What is done to each.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    Cancel(Wait),
    Operate(Operation),
}

/// What operators do to a transaction whatever its state.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    Retry,
    Park,
    Resume,
}

impl Operation {
    async fn on(self, client: &Client, gid: &str, reason: &str) -> Result<Transaction, Error> {
        let admin = client.admin();
        match self {
            Self::Retry => admin.retry_transaction(gid, reason).await,
            Self::Park => admin.park_transaction(gid, reason).await,
            Self::Resume => admin.resume_transaction(gid, reason).await,
        }
    }
}

impl Action {
    async fn on(self, client: &Client, gid: &str, reason: &str) -> Result<(), Error> {
        match self {
            Self::Cancel(wait) => {
                let transaction = client.open(gid);
                transaction.cancel_and(reason, wait.into()).await.map(drop)
            }
            Self::Operate(operation) => operation.on(client, gid, reason).await.map(drop),
        }
    }

    /// The states that it changes anything about.
    fn states(self) -> &'static [State] {
        match self {
            Self::Cancel(_) => &[State::Trying],
            Self::Operate(Operation::Park) => &[State::Confirming, State::Cancelling],
            Self::Operate(_) => &[State::Trying, State::Confirming, State::Cancelling],
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Cancel(_) => "undecided",
            Self::Operate(Operation::Park) => "decided",
            Self::Operate(_) => "open",
        }
    }
}

/// Retries, parks or resumes one, or all that the filter finds.
pub(super) async fn run(
    context: &Context,
    operation: Operation,
    bulk: Bulk,
) -> Result<(), Failure> {
    match bulk.about().map_err(Failure::usage)? {
        About::One(gid) => one(context, operation, &gid, &bulk.reason).await,
        About::Many => many(context, Action::Operate(operation), bulk).await,
    }
}

async fn one(
    context: &Context,
    operation: Operation,
    gid: &str,
    reason: &str,
) -> Result<(), Failure> {
    let client = context.client()?;
    let transaction = Some(operation.on(&client, gid, reason).await?);
    let text = transaction.as_ref().map(draw).unwrap_or_default();
    match operation {
        Operation::Retry => context.show(
            "tercet.v1.RetryTransactionResponse",
            &RetryTransactionResponse { transaction },
            |_| text,
        ),
        Operation::Park => context.show(
            "tercet.v1.ParkTransactionResponse",
            &ParkTransactionResponse { transaction },
            |_| text,
        ),
        Operation::Resume => context.show(
            "tercet.v1.ResumeTransactionResponse",
            &ResumeTransactionResponse { transaction },
            |_| text,
        ),
    }
}

/// Acts on all that the filter finds, or says how many they are.
pub(super) async fn many(context: &Context, action: Action, bulk: Bulk) -> Result<(), Failure> {
    let mut filter = bulk.filter;
    let asked = std::mem::take(&mut filter.state);
    let is_asked = |state: &State| asked.is_empty() || asked.contains(state);
    // Of the rest nothing would change, and there is all of history of it.
    let states = action.states().iter().copied().filter(is_asked);
    filter.state.extend(states);
    let client = context.client_without_deadline()?;
    let gids = if filter.state.is_empty() {
        Vec::new()
    } else {
        gather(&client, &filter).await?
    };
    if !bulk.yes && !gids.is_empty() {
        return Err(Failure::usage(format!(
            "this is about {} {} transactions, say --yes to act on them",
            gids.len(),
            action.kind()
        )));
    }
    let mut failed = 0_usize;
    for gid in &gids {
        // Each call has a limit of its own; together they take as long as they take.
        let client = client.within(CallContext::new().timeout(context.timeout()));
        if let Err(error) = action.on(&client, gid, &bulk.reason).await {
            failed += 1;
            output::complain(&format!("{gid}: {error}"));
        }
    }
    let done = gids.len() - failed;
    output::print(&if context.is_json {
        format!("{{\"done\":{done},\"failed\":{failed}}}")
    } else {
        format!("{done} done, {failed} failed")
    });
    if failed > 0 {
        Err(Failure::Said)
    } else {
        Ok(())
    }
}

/// All that the filter finds, before the first is touched: acting on them moves the pages.
async fn gather(client: &Client, filter: &Filter) -> Result<Vec<String>, Failure> {
    let mut gids = Vec::new();
    let mut token = String::new();
    loop {
        let page = filtered(client, filter)
            .page_size(PAGE)
            .page_token(token)
            .send()
            .await?;
        let found = page.transactions.into_iter();
        gids.extend(found.map(|transaction| transaction.gid));
        gids.truncate(TRANSACTIONS_MAX);
        token = page.next_page_token;
        if token.is_empty() || gids.len() >= TRANSACTIONS_MAX {
            return Ok(gids);
        }
    }
}
