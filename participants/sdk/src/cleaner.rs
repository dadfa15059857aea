//! Cleaning by age: fence rows that have ended are deleted once nobody can ask for them any more.
//!
//! Only rows that aren't *tried*, only older than the retention, in batches small enough that no call waits
//! noticeably for one. A *tried* row is never deleted, however old.

use std::time::Duration;

use crate::clock::{micros, now_micros};
use crate::fence::{Fence, FenceDb};
use crate::held::{Held, limited};

/// Rows deleted in one SQL transaction.
const BATCH: u32 = 200;
/// Between two batches, so that calls get the writer in between.
const PAUSE: Duration = Duration::from_millis(20);
/// The longest and shortest time between two rounds.
const ROUND_MAX: Duration = Duration::from_mins(10);
const ROUND_MIN: Duration = Duration::from_secs(1);

/// Deletes old rows of one fence.
#[derive(Debug)]
pub struct Cleaner<D: FenceDb> {
    fence: Fence<D>,
}

impl<D: FenceDb> Cleaner<D> {
    /// Cleans `fence`, by its retention.
    pub fn new(fence: Fence<D>) -> Self {
        Self { fence }
    }

    /// Cleans for ever; drop the future to stop. A failed round is logged and made good by the next one.
    pub async fn run(self) {
        let every = (self.fence.options().retention / 10).clamp(ROUND_MIN, ROUND_MAX);
        loop {
            match self.round(now_micros()).await {
                Ok(0) => {}
                Ok(deleted) => tracing::info!(deleted, "cleaned old fence rows"),
                Err(error) => tracing::warn!(%error, "fence not cleaned"),
            }
            tokio::time::sleep(every).await;
        }
    }

    /// Deletes every row that is too old at `now` (microseconds since the Unix epoch); answers how many.
    pub async fn round(&self, now: i64) -> sqlx::Result<u64> {
        let before = now.saturating_sub(micros(self.fence.options().retention));
        let mut deleted = 0;
        loop {
            let (found, gone) = self.batch(before).await?;
            deleted += gone;
            // A batch that deletes nothing can't be waited out: every row was changed in between.
            if found < BATCH as usize || gone == 0 {
                return Ok(deleted);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn batch(&self, before: i64) -> sqlx::Result<(usize, u64)> {
        let database = self.fence.database();
        let mut reader = Held::of(database.reader()).await?;
        let keys = limited(D::old(&mut reader, before, BATCH)).await;
        let keys = reader.settle(keys)?;
        if keys.is_empty() {
            return Ok((0, 0));
        }
        let mut connection = Held::of(database.writer()).await?;
        let gone = limited(async {
            let mut transaction = database.begin_on(&mut connection).await?;
            let mut gone = 0;
            for key in &keys {
                gone += D::delete(&mut *transaction, key, before).await?;
            }
            transaction.commit().await?;
            Ok(gone)
        })
        .await;
        let gone = connection.settle(gone)?;
        Ok((keys.len(), gone))
    }
}
