//! What is kept of a submission: the price that it was told, and the number of its order. Stock and points know the order by
//! that number in every repetition of its transaction, so it is written before the transaction is begun.
//!
//! A submission is kept as long as the coordinator may know its transaction, and longer; after that its order says the same.
//!
//! Must never: give a request a second number, or another price, while its transaction may be known to anybody.

pub(super) mod queries;

use std::time::Duration;

use tercet_participant::{ActionError, micros, now_micros};
use tonic::Status;

use super::campaign;
use super::desk::{DOMAIN, again};
use super::queries as orders;
use super::retention::queries::renew_submission;
use super::{Connection, Database};
use crate::number;
use crate::order::{Order, Submission};
use queries::Numbered;

/// A submission that comes again has its age begin anew, but not more often than this.
const RENEW_AFTER_MAX: Duration = Duration::from_hours(1);

/// Submissions as they are kept.
#[derive(Debug, Clone)]
pub(super) struct Submissions {
    pub(super) database: Database,
    /// How long they are, since they last came.
    pub(super) kept: Duration,
}

impl Submissions {
    /// The submission with its price and the number of its order: kept, or made now if the campaign admits it.
    pub(super) async fn numbered(
        &self,
        mut submission: Submission,
    ) -> Result<(Submission, Numbered), ActionError> {
        let request_id = submission.request_id.clone();
        let mut reader = self.database.reader().acquire().await?;
        let now = now_micros();
        if let Some(kept) = kept(&mut reader, &request_id).await? {
            drop(reader);
            self.renew(&request_id, &kept, now).await?;
            fill(&mut submission, &kept);
            return Ok((submission, kept));
        }
        let campaign = campaign::admit(&mut reader, &mut submission, now).await?;
        drop(reader);
        let new = Numbered {
            order_no: number::new(now),
            user_id: submission.user_id.clone(),
            sku: submission.sku.clone(),
            quantity: submission.quantity,
            points: submission.points,
            campaign_id: submission.campaign_id.clone(),
            amount_cents: submission.amount_cents,
            points_due: submission.points_due,
            round: 0,
            created_at: Some(now),
        };
        let mut transaction = self.database.begin().await?;
        if !queries::insert_submission(&mut transaction, &request_id, &new).await? {
            // Somebody was first: the next run reads what they wrote.
            return Err(ActionError::Contended);
        }
        if let Some(campaign) = &campaign {
            campaign::count(&mut transaction, campaign, &submission.user_id, now).await?;
        }
        transaction.commit().await?;
        Ok((submission, new))
    }

    /// What was submitted under this request id before, as its customer sent it.
    pub(super) async fn sent(&self, request_id: &str) -> Result<Option<Submission>, Status> {
        let read = async {
            let mut connection = self.database.reader().acquire().await?;
            kept(&mut connection, request_id).await
        };
        let kept = read.await.map_err(super::flow::database)?;
        Ok(kept.map(|kept| Submission {
            request_id: request_id.to_owned(),
            user_id: kept.user_id,
            sku: kept.sku,
            quantity: kept.quantity,
            points: if kept.campaign_id.is_some() {
                0
            } else {
                kept.points
            },
            campaign_id: kept.campaign_id,
            amount_cents: 0,
            points_due: 0,
        }))
    }

    /// The present round of what was submitted.
    pub(super) async fn round(&self, request_id: &str) -> Result<i64, Status> {
        let read = async {
            let mut connection = self.database.reader().acquire().await?;
            kept(&mut connection, request_id).await
        };
        let kept = read.await.map_err(super::flow::database)?;
        Ok(kept.map_or(0, |kept| kept.round))
    }

    /// Counts a transaction that was cancelled without anybody having refused the order. The next one places an order of
    /// another number, since stock and points may still know the one before.
    pub(super) async fn next_round(&self, request_id: &str, round: i64) -> Result<(), Status> {
        let counted = again(|| async {
            let now = now_micros();
            let mut transaction = self.database.begin().await?;
            let order_no = number::new(now);
            queries::next_round(&mut transaction, request_id, round, &order_no, now).await?;
            transaction.commit().await?;
            Ok(())
        });
        counted.await.map_err(|error| error.into_status(DOMAIN))
    }

    /// Its transaction may be begun once more now, which the coordinator then knows for its retention.
    async fn renew(&self, request_id: &str, kept: &Numbered, now: i64) -> Result<(), ActionError> {
        let renew_after = (self.kept / 10).min(RENEW_AFTER_MAX);
        let Some(created_at) = kept.created_at else {
            return Ok(());
        };
        if now.saturating_sub(created_at) < micros(renew_after) {
            return Ok(());
        }
        let mut transaction = self.database.begin().await?;
        if renew_submission(&mut transaction, request_id, created_at, now).await? == 0 {
            // Renewed or deleted in between: the next run reads which.
            return Err(ActionError::Contended);
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// From the submission's row, or, where that is gone, from its order's.
async fn kept(connection: &mut Connection, request_id: &str) -> sqlx::Result<Option<Numbered>> {
    if let Some(kept) = queries::submission(&mut *connection, request_id).await? {
        return Ok(Some(kept));
    }
    let order = orders::by_request(connection, request_id).await?;
    Ok(order.and_then(of_order))
}

/// What was submitted, by an order that its own transaction has written.
fn of_order(order: Order) -> Option<Numbered> {
    let submission = order.submission;
    let round = submission.round_of(&order.gid)?;
    Some(Numbered {
        order_no: order.number,
        user_id: submission.user_id,
        sku: submission.sku,
        quantity: submission.quantity,
        points: submission.points,
        campaign_id: submission.campaign_id,
        amount_cents: submission.amount_cents,
        points_due: submission.points_due,
        round,
        created_at: None,
    })
}

/// A repetition takes the price that the first one was told.
fn fill(submission: &mut Submission, kept: &Numbered) {
    if submission.campaign_id.is_none() {
        return;
    }
    if submission.sku.is_empty() {
        submission.sku.clone_from(&kept.sku);
    }
    submission.amount_cents = kept.amount_cents;
    submission.points = kept.points;
    submission.points_due = kept.points_due;
}

pub(super) fn is_the_same(kept: &Numbered, submission: &Submission) -> bool {
    kept.user_id == submission.user_id
        && kept.sku == submission.sku
        && kept.quantity == submission.quantity
        && kept.points == submission.points
        && kept.campaign_id == submission.campaign_id
}
