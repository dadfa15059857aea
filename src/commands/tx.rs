//! `tercet tx …`: one function a command. Bulk actions are in [`bulk`], reading a request in [`request`].

mod bulk;
mod request;

use tercet_client::{
    Client, Outcome,
    proto::{
        CancelTransactionResponse, ConfirmTransactionResponse, ExecuteTransactionResponse,
        ForceBranchResponse, GetTransactionResponse, Transaction, WatchTransactionResponse,
    },
};

use super::Context;
use crate::{
    cli::{About, CancelTx, Filter, ListTx, Tx, Wait},
    clock,
    failure::Failure,
    output,
    render::{follow, json, tables, timeline},
};
use bulk::{Action, Operation};

pub(super) async fn run(context: &Context, command: Tx) -> Result<(), Failure> {
    match command {
        Tx::List(list) => list_transactions(context, list).await,
        Tx::Show { gid } => show(context, &gid).await,
        Tx::Watch { gid } => watch(context, &gid).await,
        Tx::Execute { file, gid, wait } => {
            let request = request::read(&file, gid, wait)?;
            execute(context, request).await
        }
        Tx::Confirm { gid, wait } => confirm(context, &gid, wait).await,
        Tx::Cancel(command) => cancel(context, command).await,
        Tx::Retry(bulk) => bulk::run(context, Operation::Retry, bulk).await,
        Tx::Park(bulk) => bulk::run(context, Operation::Park, bulk).await,
        Tx::Resume(bulk) => bulk::run(context, Operation::Resume, bulk).await,
        Tx::Force {
            gid,
            branch,
            reason,
        } => force(context, &gid, &branch, reason).await,
    }
}

/// The operator's filter as the client's.
fn filtered(client: &Client, filter: &Filter) -> tercet_client::ListTransactions {
    let mut list = client.admin().list_transactions();
    for state in &filter.state {
        list = list.state((*state).into());
    }
    for (key, value) in &filter.label {
        list = list.label(key, value);
    }
    if let Some(participant) = &filter.participant {
        list = list.participant(participant);
    }
    if let Some(age) = filter.older_than {
        list = list.older_than(age.get());
    }
    if filter.attention {
        list = list.needs_attention();
    }
    list
}

async fn list_transactions(context: &Context, command: ListTx) -> Result<(), Failure> {
    let page = filtered(&context.client()?, &command.filter)
        .page_size(command.limit)
        .page_token(command.page_token)
        .send()
        .await?;
    context.show("tercet.v1.ListTransactionsResponse", &page, |page| {
        tables::transactions(&page.transactions, clock::now(), output::style())
    })?;
    if !context.is_json && !page.next_page_token.is_empty() {
        output::note(&format!("more: --page-token {}", page.next_page_token));
    }
    Ok(())
}

async fn show(context: &Context, gid: &str) -> Result<(), Failure> {
    let outcome = context.client()?.get(gid).await?;
    let response = GetTransactionResponse {
        transaction: Some(outcome.transaction().clone()),
    };
    context.show("tercet.v1.GetTransactionResponse", &response, |_| {
        draw(outcome.transaction())
    })
}

async fn watch(context: &Context, gid: &str) -> Result<(), Failure> {
    let mut watch = context.client_without_deadline()?.watch(gid);
    let mut last: Option<Outcome> = None;
    while let Some(outcome) = watch.next().await? {
        let transaction = outcome.transaction();
        if context.is_json {
            let response = WatchTransactionResponse {
                transaction: Some(transaction.clone()),
            };
            let line = json::line("tercet.v1.WatchTransactionResponse", &response);
            output::print(&line.map_err(Failure::failed)?);
        } else {
            let before = last.as_ref().map(Outcome::transaction);
            let lines = follow::changes(before, transaction, clock::now(), output::style());
            for line in lines {
                output::print(&line);
            }
        }
        last = Some(outcome);
    }
    last.as_ref().map_or(Ok(()), verdict)
}

async fn execute(
    context: &Context,
    request: tercet_client::proto::ExecuteTransactionRequest,
) -> Result<(), Failure> {
    let outcome = context.client()?.execute_request(request).await?;
    let response = ExecuteTransactionResponse {
        transaction: Some(outcome.transaction().clone()),
    };
    context.show("tercet.v1.ExecuteTransactionResponse", &response, |_| {
        draw(outcome.transaction())
    })?;
    verdict(&outcome)
}

async fn confirm(context: &Context, gid: &str, wait: Wait) -> Result<(), Failure> {
    let client = context.client()?;
    let outcome = client.open(gid).confirm_and(wait.into()).await?;
    let response = ConfirmTransactionResponse {
        transaction: Some(outcome.transaction().clone()),
    };
    context.show("tercet.v1.ConfirmTransactionResponse", &response, |_| {
        draw(outcome.transaction())
    })
}

async fn cancel(context: &Context, command: CancelTx) -> Result<(), Failure> {
    let CancelTx {
        bulk,
        unknown,
        wait,
    } = command;
    let About::One(gid) = bulk.about().map_err(Failure::usage)? else {
        return bulk::many(context, Action::Cancel(wait), bulk).await;
    };
    let client = context.client()?;
    if !unknown {
        // The coordinator would record an unknown gid as cancelled; a slip of the finger must not.
        client.get(&gid).await?;
    }
    let cancelled = client.open(&gid);
    let cancelled = cancelled.cancel_and(bulk.reason, wait.into()).await?;
    let response = CancelTransactionResponse {
        transaction: Some(cancelled.outcome.transaction().clone()),
        was_unknown: cancelled.was_unknown,
    };
    context.show("tercet.v1.CancelTransactionResponse", &response, |_| {
        draw(cancelled.outcome.transaction())
    })?;
    if cancelled.was_unknown {
        output::note("the gid was unknown; a begin that comes late finds it cancelled");
    }
    Ok(())
}

async fn force(context: &Context, gid: &str, branch: &str, reason: String) -> Result<(), Failure> {
    let admin = context.client()?.admin();
    let transaction = admin.force_branch(gid, branch, reason).await?;
    let response = ForceBranchResponse {
        transaction: Some(transaction),
    };
    context.show("tercet.v1.ForceBranchResponse", &response, |it| {
        it.transaction.as_ref().map(draw).unwrap_or_default()
    })
}

fn draw(transaction: &Transaction) -> String {
    timeline::render(transaction, clock::now(), output::style())
}

/// What the exit code says about an outcome.
fn verdict(outcome: &Outcome) -> Result<(), Failure> {
    match outcome {
        Outcome::Confirmed(_) | Outcome::Confirming(_) => Ok(()),
        Outcome::Cancelled(_) | Outcome::Cancelling(_) => Err(Failure::Cancelled),
        Outcome::Undecided(_) => Err(Failure::failed(
            "not decided yet: `tercet tx watch` follows it, the same request again is safe",
        )),
    }
}
