//! Placing an order: one global transaction over order, stock and points.
//!
//! The request id makes the gid, so whatever is repeated, by a customer, a proxy or after a crash of this service,
//! is the same transaction with the same answer. Before it only the request's order number is written, so that stock and
//! points know the order by it in every repetition; the order itself is written by the branch `order.create`.

use std::time::Duration;

use tercet_client::{Branch, CallContext, Cause, Client, Error, Execute, Outcome};
use tercet_participant::{ActionError, Refusal, RefusalKind, error_status};
use tercet_proto::shop::order::v1 as proto;
use tercet_proto::shop::points::v1::SpendPointsRequest;
use tercet_proto::shop::stock::v1::ReserveStockRequest;
use tonic::{Code, Status};

use super::campaign;
use super::desk::{DOMAIN, again, busy};
use super::queries;
use super::submitted::{Submissions, is_the_same};
use crate::order::{Order, Submission, unwritten};
use crate::state::State;

/// After the decision: how long the answer waits for the branches, so that it usually shows the order CREATED. A
/// participant that is down delays its customers by no more than this.
const SETTLE_WAIT: Duration = Duration::from_secs(1);

/// Places orders through the coordinator.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) submissions: Submissions,
    pub(super) client: Client,
}

/// What became of a submission.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) response: proto::PlaceOrderResponse,
    /// Set where nobody has refused it: placing it again may help.
    pub(super) unrefused: Option<Unrefused>,
}

/// A transaction that was cancelled because somebody didn't answer in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unrefused {
    pub(super) round: i64,
    /// Whether every branch is cancelled: until then its order may still be in the way of another one.
    pub(super) is_over: bool,
}

impl Place {
    /// Places an order within the deadline and trace of the customer's call, by the submission's present transaction.
    pub(super) async fn place(
        &self,
        submission: Submission,
        context: CallContext,
    ) -> Result<Placed, Status> {
        let request_id = submission.request_id.clone();
        let mut placed = self.once(submission.clone(), context.clone()).await?;
        // The queue may have placed it again meanwhile: then that is what became of it.
        while let Some(unrefused) = placed.unrefused
            && self.submissions.round(&request_id).await? > unrefused.round
        {
            placed = self.once(submission.clone(), context.clone()).await?;
        }
        Ok(placed)
    }

    async fn once(&self, submission: Submission, context: CallContext) -> Result<Placed, Status> {
        let checked = submission.check_sent();
        checked.map_err(|refusal| ActionError::from(refusal).into_status(DOMAIN))?;
        let numbered = again(|| self.submissions.numbered(submission.clone())).await;
        let (submission, numbered) = match numbered {
            Ok(numbered) => numbered,
            Err(ActionError::Refused(refusal)) if refusal.kind == RefusalKind::Precondition => {
                return Ok(turned_away(submission, &refusal));
            }
            Err(error) => return Err(error.into_status(DOMAIN)),
        };
        if !is_the_same(&numbered, &submission) {
            return Err(conflict(&submission));
        }
        let gid = submission.gid(numbered.round);
        let own = self.own(&submission, &gid).await?;
        let is_written = own.is_some();
        if let Some(order) = own {
            if order.submission != submission {
                return Err(conflict(&submission));
            }
            // Needs no coordinator, which may have forgotten the transaction by now.
            if !matches!(order.state(), State::Pending | State::Cancelled) {
                return Ok(Placed {
                    response: proto::PlaceOrderResponse {
                        order: Some(order.into()),
                        refusal: None,
                    },
                    unrefused: None,
                });
            }
        }
        let ticket = Ticket {
            submission: &submission,
            gid: &gid,
            order_no: &numbered.order_no,
            takes_stock: self.takes_stock(&submission).await?,
        };
        let client = self.client.within(context.clone());
        let outcome = match transaction(&client, ticket).send().await {
            // An order of this content is written: its transaction was begun by another version of this service.
            Err(error) if is_written && error.reason().as_deref() == Some("GID_CONFLICT") => {
                client.get(&gid).await
            }
            outcome => outcome,
        };
        let outcome = outcome.map_err(|error| status(&error, &submission, &gid))?;
        let outcome = self.settled(outcome, ticket, context).await;
        let unrefused = is_unrefused(&outcome).then(|| Unrefused {
            round: numbered.round,
            is_over: outcome.is_ended(),
        });
        let response = self.answer(submission, gid, &outcome).await?;
        Ok(Placed {
            response,
            unrefused,
        })
    }

    /// Waits a little for the branches of a decided transaction. No answer in time is no error: the decision stands.
    async fn settled(&self, decided: Outcome, ticket: Ticket<'_>, context: CallContext) -> Outcome {
        if decided.is_ended() {
            return decided;
        }
        let client = self.client.within(context.timeout(SETTLE_WAIT));
        transaction(&client, ticket)
            .wait_for_completion()
            .send()
            .await
            .unwrap_or(decided)
    }

    async fn answer(
        &self,
        submission: Submission,
        gid: String,
        outcome: &Outcome,
    ) -> Result<proto::PlaceOrderResponse, Status> {
        let mut order = match self.own(&submission, &gid).await? {
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

    async fn takes_stock(&self, submission: &Submission) -> Result<bool, Status> {
        let Some(campaign_id) = &submission.campaign_id else {
            return Ok(true);
        };
        let read = async {
            let mut reader = self.submissions.database.reader().acquire().await?;
            campaign::queries::get(&mut reader, campaign_id).await
        };
        let campaign = read
            .await
            .map_err(super::flow::database)?
            .ok_or_else(busy)?;
        Ok(campaign.is_taken_at_order != 0)
    }

    /// The order that this submission's own transaction has written.
    async fn own(&self, submission: &Submission, gid: &str) -> Result<Option<Order>, Status> {
        let read = async {
            let mut connection = self.submissions.database.reader().acquire().await?;
            queries::by_request(&mut connection, &submission.request_id).await
        };
        let order = read.await.map_err(|error| {
            tracing::warn!(%error, "order not read");
            ActionError::from(error).into_status(DOMAIN)
        })?;
        Ok(order.filter(|order| order.gid == gid))
    }
}

/// What a transaction is built from, the same in every repetition.
#[derive(Debug, Clone, Copy)]
struct Ticket<'a> {
    submission: &'a Submission,
    gid: &'a str,
    order_no: &'a str,
    takes_stock: bool,
}

/// The transaction of an order. Built from what is kept of the submission alone, so that every repeat is the same to
/// the last byte.
fn transaction(client: &Client, ticket: Ticket<'_>) -> Execute {
    let Submission {
        request_id,
        user_id,
        sku,
        quantity,
        points,
        campaign_id,
        amount_cents,
        points_due,
    } = ticket.submission.clone();
    let order_no = ticket.order_no.to_owned();
    let create = proto::CreateOrderRequest {
        request_id: request_id.clone(),
        user_id: user_id.clone(),
        sku: sku.clone(),
        quantity,
        points_to_spend: points,
        order_no: order_no.clone(),
        campaign_id: campaign_id.unwrap_or_default(),
        amount_cents,
        points_due,
    };
    let mut execute = client
        .execute(ticket.gid)
        .label("request_id", request_id)
        .label("user_id", user_id.clone())
        .label("order_no", order_no.clone())
        .branch(Branch::new("order", "order", "create").message(&create));
    if ticket.submission.campaign_id.is_some() {
        // The user's place before the stock.
        execute = execute.sequential();
    }
    if ticket.takes_stock {
        let reserve = ReserveStockRequest {
            sku,
            quantity,
            order_no: order_no.clone(),
        };
        execute = execute.branch(Branch::new("stock", "stock", "reserve").message(&reserve));
    }
    if points == 0 {
        return execute;
    }
    let spend = SpendPointsRequest {
        user_id,
        points,
        order_ref: order_no.clone(),
        order_no,
        ..SpendPointsRequest::default()
    };
    execute.branch(Branch::new("points", "points", "spend").message(&spend))
}

/// Not admitted to the campaign: nothing was written and nobody called.
fn turned_away(submission: Submission, refusal: &Refusal) -> Placed {
    let gid = submission.gid(0);
    let response = proto::PlaceOrderResponse {
        order: Some(unwritten(submission, gid, State::Cancelled)),
        refusal: Some(proto::Refusal {
            reason: refusal.reason.to_owned(),
            participant: "order".to_owned(),
            message: refusal.message.clone(),
        }),
    };
    Placed {
        response,
        unrefused: None,
    }
}

/// Whether it was cancelled for want of an answer alone.
fn is_unrefused(outcome: &Outcome) -> bool {
    let cause = outcome.cause();
    outcome.is_cancel() && matches!(cause, Some(Cause::InDoubt { .. } | Cause::Deadline { .. }))
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

pub(super) fn conflict(submission: &Submission) -> Status {
    let message = format!(
        "request {} was made before with other content",
        submission.request_id
    );
    error_status(Code::AlreadyExists, "REQUEST_CONFLICT", DOMAIN, message)
}

/// What a customer is told when the coordinator couldn't serve the call.
fn status(error: &Error, submission: &Submission, gid: &str) -> Status {
    if error.reason().as_deref() == Some("GID_CONFLICT") {
        return conflict(submission);
    }
    tracing::warn!(gid, %error, "order not placed");
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
