//! Which calls are due. Derived from the durable state and the time, never stored: recovery asks the same question.

use crate::{
    Branch, BranchIndex, BranchState, Decision, GlobalTransaction, Mode, Phase, RetryPolicy,
    Timestamp, TransactionState, TriedBy, TryOrder,
};

/// A call that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which branch.
    pub branch: BranchIndex,
    /// Which verb.
    pub phase: Phase,
    /// The number it carries as `tercet-attempt`.
    pub number: u32,
    /// The call must not last longer than until then; unset: only the participant's own time-out bounds it.
    pub not_after: Option<Timestamp>,
}

/// All that is due, and when to look again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outstanding {
    /// The calls, in order of branches. One that is under way already is listed all the same.
    pub calls: Vec<Call>,
    /// The initiator is to be asked.
    pub ask_initiator: bool,
    /// The participants' fences are to be read: the transaction is held because the log was restored.
    pub read_fences: bool,
    /// The next time at which something may become due; always later than the `now` that was asked about.
    pub wake_at: Option<Timestamp>,
}

impl Outstanding {
    fn wake(&mut self, at: Timestamp, now: Timestamp) {
        if at > now && at != Timestamp::NEVER {
            self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
        }
    }

    fn call(
        &mut self,
        index: BranchIndex,
        branch: &Branch,
        phase: Phase,
        not_after: Option<Timestamp>,
        moment: Moment<'_>,
    ) {
        let progress = branch.progress(phase);
        if let Some(at) = moment.still_ahead(progress.next_attempt_at) {
            return self.wake(at, moment.now);
        }
        self.calls.push(Call {
            branch: index,
            phase,
            number: progress.calls.saturating_add(1),
            not_after,
        });
    }
}

/// The time that is asked about, and what bounds a pause.
#[derive(Clone, Copy, Debug)]
struct Moment<'a> {
    now: Timestamp,
    policy: &'a RetryPolicy,
}

impl Moment<'_> {
    /// The time of a retry that isn't due yet. One that lies further ahead than any pause is long was set before the
    /// clock went back, and is due: nobody waits for a clock to catch up with itself.
    fn still_ahead(self, at: Option<Timestamp>) -> Option<Timestamp> {
        at.filter(|at| *at > self.now && *at <= self.now.saturating_add(self.policy.max))
    }
}

impl GlobalTransaction {
    /// Everything that is due at `now`, and when to look again.
    pub fn outstanding(&self, now: Timestamp, policy: &RetryPolicy) -> Outstanding {
        let mut outstanding = Outstanding::default();
        let moment = Moment { now, policy };
        match self.state {
            TransactionState::Trying => self.outstanding_tries(moment, &mut outstanding),
            TransactionState::Confirming => {
                self.outstanding_second(Decision::Confirm, moment, &mut outstanding);
            }
            TransactionState::Cancelling => {
                self.outstanding_second(Decision::Cancel, moment, &mut outstanding);
            }
            TransactionState::Confirmed | TransactionState::Cancelled => {}
        }
        outstanding
    }

    fn outstanding_tries(&self, moment: Moment<'_>, outstanding: &mut Outstanding) {
        let now = moment.now;
        if self.is_held() {
            return match moment.still_ahead(self.next_check_at) {
                Some(at) => outstanding.wake(at, now),
                None => outstanding.read_fences = true,
            };
        }
        outstanding.wake(self.try_deadline, now);
        let is_past = now >= self.try_deadline;
        if self.options.initiator.is_some() && is_past {
            match moment.still_ahead(self.next_check_at) {
                Some(at) => outstanding.wake(at, now),
                None => outstanding.ask_initiator = true,
            }
        } else if is_past {
            return;
        }
        // A failed branch of a one-call transaction has decided it; the decision is only not durable yet.
        let is_lost =
            |branch: &Branch| matches!(branch.state, BranchState::Refused | BranchState::InDoubt);
        if self.mode == Mode::OneCall && self.branches.iter().any(is_lost) {
            return;
        }
        let one_by_one =
            self.mode == Mode::OneCall && self.options.try_order == TryOrder::Sequential;
        // With an initiator the deadline only starts the questions, and a try after it has its full time.
        let not_after = (!is_past).then_some(self.try_deadline);
        let waiting = self.branches.iter().enumerate().filter(|(_, branch)| {
            branch.state == BranchState::Registered
                && branch.definition.tried_by == TriedBy::Coordinator
        });
        for (index, branch) in waiting.take(if one_by_one { 1 } else { usize::MAX }) {
            outstanding.call(index, branch, Phase::Try, not_after, moment);
        }
    }

    fn outstanding_second(
        &self,
        decision: Decision,
        moment: Moment<'_>,
        outstanding: &mut Outstanding,
    ) {
        let Moment { now, policy } = moment;
        if let Some(decided_at) = self.decided_at {
            outstanding.wake(decided_at.saturating_add(policy.attention_after), now);
        }
        // Parked or not: one that is parked still holds back those before it, which is what "in reverse" promises.
        for (index, branch) in self.next_in_phase_two(decision) {
            // What has used up its attempts is as good as parked: it only isn't durable yet.
            if !branch.is_parked() && !policy.is_used_up(branch.second.used) {
                outstanding.call(index, branch, Phase::from(decision), None, moment);
            }
        }
        outstanding.calls.reverse();
    }
}
