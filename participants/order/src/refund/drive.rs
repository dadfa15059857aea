//! The global transaction of an approved refund, driven to its end: by whoever approved it, else from its row.

use std::time::Duration;

use tercet_client::{Branch, CallContext, Execute};
use tercet_participant::{ActionError, micros, now_micros};
use tercet_proto::shop::order::v1::{RefundOrderRequest, ReturnOrderActionRequest};
use tercet_proto::shop::payment::v1::RefundPaymentRequest;
use tercet_proto::shop::points::v1::RefundPointsRequest;
use tercet_proto::shop::stock::v1::ReturnStockRequest;
use tonic::Status;

use super::super::desk::{DOMAIN, again};
use super::super::{attempt, chores};
use super::queries::{self, Refund};
use super::{LEASE, Refunds};
use crate::money::{Meaning, ORDER_BRANCH, RefundState, meaning};
use crate::order::Order;

/// How long one drive may take; shorter than the lease.
const PATIENCE: Duration = Duration::from_secs(10);
/// The wait between two drives doubles up to this.
const LEASE_MAX: Duration = Duration::from_mins(1);
/// Refunds driven at once.
const PAGE: i64 = 16;

impl Refunds {
    /// Runs the refund's present transaction. Refused by the services that give back, it is asked again, and the merchant is
    /// told why; otherwise it stays approved until it is done.
    pub(super) async fn drive(&self, refund: Refund, context: CallContext) -> Result<(), Status> {
        let order = self.desk.read(&refund.order_no, None).await?;
        let gid = attempt::gid(&format!("refund-{}", refund.refund_no), refund.round);
        let build = |execute| transaction(execute, &order, &refund);
        let context = context.timeout(PATIENCE);
        let outcome = attempt::run(&self.client, &gid, context, build).await?;
        if outcome.is_confirm() {
            return Ok(());
        }
        if outcome.is_cancel() {
            let is_refused = meaning(outcome.cause()) == Meaning::Refused;
            let again = self.cancelled(&refund, is_refused).await;
            again.map_err(|error| error.into_status(DOMAIN))?;
            let cause = outcome.cause().map(ToString::to_string);
            tracing::warn!(gid, cause, is_refused, "a refund was not given");
        }
        Err(attempt::refused(outcome.cause()))
    }

    async fn cancelled(&self, refund: &Refund, is_refused: bool) -> Result<(), ActionError> {
        let (state, due_at) = if is_refused {
            (RefundState::Asked, None)
        } else {
            (RefundState::Approved, refund.due_at)
        };
        again(|| async {
            let mut transaction = self.desk.database.begin().await?;
            queries::next_round(&mut transaction, refund, state.code(), due_at).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// Drives on what is due; whether there may be more.
    pub(in super::super) async fn sweep(&self) -> Result<bool, ActionError> {
        let mut reader = self.desk.database.reader().acquire().await?;
        let due = queries::due(&mut reader, now_micros(), PAGE).await?;
        drop(reader);
        let driven = due.iter().map(|refund| self.drive_on(refund));
        for driven in futures::future::join_all(driven).await {
            driven?;
        }
        Ok(i64::try_from(due.len()).is_ok_and(|count| count == PAGE))
    }

    async fn drive_on(&self, refund: &Refund) -> Result<(), ActionError> {
        let lease = chores::lease(LEASE, refund.attempts, LEASE_MAX);
        let next = now_micros().saturating_add(micros(lease));
        let is_ours = again(|| async {
            let mut transaction = self.desk.database.begin().await?;
            let is_ours = queries::claim(&mut transaction, refund, next).await?;
            transaction.commit().await?;
            Ok(is_ours)
        });
        if is_ours.await? {
            let mut refund = refund.clone();
            refund.due_at = Some(next);
            let (refund_no, attempts) = (refund.refund_no.clone(), refund.attempts);
            if let Err(status) = self.drive(refund, CallContext::new()).await {
                let why = status.message();
                tracing::warn!(refund_no, attempts, why, "a refund waits to be given");
            }
        }
        Ok(())
    }
}

/// The order first, so that who loses a race disturbs nobody.
fn transaction(execute: Execute, order: &Order, refund: &Refund) -> Execute {
    let (order_no, refund_no) = (order.number.clone(), refund.refund_no.clone());
    let (amount_cents, points) = (refund.amount_cents, refund.points);
    let own = if refund.is_return == 0 {
        Branch::new(ORDER_BRANCH, "order", "refund").message(&RefundOrderRequest {
            order_no: order_no.clone(),
            refund_no: refund_no.clone(),
            amount_cents,
            points,
        })
    } else {
        Branch::new(ORDER_BRANCH, "order", "return").message(&ReturnOrderActionRequest {
            order_no: order_no.clone(),
            refund_no: refund_no.clone(),
            amount_cents,
            points,
            pieces: refund.pieces,
        })
    };
    let mut execute = execute
        .sequential()
        .label("order_no", order_no)
        .label("refund_no", &refund_no)
        .branch(own);
    if refund.pieces > 0 {
        let back = ReturnStockRequest {
            sku: order.submission.sku.clone(),
            quantity: refund.pieces,
            order_no: order.stock_ref.clone(),
        };
        execute = execute.branch(Branch::new("stock", "stock", "return").message(&back));
    }
    if points > 0 {
        let back = RefundPointsRequest {
            account_id: order.submission.user_id.clone(),
            order_no: order.points_ref.clone(),
            refund_no: refund_no.clone(),
            points,
        };
        execute = execute.branch(Branch::new("points", "points", "refund").message(&back));
    }
    if amount_cents > 0 {
        let back = RefundPaymentRequest {
            payment_no: order.standing.payment_no.clone().unwrap_or_default(),
            refund_no,
            amount_cents,
        };
        execute = execute.branch(Branch::new("payment", "payment", "refund").message(&back));
    }
    execute
}
