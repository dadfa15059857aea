//! A verdict for each entry of a batch, whatever is wrong with one of them.

use core::ops::Range;

use tercet_failpoints::failpoint;

use super::Failure;
use crate::{BatchError, Entry, Lane, TransactionLog, Verdict};

/// Writes `batch` and hands each entry's verdict to `answer`, after the commit that it depends on.
///
/// A batch that the database refuses is run again in halves. That takes about 2 log₂(n) commits for one guilty entry,
/// and the innocent ones get their verdicts as their halves are committed.
///
/// Returns why the lane must stop, if it must. Then the entries whose outcome nobody knows have got no answer, and
/// never will: any answer could be wrong.
pub(super) async fn settle(
    store: &dyn TransactionLog,
    lane: Lane,
    batch: &[Entry],
    answer: &mut (dyn FnMut(usize, Verdict) + Send),
) -> Option<Failure> {
    // At most one half waits for each time that a range was halved.
    let whole = 0..batch.len();
    let mut waiting: Vec<Range<usize>> = Vec::from([whole]);
    while let Some(range) = waiting.pop() {
        match write(store, lane, &batch[range.clone()]).await {
            Ok(verdicts) if verdicts.len() == range.len() => {
                range
                    .zip(verdicts)
                    .for_each(|(index, verdict)| answer(index, verdict));
            }
            Ok(verdicts) => {
                let reason = format!(
                    "the store gave {} verdicts for {} entries",
                    verdicts.len(),
                    range.len()
                );
                answer_all(waiting, &Verdict::Unavailable(reason.clone()), answer);
                return Some(Failure::Unknown(reason));
            }
            Err(BatchError::Refused(reason)) if range.len() == 1 => {
                answer(range.start, Verdict::Invalid(reason));
            }
            Err(BatchError::Refused(_)) => {
                let middle = range.start + range.len() / 2;
                waiting.push(middle..range.end);
                waiting.push(range.start..middle);
            }
            Err(BatchError::Unavailable(reason)) => {
                // The other halves would most likely wait as long for the same answer.
                waiting.push(range);
                answer_all(waiting, &Verdict::Unavailable(reason), answer);
                return None;
            }
            Err(BatchError::Fenced) => {
                waiting.push(range);
                answer_all(waiting, &Verdict::Fenced, answer);
                return Some(Failure::Fenced);
            }
            Err(BatchError::Unknown(reason)) => {
                answer_all(waiting, &Verdict::Unavailable(reason.clone()), answer);
                return Some(Failure::Unknown(reason));
            }
        }
    }
    None
}

async fn write(
    store: &dyn TransactionLog,
    lane: Lane,
    batch: &[Entry],
) -> Result<Vec<Verdict>, BatchError> {
    failpoint!("append::before").map_err(|error| BatchError::Unavailable(error.to_string()))?;
    let verdicts = store.write(lane, batch).await?;
    failpoint!("append::after").map_err(|error| BatchError::Unknown(error.to_string()))?;
    Ok(verdicts)
}

fn answer_all(
    ranges: Vec<Range<usize>>,
    verdict: &Verdict,
    answer: &mut (dyn FnMut(usize, Verdict) + Send),
) {
    for index in ranges.into_iter().flatten() {
        answer(index, verdict.clone());
    }
}
