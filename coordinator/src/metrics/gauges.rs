//! What is so now, read from the live state.

use tercet_core::TransactionState;
use tercet_service::Metrics;
use tercet_service::metrics::{Gauge, GaugeVec, IntCounter};

use super::definitions::{
    ADOPTED, ATTENTION, BEAT_AGE, BREAKER, IN_FLIGHT, LOG_FAILING, LOG_QUEUE, OLDEST, OPEN, PARKED,
    QUEUED, SESSIONS, WAITING,
};
use crate::participants::{BreakerState, Participant};
use crate::transactions::{Handle, Shared};

const OPEN_STATES: [(TransactionState, &str); 3] = [
    (TransactionState::Trying, "trying"),
    (TransactionState::Confirming, "confirming"),
    (TransactionState::Cancelling, "cancelling"),
];
const BREAKER_STATES: [(BreakerState, &str); 3] = [
    (BreakerState::Closed, "closed"),
    (BreakerState::HalfOpen, "half_open"),
    (BreakerState::Open, "open"),
];

/// The gauges of a coordinator.
#[derive(Debug)]
pub(crate) struct LiveGauges {
    open: GaugeVec,
    oldest: Gauge,
    attention: Gauge,
    parked: Gauge,
    in_flight: GaugeVec,
    queued: GaugeVec,
    waiting: GaugeVec,
    breaker: GaugeVec,
    log_queue: Gauge,
    log_failing: Gauge,
    beat_age: Gauge,
    sessions: GaugeVec,
    adopted: IntCounter,
}

impl LiveGauges {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            open: metrics.gauges(&OPEN),
            oldest: metrics.gauge(&OLDEST),
            attention: metrics.gauge(&ATTENTION),
            parked: metrics.gauge(&PARKED),
            in_flight: metrics.gauges(&IN_FLIGHT),
            queued: metrics.gauges(&QUEUED),
            waiting: metrics.gauges(&WAITING),
            breaker: metrics.gauges(&BREAKER),
            log_queue: metrics.gauge(&LOG_QUEUE),
            log_failing: metrics.gauge(&LOG_FAILING),
            beat_age: metrics.gauge(&BEAT_AGE),
            sessions: metrics.gauges(&SESSIONS),
            adopted: metrics.counter(&ADOPTED),
        }
    }

    /// Sets them to what is so now.
    pub(crate) fn refresh(&self, shared: &Shared) {
        let now = shared.clock.now();
        for (state, name) in OPEN_STATES {
            let count = number(shared.gauges.count(state));
            self.open.with_label_values(&[name]).set(count);
        }
        let oldest = shared.registry.all().iter().map(Handle::begun_at).min();
        let age = oldest.map_or(0.0, |begun_at| now.saturating_since(begun_at).as_secs_f64());
        self.oldest.set(age);
        self.attention.set(number(shared.gauges.attention()));
        self.parked.set(number(shared.gauges.parked()));
        for participant in shared.participants.iter() {
            self.participant(participant);
        }
        self.log_queue.set(number(shared.log.metrics().queue_depth));
        let failing = shared.health.failing_for(now).unwrap_or_default();
        self.log_failing.set(failing.as_secs_f64());
        let (alive, fenced) = match &shared.cluster {
            Some(cluster) => {
                self.beat_age.set(cluster.beat_age().as_secs_f64());
                let more = cluster.adopted().saturating_sub(self.adopted.get());
                self.adopted.inc_by(more);
                cluster.sessions_seen()
            }
            None => (1, 0),
        };
        for (state, count) in [("alive", alive), ("fenced", fenced)] {
            self.sessions.with_label_values(&[state]).set(number(count));
        }
    }

    fn participant(&self, participant: &Participant) {
        let name = participant.name.as_str();
        let set = |gauges: &GaugeVec, value: u64| {
            gauges.with_label_values(&[name]).set(number(value));
        };
        set(&self.in_flight, participant.in_flight());
        set(&self.queued, participant.queued());
        set(&self.waiting, participant.waiting());
        let breaker = participant.breaker_state();
        for (state, label) in BREAKER_STATES {
            let is_it = u64::from(state == breaker);
            self.breaker
                .with_label_values(&[name, label])
                .set(number(is_it));
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of what a process holds stay far below 2^52"
)]
fn number(count: u64) -> f64 {
    count as f64
}
