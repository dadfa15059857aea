//! Whose turn it is: calls to one participant that may go out, and those that wait.
//!
//! ```text
//! gate     open, or a person has paused the participant: whoever waits here is held
//!   share  retries only: a bounded share of max_in_flight, in order of arrival
//!     permit  max_in_flight calls under way, in order of arrival
//! ```
//!
//! A retry stands in the line for permits only once it has a place in the share of retries. So however many calls wait to be
//! repeated, at a participant that is slow or just back, a first call finds no more than that share of them before it.
//!
//! Must never: let a call out while the gate is shut; keep a place of somebody who has stopped waiting.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tercet_core::{BranchIndex, Gid};
use tercet_service::Ratio;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::gate::{Gate, Passage};

/// How many of `calls_max` calls at a time may be retries: the share, rounded down, so that there is room for first calls
/// wherever the share is below 1 and `calls_max` above; but at least one, or nothing would ever be repeated.
fn retries_max(calls_max: NonZeroU32, share: Ratio) -> u32 {
    let exact = f64::from(calls_max.get()) * share.get();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to `calls_max`: a ratio is from 0 to 1"
    )]
    let whole = exact as u32;
    whole.max(1)
}

/// Who wants to call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller<'c> {
    pub(super) gid: &'c Gid,
    pub(super) branch: BranchIndex,
    /// Whether it isn't the first call of its branch and phase.
    pub(super) is_retry: bool,
}

/// The lines before one participant.
#[derive(Debug)]
pub(crate) struct Turns {
    gate: Gate,
    /// One for each call that may be under way. Who waits here is an open branch, and those are bounded by the limits on
    /// open transactions.
    permits: Semaphore,
    calls_max: u32,
    share: Semaphore,
    retries_max: u32,
    held: AtomicU64,
    queued: AtomicU64,
    retries_queued: AtomicU64,
    retries_under_way: AtomicU64,
}

/// A place among the calls under way, as long as it lives.
#[derive(Debug)]
pub(super) struct Place<'t> {
    _permit: SemaphorePermit<'t>,
    /// After the permit, so that the next retry finds one.
    _share: Option<(SemaphorePermit<'t>, Counted<'t>)>,
}

/// How waiting for one's turn has ended.
#[derive(Debug)]
pub(super) enum Turn<'t> {
    /// It may go out.
    Now(Place<'t>),
    /// Its time is over.
    TooLate,
    /// The participant is paused, and the call isn't wanted any more.
    LetGo,
}

impl Turns {
    /// The gate is open.
    pub(super) fn new(calls_max: NonZeroU32, share: Ratio) -> Self {
        let retries_max = retries_max(calls_max, share);
        let semaphore = |places: u32| {
            let places = usize::try_from(places).unwrap_or(usize::MAX);
            Semaphore::new(places.min(Semaphore::MAX_PERMITS))
        };
        Self {
            gate: Gate::default(),
            permits: semaphore(calls_max.get()),
            calls_max: calls_max.get(),
            share: semaphore(retries_max),
            retries_max,
            held: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            retries_queued: AtomicU64::new(0),
            retries_under_way: AtomicU64::new(0),
        }
    }

    /// Where a pause is.
    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Calls under way.
    pub(crate) fn in_flight(&self) -> u64 {
        let free = u64::try_from(self.permits.available_permits()).unwrap_or(u64::MAX);
        u64::from(self.calls_max).saturating_sub(free)
    }

    /// How many calls may be under way.
    pub(crate) fn in_flight_max(&self) -> u64 {
        u64::from(self.calls_max)
    }

    /// Retries among those under way.
    pub(crate) fn retries_in_flight(&self) -> u64 {
        self.retries_under_way.load(Ordering::Relaxed)
    }

    /// How many retries may be under way.
    pub(crate) fn retries_max(&self) -> u64 {
        u64::from(self.retries_max)
    }

    /// Calls that wait at the gate.
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Calls that wait behind it, for a place in the share or a permit.
    pub(crate) fn queued(&self) -> u64 {
        self.queued.load(Ordering::Relaxed)
    }

    /// Those among them that wait for a place in the share.
    pub(crate) fn retries_queued(&self) -> u64 {
        self.retries_queued.load(Ordering::Relaxed)
    }

    /// A place for a call that is no branch's; none while the gate is shut.
    pub(super) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        let permit = self.permits.acquire().await.ok()?;
        self.gate.is_open().then_some(permit)
    }

    /// Waits until the call may go out, at most for the time that is `left`; none means without end. That is asked anew when
    /// it has gone by: a deadline may be renewed meanwhile.
    pub(super) async fn take(
        &self,
        caller: Caller<'_>,
        left: impl Fn() -> Option<Duration>,
    ) -> Turn<'_> {
        if self.gate.is_open()
            && let Some(place) = self.free_place(caller.is_retry)
        {
            return Turn::Now(place);
        }
        let some_day = self.take_some_day(caller);
        tokio::pin!(some_day);
        loop {
            let Some(left) = left() else {
                return some_day.await;
            };
            if left.is_zero() {
                return Turn::TooLate;
            }
            if let Ok(turn) = tokio::time::timeout(left, &mut some_day).await {
                return turn;
            }
        }
    }

    async fn take_some_day(&self, caller: Caller<'_>) -> Turn<'_> {
        loop {
            if !self.gate.is_open() {
                let _held = Counted::new(&self.held);
                if self.gate.passage(caller.gid, caller.branch).await == Passage::LetGo {
                    return Turn::LetGo;
                }
            }
            let Some(place) = self.next_place(caller.is_retry).await else {
                return Turn::TooLate;
            };
            // It may have been shut meanwhile.
            if self.gate.is_open() {
                return Turn::Now(place);
            }
        }
    }

    /// A place that is free and that nobody else waits for.
    fn free_place(&self, is_retry: bool) -> Option<Place<'_>> {
        let share = is_retry.then(|| self.share.try_acquire()).transpose();
        let share = share.ok()?;
        let permit = self.permits.try_acquire().ok()?;
        Some(self.under_way(permit, share))
    }

    /// The next place in order of arrival. Both semaphores are never closed.
    async fn next_place(&self, is_retry: bool) -> Option<Place<'_>> {
        let _queued = Counted::new(&self.queued);
        let share = if is_retry {
            let _queued = Counted::new(&self.retries_queued);
            Some(self.share.acquire().await.ok()?)
        } else {
            None
        };
        let permit = self.permits.acquire().await.ok()?;
        Some(self.under_way(permit, share))
    }

    fn under_way<'t>(
        &'t self,
        permit: SemaphorePermit<'t>,
        share: Option<SemaphorePermit<'t>>,
    ) -> Place<'t> {
        Place {
            _permit: permit,
            _share: share.map(|share| (share, Counted::new(&self.retries_under_way))),
        }
    }
}

/// One more in a count, as long as it lives.
#[derive(Debug)]
struct Counted<'c>(&'c AtomicU64);

impl<'c> Counted<'c> {
    fn new(count: &'c AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use futures::future::{BoxFuture, FutureExt};
    use tercet_core::ParticipantName;
    use tercet_log::Pause;
    use tokio::time::Instant;

    use super::*;

    fn turns(calls_max: u32, share: f64) -> Turns {
        let share = Ratio::new(share).unwrap();
        Turns::new(NonZeroU32::new(calls_max).unwrap(), share)
    }

    fn pause() -> Pause {
        Pause {
            participant: ParticipantName::parse("stock").unwrap(),
            since: tercet_core::Timestamp::EPOCH,
            who: String::new(),
            reason: "moved".to_owned(),
        }
    }

    /// Somebody who wants a turn, polled once.
    fn asks<'t>(turns: &'t Turns, gid: &'t Gid, is_retry: bool) -> BoxFuture<'t, Turn<'t>> {
        let caller = Caller {
            gid,
            branch: 0,
            is_retry,
        };
        turns.take(caller, || None).boxed()
    }

    fn now(turn: Option<Turn<'_>>) -> Place<'_> {
        match turn {
            Some(Turn::Now(place)) => place,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_share_is_rounded_down_and_never_nothing() {
        let of = |calls_max, share| {
            let calls_max = NonZeroU32::new(calls_max).unwrap();
            retries_max(calls_max, Ratio::new(share).unwrap())
        };
        assert_eq!(of(256, 0.5), 128);
        assert_eq!(of(3, 0.5), 1);
        assert_eq!(of(1, 0.5), 1);
        assert_eq!(of(10, 0.01), 1);
        assert_eq!(of(10, 0.99), 9, "there is room for a first call");
        assert_eq!(of(10, 1.0), 10);
        assert_eq!(of(u32::MAX, 1.0), u32::MAX);
    }

    #[test]
    fn retries_leave_room_for_first_calls_however_many_wait() {
        let turns = turns(4, 0.5);
        let gid = Gid::parse("g").unwrap();
        let mut retries: Vec<_> = (0..100).map(|_| asks(&turns, &gid, true)).collect();
        let mut places: Vec<_> = retries
            .iter_mut()
            .filter_map(FutureExt::now_or_never)
            .map(|turn| now(Some(turn)))
            .collect();
        assert_eq!(places.len(), 2);
        assert_eq!((turns.in_flight(), turns.retries_in_flight()), (2, 2));
        assert_eq!((turns.queued(), turns.retries_queued()), (98, 98));

        let first = now(asks(&turns, &gid, false).now_or_never());
        let _second = now(asks(&turns, &gid, false).now_or_never());
        let mut third = asks(&turns, &gid, false);
        assert!((&mut third).now_or_never().is_none(), "max_in_flight holds");
        assert_eq!(turns.in_flight(), 4);

        // A place of a first call goes to the one that waits, and to no retry.
        drop(first);
        let third = now(third.now_or_never());
        // One of a retry goes to a retry; it doesn't push itself before anybody.
        places.pop();
        let next = now((&mut retries[2]).now_or_never());
        assert_eq!((turns.in_flight(), turns.retries_in_flight()), (4, 2));
        assert_eq!((turns.queued(), turns.retries_queued()), (97, 97));
        drop((third, next));
    }

    #[test]
    fn a_retry_waits_its_turn_behind_first_calls_that_came_before() {
        let turns = turns(1, 0.5);
        let gid = Gid::parse("g").unwrap();
        let running = now(asks(&turns, &gid, false).now_or_never());
        let mut first = asks(&turns, &gid, false);
        assert!((&mut first).now_or_never().is_none());
        let mut retry = asks(&turns, &gid, true);
        assert!((&mut retry).now_or_never().is_none());
        assert_eq!((turns.queued(), turns.retries_queued()), (2, 0));
        drop(running);
        assert!((&mut retry).now_or_never().is_none());
        drop(now(first.now_or_never()));
        drop(now(retry.now_or_never()));
        assert_eq!((turns.in_flight(), turns.retries_in_flight()), (0, 0));
        assert_eq!((turns.queued(), turns.retries_queued()), (0, 0));
    }

    #[test]
    fn who_stops_waiting_leaves_nothing_behind() {
        let turns = turns(2, 0.5);
        let gid = Gid::parse("g").unwrap();
        let running = now(asks(&turns, &gid, true).now_or_never());
        let mut gone = asks(&turns, &gid, true);
        assert!((&mut gone).now_or_never().is_none());
        drop(gone);
        assert_eq!((turns.queued(), turns.retries_queued()), (0, 0));
        drop(running);
        drop(now(asks(&turns, &gid, true).now_or_never()));
    }

    #[test]
    fn who_waits_at_the_gate_is_held_and_not_queued() {
        let turns = turns(1, 0.5);
        let gid = Gid::parse("g").unwrap();
        turns.gate().set(Some(&pause()));
        let mut first = asks(&turns, &gid, false);
        let mut retry = asks(&turns, &gid, true);
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut retry).now_or_never().is_none());
        assert_eq!((turns.held(), turns.queued()), (2, 0));
        turns.gate().set(None);
        let place = now((&mut first).now_or_never());
        assert!((&mut retry).now_or_never().is_none());
        assert_eq!((turns.held(), turns.queued()), (0, 1));
        drop(place);
        drop(now(retry.now_or_never()));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_the_share_ends_in_time_and_a_renewal_counts() {
        let turns = turns(2, 0.5);
        let gid = Gid::parse("g").unwrap();
        let _running = now(asks(&turns, &gid, true).now_or_never());
        let caller = Caller {
            gid: &gid,
            branch: 0,
            is_retry: true,
        };
        let start = Instant::now();
        let renewed_after = Duration::from_secs(1);
        let left = || {
            let gone = start.elapsed();
            let deadline = if gone < renewed_after { 1 } else { 5 };
            Some(Duration::from_secs(deadline).saturating_sub(gone))
        };
        let turn = turns.take(caller, left).await;
        assert!(matches!(turn, Turn::TooLate), "{turn:?}");
        assert_eq!(start.elapsed().as_secs(), 5);
        assert_eq!((turns.queued(), turns.retries_queued()), (0, 0));
    }
}
