//! Placing an order: one global transaction over order, stock and points.
//!
//! The request id makes the gid, so whatever is repeated, by a customer, a proxy or after a crash of this service,
//! is the same transaction with the same answer. Nothing is written here: the order is written by the branch
//! `order.create`, like everybody else's part.

use std::time::Duration;

use tercet_client::{Branch, CallContext, Cause, Client, Error, Execute, Outcome};
use tercet_participant::{ActionError, error_status};
use tercet_proto::shop::order::v1 as proto;
use tercet_proto::shop::points::v1::SpendPointsRequest;
use tercet_proto::shop::stock::v1::ReserveStockRequest;
use tonic::{Code, Status};

use super::order::{Order, State, Submission, unwritten};
use super::{Database, queries};

const DOMAIN: &str = "shop.order.v1.OrderService";
/// After the decision: how long the answer waits for the branches, so that it usually shows the order CREATED. A
/// participant that is down delays its customers by no more than this.
const SETTLE_WAIT: Duration = Duration::from_secs(1);

/// Places orders through the coordinator.
#[derive(Debug)]
pub(super) struct Place {
    database: Database,
    client: Client,
}

impl Place {
    pub(super) fn new(database: Database, client: Client) -> Self {
        Self { database, client }
    }

    /// Places an order within the deadline and trace of the customer's call.
    pub(super) async fn place(
        &self,
        submission: Submission,
        context: CallContext,
    ) -> Result<proto::PlaceOrderResponse, Status> {
        submission
            .check()
            .map_err(|refusal| ActionError::from(refusal).into_status(DOMAIN))?;
        if let Some(order) = self.own(&submission).await? {
            if order.submission != submission {
                return Err(conflict(&submission));
            }
            // Needs no coordinator, which may have forgotten the transaction by now.
            if order.state == State::Created {
                return Ok(proto::PlaceOrderResponse {
                    order: Some(order.into()),
                    refusal: None,
                });
            }
        }
        let outcome = transaction(&self.client.within(context.clone()), &submission)
            .send()
            .await
            .map_err(|error| status(&error, &submission))?;
        let outcome = self.settled(outcome, &submission, context).await;
        self.answer(submission, &outcome).await
    }

    /// Waits a little for the branches of a decided transaction. No answer in time is no error: the decision stands.
    async fn settled(
        &self,
        decided: Outcome,
        submission: &Submission,
        context: CallContext,
    ) -> Outcome {
        if decided.is_ended() {
            return decided;
        }
        let client = self.client.within(context.timeout(SETTLE_WAIT));
        transaction(&client, submission)
            .wait_for_completion()
            .send()
            .await
            .unwrap_or(decided)
    }

    async fn answer(
        &self,
        submission: Submission,
        outcome: &Outcome,
    ) -> Result<proto::PlaceOrderResponse, Status> {
        let gid = submission.gid();
        let mut order = match self.own(&submission).await? {
            Some(order) => proto::Order::from(order),
            None => unwritten(submission, gid, State::Pending),
        };
        if outcome.is_cancel() {
            // Decided for good, also where the cancel of this very row is still on its way.
            order.set_state(proto::OrderState::Cancelled);
            order.points_spent = 0;
        }
        Ok(proto::PlaceOrderResponse {
            order: Some(order),
            refusal: refusal(outcome),
        })
    }

    /// The order that this submission's own transaction has written.
    async fn own(&self, submission: &Submission) -> Result<Option<Order>, Status> {
        let read = async {
            let mut connection = self.database.reader().acquire().await?;
            queries::by_request(&mut connection, &submission.request_id).await
        };
        let order = read.await.map_err(|error| {
            tracing::warn!(%error, "order not read");
            ActionError::from(error).into_status(DOMAIN)
        })?;
        Ok(order.filter(|order| order.gid == submission.gid()))
    }
}

/// The transaction of an order. Built from the submission alone, so that every repeat is the same to the last byte.
fn transaction(client: &Client, submission: &Submission) -> Execute {
    let Submission {
        request_id,
        user_id,
        sku,
        quantity,
        points,
    } = submission.clone();
    let gid = submission.gid();
    let create = proto::CreateOrderRequest {
        request_id: request_id.clone(),
        user_id: user_id.clone(),
        sku: sku.clone(),
        quantity,
        points_to_spend: points,
        ..proto::CreateOrderRequest::default()
    };
    let reserve = ReserveStockRequest {
        sku,
        quantity,
        ..Default::default()
    };
    let execute = client
        .execute(gid.clone())
        .label("request_id", request_id)
        .label("user_id", user_id.clone())
        .branch(Branch::new("order", "order", "create").message(&create))
        .branch(Branch::new("stock", "stock", "reserve").message(&reserve));
    if points == 0 {
        return execute;
    }
    let spend = SpendPointsRequest {
        user_id,
        points,
        order_ref: gid,
        ..Default::default()
    };
    execute.branch(Branch::new("points", "points", "spend").message(&spend))
}

/// Why the order was refused, if it was.
fn refusal(outcome: &Outcome) -> Option<proto::Refusal> {
    let cause = outcome.cause()?;
    let participant_of = |id: &str| {
        let branches = &outcome.transaction().branches;
        branches
            .iter()
            .find(|branch| branch.id == id)
            .map(|branch| branch.participant.clone())
            .unwrap_or_default()
    };
    let (reason, participant, message) = match cause {
        Cause::Refused { branch, error } => {
            let reason = if error.reason.is_empty() {
                "REFUSED"
            } else {
                error.reason.as_str()
            };
            (reason, participant_of(branch), error.message.clone())
        }
        Cause::InDoubt { branch, .. } => ("IN_DOUBT", participant_of(branch), cause.to_string()),
        Cause::Deadline { branch } => (
            "DEADLINE",
            branch.as_deref().map(participant_of).unwrap_or_default(),
            cause.to_string(),
        ),
        Cause::Requested { .. } => ("REQUESTED", String::new(), cause.to_string()),
        Cause::Initiator => ("INITIATOR", String::new(), cause.to_string()),
        _ => ("CANCELLED", String::new(), cause.to_string()),
    };
    Some(proto::Refusal {
        reason: reason.to_owned(),
        participant,
        message,
    })
}

fn conflict(submission: &Submission) -> Status {
    let message = format!(
        "request {} was made before with other content",
        submission.request_id
    );
    error_status(Code::AlreadyExists, "REQUEST_CONFLICT", DOMAIN, message)
}

/// What a customer is told when the coordinator couldn't serve the call.
fn status(error: &Error, submission: &Submission) -> Status {
    if error.reason().as_deref() == Some("GID_CONFLICT") {
        return conflict(submission);
    }
    tracing::warn!(gid = submission.gid(), %error, "order not placed");
    if error.is_retryable() {
        let message = "the order could not be placed now: repeat with the same request_id";
        return error_status(
            Code::Unavailable,
            "COORDINATOR_UNAVAILABLE",
            DOMAIN,
            message,
        );
    }
    error_status(
        Code::Internal,
        "INTERNAL",
        DOMAIN,
        "the coordinator did not accept the order",
    )
}
