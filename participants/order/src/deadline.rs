//! The durable timer: a wheel in memory over the table of open deadlines.
//!
//! Deadlines are written in the SQL transaction of the change that they belong to, and go with the change that they wait
//! for, so the table alone is the truth. The wheel holds what is due soon: it is told of new ones, and looks at the
//! table (a range of an index) every few seconds, which is also what a start and another instance's death need. Whoever
//! moves a due row first fires it; a row whose firer dies is due again when the lease is over.
//!
//! Must never: end an order by itself. What it fires is a flow like a buyer's.

pub(super) mod queries;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tercet_participant::{micros, now_micros};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::Database;
use queries::Deadline;

/// How far ahead the wheel looks, and how often.
const HORIZON: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Deadlines read at once, and in the wheel at most.
const PAGE: i64 = 2_000;
const WHEEL_MAX: usize = 50_000;
/// Flows under way at once.
const FIRING_MAX: usize = 32;
/// A fired deadline is due again after this, growing with its attempts.
const LEASE: Duration = Duration::from_secs(5);
const LEASE_MAX: Duration = Duration::from_mins(5);
const HINTS: usize = 4_096;

/// What is due. The numbers are stored and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The order should be paid.
    Payment = 1,
    /// Its stock is held no longer.
    Hold = 2,
    /// It has arrived, unless somebody says otherwise.
    Receipt = 3,
    /// It is over.
    Completion = 4,
}

impl Kind {
    pub(super) fn code(self) -> i64 {
        self as i64
    }

    fn from_code(code: i64) -> Option<Self> {
        [Self::Payment, Self::Hold, Self::Receipt, Self::Completion]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

/// Tells the wheel of new deadlines. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Timer {
    hints: mpsc::Sender<Deadline>,
}

/// The wheel's end of it.
pub(super) type Hints = mpsc::Receiver<Deadline>;

impl Timer {
    pub(super) fn new() -> (Self, Hints) {
        let (hints, receiver) = mpsc::channel(HINTS);
        (Self { hints }, receiver)
    }

    /// Not heard when the queue is full, or when the change is rolled back: the table is the truth.
    pub(super) fn hint(&self, order_no: &str, kind: Kind, due_at: i64) {
        let deadline = Deadline {
            order_no: order_no.to_owned(),
            kind: kind.code(),
            due_at,
            attempts: 0,
        };
        let is_soon = due_at.saturating_sub(now_micros()) <= micros(HORIZON);
        if is_soon && self.hints.try_send(deadline).is_err() {
            tracing::debug!("the wheel is busy and will find the deadline in the table");
        }
    }
}

/// Carries out what is due; a deadline that is met is deleted by the change that meets it.
pub(super) type Fire = Arc<dyn Fn(Kind, String) -> BoxFuture<'static, ()> + Send + Sync>;

/// What is due soon, by time; each deadline once.
#[derive(Debug, Default)]
struct Wheel(BTreeSet<(i64, Deadline)>);

impl Wheel {
    /// One that finds no room stays in the table, and is found there again.
    fn add(&mut self, deadline: Deadline) {
        if self.0.len() < WHEEL_MAX {
            self.0.insert((deadline.due_at, deadline));
        }
    }

    /// How long until the first is due, at most `most`.
    fn rest(&self, now: i64, most: Duration) -> Duration {
        let Some((due_at, _)) = self.0.first() else {
            return most;
        };
        let left = u64::try_from(due_at.saturating_sub(now)).unwrap_or(0);
        Duration::from_micros(left).min(most)
    }

    /// The first, if it is due.
    fn due(&mut self, now: i64) -> Option<Deadline> {
        let (due_at, _) = self.0.first()?;
        if *due_at > now {
            return None;
        }
        self.0.pop_first().map(|(_, deadline)| deadline)
    }
}

/// Turns the wheel, for ever; drop the future to stop.
pub(super) async fn run(database: Database, mut hints: Hints, fire: Fire) {
    let firing = Arc::new(Semaphore::new(FIRING_MAX));
    let mut flows = JoinSet::new();
    let mut wheel = Wheel::default();
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // The clock may be set while this sleeps: what is due is asked of the clock itself.
        let rest = wheel.rest(now_micros(), LOOK_EVERY);
        tokio::select! {
            _ = look.tick() => match soon(&database).await {
                Ok(deadlines) => deadlines.into_iter().for_each(|deadline| wheel.add(deadline)),
                Err(error) => tracing::warn!(%error, "deadlines not read"),
            },
            Some(deadline) = hints.recv() => wheel.add(deadline),
            () = tokio::time::sleep(rest) => {}
        }
        while let Some(deadline) = wheel.due(now_micros()) {
            // Waiting for a free hand holds the wheel, not the orders: a deadline may be late.
            let Ok(hand) = Arc::clone(&firing).acquire_owned().await else {
                return;
            };
            let (database, fire) = (database.clone(), Arc::clone(&fire));
            flows.spawn(async move {
                let _hand = hand;
                claimed(&database, deadline, fire).await;
            });
        }
        while flows.try_join_next().is_some() {}
    }
}

async fn soon(database: &Database) -> sqlx::Result<Vec<Deadline>> {
    let mut reader = database.reader().acquire().await?;
    queries::due(
        &mut reader,
        now_micros().saturating_add(micros(HORIZON)),
        PAGE,
    )
    .await
}

/// Fires a deadline, if nobody else does.
async fn claimed(database: &Database, deadline: Deadline, fire: Fire) {
    let Some(kind) = Kind::from_code(deadline.kind) else {
        return tracing::error!(
            kind = deadline.kind,
            "a deadline that this version doesn't know"
        );
    };
    let attempts = u32::try_from(deadline.attempts).unwrap_or(u32::MAX).min(10);
    let lease = (LEASE * 2_u32.saturating_pow(attempts)).min(LEASE_MAX);
    let claim = async {
        let mut transaction = database.begin().await?;
        let next = now_micros().saturating_add(micros(lease));
        let is_ours = queries::claim(&mut transaction, &deadline, next).await?;
        transaction.commit().await?;
        Ok::<_, sqlx::Error>(is_ours)
    };
    match claim.await {
        Ok(true) => fire(kind, deadline.order_no).await,
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "deadline not claimed"),
    }
}
