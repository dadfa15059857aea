//! One attempt at a flow of an order, as a global transaction.
//!
//! A gid names one attempt for good. The first one is the flow's name; when it was cancelled, the next one carries a
//! number, which is kept in a row. Until the outcome is known the same gid is repeated, so a flow never runs twice at once.

use tercet_client::{CallContext, Cause, Client, Error, Execute, Outcome};
use tercet_participant::error_status;
use tonic::{Code, Status};

use super::desk::DOMAIN;

/// The gid of a flow's attempt; `round` counts from 0.
pub(super) fn gid(name: &str, round: i64) -> String {
    match round {
        0 => name.to_owned(),
        _ => format!("{name}-{}", round + 1),
    }
}

/// Runs an attempt to its end, or to its decision where a participant doesn't answer in the context's time.
pub(super) async fn run(
    client: &Client,
    gid: &str,
    context: CallContext,
    build: impl FnOnce(Execute) -> Execute + Send,
) -> Result<Outcome, Status> {
    let client = client.within(context);
    let outcome = build(client.execute(gid)).wait_for_completion().send();
    let outcome = match outcome.await {
        // The order stood otherwise when this attempt began: its outcome stands all the same.
        Err(error) if error.reason().as_deref() == Some("GID_CONFLICT") => client.get(gid).await,
        outcome => outcome,
    };
    outcome.map_err(|error| unserved(gid, &error))
}

fn unserved(gid: &str, error: &Error) -> Status {
    tracing::warn!(gid, %error, "not served by the coordinator");
    let message = "the coordinator could not serve it now: repeat the call";
    error_status(
        Code::Unavailable,
        "COORDINATOR_UNAVAILABLE",
        DOMAIN,
        message,
    )
}

/// What a caller is told of a cancelled attempt.
pub(super) fn refused(cause: Option<&Cause>) -> Status {
    if let Some(Cause::Refused { error, .. }) = cause {
        let message = error.message.clone();
        return error_status(Code::FailedPrecondition, &error.reason, DOMAIN, message);
    }
    let message = cause.map_or_else(|| "undecided yet".to_owned(), ToString::to_string);
    error_status(Code::Unavailable, "NOT_DONE", DOMAIN, message)
}
