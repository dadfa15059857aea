//! Deleting what nobody can ask for any more: submissions, counts of a user's rate, rounds of flows.
//!
//! | row | needed | kept besides |
//! | --- | --- | --- |
//! | submission | while its order is pending, or the coordinator may know its transaction: a repeat must name the same order number. Afterwards the order itself answers a repeat | `retention.submissions` since the request last came |
//! | `user_rate` | until its window is over | `retention.rates`, since the clocks of several instances differ |
//! | `flow_round` | while its order is unpaid: none of the flows that are counted can begin later | `retention.rounds` |
//!
//! What is old is read in small pages of an index on time and deleted by key, on the condition that it still is as it was
//! read. What is old and needed gets a new age, so that a page is never read twice for nothing.
//!
//! Must never: delete what an open order or a running window needs; hold the writer for longer than a page.

pub(super) mod queries;

use std::time::Duration;

use tercet_participant::{ActionError, micros, now_micros};

use super::Database;
use super::desk::again;
use crate::config::RetentionSection;
use crate::state::State;

/// Rows deleted in one SQL transaction.
const PAGE: i64 = 200;
/// Between two pages, so that others get the writer in between.
const PAUSE: Duration = Duration::from_millis(20);
/// The longest and shortest time between two rounds.
const ROUND_MAX: Duration = Duration::from_mins(10);
const ROUND_MIN: Duration = Duration::from_secs(1);

/// Deletes what is old.
#[derive(Debug, Clone)]
pub(super) struct Retention {
    pub(super) database: Database,
    pub(super) keep: RetentionSection,
}

/// What became of a page.
#[derive(Debug, Clone, Copy, Default)]
struct Page {
    read: i64,
    deleted: u64,
    renewed: u64,
}

impl Page {
    fn of<T>(rows: &[T]) -> Self {
        Self {
            read: i64::try_from(rows.len()).unwrap_or(i64::MAX),
            ..Self::default()
        }
    }

    /// Whether there may be more. Rows that all changed in between are left to the next round.
    fn is_full(self) -> bool {
        self.read >= PAGE && self.deleted + self.renewed > 0
    }
}

impl Retention {
    /// Runs for ever; drop the future to stop. A failed round is logged and made good by the next one.
    pub(super) async fn run(self) {
        let keep = &self.keep;
        tokio::join!(
            every("submissions", keep.submissions.get(), |now| {
                self.submissions(now)
            }),
            every("rates", keep.rates.get(), |now| self.rates(now)),
            every("rounds", keep.rounds.get(), |now| self.rounds(now)),
        );
    }

    /// Deletes the submissions that are too old at `now`; answers how many.
    pub(super) async fn submissions(&self, now: i64) -> Result<u64, ActionError> {
        let before = now.saturating_sub(micros(self.keep.submissions.get()));
        pages(|| self.page_of_submissions(before, now)).await
    }

    async fn page_of_submissions(&self, before: i64, now: i64) -> Result<Page, ActionError> {
        let mut reader = self.database.reader().acquire().await?;
        let old = queries::old_submissions(&mut reader, before, PAGE).await?;
        drop(reader);
        again(|| async {
            let mut page = Page::of(&old);
            let mut transaction = self.database.begin().await?;
            for row in &old {
                if row.state == Some(State::Pending.code()) {
                    let (id, created_at) = (&row.request_id, row.created_at);
                    page.renewed +=
                        queries::renew_submission(&mut transaction, id, created_at, now).await?;
                } else {
                    page.deleted += queries::delete_submission(&mut transaction, row).await?;
                }
            }
            transaction.commit().await?;
            Ok(page)
        })
        .await
    }

    /// The same of windows that are over.
    pub(super) async fn rates(&self, now: i64) -> Result<u64, ActionError> {
        let before = now.saturating_sub(micros(self.keep.rates.get()));
        pages(|| self.page_of_rates(before)).await
    }

    async fn page_of_rates(&self, before: i64) -> Result<Page, ActionError> {
        let mut reader = self.database.reader().acquire().await?;
        let old = queries::old_rates(&mut reader, before, PAGE).await?;
        drop(reader);
        again(|| async {
            let mut page = Page::of(&old);
            let mut transaction = self.database.begin().await?;
            for row in &old {
                page.deleted += queries::delete_rate(&mut transaction, row).await?;
            }
            transaction.commit().await?;
            Ok(page)
        })
        .await
    }

    /// The same of rounds whose order is no longer unpaid.
    pub(super) async fn rounds(&self, now: i64) -> Result<u64, ActionError> {
        let before = now.saturating_sub(micros(self.keep.rounds.get()));
        pages(|| self.page_of_rounds(before, now)).await
    }

    async fn page_of_rounds(&self, before: i64, now: i64) -> Result<Page, ActionError> {
        let mut reader = self.database.reader().acquire().await?;
        let old = queries::old_rounds(&mut reader, before, PAGE).await?;
        drop(reader);
        again(|| async {
            let mut page = Page::of(&old);
            let mut transaction = self.database.begin().await?;
            for row in &old {
                // An order of a state that this version doesn't know may be unpaid.
                let is_needed = row
                    .state
                    .is_some_and(|code| State::from_code(code).is_none_or(State::is_unpaid));
                if is_needed {
                    page.renewed += queries::renew_round(&mut transaction, row, now).await?;
                } else {
                    page.deleted += queries::delete_round(&mut transaction, row).await?;
                }
            }
            transaction.commit().await?;
            Ok(page)
        })
        .await
    }
}

async fn pages<F>(page: impl Fn() -> F) -> Result<u64, ActionError>
where
    F: Future<Output = Result<Page, ActionError>>,
{
    let mut deleted = 0;
    loop {
        let done = page().await?;
        deleted += done.deleted;
        if !done.is_full() {
            return Ok(deleted);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Rounds follow a retention within a tenth of it, or ten minutes.
async fn every<F>(what: &str, retention: Duration, round: impl Fn(i64) -> F)
where
    F: Future<Output = Result<u64, ActionError>>,
{
    let rest = (retention / 10).clamp(ROUND_MIN, ROUND_MAX);
    loop {
        match round(now_micros()).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(what, deleted, "deleted what is old"),
            Err(error) => tracing::warn!(what, %error, "old rows not deleted; again later"),
        }
        tokio::time::sleep(rest).await;
    }
}
