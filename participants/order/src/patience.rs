//! Placing an order for a customer who waits elsewhere: what is safe to repeat is repeated, and an order that nobody has
//! refused is placed again.
//!
//! A transaction that was cancelled because a participant didn't answer took nothing, and says nothing about the order. So
//! once all of it is cancelled the submission gets another round: another gid and another order number, both from its row,
//! so that whoever goes on with it after a death goes on with the same ones. A submission has [`ROUNDS_MAX`] rounds in all.
//!
//! Must never: begin a round before the one before is over, or one for an order that somebody has refused.

use std::time::Duration;

use tercet_client::CallContext;
use tercet_proto::shop::order::v1::PlaceOrderResponse;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::place::{Place, Unrefused};
use crate::order::Submission;

/// How long a round is tried while the coordinator doesn't serve, or its end is waited for, and the wait in between.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);
/// Transactions of one submission, at most.
const ROUNDS_MAX: i64 = 5;
/// Before the second round; doubles. All of them together are longer than it takes to start a participant again.
const REST: Duration = Duration::from_millis(500);

/// The order, or a definite reason why there is none. Each call has the deadline of a customer who has patience.
pub(super) async fn place(
    place: &Place,
    submission: &Submission,
    context: CallContext,
) -> Result<PlaceOrderResponse, Status> {
    let mut begun = Instant::now();
    for _ in 0..ROUNDS_MAX {
        let is_late = || begun.elapsed() + PAUSE >= PATIENCE;
        let placed = loop {
            let context = context.clone().timeout(PATIENCE);
            match place.place(submission.clone(), context).await {
                Err(status) if status.code() == Code::Unavailable && !is_late() => {}
                Ok(placed) if placed.unrefused.is_some_and(may_end) && !is_late() => {}
                placed => break placed?,
            }
            tokio::time::sleep(PAUSE).await;
        };
        let Some(Unrefused { round, is_over }) = placed.unrefused else {
            return Ok(placed.response);
        };
        if !is_over || round + 1 >= ROUNDS_MAX {
            return Ok(placed.response);
        }
        let doublings = u32::try_from(round).unwrap_or(0);
        tokio::time::sleep(REST * 2_u32.saturating_pow(doublings)).await;
        let request_id = &submission.request_id;
        tracing::info!(
            request_id,
            round,
            "nobody has refused the order: placed again"
        );
        place.submissions.next_round(request_id, round).await?;
        begun = Instant::now();
    }
    // Somebody else has used up the rounds.
    let context = context.timeout(PATIENCE);
    let placed = place.place(submission.clone(), context).await?;
    Ok(placed.response)
}

/// It is decided, and not over yet.
fn may_end(unrefused: Unrefused) -> bool {
    !unrefused.is_over
}
