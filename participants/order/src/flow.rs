//! One flow of an order as a global transaction that may have to be tried again.
//!
//! A gid names one attempt for good. The first one is the flow's name; when it was cancelled, the next one carries a
//! number. Until the outcome is known the same gid is repeated, so that a flow never runs twice at once.

use tercet_client::{CallContext, Cause, Client, Execute, Outcome};
use tercet_participant::{ActionError, now_micros};
use tonic::Status;

use super::desk::DOMAIN;
use super::{Database, attempt, queries};

/// Runs flows.
#[derive(Debug, Clone)]
pub(super) struct Flows {
    pub(super) database: Database,
    pub(super) client: Client,
}

impl Flows {
    /// Runs the flow's present attempt to its end, or its decision where a participant doesn't answer. `build` adds the
    /// branches; it gets the attempt's number, from 0.
    pub(super) async fn run(
        &self,
        name: &str,
        context: CallContext,
        build: impl FnOnce(Execute, i64) -> Execute + Send,
    ) -> Result<Outcome, Status> {
        let round = self.round(name).await.map_err(database)?;
        let gid = attempt::gid(name, round);
        let outcome =
            attempt::run(&self.client, &gid, context, |execute| build(execute, round)).await?;
        if outcome.is_cancel() {
            self.next_round(name, round).await.map_err(database)?;
        }
        Ok(outcome)
    }

    async fn round(&self, name: &str) -> sqlx::Result<i64> {
        let mut connection = self.database.reader().acquire().await?;
        queries::round(&mut connection, name).await
    }

    async fn next_round(&self, name: &str, round: i64) -> sqlx::Result<()> {
        let mut transaction = self.database.begin().await?;
        queries::next_round(&mut transaction, name, round, now_micros()).await?;
        transaction.commit().await
    }
}

pub(super) fn database(error: sqlx::Error) -> Status {
    tracing::warn!(%error, "orders not served");
    ActionError::from(error).into_status(DOMAIN)
}

/// The reason of a participant that refused for good; none when trying again may help.
pub(super) fn refused_for_good(outcome: &Outcome) -> Option<String> {
    match outcome.cause()? {
        Cause::Refused { error, .. } if error.reason != "ORDER_BUSY" => Some(error.reason.clone()),
        _ => None,
    }
}
