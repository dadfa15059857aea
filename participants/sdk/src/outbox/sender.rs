//! Sending one message: begin, register, confirm, from wherever the last attempt broke off.
//!
//! Nothing is remembered between the steps but what the coordinator knows. A process that dies after any of them leaves
//! a transaction that the next attempt finds by its gid, or that the coordinator asks about at its deadline.

use super::courier::{Courier, CourierError, Standing};
use super::db::{MessageRow, Outcome};
use super::options::OutboxOptions;
use crate::clock::micros;

/// The calls of an attempt.
const CALLS: u32 = 3;

/// Makes one attempt; says how it ended at `now` (microseconds since the Unix epoch).
pub(super) async fn send<C: Courier>(
    courier: &C,
    options: &OutboxOptions,
    message: &MessageRow,
    now: i64,
) -> Outcome {
    if is_too_old(options, message, now) {
        return Outcome::Attention {
            error: "older than the coordinator may remember: send it again under a new gid"
                .to_owned(),
        };
    }
    let limit = options.call_timeout.saturating_mul(CALLS);
    let handed_over = tokio::time::timeout(limit, hand_over(courier, message)).await;
    let no_answer = || Err(CourierError::Later("no answer in time".to_owned()));
    match handed_over.unwrap_or_else(|_| no_answer()) {
        Ok(()) => Outcome::Sent,
        Err(CourierError::Never(error)) => Outcome::Attention { error },
        Err(CourierError::Later(error)) if message.attempts >= options.attempts_max => {
            Outcome::Attention {
                error: format!("after {} attempts: {error}", message.attempts),
            }
        }
        Err(CourierError::Later(error)) => Outcome::Again {
            at: now.saturating_add(micros(options.wait_after(message.attempts))),
            error,
        },
    }
}

/// Whether the coordinator may have purged the gid, so that sending could deliver the message a second time.
pub(super) fn is_too_old(options: &OutboxOptions, message: &MessageRow, now: i64) -> bool {
    now.saturating_sub(message.created_at) > micros(options.age_max)
}

async fn hand_over<C: Courier>(courier: &C, message: &MessageRow) -> Result<(), CourierError> {
    let begun = courier.begin(message).await?;
    if begun != Standing::Open {
        return delivered(begun);
    }
    courier.register(message).await?;
    delivered(courier.confirm(message).await?)
}

fn delivered(standing: Standing) -> Result<(), CourierError> {
    match standing {
        Standing::Confirmed => Ok(()),
        Standing::Open => Err(CourierError::Later(
            "still undecided after confirm".to_owned(),
        )),
        Standing::ConfirmedWithout => Err(CourierError::Never(
            "confirmed without its branch: send it again under a new gid".to_owned(),
        )),
        Standing::Cancelled => Err(CourierError::Never(
            "its transaction was cancelled: send it again under a new gid".to_owned(),
        )),
    }
}
