//! Retry, park and resume: of one transaction, or of all that a filter finds.

use tercet_client::{
    Admin, Client, Error,
    proto::{
        ParkTransactionResponse, ResumeTransactionResponse, RetryTransactionResponse, Transaction,
        TransactionState,
    },
};

use super::{Context, draw, filtered};
use crate::{
    cli::{Bulk, Filter},
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
    Retry,
    Park,
    Resume,
}

impl Action {
    async fn on(self, admin: &Admin, gid: &str, reason: &str) -> Result<Transaction, Error> {
        match self {
            Self::Retry => admin.retry_transaction(gid, reason).await,
            Self::Park => admin.park_transaction(gid, reason).await,
            Self::Resume => admin.resume_transaction(gid, reason).await,
        }
    }
}

pub(super) async fn run(context: &Context, action: Action, bulk: Bulk) -> Result<(), Failure> {
    let Bulk {
        gid,
        filter,
        yes,
        reason,
    } = bulk;
    match (gid, filter.is_empty()) {
        (Some(_), false) => Err(Failure::usage("a gid or a filter, not both")),
        (None, true) => Err(Failure::usage(
            "name a gid, or a filter such as --state confirming",
        )),
        (Some(gid), true) => one(context, action, &gid, &reason).await,
        (None, false) => many(context, action, &filter, yes, &reason).await,
    }
}

async fn one(context: &Context, action: Action, gid: &str, reason: &str) -> Result<(), Failure> {
    let admin = context.client()?.admin();
    let transaction = Some(action.on(&admin, gid, reason).await?);
    let text = transaction.as_ref().map(draw).unwrap_or_default();
    match action {
        Action::Retry => context.show(
            "tercet.v1.RetryTransactionResponse",
            &RetryTransactionResponse { transaction },
            |_| text,
        ),
        Action::Park => context.show(
            "tercet.v1.ParkTransactionResponse",
            &ParkTransactionResponse { transaction },
            |_| text,
        ),
        Action::Resume => context.show(
            "tercet.v1.ResumeTransactionResponse",
            &ResumeTransactionResponse { transaction },
            |_| text,
        ),
    }
}

async fn many(
    context: &Context,
    action: Action,
    filter: &Filter,
    is_agreed: bool,
    reason: &str,
) -> Result<(), Failure> {
    let client = context.client_without_deadline()?;
    let gids = gather(&client, filter).await?;
    if !is_agreed && !gids.is_empty() {
        return Err(Failure::usage(format!(
            "this is about {} open transactions, say --yes to act on them",
            gids.len()
        )));
    }
    let admin = client.admin();
    let mut failed = 0_usize;
    for gid in &gids {
        if let Err(error) = action.on(&admin, gid, reason).await {
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

/// The open ones that the filter finds: on ended ones these actions change nothing. All of them before the first
/// is touched, since acting on them moves the pages.
async fn gather(client: &Client, filter: &Filter) -> Result<Vec<String>, Failure> {
    let mut gids = Vec::new();
    let mut token = String::new();
    loop {
        let page = filtered(client, filter)
            .page_size(PAGE)
            .page_token(token)
            .send()
            .await?;
        let open = page.transactions.into_iter().filter(|transaction| {
            !matches!(
                transaction.state(),
                TransactionState::Confirmed | TransactionState::Cancelled
            )
        });
        gids.extend(open.map(|transaction| transaction.gid));
        gids.truncate(TRANSACTIONS_MAX);
        token = page.next_page_token;
        if token.is_empty() || gids.len() >= TRANSACTIONS_MAX {
            return Ok(gids);
        }
    }
}
