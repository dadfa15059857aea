//! A worker: claims what is due in its segments, a page at a time, and sends it.
//!
//! A claim is an update that expects the row to be due still, and it moves the time at which the row is due next. So
//! two processes with the same segments never send one message at the same time unless a lease runs out, and even that
//! is harmless. The attempt is counted before it is made: a message that kills its sender is bounded too.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::courier::Courier;
use super::db::{MessageRow, OutboxDb, Outcome};
use super::sender::send;
use super::{Outbox, SEGMENTS};
use crate::clock::{micros, now_micros};
use crate::error::ActionError;
use crate::fence::rerun::Reruns;
use crate::held::{Held, limited};

/// After something was written the table is looked at again after this and each doubling of it, up to a second: the
/// writer's commit is on its way.
const SOON: Duration = Duration::from_millis(1);
const SOON_MAX: Duration = Duration::from_millis(512);
/// Rows cleaned in one SQL transaction.
const CLEAN_BATCH: u32 = 200;
const CLEAN_MAX: Duration = Duration::from_mins(10);
const CLEAN_MIN: Duration = Duration::from_secs(1);

/// One worker of one process.
pub(crate) struct Worker<D: OutboxDb, C: Courier> {
    outbox: Outbox<D>,
    courier: Arc<C>,
    number: u8,
    segments: Vec<u8>,
    /// What makes this process's claims its own.
    name: String,
    claims: u64,
    /// Told when something was written into its segments.
    written: Arc<Notify>,
}

impl<D: OutboxDb, C: Courier> Worker<D, C> {
    pub(crate) fn new(outbox: Outbox<D>, courier: Arc<C>, number: u8) -> Self {
        let workers = outbox.options().workers();
        let written = outbox.shared.written.get(usize::from(number)).cloned();
        Self {
            written: written.unwrap_or_default(),
            outbox,
            courier,
            number,
            segments: (0..SEGMENTS)
                .filter(|segment| segment % workers == number)
                .collect(),
            name: format!("{}-{}-{number}", std::process::id(), now_micros()),
            claims: 0,
        }
    }

    #[cfg(test)]
    pub(crate) fn segments(&self) -> &[u8] {
        &self.segments
    }

    /// Sends for ever.
    pub(super) async fn run(mut self) {
        let mut soon = SOON;
        let mut clean_at = Instant::now();
        loop {
            let rest = match self.sweep(now_micros()).await {
                Ok(0) => self.until_due().await,
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(%error, "outbox not read");
                    self.outbox.options().idle
                }
            };
            if self.number == 0 && Instant::now() >= clean_at {
                self.clean().await;
                clean_at = Instant::now()
                    + (self.outbox.options().retention / 10).clamp(CLEAN_MIN, CLEAN_MAX);
            }
            if rest.is_zero() {
                continue;
            }
            tokio::select! {
                () = self.written.notified() => soon = SOON,
                () = tokio::time::sleep(rest.min(soon)) => {
                    soon = if soon < SOON_MAX { soon * 2 } else { Duration::MAX };
                }
            }
        }
    }

    /// Sends at most one page of what is due at `now` (microseconds since the Unix epoch); how many were claimed.
    pub(crate) async fn sweep(&mut self, now: i64) -> sqlx::Result<usize> {
        let options = self.outbox.options().clone();
        let mut reader = Held::of(self.outbox.shared.database.reader()).await?;
        let due = limited(D::due_messages(
            &mut reader,
            &self.segments,
            now,
            options.page,
        ))
        .await;
        let due = reader.settle(due)?;
        if due.is_empty() {
            return Ok(0);
        }
        let (claim, messages) = self.claim(&due, now).await?;
        let claimed = messages.len();
        let attempts: Vec<_> = messages
            .into_iter()
            .map(|message| self.attempt(&claim, message).boxed())
            .collect();
        let mut sending =
            futures::stream::iter(attempts).buffer_unordered(options.concurrency.max(1));
        while sending.next().await.is_some() {}
        Ok(claimed)
    }

    async fn claim(&mut self, due: &[String], now: i64) -> sqlx::Result<(String, Vec<MessageRow>)> {
        self.claims += 1;
        let claim = format!("{}-{}", self.name, self.claims);
        let until = now.saturating_add(micros(self.outbox.options().lease));
        let mut writer = Held::of(self.outbox.shared.database.writer()).await?;
        let messages = limited(async {
            if D::claim_messages(&mut writer, due, &claim, now, until).await? == 0 {
                return Ok(Vec::new());
            }
            D::claimed_messages(&mut writer, due, &claim).await
        })
        .await;
        let messages = writer.settle(messages)?;
        Ok((claim, messages))
    }

    async fn attempt(&self, claim: &str, message: MessageRow) {
        let options = self.outbox.options();
        let outcome = send(self.courier.as_ref(), options, &message, now_micros()).await;
        let gid = message.gid.as_str();
        let attempts = message.attempts;
        match self.note(gid, claim, &outcome).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::debug!(gid, "another worker has taken the message over");
                return;
            }
            Err(error) => {
                // Then its lease runs out, and it is sent again, which changes nothing.
                tracing::warn!(gid, %error, "attempt not noted");
                return;
            }
        }
        let counters = &self.outbox.shared.counters;
        match outcome {
            Outcome::Sent => counters.sent(),
            Outcome::Again { error, .. } => {
                tracing::warn!(gid, attempts, error, "message not sent; it will be again");
                counters.failed();
            }
            Outcome::Attention { error } => {
                tracing::error!(gid, attempts, error, "a message needs attention");
                counters.attention();
            }
        }
    }

    /// Notes how an attempt ended; false when the message is somebody else's by now.
    async fn note(&self, gid: &str, claim: &str, outcome: &Outcome) -> Result<bool, ActionError> {
        let mut reruns = Reruns::new();
        loop {
            let mut writer = Held::of(self.outbox.shared.database.writer()).await?;
            let now = now_micros();
            let noted = limited(D::end_attempt(&mut writer, gid, claim, outcome, now)).await;
            match writer.settle(noted).map_err(ActionError::from) {
                Err(error) if reruns.again(&error).await => {}
                noted => return noted,
            }
        }
    }

    async fn until_due(&self) -> Duration {
        let idle = self.outbox.options().idle;
        match self.next_message().await {
            Ok(Some(at)) => {
                let wait = u64::try_from(at.saturating_sub(now_micros())).unwrap_or(0);
                Duration::from_micros(wait).clamp(SOON, idle.max(SOON))
            }
            Ok(None) | Err(_) => idle,
        }
    }

    async fn next_message(&self) -> sqlx::Result<Option<i64>> {
        let mut reader = Held::of(self.outbox.shared.database.reader()).await?;
        let next = limited(D::next_message(&mut reader, &self.segments)).await;
        let next = reader.settle(next)?;
        Ok(next)
    }

    async fn clean(&self) {
        let before = now_micros().saturating_sub(micros(self.outbox.options().retention));
        let cleaned = async {
            let mut writer = Held::of(self.outbox.shared.database.writer()).await?;
            let cleaned = limited(D::clean_messages(&mut writer, before, CLEAN_BATCH)).await;
            let cleaned = writer.settle(cleaned)?;
            Ok::<_, sqlx::Error>(cleaned)
        };
        match cleaned.await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "cleaned old messages"),
            Err(error) => tracing::warn!(%error, "outbox not cleaned"),
        }
    }
}
