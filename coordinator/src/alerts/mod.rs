//! Telling people what needs them: a figure, a line of the log, and a signed webhook.
//!
//! ```text
//! Flags      what one transaction has told already: each attention and each parking is told once
//!   Alerts   counts it, and groups it by participant and cause
//!     Groups pure: the first of a group is told at once, what follows once every repeat time, with a count
//! ```
//!
//! A participant that flaps makes one alert, not a thousand. After a restart what is still flagged is told again: an
//! alert that was lost with the process that raised it would be worse than one that comes twice.
//!
//! Must never: hold up a transaction. Whoever raises an alert waits for nobody; what the webhook can't take in time is
//! dropped and counted.

mod cause;
mod flags;
mod groups;
mod notice;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tercet_core::{BranchId, Gid};
use tercet_service::Metrics;
use tercet_service::metrics::{IntCounter, IntCounterVec};
use tercet_service::webhook::Webhook;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::metrics::{ALERTS_RAISED, ALERTS_TOLD};
pub(crate) use cause::Cause;
pub(crate) use flags::Flags;
use groups::{Groups, Key, Told};

/// How often what has gathered is looked at; a fraction of any sensible repeat time.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Something that a person should look at, just now.
#[derive(Clone, Debug)]
pub(crate) struct Raised {
    pub(crate) gid: Gid,
    /// Unset for what is about the whole transaction.
    pub(crate) branch: Option<BranchId>,
    /// Empty for one that isn't configured any more.
    pub(crate) participant: Arc<str>,
    pub(crate) cause: Cause,
    pub(crate) why: String,
}

/// The alerts of a coordinator.
#[derive(Debug)]
pub(crate) struct Alerts {
    groups: Mutex<Groups>,
    raised: IntCounterVec,
    told: IntCounter,
    webhook: Option<Webhook>,
    advertised: Arc<str>,
    clock: Clock,
}

impl Alerts {
    pub(crate) fn new<'a>(
        metrics: &Metrics,
        participants: impl Iterator<Item = &'a str>,
        repeat_every: Duration,
        webhook: Option<Webhook>,
        advertised: Arc<str>,
        clock: Clock,
    ) -> Self {
        let raised = metrics.counters(&ALERTS_RAISED);
        for participant in participants {
            for cause in Cause::ALL {
                raised.with_label_values(&[participant, cause.name()]);
            }
        }
        Self {
            groups: Mutex::new(Groups::new(repeat_every)),
            raised,
            told: metrics.counter(&ALERTS_TOLD),
            webhook,
            advertised,
            clock,
        }
    }

    /// Counts it; tells it at once if it is the first of its kind for a while.
    pub(crate) fn raise(&self, raised: Raised) {
        let labels = [&*raised.participant, raised.cause.name()];
        self.raised.with_label_values(&labels).inc();
        let key = Key {
            participant: Arc::clone(&raised.participant),
            cause: raised.cause,
        };
        let first = self.groups().note(key, raised, Instant::now());
        if let Some(told) = first {
            self.tell(&told);
        }
    }

    /// Tells what has gathered, whenever it is due. Never ends.
    pub(crate) async fn run(&self) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let due = self.groups().due(Instant::now());
            for told in due {
                self.tell(&told);
            }
        }
    }

    /// Waits until what was told has been posted, at most `limit`.
    pub(crate) async fn flush(&self, limit: Duration) {
        if let Some(webhook) = &self.webhook {
            webhook.flush(limit).await;
        }
    }

    fn tell(&self, told: &Told) {
        self.told.inc();
        let Raised {
            gid, branch, why, ..
        } = &told.last;
        let branch = branch.as_ref().map_or("", BranchId::as_str);
        tracing::warn!(
            participant = &*told.key.participant,
            cause = told.key.cause.name(),
            count = told.count,
            %gid,
            branch,
            why,
            "needs attention"
        );
        if let Some(webhook) = &self.webhook {
            webhook.post(notice::body(told, &self.advertised, self.clock.now()));
        }
    }

    fn groups(&self) -> std::sync::MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
