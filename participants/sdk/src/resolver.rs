//! The in-doubt resolver: branches that wait too long for phase two ask what became of their transaction.
//!
//! The coordinator retries phase two by itself; this is for the day when it can't reach us but we can reach it,
//! or when its retries are parked. What it answers runs through the same fence as a call, so the two can't do
//! anything twice. A branch is never given up here: no answer, or "unknown", only means asking later.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};

use crate::clock::{micros, now_micros};
use crate::context::{BranchContext, BranchKey};
use crate::coordinator::{Coordinator, Resolution};
use crate::error::ActionError;
use crate::fence::{Due, Fence, FenceDb, FenceRow, Phase};
use crate::held::{Held, limited};
use crate::served::Served;

/// The actions of a participant by the full name of their service.
pub(crate) type Actions = BTreeMap<&'static str, Arc<dyn Served>>;

/// How the resolver paces itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResolverOptions {
    /// Branches read and asked about in one round.
    pub batch: u32,
    /// Questions under way at once.
    pub concurrency: usize,
    /// Before a branch is asked about again the first time; doubles each time.
    pub back_off: Duration,
    /// The longest time between two questions about one branch.
    pub back_off_max: Duration,
    /// The longest time between two looks at the table.
    pub idle: Duration,
}

impl Default for ResolverOptions {
    fn default() -> Self {
        Self {
            batch: 64,
            concurrency: 8,
            back_off: Duration::from_secs(5),
            back_off_max: Duration::from_mins(5),
            idle: Duration::from_secs(5),
        }
    }
}

impl ResolverOptions {
    /// How long to wait after the `asked`th question (from 1).
    fn wait_after(&self, asked: u32) -> Duration {
        let factor = 2_u32.saturating_pow(asked.saturating_sub(1).min(16));
        self.back_off.saturating_mul(factor).min(self.back_off_max)
    }
}

/// What one round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Branches confirmed, cancelled, or marked as ended by hand.
    pub settled: u32,
    /// Branches whose transaction is still undecided.
    pub pending: u32,
    /// Branches whose transaction the coordinator doesn't know.
    pub unknown: u32,
    /// Branches about which there was no answer, or whose action failed.
    pub failed: u32,
}

impl Round {
    /// Branches asked about.
    pub fn asked(self) -> u32 {
        self.settled + self.pending + self.unknown + self.failed
    }
}

/// What became of one branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Confirmed, cancelled, or marked as ended by hand.
    Yes,
    /// Its transaction is still undecided.
    Pending,
    /// The coordinator doesn't know its transaction.
    Unknown,
    /// There was no answer, or the action failed.
    Failed,
}

/// Whatever settles one *tried* branch at once, whether it is due or not.
pub(crate) trait Settle: Send + Sync + 'static {
    /// Asks, and does as it is told.
    fn settle_now(&self, row: FenceRow) -> BoxFuture<'_, Settled>;
}

/// Asks about the branches of one fence.
pub struct Resolver<D: FenceDb, C> {
    fence: Fence<D>,
    actions: Arc<Actions>,
    coordinator: C,
    options: ResolverOptions,
}

impl<D: FenceDb, C: Coordinator> Resolver<D, C> {
    pub(crate) fn new(
        fence: Fence<D>,
        actions: Arc<Actions>,
        coordinator: C,
        options: ResolverOptions,
    ) -> Self {
        Self {
            fence,
            actions,
            coordinator,
            options,
        }
    }

    /// Resolves for ever; drop the future to stop. What was under way then is rolled back and asked again.
    pub async fn run(self: Arc<Self>) {
        loop {
            let rest = match self.round(now_micros()).await {
                Ok(round) if round.asked() == 0 => self.until_due().await,
                Ok(round) => {
                    tracing::info!(?round, "asked about branches in doubt");
                    // Where nobody answers, the next batch wouldn't be answered either.
                    if round.failed > 0 {
                        self.options.idle
                    } else {
                        Duration::ZERO
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "branches in doubt not read");
                    self.options.idle
                }
            };
            tokio::time::sleep(rest).await;
        }
    }

    /// Asks about at most one batch of the branches that are due at `now` (microseconds since the Unix epoch).
    pub async fn round(&self, now: i64) -> sqlx::Result<Round> {
        let mut reader = Held::of(self.fence.database().reader()).await?;
        let rows = limited(D::due(&mut reader, now, self.options.batch)).await;
        let rows = reader.settle(rows)?;
        let settling: Vec<_> = rows
            .into_iter()
            .map(|row| self.settle(row, now).boxed())
            .collect();
        let mut settling =
            futures::stream::iter(settling).buffer_unordered(self.options.concurrency);
        let mut round = Round::default();
        while let Some(settled) = settling.next().await {
            match settled {
                Settled::Yes => round.settled += 1,
                Settled::Pending => round.pending += 1,
                Settled::Unknown => round.unknown += 1,
                Settled::Failed => round.failed += 1,
            }
        }
        Ok(round)
    }

    async fn until_due(&self) -> Duration {
        match self.next_due().await {
            Ok(Some(at)) => {
                let wait = u64::try_from(at.saturating_sub(now_micros())).unwrap_or(0);
                Duration::from_micros(wait).min(self.options.idle)
            }
            Ok(None) | Err(_) => self.options.idle,
        }
    }

    async fn next_due(&self) -> sqlx::Result<Option<i64>> {
        let mut reader = Held::of(self.fence.database().reader()).await?;
        let next = limited(D::next_due(&mut reader)).await;
        let next = reader.settle(next)?;
        Ok(next)
    }

    async fn settle(&self, row: FenceRow, now: i64) -> Settled {
        let resolution = match self.coordinator.resolve(&row.key).await {
            Ok(resolution) => resolution,
            Err(error) => {
                tracing::warn!(gid = row.key.gid, branch = row.key.branch, %error, "branch stays in doubt");
                return self.postpone(&row, now, row.unknown, Settled::Failed).await;
            }
        };
        let run = match resolution {
            Resolution::Pending => return self.postpone(&row, now, false, Settled::Pending).await,
            Resolution::UnknownTransaction => {
                tracing::error!(
                    gid = row.key.gid,
                    branch = row.key.branch,
                    service = row.service,
                    "the coordinator doesn't know the transaction of a tried branch; the branch is kept"
                );
                return self.postpone(&row, now, true, Settled::Unknown).await;
            }
            Resolution::Confirm => self.run_phase(&row, Phase::Confirm).await,
            Resolution::Cancel => self.run_phase(&row, Phase::Cancel).await,
            Resolution::ByHand => {
                let ended = self.fence.end_by_hand(&row.key, &row.service).await;
                ended.map_err(ActionError::from)
            }
        };
        match run {
            Ok(()) => {
                tracing::info!(
                    gid = row.key.gid,
                    branch = row.key.branch,
                    ?resolution,
                    "branch resolved"
                );
                Settled::Yes
            }
            Err(error) => {
                tracing::warn!(gid = row.key.gid, branch = row.key.branch, ?resolution, %error, "branch not resolved");
                self.postpone(&row, now, false, Settled::Failed).await
            }
        }
    }

    async fn run_phase(&self, row: &FenceRow, phase: Phase) -> Result<(), ActionError> {
        let Some(action) = self.actions.get(row.service.as_str()) else {
            return Err(ActionError::Internal(format!(
                "{} is no longer served here",
                row.service
            )));
        };
        let mut context = BranchContext::new(row.key.clone(), phase, row.try_deadline);
        context.attempt = NonZeroU32::MIN.saturating_add(row.asked);
        action.settle(context, row.request.clone().into()).await?;
        Ok(())
    }

    async fn postpone(&self, row: &FenceRow, now: i64, unknown: bool, settled: Settled) -> Settled {
        let asked = row.asked.saturating_add(1);
        let ask_at = now.saturating_add(micros(self.options.wait_after(asked)));
        let due = Due {
            ask_at,
            asked,
            unknown,
        };
        if let Err(error) = self.write_due(&row.key, due).await {
            // Then it is still due and asked again at once, which is only impolite.
            tracing::warn!(gid = row.key.gid, branch = row.key.branch, %error, "postponing failed");
            return Settled::Failed;
        }
        settled
    }

    async fn write_due(&self, key: &BranchKey, due: Due) -> sqlx::Result<()> {
        let mut writer = Held::of(self.fence.database().writer()).await?;
        let done = limited(D::postpone(&mut writer, key, due)).await;
        writer.settle(done)?;
        Ok(())
    }
}

impl<D: FenceDb, C: Coordinator> Settle for Resolver<D, C> {
    fn settle_now(&self, row: FenceRow) -> BoxFuture<'_, Settled> {
        self.settle(row, now_micros()).boxed()
    }
}
